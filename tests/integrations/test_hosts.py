"""The programs that call undegrade: each script is run as its host would run it."""

from __future__ import annotations

import configparser
import importlib.util
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.photos import noisy, scene, write_photo
from undegrade.picture import decode

HOSTS = Path(__file__).parents[2] / "integrations"
NOISY = noisy(scene(128, 128), 25)
WAIT = 600

posix = pytest.mark.skipif(sys.platform == "win32", reason="a script for a POSIX shell")


@pytest.fixture
def path_with_undegrade(tmp_path, monkeypatch):
    """``undegrade`` on the PATH, as this Python and this source have it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "undegrade").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m undegrade "$@"\n')
    (folder / "undegrade").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def run(*command: object, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | variables
    return subprocess.run(
        [*map(str, command)], env=environment, capture_output=True, text=True, timeout=WAIT
    )


@posix
@pytest.mark.usefixtures("path_with_undegrade")
def test_digikams_queue(tmp_path):
    photo = write_photo(tmp_path / "in" / "it's one.png", NOISY)
    target = tmp_path / "out put.png"
    done = run(HOSTS / "digikam" / "undegrade.sh", INPUT=str(photo), OUTPUT=str(target))
    assert done.returncode == 0, done.stderr
    assert "restore" in done.stderr
    larger = {"INPUT": str(photo), "OUTPUT": str(target), "UNDEGRADE_OPTIONS": "--scale 2"}
    assert run(HOSTS / "digikam" / "undegrade.sh", **larger).returncode == 0
    assert decode(target).pixels.shape == (256, 256, 3)
    broken = {"INPUT": str(tmp_path / "missing.png"), "OUTPUT": str(target)}
    assert run(HOSTS / "digikam" / "undegrade.sh", **broken).returncode == 3


@posix
@pytest.mark.usefixtures("path_with_undegrade")
def test_gnome_files(tmp_path):
    one = write_photo(tmp_path / "a photo.png", scene(32, 32))
    chosen = f"{one}\n{tmp_path / 'missing.png'}\n"
    done = run(
        HOSTS / "file-managers" / "nautilus-enhance", NAUTILUS_SCRIPT_SELECTED_FILE_PATHS=chosen
    )
    assert done.returncode == 1
    assert "missing.png" in done.stderr
    assert (tmp_path / "a photo-enhanced.png").is_file()


def commands() -> dict[str, list[str]]:
    """What the other file managers run, by name, the photos left out."""
    dolphin = configparser.ConfigParser(interpolation=None, delimiters="=")
    dolphin.optionxform = str
    dolphin.read(HOSTS / "file-managers" / "undegrade.desktop", encoding="utf-8")
    named = dolphin["Desktop Entry"]["Actions"].split(";")
    found = {name: dolphin[f"Desktop Action {name}"]["Exec"] for name in named if name}
    send_to = (HOSTS / "file-managers" / "undegrade.cmd").read_text()
    found["windows"] = re.search(r"^undegrade .*", send_to, re.MULTILINE)[0]
    lines = {name: shlex.split(line) for name, line in found.items()}
    assert all(line[-1] in ("%F", "%*") for line in lines.values())
    return {name: line[:-1] for name, line in lines.items()}


@posix
@pytest.mark.usefixtures("path_with_undegrade")
@pytest.mark.parametrize("name", ["enhance", "enlarge", "windows"])
def test_other_file_managers(tmp_path, name):
    photos = [write_photo(tmp_path / f"{number} {name}.png", scene(32, 32)) for number in (1, 2)]
    done = run(*commands()[name], *photos)
    assert done.returncode == 0, done.stderr
    for photo in photos:
        assert photo.with_name(f"{photo.stem}-enhanced.png").is_file()


def test_windows_lines_end_as_windows_wants():
    data = (HOSTS / "file-managers" / "undegrade.cmd").read_bytes()
    assert data.count(b"\n") == data.count(b"\r\n")


DARKTABLE = """
local record, choices = ...
local function widget(kind)
  return function(fields) fields.kind = kind; return fields end
