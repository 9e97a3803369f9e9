"""All tasks together: the probability that the candidate is better, or the difference in a metric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rlgauge.compare.comparison import Overall, TaskSummary
from rlgauge.compare.line import Taken, Verdict, take
from rlgauge.compare.quantity import Quantity, Sort
from rlgauge.compare.question import Question
from rlgauge.compare.references import SAME, References
from rlgauge.compare.sides import Pair
from rlgauge.core.errors import UserError
from rlgauge.stats.aggregate import aggregate
from rlgauge.stats.difference import difference
from rlgauge.stats.improvement import improvement_by_task, probability_of_improvement
from rlgauge.stats.metrics import Metric
from rlgauge.stats.summary import Summary

_EVEN = 0.5
_ROUNDING = 1e-12


class _Task(NamedTuple):
    """The scores of both sides on a task that both ran."""

    name: str
    candidate: Taken
    baseline: Taken

    @property
    def missing(self) -> int:
        """How many runs of both sides have no score."""
        return self.candidate.missing + self.baseline.missing


class _Metric(NamedTuple):
    """A metric of both sides and of their difference, and over each task alone."""

    candidate: Summary | None
    baseline: Summary | None
    summary: Summary
    by_task: Sequence[Summary | None]


def overall(
    pairs: Sequence[Pair], quantity: Quantity, question: Question, *, references: References, notes: list[str]
) -> Overall | None:
    """The metric that was asked for, over the tasks that both sides measured; None where there is none.

    Raises UserError for a metric that these scores don't have.
    """
    metric = question.metric or "improvement"
    is_rate = quantity.sort is Sort.SUCCESS  # which has a scale of its own
    is_scaled = is_rate or references.formula is not None
    found = [
        _Task(pair.task, *(take(own, quantity, references, notes) for own in (pair.candidate, pair.baseline)))
        for pair in pairs
    ]
    tasks = [task for task in found if task.candidate.values and task.baseline.values]
    if not tasks:
        return None
    if references.formula is not None and quantity.is_less_better and metric != "improvement":
        _check_ends(metric, quantity, tasks)
    is_less = quantity.is_less_better and not _turns(tasks)
    if metric == "improvement":
        measured = _improvement(tasks, question, is_less_better=is_less)
    else:
        if not is_scaled:
            _check(metric, tasks)
        measured = _difference(tasks, metric, question)
    is_less_better = metric == "optimality_gap" or (is_less and metric != "improvement")
    no_difference = _EVEN if metric == "improvement" else 0.0
    is_plain = metric != "improvement" and not is_scaled
    extent = abs(measured.baseline.point) if is_plain and measured.baseline is not None else 1.0
    verdict, is_beyond = _judge(
        measured.summary, no_difference, extent, tolerance=question.tolerance, is_less_better=is_less_better
    )
    return Overall(
        metric=metric,
        is_less_better=is_less_better,
        formula=references.formula,
        quantity=quantity.name,
        no_difference=no_difference,
        candidate=measured.candidate,
        baseline=measured.baseline,
        summary=measured.summary,
        tasks=[
            TaskSummary(
                task=task.name,
                num_candidate=len(task.candidate.values),
                num_baseline=len(task.baseline.values),
                missing_candidate=task.candidate.missing,
                missing_baseline=task.baseline.missing,
                summary=summary,
            )
            for task, summary in zip(tasks, measured.by_task, strict=True)
        ],
        verdict=verdict,
        is_regression=verdict is Verdict.WORSE and is_beyond,
        is_within_tolerance=verdict in {Verdict.WORSE, Verdict.BETTER} and not is_beyond,
    )


def _check(metric: str, tasks: Sequence[_Task]) -> None:
    """Raise UserError for a metric that plain scores don't have."""
    if len(tasks) > 1 or metric == "optimality_gap":
        raise UserError(
            f"The {metric.replace('_', ' ')} over {len(tasks)} tasks needs normalised scores: give --normalise "
            "LOW,HIGH, such as random,expert, or ask for --metric improvement, which needs none."
        )


