"""Enhance photos of an Immich server, through its API.

    python enhance.py https://photos.example.org --key-file key.txt [--album NAME] [--dry-run]

Each photo is fetched, enhanced, uploaded beside the original and stacked with it; where nothing is
to be done, nothing is uploaded. Originals are never touched. What was looked at stands in the file
``--done``, so the next run goes on. The key needs the permissions asset.read, asset.download,
asset.upload, stack.create and, for ``--album``, album.read and albumAsset.create.
"""

from __future__ import annotations

import argparse
import json
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from undegrade import Enhancer, UndegradeError
from undegrade.work import Order, work

SUFFIXES = {"JPEG": ".jpg", "TIFF": ".tif"}
WAIT = 300
"""Seconds that the server may take for an answer."""


@dataclass(frozen=True)
class Server:
    """An Immich server."""

    url: str
    key: str

    def call(
        self, method: str, path: str, body: bytes | None = None, kind: str = "application/json"
    ) -> bytes:
        """The bytes that the server answers."""
        headers = {"x-api-key": self.key, "Content-Type": kind}
        request = urllib.request.Request(
            f"{self.url.rstrip('/')}/api/{path}", body, headers, method=method
        )
        with urllib.request.urlopen(request, timeout=WAIT) as answer:
            data: bytes = answer.read()
        return data

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The answer, JSON in and out."""
        data = self.call(method, path, None if body is None else json.dumps(body).encode())
        return json.loads(data) if data else None

    def album(self, name: str) -> str:
        """The id of the album called *name*."""
        for album in self.ask("GET", "albums"):
            if album["albumName"] == name:
                return str(album["id"])
        raise SystemExit(f"there is no album {name!r}")

    def photos(self, album: str | None) -> Iterator[dict[str, Any]]:
        """Every photo, or those of an album, page by page."""
        page: str | None = "1"
        while page:
            wanted: dict[str, Any] = {"type": "IMAGE", "size": 250, "page": int(page)}
            if album:
                wanted["albumIds"] = [album]
            found = self.ask("POST", "search/metadata", wanted)["assets"]
            yield from found["items"]
            page = found.get("nextPage")

    def upload(self, photo: dict[str, Any], name: str, data: bytes) -> str:
        """Store *data* with the dates of *photo*; the id of the new one."""
        mark = uuid.uuid4().hex
        fields = {
            "deviceAssetId": f"undegrade-{photo['id']}",
            "deviceId": "undegrade",
            "fileCreatedAt": photo["fileCreatedAt"],
            "fileModifiedAt": photo["fileModifiedAt"],
        }
        parts = [
            f'--{mark}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
            for key, value in fields.items()
        ]
        quoted = name.replace('"', "%22")
        parts.append(
            f'--{mark}\r\nContent-Disposition: form-data; name="assetData"; filename="{quoted}"'
            "\r\nContent-Type: application/octet-stream\r\n\r\n".encode()
        )
        body = b"".join(parts) + data + f"\r\n--{mark}--\r\n".encode()
        answer = self.call("POST", "assets", body, f"multipart/form-data; boundary={mark}")
        return str(json.loads(answer)["id"])


def enhance_one(
    server: Server, enhancer: Enhancer, photo: dict[str, Any], album: str | None, dry: bool
) -> tuple[str, str | None]:
    """What became of *photo*, in words, and the id of the enhanced one."""
    name = photo["originalFileName"]
    data = server.call("GET", f"assets/{photo['id']}/original")
    done = work(enhancer, data, name, Order())
    if done.report["unchanged"]:
        return "nothing to do", None
    reasons = ", then ".join(step["reason"] for step in done.report["steps"])
    if dry:
        return f"would be enhanced: {reasons}", None
    suffix = SUFFIXES.get(done.format, f".{done.format.lower()}")
    made = server.upload(photo, f"{Path(name).stem}-enhanced{suffix}", done.data)
    server.ask("POST", "stacks", {"assetIds": [made, photo["id"]]})
    if album:
        server.ask("PUT", f"albums/{album}/assets", {"ids": [made]})
    return f"enhanced: {reasons}", made


def main(arguments: list[str] | None = None) -> int:
    """Enhance what is new; 1 if some failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("--key-file", type=Path, required=True)
    parser.add_argument("--album", help="only the photos of this album; results go into it")
    parser.add_argument("--done", type=Path, default=Path("undegrade-immich.jsonl"))
    parser.add_argument("--dry-run", action="store_true")
    options = parser.parse_args(arguments)
    server = Server(options.url, options.key_file.read_text().strip())
    enhancer, failed = Enhancer(), 0
    known = set()
    if options.done.exists():
        for line in options.done.read_text().splitlines():
            row = json.loads(line)
            known |= {row["asset"], row["made"]}
    album = server.album(options.album) if options.album else None
    for photo in list(server.photos(album)):
        if photo["id"] in known:
            continue
        try:
            said, made = enhance_one(server, enhancer, photo, album, options.dry_run)
        except (UndegradeError, urllib.error.URLError) as error:
            sys.stderr.write(f"{photo['originalFileName']}: {error}\n")
            failed += 1
            continue
        sys.stderr.write(f"{photo['originalFileName']}: {said}\n")
        if not options.dry_run:
            with options.done.open("a") as file:
                file.write(json.dumps({"asset": photo["id"], "made": made}) + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
