"""The question first, and what the runs say to it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from statistics import fmean

from rlgauge.compare.phrases import METRICS, count, joined
from rlgauge.core.run import Status
from rlgauge.report.content import Answer, Block, Section, Warnings
from rlgauge.report.overview import Overview
from rlgauge.report.sections import checkpoints
from rlgauge.report.told import told

_MOST_GROUPS = 8
"""Groups of which each has its success rate in a sentence."""
_NAMED, _PAIR = 5, 2
_THE_ONE = "the one task that it has"


def section(overview: Overview) -> Section:
    """What was asked, and what the runs say to it."""
    return Section(name="answer", title="Answer", body=_answer(overview))


def _answer(overview: Overview) -> list[Block]:
    groups = list(dict.fromkeys(line.group for line in overview.lines))
    tasks = list(dict.fromkeys(line.task for line in overview.lines))
    is_less = overview.less_is_shown_better if overview.is_normalised else overview.less_is_better
    better = ("lower" if is_less else "higher", "lowest" if is_less else "highest")
    asked = (
        f"Which of {joined(groups)} has the {better[len(groups) > _PAIR]} {_score(overview)} on {_tasks_named(tasks)}?"
    )
    if len(groups) == 1:
        asked = f"Which {overview.score} does {groups[0]} reach on {_tasks_named(tasks)}?"
    if not overview.is_measured:
        return [Answer(question=asked, sentences=[_nothing(overview)], note=""), *_warned(overview)]
    over_episodes = list(checkpoints.verdicts(overview)) if _is_of_checkpoints(overview) and len(groups) > 1 else []
    best = [*_best_overall(overview), *(over_episodes or _best_by_task(overview, groups, tasks))]
    sentences = [*best, *_of_one_seed(overview), *_success_besides(overview, groups)]
    nums = count(sum(run.score is not None for run in overview.runs), "run")
    rest = f" {overview.num_failed} of {len(overview.found)} did not complete." if overview.num_failed else ""
    answered = Answer(question=asked, sentences=sentences, note=f"{nums}.{rest}")
    return [answered, *_warned(overview)]


def _score(overview: Overview) -> str:
    return f"{'normalised ' if overview.is_normalised else ''}{overview.score}"


def _nothing(overview: Overview) -> str:
    """Why there is no score, and what became of the runs instead."""
    became = ", ".join(f"{num} {status.lower()}" for status, num in overview.statuses.items())
    none = f"None of {count(len(overview.found), 'run')}"
    if Status.COMPLETED in overview.statuses:
        return f"{none} has a {overview.score}: {became}."
    return f"{none} completed, so there is no {overview.score}: {became}."


def _warned(overview: Overview) -> list[Block]:
    return [Warnings(overview.notes)] if overview.notes else []


def _tasks_named(tasks: Sequence[str]) -> str:
    return tasks[0] if len(tasks) == 1 else f"{len(tasks)} tasks"


def _best_overall(overview: Overview) -> Iterator[str]:
    """Of the first metric: who is best, and who is not shown to be worse."""
    if not overview.overall:
        return
    metric = next(iter(overview.overall[0].metrics))
    what = f"{METRICS[metric]}{' of normalised scores' if overview.formula is not None else ''}"
    is_less = metric == "optimality_gap" or overview.less_is_shown_better
    best = [one for one in overview.overall if one.best.get(metric)]
    ranked = sorted(best, key=lambda one: one.metrics[metric].point, reverse=not is_less)
    if len(overview.overall) == 1:
        yield f"Over all tasks, {what}: {told(overview.overall[0].metrics[metric])}"
    elif ranked:
        first, *rest = ranked
        untested = [one.group for one in overview.overall if metric not in one.best]
        yield f"Over all tasks {first.group} has the best {what}: {told(first.metrics[metric])}"
        if rest:
            yield f"{joined([one.group for one in rest])} {'is' if len(rest) == 1 else 'are'} not shown to be worse."
        if worse := [one.group for one in overview.overall if one.best.get(metric) is False]:
            yield f"{joined(worse)} {'is' if len(worse) == 1 else 'are'} shown to be worse."
        if untested:
            yield f"{joined(untested)} could not be tested against it."
    else:
        extreme = min if is_less else max
        first = extreme(overview.overall, key=lambda one: one.metrics[metric].point)
        yield f"Over all tasks {first.group} has the {_end(is_less=is_less)} {what}: {told(first.metrics[metric])}"


def _best_by_task(overview: Overview, groups: Sequence[str], tasks: Sequence[str]) -> Iterator[str]:
    by_task: dict[str, list[str]] = defaultdict(list)
    for line in overview.lines:
        if line.is_best:
            by_task[line.task].append(line.group)
    if len(groups) == 1:
        yield from _of_one(overview, tasks)
        return
    untested = {line.task for line in overview.lines if line.score is not None and line.is_best is None}
    alone = {group: sum(own == [group] and task not in untested for task, own in by_task.items()) for group in groups}
    among = {group: sum(group in own for own in by_task.values()) for group in groups}
    if len(by_task) == len(tasks) and all(among[group] == len(tasks) for group in groups):
        who, other = ("Neither", "the other") if len(groups) == _PAIR else ("None", "another")
        yield f"{who} is shown to be better than {other}{_anywhere(tasks)}."
        yield from _highest(overview, tasks)
        return
    for group in sorted((one for one in groups if among[one]), key=lambda one: (-alone[one], -among[one])):
        shared = among[group] - alone[group]
        own = sum(line.group == group and line.score is not None for line in overview.lines)
        of = f" of {count(len(tasks), 'task')}" if own == len(tasks) else f" of the {own} tasks that it has"
        is_alone = own == 1 < len(tasks)
        best = f"better than all others on {_THE_ONE if is_alone else f'{alone[group]}{of}'}" if alone[group] else ""
        where = f"{shared} more" if best else _THE_ONE if is_alone else f"{shared}{of}"
        rest = f"not shown to be worse than the best on {where}"
        yield f"{group} is {' and '.join(filter(None, [best, rest if shared else '']))}."
    if not by_task and len(tasks):
        why = "that takes two training seeds or more, of two of them at least"
        if _has_several(overview):
            why = "seeds of one algorithm all have one score, or the best of each task has a single one"
        yield from _highest(overview, tasks)
        yield f"Which one is best could not be tested: {why}."


def _anywhere(tasks: Sequence[str]) -> str:
    return "" if len(tasks) == 1 else f" on any of {len(tasks)} tasks"


def _highest(overview: Overview, tasks: Sequence[str]) -> Iterator[str]:
    """On how many tasks each has the best mean: what there is to say where nothing is shown."""
    is_less = overview.less_is_shown_better
    extreme = min if is_less else max
    nums: Counter[str] = Counter()
    num_tasks = 0
    for task in tasks:
        points = {
            line.group: shown.point
            for line in overview.lines
            if line.task == task and (shown := line.shown(is_normalised=overview.is_normalised)) is not None
        }
        if len(points) > 1:
            num_tasks += 1
            best = extreme(points.values())
            nums.update(group for group, point in points.items() if point == best)
    if nums:
        found = [f"{group} on {num}" for group, num in nums.most_common(_NAMED)]
        rest = nums.most_common()[_NAMED:]
        more = f" and {count(len(rest), 'more group')} on {rest[0][1]} at most," if rest else ""
        of = "" if num_tasks == len(tasks) else " that several have"
        end = _end(is_less=is_less)
        yield f"The {end} mean: {', '.join(found)}{more} of {count(num_tasks, 'task')}{of}."


def _end(*, is_less: bool) -> str:
    return "lowest" if is_less else "highest"


def _of_one(overview: Overview, tasks: Sequence[str]) -> Iterator[str]:
    """What a single algorithm reaches on its tasks, or on the first of them."""
    scores = [(line.task, line.score) for line in overview.lines if line.score is not None]
    yield from (told(score) if len(tasks) == 1 else f"{task}: {told(score)}" for task, score in scores[:_NAMED])
    if len(scores) > _NAMED:
        yield f'{count(len(scores) - _NAMED, "more task")} below, under "Every task".'
    if lacking := [task for task in tasks if task not in dict(scores)]:
        yield f"No score on {joined(lacking)}."


def _has_several(overview: Overview) -> bool:
    """Whether two groups have several training seeds on one task."""
    several = Counter(line.task for line in overview.lines if line.num_runs > 1)
    return any(num > 1 for num in several.values())


def _of_one_seed(overview: Overview) -> Iterator[str]:
    """What evaluations of one checkpoint each do not tell."""
    if _is_of_checkpoints(overview):
        yield "Each is one policy, or one training: of other training seeds this tells nothing."


def _is_of_checkpoints(overview: Overview) -> bool:
    """Whether single policies were evaluated, each once on a task."""
    measured = [run for run in overview.runs if run.score is not None]
    is_one_each = len({(run.group, run.reading.task) for run in measured}) == len(measured)
    return is_one_each and any(run.reading.kind == "evaluate" or run.reading.episodes for run in measured)


def _success_besides(overview: Overview, groups: Sequence[str]) -> Iterator[str]:
    """The rates where success was measured and is not the score."""
    rates: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for run in overview.runs:
        if overview.score != "success" and run.score is not None and "success" in run.reading.totals:
            rates[run.group][run.reading.task].append(run.reading.totals["success"].mean)
    if not rates:
        return
    tasks = set.intersection(*(set(own) for own in rates.values()))
    means = {group: fmean(fmean(rates[group][task]) for task in tasks) for group in groups if tasks and group in rates}
    told_of = ", ".join(f"{group} {mean:.1%}" for group, mean in means.items())
    where = _where(tasks, {line.task for line in overview.lines})
    told_too = f"Success{where}: {told_of}. " if 0 < len(means) <= _MOST_GROUPS else "Success was measured, too. "
    yield f"{told_too}--score success makes the report about it."


def _where(tasks: Collection[str], of: Collection[str]) -> str:
    """Over which of the tasks a mean is; nothing where there is one alone."""
    if len(tasks) > 1:
        return (
            " in the mean over tasks" if len(tasks) == len(of) else f" in the mean over {len(tasks)} of {len(of)} tasks"
        )
    return "".join(f" on {task}" for task in tasks) if len(of) > 1 else ""
