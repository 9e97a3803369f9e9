"""Which results are bold: the best of a task, and those that are not shown to be worse than it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from rlgauge.stats.holm import holm
from rlgauge.stats.unpaired import welch

if TYPE_CHECKING:
    from rlgauge.report.overview import Line

ALPHA = 0.05
RULE = "the best mean of a task and all that Welch's test does not show to be worse (Holm over the table, 5 %)."
_SEVERAL = 2


def mark_best(
    lines: Sequence[Line], values: Mapping[tuple[str, str], Sequence[float]], *, less_is_better: bool
) -> tuple[list[Line], list[str]]:
    """The lines with `is_best` set, and what could not be tested, in sentences.

    `values` holds the runs' scores by group and task. Every group is tested against the best mean of its task,
    two-sided; the p-values of the whole table are adjusted together by Holm's method. Nothing is marked in a task
    where no group could be tested.
    """
    best = _best_means(lines, less_is_better=less_is_better)
    rivals = [line for line in lines if line.score is not None and _is_rival(line, best[line.task])]
    testable = [line for line in rivals if _can_be_tested(line, best[line.task], values)]
    p_values = [
        welch(candidate=values[_key(line)], baseline=values[best[line.task].group, line.task]).p_value
        for line in testable
    ]
    adjusted = dict(zip(map(_key, testable), holm(p_values), strict=True))
    tested = {line.task for line in testable if adjusted[_key(line)] is not None}
    marked = [_marked(line, best[line.task], adjusted) if line.task in tested else line for line in lines]
    untested = len(rivals) - sum(p_value is not None for p_value in adjusted.values())
    doubts = []
    if untested:
        doubts.append(f"{untested} results could not be tested against the best of their task, for want of runs.")
    return marked, doubts


class _Best(msgspec.Struct, frozen=True):
    """The best mean of a task, and the first group that has it."""

    group: str
    mean: float


def _best_means(lines: Sequence[Line], *, less_is_better: bool) -> dict[str, _Best]:
    choose = min if less_is_better else max
    best: dict[str, _Best] = {}
    for task in dict.fromkeys(line.task for line in lines):
        found = [_Best(line.group, line.score.point) for line in lines if line.task == task and line.score is not None]
        best[task] = choose(found, key=lambda one: one.mean) if found else _Best("", 0.0)
    return best


def _is_rival(line: Line, best: _Best) -> bool:
    return line.group != best.group


def _can_be_tested(line: Line, best: _Best, values: Mapping[tuple[str, str], Sequence[float]]) -> bool:
    return min(len(values[_key(line)]), len(values[best.group, line.task])) >= _SEVERAL


def _marked(line: Line, best: _Best, adjusted: Mapping[tuple[str, str], float | None]) -> Line:
    if line.score is None:
        return line
    p_value = adjusted.get(_key(line))
    is_best = line.score.point == best.mean or (None if p_value is None else p_value >= ALPHA)
    return msgspec.structs.replace(line, is_best=is_best)


def _key(line: Line) -> tuple[str, str]:
    return line.group, line.task
