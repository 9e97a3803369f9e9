"""One core carries toys of all five systems through case, worker, kill, resume, merge and summary."""

from __future__ import annotations

import shutil
import signal
import time
from pathlib import Path

import pytest

from rlgauge.core.case import Case
from rlgauge.core.execute import Event
from rlgauge.core.run import Status
from rlgauge.core.store import Store
from tests import driving, toys

TOYS = {
    "PolicyOnTasks": {"episodes": 12, "seconds": 0.02},
    "ScriptOverSeeds": {"seeds": 4},
    "Algorithms": {"seconds": 0.02},
    "Throughput": {},
    "Search": {"rates": [0.1, 0.2, 0.3], "seeds": [0, 1], "phase": 1},
}


@pytest.mark.parametrize("name", TOYS)
def test_a_killed_driver_resumes_to_the_same_summary(name: str, tmp_path: Path) -> None:
    workload = getattr(toys, name)(**TOYS[name])
    expected = driving.summary(driving.run(workload, tmp_path / "whole", workers=None))
    killed = tmp_path / "killed"
    driver = driving.start_driver(name, killed, **TOYS[name])
    _wait_for_records(Store(killed))
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    assert driving.summary(driving.run(workload, killed)) == expected


@pytest.mark.parametrize("name", TOYS)
def test_folders_of_two_machines_merge_by_copying(name: str, tmp_path: Path) -> None:
    workload = getattr(toys, name)(**TOYS[name])
    expected = driving.summary(driving.run(workload, tmp_path / "whole", workers=None))
    halves = [_Half(workload, part) for part in (0, 1)]
    for part, half in enumerate(halves):
        driving.run(half, tmp_path / f"machine{part}", workers=None, described=False)
    merged = tmp_path / "merged"
    for part in (0, 1):
        shutil.copytree(tmp_path / f"machine{part}", merged, dirs_exist_ok=True)
    events: list[Event] = []
    assert driving.summary(driving.run(workload, merged, on_event=events.append)) == expected
    assert events == []


def test_a_second_phase_measures_the_best_of_the_first_on_fresh_seeds(tmp_path: Path) -> None:
    first = driving.run(toys.Search(**TOYS["Search"]), tmp_path)
    scores: dict[float, float] = {}
    for run in first.values():
        rate = run.case.params["rate"]
        scores[rate] = scores.get(rate, 0.0) + run.records[0].values["value"]
    best = max(scores, key=scores.get)
    second = driving.run(toys.Search(rates=[best], seeds=[10, 11, 12], phase=2), tmp_path, workers=None)
    assert best == 0.3
    assert {run.case.seed for run in second.values()} == {10, 11, 12}
    assert len(list(Store(tmp_path).runs())) == 9


def test_more_episodes_measure_only_the_new_ones(tmp_path: Path) -> None:
    driving.run(toys.PolicyOnTasks(episodes=7), tmp_path, workers=None)
    grown = driving.run(toys.PolicyOnTasks(episodes=12), tmp_path)
    fresh = driving.run(toys.PolicyOnTasks(episodes=12), tmp_path / "fresh", workers=None)
    assert driving.summary(grown) == driving.summary(fresh)
    attempts = [len(Store(tmp_path).attempts(run.folder.parent)) for run in grown.values()]
    assert sorted(attempts) == [1, 1, 1, 1, 2, 2]


def test_the_same_command_again_runs_nothing(tmp_path: Path) -> None:
    driving.run(toys.Algorithms(), tmp_path)
    events = []
    again = driving.run(toys.Algorithms(), tmp_path, on_event=events.append)
    assert events == []
    assert {run.status for run in again.values()} == {Status.COMPLETED}


class _Half:
    """Every second case of a workload, as if the other half ran elsewhere."""

    def __init__(self, workload: toys.Toy, part: int) -> None:
        self._workload = workload
        self._part = part
        self.name, self.process, self.hang_seconds = workload.name, workload.process, workload.hang_seconds
        self.units, self.session, self.num_wanted = workload.units, workload.session, workload.num_wanted

    def describe(self) -> None:
        raise AssertionError("not described")

    def cases(self) -> list[Case]:
        return list(self._workload.cases())[self._part :: 2]


def _wait_for_records(store: Store) -> None:
    """Until a record is on the disk: the driver is in the middle of its work."""
    deadline = time.monotonic() + 30
    while not any(path.stat().st_size for path in store.root.glob("*/*/*/records.jsonl")):
        assert time.monotonic() < deadline
        time.sleep(0.005)
