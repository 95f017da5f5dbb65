"""S3 as a server on this machine speaks it, the memory store, and what is written into them."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("fsspec", reason="needs undegrade[cluster]")
pytest.importorskip("pyarrow", reason="needs undegrade[cluster]")

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from tests.cluster.running import fill, rows, uri
from tests.photos import noisy, photo_file, scene
from undegrade.cluster import (
    HERE,
    ROW,
    Cluster,
    Ledger,
    WorkerSettings,
    ledger,
    list_objects,
    objects,
    run,
    store,
)
from undegrade.cluster.store import StoreError, read_object, tag, write_object
from undegrade.errors import InputError, OutputError

pytestmark = pytest.mark.filterwarnings("ignore")  # botocore's own
CLUSTER = Cluster(HERE)


def upload(bucket, names):
    fs = fsspec.filesystem("s3")
    for index, name in enumerate(names):
        data = photo_file(noisy(scene(40, 48, seed=index), 20)) if "bad" not in name else b"no"
        fs.pipe_file(f"{bucket}/{name}", data)
    return fs


def test_a_run_from_s3_into_s3(bucket):
    fs = upload(bucket, ["in/0.png", "in/a/1.png", "in/a/b/2.png", "in/bad.jpg"])
    tally = run(f"{bucket}/in", f"{bucket}/out", WorkerSettings(), CLUSTER)
    assert tally.objects == {"enhanced": 3, "failed": 1}
    found = fs.find(f"{bucket}/out")
    names = [path.partition("/out/")[2] for path in found]
    kept = [name for name in names if name.startswith("_undegrade/manifest/")]
    assert sorted(set(names) - set(kept)) == ["0.png", "a/1.png", "a/b/2.png"]
    assert {row["status"] for row in rows(f"{bucket}/out")} == {"enhanced", "failed"}
    again = run(f"{bucket}/in", f"{bucket}/out", WorkerSettings(), CLUSTER)
    assert (again.done, again.skipped) == (0, 4)
    upload(bucket, ["in/bad.jpg", "in/0.png"])  # another tag, as its pixels differ
    changed = run(f"{bucket}/in", f"{bucket}/out", WorkerSettings(), CLUSTER)
    assert (changed.objects, changed.skipped) == ({"enhanced": 1}, 3)


def test_a_bucket_is_listed_page_by_page_and_by_globs(bucket, monkeypatch):
    monkeypatch.setattr(objects, "PAGE", 2)
    names = [f"in/{index}.jpg" for index in range(5)] + ["in/a/5.jpg", "in/notes.txt"]
    fs = upload(bucket, names)
    fs.touch(f"{bucket}/in/")  # a marker, as web consoles leave it
    keys = [item.key for item in list_objects(f"{bucket}/in")]
    assert sorted(keys) == sorted(["0.jpg", "1.jpg", "2.jpg", "3.jpg", "4.jpg", "a/5.jpg"])
    assert len(list(list_objects(f"{bucket}/in", recursive=False))) == 5
    assert [item.key for item in list_objects(f"{bucket}/in/*/*.jpg")] == ["a/5.jpg"]
    assert [item.key for item in list_objects(f"{bucket}/in/[01].jpg")] == ["0.jpg", "1.jpg"]
    assert len(list(list_objects(f"{bucket}/**/*.jpg"))) == 6


def test_what_another_has_written_meanwhile_stays(bucket):
    place = f"{bucket}/x.bin"
    before = tag(place)
    assert before == ""
    write_object(place, b"theirs")
    with pytest.raises(StoreError, match="another run"):
        write_object(place, b"ours", over=before)
    assert read_object(place) == b"theirs"
    write_object(place, b"theirs", over=before)  # as after an answer that got lost
    now = tag(place)
    write_object(place, b"ours", over=now)
    assert read_object(place) == b"ours"
    with pytest.raises(StoreError, match="another run"):
        write_object(place, b"late", over=now)


def test_a_worker_that_was_overtaken_says_so_and_the_next_run_mends_it(bucket, monkeypatch):
    upload(bucket, ["in/0.png"])
    from undegrade.cluster import worker

    def overtaken(source):
        write_object(f"{bucket}/out/0.png", b"theirs")
        return read_object(source)

    calls = iter(["", None])
    monkeypatch.setattr(worker, "tag", lambda target: next(calls))
    monkeypatch.setattr(worker, "read_object", overtaken)
    first = run(f"{bucket}/in", f"{bucket}/out", WorkerSettings(), CLUSTER)
    assert first.reasons == {"store": 1}
    second = run(f"{bucket}/in", f"{bucket}/out", WorkerSettings(), CLUSTER)
    assert second.objects == {"enhanced": 1}


def test_a_store_that_fails_for_a_while_is_asked_again(monkeypatch):
    monkeypatch.setattr(store, "FIRST_WAIT", 0.0)
    fs = fsspec.filesystem("memory")
    fs.pipe_file("/patience/a.bin", b"data")
    answers = [ConnectionError("reset"), TimeoutError(), None]
    cat = type(fs).cat_file

    def flaky(self, *arguments, **options):
        answer = answers.pop(0) if answers else None
        if answer:
            raise answer
        return cat(self, *arguments, **options)

    monkeypatch.setattr(type(fs), "cat_file", flaky)
    assert read_object("memory://patience/a.bin") == b"data"
    answers[:] = [ConnectionError("reset")] * store.ATTEMPTS
    with pytest.raises(StoreError, match="reset"):
        read_object("memory://patience/a.bin")
    answers[:] = [FileNotFoundError("gone")]
    with pytest.raises(InputError, match="gone"):
        read_object("memory://patience/a.bin")
    assert not answers


def test_failures_that_pass_are_tried_again_and_others_are_not(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "FIRST_WAIT", 0.0)
    fill(tmp_path / "in", 2, 1)
    at = (uri(tmp_path / "in"), uri(tmp_path / "out"), WorkerSettings(), CLUSTER)
    from undegrade.cluster import worker

    def unplugged(source):
        raise StoreError("no route to host")

    with monkeypatch.context() as patch:
        patch.setattr(worker, "read_object", unplugged)
        assert run(*at).reasons == {"store": 3}
    assert run(*at).objects == {"enhanced": 2, "failed": 1}
    again = run(*at)
    assert (again.done, again.skipped) == (0, 3)


def test_memory_is_a_store_for_one_process():
    fs = fsspec.filesystem("memory")
    fs.pipe_file("/shots/0.png", photo_file(noisy(scene(40, 48), 20)))
    tally = run("memory://shots", "memory://better", WorkerSettings(), CLUSTER)
    assert tally.objects == {"enhanced": 1}
    assert fs.cat_file("/better/0.png").startswith(b"\x89PNG")


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_manifests_of_three_kinds(tmp_path, kind):
    table = [{"uri": f"photos/{index}.png", "size": 10 * index} for index in range(3)]
    path = tmp_path / f"list.{kind}"
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(table), path)
    elif kind == "csv":
        lines = [f"{row['uri']},{row['size']}" for row in table]
        path.write_text("\n".join(["uri,size", *lines]))
    else:
        path.write_text("\n".join(map(json.dumps, table)))
    found = list(list_objects(uri(path)))
    assert [item.uri for item in found] == [uri(tmp_path / row["uri"]) for row in table]
    assert [item.size for item in found] == [0, 10, 20]


@pytest.mark.parametrize("line", ['{"name": "a.png"}', "[1]", "{", '{"uri": "../a.png"}'])
def test_malformed_manifests_are_told(tmp_path, line):
    path = tmp_path / "list.jsonl"
    path.write_text(line)
    with pytest.raises(InputError, match=r"list\.jsonl"):
        list(list_objects(uri(path)))


def test_a_file_is_never_half_written(tmp_path, monkeypatch):
    place, part = uri(tmp_path / "out/a/x.bin"), uri(tmp_path / "out/part")
    write_object(place, b"old", scratch=part)
    assert (tmp_path / "out/a/x.bin").read_bytes() == b"old"
    assert not list((tmp_path / "out/part").iterdir())
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError):
        write_object(uri(tmp_path / "file/x.bin"), b"new", scratch=part)
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OutputError, match="circle"):
        write_object(uri(tmp_path / "loop"), b"new", scratch=part)
    assert not list((tmp_path / "out/part").iterdir())


def killed(output):
    """The scratch folder of a run whose process is gone."""
    live = ledger.Scratch(output)
    dead = ledger.Scratch(output, live.name.rpartition("-")[0] + "-999999999")
    write_object(f"{dead.uri}/listing/part", b"units")
    return dead


def test_what_killed_runs_left_is_found_and_what_others_need_is_not(tmp_path, monkeypatch):
    output = uri(tmp_path)
    mine, dead = ledger.Scratch(output), killed(output)
    elsewhere = mine.name.replace(mine.name.split("-")[1], "elsewhere")
    others = ledger.Scratch(output, elsewhere)
    for folder in (mine, others):
        write_object(f"{folder.uri}/listing/part", b"units")
    assert [left.uri for left in mine.left()] == [dead.uri]
    dead.remove()
    assert list(mine.left()) == []
    monkeypatch.setattr(ledger, "WEEK", -1)
    old = list(mine.left())
    assert {left.uri for left in old} == {mine.uri, others.uri}
    for left in old:
        left.remove()
    assert not list((tmp_path / "_undegrade").iterdir())


def test_a_part_is_the_commit_though_the_driver_was_killed(tmp_path):
    """Rows that workers had written are done, and are put together once, doubled ones too."""
    fill(tmp_path / "in", 3, 0)
    output = uri(tmp_path / "out")
    at = (uri(tmp_path / "in"), output, WorkerSettings(), CLUSTER)
    run(*at)
    (part,) = (tmp_path / "out/_undegrade/manifest").iterdir()
    table = rows(output)
    part.unlink()
    dead = killed(output)
    theirs = Ledger(output, dead)
    for unit in (table[:2], table[1:2]):
        theirs.keep(unit)
    assert len(rows(output)) == 3
    again = run(*at)
    assert (again.done, again.skipped) == (1, 2)
    assert sorted(row["input"] for row in rows(output)) == sorted(row["input"] for row in table)
    assert len(list((tmp_path / "out/_undegrade/manifest").iterdir())) == 2
    assert {path.name for path in (tmp_path / "out/_undegrade").iterdir()} == {"manifest"}


def test_putting_parts_together_may_be_broken_off(tmp_path, monkeypatch):
    monkeypatch.setattr(ledger, "ROWS", 4)
    output = uri(tmp_path / "out")
    own = Ledger(output, ledger.Scratch(output))
    table = [made_row(f"{index}.png") for index in range(10)]
    for row in table:
        own.keep([row])
    folder = tmp_path / "out/_undegrade/manifest"
    before = {path: path.read_bytes() for path in folder.iterdir()}
    own.compact()
    assert [part.num_rows for part in own.parts()] == [4, 4, 2]
    # As if the small parts had not been removed any more.
    for path, data in before.items():
        path.write_bytes(data)
    own.compact()
    assert sorted(row["output"] for row in rows(output)) == [row["output"] for row in table]
    assert len(list(folder.iterdir())) == 3


def test_a_unit_that_is_done_twice_has_one_part(tmp_path):
    output = uri(tmp_path / "out")
    own = Ledger(output, ledger.Scratch(output))
    unit = [made_row("a.png"), made_row("b.png")]
    outputs = [row["output"] for row in unit]
    assert own.kept(outputs) == []
    for _ in range(2):
        own.keep(unit)
    assert own.kept(outputs) == unit
    assert len(rows(output)) == 2
    assert own.kept(outputs[:1]) == []


def made_row(name):
    """A row of an object that was enhanced."""
    row = {key: kind() for key, kind in ROW.items()}
    return row | {"input": f"in/{name}", "output": f"out/{name}", "status": "enhanced"}
