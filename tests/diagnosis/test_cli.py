"""``undegrade diagnose`` as a user meets it."""

from __future__ import annotations

import pytest

from tests.cli.conftest import refused, undegrade  # noqa: F401 - a fixture
from tests.diagnosis.readers import tiny_reader
from tests.photos import photo_file, scene, write_photo
from tests.test_imports import loaded_after
from undegrade.catalog import user_folder
from undegrade.diagnosis import BLIND


@pytest.fixture(autouse=True)
def reader(tmp_path, monkeypatch):
    """The user's tiny random network, which hides the trained one."""
    monkeypatch.chdir(tmp_path)
    user_folder().mkdir(parents=True)
    return tiny_reader(user_folder())


def test_words_and_numbers(undegrade, tmp_path):  # noqa: F811
    write_photo(tmp_path / "a.jpg", scene(200, 300), quality=20)
    ran = undegrade("diagnose", "a.jpg")
    assert ran.code == 0, ran.err
    assert ran.out.startswith("a.jpg: ")
    assert "JPEG artefacts of quality 20" in ran.out
    for name in ("noise", "blur", "exposure", "highlights", "flatness"):
        assert f" {name}" in ran.out


def test_json_of_many_and_a_bad_one(undegrade, tmp_path):  # noqa: F811
    write_photo(tmp_path / "album" / "a.png")
    write_photo(tmp_path / "album" / "deep" / "b.jpg", quality=40)
    (tmp_path / "album" / "broken.png").write_bytes(b"no picture")
    ran = undegrade("diagnose", "album", "--recursive", "--json")
    assert ran.code == 1
    assert [row["input"][-5:] for row in ran.rows] == ["a.png", "b.jpg"]
    assert ran.rows[1]["file_quality"] == pytest.approx(40, abs=1)
    assert ran.err.count("\n") == 1
    assert "broken.png" in ran.err


def test_stdin(undegrade):  # noqa: F811
    ran = undegrade("diagnose", "-", stdin=photo_file(scene()))
    assert ran.code == 0
    assert ran.out.startswith("-: ")
    refused(undegrade("diagnose", "-"), 3, "<stdin>", "it is empty")
    refused(undegrade("diagnose", "-", "a.png"), 2, "one photo")


def test_refusals(undegrade, tmp_path, reader):  # noqa: F811
    refused(undegrade("diagnose", "lost.png"), 3, "lost.png")
    (tmp_path / "empty").mkdir()
    refused(undegrade("diagnose", "empty"), 3, "no photo")
    refused(undegrade("diagnose", write_photo(tmp_path / "a.png"), "--max-megapixels", 0.001), 6)
    reader.path.write_bytes(b"no network")
    refused(undegrade("diagnose", "a.png"), 5, "damaged")


def test_without_the_network_the_rest_is_told(undegrade, tmp_path, reader):  # noqa: F811
    write_photo(tmp_path / "a.png", scene(200, 300))
    reader.path.unlink()
    ran = undegrade("diagnose", "a.png")
    assert ran.code == 0
    assert ran.err == f"undegrade: a.png: {BLIND}\n"
    assert " exposure" in ran.out


def test_torch_is_never_touched(tmp_path):
    source = write_photo(tmp_path / "a.png")
    loaded = loaded_after(
        "import sys, undegrade.cli\n"
        f"sys.argv = ['undegrade', 'diagnose', {str(source)!r}, '--json']\n"
        "try: undegrade.cli.main()\nexcept SystemExit as end: assert not end.code, end.code"
    )
    assert "onnxruntime" in loaded
    assert not {name for name in loaded if name.split(".")[0] in ("torch", "onnx", "yaml", "rich")}
    assert not {name for name in loaded if name.startswith("undegrade.training")}
