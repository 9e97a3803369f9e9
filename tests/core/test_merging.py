from __future__ import annotations

from pathlib import Path

from rlgauge.core.case import Case
from rlgauge.core.merging import merge
from rlgauge.core.run import ConfigFile, Record, Start, Status
from rlgauge.core.store import Attempt, Need, Store, now
from tests import driving, toys

CASE = Case(workload="toy", name="reach", params={}, seed=1)


def begun(root: Path) -> Attempt:
    """A run that goes on, in this process."""
    store = Store(root)
    store.make()
    attempt = store.claim(CASE, Need(), ConfigFile(seed=1, case=CASE, units={}), Start(start_time=now(), host={}))
    assert attempt is not None
    return attempt


def test_runs_are_copied_whole_and_once(tmp_path):
    driving.run(toys.ScriptOverSeeds(seeds=2), tmp_path / "a")
    store, source = Store(tmp_path / "b"), Store(tmp_path / "a")
    runs = {run.case.id: run for run in source.runs()}
    first = merge(store, source)
    assert (first.num_copied, first.num_there) == (len(runs), 0)
    for run in store.runs():
        before = runs[run.case.id].folder
        names = {path.relative_to(run.folder): path.read_bytes() for path in run.folder.rglob("*") if path.is_file()}
        assert names == {path.relative_to(before): path.read_bytes() for path in before.rglob("*") if path.is_file()}
    again = merge(store, source)
    assert (again.num_copied, again.num_there) == (0, len(runs))


def test_a_run_that_goes_on_is_left_and_copied_when_it_has_ended(tmp_path):
    attempt = begun(tmp_path / "a")
    store, source = Store(tmp_path / "b"), Store(tmp_path / "a")
    attempt.append(Record(0, {"x": 1.0}))
    found = merge(store, source)
    assert (found.num_copied, found.num_running) == (0, 1)
    assert list(store.runs()) == []
    attempt.commit(Status.COMPLETED)
    assert merge(store, source).num_copied == 1
    assert [run.status for run in store.runs()] == [Status.COMPLETED]


def test_attempts_of_two_machines_at_one_case_are_kept_side_by_side(tmp_path):
    for name in "ab":
        attempt = begun(tmp_path / name)
        attempt.append(Record(0, {"x": 1.0}))
        if name == "b":
            attempt.append(Record(1, {"x": 1.0}))
        attempt.commit(Status.COMPLETED)
    store = Store(tmp_path / "a")
    assert merge(store, Store(tmp_path / "b")).num_copied == 1
    (folder,) = store.case_folders()
    assert len(store.attempts(folder)) == 2
    assert [run.num_records for run in store.runs()] == [2]
    assert not store.needs(CASE, Need(num_wanted=2))
