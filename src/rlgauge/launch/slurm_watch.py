"""What Slurm knows of the submissions that hold the cases of a plan."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable

from rlgauge.core.execute import Item
from rlgauge.core.store import Store, Tell
from rlgauge.launch import slurm_queue
from rlgauge.launch.slurm_jobs import Kept, submissions
from rlgauge.launch.slurm_queue import SlurmError, Task

_WILL_COME = {"None", "Priority", "Resources", "JobArrayTaskLimit", "BeginTime", "Dependency", "Cleaning", "Prolog"}
"""Why a task waits that needs nothing but time."""


class Watch:
    """Asks Slurm for all tasks at once, and seldom; says once why some don't start."""

    def __init__(self, store: Store, cluster: str, tell: Tell) -> None:
        """Read what was submitted to the cluster; Slurm is asked later. Raises StoreError for a damaged file."""
        self._kept = list(submissions(store, cluster))
        self._tell = tell
        self._told: set[str] = set()
        self._asked = 0.0
        self._is_over = False
        self._watched: list[Kept] = []
        self.begun: dict[str, int] = {}
        """The last attempt at each case before it was submitted, by the case's id."""

    def without_those_submitted(self, items: list[Item]) -> list[Item]:
        """The items that no task holds which may still come; notes the submissions that are over. Raises SlurmError."""
        wanted = {item.case.id: item for item in items}
        tasks = self._ask(self._kept)
        for kept in self._kept:
            own = [task for task in tasks if task.job == kept.submission.name]
            if num_taken := self._take(kept, own, wanted):
                self._watched.append(kept)
                self._say(f"Slurm's job {kept.submission.job} was submitted before, with {_cases(num_taken)} of these.")
            elif not own and kept.submission.job is not None and kept.submission.user == os.getuid():
                kept.note(is_over=True)
        return list(wanted.values())

    def _take(self, kept: Kept, tasks: list[Task], wanted: dict[str, Item]) -> int:
        """How many of the wanted those tasks of the submission hold that may still come; they are wanted no more."""
        items = kept.items() if tasks else []
        num_wanted = len(wanted)
        for task in tasks:
            for place in kept.submission.tasks[task.number]:
                case_id = items[place].case.id
                if case_id in wanted and wanted[case_id].need == items[place].need:
                    del wanted[case_id]
                    self.begun[case_id] = kept.submission.begun[place]
        return num_wanted - len(wanted)

    def add(self, kept: Kept) -> None:
        """Watch what was just submitted."""
        self._watched.append(kept)
        self.begun.update(zip((item.case.id for item in kept.items()), kept.submission.begun, strict=True))
        self._asked = time.monotonic()
        known = kept.submission
        self._say(f"Slurm's job {known.job} has {_cases(len(known.begun))} in an array of {len(known.tasks)}.")

    def summary(self, num_submitted: int) -> str:
        """What is with Slurm, in a sentence."""
        jobs = ", ".join(kept.submission.job or kept.submission.name for kept in self._watched)
        of_job = f"job {jobs}" if len(self._watched) == 1 else f"jobs {jobs}"
        what = f"Submitted {_cases(num_submitted)}" if num_submitted else "Nothing new to submit"
        return f"{what}: {of_job} of Slurm. The same command without --no-wait follows and collects them."

    def say_what_goes_on(self, own: Kept | None) -> None:
        """Name the jobs that other commands have submitted: this one's end is not theirs."""
        for kept in self._watched:
            if kept is not own:
                job = kept.submission.job or kept.submission.name
                self._say(f"Slurm's job {job} goes on, as another command submitted it: `scancel {job}` ends it.")

    def is_over(self, poll_seconds: float) -> bool:
        """Whether no task of what is watched may still come, as Slurm said at most so many seconds ago."""
        if time.monotonic() - self._asked >= poll_seconds:
            try:
                self._is_over = not self._ask(self._watched)
            except SlurmError as error:
                self._say(f"{error} The folders are followed meanwhile.")
            self._asked = time.monotonic()
        return self._is_over

    def _ask(self, asked: Iterable[Kept]) -> list[Task]:
        known = [kept.submission for kept in asked]
        tasks = slurm_queue.tasks((one.name for one in known), (one.user for one in known))
        numbers = {one.name: one.job for one in known}
        for task in tasks:
            if task.state == "PENDING" and task.reason.split(",")[0] not in _WILL_COME:
                self._say(f"Tasks of Slurm's job {numbers[task.job]} wait, and Slurm says why: {task.reason}.")
        return tasks

    def _say(self, sentence: str) -> None:
        if sentence not in self._told:
            self._told.add(sentence)
            self._tell(sentence)


def _cases(number: int) -> str:
    return "1 case" if number == 1 else f"{number} cases"
