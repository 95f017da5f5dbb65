"""Measure speed, as ratios in one run; needs the ``dev`` extra.

    python benchmarks/speed.py [--peer FILE.onnx] [--json FILE] [--write]
    python benchmarks/speed.py --device openvino
    python benchmarks/speed.py --beside [--json FILE]

Networks: megapixels of output per second on equal windows, in the same runtime and the same
process, taking turns, the median of several runs. The yardstick is the architecture of
Real-ESRGAN's compact x4 network (64 channels, 32 convolutions, PReLU), with random weights unless
its file is given. Commands: wall time of whole processes, the best of several runs.

--device sets networks on another device beside those on the CPU, and measures nothing else; both
in float32, and in 8 bit where there are such weights.

--beside measures nothing but which part of the time of a command, from its start to its file, its
networks do not take: decoding, diagnosis, tiles, colours, encoding and all the rest.

--write puts the seconds per megapixel and the machine's name into the cards.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from cases import noisy_photo, run_command, run_python
from onnx import TensorProto, helper, numpy_helper
from pages import change_card, keep

from undegrade.catalog import Card, Catalog, Model
from undegrade.evaluation.provenance import machine
from undegrade.runtime import Network, WholePhoto, open_network

WINDOW = 256
"""Side of the low-resolution window; same-size networks get twice that."""
ROUNDS = 7


def compact_network(path: Path, channels: int = 64, convs: int = 32, scale: int = 4) -> Path:
    """The compact architecture of Real-ESRGAN (SRVGGNetCompact) with random weights."""
    rng = np.random.default_rng(0)
    nodes, weights = [], []

    def convolution(name: str, source: str, c_in: int, c_out: int) -> str:
        kernel = rng.normal(0, 0.02, (c_out, c_in, 3, 3)).astype(np.float32)
        weights.append(numpy_helper.from_array(kernel, f"{name}.weight"))
        weights.append(numpy_helper.from_array(np.zeros(c_out, np.float32), f"{name}.bias"))
        inputs = [source, f"{name}.weight", f"{name}.bias"]
        nodes.append(helper.make_node("Conv", inputs, [name], pads=[1, 1, 1, 1]))
        return name

    current, width = "input", 3
    for i in range(convs + 1):
        current = convolution(f"conv{i}", current, width, channels)
        slope = np.full((channels, 1, 1), 0.1, np.float32)
        weights.append(numpy_helper.from_array(slope, f"slope{i}"))
        nodes.append(helper.make_node("PRelu", [current, f"slope{i}"], [f"act{i}"]))
        current, width = f"act{i}", channels
    current = convolution("last", current, channels, 3 * scale**2)
    nodes.append(
        helper.make_node("DepthToSpace", [current], ["shuffled"], blocksize=scale, mode="CRD")
    )
    sizes = numpy_helper.from_array(np.array([1, 1, scale, scale], np.float32), "sizes")
    weights.append(sizes)
    nodes.append(helper.make_node("Resize", ["input", "", "sizes"], ["near"], mode="nearest"))
    nodes.append(helper.make_node("Add", ["shuffled", "near"], ["output"]))
    picture = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, "h", "w"])
    result = helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 3, "H", "W"])
    graph = helper.make_graph(nodes, "compact", [picture], [result], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, path)
    return path


def network_speeds(networks: dict[Any, Network]) -> dict[Any, float]:
    """Megapixels of output per second of each network, taking turns."""
    seconds: dict[Any, list[float]] = {name: [] for name in networks}
    rng = np.random.default_rng(0)
    for turn in range(ROUNDS + 1):
        for name, network in networks.items():
            side = WINDOW if network.card.scale > 1 else 2 * WINDOW
            window = rng.random((1, 3, side, side), dtype=np.float32)
            started = time.perf_counter()
            seen = network.card.thumbnail
            whole = WholePhoto(np.full((1, 3, seen, seen), 0.5, np.float32), side, side)
            network.run(window, [0.5] * len(network.card.levels), whole)
            if turn:  # the first run plans and allocates
                seconds[name].append(time.perf_counter() - started)
    speeds = {}
    for name, network in networks.items():
        side = WINDOW * network.card.scale if network.card.scale > 1 else 2 * WINDOW
        speeds[name] = side * side / 1e6 / statistics.median(seconds[name])
    return speeds


def compare_devices(device: str) -> None:
    """Print the speed of every network on the CPU and on *device*."""
    opened = {
        (name, precision, on): open_network(model, precision=precision, device=on)
        for name, model in Catalog().enhancing.items()
        for precision in (("fp32", "int8") if model.card.int8 else ("fp32",))
        for on in ("cpu", device)
    }
    speeds = network_speeds(opened)
    print(f"{'network':<26}{'cpu, MP/s':>12}{device:>12}{'ratio':>8}")
    for name, precision in dict.fromkeys(key[:2] for key in opened):
        here, there = speeds[name, precision, "cpu"], speeds[name, precision, device]
        label = f"{name}, {precision}"
        print(f"{label:<26}{here:12.2f}{there:12.2f}{there / here:8.2f}")


def command_times(rounds: int = 3) -> dict[str, float]:
    """Best wall time in seconds of whole commands."""
    with tempfile.TemporaryDirectory() as folder:
        large = noisy_photo(Path(folder) / "large.jpg", 4000, 3000)
        small = noisy_photo(Path(folder) / "small.jpg", 816, 612)
        out, fast = ("-o", str(Path(folder) / "out.jpg")), ("--effort", "fast")
        commands = {
            "undegrade --help": ("--help",),
            "enhance a 0.5 MP JPEG (restore)": ("enhance", str(small), *out),
            "enhance a 12 MP JPEG (restore)": ("enhance", str(large), *out),
            "enhance a 12 MP JPEG, --effort fast": ("enhance", str(large), *out, *fast),
        }
        return {
            name: min(run_command(*arguments).seconds for _ in range(rounds))
            for name, arguments in commands.items()
        }


WATCHED = """
import time
import onnxruntime
plain, spent = onnxruntime.InferenceSession.run, {"networks": 0.0, "diagnosis": 0.0}
def run(session, names, feed, *rest):
    started = time.perf_counter()
    try:
        return plain(session, names, feed, *rest)
    finally:
        spent["diagnosis" if "crops" in feed else "networks"] += time.perf_counter() - started
