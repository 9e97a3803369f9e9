"""Executing a workload: what is missing is run, by whatever launcher, until nothing is missing."""

from __future__ import annotations

import contextlib
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

import msgspec

from rlgauge.core.case import Case, canonical
from rlgauge.core.claim import Driver
from rlgauge.core.errors import SubmittedError, UserError
from rlgauge.core.files import StoreError, plain_errors, write_atomic
from rlgauge.core.run import FORMAT, MEMORY, USAGE, ConfigFile, Record, Run, Start, Status
from rlgauge.core.store import Attempt, Need, Store, now
from rlgauge.core.workload import Context, Description, Measure, Workload

POLL_SECONDS = 0.5
"""How often a driver looks whether the cases that somebody else runs are done."""
PLANS = "plans"
"""The folder of a store that holds the plans being executed."""
JOBS = "jobs"
"""The folder of a store that holds what was handed over to schedulers: plans and submission.json in one each."""
MAX_DEATHS = 2
"""A case whose worker died this often under one driver is given up."""
MAX_BARREN = 3
"""So many launches in a row that began no run are one fault of all."""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A case of a plan, how many records complete it, and up to which attempt what failed is to be tried again."""

    case: Case
    num_wanted: int | None = None
    rerun_up_to: int | None = None

    @property
    def need(self) -> Need:
        """What is wanted of the case."""
        return Need(num_wanted=self.num_wanted, rerun_up_to=self.rerun_up_to)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a run may use. None is no limit."""

    seconds: float | None = None
    resident_bytes: int | None = None


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """All that a worker must know: what to measure, of what, and where to keep it."""

    format: int = FORMAT
    root: str
    workload: Description | None
    items: list[Item]
    units: dict[str, str] = {}
    process: str = "shared"
    hang_seconds: float | None = None
    limits: Limits = Limits()
    command: list[str] = []
    import_paths: list[str] = []
    driver: Driver | None = None

    @property
    def is_alone(self) -> bool:
        """Whether its cases are measured one at a time, on a machine where nothing else is run."""
        return self.process == "alone"

    def config(self, item: Item) -> ConfigFile:
        """config.json of an attempt at the item's case."""
        from rlgauge.core import provenance

        described = None if self.workload is None else provenance.masked_within(msgspec.structs.asdict(self.workload))
        environment = item.case.params.get("environment")
        return ConfigFile(
            seed=item.case.seed, case=item.case, workload=described, units=self.units, environment=environment
        )

    def start(self) -> Start:
        """run.json at the start of a run: the driver's command, this machine."""
        import shlex

        from rlgauge.core import provenance

        return Start(
            command=shlex.join(self.command),
            start_time=now(),
            host=provenance.host(),
            provenance=provenance.collect(argv=self.command),
        )


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker says while it works. `status` is set once, at the end of the run."""

    case_id: str
    num_records: int
    status: Status | None = None
    fail_kind: str | None = None
    message: str | None = None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a measurement ended, before it is committed."""

    status: Status
    result: dict[str, Any] | None = None
    fail_kind: str | None = None
    fail_trace: str | None = None
    message: str | None = None


class EndedError(Exception):
    """Ends a measurement with an outcome of its own: what it measures ran elsewhere, and has a trace of its own."""

    def __init__(self, outcome: Outcome) -> None:
        """Carry the outcome."""
        super().__init__(outcome.message)
        self.outcome = outcome


class Launcher(Protocol):
    """Where runs execute. One that does not wait raises SubmittedError when it has handed them over."""

    waits: bool

    def launch(self, plan: Plan, path: Path | None, workload: Workload) -> Generator[Event]:
        """Run every item of the plan that nobody else runs; say what happens. Closing the iterator ends all work."""


def execute(
    workload: Workload,
    store: Store,
    *,
    launcher: Launcher,
    limits: Limits | None = None,
    rerun_failed: bool = False,
    on_event: Callable[[Event], None] = lambda _event: None,
    described: bool = True,
) -> dict[str, Run | None]:
    """The run of every case, by case id, after all that was missing has been run.

    Cases that another driver is running are waited for. Raises UserError for a mistake that would fail every case.
    """
    from rlgauge.core import provenance

    store.make()
    cases = {case.id: case for case in workload.cases()}
    items = [
        Item(
            case=case,
            num_wanted=workload.num_wanted(case),
            rerun_up_to=store.num_attempts(case) if rerun_failed else None,
        )
        for case in cases.values()
    ]
    plan = Plan(
        root=str(store.root.resolve()),
        workload=workload.describe() if described else None,
        items=items,
        units=dict(workload.units),
        process=workload.process,
        hang_seconds=workload.hang_seconds,
        limits=limits or Limits(),
        command=provenance.masked(sys.argv),
        import_paths=_own_import_paths(),
        driver=Driver.this(),
    )
    _run_until_done(plan, store, launcher=launcher, workload=workload, on_event=on_event)
    return {item.case.id: store.find(item.case) for item in items}


def measure(attempt: Attempt, case: Case, measure_case: Measure, on_record: Callable[[Record], None]) -> Outcome:
    """Measure one case into its attempt. An exception becomes a failed run with its traceback."""
    try:
        with contextlib.closing(attempt):
            for record in measure_case(case, attempt):
                attempt.append(record)
                on_record(record)
        canonical(attempt.result)  # what run.json can't hold is this run's failure
    except UserError as error:
        return Outcome(status=Status.FAILED, fail_kind=USAGE, fail_trace=str(error), message=str(error))
    except EndedError as error:
        return error.outcome
    except (Exception, SystemExit) as error:  # noqa: BLE001  # the one place where an exception becomes a failed run
        return failure(error)
    return Outcome(status=Status.COMPLETED, result=attempt.result)


