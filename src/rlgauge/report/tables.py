"""The tables of an overview as rows of text, for whichever format draws them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rlgauge.compare.phrases import METRICS, counted
from rlgauge.compare.quantity import Sort, quantity_of
from rlgauge.report.best import OVERALL_RULE, RULE
from rlgauge.report.lines import Line
from rlgauge.report.numbers import estimate, interval, normalised_places, places, plus_minus
from rlgauge.report.overall import Overall
from rlgauge.report.overview import Overview
from rlgauge.report.table import Table
from rlgauge.report.targets import targets_table
from rlgauge.stats.metrics import Metric
from rlgauge.stats.summary import Summary

_BETTER_MORE = {"return", "training_return", "score", "reward"}
"""Scores of which everybody knows that more is better."""
_METRICS: dict[Metric, str] = {
    "iqm": "IQM: mean of the middle half of all runs",
    "mean": "mean: of the tasks' means",
    "median": "median: of the tasks' means",
    "optimality_gap": "optimality gap: what a run lacks to 1 on average, less is better",
}


def tables(overview: Overview) -> list[Table]:
    """Per task; over all tasks where there is something to tell; runs where some did not complete; targets."""
    found = [_per_task(overview)]
    if overview.overall:
        found.append(_over_all(overview))
    if overview.num_failed:
        found.append(_fates(overview))
    if overview.targets:
        found.append(targets_table(overview.targets))
    return found


def _per_task(overview: Overview) -> Table:
    percent = _percent(overview)
    columns: list[tuple[str, Callable[[Line], str]]] = [
        (", ".join(overview.by), lambda line: line.group),
        *_task(overview),
        (f"{overview.score} (mean ± sd)", lambda line: _score(line, is_rate=_is_rate(overview))),
        (f"{percent} interval", lambda line: _interval(line, is_rate=_is_rate(overview))),
    ]
    if overview.formula is not None:
        columns += [("normalised (mean ± sd)", _normalised), (f"{percent} interval", _normalised_interval)]
    columns.append(("runs", lambda line: counted(line.num_runs, line.num_missing, line.unmeasured)))
    first = 1 + len(_task(overview))
    compared = first + 2 if overview.is_normalised else first
    return Table(
        name="scores",
        title="Scores",
        header=[title for title, _ in columns],
        rows=[[cell(line) for _, cell in columns] for line in overview.lines],
        num_text=first,
        bold=frozenset((row, compared) for row, line in enumerate(overview.lines) if line.is_best),
        notes=_notes_per_task(overview),
        summaries={
            (row, column): summary
            for row, line in enumerate(overview.lines)
            for column, summary in enumerate([line.score, line.score, line.normalised, line.normalised], start=first)
            if summary is not None and column < len(columns) - 1
        },
    )


def _task(overview: Overview) -> list[tuple[str, Callable[[Line], str]]]:
    """The column of tasks; none where they are part of the groups' names."""
    return [] if "task" in overview.by else [("task", lambda line: line.task)]


def _notes_per_task(overview: Overview) -> list[str]:
    unit = f" ({overview.unit})" if overview.unit and overview.unit != overview.score else ""
    summaries = [line.score for line in overview.lines if line.score is not None]
    methods = " or ".join(dict.fromkeys(one.method for one in summaries if one.low is not None))
    told = f"{_percent(overview)} interval of the mean ({methods})" if methods else "no intervals"
    quantity = quantity_of(overview.score, overview.unit)
    whose = "processes" if quantity.is_ratio else "runs, one a training seed"
    is_known = quantity.sort is not Sort.SCORE or overview.score in _BETTER_MORE
    better = "less is better" if overview.less_is_better else f"more is {'' if is_known else 'taken for '}better"
    what = f"mean and standard deviation (divisor n - 1) of the {whose}"
    notes = [f"{overview.score}{unit}: {what}; {told}; {better}."]
    if overview.formula is not None:
        notes.append(f"Normalised: {overview.formula}, run by run.")
    if any(line.is_best for line in overview.lines):
        notes.append(f"{{mark}}: {'of normalised scores ' if overview.is_normalised else ''}{RULE}.")
    return notes