def _check_ends(metric: str, quantity: Quantity, tasks: Sequence[_Task]) -> None:
    """Raise UserError where less is better and what is normalised says the opposite, or on some tasks only."""
    turns = {task.name: _turns([task]) for task in tasks}
    if len(set(turns.values())) > 1:
        named = [next(name for name, turned in turns.items() if turned is wanted) for wanted in (True, False)]
        raise UserError(
            f"The first reference is the larger one on {named[0]} and the smaller one on {named[1]}, so more would be "
            f"better on one and worse on the other: of {quantity.name} less is better, so let the worse, larger one "
            "come first on all."
        )
    if metric == "optimality_gap" and not all(turns.values()):
        raise UserError(
            f"The optimality gap is what lacks to the second reference score. Of {quantity.name} less is better: give "
            "--normalise the worse, larger one first, or ask for another --metric."
        )


def _improvement(tasks: Sequence[_Task], question: Question, *, is_less_better: bool) -> _Metric:
    """Where less is better, the side with less is the better one."""
    sign = -1.0 if is_less_better else 1.0
    ours, theirs = ([[sign * value for value in taken.values] for taken in side] for side in _sides(tasks))
    names, confidence = [task.name for task in tasks], question.confidence
    missing = sum(task.missing for task in tasks)
    summary = probability_of_improvement(
        candidate=ours, baseline=theirs, tasks=names, confidence=confidence, missing=missing
    )
    by_task = improvement_by_task(candidate=ours, baseline=theirs, tasks=names, confidence=confidence)
    return _Metric(None, None, summary, by_task)


def _difference(tasks: Sequence[_Task], metric: Metric, question: Question) -> _Metric:
    confidence = question.confidence
    candidate, baseline = (
        aggregate(
            [taken.values for taken in side], metric, confidence=confidence, missing=sum(one.missing for one in side)
        )
        for side in _sides(tasks)
    )
    every, *by_task = (_contrast(some, metric, confidence) for some in (tasks, *([task] for task in tasks)))
    return _Metric(candidate, baseline, every, by_task)


def _contrast(tasks: Sequence[_Task], metric: Metric, confidence: float) -> Summary:
    return difference(
        candidate=[task.candidate.values for task in tasks],
        baseline=[task.baseline.values for task in tasks],
        metric=metric,
        confidence=confidence,
        missing=sum(task.missing for task in tasks),
    )


def _sides(tasks: Sequence[_Task]) -> tuple[list[Taken], list[Taken]]:
    return [task.candidate for task in tasks], [task.baseline for task in tasks]


def _turns(tasks: Sequence[_Task]) -> bool:
    """Whether normalising makes more of less: where the better end of the references is the smaller number."""
    return all(ends.high < ends.low for side in _sides(tasks) for taken in side for _, ends in taken.runs)


def _judge(
    summary: Summary, no_difference: float, extent: float, *, tolerance: float, is_less_better: bool
) -> tuple[Verdict, bool]:
    """The verdict that the whole interval allows, and whether the difference is beyond the tolerance."""
    if summary.low is None or summary.high is None or (has_no_width(summary) and summary.point != no_difference):
        return Verdict.INCONCLUSIVE, False  # no width: nothing of seeds not run yet is known
    sign = -1 if is_less_better else 1
    gain, *limits = (sign * (value - no_difference) for value in (summary.point, summary.low, summary.high))
    is_beyond = abs(gain) > tolerance * extent
    shown = Verdict.WORSE if max(limits) < 0 else Verdict.BETTER if min(limits) > 0 else None
    if shown is not None:
        return shown, is_beyond
    return (Verdict.SAME if max(map(abs, limits)) < SAME * extent else Verdict.INCONCLUSIVE), is_beyond


def has_no_width(summary: Summary) -> bool:
    """Whether the ends are equal but for rounding."""
    low, high = (end if end is not None else summary.point for end in (summary.low, summary.high))
    return high - low <= _ROUNDING * max(abs(low), abs(high))
