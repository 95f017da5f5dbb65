"""``undegrade enhance``: files, folders, pipes, plans, reports and exit codes."""

from __future__ import annotations

import _thread
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import refused
from tests.networks import tiny_model, tiny_network
from tests.photos import files, noisy, photo_file, scene, write_photo
from tests.vivid import fast_pair, vivid_pair
from undegrade.batch.manifest import NAME
from undegrade.enhancer import Enhancer
from undegrade.errors import ComputeError, LimitError
from undegrade.imaging.noise_levels import NOISE
from undegrade.picture import decode, encode_pages, from_array
from undegrade.plan import GRAIN

NOISY = noisy(scene(), 25)


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def network(tmp_path_factory):
    return tiny_network(tmp_path_factory.mktemp("network") / "change.onnx")


@pytest.fixture
def noisy_photo(tmp_path):
    return write_photo(tmp_path / "noisy.png", NOISY)


@pytest.fixture
def photos(tmp_path):
    for number in range(3):
        write_photo(tmp_path / "photos" / f"{number}.png", scene(16, 20, seed=number))
    return tmp_path / "photos"


def test_a_noisy_photo(undegrade, noisy_photo):
    ran = undegrade("enhance", "noisy.png")
    assert ran.code == 0
    assert ran.data == b""
    assert ran.err.startswith("noisy.png -> noisy-enhanced.png: restore (noise of sigma 2")
    assert ran.err.count("\n") == 1
    after = decode("noisy-enhanced.png").pixels
    assert np.abs(after.astype(int) - scene()).mean() < np.abs(NOISY.astype(int) - scene()).mean()


def test_a_clean_photo(undegrade, tmp_path):
    source = write_photo(tmp_path / "photo.jpg", quality=95)
    ran = undegrade("enhance", "photo.jpg", "-o", "out.jpg")
    assert ran.code == 0
    assert "photo.jpg -> out.jpg: nothing to do, left as it is" in ran.err
    assert files(source.parent)["out.jpg"] == source.read_bytes()


def test_every_option_reaches_its_place(undegrade, noisy_photo, network, tmp_path):
    ran = undegrade(
        *("enhance", "noisy.png", "-o", "out.jpg", "--model", network, "--scale", "1"),
        *("--strength", "0.5", "--noise", "10", "--jpeg", "50", "--quality", "40", "--strip"),
        *("--workers", "2", "--tile", "64", "--device", "cpu", "--max-megapixels", "1"),
    )
    assert ran.code == 0
    assert decode("out.jpg").encoding.jpeg_quality == pytest.approx(40, abs=1)
    assert undegrade("enhance", "noisy.png", "-o", "x4.png", "--task", "sr").code == 0
    assert decode("x4.png").pixels.shape == (256, 320, 3)


def test_a_change_of_format(undegrade, noisy_photo):
    assert undegrade("enhance", "noisy.png", "--format", "webp").code == 0
    assert decode("noisy-enhanced.webp").encoding.format == "WEBP"
    assert undegrade("enhance", "noisy.png", "-o", "a.tif").code == 0
    assert decode("a.tif").encoding.format == "TIFF"
    # The format wins over the suffix, which follows it.
    assert undegrade("enhance", "noisy.png", "-o", "b.png", "--format", ".JPG").code == 0
    assert decode("b.jpg").encoding.format == "JPEG"
    refused(undegrade("enhance", "noisy.png", "--format", "xyz"), 2, "'.xyz'")


def test_a_folder(undegrade, photos, network, tmp_path):
    write_photo(photos / "sub" / "deep.png", scene(16, 20))
    ran = undegrade("enhance", "photos", "-r", "-o", "out", "--model", network)
    assert ran.code == 0
    assert ran.data == b""
    lines = ran.err.splitlines()
    assert len(lines) == 5
    assert lines[-1] == "4 photos: 4 enhanced"
    assert set(files(tmp_path / "out")) == {"0.png", "1.png", "2.png", "sub/deep.png", NAME}
    again = undegrade("enhance", "photos", "-r", "-o", "out", "--model", network, "--resume")
    assert again.err.splitlines()[-1] == "4 photos: 4 skipped"


