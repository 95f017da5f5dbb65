"""What strangers may try: each ends in a problem, and the service goes on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import time

import anyio.to_thread
import httpx2 as httpx
import pytest

from tests.photos import noisy, photo_file, scene
from tests.picture.samples import exif_of
from tests.service.running import API, Running, alive, form, refused, request, running, soon
from undegrade.service import Settings, create_app

SMALL = photo_file(scene(), "PNG")
BODY = form(SMALL)


@pytest.fixture(scope="module")
def strict():
    """Short times, small sizes, so that nobody has to wait for them."""
    with running(stall_seconds=0.4, least_rate=1e6, max_upload=100_000) as service:
        yield service


def answered(service: Running, status: int, answer: bytes, says: bytes = b"") -> None:
    """The raw answer is this problem, no file was left, and the service goes on."""
    assert answer.startswith(b"HTTP/1.1 %d " % status), answer[:200]
    assert b"application/problem+json" in answer
    assert says in answer
    assert service.files() == ["lock"]
    assert service.client.get("/healthz").status_code == 200


def test_a_content_length_that_says_too_much(strict):
    answered(strict, 413, strict.raw(request(10**12), BODY), b"too-large")


def test_a_body_without_a_length_is_measured(strict):
    chunk = b"x" * 50_000
    head = b"%x\r\n" % len(chunk)
    chunks = (head + chunk + b"\r\n") * 3 + b"0\r\n\r\n"
    start = form(b"")[:80]
    begin = b"%x\r\n" % len(start) + start + b"\r\n"
    answered(strict, 413, strict.raw(request(None, chunked=True), begin, chunks), b"too-large")


def test_a_content_length_that_says_too_little(strict):
    answered(strict, 400, strict.raw(request(len(BODY) // 2), BODY), b"cut off")


def test_a_body_that_never_comes(strict):
    started = time.monotonic()
    answered(strict, 408, strict.raw(request(len(BODY)), BODY[:100]), b"nothing came")
    assert time.monotonic() - started < 5


def test_a_body_that_trickles(strict):
    drops = [part for i in range(0, 400, 20) for part in (BODY[i : i + 20], 0.08)]
    started = time.monotonic()
    answered(strict, 408, strict.raw(request(len(BODY)), *drops), b"slow")
    assert time.monotonic() - started < 8


def test_headers_that_never_end(strict):
    started = time.monotonic()
    assert strict.raw(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n", 0.2, b"X-A: b\r\n") == b""
    assert strict.raw() == b""
    assert time.monotonic() - started < 5
    trickle = [part for _ in range(30) for part in (b"X-A: b\r\n", 0.05)]
    assert strict.raw(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n", *trickle) == b""
    assert time.monotonic() - started < 5


def test_who_is_refused_does_not_stay(strict):
    """Whatever still dribbles: the answer is sent, the connection closed."""
    line = b"POST /api/v1/photos HTTP/1.1\r\nContent-Length: 60000\r\n"
    for header, status in (
        (b"Host: evil.example\r\n\r\n", 421),
        (b"Host: 127.0.0.1\r\nContent-Type: text/plain\r\n\r\n", 415),
        (b"Host: 127.0.0.1\r\nOrigin: http://evil.example\r\n\r\n", 403),
    ):
        with socket.create_connection(strict.address, timeout=120) as connection:
            connection.sendall(line + header)
            answer = connection.recv(65536)
            answered(strict, status, answer)
            assert b"connection: close" in answer.lower()
            with pytest.raises(ConnectionError):
                endlessly(connection, b"x", 0.05)


def endlessly(connection: socket.socket, data: bytes, pause: float) -> None:
    """Send *data* again and again, for a minute at most."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        connection.sendall(data)
        time.sleep(pause)


