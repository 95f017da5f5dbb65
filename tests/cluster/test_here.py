"""Objects in, objects out, in this process: listing, naming, the manifest, going on."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest

pytest.importorskip("fsspec", reason="stores need undegrade[cluster]")
pytest.importorskip("pyarrow", reason="stores need undegrade[cluster]")

from PIL import Image

from tests.photos import noisy, photo_file, scene
from undegrade.cluster import HERE, Cluster, Ledger, WorkerSettings, list_objects, run
from undegrade.cluster.ledger import Scratch
from undegrade.cluster.ray_data import EnhanceUnits
from undegrade.cluster.units import output_key
from undegrade.errors import InputError, UsageError
from undegrade.plan import Wishes
from undegrade.work import Order

CLUSTER = Cluster(HERE, batch_megapixels=0.001)  # a photo a unit


@pytest.fixture
def store(tmp_path):
    """Three good photos in folders, a corrupt one, and what is no photo."""
    folder = tmp_path / "in"
    (folder / "a").mkdir(parents=True)
    for index, name in enumerate(("0.png", "a/1.png", "a/2.png")):
        (folder / name).write_bytes(photo_file(noisy(scene(40, 48), 20 + index)))
    (folder / "bad.jpg").write_bytes(b"nothing")
    (folder / "notes.txt").write_text("no photo")
    return folder


def uri(path):
    return f"file://{path}"


def rows(output):
    return [row for part in Ledger(uri(output)).parts() for row in part.to_pylist()]


def test_every_good_photo_is_enhanced_and_every_bad_one_told(store, tmp_path):
    output = tmp_path / "out"
    tally = run(uri(store), uri(output), WorkerSettings(), CLUSTER)
    assert tally.objects == {"enhanced": 3, "failed": 1}
    assert tally.reasons == {"InputError": 1}
    made = sorted(p.relative_to(output).as_posix() for p in output.rglob("*.png"))
    assert made == ["0.png", "a/1.png", "a/2.png"]
    for name in made:
        before, after = (np.asarray(Image.open(f / name)) for f in (store, output))
        assert before.shape == after.shape
        assert not np.array_equal(before, after)
    assert sorted(row["status"] for row in rows(output)) == [*["enhanced"] * 3, "failed"]
    assert not list(output.rglob("*.part"))


def test_a_second_run_does_what_is_new_or_changed(store, tmp_path):
    output = tmp_path / "out"
    run(uri(store), uri(output), WorkerSettings(), CLUSTER)
    again = run(uri(store), uri(output), WorkerSettings(), CLUSTER)
    assert (again.done, again.skipped) == (0, 4)
    (store / "0.png").write_bytes(photo_file(noisy(scene(44, 48), 30)))
    changed = run(uri(store), uri(output), WorkerSettings(), CLUSTER)
    assert (changed.objects, changed.skipped) == ({"enhanced": 1}, 3)
    retried = run(uri(store), uri(output), WorkerSettings(), CLUSTER, retry_failed=True)
    assert (retried.objects, retried.skipped) == ({"failed": 1}, 3)


def test_other_settings_do_all_again_and_so_do_the_first_ones_after_them(store, tmp_path):
    output = tmp_path / "out"
    run(uri(store), uri(output), WorkerSettings(), CLUSTER)
    other = run(uri(store), uri(output), WorkerSettings(Order(Wishes(strength=0.5))), CLUSTER)
    assert (other.done, other.skipped) == (4, 0)
    back = run(uri(store), uri(output), WorkerSettings(), CLUSTER)
    assert (back.objects, back.skipped) == ({"enhanced": 3}, 1)


def test_a_run_that_breaks_off_keeps_what_it_did(store, tmp_path):
    output = tmp_path / "out"

    def stop(tally):
        if tally.done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(uri(store), uri(output), WorkerSettings(), CLUSTER, on_rows=stop)
    assert len(rows(output)) == 2
    rest = run(uri(store), uri(output), WorkerSettings(), CLUSTER)
    assert (rest.done, rest.skipped) == (2, 2)


def test_a_worker_does_not_do_again_what_another_had_finished(store, tmp_path, monkeypatch):
    output = uri(tmp_path / "out")
    scratch = Scratch(output)
    at = (WorkerSettings(), scratch.uri, Ledger(output, scratch))
    tasks = [[uri(store / name), f"{output}/{name}", ""] for name in ("0.png", "bad.jpg")]
    unit = {"unit": [json.dumps(tasks)]}
    told = json.loads(EnhanceUnits(*at)(unit)["rows"][0])
    assert [row["status"] for row in told] == ["enhanced", "failed"]

    def idle(self, *_):
        raise AssertionError("there was work")

    monkeypatch.setattr(EnhanceUnits, "one", idle)
    assert json.loads(EnhanceUnits(*at)(unit)["rows"][0]) == told
    assert len(rows(tmp_path / "out")) == 2


def test_outputs_never_meet():
    names = ["a.jpg", "a.png", "a.heic", "b/a.jpg"]
    assert [output_key(name, None) for name in names] == [
        *("a.jpg", "a.png", "a.heic.jpg", "b/a.jpg")
    ]
    assert len({output_key(name, ".webp") for name in names}) == len(names)


def test_a_manifest_and_a_glob_name_objects(store, tmp_path):
    table = tmp_path / "list.csv"
    table.write_text(f"uri\n{uri(store / '0.png')}\n{uri(store / 'a/1.png')}\n")
    assert len(list(list_objects(uri(table)))) == 2
    assert {o.key for o in list_objects(uri(store / "a/*.png"))} == {"1.png", "2.png"}


def test_names_that_are_no_unicode_are_told(tmp_path):
    (tmp_path / "in").mkdir()
    try:
        (tmp_path / "in" / "caf\udce9.png").write_bytes(b"")
    except OSError:
        pytest.skip("this file system has no such names")
    with pytest.raises(InputError, match="UnicodeEncodeError"):
        list(list_objects(uri(tmp_path / "in")))


def test_nothing_there_is_told(tmp_path):
    with pytest.raises(InputError):
        list(list_objects(uri(tmp_path / "none")))
    with pytest.raises(UsageError, match="above 0"):
        Cluster(batch_megapixels=0)


def test_formats_change_behind_the_name(store, tmp_path):
    output = tmp_path / "out"
    run(uri(store / "a"), uri(output), WorkerSettings(), CLUSTER, suffix=".webp")
    data = (output / "1.png.webp").read_bytes()
    assert Image.open(io.BytesIO(data)).format == "WEBP"
