"""A shipped network in 8 bit: calibrated on training photos, judged on those held out.

Ranges come from crops damaged as in training, every level and undamaged ones included, so that
activations are what they will be; and from coloured squares, whose edges no photo has, but many a
drawing and screenshot. See :mod:`undegrade.training.quantised_graph` for the rest.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor

from undegrade.catalog import Card, Model, read_weights, sha256, write_card
from undegrade.errors import ModelError, OutputError, UsageError
from undegrade.imaging.jpeg_tables import jpeg_level
from undegrade.runtime import Network, WholePhoto, open_network, open_session
from undegrade.runtime.device import MOST_LOSS
from undegrade.training import degradations
from undegrade.training.data.photos import load
from undegrade.training.data.sources import Reading
from undegrade.training.quantised_graph import Pair, Ranges, find_pairs, quantised, with_extremes
from undegrade.training.tasks import Batch, Photos, Task
from undegrade.training.tasks.pairs import GuidedTask, LowlightTask, ToldLowlightTask
from undegrade.training.tasks.restore import LEVELS, RestoreTask, told_alike, told_white
from undegrade.training.tasks.sr import SrTask

HELD_OUT = 16
"""Photos on which the loss is measured, evenly spaced; those that training holds out, too, where
it learns from the same sources."""
CROPS, PATCH = 128, 64
"""Number and side of the crops by which ranges are found."""
SQUARES = 32
"""Number of crops of coloured squares."""
PART = 8
"""Crops drawn at once for networks that see a thumbnail: all of a batch lie at one place of what
stands for their photo, which is far larger than they are."""
UNSEEN = 1 << 40
"""Seed of the squares on which the loss is measured."""
KEPT = 0.85
"""Part of the ranges found that is kept: the rarest values are clipped, all others rounded less."""
SIDE = 192
"""Side of the crops on which the loss is measured, in pixels of the truth."""
CONTEXT = 320
"""Side of what stands for the whole photo, for networks that see a thumbnail of it."""
MEMORY = 0.25
"""GiB of decoded photos kept."""
LIGHT_SIGMA, LIGHT_QUALITY = 5.0, 90
"""Light damage on which the loss is measured, too: where little is wrong, rounding shows most."""


def write_int8(
    model: Model, sources: Sequence[str | Path], folder: Path, seed: int = 0
) -> tuple[Card, dict[str, float]]:
    """Put *model* in 8 bit beside its weights and its card in *folder*.

    Where that loses ``MOST_LOSS`` or more, the pairs that it harms most stay in float.

    Parameters
    ----------
    sources: training photos, see :func:`undegrade.training.data.photos.load`.
    folder: may be the model's own, whose card is then rewritten.
    seed: of the crops and of their damage.

    Returns
    -------
    The card with its new keys, and the PSNR lost in dB for each kind of damage.

    Raises
    ------
    UsageError: a network for another task.
    ModelError: a network without residual pairs.
    InputError: a photo is broken or too small.
    OutputError: *folder* cannot be written.
    """
    task = _task(model.card)
    photos, held = load(sources, HELD_OUT, reading=Reading(memory=MEMORY))
    data = read_weights(model)
    graph = onnx.load_from_string(data)
    pairs = find_pairs(graph)
    if not pairs:
        raise ModelError(
            f"{model.card.name!r} has no residual pairs, of which 8 bit takes hold",
            "run it in float32",
        )
    crops = [
        *_drawn(task, photos, _parts(task, CROPS), PATCH, seed),
        *_drawn(task, ColouredSquares(), _parts(task, SQUARES), PATCH, seed),
    ]
    ranges = _find_ranges(graph, pairs, crops).narrowed(KEPT)
    made, losses = _chosen(model, data, pairs, ranges, _validation(task, held))
    # A gain is chance, by photos that happen to suit the rounding: nobody is to be promised it.
    lost = max(0.0, *losses.values())
    card = replace(
        model.card,
        int8=f"{model.card.name}-int8.onnx",
        int8_loss_db=round(lost, 3),
        int8_seconds_per_megapixel=0.0,
    )
    path = folder / card.int8
    try:
        folder.mkdir(parents=True, exist_ok=True)
        onnx.save(made, path)
        if not (folder / card.file).exists() or not model.path.samefile(folder / card.file):
            shutil.copyfile(model.path, folder / card.file)
    except OSError as error:
        raise OutputError(f"cannot write to {folder}: {error.strerror}", "check it") from None
    card = replace(card, int8_sha256=sha256(path))
    (folder / f"{card.name}.toml").write_text(write_card(card), encoding="utf-8")
    return card, losses


def _task(card: Card) -> Task:
    """What the network of *card* has learnt; raises :class:`UsageError` for other tasks."""
    tasks: dict[tuple[str, tuple[str, ...]], Task] = {
        ("restore", LEVELS): RestoreTask(),
        ("sr", ()): SrTask(card.scale),
        ("lowlight", ()): LowlightTask(),
        ("lowlight", ("lift",)): ToldLowlightTask(),
    }
    if found := tasks.get((card.task, card.levels)):
        return GuidedTask(found, CONTEXT) if card.thumbnail else found
    told = f"told of {' and '.join(card.levels)}" if card.levels else "told no levels"
    raise UsageError(
        f"8 bit is for restorers told of {', '.join(LEVELS)}, for super-resolution and for low "
        f"light; {card.name!r} does {card.task!r}, {told}",
        "run it in float32",
    )


class ColouredSquares:
    """Squares of 8 pixels in random colours, drawn as crops of photos are."""

    SQUARE = 8

    def crops(self, count: int, size: int, generator: torch.Generator) -> Tensor:
        """(count, 3, size, size) uint8."""
        number = -(-size // self.SQUARE)
        colours = torch.randint(
            0, 256, (count, 3, number, number), generator=generator, dtype=torch.uint8
        )
        squares = colours.repeat_interleave(self.SQUARE, 2).repeat_interleave(self.SQUARE, 3)
        return squares[..., :size, :size]


def _parts(task: Task, count: int) -> list[int]:
    """How many of *count* crops are drawn at once: all, or a few for networks with a thumbnail."""
    if not isinstance(task, GuidedTask):
        return [count]
    return [min(PART, count - first) for first in range(0, count, PART)]


def _drawn(task: Task, photos: Photos, counts: Sequence[int], patch: int, seed: int) -> list[Batch]:
    """Damaged crops of every kind, undamaged ones among them, in batches of *counts*."""
    generator = torch.Generator().manual_seed(seed)
    draw = task.graded if isinstance(task, RestoreTask) else task.batch
    return [draw(photos, count, patch, generator) for count in counts]


def _find_ranges(graph: onnx.ModelProto, pairs: Sequence[Pair], batches: Sequence[Batch]) -> Ranges:
    """What the tensors of *pairs* reach on *batches*."""
    names = list(dict.fromkeys(n for pair in pairs for n in (pair.input, pair.hidden, pair.added)))
    session = open_session(with_extremes(graph, names).SerializeToString(), "the network")
    inputs = [value.name for value in session.get_inputs()]
    ranges = Ranges()
    for batch, sample in ((b, s) for b in batches for s in range(len(b.target))):
        feed = {
            name: values[sample : sample + 1].numpy()
            for name, values in zip(inputs, batch.inputs, strict=True)
        }
        extremes = session.run(None, feed)
        for name, high, low in zip(names, extremes[::2], extremes[1::2], strict=True):
            ranges.widen(name, high, low)
    return ranges


def _validation(task: Task, held: list[Tensor]) -> dict[str, Batch]:
    """The batches by which training is judged, coloured squares, and light damage."""
    batches = task.validation(held, SIDE)
    (batches["squares"],) = _drawn(task, ColouredSquares(), [len(held)], PATCH, UNSEEN)
    if not isinstance(task, RestoreTask):
        return batches
    clean = batches["noise15"].target
    generator = torch.Generator().manual_seed(0)
    sigmas = torch.full((len(clean),), LIGHT_SIGMA)
    qualities = torch.full((len(clean),), LIGHT_QUALITY)
    noisy = degradations.gaussian_noise(clean, sigmas, generator)
    coded = degradations.jpeg(clean, qualities)
    batches["light noise"] = told_alike(noisy, clean, told_white(LIGHT_SIGMA, 0.0))
    light = jpeg_level(LIGHT_QUALITY)
    batches["light jpeg"] = told_alike(coded, clean, told_white(0.0, light))
    return batches


def _chosen(
    model: Model, data: bytes, pairs: Sequence[Pair], ranges: Ranges, batches: dict[str, Batch]
) -> tuple[onnx.ModelProto, dict[str, float]]:
    """The network with *pairs* in 8 bit and what that loses, but for those that lose too much."""
    floats = _scores(open_network(model, device="cpu", precision="fp32"), batches)

    def tried(chosen: Sequence[Pair]) -> tuple[onnx.ModelProto, dict[str, float]]:
        made = quantised(onnx.load_from_string(data), chosen, ranges, sha256(model.path))
        scores = _scores(_opened(model, made), batches)
        return made, {name: floats[name] - scores[name] for name in batches}

    made, losses = tried(pairs)
    while max(losses.values()) >= MOST_LOSS and len(pairs) > 1:
        fewer = [[*pairs[:left_out], *pairs[left_out + 1 :]] for left_out in range(len(pairs))]
        outcomes = [(chosen, *tried(chosen)) for chosen in fewer]
        pairs, made, losses = min(outcomes, key=lambda outcome: max(outcome[2].values()))
    return made, losses


def _opened(model: Model, made: onnx.ModelProto) -> Network:
    """*model* in 8 bit as *made*, which has no file of its own yet."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copy(model.path, folder))
        path = copy.with_name("int8.onnx")
        onnx.save(made, path)
        card = replace(model.card, int8=path.name, int8_sha256=sha256(path))
        return open_network(Model(card, copy), device="cpu", precision="int8")


def _scores(network: Network, batches: dict[str, Batch]) -> dict[str, float]:
    return {name: _psnr(network, batch) for name, batch in batches.items()}


def _psnr(network: Network, batch: Batch) -> float:
    """Mean PSNR in dB over RGB of 8-bit outputs."""
    values = []
    for sample, truth in enumerate(batch.target.numpy()):
        picture, *told = (x[sample : sample + 1].numpy() for x in batch.inputs)
        whole = None
        if network.card.thumbnail:
            thumbnail, place, *told = told
            top, left, pixel_height, pixel_width = place[0]
            height, width = round(1 / pixel_height), round(1 / pixel_width)
            corner = round(top * height), round(left * width)
            whole = WholePhoto(thumbnail, height, width, *corner)
        output = network.run(picture, told[0] if told else (), whole)[0]
        made = np.rint(np.clip(output, 0, 1) * 255) / 255
        values.append(-10 * np.log10(max(float(np.mean((made - truth) ** 2)), 1e-10)))
    return float(np.mean(values))
