"""What does not fit together is named by its key before the first step, whatever its stage."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from undegrade.errors import RecipeError, UndegradeError  # noqa: E402
from undegrade.training import recipe_file, setup  # noqa: E402
from undegrade.training.recipe_file import read  # noqa: E402

SHOWN = {"of": ["shown", "target"]}
SSIM = "stages.joint.losses.ssim"


def begin(recipe):
    """All that a run does before it looks at photos."""
    setup.task(recipe)
    state = setup.initial_state(recipe, None, "cpu")
    setup.check(recipe, state)
    return state


def without_published_weights(choice):
    """The recipe, its losses looking through random networks."""
    changes = {
        f"stages.{stage}.losses.{label}.weights": "random"
        for stage, settings in read(choice).stages.items()
        for label, term in settings.losses.items()
        if isinstance(term, dict) and "preset" in term
    }
    changes |= {
        f"stages.{stage}.losses.lpips.network": "random"
        for stage, settings in read(choice).stages.items()
        if "lpips" in settings.losses
    }
    return read(choice, changes)


def shortened():
    for name in recipe_file.names():
        yield f"{name}:debug"
        for variant in recipe_file.variants(name):
            if variant != "debug":
                yield f"{name}:{variant}+debug"


@pytest.mark.parametrize("choice", list(shortened()))
def test_every_variant_fits_its_networks_and_losses(choice):
    recipe = without_published_weights(choice)
    state = begin(recipe)
    assert set(state.discriminators) == set(recipe.discriminators)
    assert (state.regressor is None) == (recipe.regressor is None)


@pytest.mark.parametrize(
    ("name", "changes", "key"),
    [
        ("srgan", {"network": "magic"}, "network"),
        ("srgan", {"arguments.colour": 3}, "arguments"),
        ("srgan", {"arguments.scale": 2}, "scale"),
        ("srgan", {"pretrained": "vgg19"}, "pretrained"),
        ("srgan", {"discriminators.d.network": "magic"}, "discriminators.d"),
        ("srgan", {"discriminators.d.arguments.colour": 3}, "discriminators.d.arguments"),
        ("srgan", {"patch": 24}, "discriminators.d.arguments"),
        ("srgan", {"patch_late": 24}, "discriminators.d.arguments"),
        ("srgan", {"discriminators.d.real": "truth"}, "discriminators.d.real"),
        ("srgan", {"stages.adversarial.losses.l2": 1.0}, "stages.adversarial.losses.l2"),
        ("drgn", {"degradation.references": False}, "discriminators.low.fake"),
        ("drgn", {"network": "one-step"}, "network"),
        ("drgn", {"patch": 65}, "patch"),
        ("drgn", {"patch_late": 65}, "patch_late"),
        ("drgn", {"stages.deg.patch": 65}, "stages.deg.patch"),
        ("drgn", {"stages.deg.frozen": ["reg", "encoder"]}, "stages.deg.frozen"),
        ("drgn:two-step", {f"{SSIM}.of": ["reference", "base"]}, f"{SSIM}.of"),
        ("restore", {"task": "phone"}, "network"),
        ("srcnn:phone", {"task": "restore"}, "network"),
        ("restore:fast", {"teacher": None}, "stages.main.losses.taught.of"),
        ("restore", {"stages.main.losses.charbonnier": SHOWN}, "stages.main.losses.charbonnier.of"),
        ("vdsr", {"teacher": {"network": "restorer", "model": "restore"}}, "teacher.network"),
        ("restore:fast", {"teacher.arguments.colour": 3}, "teacher.arguments"),
        ("sr-x2:real", {"restorer": None}, "network"),
        ("sr-x2:real", {"restorer.network": "sr"}, "restorer.arguments"),
        ("sr-x2:real", {"restorer": {"network": "vdsr", "arguments": None}}, "restorer.network"),
        ("dllgan-sr", {"regressor.network": "magic"}, "regressor"),
        ("dllgan-sr", {"regressor.arguments.colour": 3}, "regressor.arguments"),
        ("dllgan-sr", {"regressor.pretrained": "resnet18"}, "regressor.pretrained"),
        ("dllgan-sr", {"degradation.kind": "fog"}, "degradation.kind"),
        ("dllgan-sr", {"degradation.colour": 3}, "degradation"),
        ("dllgan-sr", {"degradation.at": 3}, "degradation"),
        ("dllgan-sr", {"degradation.at": "much"}, "degradation.at"),
        ("dllgan-jpeg", {"degradation.levels": [10, 20, 30]}, "degradation.levels"),
        ("dllgan-jpeg", {"degradation.spread": [10, 20, 30]}, "degradation.spread"),
        ("dcgan-face", {"degradation.kind": "fog"}, "degradation"),
    ],
)
def test_what_does_not_fit(name, changes, key):
    recipe = read(f"{name}+debug" if ":" in name else f"{name}:debug", changes)
    with pytest.raises(RecipeError) as error:
        begin(recipe)
    assert error.value.key == key


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"teacher.model": "nobody"}, "no model is called 'nobody'"),
        ({"teacher.model": "sr-x4"}, "fits this network|another network"),
        ({"teacher.model": "gone.safetensors"}, "gone.safetensors"),
    ],
)
def test_a_teacher_that_cannot_be_had(changes, message):
    with pytest.raises(UndegradeError, match=message):
        begin(read("restore:fast+debug", changes))


def test_a_restorer_that_cannot_be_had():
    with pytest.raises(UndegradeError, match="no model is called 'nobody'"):
        begin(read("sr-x2:real+debug", {"restorer.model": "nobody"}))


def test_validation_crops_fit_the_network():
    with pytest.raises(
        RecipeError, match=r"validation\.crop = 64 must be a multiple of 3 for this"
    ):
        begin(read("sr-x2:debug", {"scale": 3, "arguments.scale": 3}))


def test_a_regressor_of_another_number_of_levels(photos, tmp_path):
    from undegrade.training.loop import fit

    recipe = read("dllgan-sr:debug", {"regressor.arguments.levels": 2})
    with pytest.raises(RecipeError, match=r"regressor\.arguments\.levels = 2 must be 1"):
        fit(recipe, [photos], tmp_path)


def test_the_seed_decides_the_weights():
    one, two, other = (
        torch.cat(
            [p.flatten() for p in begin(read("srgan:debug", {"seed": s})).generator.parameters()]
        )
        for s in (0, 0, 1)
    )
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
