"""How fast algorithms learn: over all tasks by environment steps, and on every task by the time that passed."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from rlgauge.cli.plot_curves import called, on_experts
from rlgauge.compare.phrases import count, some
from rlgauge.core.reading import Curve, Reading
from rlgauge.core.run import Status
from rlgauge.kinds.train.journal import Episode
from rlgauge.kinds.train.reading import NUM_LAST, read_trained
from rlgauge.report.charts import Line, Lines, Manner
from rlgauge.report.content import Block, Figure, Heading, Note, Section
from rlgauge.report.order import natural
from rlgauge.report.overview import Overview
from rlgauge.report.scored import Scored
from rlgauge.stats.intervals import student_t
from rlgauge.stats.sample_efficiency import on_steps, sample_efficiency

_TRAIN = "train"
_IMPORTED = ("training_return", "return")
_SEVERAL = 2
_PAIR = 2
"""Of two seeds Student's interval is so wide that nothing else would be seen: they are shown themselves."""
_NUM_STEPS, _NUM_TIMES = 50, 100
_REPLICATES = 2000
_FEW = 5
"""So many seeds are told by a mean and a band; fewer are drawn one by one, too."""
_MINUTE, _HOUR = 60.0, 3600.0


class _Run(NamedTuple):
    """A training with its curve over environment steps, and over the seconds since it began where that was kept."""

    scored: Scored
    by_steps: Curve
    by_seconds: Curve | None

    @property
    def cell(self) -> tuple[str, str]:
        return self.scored.group, self.scored.reading.task

    @property
    def is_whole(self) -> bool:
        return self.scored.reading.status is Status.COMPLETED


def sections(overview: Overview, series: Mapping[str, int]) -> Iterator[Section]:
    """Over all tasks where scores are normalised, and by time where trainings kept it; `series` numbers the groups."""
    runs = [run for scored in overview.found if scored.is_used for run in _run(scored)]
    efficiency = list(_over_all(runs, series)) if overview.formula is not None else []
    if efficiency:
        yield Section(name="efficiency", title="Sample efficiency over all tasks", body=efficiency)
    by_time = list(_by_time(runs, series))
    if by_time:
        yield Section(name="wall_clock", title="Learning by wall-clock time", body=by_time)


def _run(scored: Scored) -> Iterator[_Run]:
    reading = scored.reading
    if reading.kind == _TRAIN and reading.folders:
        episodes = read_trained(Path(reading.folders[-1]) / "artifacts")
        if episodes:
            by_seconds = _curve((one.seconds, one) for one in sorted(episodes, key=lambda one: one.seconds))
            yield _Run(scored, _curve(_steps_of(episodes)), by_seconds)
        return
    curve = next((reading.curves[name] for name in _IMPORTED if name in reading.curves), None)
    if curve is not None and curve.steps:
        yield _Run(scored, curve, None)


def _steps_of(episodes: Iterable[Episode]) -> Iterator[tuple[float, Episode]]:
    num_steps = 0
    for one in episodes:
        num_steps = max(num_steps, one.num_steps)
        yield num_steps, one


def _curve(ended: Iterable[tuple[float, Episode]]) -> Curve:
    """The mean return of the last episodes at each place where one ended."""
    last: deque[float] = deque(maxlen=NUM_LAST)
    points: dict[float, float] = {}
    for place, episode in ended:
        last.append(episode.total)
        points[place] = fmean(last)
    return Curve(tuple(points), tuple(points.values()))


def _over_all(runs: Sequence[_Run], series: Mapping[str, int]) -> Iterator[Block]:
    """The interquartile mean of normalised returns at equal steps, on the tasks that all groups have."""
    curves: dict[str, dict[str, list[Curve]]] = defaultdict(lambda: defaultdict(list))
    lost: dict[str, list[str]] = defaultdict(list)
    for run in runs:
        scaled = _normalised(run)
        if not run.is_whole or scaled is None:
            lost[run.scored.group].append(run.scored.reading.task)
        else:
            curves[run.scored.group][run.scored.reading.task].append(scaled)
    every = dict.fromkeys(task for own in curves.values() for task in own)
    tasks = [task for task in every if all(task in own for own in curves.values())]
    if len(tasks) < _SEVERAL:
        return
    lines: list[Line] = []
    lacking = sorted(lost.keys() - curves.keys(), key=natural)
    missing = {group: sum(task in tasks for task in lost.get(group, ())) for group in curves}
    doubts = [f"{group} is not shown: no training of it has completed and has references." for group in lacking]
    for group, own in sorted(curves.items(), key=lambda item: natural(item[0])):
        steps = _common([curve for task in tasks for curve in own[task]], _NUM_STEPS)
        if not steps:
            doubts.append(f"The trainings of {group} have no steps in common.")
            continue
        held = [[on_steps(curve, steps) for curve in own[task]] for task in tasks]
        found = sample_efficiency(held, replicates=_REPLICATES, missing=missing[group])
        lines.append(
            Line(
                name=f"{called(group, _readings(runs, group))} (n = {found.summaries[0].n})",
                xs=found.steps,
                ys=[one.point for one in found.summaries],
                lows=[one.low for one in found.summaries],
                highs=[one.high for one in found.summaries],
                series=series[group],
            )
        )
        lacks = f" ({missing[group]} more did not complete or have no references)" if missing[group] else ""
        summary = found.summaries[-1]
        doubts += [f"{group}: {summary.method}{lacks}."] if lacks else []
        doubts += [f"{group}: {text}" for text in summary.warnings]
    if not lines:
        return
    chart = Lines(
        title="Sample efficiency over all tasks",
        lines=lines,
        x_axis="environment steps of a training",
        y_axis="normalised return, IQM",
    )
    left = [task for task in every if task not in tasks]
    shown = (reading for group in curves for reading in _readings(runs, group))
    yield Figure("efficiency", chart, [_efficiency_caption(len(tasks), left), *on_experts(shown)])
    yield from (Note(text) for text in dict.fromkeys(doubts))


