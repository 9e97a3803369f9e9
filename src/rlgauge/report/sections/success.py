"""Success rates of every group on every task and over all tasks, each with the interval that suits it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean

import msgspec

from rlgauge.compare.phrases import count, some
from rlgauge.compare.quantity import Sort, measured, quantity_of
from rlgauge.compare.seeds import STOPPED, counts_of
from rlgauge.core.errors import UserError
from rlgauge.core.reading import Reading
from rlgauge.report.charts import Heat, Intervals, Row
from rlgauge.report.content import Block, Figure, Note, Section, Warnings
from rlgauge.report.numbers import fixed
from rlgauge.report.order import in_order, natural
from rlgauge.report.overview import Overview, make_overview
from rlgauge.report.question import Question, cell_name
from rlgauge.report.scored import Scored
from rlgauge.report.told import told
from rlgauge.stats.confidence_sequence import ConfidenceSequence
from rlgauge.stats.intervals import wilson
from rlgauge.stats.rates import success_over_seeds
from rlgauge.stats.summary import Summary

_SUCCESS = "success"
_MOST_ROWS = 150
"""So many rates are rows with intervals; of more, each is a cell of a grid."""
_MOST_SEEDS = 50
_DIGITS = 2
_POOLED = "One training seed: the interval is over the episodes of all its tasks and says nothing of other seeds."

_Runs = Mapping[tuple[str, str], Sequence[Scored]]
"""The runs of every group on every task that measured success."""


def sections(
    readings: Sequence[Reading], question: Question, series: Mapping[str, int], *, is_score: bool = False
) -> Iterator[Section]:
    """One, where episodes tell whether they were a success; `series` numbers the groups."""
    if not any(_is_told(reading) for reading in readings if question.asks_for(reading)):
        return
    asked = msgspec.structs.replace(question, score=_SUCCESS, normalisation=None, metrics=("mean",))
    if not is_score:
        asked = msgspec.structs.replace(asked, failed=None)
    try:
        overview = in_order(make_overview(readings, asked))
    except UserError as error:  # of another score than the one that was asked for, which has its report
        yield Section(name="success", title="Success rates", body=[Warnings([str(error)])])
        return
    if overview.is_measured:
        yield Section(name="success", title="Success rates", body=[*_shown(overview, series), *_notes(overview)])


def _is_told(reading: Reading) -> bool:
    is_rate = quantity_of(_SUCCESS, reading.units.get(_SUCCESS, "")).sort is Sort.SUCCESS
    return is_rate and _SUCCESS in measured(reading)


def _shown(overview: Overview, series: Mapping[str, int]) -> Iterator[Block]:
    runs: dict[tuple[str, str], list[Scored]] = defaultdict(list)
    for run in overview.runs:
        if run.score is not None:
            runs[run.group, run.reading.task].append(run)
    rates = {
        (line.group, line.task): _of_stopped(runs[line.group, line.task], line.score)
        for line in sorted(overview.lines, key=lambda line: natural(line.task))
        if line.score is not None
    }
    rows = [*_over_all(overview, runs, rates, series)]
    shares = "Shares of the episodes with a valid measurement"
    if len(rates) > _MOST_ROWS:
        yield _grid(overview, rates)
    else:
        rows += [_row(key, rate, runs[key], series) for key, rate in rates.items()]
    if rows:
        told_dots = "; small dots are training seeds." if any(row.others for row in rows) else "."
        chart = Intervals(title="Success rates", rows=rows, axis="success rate")
        yield Figure("success", chart, [f"{shares}{told_dots}"])


def _of_stopped(runs: Sequence[Scored], rate: Summary) -> Summary:
    """The rate; of a checkpoint whose number of episodes was decided by looking, with an interval that allows it."""
    if len(runs) > 1 or STOPPED not in runs[0].reading.details:
        return rate
    sequence = ConfidenceSequence(alpha=1 - rate.confidence)
    for record in runs[0].reading.records:
        success = record.values.get(_SUCCESS)
        if record.error is None and isinstance(success, (bool, int, float)):
            sequence.add(float(success))
    if not sequence.n:
        return rate
    found = sequence.summary()
    return msgspec.structs.replace(found, n=1, missing=rate.missing) if found.point == rate.point else rate


def _row(key: tuple[str, str], rate: Summary, runs: Sequence[Scored], series: Mapping[str, int]) -> Row:
    group, task = key
    seeds = [run.score for run in runs if run.score is not None]
    return Row(
        label=group,
        group=task,
        point=rate.point,
        low=rate.low,
        high=rate.high,
        others=seeds if 1 < len(seeds) <= _MOST_SEEDS else (),
        series=series[group],
        told=f"{group} on {task}: {told(rate)} {_episodes(runs)}",
        summary=rate,
    )


def _episodes(runs: Sequence[Scored]) -> str:
    """How many episodes there were, and what they come to where errors count as failures."""
    totals = [run.reading.totals[_SUCCESS] for run in runs if _SUCCESS in run.reading.totals]
    if counts_of(totals) is None:  # what tells a mean alone, such as a table, tells no episodes
        return ""
    valid, errors = sum(total.n for total in totals), sum(run.reading.num_errors for run in runs)
    if not errors:
        return f"{count(valid, 'episode')}."
    shares = [
        total.mean * total.n / (total.n + run.reading.num_errors)
        for run in runs
        if (total := run.reading.totals.get(_SUCCESS)) is not None
    ]
    share = fmean(shares)  # every seed weighs the same, as in the rate
    return (
        f"{count(valid, 'episode')}, and {errors:,} more that ended in an error or a timeout: with these as failures "
        f"{fixed(share, _DIGITS)}."
    )


def _over_all(
    overview: Overview, runs: _Runs, rates: Mapping[tuple[str, str], Summary], series: Mapping[str, int]
) -> Iterator[Row]:
    """The mean over tasks of every group, where there are several tasks."""
    tasks = list(dict.fromkeys(line.task for line in overview.lines))
    means = {one.group: one.metrics["mean"] for one in overview.overall}
    for group, mean in means.items() if len(tasks) > 1 else ():
        there = [task for task in tasks if (group, task) in rates]
        own = [runs[group, task] for task in there]
        rate = _with_interval(mean, own) if len(there) > 1 else rates[group, there[0]]
        where = "all tasks" if len(own) == len(tasks) else f"{len(own)} of {count(len(tasks), 'task')}"
        yield Row(
            label=group if len(own) == len(tasks) else f"{group} ({where})",
            group="mean over tasks",
            point=rate.point,
            low=rate.low,
            high=rate.high,
            series=series[group],
            told=f"{group}, mean over {where}: {told(rate)}",
            summary=rate,
        )


def _with_interval(mean: Summary, tasks: Sequence[Sequence[Scored]]) -> Summary:
    """The mean over tasks; where no bootstrap gives an interval, that of the episodes if tasks have as many of them."""
    if mean.low is not None and mean.high is not None and mean.low < mean.high:
        return mean
    bare = msgspec.structs.replace(mean, low=None, high=None)
    by_seed: dict[int | None, list[tuple[int, int]]] = defaultdict(list)
    for own in tasks:
        totals = [run.reading.totals[_SUCCESS] for run in own if _SUCCESS in run.reading.totals]
        counts = counts_of(totals)
        if counts is None or len(totals) < len(own) or any(STOPPED in run.reading.details for run in own):
            return bare
        for run, pair in zip(own, counts, strict=True):
            by_seed[run.reading.seed].append(pair)
    nums = {num for pairs in by_seed.values() for _, num in pairs}
    if len(nums) > 1 or any(len(pairs) != len(tasks) for pairs in by_seed.values()):
        return bare
    won, played = ([sum(pair[part] for pair in pairs) for pairs in by_seed.values()] for part in range(2))
    if len(won) > 1:
        return success_over_seeds(won, played, confidence=mean.confidence, missing=mean.missing)
    pooled = wilson(won[0], played[0], confidence=mean.confidence, missing=mean.missing)
    return msgspec.structs.replace(pooled, n=1, method="Wilson over all episodes", warnings=(_POOLED,))


def _grid(overview: Overview, rates: Mapping[tuple[str, str], Summary]) -> Figure:
    groups = list(dict.fromkeys(line.group for line in overview.lines))
    tasks = list(dict.fromkeys(task for _, task in rates))
    cells = [[rates.get((group, task)) for group in groups] for task in tasks]
    chart = Heat(
        title="Success rates of every group on every task",
        rows=tasks,
        columns=groups,
        values=[[None if cell is None else cell.point for cell in row] for row in cells],
        texts=[["-" if cell is None else fixed(cell.point, _DIGITS) for cell in row] for row in cells],
        told=[
            [
                f"{group} on {task}: {'nothing measured' if cell is None else told(cell)}"
                for group, cell in zip(groups, row, strict=True)
            ]
            for task, row in zip(tasks, cells, strict=True)
        ],
        axis="success rate: a stronger colour is more",
    )
    note = (
        f"{len(rates):,} rates are more than {_MOST_ROWS} rows with intervals would show well: each cell tells its own."
    )
    return Figure("success", chart, [note], of="every task")


def _notes(overview: Overview) -> Iterator[Note]:
    """What intervals are over, and what is in no rate."""
    rates = [line.score for line in overview.lines if line.score is not None and line.score.low is not None]
    of_seeds, of_one = (
        " or ".join(dict.fromkeys(rate.method.removesuffix(" over seeds") for rate in rates if (rate.n > 1) is several))
        for several in (True, False)
    )
    is_stopped = any(STOPPED in run.reading.details for run in overview.runs)
    over = [
        *([f"of several training seeds over seeds ({of_seeds})"] if of_seeds else []),
        *([f"of one over its episodes ({of_one}), which says nothing of other seeds"] if of_one else []),
        *(["where looking decided how many episodes there are, a confidence sequence"] if is_stopped else []),
    ]
    told_of = f"Intervals: {_percent(overview)}, {'; '.join(over)}. " if over else ""
    yield Note(f"{told_of}A mark without a bar has none.")
    errors = sum(run.reading.num_errors for run in overview.runs)
    if errors:
        are = "is" if errors == 1 else "are"
        yield Note(f"{count(errors, 'episode')} ended in an error or a timeout and {are} in no rate.")
    missing = [cell_name(line.group, line.task, overview.by) for line in overview.lines if line.score is None]
    if missing:
        yield Note(f"No success was measured for {some(missing)}.")


def _percent(overview: Overview) -> str:
    """The confidence of the intervals, in percent."""
    confidence = next(line.score.confidence for line in overview.lines if line.score is not None)
    return f"{confidence * 100:g} %"