def failure(error: BaseException) -> Outcome:
    """The outcome of a run that raised."""
    import traceback

    trace = "".join(traceback.format_exception(error))
    message = f"{type(error).__name__}: {error}"
    kind = MEMORY if isinstance(error, MemoryError) else "error"
    return Outcome(status=Status.FAILED, fail_kind=kind, fail_trace=_printable(trace), message=_printable(message))


def commit(item: Item, attempt: Attempt, outcome: Outcome) -> Event:
    """Commit the end of a run; the event that tells of it."""
    end = attempt.commit(
        outcome.status, result=outcome.result, fail_kind=outcome.fail_kind, fail_trace=outcome.fail_trace
    )
    return Event(
        case_id=item.case.id,
        num_records=end.num_records or 0,
        status=end.status,
        fail_kind=end.fail_kind,
        message=outcome.message or end.fail_trace,
    )


class LazySession:
    """Measures in a session that is opened for the first case: where that raises, it is that case's failure."""

    def __init__(self, make: Callable[[], Workload], stack: contextlib.ExitStack) -> None:
        """The workload comes from `make`; the session is closed with `stack`."""
        self._make = make
        self._stack = stack
        self._measure_case: Measure | None = None

    def measure(self, case: Case, context: Context) -> Iterator[Record]:
        """The records of one case."""
        if self._measure_case is None:
            self._measure_case = self._stack.enter_context(self._make().session())
        yield from self._measure_case(case, context)


def plans(store: Store) -> Iterator[Plan]:
    """What drivers are executing just now, and what schedulers still have. Raises StoreError for a damaged plan."""
    for _, plan in _read_plans((store.root / PLANS).glob("*.json")):
        if plan.driver is None or not plan.driver.is_dead:
            yield plan
    submitted = (store.root / JOBS).glob("*/plan-*.json")
    yield from (plan for _, plan in _read_plans(path for path in submitted if not _is_over(path.parent)))


def _remove_dead_plans(store: Store) -> None:
    for path, plan in _read_plans((store.root / PLANS).glob("*.json")):
        if plan.driver is not None and plan.driver.is_dead:
            path.unlink(missing_ok=True)


class _Handed(msgspec.Struct):
    """What is asked of submission.json."""

    is_over: bool = False


def _is_over(folder: Path) -> bool:
    """Whether a scheduler was seen to know a job no more."""
    try:
        return msgspec.json.decode((folder / "submission.json").read_bytes(), type=_Handed).is_over
    except (FileNotFoundError, msgspec.DecodeError):
        return True


def _read_plans(paths: Iterable[Path]) -> Iterator[tuple[Path, Plan]]:
    for path in sorted(paths):
        try:
            yield path, msgspec.json.decode(path.read_bytes(), type=Plan)
        except FileNotFoundError:  # its driver has just ended
            continue
        except msgspec.DecodeError as error:
            raise StoreError(f"{path} is damaged ({error}); delete it.") from error


@contextlib.contextmanager
def plan_file(plan: Plan, store: Store) -> Iterator[Path | None]:
    """The plan as a file that workers read, gone when the launcher has ended; None where it holds live objects."""
    if plan.workload is None:
        yield None
        return
    path = store.root / PLANS / f"{uuid.uuid4().hex}.json"
    with plain_errors(path):
        path.parent.mkdir(exist_ok=True)
        _remove_dead_plans(store)
    write_atomic(path, msgspec.json.encode(plan))
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _run_until_done(
    plan: Plan, store: Store, *, launcher: Launcher, workload: Workload, on_event: Callable[[Event], None]
) -> None:
    deaths: Counter[str] = Counter()
    num_barren = 0
    while missing := [item for item in _missing(plan, store) if deaths[item.case.id] < MAX_DEATHS]:
        free = [item for item in missing if not store.is_busy(item.case)]
        if not free and not launcher.waits:
            raise SubmittedError(f"All that is missing is being run: {len(missing)} of {len(plan.items)} cases.")
        if not free:
            time.sleep(POLL_SECONDS)
            continue
        num_begun = _num_attempts(free, store)
        rest = msgspec.structs.replace(plan, items=free)
        with plan_file(rest, store) as path, contextlib.closing(launcher.launch(rest, path, workload)) as events:
            for event in events:
                on_event(event)
                if event.fail_kind == USAGE:
                    raise UserError(event.message or "")
        deaths.update(item.case.id for item in free if _has_died(store, item))
        num_barren = num_barren + 1 if _num_attempts(free, store) == num_begun else 0
        if num_barren == MAX_BARREN:
            raise UserError(
                f"No run could be begun, {MAX_BARREN} times in a row: the workers end before they claim one."
            )


def _own_import_paths() -> list[str]:
    """Where this process finds modules beside the installed ones: workers must find the same."""
    installed = (sys.prefix, sys.base_prefix)
    paths = (str(Path(entry).resolve()) for entry in sys.path if not entry.startswith(installed))
    return list(dict.fromkeys(paths))


def _missing(plan: Plan, store: Store) -> list[Item]:
    return [item for item in plan.items if store.needs(item.case, item.need)]


def _num_attempts(items: list[Item], store: Store) -> int:
    return sum(store.num_attempts(item.case) for item in items)


def _has_died(store: Store, item: Item) -> bool:
    attempts = store.attempts(store.root / item.case.folder)
    return bool(attempts) and attempts[-1].status is Status.DIED


def _printable(text: str) -> str:
    """The text as any file can hold it: names of files may bring bytes that are no Unicode."""
    return text.encode(errors="backslashreplace").decode()
