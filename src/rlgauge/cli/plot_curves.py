"""Learning curves of trainings: a figure for each task, a line for each algorithm."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from rlgauge.compare.seeds import present
from rlgauge.compare.settings import setting_names
from rlgauge.core.files import read_if_there
from rlgauge.core.reading import Curve, Reading
from rlgauge.core.run import Status
from rlgauge.kinds.train.reading import NUM_LAST, curve_of
from rlgauge.report.charts import Line, Lines, Manner
from rlgauge.report.content import Figure
from rlgauge.report.order import natural
from rlgauge.stats.intervals import student_t
from rlgauge.stats.sample_efficiency import on_steps

T = TypeVar("T")

NAME = "learning_curve"
_TRAIN = "train"
_IMPORTED = ("training_return", "return")
"""Curves of other systems' trainings, the first that there is."""
_WITH_EXPERT = "dagger"
"""What was trained where an expert acts in the episodes, too, whatever the runs call it."""
_PLAYED_ALONG = "+ expert: an expert acts in these episodes, too, so that they say little of what was learned."
_NUM_POINTS = 200
_FEW = 5
"""So many seeds that are whole are told by a mean and a band; fewer are drawn one by one, too."""


class _Algorithm(msgspec.Struct, frozen=True):
    train: str = ""


class _Params(msgspec.Struct, frozen=True):
    algorithm: _Algorithm = _Algorithm()


class _Case(msgspec.Struct, frozen=True):
    params: _Params = _Params()


class _Config(msgspec.Struct, frozen=True):
    """What is needed of the config.json of a training."""

    case: _Case = _Case()


class Trained(NamedTuple):
    """A training and its curve."""

    reading: Reading
    curve: Curve

    @property
    def is_whole(self) -> bool:
        """Whether it came to its end."""
        return self.reading.status is Status.COMPLETED


def figures(readings: Iterable[Reading], numbers: Mapping[str, int]) -> Iterator[Figure]:
    """A figure for each task in which something was trained; algorithms have these numbers, others the next ones."""
    tasks = trained(readings)
    names = dict.fromkeys([*numbers, *(name for algorithms in tasks.values() for name in algorithms)])
    places = {name: place for place, name in enumerate(names)}
    for task, algorithms in tasks.items():
        lines = list(_lines(algorithms, places))
        if any(line.xs for line in lines):
            what = what_of(algorithms.values())
            title = f"{what}, {task}"
            chart = Lines(title=title, lines=lines, x_axis="environment steps", y_axis=what, is_x_from_zero=True)
            yield Figure(NAME, chart, [note_of(algorithms.values())], of=task)


def _lines(algorithms: Mapping[str, Sequence[Trained]], places: Mapping[str, int]) -> Iterator[Line]:
    """Of each algorithm its seeds where they are few, the runs that are in no mean, and the mean, which names it."""
    for name, runs in algorithms.items():
        place = places[name]
        yield from seeds_of(runs, place)
        yield from (alone_of(run, place) for run in runs if not run.is_whole)
        yield mean_of(name, runs, place)


def trained(readings: Iterable[Reading]) -> dict[str, dict[str, list[Trained]]]:
    """By task and algorithm, the last training of every seed, as far as it has a curve."""
    tasks: dict[str, dict[str, list[Trained]]] = defaultdict(lambda: defaultdict(list))
    for run in _runs(readings):
        tasks[run.reading.task][run.reading.algorithm].append(run)
    return {task: _by_name(algorithms) for task, algorithms in _by_name(tasks).items()}


def _by_name(found: Mapping[str, T]) -> dict[str, T]:
    return dict(sorted(found.items(), key=lambda item: natural(item[0])))


def _runs(readings: Iterable[Reading]) -> Iterator[Trained]:
    """The last training of every seed, as far as it has a curve; of one that goes on, what there is of it."""
    latest: dict[object, Trained] = {}
    for place, reading in enumerate(present(_told_apart(readings))):
        curve = _curve(reading)
        if curve is None:
            continue
        seed = reading.settings, reading.seed if reading.seed is not None else f"alone {place}"
        key = (reading.task, reading.algorithm, *seed)
        if key not in latest or latest[key].reading.started <= reading.started:
            latest[key] = Trained(reading, curve)
    yield from latest.values()


def _told_apart(readings: Iterable[Reading]) -> Iterator[Reading]:
    """The readings, algorithms named with the settings where one was trained with several on one seed."""
    cells: dict[tuple[str, str], list[Reading]] = defaultdict(list)
    for reading in readings:
        cells[reading.task, reading.algorithm].append(reading)
    for own in cells.values():
        if len({(one.seed, one.settings) for one in own}) == len({one.seed for one in own}):
            yield from own
            continue
        names = setting_names(own)
        for one in own:
            yield msgspec.structs.replace(one, algorithm=f"{one.algorithm} ({names[one.settings]})")


