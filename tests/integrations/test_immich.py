"""The script for Immich, against a server of a few lines that keeps what it is sent."""

from __future__ import annotations

import importlib.util
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.photos import noisy, photo_file, scene
from undegrade.picture import decode

SCRIPT = Path(__file__).parents[2] / "integrations" / "immich" / "enhance.py"
KEY = "secret"


class Immich(ThreadingHTTPServer):
    """Albums, photos, uploads and stacks in memory."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.photos = {
            "1": ("noisy.png", photo_file(noisy(scene(128, 128), 25))),
            "2": ("clean.png", photo_file(scene(128, 128))),
            "3": ("broken.png", b"\x89PNG\r\n\x1a\n and then nothing"),
        }
        self.albums = {"a1": ["1", "2", "3"]}
        self.stacks, self.fetched = [], []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Immich

    def log_message(self, *parts):
        pass

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(self, value, status=200):
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        if self.headers["x-api-key"] != KEY:
            self.answer({"message": "Invalid API key"}, 401)
        elif self.path == "/api/albums":
            self.answer([{"id": "a1", "albumName": "Holiday"}])
        else:
            name = self.path.split("/")[3]
            assert self.path == f"/api/assets/{name}/original"
            self.server.fetched.append(name)
            self.answer(self.server.photos[name][1])

    def do_POST(self):
        data = self.body()
        if self.path == "/api/search/metadata":
            wanted = json.loads(data)
            ids = self.server.albums[wanted["albumIds"][0]]
            page = wanted["page"]
            items = [
                {
                    "id": one,
                    "originalFileName": self.server.photos[one][0],
                    "fileCreatedAt": "2024-05-06T07:08:09.000Z",
                    "fileModifiedAt": "2024-05-06T07:08:09.000Z",
                }
                for one in ids[2 * page - 2 : 2 * page]
            ]
            following = str(page + 1) if len(ids) > 2 * page else None
            self.answer({"assets": {"items": items, "nextPage": following}})
        elif self.path == "/api/assets":
            boundary = self.headers["Content-Type"].partition("boundary=")[2].encode()
            parts = {}
            for part in data.split(b"--" + boundary)[1:-1]:
                head, _, value = part.partition(b"\r\n\r\n")
                field = head.partition(b'name="')[2].partition(b'"')[0].decode()
                parts[field] = value.removesuffix(b"\r\n")
                if field == "assetData":
                    parts["name"] = head.partition(b'filename="')[2].partition(b'"')[0]
            assert parts["fileCreatedAt"] == b"2024-05-06T07:08:09.000Z"
            new = str(len(self.server.photos) + 1)
            self.server.photos[new] = (parts["name"].decode(), parts["assetData"])
            self.answer({"id": new, "status": "created"}, 201)
        else:
            assert self.path == "/api/stacks"
            self.server.stacks.append(json.loads(data)["assetIds"])
            self.answer({}, 201)

    def do_PUT(self):
        assert self.path == "/api/albums/a1/assets"
        self.server.albums["a1"] += json.loads(self.body())["ids"]
        self.answer([])


@pytest.fixture
def server():
    with Immich() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def main(tmp_path, server, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "key.txt").write_text(KEY + "\n")
    spec = importlib.util.spec_from_file_location("immich_enhance", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return lambda *more: module.main([server.url, "--key-file", "key.txt", *more])


def test_an_album_is_enhanced_once(server, main, capsys):
    originals = dict(server.photos)
    assert main("--album", "Holiday") == 1, "one is broken"
    said = capsys.readouterr().err
    assert "noisy.png: enhanced: noise" in said
    assert "clean.png: nothing to do" in said
    assert "broken.png" in said
    assert {name: server.photos[name] for name in originals} == originals
    (new,) = server.photos.keys() - originals.keys()
    assert server.photos[new][0] == "noisy-enhanced.png"
    assert decode(server.photos[new][1]).pixels.shape == (128, 128, 3)
    assert server.stacks == [[new, "1"]]
    assert new in server.albums["a1"]
    # Again: the broken one is tried, nothing else is fetched, the result is no input.
    server.fetched.clear()
    assert main("--album", "Holiday") == 1
    assert server.fetched == ["3"]
    assert len(server.photos) == 4


def test_a_dry_run_changes_nothing(server, main, capsys):
    before = dict(server.photos)
    main("--album", "Holiday", "--dry-run")
    assert "noisy.png: would be enhanced" in capsys.readouterr().err
    assert server.photos == before
    assert not Path("undegrade-immich.jsonl").exists()


def test_an_unknown_album_is_named(main):
    with pytest.raises(SystemExit, match="Winter"):
        main("--album", "Winter")
