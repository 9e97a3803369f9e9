"""The rules for launchers: each a function whose docstring is the rule, and whose sentences say what breaks it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rlgauge.core.case import Case
from rlgauge.core.errors import UserError
from rlgauge.core.execute import MAX_DEATHS
from rlgauge.core.run import Run, Status
from rlgauge.testing.conformity import Rule
from rlgauge.testing.launching import Heard, Seen
from rlgauge.testing.scenes import Scenes, Stopped
from rlgauge.testing.workloads import MISTAKE, NUM_RECORDS, RAISED, SPARED, UNOPENED, value, words

Sentences = Iterator[str]


def every_case(scenes: Scenes) -> Sentences:
    """Every case of a plan is measured once, and its run ends COMPLETED."""
    yield from _each_once(scenes.ordinary)


def records(scenes: Scenes) -> Sentences:
    """A run has the records that its case measured."""
    for case, run in scenes.ordinary.of_role("steps"):
        wanted = [(index, value(case, index)) for index in range(NUM_RECORDS)]
        found = [] if run is None else [(record.index, record.values.get("value")) for record in run.records]
        if found != wanted:
            yield f"Case {case.name} measured {wanted} and its run has {found}."


def events(scenes: Scenes) -> Sentences:
    """Events say what the store says when they come, in a possible order, and the end of every run."""
    seen = scenes.ordinary
    yield from _untrue(seen)
    ends = Counter(heard.event.case_id for heard in seen.heard if heard.event.status is not None)
    for case in seen.cases.values():
        if ends[case.id] == 0:
            yield f"No event told the end of case {case.name}."


def output(scenes: Scenes) -> Sentences:
    """What a case prints is in the cout.txt of its run, and in no other's."""
    seen = scenes.ordinary
    for case, run in seen.of_role("steps"):
        printed = "" if run is None else (run.folder / "cout.txt").read_text()
        if words(case) not in printed:
            yield f"Case {case.name} printed {words(case)!r}, which is not in its cout.txt."
        for other in seen.cases.values():
            if other is not case and words(other) in printed:
                yield f"What case {other.name} printed is in the cout.txt of case {case.name}."


def sessions(scenes: Scenes) -> Sentences:
    """A session that was opened is closed, before its process ends."""
    notes = scenes.ordinary.workload.notes
    opened, closed = ({path.stem for path in notes.glob(f"*.{what}")} for what in ("opened", "closed"))
    if opened != closed:
        yield f"{len(opened)} sessions were opened, and {len(closed)} of them were closed."


def at_once(scenes: Scenes) -> Sentences:
    """No more cases are measured at once than were asked for."""
    yield from _too_many(scenes.ordinary, scenes.asked.most_at_once)


def variables(scenes: Scenes) -> Sentences:
    """The environment variables that the launcher was made with reach the runs."""
    for visit in scenes.ordinary.visits():
        for name, wanted in scenes.asked.variables.items():
            if visit.variables.get(name) != wanted:
                found = visit.variables.get(name)
                yield f"The case of seed {visit.seed} found {name}={found!r}, and {wanted!r} was to be given to it."


def current_folder(scenes: Scenes) -> Sentences:
    """Runs are measured in the folder in which the command was given: paths in it may be relative to that."""
    for visit in scenes.ordinary.visits():
        if visit.current_folder != str(Path.cwd()):
            yield f"The case of seed {visit.seed} was measured in {visit.current_folder}, not in {Path.cwd()}."


def completed(scenes: Scenes) -> Sentences:
    """What is COMPLETED already is not run again."""
    seen = scenes.again
    for case in list(seen.cases.values())[:-2]:
        if (number := seen.store.num_attempts(case)) > 1 or len(seen.visits(case)) > 1:
            yield f"Case {case.name} was COMPLETED, and a second launch began attempt {number} at it."


def more_records(scenes: Scenes) -> Sentences:
    """A COMPLETED run of which more records are wanted is gone on with, from the records that it has."""
    seen = scenes.again
    for case in list(seen.cases.values())[-2:]:
        yield from _gone_on(seen, case, num_records=NUM_RECORDS + 1)


