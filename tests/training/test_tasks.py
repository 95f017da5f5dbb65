"""What a network is asked to do: batches are reproducible, in range, and true to their levels."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")
from torch.nn import functional as F  # noqa: E402

from tests.training.data.sets import textured  # noqa: E402
from undegrade.diagnosis.shade import lift  # noqa: E402
from undegrade.diagnosis.units import to_level  # noqa: E402
from undegrade.errors import InputError, RecipeError  # noqa: E402
from undegrade.training import degradations  # noqa: E402
from undegrade.training.data.photos import PhotoSet  # noqa: E402
from undegrade.training.recipe_file import names, read, variants  # noqa: E402
from undegrade.training.tasks import TASKS, task  # noqa: E402
from undegrade.training.tasks.base import centres  # noqa: E402
from undegrade.training.tasks.diagnose import DiagnoseTask  # noqa: E402
from undegrade.training.tasks.level import LevelTask  # noqa: E402
from undegrade.training.tasks.pairs import (  # noqa: E402
    LowlightTask,
    PairsTask,
    PhoneTask,
    ToldLowlightTask,
)
from undegrade.training.tasks.restore import LEVELS, RestoredTask, RestoreTask  # noqa: E402
from undegrade.training.tasks.sr import RealSrTask, SrTask  # noqa: E402

PATCH = 32
MADE = {
    "restore": RestoreTask(real=0),
    "real restore": RestoreTask(real=1),
    "x2": SrTask(2),
    "x4": SrTask(4),
    "whole": SrTask(4, whole=True),
    "real x2": RealSrTask(2, real=1),
    "sr": LevelTask("sr", at=16),
    "noise": LevelTask("noise"),
    "blind noise": LevelTask("noise", spread=(0, 75)),
    "jpeg": LevelTask("jpeg", at=[20, 10]),
    "blind jpeg": LevelTask("jpeg", spread=(5, 95), continuous=0.5),
    "pairs": PairsTask(),
    "exposed pairs": PairsTask(stops=1.0),
    "references": PairsTask(references=True),
    "phone": PhoneTask(),
    "lowlight": LowlightTask(),
    "told lowlight": ToldLowlightTask(),
}
GRADED = {
    "restore": RestoreTask(real=0),
    "real restore": RestoreTask(real=1),
    "restore of both": RestoreTask(),
    **{kind: LevelTask(kind) for kind in ("sr", "noise", "jpeg")},
    **{f"continuous {kind}": LevelTask(kind, continuous=1.0) for kind in ("noise", "jpeg")},
}
REAL = ("camera", "web")
"""What the restorer is judged on besides, made from a part of each crop."""
UNCLIPPED = {"restore", "noise", "blind noise", "continuous noise"}
"""Noise as the published protocols have it, which leaves [0, 1]."""


def photo(index, channels=3):
    picture = torch.from_numpy(textured(176, 160, index)).permute(2, 0, 1)
    # A pair whose input is the target, inverted and then darkened.
    return picture if channels == 3 else torch.cat([(255 - picture) // 2, picture])


@pytest.fixture(scope="module")
def sets():
    """Photos, and pairs."""
    return {channels: PhotoSet([photo(i, channels) for i in range(4)]) for channels in (3, 6)}


def photos_for(name, sets):
    return sets[6 if "pairs" in name or name == "references" else 3]


def tensors(batch):
    found = (*batch.inputs, batch.target, batch.level, batch.reference)
    return [x for x in found if x is not None]


def draw(make, photos, count=8, seed=3):
    return make(photos, count, PATCH, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", MADE)
def test_batches(name, sets):
    made, photos = MADE[name], photos_for(name, sets)
    batch = draw(made.batch, photos)
    scale = getattr(made, "scale", 1)
    assert batch.inputs[0].shape == (8, 3, PATCH, PATCH)
    assert batch.target.shape == (8, 3, scale * PATCH, scale * PATCH)
    assert {x.dtype for x in tensors(batch)} == {torch.float32}
    assert 0 <= batch.target.min() < batch.target.max() <= 1
    low, high = batch.inputs[0].aminmax()
    assert (low < 0) == (high > 1) == (name in UNCLIPPED)
    assert (batch.inputs[0] - batch.inputs[0].mean((2, 3), keepdim=True)).abs().max() > 0.01
    # Reproducible from the generator, and from nothing else.
    again, other = draw(made.batch, photos), draw(made.batch, photos, seed=4)
    assert all(torch.equal(a, b) for a, b in zip(tensors(batch), tensors(again), strict=True))
    assert not torch.equal(batch.inputs[0], other.inputs[0])


@pytest.mark.parametrize("name", MADE)
def test_validation_is_fixed_and_shows_the_truth(name):
    held = [photo(i, 6 if "pairs" in name or name == "references" else 3) for i in (5, 6)]
    one, two = (MADE[name].validation(held, 64) for _ in range(2))
    assert one.keys() == two.keys()
    expected = torch.stack([p[-3:, 56:120, 48:112] for p in held]) / 255
    for kind, batch in one.items():
        if kind in REAL:
            assert batch.target.shape == (2, 3, 16, 16), kind
            assert batch.inputs[0].shape == (2, 3, 16, 16), kind
            assert (batch.inputs[0] - batch.target).abs().max() > 0.01
            assert batch.level.shape == (2, 2)
            assert all(
                torch.equal(a, b) for a, b in zip(*map(tensors, (batch, two[kind])), strict=True)
            )
            continue
        if kind.startswith("grey"):
            assert torch.equal(batch.target[:, :1].expand(-1, 3, -1, -1), batch.target)
            assert torch.equal(batch.inputs[0][:, :1].expand(-1, 3, -1, -1), batch.inputs[0])
        else:
            assert torch.equal(batch.target, expected), kind
        assert all(
            torch.equal(a, b) for a, b in zip(tensors(batch), tensors(two[kind]), strict=True)
        )
        side = 64 // getattr(MADE[name], "scale", 1)
        assert batch.inputs[0].shape == (2, 3, side, side)
        assert batch.inputs[0].std() > 0.01


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        (
            "restore",
            ["noise15", "noise25", "noise50", "jpeg10", "jpeg20", "jpeg40", "grey25", *REAL],
        ),
        ("x4", ["x4"]),
        ("sr", ["sr16"]),
        ("noise", ["noise15", "noise25", "noise50", "noise70"]),
        ("blind jpeg", ["jpeg30", "jpeg20", "jpeg10"]),
        ("jpeg", ["jpeg20", "jpeg10"]),
        ("phone", ["phone"]),
        ("lowlight", ["light"]),
        ("told lowlight", ["light", "told"]),
    ],
)
def test_what_validation_shows(name, kinds):
    assert list(MADE[name].validation([photo(5)], 64)) == kinds


@pytest.mark.parametrize("name", GRADED)
def test_graded_pictures(name, sets):
    made = GRADED[name]
    batch = draw(made.graded, sets[3], 64)
    assert batch.inputs[0].shape == batch.target.shape == (64, 3, PATCH, PATCH)
    worse = (batch.inputs[0] - batch.target).square().mean((1, 2, 3))
    clean = (batch.level == 0).all(1)
    assert (worse[clean] == 0).all()
    assert (worse[~clean] > 0).all()
    again = draw(made.graded, sets[3], 64)
    assert all(torch.equal(a, b) for a, b in zip(tensors(batch), tensors(again), strict=True))
    if name.startswith("continuous"):
        assert ((batch.level % 1) > 0.01).float().mean() > 0.8
        assert batch.level.max() <= len(made.levels)
    else:
        assert 0 < clean.float().mean() < 0.6


@pytest.mark.parametrize("kind", ["sr", "noise", "jpeg"])
def test_levels_come_in_equal_parts_and_get_worse(kind, sets):
    made = LevelTask(kind)
    batch = draw(made.graded, sets[3], 300)
    level, count = batch.level[:, 0], len(made.levels) + 1
    assert set(level.tolist()) == set(range(count))
    assert torch.bincount(level.long()).min() > 300 / count / 2
    worse = (batch.inputs[0] - batch.target).square().mean((1, 2, 3))
    means = [worse[level == index].mean() for index in range(count)]
    assert means == sorted(means)


@pytest.mark.parametrize(
    ("kind", "parameters", "indices"),
    [
        ("noise", [0, 15, 25, 50, 70], [0, 1, 2, 3, 4]),
        ("noise", [7.5, 20, 60, 80], [0.5, 1.5, 3.5, 4.5]),
        ("jpeg", [100, 30, 20, 10], [0, 1, 2, 3]),
        ("jpeg", [65, 25, 5], [0.5, 1.5, 3.5]),
        ("sr", [1, 4, 8, 16], [0, 1, 2, 3]),
        ("sr", [2], [0.5]),
    ],
)
def test_the_index_of_a_parameter(kind, parameters, indices):
    found = LevelTask(kind).index(torch.tensor(parameters, dtype=torch.float32))
    assert found.shape == (len(parameters), 1)
    assert found[:, 0].tolist() == pytest.approx(indices)


@pytest.mark.parametrize("kind", ["sr", "noise", "jpeg"])
def test_what_is_left_is_the_level_of_as_large_a_residual(kind, sets):
    made = LevelTask(kind)
    batch = draw(made.graded, sets[3], 40)
    generator = torch.Generator().manual_seed(1)
    left = made.left(batch.inputs[0], batch.target, generator)
    assert left.shape == batch.level.shape
    # Crops have no surroundings here, JPEG has another grid, and noise is drawn anew.
    assert (left - batch.level).abs().mean() < 0.25
    assert (made.left(batch.target, batch.target, generator) == 0).all()
    half = made.left((batch.inputs[0] + batch.target) / 2, batch.target, generator)
    damaged = batch.level[:, 0] > 0
    assert (half[damaged] > 0).all()
    assert (half[damaged] < left[damaged]).all()
    worse = batch.target + 4 * (batch.inputs[0] - batch.target)
    assert made.left(worse, batch.target, generator).max() == len(made.levels)


def test_half_the_noise_is_that_of_half_the_sigma(sets):
    made = LevelTask("noise", at=50)
    batch = draw(made.batch, sets[3], 8)
    blend = (batch.inputs[0] + batch.target) / 2
    left = made.left(blend, batch.target, torch.Generator().manual_seed(1))
    assert (left - 2).abs().max() < 0.15  # sigma 25


def test_faint_residuals_of_flat_crops_are_no_damage():
    flat = torch.full((2, 3, 32, 32), 0.5)
    for kind in ("sr", "jpeg"):
        left = LevelTask(kind).left(flat + 0.1 / 255, flat, torch.Generator().manual_seed(0))
        assert left.max() < 0.5


def test_own_levels_have_own_indices():
    found = LevelTask("noise", levels=[10, 30]).index(torch.tensor([10.0, 20.0, 30.0]))
    assert found[:, 0].tolist() == pytest.approx([1, 1.5, 2])


@pytest.mark.parametrize(("sigma", "index"), [(15, 1), (70, 4)])
def test_one_generator_a_level(sigma, index, sets):
    batch = draw(LevelTask("noise", at=sigma).batch, sets[3], 32)
    assert batch.level.unique().tolist() == [index]
    noise = batch.inputs[0] - batch.target
    assert noise.std().item() * 255 == pytest.approx(sigma, rel=0.02)


def test_a_blind_generator_sees_all_in_between(sets):
    batch = draw(LevelTask("noise", spread=(10, 20)).batch, sets[3], 64)
    sigma = (batch.inputs[0] - batch.target).std((1, 2, 3)) * 255
    assert 9 < sigma.min() < 12
    assert 18 < sigma.max() < 21.5


def test_super_resolution_by_grade_is_of_one_size(sets):
    batch = draw(LevelTask("sr", at=4).batch, sets[3], 4)
    levels = batch.inputs[0] * 255
    torch.testing.assert_close(levels, levels.round())
    # Reduced by four, it is as sharp as the truth reduced by four.
    inner = (..., slice(2, 6), slice(2, 6))
    both = [degradations.bicubic_down(x, 4)[inner] for x in (batch.inputs[0], batch.target)]
    assert (both[0] - both[1]).abs().max() < 0.05


def test_restore_tells_its_levels(sets):
    batch = draw(RestoreTask(real=0).batch, sets[3], 64)
    picture, level = batch.inputs
    assert level.shape == (64, len(LEVELS), 1, 1)
    told = dict(zip(LEVELS, level[:, :, 0, 0].T, strict=True))
    assert 0 <= level.min() < level.max() <= 1
    noise, jpeg = batch.level.T
    # White noise is alike at every brightness, and has no grain; grey noise no chroma.
    for part in ("dark", "bright"):
        assert torch.equal(told[f"luma_{part}"], told["luma_middle"])
        assert torch.equal(told[f"chroma_{part}"], told["chroma_middle"])
    whole = torch.hypot(told["luma_middle"], told["chroma_middle"])
    torch.testing.assert_close(whole, noise)
    grey = (batch.target == batch.target[:, :1]).flatten(1).all(1)
    assert torch.equal(told["chroma_middle"] > 0, (noise > 0) & ~grey)
    assert torch.equal(told["jpeg"], jpeg)
    assert not told["grain"].any()
    assert ((noise > 0) | (jpeg > 0)).all()
    alone = (jpeg == 0).nonzero()[:, 0]
    sigma = (picture - batch.target)[alone].std((1, 2, 3)) * 255
    torch.testing.assert_close(sigma, noise[alone] * 50, rtol=0.1, atol=0.5)


def test_levels_of_real_damage_are_told_with_an_error(sets, monkeypatch):
    made = []
    damage = degradations.real_damage

    def kept(*arguments, **options):
        made.append(damage(*arguments, **options))
        return made[-1]

    monkeypatch.setattr(degradations, "real_damage", kept)
    batch = draw(RestoreTask(real=1).batch, sets[3], 64)
    (true,) = made
    assert torch.equal(batch.inputs[0], true.picture)
    assert torch.equal(batch.target, true.clean)
    told = batch.inputs[1][:, :, 0, 0]
    assert told.shape == (64, len(LEVELS))
    assert told.isfinite().all()
    assert told.min() >= 0
    truth = torch.cat([true.noise, true.jpeg[:, None]], 1)
    some = truth > 0.01
    error = torch.log(told[:, :-1][some] / truth[some])
    assert float(error.std()) == pytest.approx(RestoreTask.ERROR, rel=0.15)
    assert abs(float(error.mean())) < 0.05
    # None stays none: the gate of the network stays shut.
    assert not told[:, :-1][truth == 0].any()
    assert (told[:, -1] - true.grain).abs().max() < 5 * RestoreTask.ERROR
    torch.testing.assert_close(batch.level[:, 1], true.jpeg)
    squares = true.noise[:, :3].square() + true.noise[:, 3:].square()
    torch.testing.assert_close(batch.level[:, 0], squares.mean(1).sqrt())


@pytest.mark.parametrize(("real", "least", "most"), [(0, 0, 0), (0.5, 3, 5), (1, 8, 8)])
def test_the_share_of_real_samples(real, least, most, sets, monkeypatch):
    counts = []
    damage = degradations.real_damage

    def counted(x, *arguments, **options):
        counts.append(len(x))
        return damage(x, *arguments, **options)

    monkeypatch.setattr(degradations, "real_damage", counted)
    for seed in range(4):
        counts.clear()
        batch = draw(RestoreTask(real=real).batch, sets[3], 8, seed)
        assert len(batch.target) == 8
        assert least <= sum(counts) <= most


@pytest.mark.parametrize("make", [RestoreTask, DiagnoseTask])
@pytest.mark.parametrize("real", [-0.1, 1.5, float("nan")])
def test_a_share_that_cannot_be(make, real):
    with pytest.raises(RecipeError, match="must be a share") as error:
        make(real=real)
    assert error.value.key == "degradation.real"


def test_one_picture_in_eight_is_grey_with_grey_noise(sets):
    batch = draw(RestoreTask(real=0).batch, sets[3], 400)
    grey = [(x == x[:, :1]).all((1, 2, 3)) for x in (batch.target, batch.inputs[0])]
    assert 25 < grey[0].sum() < 80
    # JPEG passes through another colour space, and rounds there.
    alone = batch.level[:, 1] == 0
    assert torch.equal(grey[0][alone], grey[1][alone])
    spread = batch.inputs[0] - batch.inputs[0].mean(1, keepdim=True)
    assert spread[grey[0]].abs().max() < 2 / 255


def test_sr_keeps_clear_of_the_crops_edge(sets):
    wide = draw(SrTask(2).batch, sets[3])
    small = degradations.quantise(degradations.bicubic_down(wide.target, 2))
    inner = (..., slice(4, -4), slice(4, -4))
    assert (wide.inputs[0][inner] - small[inner]).abs().max() == 0
    assert (wide.inputs[0] - small).abs().max() > 0
    # Whole photos are reduced with their edges.
    whole = draw(SrTask(2, whole=True).batch, sets[3])
    small = degradations.quantise(degradations.bicubic_down(whole.target, 2))
    assert torch.equal(whole.inputs[0], small)


def test_a_rim_is_the_mirrored_border(sets):
    plain = draw(SrTask(2, whole=True).batch, sets[3])
    rimmed = draw(SrTask(2, whole=True, rim=3).batch, sets[3])
    for one, other, edge in (
        (plain.inputs[0], rimmed.inputs[0], 3),
        (plain.target, rimmed.target, 6),
    ):
        expected = np.pad(one.numpy(), ((0, 0), (0, 0), (edge, edge), (edge, edge)), "symmetric")
        assert np.array_equal(other.numpy(), expected)


def test_pairs_stay_together(sets):
    batch = draw(PairsTask(references=True).batch, sets[6], 16)
    expected = ((255 - (batch.target * 255).round()) // 2) / 255
    torch.testing.assert_close(batch.inputs[0], expected)
    # References are other crops of targets.
    assert batch.reference.shape == batch.target.shape
    assert (batch.reference - batch.target).abs().mean((1, 2, 3)).min() > 0.01
    assert draw(PairsTask().batch, sets[6]).reference is None


def test_pairs_at_other_exposures_keep_their_targets(sets):
    same, other = (draw(PairsTask(stops=stops).batch, sets[6], 16) for stops in (0.0, 1.0))
    middle = (same.inputs[0] > 0.2) & (same.inputs[0] < 0.5)
    gain = [
        degradations.to_linear(b.inputs[0])[i][middle[i]].mean().log2()
        for i in range(8)
        for b in (same, other)
    ]
    turns = [float(b - a) for a, b in zip(gain[::2], gain[1::2], strict=True)]
    assert max(map(abs, turns)) < 1.01
    assert max(turns) - min(turns) > 0.5
    # Crops are the same where no more numbers have been drawn before them.
    torch.testing.assert_close(other.target, same.target)


def test_night_stays_night(sets):
    class Night:
        """Photos that are dark themselves."""

        def crops(self, count, size, generator):
            return sets[3].crops(count, size, generator) // 8

    batch = draw(LowlightTask().batch, Night(), 16)
    assert torch.equal(batch.inputs[0], batch.target)


def test_what_is_told_of_light_is_how_much_lighter_the_shadows_are(sets):
    """Of about half; the others are left to the network, as is what has no shadows."""
    picture, level = (batch := draw(ToldLowlightTask().batch, sets[3], 32)).inputs
    told = level.flatten() > 0
    assert 4 < told.sum() < 24
    small = [F.adaptive_avg_pool2d(x, 96).permute(0, 2, 3, 1) for x in (picture, batch.target)]
    lifts = [lift(before.numpy(), after.numpy()) for before, after in zip(*small, strict=True)]
    expected = torch.tensor([to_level("lift", stops) for stops in lifts])
    torch.testing.assert_close(level.flatten()[told], expected[told])
    (light, heard) = ToldLowlightTask().validation([photo(5)], 64).values()
    assert torch.equal(light.inputs[0], heard.inputs[0])
    assert light.inputs[1].item() == 0 < heard.inputs[1].item()


def test_darkness_is_dark_and_a_phone_is_near(sets):
    dark = draw(LowlightTask().batch, sets[3], 32)
    brightness = [x.mean((1, 2, 3)) for x in (dark.inputs[0], dark.target)]
    # Some lie where they are, and a few that are unevenly lit are a little brighter in all.
    assert (brightness[0] < 1.2 * brightness[1]).all()
    assert (brightness[0] < 0.95 * brightness[1]).float().mean() > 0.6
    assert (brightness[0] < 0.5 * brightness[1]).any()
    phone = draw(PhoneTask().batch, sets[3], 32)
    assert 0.01 < (phone.inputs[0] - phone.target).abs().mean() < 0.2
    for batch in (dark, phone):
        levels = batch.inputs[0] * 255
        torch.testing.assert_close(levels, levels.round(), atol=1e-3, rtol=0)


def test_some_samples_of_a_batch(sets):
    batch = draw(RestoreTask().batch, sets[3])
    taken = batch.take(slice(2, 5))
    assert [len(x) for x in tensors(taken)] == [3] * 4
    assert torch.equal(taken.inputs[1], batch.inputs[1][2:5])
    one = draw(PairsTask(references=True).batch, sets[6]).take(torch.tensor([1]))
    assert one.reference.shape == (1, 3, PATCH, PATCH)
    assert one.level is None


def test_every_bundled_recipe_has_its_task():
    for name in names():
        for choice in (name, *(f"{name}:{variant}" for variant in variants(name))):
            recipe = read(choice)
            made = task(recipe.task, recipe.scale, recipe.degradation)
            made = made.task if "context" in recipe.degradation else made
            assert isinstance(made, TASKS[recipe.task])


@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        ({"kind": "fog"}, "degradation.kind"),
        ({"kind": "sr", "at": 3}, "degradation"),
        ({"kind": "sr", "levels": [3]}, "degradation"),
        ({"kind": "noise", "levels": [25, 15]}, "degradation.levels"),
        ({"kind": "noise", "levels": []}, "degradation.levels"),
        ({"kind": "jpeg", "levels": [10, 20]}, "degradation.levels"),
        ({"kind": "jpeg", "at": "low"}, "degradation.at"),
        ({"kind": "jpeg", "spread": [5]}, "degradation.spread"),
    ],
)
def test_grades_that_cannot_be(arguments, key):
    with pytest.raises(RecipeError) as error:
        LevelTask(**arguments)
    assert error.value.key == key


def test_the_middle_of_photos():
    square = torch.arange(48, dtype=torch.uint8).view(3, 4, 4)
    assert torch.equal(centres([square], 2)[0] * 255, square[:, 1:3, 1:3].float())
    assert centres([square, square], 8).shape == (2, 3, 4, 4)
    with pytest.raises(InputError, match="only 4 x 4 of 8 x 8 pixels"):
        centres([square, torch.zeros(3, 8, 8, dtype=torch.uint8)], 8)


def test_real_sr_lies_where_its_truth_does():
    photos = PhotoSet([photo(i) for i in range(4)])
    batch = draw(RealSrTask(2, real=1).batch, photos, count=24)

    def error(down, right):
        small = degradations.bicubic_down(batch.target.roll((down, right), (2, 3)), 2)
        return (batch.inputs[0] - small)[..., 4:-4, 4:-4].abs().mean()

    # Half a pixel of the input is seen.
    assert error(0, 0) < min(error(0, 1), error(1, 0), error(0, -1), error(-1, 0))


def test_half_of_real_sr_is_bicubic_and_told_so():
    photos = PhotoSet([photo(i) for i in range(4)])
    batch = draw(RealSrTask(2).batch, photos, count=16)
    untold = ~batch.inputs[1].flatten(1).any(1)
    exact = (batch.inputs[0] - degradations.bicubic_down(batch.target, 2)).flatten(1)[:, 99:-99]
    plain = exact.abs().mean(1) < 0.02
    assert 4 <= untold.sum() < 16
    assert (plain & untold).sum() >= 6
    with pytest.raises(RecipeError, match="share"):
        RealSrTask(2, real=1.5)


def test_real_sr_is_judged_on_kinds_that_training_never_draws():
    held = [torch.from_numpy(textured(192, 192, i)).permute(2, 0, 1) for i in range(2)]
    found = RealSrTask(2).validation(held, 192)
    assert list(found) == ["x2", "real"]
    assert not found["x2"].inputs[1].any()
    assert found["real"].inputs[0].shape == (2, 3, 48, 48)
    assert found["real"].target.shape == (2, 3, 96, 96)
    assert list(RealSrTask(2).validation(held, 64)) == ["x2"]  # too small for a margin


class Halved(torch.nn.Module):
    """A restorer that darkens whatever it is given."""

    def forward(self, x, level):
        assert level.flatten(1).any(1).all()
        return x / 2


def test_pictures_are_restored_where_they_are_damaged():
    photos = PhotoSet([photo(i) for i in range(4)])
    task = RealSrTask(2)
    plain = draw(task.batch, photos, count=16)
    restored = draw(RestoredTask(task, Halved()).batch, photos, count=16)
    damaged = plain.inputs[1].flatten(1).any(1)
    assert 0 < damaged.sum() < 16
    assert len(restored.inputs) == 1
    assert torch.equal(restored.target, plain.target)
    assert torch.equal(restored.inputs[0][~damaged], plain.inputs[0][~damaged])
    halved = restored.inputs[0][damaged]
    assert (halved - plain.inputs[0][damaged] / 2).abs().max() < 0.51 / 255
    assert torch.equal(halved, degradations.quantise(halved))
