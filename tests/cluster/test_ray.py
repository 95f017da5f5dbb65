"""A small Ray of this machine: every object once, going on, and Python's own ways in."""

from __future__ import annotations

import signal

import numpy as np
import pytest

pytest.importorskip("ray", reason="needs undegrade[cluster]")
pytest.importorskip("fsspec", reason="needs undegrade[cluster]")

from ray.actor import ActorHandle

from tests.cluster.running import check_whole, command, fill, rows, small_ray, uri
from undegrade.cluster import ROW, Cluster, Enhance, WorkerSettings, run
from undegrade.cluster.ray_data import DEATHS, EnhanceUnits, unheard
from undegrade.errors import UsageError
from undegrade.plan import Wishes
from undegrade.work import Order

pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's own


@pytest.fixture(scope="module")
def address():
    with small_ray() as address:
        yield address


def test_a_whole_run_and_one_after_it(address, tmp_path):
    keys = fill(tmp_path / "in", 24)
    where = Cluster("auto", batch_megapixels=0.05)  # two units
    told = []
    at = (uri(tmp_path / "in"), uri(tmp_path / "out"), WorkerSettings())
    tally = run(*at, where, on_rows=lambda tally: told.append((tally.done, tally.listed)))
    assert tally.objects == {"enhanced": 24, "failed": 1}
    assert tally.reasons == {"InputError": 1}
    assert tally.failures[0][0].endswith("bad000.png")
    assert told[-1] == (25, 25)
    check_whole(tmp_path / "out", keys, 1)
    again = run(*at, where)
    assert (again.done, again.skipped) == (0, 25)


def test_what_does_not_fit_is_told(address, tmp_path):
    fill(tmp_path / "in", 1, 0)
    at = (uri(tmp_path / "in"), uri(tmp_path / "out"), WorkerSettings())
    with pytest.raises(UsageError, match="no worker fits"):
        run(*at, Cluster("auto", cpus_per_task=64))
    with pytest.raises(UsageError, match="no worker fits"):
        run(*at, Cluster("auto", gpus_per_task=1))
    with pytest.raises(UsageError, match="memory of this process"):
        run(at[0], "memory://out", at[2], Cluster("auto"))


def test_the_device_follows_what_ray_has_promised():
    assert Cluster("auto").fitted(WorkerSettings()).device == "cpu"
    assert Cluster("auto", gpus_per_task=0.5).fitted(WorkerSettings()).device == "gpu"
    with pytest.raises(UsageError, match="--device gpu"):
        Cluster("auto").fitted(WorkerSettings(device="gpu"))


class Deadly(EnhanceUnits):
    """Ends its process at one photo."""

    def one(self, source, target, version=""):
        if "00002" in source:
            import os

            os._exit(1)
        return super().one(source, target, version)


def test_a_photo_that_kills_its_workers_takes_no_other_with_it(address, tmp_path, monkeypatch):
    from ray import cloudpickle

    import tests.cluster.test_ray as here
    from undegrade.cluster import ray_data

    cloudpickle.register_pickle_by_value(here)
    monkeypatch.setattr(ray_data, "EnhanceUnits", Deadly)
    monkeypatch.setattr(ray_data, "DEATHS", 0)
    assert DEATHS > 0
    keys = fill(tmp_path / "in", 6, 0)
    where = Cluster("auto", batch_megapixels=0.05, workers=1)
    at = (uri(tmp_path / "in"), uri(tmp_path / "out"), WorkerSettings())
    tally = run(*at, where, suffix=".webp")
    assert tally.objects == {"enhanced": len(keys) - 1, "failed": 1}
    assert tally.reasons == {"crash": 1}
    assert "00002" in tally.failures[0][0]
    assert len(list((tmp_path / "out").rglob("*.png.webp"))) == len(keys) - 1


def test_map_batches_by_hand(address, tmp_path):
    import ray.data

    keys = fill(tmp_path / "in", 4)
    names = [*keys, "bad000.png"]
    table = [
        {"input": uri(tmp_path / "in" / n), "output": uri(tmp_path / "out" / n)} for n in names
    ]
    done = ray.data.from_items(table).map_batches(
        Enhance,
        fn_constructor_args=(WorkerSettings(Order(Wishes("restore"))),),
        batch_size=2,
        compute=ray.data.ActorPoolStrategy(size=1),
    )
    made = done.take_all()
    states = {row["input"]: row["status"] for row in made}
    expected = ["enhanced"] * 4 + ["failed"]
    assert states == {row["input"]: state for row, state in zip(table, expected, strict=True)}
    assert all(set(row) == set(ROW) for row in made)  # its schema would run it again


def test_a_frame_as_spark_hands_it_over(tmp_path):
    pandas = pytest.importorskip("pandas")
    keys = fill(tmp_path / "in", 3, 0)
    enhance = Enhance(WorkerSettings())

    def pages(frames):  # what mapInPandas takes: frames in, frames out
        for frame in frames:
            yield pandas.DataFrame(enhance(frame))

    frame = pandas.DataFrame(
        {
            "input": [uri(tmp_path / "in" / k) for k in keys],
            "output": [uri(tmp_path / "out" / k) for k in keys],
        }
    )
    (done,) = pages(iter([frame]))
    assert list(done["status"]) == ["enhanced"] * 3
    assert done["megapixels"].dtype == np.float64
    assert {key: kind for key, kind in ROW.items() if done[key].dtype == bool} == {"passing": bool}


def test_a_frame_of_dask(tmp_path):
    pytest.importorskip("dask.dataframe")
    import dask.dataframe
    import pandas

    keys = fill(tmp_path / "in", 4, 0)
    frame = pandas.DataFrame(
        {
            "input": [uri(tmp_path / "in" / k) for k in keys],
            "output": [uri(tmp_path / "out" / k) for k in keys],
        }
    )

    def page(part):
        return pandas.DataFrame(Enhance(WorkerSettings())(part))

    meta = pandas.DataFrame({key: pandas.Series(dtype=kind) for key, kind in ROW.items()})
    parts = dask.dataframe.from_pandas(frame, npartitions=2).map_partitions(page, meta=meta)
    assert list(parts.compute(scheduler="sync")["status"]) == ["enhanced"] * 4


def test_a_handle_that_ctrl_c_left_half_made_is_not_heard(monkeypatch):
    told = []
    monkeypatch.setattr("sys.unraisablehook", unheard(lambda what: told.append(what.exc_type)))
    ActorHandle.__new__(ActorHandle)

    class Other:
        def __del__(self):
            raise AttributeError

    Other()
    assert told == [AttributeError]


def test_ctrl_c_keeps_what_is_done_and_ray_is_quiet(address, tmp_path):
    fill(tmp_path / "in", 24, 1, side=256)
    at = (str(tmp_path / "in"), str(tmp_path / "out"))
    process = command(*at, "--address", address, "--batch", "0.01", "--workers", "1")
    said = []
    for line in process.stderr:
        said.append(line)
        if "objects/s" in line and not line.startswith("0 of"):
            process.send_signal(signal.SIGINT)
            break
    output, rest = process.communicate(timeout=240)
    said += rest.splitlines()
    assert process.returncode == 130, said
    assert all("objects/s" in line for line in said[:-1]), said
    assert said[-1] == "stopped; the same command goes on from here"
    done = len(rows(tmp_path / "out"))
    assert 0 < done < 25
    assert output.startswith(f"{done} objects: ")
    rest = run(*map(uri, (tmp_path / "in", tmp_path / "out")), WorkerSettings(), Cluster("here"))
    assert (rest.done, rest.skipped) == (25 - done, done)
