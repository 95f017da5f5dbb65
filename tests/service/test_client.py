"""The client of a service: the same call and the same command as without one."""

from __future__ import annotations

import contextlib
import inspect
import socket
import threading

import pytest

from tests.cli.conftest import refused as refuses
from tests.cli.conftest import undegrade  # noqa: F401 - a fixture
from tests.photos import noisy, photo_file, scene
from tests.service.running import API, jobs_done, nothing_new, running
from undegrade import enhance
from undegrade.client import SUFFIXES, Server
from undegrade.errors import Cancelled, InputError, LimitError, UndegradeError, UsageError
from undegrade.service.schemas import FORMATS

TOKEN = "correct horse battery staple"


@pytest.fixture
def server(shared) -> Server:
    return Server(shared.url)


def test_a_photo_comes_back_as_the_service_makes_it(shared, server, grainy, tmp_path):
    before, progress = shared.files(), []
    done = server.enhance(
        grainy, scale=2, skip=["phone"], format="webp", quality=80, progress=progress.append
    )
    answer = shared.client.post(
        f"{API}/enhance",
        files={"photo": ("a.png", grainy)},
        data={"scale": "2", "skip": "phone", "format": "webp", "quality": "80"},
    )
    assert done.data == answer.content
    assert (done.format, done.status, done.image.size) == ("WEBP", "enhanced", (320, 240))
    assert done.report["steps"][0]["name"] == "restore"
    assert progress == sorted(progress)
    assert done.save(tmp_path / "a.webp").read_bytes() == done.data
    nothing_new(shared, before)


def test_it_knows_every_format_that_can_be_written():
    assert set(SUFFIXES.values()) == set(FORMATS)


def test_the_call_is_that_of_the_engine():
    """But for what is the service's to say."""
    here, there = (inspect.signature(one).parameters for one in (enhance, Server.enhance))
    own = {"tile", "threads", "device", "max_megapixels", "precision"}
    assert set(here) - own <= set(there)
    for name in set(here) - own:
        assert here[name].default == there[name].default, name


def test_refusals_are_the_errors_of_the_engine(shared, server, grainy):
    for error, says, call in (
        (InputError, "damaged", lambda: server.enhance(grainy[: len(grainy) // 2])),
        (UsageError, "keeps the size", lambda: server.enhance(grainy, task="denoise", scale=4)),
        (UsageError, "no model is called", lambda: server.enhance(grainy, model="nothing")),
        (UsageError, "no address", lambda: Server("photos.example")),
    ):
        with pytest.raises(error, match=says):
            call()
    with running(max_upload=1000) as strict, pytest.raises(LimitError, match="MB"):
        Server(strict.url).enhance(grainy)


def test_a_token_is_shown(grainy):
    with running(token=TOKEN) as service:
        assert Server(service.url, TOKEN).enhance(grainy).data
        with pytest.raises(UsageError, match="token"):
            Server(service.url, TOKEN + "x").enhance(grainy)


def test_cancelling_leaves_nothing_there(shared, server, large):
    before = shared.files()
    with pytest.raises(Cancelled):
        server.enhance(large, scale=4, cancelled=lambda: True)
    nothing_new(shared, before)


def test_a_busy_service_is_asked_again(large, grainy):
    with running(queue=1) as service:
        photo = service.photo(large)
        jobs = [service.job(photo, scale=4) for _ in range(2)]
        threading.Timer(1.0, lambda: [service.client.delete(job) for job in jobs]).start()
        assert Server(service.url).enhance(grainy).data


def test_a_connection_that_breaks_off_takes_nothing_twice(shared, grainy):
    """A proxy that swallows the first answer: the photo is sent again, and enhanced once."""
    listening = socket.create_server(("127.0.0.1", 0))

    def pump(source: socket.socket, target: socket.socket, swallow: bool) -> None:
        with contextlib.suppress(OSError):
            while (data := source.recv(65536)) and not swallow:
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def relays() -> None:
        for first in (True, False):
            near, _ = listening.accept()
            with near, socket.create_connection(shared.address) as far:
                back = threading.Thread(target=pump, args=(far, near, first))
                back.start()
                pump(near, far, False)
                back.join()

    thread = threading.Thread(target=relays)
    thread.start()
    before = jobs_done(shared)
    done = Server(f"http://127.0.0.1:{listening.getsockname()[1]}").enhance(grainy)
    assert done.status == "enhanced"
    assert jobs_done(shared) == before + 1
    thread.join(60)
    listening.close()


def test_nobody_there_is_one_error(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(UndegradeError, match="does not answer"):
        Server(f"http://127.0.0.1:{port}").digest(None)


def test_the_command_line_as_a_client(undegrade, tmp_path):  # noqa: F811
    folder = tmp_path / "in"
    folder.mkdir()
    for name, sigma in (("a.png", 25), ("b.png", 0)):
        (folder / name).write_bytes(photo_file(noisy(scene(60, 80), sigma), "PNG"))
    (folder / "c.png").write_bytes(b"no photo")
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "token").chmod(0o600)
    with running(token=TOKEN) as service:
        options = ["--server", service.url, "--token-file", tmp_path / "token"]
        ran = undegrade("enhance", folder, "-o", tmp_path / "out", "--json", *options)
        assert ran.code == 1, ran.err
        rows = {row["input"].rpartition("/")[2]: row for row in ran.rows}
        assert {name: row["status"] for name, row in rows.items()} == {
            "a.png": "enhanced",
            "b.png": "unchanged",
            "c.png": "failed",
        }
        assert (tmp_path / "out" / "b.png").read_bytes() == (folder / "b.png").read_bytes()
        ran = undegrade("enhance", folder, "-o", tmp_path / "out", "--json", "--resume", *options)
        assert [row["status"] for row in ran.rows][:2] == ["skipped", "skipped"]
        assert service.files() == ["lock"]
        ran = undegrade("enhance", folder / "a.png", "--server", service.url, "--resume")
        refuses(ran, 2, "token")


def test_what_is_for_the_service_to_say(undegrade, tmp_path):  # noqa: F811
    for option in (["--dry-run"], ["--tile", 64], ["--device", "gpu"]):
        ran = undegrade("enhance", "a.png", "--server", "http://127.0.0.1:1", *option)
        refuses(ran, 2, "--server")
    refuses(undegrade("enhance", "a.png", "--token-file", tmp_path), 2, "--server")
