"""A trial: a configuration that was tried, and what it came to."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from statistics import fmean
from typing import Any

import msgspec

from rlgauge.core.case import fingerprint


class State(enum.StrEnum):
    """Where a trial stands."""

    RUNNING = "running"
    COMPLETE = "complete"
    PRUNED = "pruned"
    FAILED = "failed"


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One configuration: its sampled values by dotted paths, and the mean test return of each seed that was trained.

    `objective` is their mean, of one that failed None, with a `reason`. That of a pruned trial is what it was pruned
    with: the mean of fewer seeds, or, where a `reason` says on which steps, the mean training return until there.
    """

    number: int
    state: State
    values: dict[str, Any]
    returns: dict[int, float] = {}
    objective: float | None = None
    reason: str | None = None

    @property
    def key(self) -> str:
        """Equal for equal values."""
        return fingerprint(self.values)


def best(trials: Iterable[Trial], number: int) -> list[Trial]:
    """So many different configurations of the highest objectives among complete trials, the best first."""
    complete = [one for one in trials if one.state is State.COMPLETE and one.objective is not None]
    ordered = sorted(complete, key=lambda one: (-(one.objective or 0.0), one.number))
    different = {one.key: one for one in reversed(ordered)}
    return sorted(different.values(), key=ordered.index)[:number]


def mean_of(returns: Iterable[float]) -> float:
    """The objective."""
    return fmean(returns)
