"""The sections of scores: the answer, every task, all tasks together, profiles, who improves on whom, and the runs."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from statistics import fmean

import msgspec
import numpy as np

from rlgauge.compare.phrases import METRICS, count, some
from rlgauge.report.overview import Overview
from rlgauge.report.page.blocks import figure, note, table, told, warnings
from rlgauge.report.page.document import Section
from rlgauge.report.page.figure import Line, Row, intervals, lines
from rlgauge.report.page.markup import Markup, tag
from rlgauge.report.scored import Scored
from rlgauge.report.table import Table
from rlgauge.report.tables import tables
from rlgauge.stats.improvement import probability_of_improvement
from rlgauge.stats.profiles import performance_profile

_NUM_THRESHOLDS = 101
_MOST_GROUPS = 8
"""Groups of which every pair is compared; of more there would be more pairs than anybody reads."""
_NO_CHANCE = 0.5
_PAIR = 2


def sections(overview: Overview) -> Iterator[Section]:
    """What the overview has something for, the answer first and the runs last."""
    series = numbers(overview)
    found = {one.name: one for one in tables(overview)}
    yield Section(name="answer", title="Answer", body=_answer(overview))
    if overview.overall:
        yield Section(name="overall", title=found["overall"].title, body=_overall(overview, found["overall"], series))
    yield from _profiles(overview, series)
    yield from _improvements(overview)
    yield Section(name="tasks", title="Every task", body=_tasks(overview, found["scores"], series))
    if "targets" in found:
        yield Section(
            name="targets", title=found["targets"].title, body=[table(found["targets"], name="targets-table")]
        )
    yield Section(name="runs", title="Runs", body=_runs(overview, found.get("runs")))


def in_order(overview: Overview) -> Overview:
    """The same with names as one counts: step 500 before step 1000."""
    return msgspec.structs.replace(
        overview,
        lines=sorted(overview.lines, key=lambda line: (_natural(line.group), _natural(line.task))),
        overall=sorted(overview.overall, key=lambda one: _natural(one.group)),
        fates=sorted(overview.fates, key=lambda fate: (_natural(fate.group), _natural(fate.task))),
        runs=sorted(overview.runs, key=lambda run: (_natural(run.group), _natural(run.reading.task))),
        found=sorted(overview.found, key=lambda run: (_natural(run.group), _natural(run.reading.task))),
    )


def _natural(name: str) -> list[tuple[int, str]]:
    """A key by which numbers in names sort by their size."""
    parts = [part.lstrip("0") if place % 2 else part for place, part in enumerate(re.split(r"(\d+)", name))]
    return [(len(part) if place % 2 else 0, part) for place, part in enumerate(parts)] + [(0, name)]


def numbers(overview: Overview) -> dict[str, int]:
    """The number of each group, by which it has the same colour in all figures."""
    return {group: place for place, group in enumerate(dict.fromkeys(line.group for line in overview.lines))}


def _answer(overview: Overview) -> list[Markup]:
    groups = list(dict.fromkeys(line.group for line in overview.lines))
    tasks = list(dict.fromkeys(line.task for line in overview.lines))
    better = "lower" if overview.less_is_better else "higher"
    asked = f"Which of {_and(groups)} has the {better} {overview.score} on {_tasks_named(tasks)}?"
    if len(groups) == 1:
        asked = f"Which {overview.score} does {groups[0]} reach on {_tasks_named(tasks)}?"
    best = [*_best_overall(overview), *_best_by_task(overview, groups, tasks)] or ["Nothing was measured."]
    sentences = [*best, *_of_one_seed(overview), *_success_besides(overview, groups)]
    nums = count(sum(run.score is not None for run in overview.runs), "run")
    rest = f" {overview.num_failed} of {len(overview.found)} did not complete." if overview.num_failed else ""
    answered = [tag("p", tag("strong", asked)), *(tag("p", text) for text in sentences), note(f"{nums}.{rest}")]
    return [tag("div", answered, class_="answer"), warnings(overview.notes) or Markup()]


def _and(names: Sequence[str]) -> str:
    """`a and b`, or `a, b, c and 2 more`."""
    return " and ".join(names) if len(names) <= _PAIR else some(names)


def _tasks_named(tasks: Sequence[str]) -> str:
    return tasks[0] if len(tasks) == 1 else f"{len(tasks)} tasks"


def _best_overall(overview: Overview) -> Iterator[str]:
    """Of the first metric: who is best, and who is not shown to be worse."""
    if not overview.overall:
        return
    metric = next(iter(overview.overall[0].metrics))
    best = [one for one in overview.overall if one.best.get(metric)]
    ranked = sorted(best, key=lambda one: one.metrics[metric].point, reverse=not overview.less_is_better)
    if len(overview.overall) == 1:
        yield f"Over all tasks, {METRICS[metric]}: {told(overview.overall[0].metrics[metric])}"
    elif ranked:
        first, *rest = ranked
        yield f"Over all tasks {first.group} has the best {METRICS[metric]}: {told(first.metrics[metric])}"
        yield (
            f"{_and([one.group for one in rest])} {'is' if len(rest) == 1 else 'are'} not shown to be worse."
            if rest
            else "Every other one is shown to be worse."
        )


def _best_by_task(overview: Overview, groups: Sequence[str], tasks: Sequence[str]) -> Iterator[str]:
    by_task: dict[str, list[str]] = defaultdict(list)
    for line in overview.lines:
        if line.is_best:
            by_task[line.task].append(line.group)
    if len(groups) == 1:
        for line in overview.lines[:1] if len(tasks) == 1 else []:
            yield "Nothing was measured." if line.score is None else told(line.score)
        return
    alone = {group: sum(own == [group] for own in by_task.values()) for group in groups}
    among = {group: sum(group in own for own in by_task.values()) for group in groups}
    for group in sorted((one for one in groups if among[one]), key=lambda one: (-alone[one], -among[one])):
        shared = among[group] - alone[group]
        best = f"better than all others on {alone[group]} of {count(len(tasks), 'task')}" if alone[group] else ""
        rest = f"not shown to be worse than the best on {shared}" + (
            " more" if best else f" of {count(len(tasks), 'task')}"
        )
        yield f"{group} is {' and '.join(filter(None, [best, rest if shared else '']))}."
    if not by_task and len(tasks):
        yield "Which one is best could not be tested: that takes two training seeds or more, of two of them at least."


def _of_one_seed(overview: Overview) -> Iterator[str]:
    """What evaluations of one checkpoint each do not tell, and what compares them."""
    measured = [run for run in overview.runs if run.score is not None]
    is_one_each = len({(run.group, run.reading.task) for run in measured}) == len(measured)
    if not is_one_each or not any(run.reading.kind == "evaluate" or run.reading.episodes for run in measured):
        return
    yield "Of each there is one training seed, which tells nothing of what others would give."
    if len({run.group for run in measured}) > 1:
        yield "Policies that are one checkpoint each are compared over their episodes: `rlgauge compare`."


def _success_besides(overview: Overview, groups: Sequence[str]) -> Iterator[str]:
    """The rates where success was measured and is not the score."""
    rates: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for run in overview.runs:
        if overview.score != "success" and run.score is not None and "success" in run.reading.totals:
            rates[run.group][run.reading.task].append(run.reading.totals["success"].mean)
    if not rates:
        return
    means = {group: fmean(map(fmean, rates[group].values())) for group in groups if group in rates}
    told_of = ", ".join(f"{group} {mean:.1%}" for group, mean in means.items())
    where = " in the mean over tasks" if any(len(own) > 1 for own in rates.values()) else ""
    told_too = f"Success{where}: {told_of}. " if len(means) <= _MOST_GROUPS else "Success was measured, too. "
    yield f"{told_too}`--score success` makes the report about it."


def _overall(overview: Overview, found: Table, series: dict[str, int]) -> list[Markup]:
    metrics = list(overview.overall[0].metrics)
    rows = [
        Row(
            label=one.group,
            group=METRICS[metric],
            point=summary.point,
            low=summary.low,
            high=summary.high,
            series=series[one.group],
            told=f"{one.group}, {METRICS[metric]}: {told(summary)}",
        )
        for metric in metrics
        for one in overview.overall
        for summary in [one.metrics[metric]]
    ]
    what = "normalised score" if overview.formula is not None else overview.score
    drawn = intervals(rows, title=f"{what} over all tasks", axis=what)
    return [figure(drawn, "Points with their intervals."), table(found, name="overall-table")]


def _tasks(overview: Overview, found: Table, series: dict[str, int]) -> list[Markup]:
    ordered = sorted((line for line in overview.lines if line.score is not None), key=lambda line: _natural(line.task))
    tasks = list(dict.fromkeys(line.task for line in ordered))
    is_one_scale = overview.formula is not None
    drawn: list[Markup] = []
    for task in tasks if not is_one_scale else [None]:
        rows = [
            Row(
                label=line.group,
                group=line.task if task is None else "",
                point=summary.point,
                low=summary.low,
                high=summary.high,
                series=series[line.group],
                told=f"{line.group} on {line.task}: {told(summary)}",
            )
            for line in ordered
            if task in {None, line.task}
            for summary in [line.normalised if is_one_scale else line.score]
            if summary is not None
        ]
        if rows:
            axis = "normalised score" if is_one_scale else overview.score
            heading = "every task" if task is None else task
            drawn += [tag("h3", heading) if task is not None else Markup()]
            drawn.append(
                figure(intervals(rows, title=f"{axis}, {heading}", axis=axis), "Means over seeds with intervals.")
            )
    return [table(found, name="scores-table"), *drawn]


def _profiles(overview: Overview, series: dict[str, int]) -> Iterator[Section]:
    """The share of runs above each score, where scores of all tasks have one scale."""
    by_group = _by_group(overview)
    values = [value for own in by_group.values() for runs in own.values() for value in runs]
    if len(values) <= len(by_group) or overview.less_is_better:
        return
    thresholds = np.linspace(min(values), max(values), _NUM_THRESHOLDS)
    found: list[Line] = []
    methods: list[str] = []
    for group, own in by_group.items():
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
    drawn = lines(found, title="Performance profiles", x_axis=what, y_axis="share of runs above")
    caption = (
        f"How many of the runs score more than each value; every task weighs the same. Bands: 95 % at each value by "
        f"itself ({', '.join(dict.fromkeys(methods))})."
    )
    yield Section(name="profiles", title="Performance profiles", body=[figure(drawn, caption)])


def _improvements(overview: Overview) -> Iterator[Section]:
    """For every pair, how likely a run of one is better than one of the other on the same task."""
    by_group = _by_group(overview, any_scale=True)
    names = list(by_group)
    if not 1 < len(names) <= _MOST_GROUPS:
        return
    rows: list[Row] = []
    for place, name in enumerate(names):
        for other in names[place + 1 :]:
            tasks = [task for task in by_group[name] if task in by_group[other]]
            if not tasks:
                continue
            one, two = ([by_group[who][task] for task in tasks] for who in (name, other))
            ours, theirs = (two, one) if overview.less_is_better else (one, two)
            summary = probability_of_improvement(candidate=ours, baseline=theirs, tasks=tasks)
            rows.append(
                Row(
                    label=f"{name} > {other}",
                    group="",
                    point=summary.point,
                    low=summary.low,
                    high=summary.high,
                    series=place,
                    told=f"A run of {name} is better than one of {other}, probability {told(summary)}",
                )
            )
    if rows:
        drawn = intervals(
            rows, title="Probability of improvement", axis="probability that a run of the first is better"
        )
        caption = f"Mean over tasks; {_NO_CHANCE} is a draw. A tie counts half. 95 % intervals, each by itself."
        yield Section(name="improvement", title="Probability of improvement", body=[figure(drawn, caption)])


def _by_group(overview: Overview, *, any_scale: bool = False) -> dict[str, dict[str, list[float]]]:
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


def _runs(overview: Overview, fates: Table | None) -> list[Markup]:
    parts = [table(fates, name="fates-table")] if fates is not None else []
    title = f"Every run ({len(overview.found):,})"
    drawn = tag("details", tag("summary", title), table(_every_run(overview.found), name="runs-table"))
    return [*parts, drawn]


def _every_run(found: Iterable[Scored]) -> Table:
    rows = [
        [
            run.group,
            run.reading.task,
            "-" if run.reading.seed is None else str(run.reading.seed),
            str(run.reading.status).lower(),
            "-" if run.score is None else f"{run.score:.6g}",
            (run.reading.reason or "").partition("\n")[0],
            run.reading.source,
        ]
        for run in found
    ]
    header = ["group", "task", "seed", "status", "score", "reason", "where"]
    return Table(name="every_run", title="Every run", header=header, rows=rows, num_text=2)
