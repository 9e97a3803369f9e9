"""All tasks together: the probability that the candidate is better, or the difference in a metric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rlgauge.compare.comparison import Overall, TaskSummary
from rlgauge.compare.line import Verdict, score_of
from rlgauge.compare.quantity import Quantity, Sort
from rlgauge.compare.question import SAME, Question
from rlgauge.compare.scale import References
from rlgauge.compare.sides import Pair, one_a_seed
from rlgauge.core.errors import UserError
from rlgauge.stats.aggregate import aggregate
from rlgauge.stats.difference import difference
from rlgauge.stats.improvement import improvement_by_task, probability_of_improvement
from rlgauge.stats.metrics import Metric
from rlgauge.stats.summary import Summary

_EVEN = 0.5


class _Task(NamedTuple):
    """The scores of both sides on a task that both ran."""

    name: str
    candidate: NDArray[np.float64]
    baseline: NDArray[np.float64]


class _Metric(NamedTuple):
    """A metric of both sides and of their difference, and over each task alone."""

    candidate: Summary | None
    baseline: Summary | None
    summary: Summary
    by_task: Sequence[Summary | None]


def overall(
    pairs: Sequence[Pair], quantity: Quantity, question: Question, *, references: References | None, notes: list[str]
) -> Overall | None:
    """The metric that was asked for, over the tasks that both sides measured; None where there is none.

    Raises UserError for a metric that these scores don't have.
    """
    metric = question.metric or "improvement"
    is_rate = quantity.sort is Sort.SUCCESS  # which has a scale of its own
    references = None if is_rate else references
    found = [_scores(pair, quantity, references, notes) for pair in pairs]
    tasks = [task for task in found if len(task.candidate) and len(task.baseline)]
    if not tasks:
        return None
    if metric == "improvement":
        measured = _improvement(tasks, quantity, question)
    else:
        if references is None and not is_rate:
            _check(metric, tasks)
        measured = _difference(tasks, metric, question)
    is_less_better = metric == "optimality_gap" or (quantity.is_less_better and metric != "improvement")
    no_difference = _EVEN if metric == "improvement" else 0.0
    is_plain = metric != "improvement" and references is None and not is_rate
    extent = abs(measured.baseline.point) if is_plain and measured.baseline is not None else 1.0
    verdict, is_regression = _judge(
        measured.summary, no_difference, extent, tolerance=question.tolerance, is_less_better=is_less_better
    )
    return Overall(
        metric=metric,
        is_less_better=is_less_better,
        formula=None if question.scale is None or references is None else question.scale.formula,
        quantity=quantity.name,
        no_difference=no_difference,
        candidate=measured.candidate,
        baseline=measured.baseline,
        summary=measured.summary,
        tasks=[
            TaskSummary(
                task=task.name, num_candidate=len(task.candidate), num_baseline=len(task.baseline), summary=summary
            )
            for task, summary in zip(tasks, measured.by_task, strict=True)
        ],
        verdict=verdict,
        is_regression=is_regression,
    )


def _scores(pair: Pair, quantity: Quantity, references: References | None, notes: list[str]) -> _Task:
    ours, theirs = (
        np.array(
            [
                score_of(one, quantity, references)
                for one in one_a_seed((r for r in readings if quantity.name in r.totals), notes)
            ]
        )
        for readings in (pair.candidate, pair.baseline)
    )
    return _Task(pair.task, ours, theirs)


def _check(metric: str, tasks: Sequence[_Task]) -> None:
    """Raise UserError for a metric that plain scores don't have."""
    if len(tasks) > 1 or metric == "optimality_gap":
        raise UserError(
            f"The {metric.replace('_', ' ')} over {len(tasks)} tasks needs normalised scores: give --normalise "
            "LOW,HIGH, such as random,expert, or ask for --metric improvement, which needs none."
        )


def _improvement(tasks: Sequence[_Task], quantity: Quantity, question: Question) -> _Metric:
    """Where less is better, the side with less is the better one."""
    sign = -1.0 if quantity.is_less_better else 1.0
    ours, theirs = [sign * task.candidate for task in tasks], [sign * task.baseline for task in tasks]
    names = [task.name for task in tasks]
    summary = probability_of_improvement(candidate=ours, baseline=theirs, tasks=names, confidence=question.confidence)
    by_task = improvement_by_task(candidate=ours, baseline=theirs, tasks=names, confidence=question.confidence)
    return _Metric(None, None, summary, by_task)


def _difference(tasks: Sequence[_Task], metric: Metric, question: Question) -> _Metric:
    ours, theirs = [task.candidate for task in tasks], [task.baseline for task in tasks]
    confidence = question.confidence
    by_task = [
        difference(candidate=[task.candidate], baseline=[task.baseline], metric=metric, confidence=confidence)
        for task in tasks
    ]
    return _Metric(
        aggregate(ours, metric, confidence=confidence),
        aggregate(theirs, metric, confidence=confidence),
        difference(candidate=ours, baseline=theirs, metric=metric, confidence=confidence),
        by_task,
    )


def _judge(
    summary: Summary, no_difference: float, extent: float, *, tolerance: float, is_less_better: bool
) -> tuple[Verdict, bool]:
    """The verdict that the whole interval allows, and whether it is a regression beyond the tolerance."""
    if summary.low is None or summary.high is None:
        return Verdict.INCONCLUSIVE, False
    sign = -1 if is_less_better else 1
    gain, *limits = (sign * (value - no_difference) for value in (summary.point, summary.low, summary.high))
    is_beyond = abs(gain) > tolerance * extent
    shown = Verdict.WORSE if max(limits) < 0 else Verdict.BETTER if min(limits) > 0 else None
    if shown is not None and is_beyond:
        return shown, shown is Verdict.WORSE
    if max(map(abs, limits)) < SAME * extent:
        return Verdict.SAME, False
    return shown or Verdict.INCONCLUSIVE, False