def test_some_of_several_failed(undegrade, photos, tmp_path):
    (photos / "1.png").write_bytes(b"no picture")
    ran = undegrade("enhance", "photos")
    assert ran.code == 1
    assert ran.err.splitlines()[-1] == "3 photos: 2 unchanged, 1 failed"
    assert "undegrade: cannot read 'photos/1.png': it is not a picture" in ran.err
    assert set(files(tmp_path / "photos-enhanced")) == {"0.png", "2.png", NAME}
    ran = undegrade("enhance", "photos/0.png", "missing.png", "-o", "out")
    assert ran.code == 1
    assert "missing.png" in ran.err


def test_one_file_with_resume(undegrade, photos, network):
    command = ("enhance", "photos/0.png", "-o", "out.png", "--model", network, "--resume")
    assert "change" in undegrade(*command).err
    assert undegrade(*command).err == "photos/0.png: already done\n"


def test_json(undegrade, photos):
    (photos / "1.png").write_bytes(b"no picture")
    ran = undegrade("enhance", "photos", "-o", "out", "--json")
    assert ran.code == 1
    rows = {row["input"]: row for row in ran.rows}
    assert [rows[f"photos/{n}.png"]["status"] for n in range(3)] == [
        *("unchanged", "failed", "unchanged")
    ]
    assert rows["photos/0.png"]["output"] == "out/0.png"
    assert rows["photos/0.png"]["steps"] == []
    assert rows["photos/0.png"]["error"] is None
    assert rows["photos/1.png"]["output"] is None
    assert "not a picture" in rows["photos/1.png"]["error"]
    # People still hear of what failed.
    assert ran.err.count("\n") == 1
    assert "photos/1.png" in ran.err


def test_dry_run(undegrade, noisy_photo, photos, tmp_path):
    before = files(tmp_path)
    ran = undegrade("enhance", "noisy.png", "photos", "-o", "out", "--scale", "2", "--dry-run")
    assert ran.code == 0
    assert ran.err == ""
    assert ran.out.count(" -> out/") == 4
    first = ran.out.splitlines()[:6]
    assert first[0] == "noisy.png -> out/noisy.png"
    assert first[1].startswith("  found   noise of sigma 2")
    assert first[2].startswith("  plan    restore (noise of sigma")
    assert first[2].endswith("then sr-x2 (enlarging 2 times was asked for)")
    assert first[3] == "  size    80 x 64 -> 160 x 128"
    assert "MB, 2 tiles" in first[4]
    assert first[5].startswith("  time    about")
    clean = undegrade("enhance", "photos/0.png", "--dry-run").out
    assert "nothing to do" in clean
    assert "memory  at most" in clean
    assert files(tmp_path) == before
    assert not (tmp_path / "out").exists()


def test_dry_run_as_json(undegrade, noisy_photo, photos, tmp_path):
    before = files(tmp_path)
    ran = undegrade("enhance", "noisy.png", "photos", "-o", "out", "--dry-run", "--json")
    assert len(ran.rows) == 4
    row = ran.rows[0]
    assert (row["input"], row["output"]) == ("noisy.png", "out/noisy.png")
    assert row["steps"][0]["model"] == "restore"
    assert row["memory_bytes"] > 0
    assert row["tiles"] == 1
    assert files(tmp_path) == before


def test_detail(undegrade, noisy_photo, tmp_path):
    path = vivid_pair(tmp_path, convs=1)[0].path
    command = ("enhance", "noisy.png", "-o", "out.png", "--resume", "--json", "--model", path)
    made = []
    for detail in ("0", "0.5", "1"):
        (row,) = undegrade(*command, "--detail", detail).rows
        assert row["status"] == "enhanced"  # not what a run with another detail has left
        assert row["steps"][0]["detail"] == float(detail)
        made.append(decode("out.png").pixels)
    assert (made[0] != made[1]).any()
    assert (made[1] != made[2]).any()
    (row,) = undegrade(*command, "--detail", "1").rows
    assert row["status"] == "skipped"
    planned = undegrade(*command, "--detail", "0.5", "--dry-run")
    assert planned.rows[0]["steps"][0]["detail"] == 0.5
    dry = ("enhance", "noisy.png", "--dry-run", "--model", path)
    assert "  detail  0.5 in net\n" in undegrade(*dry, "--detail", "0.5").out
    assert "detail" not in undegrade(*dry).out


def test_detail_that_no_model_has(undegrade, noisy_photo, network):
    note = "no vivid variant of 'change': detail has no effect"
    command = ("enhance", "noisy.png", "--model", network, "--detail", "0.5")
    ran = undegrade(*command)
    assert ran.code == 0
    assert ran.err.endswith(f"; {note}\n")
    assert f"  note    {note}\n" in undegrade(*command, "--dry-run").out
    assert undegrade(*command, "--dry-run", "--json").rows[0]["notes"] == [note]