def test_a_crowd_that_dribbles_keeps_nobody_out():
    """More connections than may be, of every kind: who asks is answered, and they go."""
    host = b"HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    starts = (
        b"GET /healthz " + host + b"X-A: ",
        b"POST /api/v1/photos/x/plan " + host + b"Content-Length: 60000\r\n\r\n{",
        request(60_000).replace(b"Connection: close\r\n", b"") + BODY[:50],
    )
    with running(connections=24, connections_per_address=16, stall_seconds=600) as service:
        crowd = [socket.create_connection(service.address, timeout=120) for _ in range(60)]
        try:
            for number, connection in enumerate(crowd):
                with contextlib.suppress(ConnectionError):
                    connection.sendall(starts[number % 3])
                if number % 10 == 0:
                    with httpx.Client(base_url=service.url, timeout=240) as client:
                        assert client.get("/healthz").status_code == 200
            soon(lambda: len(service.server.server_state.connections) <= 16)
        finally:
            for connection in crowd:
                connection.close()
        soon(lambda: not service.server.server_state.connections)


def test_who_comes_with_a_crowd_is_heard():
    """However many come at once, even before who asks has been read: it is answered."""
    crowd: list[socket.socket] = []

    def come(address: tuple[str, int]) -> None:
        for number in range(60):
            crowd.append(socket.create_connection(address, timeout=240))
            end = b"\r\n" if number == 20 else b"X-A: "
            crowd[-1].sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n" + end)

    limits = {"connections": 80, "connections_per_address": 8, "stall_seconds": 600}
    try:
        with running(early=come, **limits) as service:
            assert crowd[20].recv(65536).startswith(b"HTTP/1.1 200 ")
            soon(lambda: len(service.server.server_state.connections) <= 8)
    finally:
        for connection in crowd:
            connection.close()


def test_routes_wait_for_no_thread():
    """All that there are may be busy: 500 dribbling clients took turns in 40 of them."""
    app = create_app(Settings())

    async def ask() -> int:
        limiter = anyio.to_thread.current_default_thread_limiter()
        takers = [object() for _ in range(int(limiter.total_tokens))]
        for taker in takers:
            limiter.acquire_on_behalf_of_nowait(taker)
        try:
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://127.0.0.1"
            ) as client:
                async with asyncio.timeout(240):
                    return (await client.get(f"{API}/limits")).status_code
        finally:
            for taker in takers:
                limiter.release_on_behalf_of(taker)

    assert asyncio.run(ask()) == 200


def test_who_does_not_read_is_cut_off():
    with running(stall_seconds=0.5) as service:
        wish = b"GET /api/v1/openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        with socket.create_connection(service.address, timeout=120) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            with pytest.raises(ConnectionError):
                endlessly(connection, wish, 0.005)
        assert service.client.get("/healthz").status_code == 200


def test_answers_wait_for_no_acknowledgement(shared):
    shared.client.get("/healthz")
    for connection in list(shared.server.server_state.connections):
        own = connection.transport.get_extra_info("socket")
        assert own.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_what_is_no_http_is_told_so(shared):
    answered_raw = shared.raw(b"what is this\r\n\r\n")
    assert answered_raw.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in answered_raw


def test_headers_that_no_parser_takes(shared):
    answer = shared.client.delete(f"{API}/photos/x", headers={"Origin": "http://["})
    refused(answer, 403, "cross-site")
    for length in (0, 71, 257, 5000):
        kind = f"multipart/form-data; boundary={'x' * length}"
        answer = shared.client.post(f"{API}/photos", content=b"x", headers={"Content-Type": kind})
        refused(answer, 400, "bad-request", f"{length} characters")


def test_an_order_that_never_comes(strict):
    head = b"POST /api/v1/photos/x/plan HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n"
    answered(strict, 408, strict.raw(head, b"{"), b"slow")


def test_a_client_that_hangs_up(strict):
    with httpx.Client(base_url=strict.url) as client, pytest.raises(httpx.HTTPError):
        client.post(f"{API}/photos", content=_breaking(), headers={"Content-Length": "90000"})
    soon(lambda: strict.files() == ["lock"])


def _breaking():
    yield form(b"")[:60]
    raise httpx.WriteError("hung up")


@pytest.mark.parametrize("cut", [3, 60, 90, len(BODY) - 4])
def test_bodies_that_are_cut_off(strict, cut):
    answer = strict.client.post(
        f"{API}/photos",
        content=BODY[:cut],
        headers={"Content-Type": "multipart/form-data; boundary=limit"},
    )
    refused(answer, 400, "bad-request")
    assert strict.files() == ["lock"]


