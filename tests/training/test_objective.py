"""The loss as a recipe writes it: what counts, of what, when, and what is refused."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from undegrade.errors import ModelError, RecipeError  # noqa: E402
from undegrade.training import objective  # noqa: E402
from undegrade.training.losses import pictures  # noqa: E402
from undegrade.training.objective import Adversary  # noqa: E402
from undegrade.training.recipe import Discriminator  # noqa: E402

VIEWS = ("input", "target", "output")
RANDOM = {"preset": "squeeze", "weights": "random"}


class Mean(nn.Module):
    """A regressor: the mean of the picture is its level."""

    def forward(self, x):
        return x.mean((1, 2, 3))[:, None]


@pytest.fixture
def views():
    generator = torch.Generator().manual_seed(0)
    made = {name: torch.rand(2, 3, 32, 32, generator=generator) for name in VIEWS}
    made["output"].requires_grad_()
    return made


@pytest.fixture
def critic():
    torch.manual_seed(0)
    return Adversary(nn.Conv2d(3, 1, 3), Discriminator("pixel"), "fp32")


def build(table, adversaries=None, regressor=None):
    device = torch.device("cpu")
    return objective.build(table, VIEWS, adversaries or {}, regressor, device, "fp32")


def value(table, views, progress=0.0, **others):
    total, parts = build(table, **others)(views, progress)
    return total.item(), {label: part.item() for label, part in parts.items()}


def test_a_weighted_sum_and_its_parts(views):
    out, target = views["output"], views["target"]
    total, parts = value({"l1": 2.0, "ssim": {"weight": 0.5}}, views)
    first, second = F.l1_loss(out, target).item(), pictures.ssim_loss(out, target).item()
    assert parts == pytest.approx({"l1": first, "ssim": second})
    assert total == pytest.approx(2 * first + 0.5 * second)


def test_views_labels_and_arguments(views):
    table = {
        "near": {"loss": "mse", "of": ["input", "target"]},
        "smooth": {"loss": "tv", "power": 1},
        "sharp": {"loss": "charbonnier", "epsilon": 0.1},
    }
    total, parts = value(table, views)
    assert parts["near"] == pytest.approx(F.mse_loss(views["input"], views["target"]).item())
    assert parts["smooth"] == pytest.approx(pictures.total_variation(views["output"], 1).item())
    expected = pictures.charbonnier(views["output"], views["target"], 0.1).item()
    assert parts["sharp"] == pytest.approx(expected)
    assert total == pytest.approx(sum(parts.values()))


def test_terms_count_in_their_part_of_the_stage(views):
    table = {"l1": {"until": 0.9}, "mse": {"from": 0.9}, "tv": {"from": 0.2, "until": 0.5}}
    counted = {p: set(value(table, views, p)[1]) for p in (0.0, 0.2, 0.5, 0.89, 0.9, 1.0)}
    assert counted == {
        0.0: {"l1"},
        0.2: {"l1", "tv"},
        0.5: {"l1"},
        0.89: {"l1"},
        0.9: {"mse"},
        1.0: {"mse"},
    }


def test_a_term_without_weight_costs_nothing(views):
    assert value({"l1": 1.0, "mse": 0.0, "ssim": None}, views)[1].keys() == {"l1"}


def test_the_total_reaches_the_output_and_the_parts_do_not(views):
    total, parts = build({"l1": 1.0})(views, 0.0)
    total.backward()
    assert views["output"].grad.abs().max() > 0
    assert not parts["l1"].requires_grad


def test_the_adversary_is_deceived(views, critic):
    table = {"l1": 1.0, "gan": {"loss": "adversarial", "weight": 0.5}}
    total, parts = value(table, views, adversaries={"d": critic})
    assert parts["gan"] == pytest.approx(critic.deceived(views).item())
    assert total == pytest.approx(parts["l1"] + 0.5 * parts["gan"])
    named = {"adversarial": {"discriminator": "d"}}
    assert value(named, views, adversaries={"d": critic})[0] == pytest.approx(parts["gan"])


def test_the_level_is_read_by_a_copy_of_the_regressor(views):
    regressor = nn.Sequential(nn.Conv2d(3, 3, 1), Mean())
    made = build({"level": {"mode": "mean"}}, regressor=regressor)
    expected = regressor(views["output"]).mean().item()
    with torch.no_grad():
        regressor[0].weight.zero_()
    total, _ = made(views, 0.0)
    assert total.item() == pytest.approx(expected)
    total.backward()
    assert views["output"].grad.abs().max() > 0
    assert regressor[0].bias.grad is None


def gradients(table, views, **others):
    """What each term alone, and what all together, want of the output."""
    made = build(table, **others)
    total, _ = made(views, 0.0)
    first = next(iter(table))
    alone = build({first: table[first]}, **others)(views, 0.0)[0]
    whole, one = (
        torch.autograd.grad(value, views["output"], retain_graph=True)[0]
        for value in (total, alone)
    )
    return one, whole - one


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_a_weight_beside_another_term_is_a_share_of_its_gradient(views, scale, critic):
    regressor = nn.Sequential(nn.Conv2d(3, 3, 3), Mean())
    with torch.no_grad():
        regressor[0].weight.mul_(scale)
    for term in (
        {"loss": "level", "mode": "mean"},
        {"loss": "adversarial"},
        {"loss": "mse"},
    ):
        table = {"l1": 3.0, "other": term | {"weight": 0.1, "beside": "l1"}}
        ours, theirs = gradients(table, views, regressor=regressor, adversaries={"d": critic})
        assert theirs.norm() / ours.norm() == pytest.approx(0.1, rel=1e-3)


def test_a_term_that_is_content_weighs_nothing(views):
    views["target"] = torch.ones_like(views["target"])
    table = {"l1": 1.0, "level": {"mode": "clamp", "weight": 0.1, "beside": "l1"}}
    ours, theirs = gradients(table, views, regressor=Mean())
    assert ours.abs().max() > 0
    assert theirs.abs().max() == 0


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ({"l1": 1.0, "mse": {"beside": "ssim"}}, "is no other term; there are: l1"),
        ({"mse": {"beside": "mse"}}, "is no other term; there are: none"),
        ({"l1": {"beside": "mse"}, "mse": {"beside": "l1"}}, "is itself weighed beside"),
        ({"l1": {"until": 0.5}, "mse": {"beside": "l1"}}, "does not count all the while"),
        ({"l1": 0.0, "mse": {"beside": "l1"}}, "does not count all the while"),
        ({"l1": {"of": ["input", "target"]}, "mse": {"beside": "l1"}}, "look at the output"),
        ({"l1": 1.0, "tv": {"beside": "l1", "of": ["input"]}}, "look at the output"),
    ],
)
def test_terms_that_cannot_be_weighed(table, why):
    with pytest.raises(RecipeError, match=why) as error:
        build(table)
    assert error.value.key.endswith(".beside")


@pytest.mark.parametrize("table", [{"content": RANDOM}, {"lpips": {"network": "random"}}])
def test_random_networks_are_the_same_ones_each_time(table, views):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = value(table, views)[0]
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert value(table, views)[0] == first > 0


def test_a_network_only_looks(views):
    made = build({"content": RANDOM})
    total, _ = made(views, 0.0)
    total.backward()
    module = made.terms[0].module
    assert not any(p.requires_grad for p in module.parameters())
    assert views["output"].grad.abs().max() > 0
    assert not any(part.training for part in module.network.network.modules())


@pytest.mark.parametrize(
    ("table", "key", "message"),
    [
        ({"l2": 1.0}, "losses.l2", "is not one of: adversarial, charbonnier"),
        ({"x": {"loss": "l2"}}, "losses.x", "is not one of"),
        ({"l1": "much"}, "losses.l1", "must hold numbers"),
        ({"l1": {"from": "now"}}, "losses.l1", "must hold numbers"),
        ({"l1": {"colour": 3}}, "losses.l1", "does not fit"),
        ({"consistency": 1.0}, "losses.consistency", "argument: 'scale'"),
        ({"colour": {"reduction": "most"}}, "losses.colour", "does not fit"),
        ({"l1": {"of": ["output", "truth"]}}, "losses.l1.of", "there are: input, target, output"),
        ({"l1": {"of": "output"}}, "losses.l1.of", "must list views"),
        ({"l1": {"of": ["output"]}}, "losses.l1.of", "must list 2 for 'l1'"),
        ({"tv": {"of": ["output", "target"]}}, "losses.tv.of", "must list 1 for 'tv'"),
        ({"content": {}}, "losses.content", "does not fit"),
        ({"content": {"preset": "x"}}, "losses.content", "no content loss is called 'x'"),
        ({"content": RANDOM | {"preset": "x"}}, "losses.content", "no content loss is called 'x'"),
        ({"content": RANDOM | {"network": "vgg16"}}, "losses.content", "preset 'squeeze' or of a"),
        (
            {"content": {"network": "x", "layers": {"relu1": 1}}},
            "losses.content",
            "no backbone is called 'x'",
        ),
        ({"content": RANDOM | {"weights": "good"}}, "losses.content", "'published' or 'random'"),
        ({"content": RANDOM | {"colour": 3}}, "losses.content", "does not fit"),
        ({"adversarial": 1.0}, "losses.adversarial.discriminator", "is none of: none"),
        ({"level": 1.0}, "losses.level", "needs a regressor"),
        ({"l1": {"from": 0.1}}, "losses", "hold none that counts at 0"),
        ({"l1": {"until": 0.5}, "mse": {"from": 0.6}}, "losses", "hold none that counts at 0.5"),
        ({"l1": 0.0}, "losses", "hold none that counts at 0"),
    ],
)
def test_what_a_recipe_may_not_ask_for(table, key, message):
    with pytest.raises(RecipeError) as error:
        build(table)
    assert error.value.key == key
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("term", "key"),
    [
        ({"discriminator": "e"}, "discriminator"),
        ({"colour": 3}, "colour"),
        ({"of": ["output", "target"]}, "of"),
    ],
)
def test_what_an_adversary_does_not_take(term, key, critic):
    with pytest.raises(RecipeError) as error:
        build({"adversarial": term}, adversaries={"d": critic})
    assert error.value.key == f"losses.adversarial.{key}"


def test_lpips_of_an_unknown_network():
    with pytest.raises(ModelError, match="no LPIPS on 'x'"):
        build({"lpips": {"network": "x"}})
