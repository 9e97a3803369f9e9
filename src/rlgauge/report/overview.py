"""The overview of many runs: every group on every task, over all tasks, and what became of the runs."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from rlgauge.compare.phrases import count, some
from rlgauge.compare.quantity import Sort
from rlgauge.core.errors import UserError
from rlgauge.core.reading import Reading
from rlgauge.report.best import mark_best, mark_best_overall
from rlgauge.report.configured import configured
from rlgauge.report.judged import Judged
from rlgauge.report.lines import Line, make_line
from rlgauge.report.overall import Overall, bounded, over_all_tasks
from rlgauge.report.question import Question, cell_name, choose_quantity
from rlgauge.report.scored import Runs, Scored, score_runs

_NUMBERS = re.compile(r"(?<![\w.-])-?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?(?![\w-])")
"""Not those that are a part of a name: `Ant-v4`, `PPO2`, `3d`."""
_MOST_KINDS = 8
"""Of warnings of runs."""


class Fate(msgspec.Struct, frozen=True):
    """What became of the runs of a group on a task: how many there are of every status."""

    group: str
    task: str
    statuses: dict[str, int]


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """All that the tables show. `formula` is None where scores are not normalised.

    `runs` has one run a training seed, on which the tables rest, `found` has every run; `fates` and `statuses` count
    the latter. `targets` are those of the suites that ran.
    """

    score: str
    unit: str
    less_is_better: bool
    by: list[str]
    formula: str | None
    lines: list[Line]
    overall: list[Overall]
    runs: list[Scored]
    found: list[Scored]
    fates: list[Fate]
    statuses: dict[str, int]
    notes: list[str]
    targets: list[Judged] = []

    @property
    def less_is_shown_better(self) -> bool:
        """Whether less is better of what sections compare: normalised scores may turn less into more."""
        return self.less_is_better and not _turns(self.runs)

    @property
    def is_normalised(self) -> bool:
        """Whether scores are compared as normalised."""
        return self.formula is not None

    @property
    def is_measured(self) -> bool:
        """Whether any run has a score."""
        return any(run.score is not None for run in self.runs)

    @property
    def num_failed(self) -> int:
        """How many runs did not complete."""
        return sum(count for status, count in self.statuses.items() if status != "COMPLETED")


def make_overview(readings: Sequence[Reading], question: Question, *, notes: Iterable[str] = ()) -> Overview:
    """The overview of the readings. Raises UserError where they lack the score or a reference asked for."""
    wanted = [reading for reading in readings if question.asks_for(reading)]
    if not wanted:
        raise UserError("There are no runs to summarise.")
    readings, by = configured(readings, question.by)
    question = msgspec.structs.replace(question, by=by)
    quantity = choose_quantity(wanted, question.score)
    told = list(notes)
    runs = score_runs(readings, quantity, question, told)
    cells = _cells(runs.seeds)
    is_normalised = runs.formula is not None
    less = quantity.is_less_better and not _turns(runs.seeds)
    lines = [make_line(cells[key], quantity, question) for key in sorted(cells)]
    values = _values(cells, is_normalised=is_normalised)
    lines, doubts = mark_best(lines, values, less_is_better=less, is_normalised=is_normalised, by=by)
    overall = over_all_tasks(cells, quantity, question, told)
    overall, more = mark_best_overall(overall, less_is_better=less)
    if quantity.sort is Sort.SUCCESS:  # after the tests, which go by the intervals
        overall = [bounded(one) for one in overall]
    return Overview(
        score=quantity.name,
        unit=quantity.unit,
        less_is_better=quantity.is_less_better,
        by=list(question.by),
        formula=runs.formula,
        lines=lines,
        overall=overall,
        runs=runs.seeds,
        found=runs.found,
        fates=[_fate(key, own) for key, own in sorted(_cells(runs.found).items())],
        statuses=_statuses(runs.found),
        notes=list(dict.fromkeys([*_of_runs(runs, by), *told, *doubts, *more, *_warnings(lines, overall, by)])),
    )


def _cells(runs: Iterable[Scored]) -> dict[tuple[str, str], list[Scored]]:
    cells: dict[tuple[str, str], list[Scored]] = defaultdict(list)
    for run in runs:
        cells[run.group, run.reading.task].append(run)
    return dict(cells)


def _values(
    cells: Mapping[tuple[str, str], Sequence[Scored]], *, is_normalised: bool
) -> dict[tuple[str, str], list[float]]:
    found = {cell: [run.normalised if is_normalised else run.score for run in runs] for cell, runs in cells.items()}
    return {cell: [value for value in values if value is not None] for cell, values in found.items()}


def _turns(runs: Iterable[Scored]) -> bool:
    """Whether normalising makes more of less: where the better end of the references is the smaller number."""
    ends = [(run.low, run.high) for run in runs if run.low is not None and run.high is not None]
    return bool(ends) and all(high < low for low, high in ends)


def _fate(key: tuple[str, str], runs: Sequence[Scored]) -> Fate:
    return Fate(*key, _statuses(runs))


def _statuses(runs: Iterable[Scored]) -> dict[str, int]:
    return dict(sorted(Counter(str(run.reading.status) for run in runs).items()))


def _errors(runs: Iterable[Scored], by: Sequence[str]) -> Iterator[str]:
    """How many episodes are in no mean because they ended in an error."""
    nums: Counter[str] = Counter()
    for run in runs:
        if run.reading.num_errors and run.score is not None:
            nums[cell_name(run.group, run.reading.task, by)] += run.reading.num_errors
    if nums:
        where = some([f"{name} ({num})" for name, num in nums.items()])
        are = "is" if nums.total() == 1 else "are"
        yield f"{count(nums.total(), 'episode')} ended in an error or a timeout and {are} in no mean: {where}."


def _of_runs(runs: Runs, by: Sequence[str]) -> Iterator[str]:
    """What is to be said of single runs: episodes that are in no mean, and what the runs themselves warn of."""
    yield from _errors(runs.seeds, by)
    yield from _warned(runs.found, by)


def _warned(runs: Iterable[Scored], by: Sequence[str]) -> Iterator[str]:
    """The warnings of the runs; texts that differ in numbers alone are told once."""
    said: dict[str, list[tuple[Scored, str]]] = defaultdict(list)
    for run in runs:
        for text in run.reading.warnings:
            said[_NUMBERS.sub("0", text)].append((run, text))
    order = sorted(said.values(), key=lambda found: -len(found))
    for found in order[:_MOST_KINDS]:
        names = list(dict.fromkeys(cell_name(run.group, run.reading.task, by) for run, _ in found))
        num_runs = len({id(run) for run, _ in found})
        nums = count(num_runs, "run")
        texts = list(dict.fromkeys(text for _, text in found))
        if len(texts) > 1:
            yield f"{nums} of {some(names)} warned with different numbers; the first: {texts[0]}"
        else:
            yield f"{some(names)}{f' ({nums})' if num_runs > 1 else ''}: {texts[0]}"
    if len(order) > _MOST_KINDS:
        more = count(len(order) - _MOST_KINDS, "more kind")
        yield f"Runs have {more} of warnings: the run.json of each has its own."


def _warnings(lines: Iterable[Line], overall: Iterable[Overall], by: Sequence[str]) -> Iterator[str]:
    """What the summaries say of themselves; the same of several groups in one sentence."""
    said: dict[str, list[str]] = defaultdict(list)
    for one in overall:
        for text in dict.fromkeys(text for summary in one.metrics.values() for text in summary.warnings):
            said[text].append(f"{one.group} over all tasks")
    for line in lines:
        summaries = (summary for summary in (line.score, line.normalised) if summary is not None)
        for text in dict.fromkeys(text for summary in summaries for text in summary.warnings):
            said[text].append(cell_name(line.group, line.task, by))
    for text, names in said.items():
        yield f"{some(names)}: {text}"