def exceptions(scenes: Scenes) -> Sentences:
    """What raises ends FAILED, with its traceback."""
    yield from _failed(scenes.faulty.of_role("raise"), f"RuntimeError: {RAISED}")


def crashes(scenes: Scenes) -> Sentences:
    """A measuring process that is killed or crashes leaves a run that is FAILED or DIED."""
    for role, end in (("kill", "was killed (-9)"), ("segfault", "crashed (SIGSEGV)")):
        for case, run in scenes.faulty.of_role(role):
            status = None if run is None else run.status
            if SPARED in _trace(run):
                yield f"Case {case.name} was measured by the process that launches, which it would have ended."
            elif status not in {Status.FAILED, Status.DIED}:
                yield f"The process of case {case.name} {end}, and its run is {status}."
            elif scenes.faulty.store.is_busy(case):
                yield f"The process of case {case.name} {end}, and its case is not free."


def time_limits(scenes: Scenes) -> Sentences:
    """A run that takes longer than its limit ends TIMEOUT, with the records that it has."""
    for case, run in scenes.faulty.of_role("slow"):
        status = None if run is None else run.status
        if SPARED in _trace(run):
            yield f"Case {case.name} was measured by the process that launches, which nobody can end for its limit."
        elif status is not Status.TIMEOUT:
            yield f"Case {case.name} takes longer than its limit, and its run is {status}."
        elif run is not None and run.num_records != 1:
            yield f"Case {case.name} had 1 record when its time was over, and its run has {run.num_records}."


def bystanders(scenes: Scenes) -> Sentences:
    """Whatever becomes of other cases, one that goes well is measured once and COMPLETED."""
    yield from _each_once(scenes.faulty)


def failures(scenes: Scenes) -> Sentences:
    """Runs that fail are told as such by events, with their kind and a message."""
    seen = scenes.faulty
    yield from _untrue(seen)
    ends = {heard.event.case_id: heard.event for heard in seen.heard if heard.event.status is not None}
    for case in seen.cases.values():
        run, end = seen.run(case), ends.get(case.id)
        if run is None or run.status not in {Status.FAILED, Status.TIMEOUT}:
            continue
        if end is None:
            yield f"No event told that case {case.name} ended {run.status}."
        elif end.fail_kind != run.file.fail_kind or not end.message:
            said = f"fail_kind={end.fail_kind!r} and message={end.message!r}"
            yield f"The event of the end of case {case.name} has {said}; its run has {run.file.fail_kind!r}."


def attempts(scenes: Scenes) -> Sentences:
    """What failed is not tried again, and what kills its worker is given up."""
    seen = scenes.faulty
    for case in seen.cases.values():
        run, number = seen.run(case), seen.store.num_attempts(case)
        most = MAX_DEATHS if run is not None and run.status is Status.DIED else 1
        if case.params["role"] != "steps" and number > most:
            yield f"Case {case.name} was begun {number} times."


def two_launches(scenes: Scenes) -> Sentences:
    """Two launches at once in one folder measure each case once."""
    yield from _each_once(scenes.twice)


def fresh_processes(scenes: Scenes) -> Sentences:
    """A workload that needs a process of its own for each case gets one."""
    seen = scenes.twice
    by_process = Counter(visit.process for visit in seen.visits())
    for process, number in by_process.items():
        if number > 1:
            yield f"Process {process.pid} measured {number} cases of a workload that is {seen.workload.process!r}."


def imports(scenes: Scenes) -> Sentences:
    """A workload is found in a module that only the plan's import_paths lead to."""
    yield from _each_once(scenes.alone)


def alone(scenes: Scenes) -> Sentences:
    """Cases of a workload that must be alone on the machine are measured one at a time."""
    yield from _too_many(scenes.alone, 1)