def _curve(reading: Reading) -> Curve | None:
    if reading.kind == _TRAIN and reading.folders:
        return curve_of(Path(reading.folders[-1]) / "artifacts")
    return next((reading.curves[name] for name in _IMPORTED if name in reading.curves), None)


def mean_of(name: str, runs: Sequence[Trained], place: int) -> Line:
    """The mean over the runs that are whole, at steps that all of them came to; none where there are none."""
    whole = [run.curve for run in runs if run.is_whole]
    named = called(name, (run.reading for run in runs))
    part = f"{len(whole)} of {len(runs)}" if len(whole) < len(runs) else f"{len(whole)}"
    steps = _common(whole)
    held = [on_steps(curve, steps).values for curve in whole]
    means = [student_t(values) for values in zip(*held, strict=True)] if steps else []
    return Line(
        name=f"{named} ({part} {'seed' if len(runs) == 1 else 'seeds'})",
        xs=steps,
        ys=[one.point for one in means],
        lows=[one.low for one in means],
        highs=[one.high for one in means],
        series=place,
    )


def called(name: str, readings: Iterable[Reading]) -> str:
    """The name of an algorithm, with its expert where that acts in the episodes of the curve, too."""
    return f"{name} + expert" if _is_any_with_expert(readings) else name


def on_experts(readings: Iterable[Reading]) -> list[str]:
    """The sentence on curves of episodes in which an expert acts, where there are such."""
    return [_PLAYED_ALONG] if _is_any_with_expert(readings) else []


def _is_any_with_expert(readings: Iterable[Reading]) -> bool:
    """Whether of any is known that an expert acted; those of one algorithm and its settings trained the same."""
    return any(map(_has_expert, {(one.algorithm, one.settings): one for one in readings}.values()))


def _has_expert(reading: Reading) -> bool:
    if reading.kind != _TRAIN or not reading.folders:
        return False
    content = read_if_there(Path(reading.folders[-1]) / "config.json")
    try:
        config = _Config() if content is None else msgspec.json.decode(content, type=_Config)
    except msgspec.DecodeError:
        return False
    return config.case.params.algorithm.train == _WITH_EXPERT


def seeds_of(runs: Sequence[Trained], place: int) -> list[Line]:
    """The runs of the mean one by one, where they are more than one and few."""
    whole = [run for run in runs if run.is_whole]
    steps = _common([run.curve for run in whole])
    if not 1 < len(whole) < _FEW or not steps:
        return []
    return [_alone(run, steps, on_steps(run.curve, steps).values, place, Manner.THIN) for run in whole]


def _common(curves: Sequence[Curve]) -> list[float]:
    """Steps at equal distances within what all curves have; none where they have nothing in common."""
    if not curves:
        return []
    first, last = max(curve.steps[0] for curve in curves), min(curve.steps[-1] for curve in curves)
    if first >= last:
        return [last] if first == last else []
    width = (last - first) / (_NUM_POINTS - 1)
    return [*(first + place * width for place in range(_NUM_POINTS - 1)), last]


def alone_of(run: Trained, place: int) -> Line:
    """The run's own curve, as far as it came."""
    return _alone(run, run.curve.steps, run.curve.values, place, Manner.DOTTED)


def _alone(run: Trained, xs: Sequence[float], ys: Sequence[float], place: int, manner: Manner) -> Line:
    name = run.reading.source if run.reading.seed is None else f"{run.reading.algorithm}, seed {run.reading.seed}"
    return Line(name=name, xs=xs, ys=ys, series=place, manner=manner, is_named=False)


def what_of(groups: Iterable[Sequence[Trained]]) -> str:
    """What is drawn: our own runs tell every episode, others what their systems kept."""
    is_ours = all(run.reading.kind == _TRAIN for runs in groups for run in runs)
    return f"return, mean of the last {NUM_LAST} episodes" if is_ours else "return"


def note_of(groups: Iterable[Sequence[Trained]]) -> str:
    """What lines, bands and dots are, where there are such."""
    groups = list(groups)
    nums = [sum(run.is_whole for run in runs) for runs in groups]
    told = []
    if max(nums) > 1:
        told.append(
            "Lines: means over seeds, as far as all of them came. Bands: 95 %, Student's t, at each step by itself."
        )
    if any(1 < num < _FEW for num in nums):
        told.append("Thin lines: seeds, where they are few; bands are cut where they leave the lines.")
    if 1 in nums:
        told.append("One seed has no band.")
    partial = sum(len(runs) for runs in groups) - sum(nums)
    if partial:
        told.append(f"Dotted: runs that have not completed ({partial}), in no mean.")
    told += on_experts(run.reading for runs in groups for run in runs)
    return " ".join(told)