def test_effort(undegrade, noisy_photo, tmp_path):
    path = fast_pair(tmp_path)[0].path
    command = ("enhance", "noisy.png", "-o", "out.png", "--noise", "25", "--model", path)
    made = []
    for effort in ("fast", "normal", "best"):
        (row,) = undegrade(*command, "--resume", "--json", "--effort", effort).rows
        assert (row["status"], row["steps"][0]["effort"]) == ("enhanced", effort)
        made.append(decode("out.png").pixels.tobytes())
        told = undegrade(*command, "--dry-run", "--effort", effort).out
        name = "net-fast" if effort == "fast" else "net"
        assert (f"  effort  {effort} in {name}\n" in told) == (effort != "normal")
    assert len(set(made)) == 3


def test_effort_that_no_model_has(undegrade, noisy_photo, network):
    note = "no effort 'fast' of 'change': it is run as 'normal'"
    command = ("enhance", "noisy.png", "--model", network, "--effort", "fast")
    ran = undegrade(*command)
    assert (ran.code, ran.err.endswith(f"; {note}\n")) == (0, True)
    assert f"  note    {note}\n" in undegrade(*command, "--dry-run").out


def test_before_and_after(undegrade, noisy_photo):
    ran = undegrade("enhance", "noisy.png", "-o", "out/", "--noise", "25")
    assert re.search(r"restore \(noise of sigma 25\.0\); noise 2\d\.\d -> \d\.\d, ", ran.err), (
        ran.err
    )
    (row,) = undegrade("enhance", "noisy.png", "-o", "out/", "--json").rows
    assert row["found"]["noise"]["value"] > 3 * row["left"]["noise"]["value"]
    (line,) = [json.loads(line) for line in Path("out", NAME).read_text().splitlines()[-1:]]
    assert (line["found"], line["left"]) == (row["found"], row["left"])


def test_steps_that_are_bent(undegrade, noisy_photo):
    dry = ("enhance", "noisy.png", "--dry-run", "--json")
    (whole,), (kept,) = (undegrade(*dry, *more).rows for more in ((), ("--keep", "grain")))
    told, most_kept = whole["steps"][0]["levels"], kept["steps"][0]["levels"]
    for level in NOISE:
        assert most_kept[level] == pytest.approx(GRAIN["restore"] * told[level])
    (left,) = undegrade(*dry, "--skip", "restore", "--skip", "phone").rows
    assert left["steps"] == []
    (other,) = undegrade(*dry, "--skip", "phone", "--precision", "fp32").rows
    assert other["steps"] == whole["steps"]
    both = undegrade(*dry, "--scale", "2").rows[0]["steps"]
    assert [step["name"] for step in both] == ["restore", "sr"]


def test_dry_run_of_what_cannot_be_read(undegrade, photos):
    refused(undegrade("enhance", "missing.png", "--dry-run"), 3, "missing.png")
    ran = undegrade("enhance", "missing.png", "photos", "-o", "out", "--dry-run")
    assert ran.code == 1
    assert "missing.png" in ran.err
    assert ran.out.count(" -> ") == 6


def test_through_stdin_and_stdout(undegrade):
    ran = undegrade("enhance", "-", stdin=photo_file(NOISY))
    assert ran.code == 0
    assert ran.err == ""
    picture = decode(ran.data)
    assert picture.encoding.format == "PNG"
    assert (picture.pixels != NOISY).any()
    jpeg = undegrade("enhance", "-", "-o", "-", "--format", "jpg", stdin=photo_file(NOISY))
    assert decode(jpeg.data).encoding.format == "JPEG"


def test_the_mark_can_be_left_out(undegrade):
    for option, marked in (("--mark", True), ("--no-mark", False)):
        ran = undegrade("enhance", "-", option, stdin=photo_file(NOISY))
        assert (b"algorithmicallyEnhanced" in ran.data) == marked


@pytest.mark.parametrize("verb", ["enhance", "diagnose"])
@pytest.mark.parametrize("limit", ["inf", "nan", "-1"])
def test_impossible_limits(undegrade, verb, limit):
    refused(undegrade(verb, "noisy.png", f"--max-megapixels={limit}"), 2, "megapixels")


