"""Learning curves of checkpoints that `rlgauge benchmark --watch` evaluated: figures for each environment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from rlgauge.cli.units import count_text
from rlgauge.core.run import Status
from rlgauge.core.store import Store
from rlgauge.kinds.evaluate.checkpoints_curve import CURVES, Curve, Point, read_curves, results_of_point
from rlgauge.kinds.evaluate.results import TaskResult
from rlgauge.report.charts import Line, Lines, Manner
from rlgauge.report.content import Figure
from rlgauge.report.lines import within_bounds
from rlgauge.stats.intervals import student_t

NAME = "checkpoints"
NEEDS = "watch a training with `rlgauge benchmark --watch`"
_FEW = 5
"""So many seeds are told by a mean and a band; fewer are drawn one by one, too."""
_MOST_NAMED = 5
_WHAT = {"return": "mean return of a checkpoint", "success": "success rate of a checkpoint"}

What = Literal["return", "success"]
_WHATS: tuple[What, ...] = ("return", "success")


class _Value(NamedTuple):
    """What a checkpoint came to, with the ends of its interval over episodes where there is one."""

    step: int
    point: float
    low: float | None
    high: float | None


class _Watched(NamedTuple):
    """A curve in one environment: the values by training seed, and the steps of checkpoints that have none."""

    name: str
    values: dict[int | None, list[_Value]]
    failed: list[int]


def is_watched(out: Path) -> bool:
    """Whether it is a folder with curves of checkpoints."""
    return (out / CURVES).is_dir()


def figures(out: Path, numbers: Mapping[str, int] | None = None) -> Iterator[Figure]:
    """The returns in each environment, and the success rates where they are measured. Raises UserError.

    Curves have the colours of these numbers, others the next ones.
    """
    store = Store(out)
    curves = [(name, curve) for name, curve in _named(read_curves(out))]
    places = {
        name: place for place, name in enumerate(dict.fromkeys([*(numbers or {}), *(name for name, _ in curves)]))
    }
    found = [(name, curve, {p.key: results_of_point(store, p) for p in curve.points}) for name, curve in curves]
    tasks = sorted({result.task_id for _, _, results in found for own in results.values() for result in own})
    for task in tasks:
        for what in _WHATS:
            own = [_watched(name, curve, results, task, what) for name, curve, results in found]
            own = [one for one in own if one.values]
            if own:
                yield _figure(own, task, what, places)


def _named(curves: Sequence[Curve]) -> Iterator[tuple[str, Curve]]:
    """The curves by name, those of one name told apart by their ids."""
    names = [curve.name for curve in curves]
    for curve in curves:
        yield (curve.name if names.count(curve.name) == 1 else f"{curve.name} {curve.id[:4]}"), curve


def _watched(name: str, curve: Curve, results: dict[Any, list[TaskResult]], task: str, what: What) -> _Watched:
    values: dict[int | None, list[_Value]] = {}
    failed = []
    for point in curve.points:
        result = next((one for one in results[point.key] if one.task_id == task), None)
        value = None if result is None or point.status is not Status.COMPLETED else _value(point, result, what)
        if value is not None:
            values.setdefault(point.train_seed, []).append(value)
        elif point.status is Status.FAILED:
            failed.append(point.step)
    return _Watched(name, values, failed)


def _value(point: Point, result: TaskResult, what: What) -> _Value | None:
    if what == "success":
        if result.success_rate is None:
            return None
        return _Value(point.step, result.success_rate, result.success_low, result.success_high)
    returns = [one.total_return for one in result.episodes if one.total_return is not None]
    if not returns:
        return None
    told = student_t(returns)
    return _Value(point.step, told.point, told.low, told.high)


def _figure(found: Sequence[_Watched], task: str, what: What, places: Mapping[str, int]) -> Figure:
    lines = [line for one in found for line in (*_seeds(one, places[one.name]), _mean(one, places[one.name], what))]
    chart = Lines(
        title=f"{_WHAT[what]}, {task}",
        lines=lines,
        x_axis="steps of the training, as its checkpoints tell them",
        y_axis=_WHAT[what],
    )
    return Figure(f"{NAME}_{what}", chart, [_note(found, what)], of=task)


def _mean(one: _Watched, place: int, what: What) -> Line:
    """A checkpoint's episodes at each step, or, of several seeds, their mean where all of them have one."""
    if len(one.values) == 1:
        (own,) = one.values.values()
        return _line(one.name, own, place, lost=one.failed)
    by_step = [{value.step: value.point for value in own} for own in one.values.values()]
    common = sorted(set.intersection(*map(set, by_step)))
    means = [(step, student_t([own[step] for own in by_step])) for step in common]
    if what == "success":
        means = [(step, within_bounds(told)) for step, told in means]
    values = [_Value(step, told.point, told.low, told.high) for step, told in means]
    return _line(f"{one.name} ({len(by_step)} seeds)", values, place, lost=one.failed)


def _line(
    name: str,
    values: Sequence[_Value],
    place: int,
    *,
    manner: Manner = Manner.PLAIN,
    lost: Sequence[int] = (),
) -> Line:
    is_mean = manner is Manner.PLAIN
    return Line(
        name=name,
        xs=[value.step for value in values],
        ys=[value.point for value in values],
        lows=[value.low for value in values] if is_mean else (),
        highs=[value.high for value in values] if is_mean else (),
        series=place,
        manner=manner,
        is_named=is_mean,
        lost=lost,
    )


def _seeds(one: _Watched, place: int) -> list[Line]:
    """The seeds one by one, where they are more than one and few."""
    if not 1 < len(one.values) < _FEW:
        return []
    return [_line(f"{one.name}, seed {seed}", own, place, manner=Manner.THIN) for seed, own in one.values.items()]


def _note(lines: Sequence[_Watched], what: What) -> str:
    """What lines, bands and crosses are."""
    nums = [len(line.values) for line in lines]
    told = []
    if 1 in nums:
        interval = "Student's t" if what == "return" else "Wilson"
        told.append(f"Bands of one training: 95 %, {interval}, over a checkpoint's episodes, not over training seeds.")
    if max(nums) > 1:
        told.append("Bands of several: 95 %, Student's t over training seeds, at steps that all of them have.")
    if any(1 < num < _FEW for num in nums):
        told.append("Thin lines: seeds; bands are cut where they leave the lines.")
    failed = sorted({step for line in lines for step in line.failed})
    if failed:
        told.append(f"Crosses: checkpoints that failed ({count_text(len(failed), 'step')}: {_some(failed)}).")
    return " ".join(told)


def _some(steps: Iterable[int]) -> str:
    named = list(map(str, steps))
    return ", ".join(named if len(named) <= _MOST_NAMED else [*named[:_MOST_NAMED], "..."])
