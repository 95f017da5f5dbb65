"""Where weights come from: order, hashes, downloads (file:// only), damage."""

from __future__ import annotations

import hashlib

import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from safetensors.torch import save_file  # noqa: E402
from torch import nn  # noqa: E402

from undegrade.errors import ModelError  # noqa: E402
from undegrade.metrics import weights as files  # noqa: E402
from undegrade.metrics.published import TORCHVISION, File, Weights  # noqa: E402
from undegrade.training.backbones import BACKBONES, backbone, weights  # noqa: E402


def network():
    return nn.Sequential(nn.Conv2d(3, 2, 1))


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A tiny published file, its entry in the table as "tiny", and its address."""
    path = tmp_path / "server" / "tiny-00000000.pth"
    path.parent.mkdir()
    torch.save(network().half().state_dict(), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    file = File(path.name, digest, path.as_uri())
    monkeypatch.setitem(weights.WEIGHTS, "tiny", Weights((file,), "CC0-1.0"))
    monkeypatch.delenv(files.ENVIRONMENT, raising=False)
    return path


def test_a_download_goes_into_the_cache_once(published):
    path = weights.find("tiny")
    assert path == files.cache_folder() / published.name
    assert path.read_bytes() == published.read_bytes()
    published.unlink()
    assert weights.find("tiny") == path
    assert list(files.cache_folder().iterdir()) == [path]


def test_a_wrong_download_leaves_nothing(published):
    published.write_bytes(b"something else")
    with pytest.raises(ModelError, match=r"damaged .* sha256 .* instead of .*; remove the file"):
        weights.find("tiny")
    assert list(files.cache_folder().iterdir()) == []


def test_no_answer_is_a_clear_error(published):
    published.unlink()
    with pytest.raises(ModelError, match=r"cannot be downloaded .* UNDEGRADE_BACKBONES names"):
        weights.find("tiny")
    assert list(files.cache_folder().iterdir()) == []


def test_a_damaged_cache_is_not_used(published):
    path = weights.find("tiny")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ModelError, match="damaged"):
        weights.find("tiny")


def test_the_order_of_the_places(published, tmp_path, monkeypatch):
    cached = weights.find("tiny")
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.setenv(files.ENVIRONMENT, str(folder))
    assert weights.find("tiny") == cached
    named = folder / published.name
    named.write_bytes(published.read_bytes())
    assert weights.find("tiny") == named
    own = tmp_path / "own.pth"
    own.write_bytes(published.read_bytes())
    assert weights.find("tiny", own) == own


def test_a_path_with_a_published_name_is_checked(published, tmp_path):
    path = tmp_path / published.name
    path.write_bytes(b"something else")
    with pytest.raises(ModelError, match="damaged"):
        weights.find("tiny", path)
    with pytest.raises(ModelError, match="there is no file"):
        weights.find("tiny", tmp_path / "nowhere.pth")


def test_the_environment_must_name_a_folder(published, tmp_path, monkeypatch):
    monkeypatch.setenv(files.ENVIRONMENT, str(tmp_path / "nowhere"))
    with pytest.raises(ModelError, match="is not a folder"):
        weights.find("tiny")


def test_weights_without_an_address_name_the_places(monkeypatch):
    monkeypatch.delenv(files.ENVIRONMENT, raising=False)
    with pytest.raises(ModelError, match=r"no known place; put the file .*UNDEGRADE_BACKBONES"):
        backbone("mobilenet_v2")


def test_unknown_names():
    with pytest.raises(ModelError, match="choose one of: vgg16"):
        weights.find("vgg11")
    with pytest.raises(ModelError, match="choose one of: vgg16"):
        backbone("lpips_vgg16")


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_halves_are_read_as_float32(tmp_path, suffix):
    path = tmp_path / f"own{suffix}"
    values = network().half().state_dict()
    if suffix == ".pth":
        torch.save(values, path)
    else:
        save_file(values, path)
    read = weights.read(path)
    assert {v.dtype for v in read.values()} == {torch.float32}
    assert torch.equal(read["0.weight"], values["0.weight"].float())


class Code:
    """Anything but tensors."""


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_files_that_are_no_weights(tmp_path, suffix):
    path = tmp_path / f"broken{suffix}"
    for damage in (b"", b"no weights", bytes(range(256)) * 9):
        path.write_bytes(damage)
        with pytest.raises(ModelError, match=r"cannot be read: .+; fetch the file again"):
            weights.read(path)


def test_code_in_a_file_is_not_run(tmp_path):
    path = tmp_path / "code.pth"
    torch.save({"0.weight": Code()}, path)
    with pytest.raises(ModelError, match="cannot be read"):
        weights.read(path)


def test_loading_is_strict(published, tmp_path):
    path = tmp_path / "own.pth"
    net, values = network(), network().state_dict()
    torch.save(values | {"classifier.1.weight": torch.zeros(1)}, path)
    weights.load(net, "tiny", path)
    assert torch.equal(net[0].weight, values["0.weight"])
    for odd in (values | {"1.weight": torch.zeros(1)}, {"0.weight": values["0.weight"]}):
        torch.save(odd, path)
        with pytest.raises(ModelError, match="1 parameters without a partner"):
            weights.load(net, "tiny", path)
    torch.save(values | {"0.bias": torch.zeros(3)}, path)
    with pytest.raises(ModelError, match=r"'0.bias' is \(3,\) instead of \(2,\)"):
        weights.load(net, "tiny", path)


def test_the_table():
    assert BACKBONES.keys() <= weights.WEIGHTS.keys()
    for entry in weights.WEIGHTS.values():
        assert entry.licence
        for file in entry.files:
            assert len(bytes.fromhex(file.sha256)) in (4, 32)
            if file.url.startswith(TORCHVISION):
                assert file.sha256.startswith(file.name[:-4].rpartition("-")[2])