def _readings(runs: Iterable[_Run], group: str) -> Iterator[Reading]:
    return (run.scored.reading for run in runs if run.scored.group == group)


def _efficiency_caption(num_tasks: int, left: Sequence[str]) -> str:
    lacking = f" Left out, since not every group has them: {some(left)}." if left else ""
    return (
        f"Interquartile mean over the runs (n) of {count(num_tasks, 'task')} at equal steps, of the return while "
        f"training (mean of the last {NUM_LAST} episodes for our own runs), normalised as scores are, as far as all "
        f"runs of a group came. Bands: 95 % at each step by itself, whole seeds resampled.{lacking}"
    )


def _normalised(run: _Run) -> Curve | None:
    low, high = run.scored.low, run.scored.high
    if low is None or high is None or low == high:
        return None
    return Curve(run.by_steps.steps, tuple((value - low) / (high - low) for value in run.by_steps.values))


def _common(curves: Sequence[Curve], num: int) -> list[float]:
    """So many places at equal distances within what all curves have; none where they have nothing in common."""
    first, last = max(curve.steps[0] for curve in curves), min(curve.steps[-1] for curve in curves)
    if first >= last:
        return []
    width = (last - first) / (num - 1)
    return [*(first + place * width for place in range(num - 1)), last]


def _by_time(runs: Sequence[_Run], series: Mapping[str, int]) -> Iterator[Block]:
    cells: dict[str, dict[str, list[_Run]]] = defaultdict(lambda: defaultdict(list))
    for run in runs:
        if run.by_seconds is not None:
            cells[run.scored.reading.task][run.scored.group].append(run)
    hosts = False
    for task in sorted(cells, key=natural):
        seconds, unit = _unit([run for own in cells[task].values() for run in own])
        lines = [
            line
            for group in sorted(cells[task], key=natural)
            for line in _lines(group, cells[task][group], series[group], seconds)
        ]
        if any(line.xs for line in lines):
            chart = Lines(
                title=f"Return by time, {task}",
                lines=lines,
                x_axis=f"{unit} since the training began",
                y_axis=f"return, mean of the last {NUM_LAST} episodes",
            )
            yield Heading(task)
            yield Figure("wall_clock", chart, list(_time_captions(cells[task].values())), of=task)
            hosts = True
    if hosts:
        yield Note(
            "Times are those of the machines below and of what else ran on them: they compare where these are alike."
        )


def _unit(runs: Iterable[_Run]) -> tuple[float, str]:
    longest = max((run.by_seconds.steps[-1] for run in runs if run.by_seconds is not None), default=0.0)
    if longest > _SEVERAL * _HOUR:
        return _HOUR, "hours"
    return (_MINUTE, "minutes") if longest > _SEVERAL * _MINUTE else (1.0, "seconds")


def _lines(group: str, runs: Sequence[_Run], place: int, unit: float) -> Iterator[Line]:
    """Few seeds one by one, runs that were ended dotted, then the mean of those that are whole, which names all."""
    ended = [(run, run.by_seconds) for run in runs if run.by_seconds is not None]
    whole = {_name(run): curve for run, curve in ended if run.is_whole}
    times = _common(list(whole.values()), _NUM_TIMES) if whole else []
    held = [on_steps(curve, times).values for curve in whole.values()] if times else []
    xs = [time / unit for time in times]
    if 1 < len(held) < _FEW:
        for name, ys in zip(whole, held, strict=True):
            yield Line(name=name, xs=xs, ys=ys, series=place, manner=Manner.THIN, is_named=False)
    for run, curve in ended:
        if not run.is_whole:
            own = _thinned(curve)
            at = [time / unit for time in own.steps]
            yield Line(name=_name(run), xs=at, ys=own.values, series=place, manner=Manner.DOTTED, is_named=False)
    means = [student_t(values) for values in zip(*held, strict=True)]
    has_band = len(held) > _PAIR
    part = f"{len(whole)} of {len(runs)}" if len(whole) < len(runs) else str(len(whole))
    yield Line(
        name=f"{called(group, _readings(runs, group))} ({part} {'seed' if len(runs) == 1 else 'seeds'})",
        xs=xs,
        ys=[one.point for one in means],
        lows=[one.low for one in means] if has_band else (),
        highs=[one.high for one in means] if has_band else (),
        series=place,
    )


def _name(run: _Run) -> str:
    """Of one training, by which it is told from the others of its group and task."""
    reading = run.scored.reading
    return reading.source if reading.seed is None else f"{run.scored.group}, seed {reading.seed}: {reading.source}"


def _thinned(curve: Curve) -> Curve:
    if len(curve.steps) <= _NUM_TIMES:
        return curve
    return on_steps(curve, _common([curve], _NUM_TIMES))


def _time_captions(groups: Iterable[Sequence[_Run]]) -> Iterator[str]:
    groups = list(groups)
    nums = [sum(run.is_whole for run in own) for own in groups]
    if max(nums) > 1:
        yield "Lines: means over seeds, as far in time as all of them came."
    if max(nums) > _PAIR:
        yield "Bands: 95 %, Student's t, at each time by itself."
    if any(1 < num < _FEW for num in nums):
        yield "Thin lines: seeds, where they are few; bands are cut where they leave the lines."
    if any(num in {1, _PAIR} for num in nums):
        yield "One or two seeds have no band."
    partial = sum(map(len, groups)) - sum(nums)
    if partial:
        yield f"Dotted: runs that have not completed ({partial}), in no mean."
    yield from on_experts(run.scored.reading for own in groups for run in own)
