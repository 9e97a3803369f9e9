"""Copies of runs that were taken while they went on: the later one counts, wherever it lies."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import pytest

from rlgauge.core.reading import Reading
from rlgauge.core.run import Record, Status
from rlgauge.core.store import Need
from rlgauge.importers import read
from tests.core.test_index import begun, case, measured
from tests.importers.test_sacred import BC, copied, only
from tests.importers.test_tensorboard import written
from tests.importers.test_what_counts import evaluations, monitor

STALE = {"status": "RUNNING", "heartbeat": "2026-01-01T00:00:00", "result": None}


def alone(*paths: Path) -> Reading:
    (reading,) = read(paths).readings
    return reading


@pytest.mark.parametrize("names", list(itertools.permutations(["old", "older", "done"])))
def test_of_the_copies_of_a_sacred_run_the_completed_one_counts_in_any_order(tmp_path, names):
    copied(BC, tmp_path / "done")
    copied(BC, tmp_path / "old", **STALE)
    copied(BC, tmp_path / "older", **STALE | {"status": "QUEUED"})
    found = read([tmp_path / name for name in names])
    (reading,) = found.readings
    assert (reading.status, reading.source) == (Status.COMPLETED, str(tmp_path / "done"))
    assert reading.totals == only(BC).totals
    (note,) = [note for note in found.notes if "counted once" in note]
    assert note.startswith("2 runs were found more than once")
    assert alone(tmp_path).status is Status.COMPLETED


def test_a_copy_of_a_run_that_failed_since_is_a_failed_run(tmp_path):
    copied(BC, tmp_path / "a", **STALE)
    copied(BC, tmp_path / "b", status="FAILED", result=None)
    assert only(tmp_path / "a", tmp_path / "b").status is only(tmp_path / "b", tmp_path / "a").status is Status.FAILED


def test_of_equal_copies_the_first_counts_and_the_others_are_named(tmp_path):
    copied(BC, tmp_path / "a")
    copied(BC, tmp_path / "b")
    found = read([tmp_path / "b", tmp_path / "a"])
    assert [reading.source for reading in found.readings] == [str(tmp_path / "b")]
    assert found.notes == [f"1 run was found more than once and counted once: {tmp_path}/a is {tmp_path}/b."]


def grown(folder: Path) -> tuple[Path, Path]:
    """A store of two blocks of a unit, and a backup of its first one."""
    live, backup = folder / "live", folder / "backup"
    measured(live, case(first=0), 1.0, 2.0)
    shutil.copytree(live, backup)
    measured(live, case(first=2), 6.0, 7.0)
    return live, backup


def test_a_backup_of_a_store_that_grew_is_no_further_run_in_any_order(tmp_path):
    live, backup = grown(tmp_path)
    for paths in ([live, backup], [backup, live], [tmp_path]):
        found = read(paths)
        (reading,) = found.readings
        assert (reading.totals["return"].n, reading.totals["return"].mean) == (4, 4.0)
        assert any("counted once" in note for note in found.notes)


def test_a_backup_in_a_zip_file_is_known_as_well(tmp_path):
    live, backup = grown(tmp_path)
    packed = Path(shutil.make_archive(str(tmp_path / "packed"), "zip", backup))
    whole = Path(shutil.make_archive(str(tmp_path / "whole"), "zip", live))
    for paths in ([packed, live], [live, packed], [backup, whole], [packed, whole]):
        assert alone(*paths).totals["return"].n == 4


def test_parts_of_a_run_that_lie_in_two_stores_are_the_whole_that_lies_in_a_third(tmp_path):
    whole, one, two = tmp_path / "whole", tmp_path / "one", tmp_path / "two"
    for first, part in ((0, one), (2, two)):
        attempt = measured(whole, case(first=first), float(first))
        target = part / attempt.folder.parent.relative_to(whole)
        shutil.copytree(attempt.folder.parent, target)
    for paths in itertools.permutations([whole, one, two]):
        found = read(list(paths))
        assert [reading.totals["return"].n for reading in found.readings] == [2]
    assert len(read([one, two]).readings) == 2


def test_a_backup_of_a_running_attempt_is_its_end(tmp_path):
    live, backup = tmp_path / "live", tmp_path / "backup"
    attempt = begun(live, case())
    shutil.copytree(live, backup)
    attempt.close()
    attempt.commit(Status.COMPLETED)
    for paths in ([live, backup], [backup, live]):
        assert alone(*paths).status is Status.COMPLETED


def test_a_backup_of_runs_that_were_extended_since_is_no_further_run(tmp_path):
    live, backup = tmp_path / "live", tmp_path / "backup"
    measured(live, case(), 1.0)
    shutil.copytree(live, backup)
    attempt = begun(live, case(), Need(num_wanted=2))
    for index, value in enumerate((3.0, 5.0)):
        attempt.append(Record(index, {"return": value}))
    attempt.close()
    attempt.commit(Status.COMPLETED)
    packed = Path(shutil.make_archive(str(tmp_path / "packed"), "zip", live))
    for paths in ([live, backup], [backup, live], [backup, packed], [packed, backup]):
        assert alone(*paths).totals["return"].mean == 4.0


def test_what_was_measured_in_two_stores_is_no_copy(tmp_path):
    for name in ("a", "b"):
        measured(tmp_path / name, case(), 1.0)
    assert len(read([tmp_path]).readings) == 2


def test_a_backup_of_a_training_that_went_on_is_no_further_run(tmp_path):
    for name, num in (("backup", 3), ("live", 5)):
        monitor(tmp_path / name / "ppo" / "CartPole-v1_1", *range(num))
        monitor(tmp_path / name / "ppo" / "CartPole-v1_2", 7.0, start=2e9)
    for names in (("backup", "live"), ("live", "backup")):
        found = read([tmp_path / name for name in names])
        assert [reading.totals["return"].mean for reading in found.readings] == [2.0, 7.0]
        assert any(note.startswith("2 runs were found more than once") for note in found.notes)


def test_trainings_of_one_seed_that_were_begun_apart_are_no_copies(tmp_path):
    monitor(tmp_path / "a" / "ppo" / "CartPole-v1_1", 1.0, 2.0, start=1e9)
    monitor(tmp_path / "b" / "ppo" / "CartPole-v1_1", 1.0, 2.0, 3.0, start=1e9 + 1)
    assert len(read([tmp_path / "a", tmp_path / "b"]).readings) == 2


def test_a_backup_of_event_files_that_grew_or_became_more_is_no_further_run(tmp_path):
    live = tmp_path / "live" / "CartPole-v1__ppo__4__1700000000"
    written(live, charts__episodic_return=[(step, 1.0) for step in range(20)])
    shutil.copytree(tmp_path / "live", tmp_path / "backup")
    (backed,) = (tmp_path / "backup").rglob("*tfevents*")
    backed.write_bytes(backed.read_bytes()[:-200])
    shutil.copytree(tmp_path / "live", tmp_path / "resumed")
    written(tmp_path / "resumed" / live.name, charts__episodic_return=[(20, 22.0)])
    for names, mean in ((("backup", "live"), 1.0), (("live", "backup"), 1.0), (("backup", "resumed", "live"), 2.0)):
        assert alone(*(tmp_path / name for name in names)).totals["return"].mean == mean


@pytest.mark.parametrize("num", [3, 5])
def test_what_was_evaluated_beneath_a_copy_of_a_training_is_no_run_either(tmp_path, num):
    for name, length in (("live", 5), ("backup", num)):
        monitor(tmp_path / name / "ppo" / "CartPole-v1_1", *range(length))
        evaluations(tmp_path / name / "ppo" / "CartPole-v1_1" / "eval", 10.0 * length, 10.0 * length)
        written(tmp_path / name / "ppo" / "CartPole-v1_1" / "tb", rollout__ep_rew_mean=[(1, 1.0)])
    for names in (("backup", "live"), ("live", "backup")):
        assert alone(*(tmp_path / name for name in names)).totals["return"].mean == 50.0
