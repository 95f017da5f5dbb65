"""Where files are found, that they are checked, and that files of torch are read without it."""

from __future__ import annotations

import hashlib
import io
import pickle

import numpy as np
import pytest

from undegrade.errors import ModelError, UsageError
from undegrade.metrics import weights
from undegrade.metrics.base import optional
from undegrade.metrics.published import WEIGHTS, File, Weights
from undegrade.metrics.torch_file import read_torch


@pytest.fixture
def table(monkeypatch):
    """One published file with known contents."""
    file = File("a.npz", hashlib.sha256(b"right").hexdigest(), "https://example.org/a.npz")
    monkeypatch.setitem(WEIGHTS, "a", Weights((file,), "none"))


def test_the_order_of_places(table, tmp_path, monkeypatch):
    given, folder, cache = tmp_path / "own", tmp_path / "folder", weights.cache_folder()
    asked = []

    def answer(url, timeout):
        asked.append(url)
        return io.BytesIO(b"right")

    monkeypatch.setattr("undegrade.metrics.weights.urllib.request.urlopen", answer)
    assert weights.find("a") == cache / "a.npz"
    assert weights.find("a") == cache / "a.npz"
    assert asked == ["https://example.org/a.npz"]
    assert [path.name for path in cache.iterdir()] == ["a.npz"]
    folder.mkdir()
    (folder / "a.npz").write_bytes(b"right")
    monkeypatch.setenv("UNDEGRADE_BACKBONES", str(folder))
    assert weights.find("a") == folder / "a.npz"
    given.write_bytes(b"anything")
    assert weights.find("a", given) == given


def test_damage_is_found(table, tmp_path, monkeypatch):
    (tmp_path / "a.npz").write_bytes(b"wrong")
    with pytest.raises(ModelError, match=r"are damaged or not 'a\.npz'"):
        weights.find("a", tmp_path / "a.npz")
    monkeypatch.setenv("UNDEGRADE_BACKBONES", str(tmp_path))
    with pytest.raises(ModelError, match="are damaged"):
        weights.find("a")
    monkeypatch.delenv("UNDEGRADE_BACKBONES")
    monkeypatch.setattr(
        "undegrade.metrics.weights.urllib.request.urlopen", lambda url, timeout: io.BytesIO(b"")
    )
    with pytest.raises(ModelError, match=r"example.org.* are damaged"):
        weights.find("a")
    assert not list(weights.cache_folder().iterdir())


def test_what_cannot_be_had(table, tmp_path, monkeypatch):
    with pytest.raises(ModelError, match=r"cannot be downloaded.*no network.*UNDEGRADE_BACKBONES"):
        weights.find("a")
    with pytest.raises(ModelError, match=r"'squeezenet1_1_fp16'.*in no known place; put the file"):
        weights.find("squeezenet1_1_fp16")
    with pytest.raises(ModelError, match="no file of weights"):
        weights.find("a", tmp_path / "absent")
    monkeypatch.setenv("UNDEGRADE_BACKBONES", str(tmp_path / "absent"))
    with pytest.raises(ModelError, match="is not a folder"):
        weights.find("a")


def test_the_other_table_says_the_same():
    """Trunks and heads lie once on a disk, wherever they are read from."""
    pytest.importorskip("torch", reason="needs undegrade[train]")
    from undegrade.training.backbones import weights

    def files(table):
        return {f.name: (f.sha256, f.url) for entry in table.values() for f in entry.files}

    ours, theirs = files(WEIGHTS), files(weights.WEIGHTS)
    shared = ours.keys() & theirs.keys()
    assert len(shared) == 8
    assert {name: ours[name] for name in shared} == {name: theirs[name] for name in shared}


def test_a_package_that_is_not_there():
    with pytest.raises(UsageError, match=r"needs the package 'nothing'.*undegrade\[eval\]"):
        optional("nothing.at.all")


@pytest.mark.parametrize("zipped", [True, False])
def test_files_of_torch(zipped, tmp_path):
    """All types, views into one storage, parameters, scalars and empty tensors."""
    torch = pytest.importorskip("torch", reason="needs undegrade[train]")
    base = torch.arange(24.0).reshape(4, 6)
    state = {
        "whole": base,
        "turned": base.T,
        "part": base[1:3, ::2],
        "half": torch.tensor([0.5, -2.0]).half(),
        "double": torch.tensor([1 / 3], dtype=torch.float64),
        "long": torch.tensor(7),
        "bool": torch.tensor([True, False]),
        "empty": torch.zeros(0, 3),
        "parameter": torch.nn.Parameter(torch.ones(2)),
    }
    torch.save(state, tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
    read = read_torch(tmp_path / "a.pth")
    assert read.keys() == state.keys()
    for key, value in state.items():
        expected = value.detach().numpy()
        assert read[key].dtype == expected.dtype
        np.testing.assert_array_equal(read[key], expected)


class Evil:
    """Would write a file when unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_files_that_would_run_code(tmp_path):
    target, file = tmp_path / "target", tmp_path / "evil.pth"
    file.write_bytes(pickle.dumps(Evil(target), protocol=2))
    with pytest.raises(ModelError, match="open is no part of a state dict"):
        weights.arrays(file)
    assert not target.exists()


@pytest.mark.parametrize("content", [b"", b"text", pickle.dumps(1), pickle.dumps([1], protocol=2)])
def test_files_of_something_else(content, tmp_path):
    (tmp_path / "a.pth").write_bytes(content)
    with pytest.raises(ModelError, match="cannot be read"):
        weights.arrays(tmp_path / "a.pth")


@pytest.mark.parametrize("zipped", [True, False])
def test_files_cut_short(zipped, tmp_path):
    torch = pytest.importorskip("torch", reason="needs undegrade[train]")
    path = tmp_path / "a.pth"
    torch.save({"a": torch.ones(1000)}, path, _use_new_zipfile_serialization=zipped)
    path.write_bytes(path.read_bytes()[:-1500])
    with pytest.raises(ModelError, match="cannot be read"):
        weights.arrays(path)
