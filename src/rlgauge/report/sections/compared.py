"""Groups compared by all their runs: performance profiles, and who improves on whom."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np

from rlgauge.report.charts import Intervals, Line, Lines, Mark, Row
from rlgauge.report.content import Figure, Section
from rlgauge.report.overview import Overview
from rlgauge.report.told import told
from rlgauge.stats.improvement import probability_of_improvement
from rlgauge.stats.profiles import performance_profile
from rlgauge.stats.summary import Summary

_NUM_THRESHOLDS = 101
_MOST_GROUPS = 8
"""Groups of which every pair is compared; of more there would be more pairs than anybody reads."""
_NO_CHANCE = 0.5
_MARGIN = 0.02
ONE_SEED = "One seed a task: nothing is known of the spread between seeds."


def profiles(overview: Overview, series: Mapping[str, int]) -> Iterator[Section]:
    """The share of runs above each score, where scores of all tasks have one scale."""
    found_by_group = by_group(overview)
    values = [value for own in found_by_group.values() for runs in own.values() for value in runs]
    is_one = len(found_by_group) == len({line.task for line in overview.lines}) == 1
    if is_one or len(values) <= len(found_by_group) or overview.less_is_shown_better:
        return
    margin = _MARGIN * (max(values) - min(values))  # from where all runs are above to where none is
    thresholds = np.linspace(min(values) - margin, max(values) + margin, _NUM_THRESHOLDS)
    found: list[Line] = []
    methods: list[str] = []
    for group, own in found_by_group.items():
        profile = performance_profile(list(own.values()), thresholds.tolist(), replicates=2000)
        methods.append(profile.method)
        found.append(
            Line(
                name=group,
                xs=profile.thresholds,
                ys=profile.points,
                lows=profile.lows or (),
                highs=profile.highs or (),
                series=series[group],
            )
        )
    what = "normalised score" if overview.formula is not None else overview.score
    chart = Lines(title="Performance profiles", lines=found, x_axis=what, y_axis="share of runs above")
    captions = ["How many of the runs score more than each value; every task weighs the same."]
    if any(line.lows for line in found):
        captions.append(f"Bands: 95 % at each value by itself ({', '.join(dict.fromkeys(methods))}).")
    yield Section(name="profiles", title="Performance profiles", body=[Figure("profiles", chart, captions)])


def improvements(overview: Overview) -> Iterator[Section]:
    """For every pair, how likely a run of one is better than one of the other on the same task, the better one first.

    Nothing where each has a single run on each task: whatever it is likely to do, that does not tell.
    """
    found = by_group(overview, any_scale=True)
    if not 1 < len(found) <= _MOST_GROUPS or all(len(runs) == 1 for own in found.values() for runs in own.values()):
        return
    series = {name: place for place, name in enumerate(found)}
    rows: list[Row] = []
    for pair in combinations(found, 2):
        tasks = [task for task in found[pair[0]] if task in found[pair[1]]]
        if not tasks:
            continue
        (first, second), summary = _better(overview, found, pair, tasks)
        rows.append(
            Row(
                label=f"{first} > {second}",
                point=summary.point,
                low=summary.low,
                high=summary.high,
                series=series[first],
                told=f"A run of {first} is better than one of {second}, probability {told(summary)}",
                summary=summary,
            )
        )
    if rows:
        rows.sort(key=lambda row: -row.point)
        chart = Intervals(
            title="Probability of improvement",
            rows=rows,
            axis="probability that a run of the first is better",
            within=(0.0, 1.0),
            marks=[Mark(value=_NO_CHANCE, name="a draw")],
        )
        mean = "Mean over tasks; a" if len({line.task for line in overview.lines}) > 1 else "A"
        body = [Figure("improvement", chart, [f"{mean} tie counts half. 95 % intervals, each by itself."])]
        yield Section(name="improvement", title="Probability of improvement", body=body)


def _better(
    overview: Overview, found: Mapping[str, Mapping[str, list[float]]], pair: tuple[str, str], tasks: Sequence[str]
) -> tuple[tuple[str, str], Summary]:
    """The pair, the more likely to be better first, and how likely that is."""
    missing = sum(line.num_missing for line in overview.lines if line.group in pair and line.task in tasks)
    for first, second in (pair, pair[::-1]):
        one, two = ([found[who][task] for task in tasks] for who in (first, second))
        ours, theirs = (two, one) if overview.less_is_shown_better else (one, two)
        summary = probability_of_improvement(candidate=ours, baseline=theirs, tasks=tasks, missing=missing)
        if summary.point >= _NO_CHANCE:
            break
    return (first, second), summary


def by_group(overview: Overview, *, any_scale: bool = False) -> dict[str, dict[str, list[float]]]:
    """Scores by group and task: normalised ones, or plain ones where that is one scale for all tasks."""
    tasks = {line.task for line in overview.lines}
    if overview.formula is None and len(tasks) > 1 and not any_scale:
        return {}
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for run in overview.runs:
        value = run.normalised if overview.formula is not None else run.score
        if value is not None:
            found[run.group][run.reading.task].append(value)
    return {group: dict(own) for group, own in found.items()}