def test_forms_that_are_too_much(strict):
    photo = {"photo": ("a.png", SMALL)}
    many = {f"f{i}": "x" for i in range(40)}
    answer = strict.client.post(f"{API}/enhance", files=photo, data=many)
    refused(answer, 400, "bad-request", "32")
    answer = strict.client.post(f"{API}/enhance", files=photo, data={"task": "x" * 5000})
    refused(answer, 400, "bad-request", "too long")
    head = b'--limit\r\nContent-Disposition: form-data; name="photo"\r\nX: ' + b"x" * 9000
    answer = strict.client.post(
        f"{API}/photos",
        content=head + b"\r\n\r\n\r\n--limit--\r\n",
        headers={"Content-Type": "multipart/form-data; boundary=limit"},
    )
    refused(answer, 400, "bad-request")


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("/etc/cron.d/x.png", "x.png"),
        ("C:\\Windows\\evil.png", "evil.png"),
        ("..", "photo"),
        (".htaccess", "htaccess"),
        ("NUL.png", "photo"),
        ("a\x00b\tc.png", "abc.png"),
        ("<img src=x onerror=alert(1)>.png", "img src=x onerror=alert(1).png"),
        ('x"; filename="y.png', "x filename=y.png"),
        ("\u202egnp.exe", "gnp.exe"),
        ("Ärger 猫.png", "Ärger 猫.png"),
        ("x" * 300 + ".png", "x" * 96 + ".png"),
        ("", None),
    ],
)
def test_names_of_files(shared, name, kept):
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    answer = shared.client.post(
        f"{API}/photos",
        content=form(SMALL, quoted),
        headers={"Content-Type": "multipart/form-data; boundary=limit"},
    )
    photo = answer.json()
    assert photo["name"] == kept
    job = shared.wait(shared.job(answer.headers["location"]), "done")
    header = shared.client.get(job["result"]).headers["content-disposition"]
    assert header.startswith('attachment; filename="')
    assert not set(header[22:].partition('"; filename*=')[0]) & set('"\\/\r\n<>')
    assert all(len(file) in (4, 32) for file in shared.files())


def test_html_in_metadata_is_only_ever_data(shared):
    exif = exif_of()
    exif[0x010E] = "<script>alert(1)</script>"
    answer = shared.send(photo_file(noisy(scene(), 25), "JPEG", exif=exif), "a.jpg")
    assert "script" not in answer.text
    job = shared.wait(shared.job(answer.headers["location"]), "done")
    result = shared.client.get(job["result"])
    assert b"<script>" in result.content
    assert result.headers["content-type"] == "image/jpeg"
    assert result.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in result.headers["content-security-policy"]
    assert result.headers["content-disposition"].startswith("attachment")


def test_a_worker_that_is_killed_takes_only_its_job_along(shared, large):
    job = shared.job(shared.photo(large), scale=4)
    shared.wait(job, "running")
    for pid in shared.service.pool.pids:
        os.kill(pid, signal.SIGKILL)
    told = shared.wait(job, "failed")
    assert told["problem"]["type"] == "urn:undegrade:problem:worker"
    refused(shared.client.get(f"{job}/result"), 500, "worker")
    again = shared.job(shared.photo(SMALL))
    assert shared.wait(again)["state"] == "done"
    assert "undegrade_worker_deaths_total 1.0" in shared.client.get("/metrics").text


def test_a_worker_that_is_stopped_is_given_up():
    with running(look_seconds=30.0) as service:
        service.photo(SMALL)
        (pid,) = service.service.pool.pids
        os.kill(pid, signal.SIGSTOP)
        refused(service.send(SMALL), 422, "time", "30 seconds")
        assert not alive(pid)
        assert service.send(SMALL).status_code == 201


def test_cancelling_stops_the_work(shared, large):
    job = shared.job(shared.photo(large), scale=4)
    shared.wait(job, "running")
    pids = set(shared.service.pool.pids)
    assert shared.client.delete(job).status_code == 204
    refused(shared.client.get(job), 410, "gone")
    assert shared.service.jobs.count("running") == 0
    assert set(shared.service.pool.pids) == pids
    assert "32" not in {len(name) for name in shared.files()}


