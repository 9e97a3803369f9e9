"""Every group over all its tasks: one summary a metric."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec
import numpy as np

from rlgauge.compare.phrases import METRICS as CALLED
from rlgauge.compare.phrases import some
from rlgauge.compare.quantity import Quantity, Sort
from rlgauge.report.lines import why_not, within_bounds
from rlgauge.report.question import Question
from rlgauge.report.scored import Scored
from rlgauge.stats.aggregate import aggregates
from rlgauge.stats.metrics import METRICS, Metric
from rlgauge.stats.summary import Summary

_TRIMMED = 4
"""Runs from which the interquartile mean leaves some out; of fewer it is their mean."""
Cells = Mapping[tuple[str, str], Sequence[Scored]]
"""The runs of every group on every task on which it has any."""


class Overall(msgspec.Struct, frozen=True, kw_only=True):
    """An algorithm (or other group) over all its tasks. `degrees` are those of freedom of its intervals.

    `best` holds of every metric whether nothing shows another group to be better; it lacks what could not be tested.
    """

    group: str
    tasks: list[str]
    num_tasks: int
    num_runs: int
    num_missing: int
    unmeasured: dict[str, int]
    metrics: dict[Metric, Summary]
    degrees: int
    best: dict[Metric, bool] = {}


def over_all_tasks(cells: Cells, quantity: Quantity, question: Question, told: list[str]) -> list[Overall]:
    """One a group: of normalised scores, of success rates, or of plain scores where there is one task.

    None where scores of several tasks can't be averaged, where there is but one run of each group, and of success rates
    on one task: their mean, with the interval that suits rates, is in the line of the task.
    """
    if "task" in question.by:  # every group is of one task
        return []
    groups = sorted({group for group, _ in cells})
    tasks = sorted({task for _, task in cells})
    told += _gaps(cells, groups, tasks, noun="processes" if quantity.is_ratio else "seeds")
    if not any(run.score is not None for runs in cells.values() for run in runs):
        return []
    is_rate = quantity.sort is Sort.SUCCESS
    is_normalised = question.normalisation is not None and not is_rate
    if not is_normalised and len(tasks) > 1 and not is_rate:
        told.append(
            f"{'Values' if quantity.is_ratio else 'Scores'} of several tasks are not averaged without normalisation"
            + (": give --normalise LOW,HIGH, such as random,expert." if quantity.sort is Sort.SCORE else ".")
        )
        return []
    metrics = question.metrics if is_normalised or is_rate else _plain(question.metrics)
    if is_normalised and quantity.is_less_better:
        metrics = _where_less_is_better(metrics, cells, quantity, told)
    if len(tasks) == 1:
        metrics = _not_in_lines(metrics, max(map(len, cells.values())), is_rate=is_rate)
        if not metrics and question.metrics != METRICS:
            told.append(
                f"Over one task {' and '.join(_called(question.metrics))} would repeat the mean in its line: see there."
            )
    if not metrics:
        return []
    found = (_overall(group, tasks, cells, metrics, question, normalised=is_normalised) for group in groups)
    return [one for one in found if one is not None]


def _where_less_is_better(metrics: Iterable[Metric], cells: Cells, quantity: Quantity, told: list[str]) -> list[Metric]:
    """The metrics that say the same on every task; no optimality gap where the larger, worse reference becomes 1."""
    wanted = list(metrics)
    ends = [(run.low, run.high) for runs in cells.values() for run in runs]
    turns = {high < low for low, high in ends if low is not None and high is not None}
    if len(turns) > 1:
        told.append(
            f"Normalising makes more of less {quantity.name} on some tasks and less on others: nothing over all tasks. "
            "Let the worse, larger reference score come first on all."
        )
        return []
    if "optimality_gap" in wanted and turns == {False}:
        told.append(
            f"No optimality gap: of {quantity.name} less is better, and the first reference score, which becomes 0, is "
            "the better one. With the worse, larger one first there would be one."
        )
        return _plain(wanted)
    return wanted


def _not_in_lines(metrics: Iterable[Metric], num_runs: int, *, is_rate: bool) -> list[Metric]:
    """The metrics of one task that are not the mean of its runs, which its line has with an interval of its own."""
    if is_rate or num_runs == 1:
        return []
    in_lines = {"mean", "median"} if num_runs >= _TRIMMED else {"mean", "median", "iqm"}
    return [name for name in metrics if name not in in_lines]


def _called(metrics: Iterable[Metric]) -> list[str]:
    return [CALLED[name] for name in metrics]


def bounded(overall: Overall) -> Overall:
    """The same for success rates, without what no rate can be."""
    metrics = {name: within_bounds(summary) for name, summary in overall.metrics.items()}
    return msgspec.structs.replace(overall, metrics=metrics)


def _gaps(cells: Cells, groups: Sequence[str], tasks: Sequence[str], *, noun: str) -> list[str]:
    """Which groups have no score on some tasks, or fewer runs than on others, in sentences."""
    measured = {key for key, runs in cells.items() if any(run.score is not None for run in runs)}
    told = []
    lacking: dict[str, list[str]] = defaultdict(list)
    for group in groups:
        absent = [task for task in tasks if (group, task) not in measured]
        if absent:
            lacking[some(absent)].append(group)
        nums = {task: len(cells[group, task]) for task in tasks if (group, task) in cells}
        most = max(nums.values())
        fewer = [f"{num} on {task}" for task, num in nums.items() if num < most]
        if fewer:
            told.append(f"{group} has fewer {noun} on some tasks: {some(fewer)}; {most} elsewhere.")
    for names, own in lacking.items():
        who = f"{some(own)} {'has' if len(own) == 1 else 'have'} no" if len(own) < len(groups) else "No run has a"
        told.append(f"{who} score on {names}.")
    shared = [task for task in tasks if all((group, task) in cells for group in groups)]
    if len(groups) > 1 and not shared:
        told.append("No task was run by all: what stands for different tasks can't be compared.")
    return told


def _overall(
    group: str, tasks: Sequence[str], cells: Cells, metrics: Sequence[Metric], question: Question, *, normalised: bool
) -> Overall | None:
    own = {task: cells[group, task] for task in tasks if (group, task) in cells}
    found = {task: values for task, runs in own.items() if (values := _numbers(runs, normalised=normalised))}
    if not found:
        return None
    num_runs = sum(map(len, found.values()))
    missing = sum(map(len, own.values())) - num_runs
    return Overall(
        group=group,
        tasks=list(found),
        num_tasks=len(found),
        num_runs=num_runs,
        num_missing=missing,
        unmeasured=why_not(run for runs in own.values() for run in runs),
        metrics=aggregates(
            [np.asarray(values) for values in found.values()],
            metrics=metrics,
            method=question.method,
            confidence=question.confidence,
            resample_tasks=question.resample_tasks,
            missing=missing,
        ),  # type: ignore[arg-type]  # keys are the metrics
        degrees=len(found) - 1 if question.resample_tasks else num_runs - len(found),
    )


def _numbers(runs: Iterable[Scored], *, normalised: bool) -> list[float]:
    values = (run.normalised if normalised else run.score for run in runs)
    return [value for value in values if value is not None]


def _plain(metrics: Sequence[Metric]) -> list[Metric]:
    """The optimality gap is a distance from 1, which only a normalised score or a rate has."""
    return [name for name in metrics if name != "optimality_gap"]