end
package.loaded["darktable"] = {
  new_widget = widget,
  preferences = {
    read = function(_, name) return choices[name] end,
    write = function(_, name, _, value) choices[name] = value end,
  },
  control = { execute = function(command)
    local ok, _, code = os.execute(command)
    return ok and 0 or code
  end },
  print = function(text) table.insert(record, text) end,
  print_error = function(text) table.insert(record, "error: " .. text) end,
  register_storage = function(...) storage = { ... } end,
}
"""


@posix
@pytest.mark.usefixtures("path_with_undegrade")
def test_darktables_export(tmp_path):
    """The script in a real Lua, with a darktable of a few lines around it."""
    lupa = pytest.importorskip("lupa", reason="lupa, a Lua for the test, is not installed")
    lua = lupa.LuaRuntime()
    said = lua.table()
    chosen = lua.table_from({"folder": str(tmp_path / "out"), "options": "--scale 2"})
    lua.eval("load")(DARKTABLE)(said, chosen)
    lua.execute((HOSTS / "darktable" / "undegrade.lua").read_text(encoding="utf-8"))
    name, shown, store, finalize, _, initialize = (lua.globals().storage[at] for at in range(1, 7))
    assert (name, shown) == ("undegrade", "undegrade")
    extra = lua.table()
    assert initialize(None, None, None, False, extra) is None
    exported = write_photo(tmp_path / "tmp" / "it's one.png", scene(32, 32))
    store(None, None, None, str(exported), 1, 2, False, extra)
    store(None, None, None, str(tmp_path / "missing.png"), 2, 2, False, extra)
    finalize(None, None, extra)
    assert decode(tmp_path / "out" / "it's one.png").pixels.shape == (64, 64, 3)
    assert not exported.exists(), "darktable's temporary file"
    texts = list(said.values())
    assert texts[0] == "undegrade: 1 of 2"
    assert "missing.png" in texts[1]
    assert "1 photos failed" in texts[2]


class Tensor:
    """As much of torch's tensor as the nodes need, so that they are tested without torch, too."""

    def __init__(self, values):
        self.values = np.asarray(values, np.float32)

    def cpu(self):
        return self

    def numpy(self):
        return self.values

    def new_tensor(self, values):
        return Tensor(values)


@pytest.fixture(scope="module")
def nodes():
    place = HOSTS / "comfyui" / "__init__.py"
    spec = importlib.util.spec_from_file_location("undegrade_nodes", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.NODE_CLASS_MAPPINGS


def test_comfyui_nodes(nodes):
    batch = np.stack([NOISY, scene(128, 128)]) / np.float32(255)
    (words,) = nodes["UndegradeDiagnose"]().diagnose(Tensor(batch))
    assert words.splitlines()[0].startswith("noise of sigma")
    node = nodes["UndegradeEnhance"]
    image, report = getattr(node(), node.FUNCTION)(Tensor(batch))
    assert image.values.shape == batch.shape
    assert image.values.dtype == np.float32
    assert np.abs(image.values[0] - batch[1]).mean() < np.abs(batch[0] - batch[1]).mean()
    assert "noise" in report.splitlines()[0]
    larger, _ = node().enhance(Tensor(batch[1:]), task="sr", scale=2)
    assert larger.values.shape == (1, 256, 256, 3)


def test_comfyui_inputs_are_what_the_node_takes(nodes):
    for node in nodes.values():
        inputs = node.INPUT_TYPES()
        names = {**inputs["required"], **inputs.get("optional", {})}
        code = getattr(node, node.FUNCTION).__code__
        assert list(names) == list(code.co_varnames[1 : code.co_argcount])


def test_comfyui_with_torch(nodes):
    torch = pytest.importorskip("torch")
    image, _ = nodes["UndegradeEnhance"]().enhance(torch.full((1, 32, 32, 3), 0.5))
    assert image.dtype == torch.float32
    assert torch.allclose(image, torch.tensor(0.5), atol=1e-4)


def test_every_script_has_its_page():
    page = (HOSTS.parent / "docs" / "integrations.md").read_text(encoding="utf-8")
    for path in HOSTS.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            assert str(path.relative_to(HOSTS.parent)) in page, path