def closing(scenes: Scenes) -> Sentences:
    """Closing the launch ends all runs as INTERRUPTED and leaves their cases free; nothing is begun after it."""
    stopped = scenes.stopped
    seen = stopped.seen
    for case in seen.cases.values():
        run = seen.run(case)
        if run is not None and run.status is not Status.INTERRUPTED:
            yield f"Case {case.name} was running when the launch was closed, and its run is {run.status}."
        elif seen.store.is_busy(case):
            yield f"Case {case.name} is not free after the launch was closed."
    if stopped.num_later > 0:
        yield f"{stopped.num_later} attempts were begun after the launch was closed."


def leftovers(scenes: Scenes) -> Sentences:
    """Closing the launch ends every process that measured, and every process that those have started."""
    stopped = scenes.stopped
    measuring = {visit.process for visit in stopped.seen.visits()}
    for one in stopped.left:
        what = "measured a case" if one in measuring else "was started by one that measured"
        yield f"Process {one.pid}, which {what}, still ran when the launch had been closed."


def going_on(scenes: Scenes) -> Sentences:
    """A run that was interrupted is gone on with, from the records that it has."""
    seen = scenes.resumed
    for case in seen.cases.values():
        yield from _gone_on(seen, case, num_records=None)


def mistakes(scenes: Scenes) -> Sentences:
    """A mistake of the user's (UserError) is told by an event of the kind "usage", or raised, in its own words."""
    seen = scenes.mistaken
    if not isinstance(seen.error, UserError) or MISTAKE not in str(seen.error):
        told = seen.problem or "No event told of it, nor was it raised."
        yield f"The workload raised UserError({MISTAKE!r}). {told}"


def unopenable(scenes: Scenes) -> Sentences:
    """A session that does not open fails every run, with its traceback."""
    yield from _failed(scenes.unopenable.of_role("steps"), f"RuntimeError: {UNOPENED}")


def live_objects(scenes: Scenes) -> Sentences:
    """A workload that no other process can make (its plan has no file) is run, or refused in a UserError."""
    seen = scenes.live
    if not isinstance(seen.error, UserError):
        if seen.problem is not None:
            yield seen.problem
        else:
            yield from _each_once(seen)


Find = Callable[[Scenes], Sentences]


class Check(NamedTuple):
    """A rule, the launch that it is judged by, and whether a launcher may say that it can't keep it.

    It is not judged where one of the rules in `after` is broken.
    """

    find: Find
    scene: str
    may_lack: bool = False
    after: tuple[Find, ...] = ()
    may_raise: bool = False

    @property
    def rule(self) -> Rule:
        """Its name and its sentence."""
        return Rule(self.find.__name__, (self.find.__doc__ or "").strip())


CHECKS: Sequence[Check] = (
    Check(every_case, "ordinary"),
    Check(records, "ordinary"),
    Check(events, "ordinary"),
    Check(output, "ordinary", may_lack=True),
    Check(sessions, "ordinary"),
    Check(at_once, "ordinary"),
    Check(variables, "ordinary"),
    Check(current_folder, "ordinary", may_lack=True),
    Check(completed, "again", after=(every_case,)),
    Check(more_records, "again", after=(every_case,)),
    Check(exceptions, "faulty"),
    Check(crashes, "faulty", may_lack=True),
    Check(time_limits, "faulty", may_lack=True),
    Check(bystanders, "faulty"),
    Check(failures, "faulty"),
    Check(attempts, "faulty"),
    Check(two_launches, "twice"),
    Check(fresh_processes, "twice", may_lack=True, after=(two_launches,)),
    Check(imports, "alone"),
    Check(alone, "alone", after=(imports,)),
    Check(closing, "stopped"),
    Check(leftovers, "stopped", may_lack=True),
    Check(going_on, "resumed"),
    Check(mistakes, "mistaken", may_raise=True),
    Check(unopenable, "unopenable"),
    Check(live_objects, "live", may_raise=True),
)