onnxruntime.InferenceSession.run = run
from undegrade.__main__ import main
try:
    main()
finally:
    print(spent["networks"], spent["diagnosis"])
"""
"""A command whose networks are timed; those of the diagnosis are not among what enhances."""


def beside_networks(width: int, height: int, rounds: int = 3) -> dict[str, float]:
    """Seconds of `undegrade enhance` on a noisy JPEG, of its networks, and the share of the rest.

    By the quickest of several runs.
    """
    found = []
    with tempfile.TemporaryDirectory() as folder:
        photo = noisy_photo(Path(folder) / "photo.jpg", width, height)
        for _ in range(rounds):
            ran = run_python("-c", WATCHED, "enhance", str(photo), "-o", f"{folder}/out.jpg")
            networks, diagnosis = map(float, ran.output.split()[-2:])
            found.append((ran.seconds, networks, diagnosis))
    whole, networks, diagnosis = min(found)
    return {
        "seconds": whole,
        "networks": networks,
        "diagnosis": diagnosis,
        "beside": 1 - networks / whole,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--device", help="see `undegrade doctor`")
    parser.add_argument("--beside", action="store_true")
    options = parser.parse_args()
    if options.beside:
        parts = {"12 MP": beside_networks(4000, 3000), "24 MP": beside_networks(6000, 4000)}
        print(machine())
        for name, part in parts.items():
            print(name, *(f"{key} {value:.3f}" for key, value in part.items()), sep="  ")
        if options.json:
            keep(options.json, {"beside": parts})
        return
    if options.device:
        print(machine())
        compare_devices(options.device)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = options.peer or compact_network(Path(folder) / "compact.onnx")
        card = Card(name="compact", task="sr", file=path.name, sha256="", scale=4)
        models = {"Real-ESRGAN compact x4": Model(card, path)} | Catalog().enhancing
        opened = {name: open_network(m, precision="fp32") for name, m in models.items()}
        speeds = network_speeds(opened)
    yardstick = speeds["Real-ESRGAN compact x4"]
    print(machine())
    print(f"{'network':<26}{'MP/s':>8}{'ratio':>8}")
    for name, speed in speeds.items():
        print(f"{name:<26}{speed:8.2f}{speed / yardstick:8.2f}")
    times = command_times()
    print(f"\n{'command':<40}{'seconds':>8}")
    for name, seconds in times.items():
        print(f"{name:<40}{seconds:8.2f}")
    if options.json:
        about = {"machine": machine(), "megapixels_per_second": speeds, "seconds": times}
        keep(options.json, about)
    if options.write:
        for name, model in Catalog().enhancing.items():
            seconds = round(1 / speeds[name], 3)
            change_card(model, seconds_per_megapixel=seconds, machine=machine())


if __name__ == "__main__":
    main()
