"""ONNX Runtime sessions: one network, opened once, run on windows."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from undegrade.catalog import Card, Model, read_int8, read_weights
from undegrade.errors import ModelError, first_line
from undegrade.imaging.arrays import Floats
from undegrade.runtime import openvino
from undegrade.runtime.device import (
    CPU,
    PROVIDERS,
    choose_precision,
    cores,
    has_dot_products,
    providers,
)
from undegrade.runtime.memory import give_back_freed_memory
from undegrade.runtime.onnx_file import metadata, mixed_weights
from undegrade.runtime.thumbnail import WholePhoto

if TYPE_CHECKING:
    import onnxruntime

Session: TypeAlias = "onnxruntime.InferenceSession | FallingBack"
"""What runs a network."""

MADE_FROM = "made_from"
"""Under this key an int8 file names the sha256 of the float file that it stands for."""


@dataclass(frozen=True)
class Turn:
    """One of the symmetries of a square, on planes (..., H, W).

    A network was trained on all of them alike, so its answers differ by what it does not know, and
    the mean is surer than each ("self-ensemble": Timofte et al., "Seven Ways to Improve
    Example-Based Single Image Super Resolution", CVPR 2016). A window is turned with all of its
    margin, whose sides are multiples of the network's own, so tiles stay exact; a thumbnail of the
    whole and the window's place in it are turned along.
    """

    swaps: bool
    """Whether rows and columns are exchanged, before all else."""
    flips: tuple[int, ...]
    """Axes that are mirrored, -2 and -1."""

    def forth(self, planes: Floats) -> Floats:
        """*planes* turned, as a view."""
        turned = planes.swapaxes(-2, -1) if self.swaps else planes
        return np.flip(turned, self.flips)

    def back(self, planes: Floats) -> Floats:
        """What *planes* were before they were turned, as a view."""
        straight = np.flip(planes, self.flips)
        return straight.swapaxes(-2, -1) if self.swaps else straight

    def whole(self, photo: WholePhoto, at: tuple[int, int], size: tuple[int, int]) -> WholePhoto:
        """*photo*, turned, as a window of *size* sees it that begins *at* a row and a column."""
        begin = [photo.top + at[0], photo.left + at[1]]
        length, sides = list(size), [photo.height, photo.width]
        if self.swaps:
            begin, length, sides = begin[::-1], length[::-1], sides[::-1]
        for axis in self.flips:
            begin[axis] = sides[axis] - begin[axis] - length[axis]
        thumbnail = np.ascontiguousarray(self.forth(photo.thumbnail))
        return WholePhoto(thumbnail, *sides, *begin)


TURNS = tuple(
    Turn(swaps, flips) for swaps, flips in product((False, True), ((), (-2,), (-1,), (-2, -1)))
)
"""All eight, over which the effort ``best`` averages, the picture as it is first."""


@dataclass(frozen=True)
class Network:
    """An open network. ``run`` may be called from several threads at once."""

    card: Card
    _session: Session
    precision: str = "fp32"
    """``fp32`` or ``int8``."""
    averages: bool = False
    """Whether a run is the mean of eight, one for each of :data:`TURNS`."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What did not go as it was asked for, until now."""
        failed = isinstance(self._session, FallingBack) and self._session.note
        return (failed,) if failed else ()

    def run(
        self,
        windows: Floats,
        levels: Sequence[float] | Floats = (),
        whole: WholePhoto | None = None,
        at: tuple[int, int] = (0, 0),
    ) -> Floats:
        """Run (1, 3, h, w) sRGB in [0, 1]; *levels* as the card orders them, one value each.

        Where the card names a thumbnail, *whole* is the picture whose part begins *at* a row and a
        column of it.

        Returns (1, 3, scale * h, scale * w), not clipped.
        """
        if self.averages:
            return self._mean(windows, levels, whole, at)
        inputs = self._session.get_inputs()
        feed: dict[str, Any] = {inputs[0].name: windows}
        if self.card.levels:
            level = np.asarray(levels, np.float32)
            name = "level" if self.card.thumbnail else inputs[1].name
            feed[name] = level.reshape(1, len(self.card.levels), 1, 1)
        if self.card.thumbnail:
            assert whole is not None
            feed["thumbnail"] = whole.thumbnail
            if any(one.name == "place" for one in inputs):
                feed["place"] = whole.place(*at)
        output: Floats = self._session.run(None, feed)[0]
        return output

    def _mean(
        self,
        windows: Floats,
        levels: Sequence[float] | Floats,
        whole: WholePhoto | None,
        at: tuple[int, int],
    ) -> Floats:
        """As :meth:`run`, over all turns; one sum more in memory, and a turned window."""
        plain, (height, width) = replace(self, averages=False), windows.shape[2:]
        total = np.zeros((1, 3, height * self.card.scale, width * self.card.scale), np.float32)
        for turn in TURNS:
            seen = whole and turn.whole(whole, at, (height, width))
            total += turn.back(plain.run(np.ascontiguousarray(turn.forth(windows)), levels, seen))
        total /= np.float32(len(TURNS))
        return total


def open_session(
    data: bytes,
    name: str,
    *,
    threads: int | None = None,
    device: str = "cpu",
    exact: bool = False,
    remedy: str = "check it",
) -> Session:
    """A session on the ONNX file *data*; every network here is run by one.

    Parameters
    ----------
    name: what the file is called in messages.
    threads: threads inside one operator; by default every core of this process.
    device: one of :data:`undegrade.runtime.device.DEVICES`; the CPU takes over what fails there.
    exact: multiply bytes exactly on CPUs whose fast way of doing it saturates.
    remedy: what to do about a file that cannot be opened.

    Raises
    ------
    ModelError: it cannot, or there is no such device.
    """
    import onnxruntime as ort

    give_back_freed_memory()
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads or cores()
    options.inter_op_num_threads = 1
    # The arena never gives memory back, and keeps what the largest tile ever needed.
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4  # errors are raised, not printed
    # Spinning threads would take the cores from decoding, encoding and other processes.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if exact and not has_dot_products():
        options.add_session_config_entry("session.x64quantprecision", "1")

    def on(*providers: str) -> Any:
        if providers[0] == PROVIDERS["openvino"] and openvino.is_installed():
            return openvino.OpenVinoSession(data, threads or cores())
        # Its own way to fall back prints, and says nothing to whoever called.
        return ort.InferenceSession(data, options, providers=list(providers), enable_fallback=0)

    known = providers(device)
    try:
        if known == [CPU]:
            return on(CPU)
        return FallingBack(name, device, lambda: on(*known), lambda: on(CPU))
    except Exception as error:  # whatever a foreign file may raise
        what = f"{name} is not a usable ONNX file: {first_line(error)}"
        raise ModelError(what, remedy) from None


class FallingBack:
    """Runs on the first of two devices until it fails there, and from then on the CPU.

    Drivers differ in what they can do, and tell it when a graph is opened, or not before it runs.

    Parameters
    ----------
    name: of the network, in :attr:`note`.
    device: of ``first``.
    first, cpu: open a session.
    """

    def __init__(
        self,
        name: str,
        device: str,
        first: Callable[[], onnxruntime.InferenceSession | openvino.OpenVinoSession],
        cpu: Callable[[], onnxruntime.InferenceSession],
    ) -> None:
        self._name, self._device, self._open_cpu = name, device, cpu
        self._lock = threading.Lock()
        self.note = ""
        """What failed, in one sentence; empty where nothing has."""
        self._session: onnxruntime.InferenceSession | openvino.OpenVinoSession
        try:
            self._session = first()
        except Exception as error:  # whatever a driver may raise
            self._fall_back(error)

    def run(self, outputs: None, feed: dict[str, Any]) -> Any:
        """As of ONNX Runtime's session; raises what the CPU does."""
        session = self._session
        try:
            return session.run(outputs, feed)
        except Exception as error:  # whatever a driver may raise
            with self._lock:
                if self.note and session is self._session:
                    raise
                if not self.note:
                    self._fall_back(error)
            return self._session.run(outputs, feed)

    def get_inputs(self) -> Any:
        """As of ONNX Runtime's session."""
        return self._session.get_inputs()

    def _fall_back(self, error: Exception) -> None:
        self._session = self._open_cpu()
        failed = f"{self._name} fails on {self._device!r} and was run on the CPU"
        self.note = f"{failed}: {first_line(error)}"


def open_network(
    model: Model,
    *,
    threads: int | None = None,
    device: str = "auto",
    vivid: Model | None = None,
    detail: float = 0.0,
    precision: str = "auto",
) -> Network:
    """Check the weights against their card and open a session on them.

    Parameters
    ----------
    threads: threads inside one operator; by default every core of this process.
    device: one of :data:`undegrade.runtime.device.DEVICES`; the CPU takes over what fails there.
    vivid: the same network with other weights (:func:`undegrade.catalog.vivid_of`).
    detail: how far the weights go towards those of *vivid*, 0 to 1.
    precision: ``auto``, ``fp32`` or ``int8``; see :func:`choose_precision`.

    Raises
    ------
    ModelError: the file is damaged, cannot be opened, is not the same network as *vivid*, or was
        made in 8 bit from other weights.
    UsageError: ``int8`` is asked for and impossible.
    """
    mixed = vivid is not None and detail > 0
    precision = choose_precision(model, precision, device=device, mixed=mixed)
    if precision == "int8":
        data, name = read_int8(model), model.card.int8
    else:
        data = mixed_weights(model, vivid, detail) if vivid else read_weights(model)
        name = model.path.name
    remedy = "check the file with `undegrade models verify`"
    session = open_session(
        data, name, threads=threads, device=device, exact=precision == "int8", remedy=remedy
    )
    origin = metadata(data).get(MADE_FROM, "") if precision == "int8" else ""
    if origin and model.card.sha256 and origin != model.card.sha256:
        raise ModelError(
            f"{model.card.int8!r} was made from other weights than those of {model.card.name!r}",
            "make it again: undegrade quantise, or use --precision fp32",
        )
    return Network(model.card, session, precision)