def _each_once(seen: Seen) -> Sentences:
    """What is wrong with the cases that go well."""
    for case, run in seen.of_role("steps"):
        number, num_visits = len(seen.attempts(case)), len(seen.visits(case))
        if run is None:
            yield f"Case {case.name} was never begun."
        elif run.status is not Status.COMPLETED:
            yield f"The run of case {case.name} is {run.status}, not COMPLETED.{_last_line(run)}"
        elif number != 1 or num_visits != 1:
            yield f"Case {case.name} has {number} attempts, and was measured {num_visits} times."


def _failed(found: Iterator[tuple[Case, Run | None]], raised: str) -> Sentences:
    for case, run in found:
        status = None if run is None else run.status
        if status is not Status.FAILED:
            yield f"Case {case.name} raised {raised!r}, and its run is {status}."
        elif raised not in _trace(run) or "Traceback" not in _trace(run):
            yield f"Case {case.name} raised {raised!r}, whose traceback is not in the fail_trace of its run."


def _gone_on(seen: Seen, case: Case, *, num_records: int | None) -> Sentences:
    """What is wrong with a case that was begun a second time."""
    kept, run = seen.records_before.get(case.id, []), seen.run(case)
    found = [] if run is None or run.status is not Status.COMPLETED else run.records
    if not found:
        yield f"Case {case.name} was to be gone on with, and its run is {None if run is None else run.status}."
    elif found[: len(kept)] != kept:
        yield f"Case {case.name} had {len(kept)} records, which are not the first that its later attempt has."
    elif num_records is not None and len(found) != num_records:
        yield f"Of case {case.name} {num_records} records were wanted, and its run has {len(found)}."
    elif [record.index for record in found] != list(range(len(found))):
        yield f"The records of case {case.name} have gaps: {[record.index for record in found]}."


def _too_many(seen: Seen, most: int | None) -> Sentences:
    number = max((visit.num_at_work for visit in seen.visits()), default=0)
    if most is not None and number > most:
        yield f"{number} cases were measured at once, and {most} may be."


def _untrue(seen: Seen) -> Sentences:
    """Events that say what is not so, or come when they can't."""
    last: dict[str, Heard] = {}
    for heard in seen.heard:
        case = seen.cases.get(heard.event.case_id)
        if case is None:
            yield f"An event is of case {heard.event.case_id!r}, which is not in the plan."
            continue
        yield from _untrue_of(heard, last.get(case.id), case.name)
        last[case.id] = heard


def _untrue_of(heard: Heard, before: Heard | None, name: str) -> Sentences:
    event = heard.event
    if before is not None and before.event.status is not None:
        yield f"An event of case {name} came after the one that told its end."
    elif before is not None and event.num_records < before.event.num_records:
        yield f"Events said {before.event.num_records} and then {event.num_records} records of case {name}."
    if event.num_records > heard.num_records:
        yield f"An event said {event.num_records} records of case {name}, when its run had {heard.num_records}."
    if event.status is not None and event.status is not heard.status:
        yield f"An event said that case {name} was {event.status}, when its run was {heard.status}."
    elif event.status is not None and event.num_records != heard.num_records:
        yield f"The end of case {name} was told with {event.num_records} records, and it has {heard.num_records}."


def _trace(run: Run | None) -> str:
    return "" if run is None else run.file.fail_trace or ""


def _last_line(run: Run) -> str:
    lines = _trace(run).strip().splitlines()
    return f" {lines[-1]}" if lines else ""


def why_blind(stopped: Stopped) -> str | None:
    """Why it can't be seen whether processes are left; None where it can."""
    return "the cases were measured on other machines" if stopped.is_blind else None


def why_not_asked(scenes: Scenes) -> dict[str, str]:
    """The rules that can't be judged by what the caller has said, and what to give."""
    asked: dict[str, Any] = {"at_once": scenes.asked.most_at_once, "variables": scenes.asked.variables or None}
    said = {
        "at_once": "nobody said how many cases may be measured at once (most_at_once)",
        "variables": "nobody said which the launcher was made with (variables)",
    }
    return {name: said[name] for name, given in asked.items() if given is None}
