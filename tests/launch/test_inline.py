"""Runs in this process, which lives on whatever happens to them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rlgauge.core.case import Case
from rlgauge.core.files import StoreError
from rlgauge.core.run import Record, Status
from rlgauge.core.store import Attempt, Store
from rlgauge.core.workload import Context
from rlgauge.launch import inline
from tests import driving, odd_toys


def run(workload: odd_toys.Odd, out: Path) -> list:
    return list(driving.run(workload, out, workers=None).values())


class Interrupted(odd_toys.Odd):
    """Is ended from outside at its second record, the first time."""

    error: BaseException | None = None

    def measure(self, case: Case, context: Context) -> Iterator[Record]:
        for record in super().measure(case, context):
            if record.index == 1 and self.error is not None:
                raise self.error
            yield record


def test_a_session_is_not_opened_for_nothing_and_closed_once(tmp_path: Path) -> None:
    file = tmp_path / "closed"
    workload = odd_toys.Closing(num_cases=3, file=str(file))
    run(workload, tmp_path / "out")
    assert file.read_text() == "closed\n"
    run(workload, tmp_path / "out")
    assert file.read_text() == "closed\n"


@pytest.mark.parametrize("error", [GeneratorExit(), pytest.fail.Exception("stop")])
def test_whatever_ends_a_run_leaves_its_case_free_in_this_same_process(error: BaseException, tmp_path: Path) -> None:
    workload = Interrupted(num_cases=1)
    workload.error = error
    with pytest.raises((type(error), RuntimeError)):
        run(workload, tmp_path)
    assert not Store(tmp_path).is_busy(next(iter(workload.cases())))
    workload.error = None
    assert [run.status for run in run(workload, tmp_path)] == [Status.COMPLETED]


def test_an_end_that_cannot_be_written_leaves_the_case_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object, **_options: object) -> None:
        raise StoreError("Can't write run.json")

    workload = odd_toys.Odd(num_cases=1)
    with monkeypatch.context() as patch:
        patch.setattr(Attempt, "commit", full)
        with pytest.raises(StoreError, match=r"run\.json"):
            run(workload, tmp_path)
    assert [run.status for run in Store(tmp_path).runs()] == [Status.DIED]
    assert [run.status for run in run(workload, tmp_path)] == [Status.COMPLETED]


def test_the_heart_beats_while_a_measurement_holds_the_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    beats = threading.Event()
    monkeypatch.setattr(inline, "BEAT_SECONDS", 0.001)
    monkeypatch.setattr(Attempt, "beat", lambda _attempt: beats.set())

    class Long(odd_toys.Odd):
        def measure(self, case: Case, context: Context) -> Iterator[Record]:
            assert beats.wait(30)
            yield Record(0, {"value": 0.0})

    assert [run.status for run in run(Long(num_cases=1), tmp_path)] == [Status.COMPLETED]


def test_a_heartbeat_that_cannot_be_written_does_not_end_the_thread_with_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = threading.Event()

    def fail(_attempt: Attempt) -> None:
        tried.set()
        raise StoreError("Can't write heartbeat")

    class Long(odd_toys.Odd):
        def measure(self, case: Case, context: Context) -> Iterator[Record]:
            assert tried.wait(30)
            yield Record(0, {"value": 0.0})

    monkeypatch.setattr(inline, "BEAT_SECONDS", 0.001)
    monkeypatch.setattr(Attempt, "beat", fail)
    assert [run.status for run in run(Long(num_cases=1), tmp_path)] == [Status.COMPLETED]
