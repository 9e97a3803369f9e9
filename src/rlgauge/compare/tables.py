"""The table of a comparison as rows of text, and what is to be said below it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from rlgauge.compare.comparison import Comparison, Overall, TaskSummary
from rlgauge.compare.figures import effect, of_metric, p_value, percent, typical_value
from rlgauge.compare.line import Line
from rlgauge.compare.phrases import METRICS, counted
from rlgauge.compare.words import deciding, failure, missing_sentence, verdict, warnings

_NAMED = 10


class Table(msgspec.Struct, frozen=True):
    """A header and rows."""

    header: list[str]
    rows: list[list[str]]


def tables(comparison: Comparison) -> list[Table]:
    """A table of the lines, or of the tasks of a metric."""
    if comparison.overall is not None:
        return [_of_tasks(comparison.overall)]
    return [_of_lines(comparison.lines)] if comparison.lines else []


def notes(comparison: Comparison) -> Iterator[str]:
    """What differs, is missing or failed, what the numbers mean, and their doubts."""
    yield from (one.sentence for one in comparison.refused)
    if comparison.missing:
        yield f"Missing: {missing_sentence(comparison.missing)}."
    yield from map(failure, comparison.failed[:_NAMED])
    if len(comparison.failed) > _NAMED:
        yield f"{len(comparison.failed) - _NAMED} more runs failed; --format json lists them all."
    yield from deciding(comparison.lines)
    yield from warnings(comparison.lines)
    if comparison.overall is not None:
        yield from comparison.overall.summary.warnings
    yield from comparison.notes


def legend(comparison: Comparison) -> Iterator[str]:
    """What the figures are."""
    overall = comparison.overall
    if overall is not None:
        what = "above 0.5 the candidate is better" if overall.no_difference else "candidate minus baseline"
        less = ", less is better" if overall.is_less_better else ""
        yield f"{percent(comparison.confidence)} intervals; {what}{less}."
        if overall.formula is not None:
            yield f"Scores normalised run by run: {overall.formula}."
        return
    if comparison.lines:
        yield from _of_tests(comparison)


def _of_tests(comparison: Comparison) -> Iterator[str]:
    """What intervals and p-values are of: an interval of its line alone, a p-value of all that were tested."""
    num_tested = _num_tested(comparison.lines)
    alone = " of each line alone" if num_tested > 1 else ""
    yield (
        f"{percent(2 * comparison.confidence - 1)} intervals{alone}, each end a one-sided "
        f"{percent(comparison.confidence)} limit; tolerance {percent(comparison.tolerance)}."
    )
    if num_tested > 1:
        yield (
            f"p is one-sided, in the direction found, and adjusted by Holm over {num_tested} lines; worse and better "
            "go by p. So a line's own interval may exclude no difference while its verdict is inconclusive."
        )
    elif num_tested == 1:
        yield "p is one-sided, in the direction found."


def _num_tested(lines: Sequence[Line]) -> int:
    return sum(line.p_value is not None for line in lines)


def _of_lines(lines: list[Line]) -> Table:
    several = len({(line.algorithm, line.baseline_algorithm) for line in lines}) > 1
    header = ["task", "quantity", "candidate", "baseline", _effect_title(lines), _p_title(lines), "verdict", "n"]
    rows = [
        [
            line.task,
            line.quantity,
            typical_value(line, line.candidate),
            typical_value(line, line.baseline),
            effect(line),
            p_value(line.p_value),
            verdict(line),
            _units(line),
        ]
        for line in lines
    ]
    if several:
        header.insert(0, "algorithm")
        rows = [[line.algorithm, *row] for line, row in zip(lines, rows, strict=True)]
    return Table(header, rows)


def _effect_title(lines: list[Line]) -> str:
    kinds = {line.is_ratio for line in lines}
    return {frozenset({True}): "ratio", frozenset({False}): "difference"}.get(frozenset(kinds), "ratio or difference")


def _p_title(lines: list[Line]) -> str:
    return "adjusted p" if _num_tested(lines) > 1 else "p"


def _of_tasks(overall: Overall) -> Table:
    title = "probability" if overall.no_difference else f"{METRICS[overall.metric]}, difference"
    rows = [[task.task, of_metric(overall, task.summary), _runs([task])] for task in overall.tasks]
    rows.append(["all", of_metric(overall, overall.summary), _runs(overall.tasks)])
    return Table(["task", title, "n"], rows)


def _units(line: Line) -> str:
    """`20 / 20` episodes of one run a side; else of runs, with those that are missing."""
    return f"{line.num_candidate} / {line.num_baseline}" if line.noun == "episode" else _runs([line])


def _runs(of: Sequence[Line | TaskSummary]) -> str:
    """`5 / 5`, or `4 of 5 / 5` where a run of the candidate measured nothing."""
    ours = counted(sum(one.num_candidate for one in of), sum(one.missing_candidate for one in of))
    return f"{ours} / {counted(sum(one.num_baseline for one in of), sum(one.missing_baseline for one in of))}"
