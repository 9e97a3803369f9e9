"""What Slurm knows of the submissions that hold the cases of a plan."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Iterator
from contextvars import ContextVar

from rlgauge.core.execute import Item
from rlgauge.core.store import Need, Store, Tell
from rlgauge.launch import slurm_queue
from rlgauge.launch.slurm_jobs import Kept, submissions
from rlgauge.launch.slurm_queue import SlurmError, Task

_WILL_COME = {"None", "Priority", "Resources", "JobArrayTaskLimit", "BeginTime", "Dependency", "Cleaning", "Prolog"}
"""Why a task waits that needs nothing but time."""
_TAKING_SECONDS = 600.0
"""A job that is older and still has no number was given by a command that was killed before Slurm took it."""
_OWN: ContextVar[frozenset[str]] = ContextVar("submissions of this very command", default=frozenset())


@contextlib.contextmanager
def as_own(ids: Iterable[str]) -> Iterator[None]:
    """While it lasts, these submissions count as this command's, not as another one's."""
    before = _OWN.set(_OWN.get() | set(ids))
    try:
        yield
    finally:
        _OWN.reset(before)


class Once:
    """Tells each sentence once."""

    def __init__(self, tell: Tell) -> None:
        """Nothing is told yet."""
        self._tell = tell
        self._told: set[str] = set()

    def __call__(self, sentence: str) -> None:
        """Tell it, unless that was done."""
        if sentence not in self._told:
            self._told.add(sentence)
            self._tell(sentence)


def tasks_of(asked: Iterable[Kept], tell: Tell) -> list[Task]:
    """The tasks that Slurm still has of these submissions; `tell` is told why some don't start. Raises SlurmError."""
    known = [kept.submission for kept in asked]
    tasks = slurm_queue.tasks((one.name for one in known), (one.user for one in known))
    numbers = {one.name: one.job for one in known}
    for task in filter(_is_stuck, tasks):
        tell(f"Tasks of Slurm's job {numbers[task.job]} wait, and Slurm says why: {task.reason}.")
    return tasks


def way_out(kept: Kept, tasks: Iterable[Task]) -> str | None:
    """How to submit it anew where some of these tasks of it wait and time alone does not help; else None."""
    if kept.submission.user != os.getuid() or not any(map(_is_stuck, tasks)):
        return None
    return f"`scancel {kept.called}` and give the command again to submit them with other settings."


def is_gone(kept: Kept, tasks: Iterable[Task]) -> bool:
    """Whether Slurm, which has just named these tasks of it, has it no more, or never took it.

    Of somebody else's it may not tell.
    """
    if any(tasks) or kept.submission.user != os.getuid():
        return False
    return kept.submission.job is not None or kept.submission.seconds > _TAKING_SECONDS


class Watch:
    """Asks Slurm for all tasks at once, and seldom; says once why some don't start."""

    def __init__(self, store: Store, cluster: str, tell: Tell) -> None:
        """Read what was submitted to the cluster; Slurm is asked later. Raises StoreError for a damaged file."""
        self._kept = list(submissions(store, cluster))
        self._say = Once(tell)
        self._asked = 0.0
        self._is_over = False
        self._watched: list[Kept] = []
        self.begun: dict[str, int] = {}
        """The last attempt at each case before it was submitted, by the case's id."""

    def without_those_submitted(self, items: list[Item]) -> list[Item]:
        """The items that no task holds which may still come; notes the submissions that are over. Raises SlurmError."""
        wanted = {(item.case.id, item.need): item for item in items}
        tasks = tasks_of(self._kept, self._say)
        for kept in self._kept:
            own = [task for task in tasks if task.job == kept.submission.name]
            if num_taken := self._take(kept, own, wanted):
                self._watched.append(kept)
                self._say_that_it_was_there(kept, own, num_taken)
            elif is_gone(kept, own):
                kept.note(is_over=True)
        return list(wanted.values())

    def _say_that_it_was_there(self, kept: Kept, tasks: list[Task], num_taken: int) -> None:
        if kept.submission.id in _OWN.get():
            return
        self._say(f"Slurm's job {kept.called} was submitted before, with {_cases(num_taken)} of these.")
        if advice := way_out(kept, tasks):
            self._say(advice)

    def _take(self, kept: Kept, tasks: list[Task], wanted: dict[tuple[str, Need], Item]) -> int:
        """How many of the wanted those tasks of the submission hold that may still come; they are wanted no more."""
        items = kept.items() if tasks else []
        num_wanted = len(wanted)
        for task in tasks:
            for place in kept.submission.tasks[task.number]:
                item = items[place]
                if wanted.pop((item.case.id, item.need), None) is not None:
                    self.begun[item.case.id] = kept.submission.begun[place]
        return num_wanted - len(wanted)

    def add(self, kept: Kept) -> None:
        """Watch what was just submitted."""
        self._watched.append(kept)
        self.begun.update(zip((item.case.id for item in kept.items()), kept.submission.begun, strict=True))
        self._asked = time.monotonic()
        known = kept.submission
        self._say(f"Slurm's job {known.job} has {_cases(len(known.begun))} in an array of {len(known.tasks)}.")

    @property
    def is_empty(self) -> bool:
        """Whether nothing is with Slurm."""
        return not self._watched

    def summary(self, num_submitted: int) -> str:
        """What is with Slurm, in a sentence."""
        jobs = ", ".join(kept.called for kept in self._watched)
        of_job = f"job {jobs}" if len(self._watched) == 1 else f"jobs {jobs}"
        what = f"Submitted {_cases(num_submitted)}" if num_submitted else "Nothing new to submit"
        return f"{what}: {of_job} of Slurm. The same command without --no-wait follows and collects them."

    def say_what_goes_on(self, own: Kept | None) -> None:
        """Name the jobs that other commands have submitted: this one's end is not theirs."""
        for kept in self._watched:
            if kept is not own and kept.submission.id not in _OWN.get():
                job = kept.called
                self._say(f"Slurm's job {job} goes on, as another command submitted it: `scancel {job}` ends it.")

    def is_over(self, poll_seconds: float) -> bool:
        """Whether no task of what is watched may still come, as Slurm said at most so many seconds ago."""
        if time.monotonic() - self._asked >= poll_seconds:
            try:
                self._is_over = not tasks_of(self._watched, self._say)
            except SlurmError as error:
                self._say(f"{error} The folders are followed meanwhile.")
            self._asked = time.monotonic()
        return self._is_over


def _is_stuck(task: Task) -> bool:
    """Whether it waits for something else than its turn."""
    return task.state == "PENDING" and task.reason.split(",")[0] not in _WILL_COME


def _cases(number: int) -> str:
    return "1 case" if number == 1 else f"{number} cases"
