"""Which results are bold: the best of a task, of a metric, and those that are not shown to be worse than it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from rlgauge.compare.overall import has_no_width
from rlgauge.compare.phrases import some
from rlgauge.report.lines import Line
from rlgauge.report.overall import Overall
from rlgauge.report.question import cell_name
from rlgauge.stats.holm import holm
from rlgauge.stats.metrics import Metric
from rlgauge.stats.quantiles import student_t_quantile, student_t_tail
from rlgauge.stats.summary import Summary
from rlgauge.stats.unpaired import welch

ALPHA = 0.05
RULE = (
    "the best mean of a task, and all that Welch's test does not show to be worse (two-sided, the choice of the best "
    "allowed for, Holm over the table, 5 %)"
)
OVERALL_RULE = (
    "the best of a column, and all that a test of the difference, by the intervals of both, does not show to be worse "
    "(two-sided, the choice of the best allowed for, Holm over the column, 5 %)"
)
_SEVERAL = 2


def mark_best(
    lines: Sequence[Line],
    values: Mapping[tuple[str, str], Sequence[float]],
    *,
    less_is_better: bool,
    is_normalised: bool = False,
    by: Sequence[str] = ("algorithm",),
) -> tuple[list[Line], list[str]]:
    """The lines with `is_best` set, and what could not be tested, in sentences.

    `values` holds the runs' scores by group and task, normalised ones where `is_normalised`. Every group is tested
    against the best mean of its task, two-sided; the p-values of the whole table are adjusted together by Holm's
    method. Seeds that all have one value are as good as others that all have the same. Nothing is marked in a task
    where no group could be tested. `by` are the dimensions that make the groups.
    """
    points = {
        _key(line): shown.point for line in lines if (shown := line.shown(is_normalised=is_normalised)) is not None
    }
    best = _best_means(points, less_is_better=less_is_better)
    rivals = [line for line in lines if _key(line) in points and line.group != best[line.task].group]
    testable = [line for line in rivals if _can_be_tested(line, best[line.task], values)]
    num_groups = Counter(task for _, task in points)
    p_values = [
        allowing_for_the_choice(
            _p_value(values[_key(line)], values[best[line.task].group, line.task]), num_groups[line.task]
        )
        for line in testable
    ]
    adjusted = dict(zip(map(_key, testable), holm(p_values), strict=True))
    tested = {line.task for line in testable if adjusted[_key(line)] is not None}
    marked = [
        _marked(line, points[_key(line)], best[line.task], adjusted)
        if line.task in tested and _key(line) in points
        else line
        for line in lines
    ]
    return marked, list(_untested(rivals, testable, adjusted, values, by))


def _untested(
    rivals: Sequence[Line],
    testable: Sequence[Line],
    adjusted: Mapping[tuple[str, str], float | None],
    values: Mapping[tuple[str, str], Sequence[float]],
    by: Sequence[str],
) -> Iterator[str]:
    """What could not be tested and why; nothing where all are single runs, for nobody expects a test of these."""
    if all(len(own) < _SEVERAL for own in values.values()):
        return
    known = set(map(_key, testable))
    few = [cell_name(line.group, line.task, by) for line in rivals if _key(line) not in known]
    alike = [cell_name(line.group, line.task, by) for line in testable if adjusted[_key(line)] is None]
    for names, why in ((few, "it takes two of either"), (alike, "all seeds of either have one score")):
        if names:
            yield f"{some(names)} could not be tested over training seeds against the best of the task: {why}."


def _p_value(ours: Sequence[float], theirs: Sequence[float]) -> float | None:
    return 1.0 if len({*ours, *theirs}) == 1 else welch(candidate=ours, baseline=theirs).p_value


def mark_best_overall(overall: Sequence[Overall], *, less_is_better: bool) -> tuple[list[Overall], list[str]]:
    """The rows with `best` set, and what could not be tested, in sentences; groups of unequal tasks are not."""
    if len(overall) < _SEVERAL:
        return list(overall), []
    if len({tuple(one.tasks) for one in overall}) > 1:
        return list(overall), ["Over all tasks none is marked as best: not all have a score on the same tasks."]
    best: dict[str, dict[Metric, bool]] = {one.group: {} for one in overall}
    for metric in overall[0].metrics:
        is_less = less_is_better or metric == "optimality_gap"
        for group, is_best in _best_of(overall, metric, less_is_better=is_less).items():
            best[group][metric] = is_best
    return [msgspec.structs.replace(one, best=best[one.group]) for one in overall], []


def _best_of(overall: Sequence[Overall], metric: Metric, *, less_is_better: bool) -> dict[str, bool]:
    """Whether each group is the best in a metric or not shown to be worse; without those that can't be tested."""
    sign = -1.0 if less_is_better else 1.0
    first = max(overall, key=lambda one: sign * one.metrics[metric].point)
    rivals = [one for one in overall if one.group != first.group]
    p_values = holm([allowing_for_the_choice(difference_p_value(first, one, metric), len(overall)) for one in rivals])
    found = {one.group: p >= ALPHA for one, p in zip(rivals, p_values, strict=True) if p is not None}
    return {first.group: True, **found} if found else {}


