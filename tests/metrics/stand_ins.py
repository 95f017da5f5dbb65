"""Files of weights with the published layout and made-up values, so that nothing downloads."""

from __future__ import annotations

import numpy as np

from tests.degradation.pictures import natural
from undegrade.metrics import BRISQUE, LPIPS, NIQE, OpenCVBRISQUE, TextF1, metric
from undegrade.metrics.brisque import FEATURES, LIVE_HEADER
from undegrade.metrics.niqe import block_features

FIRES = {
    3: (64, 16, 64),
    4: (128, 16, 64),
    6: (128, 32, 128),
    7: (256, 32, 128),
    9: (256, 48, 192),
    10: (384, 48, 192),
    11: (384, 64, 256),
    12: (512, 64, 256),
}
"""Channels in, squeezed and of each half of SqueezeNet's modules (torchvision's features)."""

LOOKED_AT = (64, 128, 256, 384, 384, 512, 512)


def squeezenet(dtype=np.float32, seed=3):
    """Random weights of the trunk, scaled so that features neither die nor explode."""
    rng = np.random.default_rng(seed)
    shapes = {"features.0": (64, 3, 3, 3)}
    for index, (before, squeeze, expand) in FIRES.items():
        shapes[f"features.{index}.squeeze"] = (squeeze, before, 1, 1)
        shapes[f"features.{index}.expand1x1"] = (expand, squeeze, 1, 1)
        shapes[f"features.{index}.expand3x3"] = (expand, squeeze, 3, 3)
    arrays = {}
    for key, shape in shapes.items():
        spread = np.sqrt(2 / np.prod(shape[1:]))
        arrays[f"{key}.weight"] = rng.normal(0, spread, shape).astype(dtype)
        arrays[f"{key}.bias"] = rng.normal(0, 0.1, shape[0]).astype(dtype)
    return arrays


def heads(seed=4):
    rng = np.random.default_rng(seed)
    return {
        f"lin{index}.model.1.weight": rng.uniform(0, 1, (1, c, 1, 1)).astype(np.float32)
        for index, c in enumerate(LOOKED_AT)
    }


def lpips(folder, network="squeeze", dtype=np.float32):
    """LPIPS on a random SqueezeNet."""
    from safetensors.numpy import save_file

    save_file(squeezenet(dtype), folder / f"{network}.safetensors")
    save_file(heads(), folder / "heads.safetensors")
    return LPIPS(network, folder / f"{network}.safetensors", folder / "heads.safetensors")


def niqe(folder):
    """NIQE against synthetic pictures."""
    features = np.concatenate(
        [block_features(np.rint(255 * natural(192, 192, 1, seed)[:, :, 0])) for seed in range(12)]
    )
    path = folder / "pristine.npz"
    covariance = np.cov(features, rowvar=False) + 1e-3 * np.eye(FEATURES)
    np.savez(path, mu_pris_param=features.mean(0)[None], cov_pris_param=covariance)
    return NIQE(path)


def support_vectors(count, seed=5):
    rng = np.random.default_rng(seed)
    return rng.uniform(-1, 1, (count, FEATURES)).round(4), rng.normal(0, 90, count).round(3)


def libsvm_text(vectors, coefficients, **header):
    """A model file of LIBSVM with the header of the authors' file, zeros left out."""
    lines = [f"{key} {value}" for key, value in (LIVE_HEADER | header).items()]
    lines.append("SV")
    for vector, coefficient in zip(vectors, coefficients, strict=True):
        pairs = " ".join(f"{i}:{value}" for i, value in enumerate(vector, 1) if value)
        lines.append(f"{coefficient} {pairs} ")
    return "\n".join(lines) + "\n"


def opencv_texts(vectors, coefficients, low, high, gamma=0.05, rho=-149.5):
    """A model and its ranges as OpenCV writes them."""

    def numbers(values):
        return "[ " + ",\n    ".join(f"{value:.17e}" for value in values) + " ]"

    model = [
        "%YAML:1.0\n---\nopencv_ml_svm:\n   format: 3\n   svmType: EPS_SVR\n   kernel:",
        f"      type: RBF\n      gamma: {gamma}\n   C: 1024.\n   var_count: {FEATURES}",
        f"   sv_total: {len(vectors)}\n   support_vectors:",
        *(f"      - {numbers(vector)}" for vector in vectors),
        f"   decision_functions:\n      -\n         sv_count: {len(vectors)}",
        f"         rho: {rho}\n         alpha: {numbers(coefficients)}",
    ]
    ranges = f"%YAML:1.0\n---\nrange: !!opencv-matrix\n   data: {numbers([*low, *high])}\n"
    return "\n".join(model) + "\n", ranges


def brisque(folder, name):
    """BRISQUE with a made-up regression."""
    vectors, coefficients = support_vectors(774)
    if name == "brisque":
        (folder / "model").write_text(libsvm_text(vectors, coefficients))
        return BRISQUE(folder / "model")
    low, high = np.full(FEATURES, -1.0), np.full(FEATURES, 4.0)
    model, ranges = opencv_texts(vectors, coefficients, low, high)
    (folder / "model.yml").write_text(model)
    (folder / "range.yml").write_text(ranges)
    return OpenCVBRISQUE(folder / "model.yml", folder / "range.yml")


def stand_in(name, folder):
    """The metric called so; where the published one needs weights, one with made-up weights."""
    if name == "lpips-squeeze":
        return lpips(folder)
    if name == "lpips-squeeze-fp16":
        return lpips(folder, "squeeze-fp16", np.float16)
    if name == "niqe":
        return niqe(folder)
    if name == "text-f1":
        return TextF1(lambda picture: np.array([[[0, 0], [9, 0], [9, 5], [0, 5]]], float))
    if name.startswith("brisque"):
        return brisque(folder, name)
    return metric(name)