def _over_all(overview: Overview) -> Table:
    metrics = list(overview.overall[0].metrics)
    tasks = list(dict.fromkeys(line.task for line in overview.lines))
    what = "normalised scores" if overview.formula is not None else overview.score
    rows = [
        [
            one.group,
            *(_estimate(one, metric, overview) for metric in metrics),
            counted(one.num_tasks, len(tasks) - one.num_tasks),
            counted(one.num_runs, one.num_missing, one.unmeasured),
        ]
        for one in overview.overall
    ]
    return Table(
        name="overall",
        title=f"Over all tasks, {what}" if len(tasks) > 1 else f"All runs on {tasks[0]}, {what}",
        header=[", ".join(overview.by), *(METRICS[name] for name in metrics), "tasks", "runs"],
        rows=rows,
        num_text=1,
        bold=frozenset(
            (row, column)
            for row, one in enumerate(overview.overall)
            for column, metric in enumerate(metrics, start=1)
            if one.best.get(metric)
        ),
        notes=_notes_over_all(overview, metrics),
        summaries={
            (row, column): one.metrics[metric]
            for row, one in enumerate(overview.overall)
            for column, metric in enumerate(metrics, start=1)
        },
    )


def _notes_over_all(overview: Overview, metrics: Sequence[Metric]) -> list[str]:
    summaries = [summary for one in overview.overall for summary in one.metrics.values()]
    methods = " or ".join(dict.fromkeys(one.method for one in summaries if one.low is not None))
    told = f"{_percent(overview)} intervals: {methods}" if methods else "No intervals"
    notes = ["; ".join(_METRICS[metric] for metric in metrics) + f". {told}."]
    if overview.formula is not None:
        notes.append(f"Normalised: {overview.formula}, run by run.")
    if any(one.best for one in overview.overall):
        notes.append(f"{{mark}}: {OVERALL_RULE}.")
    return notes


def _fates(overview: Overview) -> Table:
    """The groups and tasks of which a run did not complete, and all of them."""
    statuses = list(overview.statuses)
    rows = [
        [
            fate.group,
            *([fate.task] if _task(overview) else []),
            *(str(fate.statuses.get(status, 0)) for status in statuses),
        ]
        for fate in overview.fates
        if set(fate.statuses) != {"COMPLETED"}
    ]
    num_text = 1 + len(_task(overview))
    rows.append([*["all"] * num_text, *map(str, overview.statuses.values())])
    header = [", ".join(overview.by), *(title for title, _ in _task(overview)), *map(str.lower, statuses)]
    notes = ["Every run that was found, also those that a later run of the same seed replaces."]
    return Table(name="runs", title="Runs", header=header, rows=rows, num_text=num_text, notes=notes)


def _is_rate(overview: Overview) -> bool:
    return quantity_of(overview.score, overview.unit).sort is Sort.SUCCESS


def _percent(overview: Overview) -> str:
    confidence = next((line.score.confidence for line in overview.lines if line.score is not None), 0.95)
    return f"{confidence * 100:g} %"


def _score(line: Line, *, is_rate: bool) -> str:
    if line.score is None:
        return "-"
    if is_rate:
        return plus_minus(100 * line.score.point, None if line.sd is None else 100 * line.sd, digits=1, unit=" %")
    return plus_minus(line.score.point, line.sd, digits=places(line.score.point, line.sd))


def _interval(line: Line, *, is_rate: bool) -> str:
    if line.score is None:
        return "-"
    if is_rate:
        return interval(line.score, digits=1, scale=100, unit=" %")
    return interval(line.score, digits=places(line.score.point, line.sd))


def _normalised(line: Line) -> str:
    if line.normalised is None:
        return "-"
    digits = normalised_places(line.normalised.point, line.normalised_sd)
    return plus_minus(line.normalised.point, line.normalised_sd, digits=digits)


def _normalised_interval(line: Line) -> str:
    if line.normalised is None:
        return "-"
    return interval(line.normalised, digits=normalised_places(line.normalised.point, line.normalised_sd))


def _estimate(one: Overall, metric: Metric, overview: Overview) -> str:
    summary: Summary = one.metrics[metric]
    if _is_rate(overview):
        return estimate(summary, digits=1, scale=100, unit=" %")
    width = None if summary.low is None or summary.high is None else summary.high - summary.low
    told = places if overview.formula is None else normalised_places
    return estimate(summary, digits=told(summary.point, width))
