"""The diagnosis network: what it learns from, that it learns, and that it reaches the use half."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from tests.training.data.sets import textured  # noqa: E402
from tests.training.runs import first_checkpoint, rows  # noqa: E402
from undegrade.catalog import Catalog  # noqa: E402
from undegrade.diagnosis import diagnose, open_reader  # noqa: E402
from undegrade.diagnosis.units import CROP, LOG_VARIANCES, QUANTITIES  # noqa: E402
from undegrade.errors import ModelError, RecipeError  # noqa: E402
from undegrade.picture import from_array  # noqa: E402
from undegrade.training import recipe_file  # noqa: E402
from undegrade.training.data.photos import PhotoSet  # noqa: E402
from undegrade.training.export import write_regressor  # noqa: E402
from undegrade.training.loop import fit  # noqa: E402
from undegrade.training.losses.levels import gaussian_loss  # noqa: E402
from undegrade.training.networks import REGRESSORS, build  # noqa: E402
from undegrade.training.tasks.diagnose import DiagnoseTask  # noqa: E402

PATCH = 32
NOISE = slice(0, QUANTITIES.index("grain"))
GRAIN, JPEG, BLUR = (QUANTITIES.index(name) for name in ("grain", "jpeg", "blur"))


@pytest.fixture(scope="module")
def crops():
    pictures = (textured(160, 160, seed) for seed in range(3))
    return PhotoSet(torch.from_numpy(p.transpose(2, 0, 1).copy()) for p in pictures)


def draw(task, photos, count=64, seed=0):
    return task.graded(photos, count, PATCH, torch.Generator().manual_seed(seed))


def only(real=0.0, **shares):
    """The task with other shares."""
    return type("Task", (DiagnoseTask,), shares)(real)


def sigma_of(level):
    """Root mean square of the noise in 0..255 units, all parts of a photo alike."""
    return 50 * level[:, NOISE].square().sum(1).div(3).sqrt()


def test_a_batch_is_a_function_of_its_generator(crops):
    one, other = draw(DiagnoseTask(), crops), draw(DiagnoseTask(), crops)
    assert torch.equal(one.inputs[0], other.inputs[0])
    assert torch.equal(one.level.nan_to_num(-1), other.level.nan_to_num(-1))
    assert not torch.equal(one.inputs[0], draw(DiagnoseTask(), crops, seed=1).inputs[0])


def test_pictures_are_files_and_levels_are_levels(crops):
    batch = draw(DiagnoseTask(), crops)
    assert batch.inputs[0].shape == (64, 3, PATCH, PATCH)
    assert batch.level.shape == (64, len(QUANTITIES))
    values = batch.inputs[0] * 255
    torch.testing.assert_close(values, values.round(), atol=1e-3, rtol=0)
    known = [k for k in range(len(QUANTITIES)) if k not in (GRAIN, BLUR)]
    assert batch.level[:, known].isfinite().all()
    level = batch.level.nan_to_num()
    assert (level >= 0).all()
    assert level.max() < 1.6


@pytest.mark.parametrize("make", ["graded", "judged"])
def test_real_damage_has_no_blur_that_is_known(make, crops):
    made = getattr(DiagnoseTask(real=1.0), make)
    level = made(crops, 48, PATCH, torch.Generator().manual_seed(2)).level
    assert level[:, BLUR].isnan().all()
    assert level[:, [*range(6), JPEG]].isfinite().all()
    luma = level[:, :3].square().mean(1).sqrt()
    assert torch.equal(level[:, GRAIN].isnan(), luma < DiagnoseTask.LEAST)
    assert (level[:, GRAIN].nan_to_num() > 0.1).any()
    assert (level[:, JPEG] > 0).float().mean() > 0.5


def test_judges_see_kinds_that_training_never_draws(crops, monkeypatch):
    from undegrade.training import degradations

    seen = []
    damage = degradations.real_damage

    def noted(*arguments, unseen=False, **options):
        seen.append(unseen)
        return damage(*arguments, unseen=unseen, **options)

    monkeypatch.setattr(degradations, "real_damage", noted)
    for make in ("batch", "graded", "judged"):
        getattr(DiagnoseTask(), make)(crops, 4, PATCH, torch.Generator().manual_seed(0))
    assert seen == [False, False, True]


def test_without_real_damage_blur_is_always_known(crops):
    level = draw(only(), crops).level
    assert level[:, BLUR].isfinite().all()
    luma = level[:, :3].square().mean(1).sqrt()
    assert torch.equal(level[:, GRAIN].isnan(), luma < DiagnoseTask.LEAST)


def test_a_quarter_is_clean_and_each_damage_is_absent_in_half_of_the_rest(crops):
    level = torch.cat([draw(only(RESIZED=0), crops, 128, seed).level for seed in range(4)])
    found = torch.stack([sigma_of(level), level[:, JPEG], level[:, BLUR]], 1)
    present = (found > 0).float()
    assert (present.mean(0) - 0.375).abs().max() < 0.08
    # The damages of light are no targets: an eighth of the rest has none of the three either.
    assert float((present.sum(1) == 0).float().mean()) == pytest.approx(0.25 + 0.75 / 8, abs=0.07)


def test_clean_means_untouched_by_the_targets(crops):
    batch = draw(only(CLEAN=1.0, RESIZED=0), crops, 16)
    assert batch.level[:, GRAIN].isnan().all()
    assert not batch.level.nan_to_num().any()


def test_noise_has_the_level_that_it_is_told_with():
    flat = PhotoSet([torch.full((3, 160, 160), 128, dtype=torch.uint8)])
    batch = draw(only(CLEAN=0.0, GREY=0.5), flat, 512)
    # On a flat picture, what varies is noise; it must not clip, nor be coded.
    sigma, uncoded = sigma_of(batch.level), batch.level[:, JPEG] == 0
    measured = 255 * batch.inputs[0].flatten(1).std(1)
    calm = uncoded & (sigma > 2) & (sigma < 20) & (batch.inputs[0].mean((1, 2, 3)) > 0.3)
    assert calm.sum() > 16
    assert (measured / sigma)[calm].median() == pytest.approx(1, abs=0.1)


def test_noise_that_was_resized_is_told_as_it_lies_there():
    flat = PhotoSet([torch.full((3, 200, 200), 128, dtype=torch.uint8)])
    found = []
    for seed in range(12):
        batch = draw(only(CLEAN=0.0, GREY=0.5, RESIZED=1.0), flat, 16, seed)
        sigma, uncoded = sigma_of(batch.level), batch.level[:, JPEG] == 0
        # The mean of a colour is no noise.
        apart = batch.inputs[0] - batch.inputs[0].mean((2, 3), keepdim=True)
        measured = 255 * apart.square().mean((1, 2, 3)).sqrt()
        calm = uncoded & (sigma > 2) & (sigma < 20) & (batch.inputs[0].mean((1, 2, 3)) > 0.3)
        found.append((measured / sigma)[calm])
    ratio = torch.cat(found)
    assert len(ratio) > 16
    assert ratio.median() == pytest.approx(1, abs=0.1)


def test_gaussian_loss_is_least_where_the_width_is_that_of_the_errors():
    truth = torch.randn(4096, 2, generator=torch.Generator().manual_seed(0)) * 0.1
    mean = torch.zeros_like(truth)

    def at(deviation):
        wide = torch.full_like(truth, 2 * np.log(deviation))
        return float(gaussian_loss(torch.cat([mean, wide], 1), truth))

    assert at(0.1) < min(at(0.08), at(0.125))
    assert at(0.1) == pytest.approx(0.5 + np.log(0.1), abs=0.05)
    low, high = (np.exp(v / 2) for v in LOG_VARIANCES)
    assert np.isfinite(at(low / 100))
    assert at(high * 100) == pytest.approx(at(high))


def test_what_nobody_knows_teaches_nothing():
    generator = torch.Generator().manual_seed(0)
    truth = torch.rand(6, 3, generator=generator)
    estimate = torch.randn(6, 6, generator=generator)
    known = torch.ones(6, 3, dtype=torch.bool)
    known[0], known[1:4, 1] = False, False

    def loss(values):
        read = estimate.clone().requires_grad_()
        made = gaussian_loss(read, values)
        (gradient,) = torch.autograd.grad(made, read)
        return made, gradient

    made, gradient = loss(truth.masked_fill(~known, torch.nan))
    pairs = torch.stack([estimate[:, :3][known], estimate[:, 3:][known]], 1)
    torch.testing.assert_close(made, gaussian_loss(pairs, truth[known][:, None]))
    assert gradient.isfinite().all()
    assert torch.equal(gradient != 0, known.repeat(1, 2))
    # Where nothing is known at all, nothing is learnt.
    made, gradient = loss(torch.full_like(truth, torch.nan))
    assert made == 0
    assert not gradient.any()
    # And where all is, it is the mean over all.
    torch.testing.assert_close(
        loss(truth)[0],
        torch.stack(
            [gaussian_loss(estimate[:, [k, k + 3]], truth[:, [k]]) for k in range(3)]
        ).mean(),
    )


def test_the_network_learns_everywhere_and_takes_sizes():
    torch.manual_seed(0)
    network = build("diagnosis", REGRESSORS, noise=1, detail=1, channels=4)
    for side in (32, CROP):
        assert network(torch.rand(3, 3, side, side)).shape == (3, 4)
    network(torch.rand(8, 3, 64, 64)).square().mean().backward()
    for key, parameter in network.named_parameters():
        assert parameter.grad.abs().sum() > 0, key
    assert sum(p.numel() for p in build("diagnosis", REGRESSORS).parameters()) * 2 < 2e6


def test_coefficients_are_those_of_jpeg():
    network = build("diagnosis", REGRESSORS)
    basis = network.basis.flatten(1)
    torch.testing.assert_close(basis @ basis.T, torch.eye(64), atol=1e-5, rtol=0)
    # Zigzag: right, down-left, down, up-right.
    rows, columns = np.indices((8, 8))
    for index, (v, u) in enumerate([(0, 0), (0, 1), (1, 0), (2, 0), (1, 1), (0, 2), (0, 3)]):
        wave = np.cos((2 * rows + 1) * v * np.pi / 16) * np.cos((2 * columns + 1) * u * np.pi / 16)
        found = basis[index].numpy() @ wave.ravel() / np.linalg.norm(wave)
        assert found == pytest.approx(1, abs=1e-5)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch.*", "ignore::FutureWarning:torch.*")
def test_from_the_recipe_to_a_diagnosis(sources, tmp_path):
    recipe = recipe_file.read("diagnosis:debug")
    first_checkpoint(recipe, sources(recipe), tmp_path / "run")
    path = fit(recipe, sources(recipe), tmp_path / "run").path
    told = [row for row in rows(tmp_path / "run") if "level-error" in row]
    assert {f"level-error/{name}" for name in QUANTITIES} <= told[-1].keys()

    card = write_regressor(recipe, path, tmp_path / "models")
    model = tmp_path / "models" / "diagnosis.onnx"
    exported = Catalog().find(str(model))
    assert exported.card == card
    assert card.levels == QUANTITIES
    assert card.licence == ""
    assert card.training_data.startswith("4 photos of photos")
    assert "20 steps" in card.recipe
    assert model.stat().st_size < 2e6
    found = diagnose(from_array(textured(200, 240, 5)), open_reader(exported, threads=1))
    assert found.crops == 4
    assert np.isfinite(found.noise.value)

    wrong = recipe_file.read("diagnosis:debug", {"regressor.arguments.channels": 4})
    with pytest.raises(ModelError, match="another regressor"):
        write_regressor(wrong, path, tmp_path / "models")


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"stages.main": {"kind": "generator", "losses": {"l1": 1}}}, "stages.main.kind"),
        ({"regressor.loss": "huber"}, "regressor.loss"),
    ],
)
def test_recipes_that_make_no_sense(changes, key):
    with pytest.raises(RecipeError) as error:
        recipe_file.read("diagnosis:debug", changes)
    assert error.value.key == key


def test_a_level_loss_does_not_read_variances():
    with pytest.raises(RecipeError) as error:
        recipe_file.read("dllgan-denoise:study", {"regressor.loss": "gaussian"})
    assert error.value.key == "stages.adversarial.losses.level"


def test_the_number_of_levels_must_fit(sources, tmp_path):
    recipe = recipe_file.read("diagnosis:debug", {"regressor.arguments.detail": 1})
    with pytest.raises(RecipeError, match=r"regressor.arguments.levels = 8 must be 9"):
        fit(recipe, sources(recipe), tmp_path)
