"""The scores: over all tasks, on every task, as a heat map, and the ranks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from msgspec.structs import replace

from rlgauge.compare.phrases import METRICS, some
from rlgauge.report.charts import Heat, Intervals, Row, Share, Shares
from rlgauge.report.content import Block, Figure, Heading, Section, Warnings
from rlgauge.report.lines import Line
from rlgauge.report.numbers import fixed, normalised_places, places
from rlgauge.report.order import natural
from rlgauge.report.overview import Overview
from rlgauge.report.scored import Scored
from rlgauge.report.sections import answer, runs
from rlgauge.report.sections.compared import ONE_SEED, by_group, improvements, profiles
from rlgauge.report.table import Table
from rlgauge.report.tables import tables
from rlgauge.report.told import told
from rlgauge.stats.ranks import RankDistribution, average_ranks, rank_distribution
from rlgauge.stats.summary import Summary

_SEVERAL = 2
_MOST_SEEDS = 50
"""Runs of a row that are shown as dots; of more nobody would see one."""
_REPLICATES = 2_000
"""Of ranks, in which every one draws all runs of all groups anew."""
_MOST_RANKS = 8
"""Groups whose ranks are shown one by one: as many as there are colours."""


def sections(overview: Overview, series: Mapping[str, int]) -> Iterator[Section]:
    """What the overview has something for, the answer first and the runs last; `series` numbers the groups."""
    found = {one.name: one for one in tables(overview)}
    yield answer.section(overview)
    if overview.overall:
        yield Section(name="overall", title=found["overall"].title, body=_overall(overview, found["overall"], series))
    yield from profiles(overview, series)
    yield from improvements(overview)
    yield from _ranks(overview, series)
    yield Section(name="tasks", title="Every task", body=_tasks(overview, found["scores"], series))
    if "targets" in found:
        yield Section(name="targets", title=found["targets"].title, body=[found["targets"]])
    yield runs.section(overview)


def _overall(overview: Overview, found: Table, series: Mapping[str, int]) -> list[Block]:
    rows = [
        Row(
            label=one.group,
            group=METRICS[metric],
            point=summary.point,
            low=summary.low,
            high=summary.high,
            series=series[one.group],
            told=f"{one.group}, {METRICS[metric]}: {told(summary)}",
            summary=summary,
        )
        for metric in overview.overall[0].metrics
        for one in overview.overall
        for summary in [one.metrics[metric]]
    ]
    what = _what(overview)
    chart = Intervals(title=f"{what} over all tasks", rows=rows, axis=what)
    return [
        Figure(
            "overall", chart, ["Points with their intervals." if _has_ends(rows) else "Single runs have no intervals."]
        ),
        found,
    ]


def _has_ends(rows: Sequence[Row]) -> bool:
    return any(row.low is not None for row in rows)


def _what(overview: Overview) -> str:
    return "normalised score" if overview.formula is not None else overview.score


def _tasks(overview: Overview, found: Table, series: Mapping[str, int]) -> list[Block]:
    """The table, a heat map where several groups share a scale, and the intervals of every task."""
    lines = sorted((line for line in overview.lines if line.score is not None), key=lambda line: natural(line.task))
    seeds = _seeds(overview)
    several = any(len(own) > 1 for own in seeds.values())
    of_one = ", of one seed over its episodes" if any(len(own) == 1 for own in seeds.values()) else ""
    caption = [f"Means over seeds with intervals{of_one}; small dots are seeds."]
    if not several:
        caption = ["One training seed each; an interval, where there is one, is over its episodes."]
    shown: list[Block] = [found, *_heat(overview, lines)]
    if overview.formula is not None:
        rows = [_row(line, line.normalised, seeds, series, group=line.task) for line in lines if line.normalised]
        chart = Intervals(title="normalised score, every task", rows=rows, axis="normalised score")
        return [*shown, Figure("tasks", chart, caption)] if rows else shown
    for task in dict.fromkeys(line.task for line in lines):
        rows = [_row(line, line.score, seeds, series) for line in lines if line.task == task and line.score]
        chart = Intervals(title=f"{overview.score}, {task}", rows=rows, axis=overview.score)
        shown += [Heading(task), Figure("tasks", chart, caption, of=task)]
    return shown


def _row(
    line: Line,
    summary: Summary | None,
    seeds: Mapping[tuple[str, str], Sequence[float]],
    series: Mapping[str, int],
    *,
    group: str = "",
) -> Row:
    if summary is None:
        raise RuntimeError("a row without a score")
    own = seeds[line.group, line.task]
    return Row(
        label=line.group,
        group=group,
        point=summary.point,
        low=summary.low,
        high=summary.high,
        others=own if 1 < len(own) <= _MOST_SEEDS else (),
        series=series[line.group],
        told=f"{line.group} on {line.task}: {told(summary)}",
        summary=summary,
    )


def _seeds(overview: Overview) -> dict[tuple[str, str], list[float]]:
    """What each run came to, by group and task."""
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for run in overview.runs:
        value = _value(overview, run)
        if value is not None:
            found[run.group, run.reading.task].append(value)
    return found


def _value(overview: Overview, run: Scored) -> float | None:
    return run.normalised if overview.formula is not None else run.score


def _heat(overview: Overview, lines: Sequence[Line]) -> Iterator[Figure]:
    """Tasks by groups, where there are several of both; of unlike scales each task is shaded by itself."""
    groups = sorted({line.group for line in lines}, key=natural)
    tasks = list(dict.fromkeys(line.task for line in lines))
    if min(len(groups), len(tasks)) < _SEVERAL:
        return
    is_one_scale = overview.formula is not None
    known = {
        (line.task, line.group): summary
        for line in lines
        if (summary := line.normalised if is_one_scale else line.score) is not None
    }
    short = {(line.task, line.group): _short(line, is_one_scale=is_one_scale) for line in lines}
    cells = [[known.get((task, group)) for group in groups] for task in tasks]
    words = [["nothing measured" if cell is None else told(cell) for cell in row] for row in cells]
    values = [[None if cell is None else cell.point for cell in row] for row in cells]
    chart = Heat(
        title=f"{_what(overview)} of every group on every task",
        rows=tasks,
        columns=groups,
        values=values if is_one_scale else [_within(row) for row in values],
        texts=[[short.get((task, group), "-") for group in groups] for task in tasks],
        told=[
            [f"{group} on {task}: {word}" for group, word in zip(groups, row, strict=True)]
            for task, row in zip(tasks, words, strict=True)
        ],
        axis=f"{_what(overview)}: a stronger colour is more" + ("" if is_one_scale else ", within each task"),
    )
    is_one = all(len(own) == 1 for own in _seeds(overview).values())
    yield Figure("heat_map", chart, ["One training seed each." if is_one else "Means over seeds."])


def _short(line: Line, *, is_one_scale: bool) -> str:
    """The number as the table has it."""
    summary, sd = (line.normalised, line.normalised_sd) if is_one_scale else (line.score, line.sd)
    digits = normalised_places if is_one_scale else places
    return "-" if summary is None else fixed(summary.point, digits(summary.point, sd))


def _within(values: Sequence[float | None]) -> list[float | None]:
    """The values as parts of the way from the least to the most of them."""
    known = [value for value in values if value is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    return [None if value is None else (value - low) / ((high - low) or 1.0) for value in values]


def _ranks(overview: Overview, series: Mapping[str, int]) -> Iterator[Section]:
    """How often each group is the best, the second, ... of all, where all have runs on the same several tasks."""
    scores = by_group(overview, any_scale=True)
    tasks = list(dict.fromkeys(task for own in scores.values() for task in own))
    if min(len(scores), len(tasks)) < _SEVERAL or any(task not in own for own in scores.values() for task in tasks):
        return
    sign = -1.0 if overview.less_is_shown_better else 1.0
    given = {group: [[sign * value for value in own[task]] for task in tasks] for group, own in scores.items()}
    missing = sum(line.num_missing for line in overview.lines)
    means = average_ranks(given, replicates=_REPLICATES, missing=missing)
    is_all_alike = all(mean.low == mean.high for mean in means.values())
    if is_all_alike:  # no resample gave other ranks: that is no knowledge of them
        means = {group: replace(mean, low=None, high=None, warnings=()) for group, mean in means.items()}
    order = sorted(means, key=lambda group: means[group].point)
    rows = [
        Row(
            label=group,
            point=mean.point,
            low=mean.low,
            high=mean.high,
            series=series[group],
            told=f"{group}, mean rank: {told(mean)}",
            summary=mean,
        )
        for group in order
        for mean in [means[group]]
    ]
    mean_chart = Intervals(
        title="Mean rank", rows=rows, axis="mean rank over tasks; 1 is the best", within=(1.0, float(len(rows)))
    )
    several = any(len(values) > 1 for own in given.values() for values in own)
    caption = "The rank that a run can expect among one run of each, mean over tasks; ties share ranks."
    if not several:
        caption += f" {ONE_SEED}"
    elif is_all_alike:
        caption += " No intervals: each resample gave the same ranks, as so few seeds may by chance."
    else:
        caption += " 95 % intervals."
    body: list[Block] = [Figure("ranks", mean_chart, [caption], of="mean")]
    if len(given) <= _MOST_RANKS:
        shares = rank_distribution(given, replicates=_REPLICATES, missing=missing)
        body.append(_shares({group: shares[group] for group in order}, several=several))
    body += _doubts(means) if several else []
    yield Section(name="ranks", title="Ranks", body=body)


def _doubts(means: Mapping[str, Summary]) -> Iterator[Warnings]:
    """What the mean ranks say of themselves; the same of several groups in one sentence."""
    said: dict[str, list[str]] = defaultdict(list)
    for group, mean in means.items():
        for text in mean.warnings:
            said[text].append(group)
    if said:
        yield Warnings([f"{some(groups)}: {text}" for text, groups in said.items()])


def _shares(found: Mapping[str, RankDistribution], *, several: bool) -> Figure:
    names = [f"rank {place}" for place in range(1, len(found) + 1)]
    rows = [
        Share(
            label=group,
            parts=[share.point for share in own.shares],
            told="; ".join(f"{group}, {name}: {told(share)}" for name, share in zip(names, own.shares, strict=True)),
        )
        for group, own in found.items()
    ]
    chart = Shares(title="Ranks", names=names, rows=rows, axis="probability of each rank", is_ordered=True)
    return Figure(
        "ranks",
        chart,
        ["How likely a run of each has which rank, mean over tasks.", *([] if several else [ONE_SEED])],
        of="shares",
    )