def test_who_hangs_up_on_enhance_cancels_it(large):
    scale = b'--limit\r\nContent-Disposition: form-data; name="scale"\r\n\r\n4\r\n'
    body = scale + form(large)
    with running(sync_megapixels=1000.0) as service:
        with socket.create_connection(service.address) as connection:
            connection.sendall(request(len(body), path=f"{API}/enhance") + body)
            soon(lambda: service.service.jobs.count("running") == 1)
        soon(lambda: service.files() == ["lock"])
        # One that was done would have left nothing, either.
        counts = service.client.get("/metrics").text
        assert 'undegrade_jobs_total{state="cancelled"} 1.0' in counts


def test_other_sites_and_other_names(shared):
    photo = shared.photo(SMALL)
    for headers in (
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": shared.url.replace("127.0.0.1", "localhost")},
    ):
        refused(shared.client.delete(photo, headers=headers), 403, "cross-site")
    assert shared.client.get(photo).status_code == 200
    assert shared.client.delete(photo, headers={"Origin": shared.url}).status_code == 204
    for host in ("evil.example", "evil.example:8400", "127.0.0.1.evil.example", ""):
        answer = shared.client.get("/healthz", headers={"Host": host})
        assert answer.status_code in (400, 421), host
    for host in ("localhost", "LOCALHOST:1", "[::1]:8400"):
        assert shared.client.get("/healthz", headers={"Host": host}).status_code == 200


def test_names_that_are_allowed():
    """Those that are named, and those of loopback, by which health checks come."""
    with running(hosts=("Photos.example",)) as service:
        for host, status in (("photos.example", 200), ("localhost:1", 200), ("evil.example", 421)):
            answer = service.client.get("/healthz", headers={"Host": host})
            assert answer.status_code == status, host


def test_headers_are_safe_everywhere(shared):
    for path in ("/", "/healthz", "/nothing", f"{API}/models", "/static/nothing"):
        headers = shared.client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert "server" not in headers
        assert not [name for name in headers if name.startswith("access-control")]


def test_the_token_opens_the_interface_and_nothing_else_does():
    token = "correct horse battery staple"
    with running(token=token) as service:
        for given in (None, "Bearer wrong", f"Basic {token}", "Bearer", f"Bearer {token}x"):
            headers = {} if given is None else {"Authorization": given}
            for path in (f"{API}/models", f"{API}/openapi.json", "/metrics"):
                answer = service.client.get(path, headers=headers)
                refused(answer, 401, "token")
                assert answer.headers["www-authenticate"] == "Bearer"
        for path in ("/", "/healthz", "/readyz"):
            assert service.client.get(path).status_code in (200, 503)
        headers = {"Authorization": f"Bearer {token}"}
        assert service.client.get(f"{API}/models", headers=headers).status_code == 200


def test_wrong_tokens_are_throttled_by_address():
    token = "correct horse battery staple"
    app = create_app(Settings(token=token, host="0.0.0.0"))

    async def ask(address: str, given: str | None, times: int) -> list[int]:
        transport = httpx.ASGITransport(app, client=(address, 1))
        headers = {} if given is None else {"Authorization": f"Bearer {given}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://a") as client:
            answers = [await client.get(f"{API}/nothing", headers=headers) for _ in range(times)]
        assert all("retry-after" in one.headers for one in answers if one.status_code == 429)
        return [one.status_code for one in answers]

    async def try_all() -> None:
        assert await ask("203.0.113.5", None, 30) == [401] * 30
        assert await ask("203.0.113.5", "wrong", 15) == [401] * 10 + [429] * 5
        # Who has guessed has to wait, whatever comes then; everybody else has not.
        assert await ask("203.0.113.5", token, 1) == [429]
        assert await ask("203.0.113.6", token, 1) == [404]
        # By loopback comes a proxy with many behind it, whose task this is.
        assert await ask("127.0.0.1", "wrong", 15) == [401] * 15

    asyncio.run(try_all())
