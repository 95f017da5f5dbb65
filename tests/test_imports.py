"""What is not needed is not imported: cold starts are quick, and torch is never touched."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.photos import noisy, scene, write_photo

HEAVY = ["numpy", "PIL", "onnxruntime", "torch", "rich.progress", "tifffile", "yaml"]


def loaded_after(code: str) -> set[str]:
    """Modules in a fresh interpreter once *code* has run."""
    script = f"{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, encoding="utf-8"
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "code",
    [
        "import undegrade.cli",
        "import sys, undegrade.cli\nsys.argv = ['undegrade', '--help']\n"
        "try: undegrade.cli.main()\nexcept SystemExit as end: assert not end.code",
    ],
)
def test_help_is_light(code):
    assert not loaded_after(code) & set(HEAVY)


def test_enhancing_never_touches_torch(tmp_path):
    source = write_photo(tmp_path / "a.png", noisy(scene(), 25))
    target = tmp_path / "b.png"
    loaded = loaded_after(
        "import sys, undegrade.cli\n"
        f"sys.argv = ['undegrade', 'enhance', {str(source)!r}, '-o', {str(target)!r}]\n"
        "try: undegrade.cli.main()\nexcept SystemExit as end: assert not end.code, end.code"
    )
    assert target.is_file()
    assert "onnxruntime" in loaded
    assert not {name for name in loaded if name.split(".")[0] == "torch"}
    assert not {name for name in loaded if name.startswith("undegrade.training")}
    assert not loaded & {"rich.progress", "tifffile", "yaml", "onnx"}


def test_public_names():
    loaded_after(
        "import undegrade.enhancer, undegrade\n"
        "assert callable(undegrade.enhance), undegrade.enhance\n"
        "assert undegrade.enhance is undegrade.enhancer.enhance\n"
        "from undegrade import Enhancer, Result, UndegradeError, __version__, diagnose, enhance\n"
        "assert set(undegrade.__all__) <= set(dir(undegrade)), dir(undegrade)\n"
        "try: undegrade.nothing\n"
        "except AttributeError as error: assert 'nothing' in str(error)\n"
        "else: raise AssertionError"
    )
