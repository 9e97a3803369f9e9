"""What is missing is run until nothing is missing, and never for ever."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from rlgauge.core import execute as execution
from rlgauge.core import platform, store
from rlgauge.core.case import Case
from rlgauge.core.errors import UserError
from rlgauge.core.execute import Event, Plan, execute, measure
from rlgauge.core.run import Record, Status
from rlgauge.core.store import Attempt, Need, Store, now
from rlgauge.core.workload import Context, Workload
from rlgauge.launch.inline import Inline
from tests import odd_toys, toys

Step = Callable[[Plan, Store], None]


class Scripted:
    """A launcher that does one step of a script a launch, and counts them."""

    waits = True

    def __init__(self, *script: Step) -> None:
        self.script = list(script)
        self.num_launches = 0
        self.paths: list[Path | None] = []

    def launch(self, plan: Plan, path: Path | None, workload: Workload) -> Generator[Event]:
        del workload
        self.paths.append(path)
        step = self.script[min(self.num_launches, len(self.script) - 1)]
        self.num_launches += 1
        step(plan, Store(plan.root))
        yield from ()


def nothing(plan: Plan, kept: Store) -> None:
    del plan, kept


def claimed(plan: Plan, kept: Store) -> Attempt:
    item = plan.items[0]
    attempt = kept.claim(item.case, item.need, plan.config(item), plan.start())
    assert attempt is not None
    return attempt


def dies(plan: Plan, kept: Store) -> None:
    """A worker claims the first case, and is gone."""
    Attempt.release(claimed(plan, kept).folder)


def completes(plan: Plan, kept: Store) -> None:
    attempt = claimed(plan, kept)
    for index in range(len(attempt.kept), 2):
        attempt.append(Record(index, {"value": float(index)}))
    attempt.close()
    attempt.commit(Status.COMPLETED)


def one_case(**arguments: object) -> odd_toys.Odd:
    return odd_toys.Odd(num_cases=1, **arguments)


@pytest.fixture
def out(tmp_path: Path) -> Store:
    return Store(tmp_path / "out")


def test_every_case_has_a_run(out: Store) -> None:
    workload = odd_toys.Odd(num_cases=3)
    runs = execute(workload, out, launcher=Inline())
    assert list(runs) == [case.id for case in workload.cases()]
    assert {run.status for run in runs.values()} == {Status.COMPLETED}


def test_a_case_given_twice_is_run_once(out: Store) -> None:
    class Twice(odd_toys.Odd):
        def cases(self) -> Iterator[Case]:
            yield from [*super().cases(), *super().cases()]

    events: list[Event] = []
    runs = execute(Twice(num_cases=1), out, launcher=Inline(), on_event=events.append, described=False)
    assert len(runs) == len(events) == 1


def test_a_case_whose_worker_dies_is_run_again(out: Store) -> None:
    launcher = Scripted(dies, completes)
    runs = execute(one_case(), out, launcher=launcher)
    assert [run.status for run in runs.values()] == [Status.COMPLETED]
    assert launcher.num_launches == 2


def test_a_case_that_kills_every_worker_is_given_up(out: Store) -> None:
    launcher = Scripted(dies)
    runs = execute(one_case(), out, launcher=launcher)
    assert [run.status for run in runs.values()] == [Status.DIED]
    assert launcher.num_launches == execution.MAX_DEATHS


def test_a_grown_case_that_kills_every_worker_is_given_up_too(out: Store) -> None:
    class Grown(odd_toys.Odd):
        def num_wanted(self, case: Case) -> int:
            return 3

    execute(one_case(), out, launcher=Scripted(completes))
    launcher = Scripted(dies)
    runs = execute(Grown(num_cases=1), out, launcher=launcher, described=False)
    assert launcher.num_launches == execution.MAX_DEATHS
    assert [len(run.records) for run in runs.values()] == [2]


def test_workers_that_end_before_they_claim_anything_are_not_started_for_ever(out: Store) -> None:
    launcher = Scripted(nothing)
    with pytest.raises(UserError, match=r"^No run could be begun, 3 times in a row"):
        execute(one_case(), out, launcher=launcher)
    assert launcher.num_launches == execution.MAX_BARREN


def test_launches_that_begin_something_may_be_many(out: Store) -> None:
    launcher = Scripted(nothing, nothing, completes, nothing, nothing, completes)
    runs = execute(odd_toys.Odd(num_cases=2), out, launcher=launcher)
    assert {run.status for run in runs.values()} == {Status.COMPLETED}


@pytest.mark.parametrize("has_folder", [True, False], ids=["running", "claimed just now"])
def test_what_somebody_else_runs_is_waited_for_and_not_launched(
    *, has_folder: bool, out: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans: list[Plan] = []
    execute(
        one_case(), Store(out.root / "elsewhere"), launcher=Scripted(lambda plan, kept: plans.append(plan), completes)
    )
    out.make()
    attempt = claimed(plans[0], out)
    if not has_folder:
        attempt.folder.rename(out.root / "not yet")

    def wait(seconds: float) -> None:
        assert seconds == execution.POLL_SECONDS
        if not has_folder:
            (out.root / "not yet").rename(attempt.folder)
        attempt.append(Record(0, {"value": 0.0}))
        attempt.close()
        attempt.commit(Status.COMPLETED)

    monkeypatch.setattr(execution.time, "sleep", wait)
    launcher = Scripted(nothing)
    runs = execute(one_case(), out, launcher=launcher)
    assert [run.attempt for run in runs.values()] == [attempt.folder.name]
    assert launcher.num_launches == 0


def test_what_somebody_else_measures_too_little_of_is_extended(out: Store) -> None:
    execute(toys.PolicyOnTasks(episodes=2), out, launcher=Inline())
    events: list[Event] = []
    execute(toys.PolicyOnTasks(episodes=4), out, launcher=Inline(), on_event=events.append)
    assert [event.num_records for event in events] == [4, 4]
    execute(toys.PolicyOnTasks(episodes=2), out, launcher=Scripted(nothing))


def test_a_measurement_of_too_few_records_fails_once(out: Store) -> None:
    events: list[Event] = []
    runs = execute(odd_toys.TooFew(num_cases=1), out, launcher=Inline(), on_event=events.append)
    assert [(event.status, event.fail_kind) for event in events] == [(Status.FAILED, store.SHORT)]
    assert events[0].message == "The measurement ended with 2 of the 3 records that were wanted."
    assert [len(run.records) for run in runs.values()] == [2]


def test_the_failed_is_tried_again_once_a_command(out: Store) -> None:
    workload = toys.Faulty(faults=["complain", "nothing"])
    for num_attempts in (1, 2, 3):
        execute(workload, out, launcher=Inline(), rerun_failed=True)
        folder = out.root / next(iter(workload.cases())).folder
        assert [run.status for run in out.attempts(folder)] == [Status.FAILED] * num_attempts
    assert sum(1 for _ in out.root.glob("*/*/claim-*")) == 4


def test_a_users_mistake_ends_the_command(out: Store) -> None:
    workload = toys.Faulty(faults=["mistake", "nothing"])
    with pytest.raises(UserError, match=r"^You held it wrong\.$"):
        execute(workload, out, launcher=Inline())
    assert [run.file.fail_kind for run in out.runs()] == ["usage"]


def test_the_plan_is_a_file_only_while_it_is_executed(out: Store) -> None:
    seen: list[list[Path]] = []

    def look(plan: Plan, kept: Store) -> None:
        seen.append(list((kept.root / execution.PLANS).iterdir()))
        raise RuntimeError("the launcher is broken")

    launcher = Scripted(look)
    with pytest.raises(RuntimeError, match="the launcher is broken"):
        execute(one_case(), out, launcher=launcher)
    assert seen == [launcher.paths]
    assert list((out.root / execution.PLANS).iterdir()) == []


def test_a_workload_of_live_objects_has_no_plan_file(out: Store) -> None:
    launcher = Scripted(completes)
    execute(one_case(), out, launcher=launcher, described=False)
    assert launcher.paths == [None]
    assert not (out.root / execution.PLANS).exists()


# One measurement.


def measured(
    measure_case: Callable[[Case, Context], Iterator[Record]], out: Store
) -> tuple[Attempt, execution.Outcome]:
    case = next(iter(one_case().cases()))
    config = execution.ConfigFile(seed=0, case=case)
    attempt = out.claim(case, Need(), config, execution.Start(start_time=now(), host={}))
    return attempt, measure(attempt, case, measure_case, lambda _record: None)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ValueError("it broke"), "error"),
        (SystemExit(3), "error"),
        (MemoryError(), "memory"),
        (RecursionError("deep"), "error"),
    ],
)
def test_what_is_raised_becomes_a_failed_run_with_its_trace(error: BaseException, kind: str, out: Store) -> None:
    def broken(case: Case, context: Context) -> Iterator[Record]:
        yield Record(0, {"value": 0.0})
        raise error

    attempt, outcome = measured(broken, out)
    assert (outcome.status, outcome.fail_kind) == (Status.FAILED, kind)
    assert outcome.message == f"{type(error).__name__}: {error}"
    assert "in broken" in outcome.fail_trace
    assert attempt.num_records == 1


def test_a_measurement_may_end_with_an_outcome_of_its_own(out: Store) -> None:
    own = execution.Outcome(
        status=Status.TIMEOUT, fail_kind="time", fail_trace="it stood here", result={"exit_code": -6}
    )

    def ended(case: Case, context: Context) -> Iterator[Record]:
        yield Record(0, {"value": 0.0})
        raise execution.EndedError(own)

    _, outcome = measured(ended, out)
    assert outcome == own


def test_ctrl_c_is_no_failure(out: Store) -> None:
    def interrupted(case: Case, context: Context) -> Iterator[Record]:
        raise KeyboardInterrupt
        yield

    with pytest.raises(KeyboardInterrupt):
        measured(interrupted, out)


def test_a_failed_measurement_leaves_no_file_open(out: Store) -> None:
    def broken(case: Case, context: Context) -> Iterator[Record]:
        yield Record(0, {"value": 0.0})
        raise ValueError("it broke")

    before = set(Path("/dev/fd").iterdir())
    measured(broken, out)
    assert set(Path("/dev/fd").iterdir()) == before


def test_a_number_that_is_not_finite_is_a_failed_run(out: Store) -> None:
    def infinite(case: Case, context: Context) -> Iterator[Record]:
        yield Record(0, {"return": float("inf")})

    _, outcome = measured(infinite, out)
    assert "a record holds finite numbers or None" in outcome.message


@pytest.mark.parametrize(("result", "said"), [("nan", "must be finite"), ("object", "can't be described in JSON")])
def test_a_result_that_no_file_can_hold_is_a_failed_run(result: str, said: str, out: Store) -> None:
    runs = execute(odd_toys.Reporting(num_cases=2, result=result), out, launcher=Inline())
    assert [run.status for run in runs.values()] == [Status.FAILED] * 2
    assert all(said in run.file.fail_trace for run in runs.values())


def test_an_error_that_names_a_file_of_no_text_can_be_written(out: Store) -> None:
    def broken(case: Case, context: Context) -> Iterator[Record]:
        raise FileNotFoundError("policy\udcff.zip")
        yield

    attempt, outcome = measured(broken, out)
    attempt.commit(outcome.status, fail_trace=outcome.fail_trace)
    assert outcome.message == r"FileNotFoundError: policy\udcff.zip"


def test_the_process_that_claimed_is_told_by_its_start(out: Store) -> None:
    plans: list[Plan] = []
    execute(one_case(), out, launcher=Scripted(lambda plan, kept: plans.append(plan), completes))
    claim = next(out.root.glob("*/*/claim-1")).read_text()
    assert f'"pid":{os.getpid()},"process_start":{platform.process_start(os.getpid())}' in claim
