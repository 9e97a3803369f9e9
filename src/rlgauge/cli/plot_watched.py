"""Learning curves of checkpoints that `rlgauge benchmark --watch` evaluated: figures for each environment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from rlgauge.cli.figure import Figure, Told
from rlgauge.cli.units import count_text
from rlgauge.core.run import Status
from rlgauge.core.store import Store
from rlgauge.kinds.evaluate.checkpoints_curve import CURVES, Curve, Point, read_curves, results_of_point
from rlgauge.kinds.evaluate.results import TaskResult
from rlgauge.report import plots
from rlgauge.report.plots import COLOURS, Series
from rlgauge.stats.intervals import student_t

NAME = "checkpoints"
NEEDS = "watch a training with `rlgauge benchmark --watch`"
_FEW = 5
"""So many seeds are told by a mean and a band; fewer are drawn one by one, too."""
_MOST_NAMED = 5
_WHAT = {"return": "mean return of a checkpoint", "success": "success rate of a checkpoint"}

What = Literal["return", "success"]


class _Value(NamedTuple):
    """What a checkpoint came to, with the ends of its interval over episodes where there is one."""

    step: int
    point: float
    low: float | None
    high: float | None


class _Line(NamedTuple):
    """A curve in one environment: the values by training seed, and the steps of checkpoints that have none."""

    name: str
    values: dict[int | None, list[_Value]]
    failed: list[int]


def is_watched(out: Path) -> bool:
    """Whether it is a folder with curves of checkpoints."""
    return (out / CURVES).is_dir()


def figures(out: Path) -> Iterator[Figure]:
    """The returns in each environment, and the success rates where they are measured. Raises UserError."""
    store = Store(out)
    curves = [(name, curve) for name, curve in _named(read_curves(out))]
    found = [(name, curve, {p.key: results_of_point(store, p) for p in curve.points}) for name, curve in curves]
    tasks = sorted({result.task_id for _, _, results in found for own in results.values() for result in own})
    quantities: tuple[What, ...] = ("return", "success")
    for task in tasks:
        for what in quantities:
            lines = [_line(name, curve, results, task, what) for name, curve, results in found]
            lines = [line for line in lines if line.values]
            if lines:
                yield Figure(f"{NAME}_{what}", task, _drawing(lines, what))


def _named(curves: Sequence[Curve]) -> Iterator[tuple[str, Curve]]:
    """The curves by name, those of one name told apart by their ids."""
    names = [curve.name for curve in curves]
    for curve in curves:
        yield (curve.name if names.count(curve.name) == 1 else f"{curve.name} {curve.id[:4]}"), curve


def _line(name: str, curve: Curve, results: dict[Any, list[TaskResult]], task: str, what: What) -> _Line:
    values: dict[int | None, list[_Value]] = {}
    failed = []
    for point in curve.points:
        result = next((one for one in results[point.key] if one.task_id == task), None)
        value = None if result is None or point.status is not Status.COMPLETED else _value(point, result, what)
        if value is not None:
            values.setdefault(point.train_seed, []).append(value)
        elif point.status is Status.FAILED:
            failed.append(point.step)
    return _Line(name, values, failed)


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


def _drawing(lines: Sequence[_Line], what: What) -> Callable[[Any], Told]:
    def draw(axes: Any) -> Told:  # noqa: ANN401  # matplotlib's
        series = [_series(line) for line in lines]
        seeds = [_seeds(line) for line in lines]
        plots.learning_curve(axes, series, alone=[[] for _ in lines], what=_WHAT[what], seeds=seeds)
        for drawn in axes.get_lines():
            drawn.set_markevery(1)
        for number, line in enumerate(lines):
            floor = [0.02] * len(line.failed)
            style = {"color": COLOURS[number % len(COLOURS)], "marker": "x", "linestyle": "none", "zorder": 4}
            axes.plot(line.failed, floor, transform=axes.get_xaxis_transform(), **style)
        axes.set_xlabel("steps of the training, as its checkpoints tell them")
        return Told("", _note(lines, what))

    return draw


def _series(line: _Line) -> Series:
    """A checkpoint's episodes at each step, or, of several seeds, their mean where all of them have one."""
    if len(line.values) == 1:
        (own,) = line.values.values()
        return _of(line.name, own)
    by_step = [{value.step: value.point for value in own} for own in line.values.values()]
    common = sorted(set.intersection(*(set(one) for one in by_step)))
    means = [(step, student_t([one[step] for one in by_step])) for step in common]
    values = [_Value(step, told.point, told.low, told.high) for step, told in means]
    return _of(f"{line.name} ({len(by_step)} seeds)", values)


def _of(name: str, values: Sequence[_Value]) -> Series:
    return Series(
        name=name,
        xs=[value.step for value in values],
        ys=[value.point for value in values],
        lows=[value.low for value in values],
        highs=[value.high for value in values],
    )


def _seeds(line: _Line) -> list[Series]:
    """The seeds one by one, where they are more than one and few."""
    if not 1 < len(line.values) < _FEW:
        return []
    return [_of(f"{line.name} {seed}", own) for seed, own in line.values.items()]


def _note(lines: Sequence[_Line], what: What) -> str:
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
