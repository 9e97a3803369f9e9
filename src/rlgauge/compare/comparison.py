"""What a comparison comes to, for whatever shows it."""

from __future__ import annotations

from enum import IntEnum

import msgspec

from rlgauge.compare.comparable import Difference
from rlgauge.compare.line import Line, Verdict
from rlgauge.compare.sides import Failed
from rlgauge.stats.summary import Summary

FORMAT = 1
"""Version of a comparison written as JSON."""


class Outcome(IntEnum):
    """How a comparison ends; the value is the exit code."""

    FINE = 0
    WORSE = 1
    MISSING = 2
    INCONCLUSIVE = 3
    NOT_COMPARABLE = 4


class Party(msgspec.Struct, frozen=True, kw_only=True):
    """One side: where it was read, its algorithms, the commit of its runs (None where not told, or not the same)."""

    source: str
    algorithms: list[str]
    commit: str | None
    is_dirty: bool
    num_runs: int


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """A case that only one side has; `side` is the one that lacks it.

    `quantity` is None where the side has no run, `seeds` are those that it has no run of where it has others; `noun`
    is what they number, seeds or processes.
    """

    side: str
    algorithm: str
    task: str
    quantity: str | None = None
    seeds: list[int] = []
    noun: str = "seed"


class TaskSummary(msgspec.Struct, frozen=True, kw_only=True):
    """The metric on one task; None where it can't be told."""

    task: str
    num_candidate: int
    num_baseline: int
    missing_candidate: int = 0
    missing_baseline: int = 0
    summary: Summary | None


class Overall(msgspec.Struct, frozen=True, kw_only=True):
    """All tasks together by one metric: the probability that the candidate is better, or candidate minus baseline.

    `candidate` and `baseline` are the metric of each side, None for the probability. `no_difference` is what `summary`
    is where the sides are equal.
    """

    metric: str
    is_less_better: bool
    formula: str | None
    quantity: str
    no_difference: float
    candidate: Summary | None
    baseline: Summary | None
    summary: Summary
    tasks: list[TaskSummary]
    verdict: Verdict
    is_regression: bool
    is_within_tolerance: bool = False


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Two sides compared. `refused` differs and was not allowed: there are no lines then.

    `headline` says in a few words what the outcome is and why, `verdict` in sentences. With `allow_missing`, missing
    data and failed runs of the baseline are told and do not count.
    """

    format: int = FORMAT
    outcome: Outcome
    headline: str
    verdict: str
    candidate: Party
    baseline: Party
    lines: list[Line]
    overall: Overall | None
    missing: list[Missing]
    failed: list[Failed]
    refused: list[Difference]
    tolerance: float
    confidence: float
    allow_missing: bool
    notes: list[str]

    @property
    def is_regression(self) -> bool:
        """Whether the candidate is shown to be worse by more than the tolerance."""
        lines = any(line.is_regression for line in self.lines)
        return lines or (self.overall is not None and self.overall.is_regression)

    @property
    def counted(self) -> list[Failed]:
        """The failed runs that make the outcome what it is."""
        return [run for run in self.failed if run.side == "candidate" or not self.allow_missing]