def allowing_for_the_choice(p_value: float | None, num: int) -> float | None:
    """The p-value of a comparison with the best of `num`, chosen by the data: it stands for num (num - 1) / 2 pairs."""
    return None if p_value is None else min(1.0, p_value * num / 2)


def difference_p_value(first: Overall, second: Overall, metric: Metric) -> float | None:
    """The two-sided p-value of a difference of two independent estimates, from their intervals; None without them.

    Each arm of an interval that points to the other estimate is one standard error times Student's quantile; the errors
    are joined as Welch does. Zou and Donner 2008, doi:10.1002/sim.3095, recover the variance from intervals so.
    """
    better, worse = sorted((first, second), key=lambda one: -one.metrics[metric].point)
    upper, lower = better.metrics[metric], worse.metrics[metric]
    if upper.low is None or lower.high is None or min(better.degrees, worse.degrees) < 1:
        return None
    if has_no_width(upper) and has_no_width(lower):
        return None
    if upper.point == lower.point:
        return 1.0
    squares = [
        _error(upper.point - upper.low, upper, better.degrees) ** 2,
        _error(lower.high - lower.point, lower, worse.degrees) ** 2,
    ]
    if sum(squares) == 0:  # an end of an interval may lie on its point
        return None
    degrees = sum(squares) ** 2 / (squares[0] ** 2 / better.degrees + squares[1] ** 2 / worse.degrees)
    return 2 * student_t_tail((upper.point - lower.point) / math.sqrt(sum(squares)), degrees)


def _error(arm: float, summary: Summary, degrees: int) -> float:
    return arm / student_t_quantile(0.5 + summary.confidence / 2, degrees)


class _Best(msgspec.Struct, frozen=True):
    """The best mean of a task, and the first group that has it."""

    group: str
    mean: float


def _best_means(points: Mapping[tuple[str, str], float], *, less_is_better: bool) -> dict[str, _Best]:
    best: dict[str, _Best] = {}
    for (group, task), point in points.items():
        known = best.get(task)
        if known is None or (point < known.mean if less_is_better else point > known.mean):
            best[task] = _Best(group, point)
    return best


def _can_be_tested(line: Line, best: _Best, values: Mapping[tuple[str, str], Sequence[float]]) -> bool:
    return min(len(values[_key(line)]), len(values[best.group, line.task])) >= _SEVERAL


def _marked(line: Line, point: float, best: _Best, adjusted: Mapping[tuple[str, str], float | None]) -> Line:
    p_value = adjusted.get(_key(line))
    is_best = point == best.mean or (None if p_value is None else p_value >= ALPHA)
    return msgspec.structs.replace(line, is_best=is_best)


def _key(line: Line) -> tuple[str, str]:
    return line.group, line.task
