"""LPIPS without torch: against the loss that uses it, and what the published weights give."""

from __future__ import annotations

import numpy as np
import pytest

from tests.degradation.pictures import natural
from tests.metrics.stand_ins import heads, lpips, squeezenet
from tests.shared_data import photos, shared
from undegrade.catalog import Catalog, user_folder
from undegrade.errors import ModelError
from undegrade.metrics import LPIPS, metric, weights
from undegrade.runtime import verify_model

pytest.importorskip("onnx", reason="needs undegrade[eval]")
from safetensors.numpy import save_file


def pair(height=101, width=90):
    x = natural(height, width)
    noise = np.random.default_rng(1).normal(0, 0.1, x.shape)
    return np.clip(x + noise, 0, 1).astype(np.float32), x


def loss_of(torch, network, y, x):
    with torch.no_grad():
        return network(*(torch.from_numpy(v).permute(2, 0, 1)[None] for v in (y, x))).item()


@pytest.mark.parametrize(
    ("variant", "name"), [("alex", "alexnet"), ("vgg", "vgg16"), ("squeeze", "squeezenet1_1")]
)
@pytest.mark.parametrize("zipped", [True, False])
def test_against_the_loss(variant, name, zipped, tmp_path):
    """Every trunk with random weights, from files of both layouts of torch."""
    torch = pytest.importorskip("torch", reason="needs undegrade[train]")
    from undegrade.training.backbones import BACKBONES
    from undegrade.training.losses import perceptual
    from undegrade.training.losses.perceptual import LAYERS

    torch.manual_seed(0)
    trunk = BACKBONES[name]().eval()
    widths = [m.shape[1] for m in trunk(torch.rand(1, 3, 64, 64), LAYERS[name])]
    values = {f"lin{i}.model.1.weight": torch.rand(1, c, 1, 1) for i, c in enumerate(widths)}
    for path, state in (("trunk.pth", trunk.state_dict()), ("heads.pth", values)):
        torch.save(state, tmp_path / path, _use_new_zipfile_serialization=zipped)
    y, x = pair()
    expected = loss_of(torch, perceptual.LPIPS(trunk, LAYERS[name], list(values.values())), y, x)
    ours = LPIPS(variant, tmp_path / "trunk.pth", tmp_path / "heads.pth")
    assert ours(y, x) == pytest.approx(expected, rel=1e-5)


def test_published_weights(monkeypatch):
    """The distances that the torch half measured, and that half itself.

    Own measurement (no published value for these pictures): the top left 128x128 of two Set5
    photos against their 4x4 block means, torch 2.13, 2026-11.
    """
    torch = pytest.importorskip("torch", reason="needs undegrade[train]")
    from undegrade.training.losses import perceptual

    monkeypatch.setenv("UNDEGRADE_BACKBONES", str(shared("weights", "backbones")))
    entry, loss = metric("lpips-squeeze-fp16"), perceptual.LPIPS.load("squeezenet1_1")
    measured = {"baby_GT": 0.18281, "bird_GT": 0.23603}
    for title, pixels in photos("set5.tar"):
        x = (pixels[:128, :128] / 255).astype(np.float32)
        y = x.reshape(32, 4, 32, 4, 3).mean((1, 3)).repeat(4, 0).repeat(4, 1)
        value = entry(y, x)
        assert value == pytest.approx(loss_of(torch, loss, y, x), abs=1e-6)
        assert value == pytest.approx(measured.pop(title, value), abs=2e-5)
    assert not measured


def test_the_network_is_built_once(monkeypatch):
    """What was kept needs neither the weights nor the packages that read them."""
    y, x = pair()
    monkeypatch.setenv("UNDEGRADE_BACKBONES", str(shared("weights", "backbones")))
    built = LPIPS("squeeze-fp16")(y, x)
    model = Catalog().find("lpips-squeeze-fp16")
    assert (model.card.task, model.card.enhances) == ("compare", False)
    assert "BSD" in model.card.licence
    verify_model(model)
    monkeypatch.delenv("UNDEGRADE_BACKBONES")
    monkeypatch.setattr(weights, "optional", None)
    assert LPIPS("squeeze-fp16")(y, x) == built
    model.path.write_bytes(b"torn")
    with pytest.raises(ModelError, match=r"damaged: .*remove '.*onnx', it is built anew"):
        LPIPS("squeeze-fp16")(y, x)


def test_a_cache_that_cannot_be_written_to(monkeypatch, tmp_path):
    y, x = pair()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("UNDEGRADE_BACKBONES", str(shared("weights", "backbones")))
    monkeypatch.setenv("UNDEGRADE_HOME", str(tmp_path / "file"))
    assert LPIPS("squeeze-fp16")(y, x) > 0


def test_own_weights_are_not_kept(tmp_path):
    y, x = pair()
    assert lpips(tmp_path)(y, x) > 0
    assert not user_folder().exists()


def test_the_rounded_trunk_is_not_lpips_squeeze(tmp_path):
    """Nor is one that is not rounded the rounded one."""
    y, x = pair()
    for network, dtype in (("squeeze", np.float16), ("squeeze-fp16", np.float32)):
        with pytest.raises(ModelError, match=f"would not be lpips-{network}"):
            lpips(tmp_path, network, dtype)(y, x)


def test_weights_that_do_not_fit(tmp_path):
    y, x = pair()
    whole, head, odd = (tmp_path / f"{n}.safetensors" for n in ("trunk", "heads", "odd"))
    save_file(squeezenet(), whole)
    save_file(heads(), head)
    broken = [
        ({k: v for k, v in squeezenet().items() if "features.9" not in k}, "trunk", "is missing"),
        (
            squeezenet() | {"features.0.weight": np.ones((64, 4, 3, 3), "f4")},
            "trunk",
            "channels C is not equal",
        ),
        ({k: v for k, v in heads().items() if k[3] != "6"}, "heads", "'lin6.model.1.weight'"),
        (heads() | {"lin7.model.1.weight": np.ones((1, 9, 1, 1), "f4")}, "heads", "8 arrays"),
    ]
    for arrays, part, message in broken:
        save_file(arrays, odd)
        files = {"trunk": whole, "heads": head} | {part: odd}
        with pytest.raises(ModelError, match=message):
            LPIPS("squeeze", **files)(y, x)
    odd.write_bytes(b"nothing")
    with pytest.raises(ModelError, match="cannot be read"):
        LPIPS("squeeze", odd, head)(y, x)