def test_a_frame_is_chosen(undegrade):
    pages = encode_pages([from_array(scene(40, 30)), from_array(scene(50, 30))])
    for number, height in ((1, 40), (2, 50)):
        ran = undegrade("enhance", "-", "--frame", number, "--strength", 0, stdin=pages)
        assert decode(ran.data).height == height
        ran = undegrade("diagnose", "-", "--json", "--frame", number, stdin=pages)
        assert ran.rows[0]["height"] == height
    refused(undegrade("enhance", "-", "--frame", 3, stdin=pages), 2, "no frame 3", "2 pages")
    refused(undegrade("diagnose", "-", stdin=pages), 3, "--frame")
    refused(undegrade("diagnose", "-"), 3, "<stdin>", "empty")


def test_from_stdin_to_a_file(undegrade):
    ran = undegrade("enhance", "-", "-o", "new/out.webp", stdin=photo_file(NOISY))
    assert ran.code == 0
    assert ran.data == b""
    assert decode("new/out.webp").encoding.format == "WEBP"
    refused(undegrade("enhance", "-", "-o", "out.xyz", stdin=photo_file(NOISY)), 2, "'out.xyz'")
    refused(undegrade("enhance", "-", "-o", "new", stdin=photo_file(NOISY)), 4, "it is a folder")


def test_from_a_file_to_stdout(undegrade, noisy_photo):
    ran = undegrade("enhance", "noisy.png", "-o", "-")
    assert decode(ran.data).pixels.shape == NOISY.shape


def test_an_untouched_photo_goes_through_a_pipe_byte_for_byte(undegrade, tmp_path):
    data = photo_file(scene(), "JPEG", quality=95) + b"trailing bytes"
    assert undegrade("enhance", "-", stdin=data).data == data
    (tmp_path / "a.jpg").write_bytes(data)
    assert undegrade("enhance", "a.jpg", "-o", "-").data == data
    assert undegrade("enhance", "-", "-o", "b.jpg", stdin=data).code == 0
    assert (tmp_path / "b.jpg").read_bytes() == data
    assert undegrade("enhance", "-", "--strip", stdin=data).data != data


def test_a_format_that_is_only_read(undegrade, tmp_path):
    for suffix, kind in {"gif": "GIF", "ppm": "PPM", "jp2": "JPEG2000"}.items():
        (tmp_path / f"a.{suffix}").write_bytes(photo_file(scene(), kind))
        assert undegrade("enhance", f"a.{suffix}").code == 0
        assert decode("a-enhanced.png").pixels.shape == (64, 80, 3)
        (tmp_path / "a-enhanced.png").unlink()


def test_bad_pipes(undegrade, photos):
    refused(undegrade("enhance", "-"), 3, "<stdin>", "it is empty")
    refused(undegrade("enhance", "-", stdin=b"no picture"), 3, "'<stdin>'")
    refused(undegrade("enhance", "-", "photos/0.png", stdin=photo_file(NOISY)), 2, "one photo")
    refused(undegrade("enhance", "photos", "-o", "-"), 3, "photos")
    for option in ("--dry-run", "--json"):
        refused(undegrade("enhance", "-", option, stdin=photo_file(NOISY)), 2, option)
    refused(undegrade("enhance", "-", "--quality", "0", stdin=photo_file(NOISY)), 2, "0")


