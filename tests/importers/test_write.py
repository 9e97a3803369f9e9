"""Readings written as runs, and read again."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import msgspec
import pytest

from rlgauge.core import index, platform
from rlgauge.core.reading import Curve, Reading, Total
from rlgauge.core.run import ConfigFile, Record, Start, Status
from rlgauge.core.store import Need, Store, now
from rlgauge.importers import read
from rlgauge.importers.write import case_of, write

DATA = Path(__file__).parents[1] / "data"
CURVE = Curve((100.0, 200.0), (1.0, 2.5))
EPISODES = (Record(0, {"return": 1.0, "success": True}), Record(1, {"return": 4.0, "success": False}))


def reading(**changes) -> Reading:
    own = Reading(
        algorithm="ppo",
        task="CartPole-v1",
        seed=3,
        totals={"return": Total(n=2, mean=2.5, squares=4.5, median=2.5)},
        units={"return": "reward"},
        curves={"return": CURVE},
        references={"expert": 500.0},
        kind="imported-sb3",
        settings="abc",
        labels={"host": "h"},
        source="logs/ppo/CartPole-v1_3",
        episodes=EPISODES,
        details={"machine": {"cpu": "x"}},
    )
    return msgspec.structs.replace(own, **changes)


def same(found: Reading) -> Reading:
    """A reading without where it lies: all of it that importing has to keep."""
    return msgspec.structs.replace(found, source="", folders=(), episodes=tuple(found.records))


def in_order(readings) -> list[Reading]:
    return sorted(map(same, readings), key=lambda r: (r.algorithm, r.task, -1 if r.seed is None else r.seed, r.status))


@pytest.mark.parametrize("seed", [3, None])
@pytest.mark.parametrize("status", [Status.COMPLETED, Status.FAILED, Status.INTERRUPTED, Status.TIMEOUT, Status.DIED])
def test_what_was_written_is_read_again(tmp_path, status, seed):
    changes = (
        {} if status is Status.COMPLETED else {"totals": {}, "units": {}, "curves": {}, "episodes": (), "reason": "why"}
    )
    written = reading(status=status, seed=seed, **changes)
    write([written], Store(tmp_path / "out"))
    (again,) = read([tmp_path / "out"]).readings
    assert same(again) == same(written)


def test_the_index_alone_gives_all_but_curves_and_details(tmp_path):
    write([reading()], Store(tmp_path / "out"))
    (again,) = index.readings(tmp_path / "out")
    assert same(again) == same(reading(curves={}, details={}))


def test_why_a_completed_run_has_no_return_is_kept(tmp_path):
    write([reading(reason="it was never measured", totals={})], Store(tmp_path / "out"))
    (again,) = read([tmp_path / "out"]).readings
    assert (again.status, again.reason) == (Status.COMPLETED, "it was never measured")


@pytest.mark.parametrize("source", ["sacred_sample", "imitation_published_scores.csv"])
def test_real_results_survive_being_imported(tmp_path, source):
    readings = read([DATA / source]).readings
    write(readings, Store(tmp_path / "out"))
    assert in_order(read([tmp_path / "out"]).readings) == in_order(readings)


def test_importing_again_writes_nothing_wherever_the_source_lies_now(tmp_path):
    store = Store(tmp_path / "out")
    first = write(read([DATA / "sacred_sample"]).readings, store)
    shutil.copytree(DATA / "sacred_sample", tmp_path / "moved")
    second = write(read([tmp_path / "moved"]).readings, store)
    assert (len(first.new), len(first.known), len(second.new), len(second.known)) == (7, 0, 0, 7)
    assert all(len(store.attempts(run.folder.parent)) == 1 for run in store.runs())


def test_a_score_that_changed_is_another_run(tmp_path):
    store = Store(tmp_path / "out")
    write([reading()], store)
    assert len(write([reading(totals={"return": Total(n=2, mean=9.0)})], store).new) == 1


def test_runs_that_have_not_ended_and_runs_of_ours_are_left_out(tmp_path):
    written = write([reading(status=Status.RUNNING), reading(kind="evaluate")], Store(tmp_path / "out"))
    assert (len(written.unended), len(written.own), len(written.new)) == (1, 1, 0)


def test_a_store_in_a_zip_file_gives_the_same_readings_with_their_records(tmp_path):
    write([reading(), reading(status=Status.DIED, seed=4, totals={}, episodes=())], Store(tmp_path / "out"))
    with zipfile.ZipFile(tmp_path / "out.zip", "w") as file:
        for path in (tmp_path / "out").rglob("*"):
            file.write(path, path.relative_to(tmp_path))
    zipped = read([tmp_path / "out.zip"]).readings
    assert in_order(zipped) == in_order(read([tmp_path / "out"]).readings)
    assert next(r for r in zipped if r.seed == 3).records == list(EPISODES)


def test_no_run_in_a_zip_file_is_running(tmp_path):
    store = Store(tmp_path / "out")
    case = case_of(reading())
    assert store.claim(case, Need(), ConfigFile(seed=3, case=case), Start(start_time=now(), host={})) is not None
    claim = tmp_path / "out" / case.folder / "claim-1"
    claim.write_text(claim.read_text().replace(platform.machine_id(), "another machine"))
    assert read([tmp_path / "out"]).readings[0].status is Status.RUNNING
    with zipfile.ZipFile(tmp_path / "out.zip", "w") as file:
        for path in (tmp_path / "out").rglob("*"):
            file.write(path, path.relative_to(tmp_path))
    assert read([tmp_path / "out.zip"]).readings[0].status is Status.DIED


def test_a_store_is_found_wherever_it_lies_and_its_copy_counts_once(tmp_path):
    write([reading(), reading(seed=4)], Store(tmp_path / "deep" / "er" / "out"))
    shutil.copytree(tmp_path / "deep", tmp_path / "copy")
    collected = read([tmp_path])
    assert len(collected.readings) == 2
    assert "2 runs were found more than once" in " ".join(collected.notes)


def test_a_part_of_a_store_can_be_read(tmp_path):
    write([reading(), reading(kind="imported-sacred")], Store(tmp_path / "out"))
    (part,) = read([tmp_path / "out" / "imported-sacred"]).readings
    assert part.kind == "imported-sacred"
    (case,) = (tmp_path / "out" / "imported-sb3").iterdir()
    assert [r.kind for r in read([case]).readings] == ["imported-sb3"]


def test_tables_in_the_folder_of_a_store_are_what_was_printed_from_it(tmp_path):
    write([reading()], Store(tmp_path / "out"))
    (tmp_path / "out" / "summary.csv").write_text("algo,env,seed,score\nppo,CartPole-v1,3,2.5\n")
    assert len(read([tmp_path / "out"]).readings) == 1
