"""Cases that a task's time is too short for: what got nowhere in a whole task would get nowhere in the next one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from rlgauge.core import execute
from rlgauge.core.execute import Event, Item, Outcome, Plan
from rlgauge.core.run import Run, Status
from rlgauge.core.store import Store

_CHECKPOINTS = "checkpoints"
"""The folder of an attempt's artifacts from which a later attempt goes on."""
_EARLY_SECONDS = 70.0
"""Slurm may tell a task up to a minute too soon that its time is over, and the worker takes a moment to start."""
_LEAST_SHARE = 0.3
"""Of the time of a task that is not much longer than this."""


def give_up(store: Store, item: Item, plan: Plan, *, minutes: int, signal_seconds: int) -> Event | None:
    """Ends a case by TIMEOUT whose last attempt had a whole task of so many minutes and brought it no further.

    None where it may go on: it brought a record or a checkpoint, was ended earlier, or had a task of less time.
    """
    attempts = store.attempts(store.root / item.case.folder)
    if not attempts or attempts[-1].status is not Status.INTERRUPTED:
        return None
    last, earlier = attempts[-1], attempts[:-1]
    whole = max(_LEAST_SHARE * 60 * minutes, 60 * minutes - signal_seconds - _EARLY_SECONDS)
    seconds = _seconds(last)
    if seconds < whole or _has_gone_on(last, earlier):
        return None
    attempt = store.claim(item.case, item.need, plan.config(item), plan.start())
    if attempt is None:
        return None
    message = (
        f"Its attempt {last.attempt} was interrupted after {seconds / 60:.1f} of the {minutes} minutes of its task and "
        "had brought no new record or checkpoint: give `time` more minutes and `--rerun-failed`."
    )
    outcome = Outcome(status=Status.TIMEOUT, fail_kind="time", fail_trace=message, message=message)
    return execute.commit(item, attempt, outcome)


def _seconds(run: Run) -> float:
    if run.file.stop_time is None:
        return 0.0
    return (datetime.fromisoformat(run.file.stop_time) - datetime.fromisoformat(run.file.start_time)).total_seconds()


def _has_gone_on(last: Run, earlier: Iterable[Run]) -> bool:
    before = max((len(run.records) for run in earlier), default=0)
    known = {name for run in earlier for name in _checkpoints(run)}
    return len(last.records) > before or not _checkpoints(last) <= known


def _checkpoints(run: Run) -> set[Path]:
    folder = run.folder / "artifacts" / _CHECKPOINTS
    return {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