def test_a_picture_is_not_written_to_a_terminal(undegrade, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    refused(undegrade("enhance", "-", stdin=photo_file(NOISY)), 2, "terminal", "-o FILE")


@pytest.mark.skipif(os.name == "nt", reason="pipes of POSIX")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_pipe_that_closes(tmp_path, monkeypatch, unbuffered):
    """`undegrade enhance a.bmp -o - | head -c 1` ends without a word."""
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    source = write_photo(tmp_path / "a.bmp", scene(300, 400))
    command = [sys.executable, "-m", "undegrade", "enhance", str(source), "-o", "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        assert len(os.read(process.stdout.fileno(), 1)) == 1
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 1


def test_ctrl_c_and_resume(undegrade, photos, network, tmp_path, monkeypatch):
    whole = Enhancer.run

    def interrupted(self, picture, plan, *, cancelled, **options):
        if picture.name.endswith("1.png"):
            _thread.interrupt_main()
            while not cancelled():
                pass
        return whole(self, picture, plan, cancelled=cancelled, **options)

    monkeypatch.setattr(Enhancer, "run", interrupted)
    command = ("enhance", "photos", "-o", "out", "--model", network, "--resume")
    ran = undegrade(*command)
    assert ran.code == 130
    assert ran.err.splitlines()[-1] == "3 photos: 1 enhanced, 2 stopped"
    assert set(files(tmp_path / "out")) == {"0.png", NAME}
    monkeypatch.setattr(Enhancer, "run", whole)
    ran = undegrade(*command)
    assert ran.code == 0
    assert ran.err.splitlines()[-1] == "3 photos: 2 enhanced, 1 skipped"
    assert set(files(tmp_path / "out")) == {"0.png", "1.png", "2.png", NAME}


@pytest.mark.parametrize("arguments", [["-"], ["a.png", "--dry-run"]])
def test_ctrl_c_elsewhere(undegrade, tmp_path, monkeypatch, arguments):
    def interrupted(*_):
        raise KeyboardInterrupt

    write_photo(tmp_path / "a.png")
    monkeypatch.setattr(Enhancer, "plan", interrupted)
    ran = undegrade("enhance", *arguments, stdin=photo_file(NOISY))
    assert (ran.code, ran.data, ran.err) == (130, b"", "")


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (["--task", "colourise"], 2, "'colourise'"),
        (["--scale", "3"], 2, "3"),
        (["--strength", "2"], 2, "2"),
        (["--detail", "1.5"], 2, "1.5"),
        (["--effort", "most"], 2, "there is no effort 'most'; choose one of: fast, normal, best"),
        (["--noise", "-1"], 2, "-1"),
        (["--jpeg", "0"], 2, "0"),
        (["--quality", "101"], 2, "101"),
        (["--task", "denoise", "--scale", "2"], 2, "'denoise'"),
        (["--device", "tpu"], 2, "'tpu'"),
        (["--precision", "fp8"], 2, "'fp8'"),
        (["--keep", "dust"], 2, "'dust'"),
        (["--skip", "dust"], 2, "'dust'"),
        (["--skip", "sr", "--scale", "2"], 2, "a scale of 2"),
        (["--max-megapixels", "nan"], 2, "nan"),
        (["--tile", "0", "--scale", "2"], 2, "tile = 0"),
        (["--model", "magic"], 5, "'magic'"),
        (["--model", "magic.onnx"], 5, "'magic.onnx'"),
        (["--max-megapixels", "0.001"], 6, "'noisy.png'"),
        (["-o", "out.xyz"], 2, "'out.xyz'"),
        (["-o", "new"], 2, "'new'"),
    ],
)
def test_refusals(undegrade, noisy_photo, tmp_path, options, code, says):
    refused(undegrade("enhance", "noisy.png", *options), code, says)
    assert set(files(tmp_path)) == {"noisy.png"}


def test_a_network_that_returns_no_picture(undegrade, tmp_path, monkeypatch):
    path = tiny_model(tmp_path, identity=True, poison=True).path
    write_photo(tmp_path / "white.png", np.full((16, 16, 3), 255, np.uint8))
    before = files(tmp_path)
    refused(undegrade("enhance", "white.png", "--model", path), 7, "non-finite")
    assert files(tmp_path) == before
    assert (ComputeError.exit_code, LimitError.exit_code) == (7, 6)


def test_a_damaged_model(undegrade, noisy_photo, tmp_path):
    (tmp_path / "bad.onnx").write_bytes(b"no network")
    refused(undegrade("enhance", "noisy.png", "--model", "bad.onnx"), 5, "bad.onnx")


@pytest.mark.parametrize("option", ["--scal", "--taks", "-x"])
def test_a_mistyped_option(undegrade, noisy_photo, tmp_path, option):
    ran = undegrade("enhance", "noisy.png", option, "2")
    assert ran.code == 2
    assert option in ran.err
    assert ran.data == b""
    assert "Traceback" not in ran.err
    assert set(files(tmp_path)) == {"noisy.png"}


@pytest.mark.parametrize("options", [["--scale", "two"], ["--workers", "0"], []])
def test_a_wrong_command_line(undegrade, options):
    ran = undegrade("enhance", *(["a.png", *options] if options else []))
    assert ran.code == 2
    assert ran.data == b""
    assert "Traceback" not in ran.err


def test_a_terminal_gets_a_bar_and_the_same_lines(undegrade, photos, network, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    ran = undegrade("enhance", "photos", "-o", "out", "--model", network, "--workers", "2")
    assert ran.code == 0
    assert ran.data == b""
    for number in range(3):
        assert f"photos/{number}.png -> out/{number}.png" in ran.err
    assert "3 photos: 3 enhanced" in ran.err
