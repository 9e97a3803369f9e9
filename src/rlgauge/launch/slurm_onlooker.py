"""What Slurm knows of all that was submitted of a store, for whoever looks on and submits nothing."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable

from rlgauge.core.execute import plans
from rlgauge.core.store import Store, Tell
from rlgauge.launch import slurm_queue
from rlgauge.launch.slurm_jobs import Kept, submissions
from rlgauge.launch.slurm_queue import SlurmError, Task
from rlgauge.launch.slurm_settings import POLL_SECONDS
from rlgauge.launch.slurm_watch import Once, is_gone, tasks_of, way_out

QUIET_SECONDS = 60.0
"""After so long without a run that goes on it is said that nobody here knows whether one will come."""


class Onlooker:
    """Asks Slurm seldom; notes which submissions are over, and tells what they leave that nobody will run."""

    def __init__(self, store: Store, tell: Tell) -> None:
        """Nothing is read or asked yet; `tell` is told each sentence once."""
        self._store = store
        self._say = Once(tell)
        self._cluster: str | None = None
        self._next = self._quiet_since = time.monotonic()
        self._unknown: list[Kept] = []
        self.coming: set[str] = set()
        """The ids of the cases of tasks that Slurm still had when it was asked last."""
        self.has_told_of_missing = False
        """Whether it was told that what is missing must be submitted again."""

    def look(self, queued: Collection[str], *, is_quiet: bool) -> None:
        """Ask, where it is time. `queued` are the ids of the cases that wait, `is_quiet` is that none is run now.

        Raises StoreError for a damaged file.
        """
        present = time.monotonic()
        if present >= self._next:
            self._ask(list(submissions(self._store)))
            self._next = time.monotonic() + POLL_SECONDS
        if not is_quiet:
            self._quiet_since = present
        elif present - self._quiet_since >= QUIET_SECONDS:
            self._say_what_is_unknown(queued)

    def _ask(self, open_ones: list[Kept]) -> None:
        self._unknown = []
        if not open_ones or not slurm_queue.can_be_asked():
            self._unknown = open_ones
            return
        try:
            self._cluster = self._cluster or slurm_queue.cluster().name
            here = [kept for kept in open_ones if kept.submission.cluster == self._cluster]
            tasks = tasks_of(here, self._say)
        except SlurmError as error:
            self._say(f"{error} The folders are followed meanwhile.")
            return
        self._unknown = [kept for kept in open_ones if kept not in here]
        self._sort(here, tasks)

    def _sort(self, here: Iterable[Kept], tasks: Iterable[Task]) -> None:
        """Of each submission to the cluster that was asked: whether it may still come, is over, or can't be seen."""
        self.coming, gone = set(), []
        for kept in here:
            own = [task for task in tasks if task.job == kept.submission.name]
            if own:
                self.coming |= _held(kept, own)
                if advice := way_out(kept, own):
                    self._say(advice)
            elif is_gone(kept, own):
                kept.note(is_over=True)
                gone.append(kept)
            else:
                self._unknown.append(kept)
        self._say_what_is_gone(gone)

    def _say_what_is_gone(self, gone: Iterable[Kept]) -> None:
        """Name the jobs that leave cases that are in no plan of a driver and in no other job."""
        planned = {item.case.id for plan in plans(self._store) for item in plan.items}
        for kept in gone:
            items = [item for item in kept.items() if item.case.id not in planned]
            if any(self._store.needs(item.case, item.need) and not self._store.is_busy(item.case) for item in items):
                self._say(f"Slurm no longer has job {kept.called}: the same command submits what is missing.")
                self.has_told_of_missing = True

    def _say_what_is_unknown(self, queued: Collection[str]) -> None:
        for kept in self._unknown:
            if any(item.case.id in queued for item in kept.items()):
                self._say(
                    f"Cases wait in job {kept.called} of Slurm on the cluster {kept.submission.cluster}; whether it "
                    "still has them can't be known here: ask `squeue` there."
                )


def _held(kept: Kept, tasks: Iterable[Task]) -> set[str]:
    """The ids of the cases that these tasks of it have."""
    items = kept.items()
    return {items[place].case.id for task in tasks for place in kept.submission.tasks[task.number]}
