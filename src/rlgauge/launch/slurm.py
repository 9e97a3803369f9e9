"""Runs by workers that Slurm starts: one array, whose tasks take a few cases each.

The folders of the runs are the truth and are followed; `squeue` is asked now and then, for all tasks at once, and only
says which tasks may still come. No accounting is needed. What was submitted is kept in `OUT/jobs`, so that any driver
finds what another one, killed or not waiting, has submitted, and submits only what is in none of it.

submitit spells the options and writes and submits the file for sbatch (`SlurmExecutor._submit_command`, which it
documents for commands whose result nobody asks it for). Its wrapper round a pickled function is left out, because it

- turns SIGTERM away from what it runs, and takes its own signal for a reason to requeue the job or to raise;
- keeps results in pickles, for which one waits for ever where a worker was killed and there is no accounting;
- must be installed, at the same version, in the Python that the tasks use.

Instead the worker takes the place of the task's shell (`exec`): Slurm's signals reach it, it commits INTERRUPTED, and
its death is the task's. `srun` is left out, too: a task is one process on one node, and a step would be signalled as a
whole, before the end of a task's time also, what is measured with it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from rlgauge.core.claim import STALE_SECONDS
from rlgauge.core.errors import SubmittedError, UserError
from rlgauge.core.execute import POLL_SECONDS, Event, Item, Plan
from rlgauge.core.store import BEAT_SECONDS, Store, Tell
from rlgauge.core.workload import Workload
from rlgauge.launch import slurm_queue
from rlgauge.launch.following import follow
from rlgauge.launch.slurm_jobs import Kept, keep
from rlgauge.launch.slurm_queue import Cluster, RefusedError, SlurmError
from rlgauge.launch.slurm_settings import Settings, read_settings
from rlgauge.launch.slurm_standstill import give_up
from rlgauge.launch.slurm_submit import signal_seconds, submit
from rlgauge.launch.slurm_watch import Watch, as_own

STOP_SECONDS = 10.0
"""How long tasks that were cancelled may take to end their children and commit."""


class Handed(NamedTuple):
    """What is with Slurm: a sentence on it, and what cancels what was submitted now, waiting a little until it is done.

    Within `followed`, what was submitted now is taken for this command's own.
    """

    summary: str
    cancel: Callable[[], None]
    followed: Callable[[], AbstractContextManager[None]]


class Slurm:
    """Has Slurm run the cases of a plan, in tasks of one array."""

    def __init__(self, config: Mapping[str, Any], *, wait: bool = True, tell: Tell = lambda _sentence: None) -> None:
        """Check the settings; `tell` is told why tasks don't start. Raises UserError.

        Without `wait`, `launch` raises SubmittedError as soon as Slurm has all.
        """
        self.settings: Settings = read_settings(config)
        self.waits = wait
        self._tell = tell

    def launch(self, plan: Plan, path: Path | None, workload: Workload) -> Generator[Event]:
        """Run every item that nobody else runs; yields what the folders tell. Closing it cancels what it submitted."""
        del workload
        if path is None:
            raise UserError("A workload that holds live objects runs in this process only: leave out `--launcher`.")
        slurm_queue.check_installed()
        cluster = slurm_queue.cluster()
        store = Store(plan.root)
        items, given_up = self._without_hopeless(plan, store)
        yield from given_up
        if items:
            yield from self._run(msgspec.structs.replace(plan, items=items), store, cluster)

    def _without_hopeless(self, plan: Plan, store: Store) -> tuple[list[Item], list[Event]]:
        """The items that a task's time may be enough for, and the ends of the others."""
        items, events = [], []
        limits = {"minutes": self.settings.time, "signal_seconds": signal_seconds(self.settings)}
        for item in plan.items:
            event = give_up(store, item, plan, **limits)
            if event is None:
                items.append(item)
            else:
                events.append(event)
        return items, events

    def _run(self, plan: Plan, store: Store, cluster: Cluster) -> Generator[Event]:
        watch = Watch(store, cluster.name, self._tell)
        rest = watch.without_those_submitted(plan.items)
        own = self._keep([msgspec.structs.replace(plan, items=rest)], cluster) if rest else None
        try:
            if own is not None:
                own.note(job=submit(own, self.settings, is_alone=plan.is_alone))
                watch.add(own)
            if self.waits:
                yield from self._follow(store, plan.items, watch)
        except BaseException as error:
            watch.say_what_goes_on(own)
            if own is not None and isinstance(error, RefusedError):
                own.discard()
            elif own is not None:
                _cancel(own, rest, store)
            raise
        if not self.waits:
            raise SubmittedError(watch.summary(len(rest)))
        if own is not None:
            _check_begun(own, rest, store)
            with contextlib.suppress(SlurmError):  # tasks whose cases others have run: they would find nothing to do
                slurm_queue.cancel(own.submission.name, own.submission.user, only_pending=True)

    def hand_over(self, plans: Sequence[Plan]) -> Handed | None:
        """Submit what is missing of several plans of one store as one array, and do not wait. Raises UserError.

        None where nothing is with Slurm, by this command or an earlier one.
        """
        slurm_queue.check_installed()
        cluster = slurm_queue.cluster()
        store = Store(plans[0].root)
        watch = Watch(store, cluster.name, self._tell)
        hopeful = [msgspec.structs.replace(plan, items=self._without_hopeless(plan, store)[0]) for plan in plans]
        free = watch.without_those_submitted([item for plan in hopeful for item in plan.items])
        rest = list(_with_only(free, hopeful))
        if not rest:
            return None if watch.is_empty else Handed(watch.summary(0), lambda: None, contextlib.nullcontext)
        own = self._keep(rest, cluster)
        items = [item for plan in rest for item in plan.items]
        try:
            own.note(job=submit(own, self.settings, is_alone=_are_alone(rest)))
        except RefusedError:
            own.discard()
            raise
        watch.add(own)
        return Handed(
            watch.summary(len(items)),
            cancel=lambda: _cancel(own, items, store),
            followed=lambda: as_own([own.submission.id]),
        )

    def _keep(self, plans: Sequence[Plan], cluster: Cluster) -> Kept:
        """The plans as files that tasks find. Raises UserError."""
        most = cluster.most_tasks
        numbers = [len(plan.items) for plan in plans]
        pack = sum(numbers) if _are_alone(plans) else self.settings.pack
        if sum(-(-number // pack) for number in numbers) > most:
            raise UserError(
                f"{sum(numbers)} cases, {pack} to a task, are more than the {most} tasks that an array may have here: "
                f"give pack={-(-sum(numbers) // most)} or more."
            )
        return keep(plans, cluster=cluster.name, pack=pack)

    def _follow(self, store: Store, items: list[Item], watch: Watch) -> Generator[Event]:
        return follow(
            store,
            items,
            is_over=lambda: watch.is_over(self.settings.poll),
            begun=watch.begun,
            linger_seconds=STALE_SECONDS + BEAT_SECONDS,
        )


def make(config: Mapping[str, Any], *, wait: bool = True, tell: Tell = lambda _sentence: None) -> Slurm:
    """The launcher of these settings, which waits for what it submits or does not. Raises UserError."""
    return Slurm(config, wait=wait, tell=tell)


def _are_alone(plans: Sequence[Plan]) -> bool:
    """Whether some of their cases must have a machine to themselves: then all are run like that."""
    return any(plan.is_alone for plan in plans)


def _with_only(items: Iterable[Item], plans: Iterable[Plan]) -> Iterator[Plan]:
    """The plans with those of their items that are among these; no plan without any."""
    kept = {(item.case.id, item.need) for item in items}
    for plan in plans:
        if own := [item for item in plan.items if (item.case.id, item.need) in kept]:
            yield msgspec.structs.replace(plan, items=own)


def _check_begun(own: Kept, items: list[Item], store: Store) -> None:
    """Raise UserError where no task began a case, and the first one that printed anything says why."""
    numbers = own.submission.begun
    has_begun = any(store.num_attempts(item.case) > number for item, number in zip(items, numbers, strict=True))
    if has_begun or not any(store.needs(item.case, item.need) for item in items):
        return
    printed = own.printed()
    if printed is not None and "CANCELLED" not in printed:
        raise UserError(
            f"The tasks of Slurm's job {own.submission.job} ended before they began a case: {printed}. "
            f"What they printed is in {own.logs}."
        )


def _cancel(own: Kept, items: list[Item], store: Store) -> None:
    """End its tasks, and wait a little until those that ran have said so in their folders."""
    with contextlib.suppress(SlurmError):  # the controller can't be reached: it is being left for another reason
        slurm_queue.cancel(own.submission.name, own.submission.user)
    deadline = time.monotonic() + STOP_SECONDS
    while time.monotonic() < deadline and any(store.is_busy(item.case) for item in items):
        time.sleep(POLL_SECONDS)
