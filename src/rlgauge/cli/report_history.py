"""What a report holds of several measurements of speed: their history with its changes, the newest against another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import msgspec

from rlgauge.cli.measurements import listed, noise_of, number_of
from rlgauge.compare.comparison import Comparison
from rlgauge.compare.gate import compare
from rlgauge.compare.history import Cell, Change, history
from rlgauge.compare.history import Row as Step
from rlgauge.compare.line import Line, Verdict
from rlgauge.compare.measurements import QUANTITY, Measurement, Place, Spot, joined, library_of, measurements, with_tag
from rlgauge.compare.quantity import Sort
from rlgauge.compare.question import Question
from rlgauge.compare.seeds import score_of
from rlgauge.compare.sides import Side
from rlgauge.compare.tables import legend, notes, tables
from rlgauge.compare.words import not_comparable
from rlgauge.core.errors import UserError
from rlgauge.core.reading import Reading
from rlgauge.kinds.throughput.noise import Noise
from rlgauge.report.charts import Intervals, Mark, Row
from rlgauge.report.content import Block, Figure, Heading, Note, Section, Text, Warnings
from rlgauge.report.numbers import short_count
from rlgauge.report.order import natural
from rlgauge.report.table import Table
from rlgauge.stats.summary import Summary

_PLAIN, _WORSE, _BETTER = 0, 1, 2
"""The colours of what is not told apart, and of what is."""
_SEVERAL = 2
_FEW = 2
"""So few processes have an interval over decades: they are shown themselves."""
_WIDE = 4
_OF_LARGER = "difference, as a part of the larger of both"
_MOST_STEPS = 20
"""Measurements of a place that are shown."""
_MOST = 60
"""Differences that are shown; tables have all."""


def sections(readings: Sequence[Reading], source: str) -> Iterator[Section]:
    """The history of several measurements of speed that `source` holds, and the newest against the one before."""
    try:
        found = measurements(readings)
    except UserError as error:
        yield Section(name="history", title="History", body=[Warnings([str(error)])])
        return
    if len(found) < _SEVERAL:
        return
    yield Section(name="history", title="History", body=_history(found, source))
    yield from _newest(found)


def _history(found: Sequence[Measurement], source: str) -> list[Block]:
    number = _common(found)
    told = listed(found, source, num_envs=number)
    figures = list(_figures(history(found, num_envs=number)))
    drawn: list[Block] = []
    for figure in figures:
        drawn += [Heading(figure.of), figure] if len(figures) > 1 else [figure]
    shown: list[Block] = [
        Table(name=f"history-{place}", title=title, header=table.header, rows=table.rows, num_text=4)
        for place, (title, table) in enumerate(told.tables)
    ]
    return [*drawn, *shown, *map(Note, told.sentences)]


def _common(found: Sequence[Measurement]) -> int | None:
    """The largest number of environments that all measurements have; None where they have none in common."""
    numbers = [{spot.place.num_envs for spot in one.spots} for one in found]
    return max(set.intersection(*numbers) - {1}, default=None)


def _figures(steps: Sequence[Step]) -> Iterator[Figure]:
    """One for each environment: of every library and number of environments, the measurements by time."""
    placed: dict[str, dict[str, list[tuple[Step, Cell]]]] = defaultdict(lambda: defaultdict(list))
    for step in steps:
        for cell in step.cells:
            environment = ": ".join(filter(None, [step.environment, step.manner]))
            placed[environment][f"{step.library}, {_envs(cell.spot)}"].append((step, cell))
    for environment, groups in placed.items():
        kept = {name: cells for name, cells in groups.items() if len(cells) > 1}
        rows = [row for name, cells in kept.items() for row in _rows(name, cells[-_MOST_STEPS:])]
        told = _captions(rows)
        if any(len(cells) > _MOST_STEPS for cells in kept.values()):
            told.append(f"The newest {_MOST_STEPS} of each; the table has all.")
        if rows:
            axis = "steps per second, as a multiple of the first"
            marks = [Mark(value=1.0, name="the first")]
            title = f"{axis}, {environment}"
            chart = Intervals(title=title, rows=rows, axis=axis, is_log=_is_wide(rows), marks=marks)
            yield Figure("history", chart, told, of=environment)


def _envs(spot: Spot) -> str:
    number, _, chosen = number_of(spot.place).partition(" ")
    return f"{number} env{'' if spot.place.num_envs == 1 else 's'}{chosen and f', {chosen}'}"


def _is_wide(rows: Sequence[Row]) -> bool:
    """Whether what is shown differs so much that the least of it needs a logarithmic axis."""
    ends = [end for row in rows for end in (row.point, row.low, row.high, *row.others) if end is not None]
    return 0 < _WIDE * min(ends) < max(ends)


def _captions(rows: Sequence[Row]) -> list[str]:
    told = ["From the oldest to the newest; the change is against the last measurement before at the same place."]
    told.append("Bars are 95 % intervals of three processes or more; small dots are processes.")
    if any(row.series != _PLAIN for row in rows):
        told.append("Another colour and marker: faster or slower than before, as rlgauge compare judges.")
    if any(row.is_doubtful for row in rows):
        told.append("Hollow: the machine did something else meanwhile.")
    return told


def _rows(group: str, cells: Sequence[tuple[Step, Cell]]) -> list[Row]:
    """What was measured at one place, each as a multiple of the first."""
    known = [(step, cell, speed) for step, cell in cells if (speed := cell.spot.speed) is not None]
    return [_row(step, cell, speed, group=group, first=known[0][2].point) for step, cell, speed in known]


def _row(step: Step, cell: Cell, speed: Summary, *, group: str, first: float) -> Row:
    medians = [score for one in cell.spot.readings if (score := score_of(one, QUANTITY)) is not None]
    has_bar = len(medians) > _FEW
    change = _change(cell.change)
    ends = "" if speed.low is None or speed.high is None else f" [{short_count(speed.low)}, {short_count(speed.high)}]"
    noise = noise_of([cell.spot])
    told = f"{group}, {step.measurement.name}: {short_count(speed.point)}{ends} steps/s; n = {speed.n}"
    return Row(
        label=", ".join(filter(None, [_when(step.measurement), short_count(speed.point), change])),
        group=group,
        point=speed.point / first,
        low=speed.low / first if has_bar and speed.low is not None else None,
        high=speed.high / first if has_bar and speed.high is not None else None,
        others=[median / first for median in medians] if len(medians) > 1 else (),
        series=_series(cell.change),
        told="; ".join(filter(None, [told, change and f"{change} against {_before(cell.change)}", noise])),
        is_doubtful=noise == Noise.INVALID,
    )


def _when(one: Measurement) -> str:
    return one.tag or (one.stamp if one.time is None else f"{one.time:%Y-%m-%d %H:%M}")


def _before(change: Change | None) -> str:
    return "" if change is None else change.before


def _change(change: Change | None) -> str:
    """`+3.1 % faster`; nothing of the first, and the number alone of what is not told apart, or within tolerance."""
    if change is None:
        return ""
    if change.ratio is None:
        return "not comparable"
    word = f" {change.word}" if _series(change) != _PLAIN else ""
    return f"{100 * (change.ratio - 1):+,.1f} %{word}"


def _series(change: Change | None) -> int:
    return _PLAIN if change is None else {"faster": _BETTER, "slower": _WORSE}.get(change.word or "", _PLAIN)


def _newest(found: Sequence[Measurement]) -> Iterator[Section]:
    """The newest against the last before with some of the same: tags where there are several, else measurements."""
    tags = list(dict.fromkeys(one.tag for one in found if one.tag))
    wholes = [joined(with_tag(found, tag)) for tag in tags] if len(tags) >= _SEVERAL else list(found)
    *earlier, last = sorted(wholes, key=lambda one: (str(one.time or ""), one.stamp))
    before = next((one for one in reversed(earlier) if _places(one) & _places(last)), None)
    if before is None:
        return
    sides = [Side(one.name, _of_library(one)) for one in (last, before)]
    title = f"Changes: {_when(last)} against {_when(before)}"
    try:
        comparison = compare(candidate=sides[0], baseline=sides[1], question=Question())
    except UserError as error:
        why = str(error).partition(". ")[0].rstrip(".")  # what follows is of another command's options
        yield Section(name="changes", title=title, body=[Note(f"{why}.")])
        return
    yield Section(name="changes", title=title, body=[*waterfall(comparison), *_judged(comparison)])


def _places(one: Measurement) -> set[tuple[str, Place]]:
    return {(spot.library, spot.place) for spot in one.spots}


def _of_library(one: Measurement) -> list[Reading]:
    """Its runs, each with the name of its library alone."""
    return [msgspec.structs.replace(reading, algorithm=library_of(reading)) for reading in one.readings]


def between(readings: Sequence[Reading], score: str, *, source: str) -> Iterator[Section]:
    """The differences of two algorithms on the tasks that both have, where there are just two and several tasks.

    The first by name is the baseline; `source` is where they were read.
    """
    names = sorted({reading.algorithm for reading in readings}, key=natural)
    if len(names) != _SEVERAL:
        return
    theirs, ours = ([one for one in readings if one.algorithm == name] for name in names)
    if len({one.task for one in ours} & {one.task for one in theirs}) < _SEVERAL:
        return
    baseline, candidate = (Side(source, own, name) for name, own in zip(names, (theirs, ours), strict=True))
    question = Question(scores=(score,), allow_missing=True)
    title = f"{names[1]} against {names[0]}"
    try:
        comparison = compare(candidate=candidate, baseline=baseline, question=question)
    except UserError as error:
        yield Section(name="differences", title=title, body=[Note(str(error))])
        return
    if comparison.lines:
        sides = Note(
            f"{names[0]} is the baseline as the first by name. These tests are one-sided, each way, so they may find "
            "what the answer, which is two-sided, does not."
        )
        yield Section(name="differences", title=title, body=[*waterfall(comparison), *_judged(comparison), sides])


def waterfall(comparison: Comparison) -> list[Figure]:
    """The differences of each quantity, from the worst to the best, over the band of what is tolerated."""
    groups: dict[str, list[Line]] = defaultdict(list)
    for line in comparison.lines:
        groups[line.quantity].append(line)
    return [_fall(quantity, lines, comparison) for quantity, lines in groups.items()]


def _fall(quantity: str, lines: Sequence[Line], comparison: Comparison) -> Figure:
    is_ratio, is_less_better = lines[0].is_ratio, lines[0].is_less_better
    ordered = sorted(lines, key=lambda line: _part(line, line.difference), reverse=is_less_better)
    several = len({line.algorithm for line in lines}) > 1
    rows = [_difference(line, several=several) for line in _ends_of(ordered)]
    tolerance, none = comparison.tolerance, 1.0 if is_ratio else 0.0
    name = quantity.replace("_", " ")
    of = "candidate / baseline" if is_ratio else "difference" if _is_rate(lines[0]) else _OF_LARGER
    chart = Intervals(
        title=f"{name}, candidate against baseline",
        rows=rows,
        axis=f"{name}: {of}",
        is_log=is_ratio and _is_wide(rows),
        marks=[Mark(value=none, name="")],
        band=(none - tolerance, none + tolerance),
        band_name=f"tolerance {100 * tolerance:g} %",
    )
    told = [f"From the worst to the best; {'less' if is_less_better else 'more'} is better."]
    few = "; of two processes a side, the table has them" if is_ratio else ""
    told.append(f"Bars are {100 * (2 * comparison.confidence - 1):g} % intervals{few}.")
    if len(rows) < len(lines):
        told.append(f"The {_MOST // 2} worst and the {_MOST // 2} best of {len(lines):,}.")
    return Figure("waterfall", chart, told, of=quantity)


def _ends_of(ordered: Sequence[Line]) -> list[Line]:
    half = _MOST // 2
    return list(ordered) if len(ordered) <= _MOST else [*ordered[:half], *ordered[-half:]]


def _part(line: Line, value: float) -> float:
    """A ratio as it is; a difference as a part of the larger of both values.

    Near the tolerance, which is a part of the baseline's, that is the same; a baseline near 0 would dwarf all else.
    """
    scale = max(abs(line.baseline), abs(line.candidate))
    return value if line.is_ratio or _is_rate(line) or not scale else value / scale


def _is_rate(line: Line) -> bool:
    """Whether it is of success, whose tolerance is so many points."""
    return line.sort == Sort.SUCCESS


def _difference(line: Line, *, several: bool) -> Row:
    point = _part(line, line.difference)
    low, high = (None if end is None else _part(line, end) for end in (line.low, line.high))
    has_bar = not line.is_ratio or min(line.num_candidate, line.num_baseline) > _FEW
    ends = "" if low is None or high is None else f" [{low:.3g}, {high:.3g}]"
    word = "" if line.verdict in {Verdict.SAME, Verdict.INCONCLUSIVE} else f", {line.word}"
    name = f"{line.algorithm}, {line.task}" if several else line.task
    p = "" if line.p_value is None else f"; p = {line.p_value:.3g}"
    number = f"n = {line.num_candidate} and {line.num_baseline}"
    return Row(
        label=f"{name}{word}",
        point=point,
        low=low if has_bar else None,
        high=high if has_bar else None,
        series={Verdict.WORSE: _WORSE, Verdict.BETTER: _BETTER}.get(line.verdict, _PLAIN),
        told=f"{name}, {line.quantity}: {point:.3g}{ends}; {line.word}{p}; {line.method}; {number}",
    )


def _judged(comparison: Comparison) -> list[Block]:
    """The verdict, and the table with what its numbers are."""
    shown: list[Block] = [
        Table(name=f"changes-{place}", title="Changes", header=table.header, rows=table.rows, num_text=2)
        for place, table in enumerate(tables(comparison))
    ]
    told = [Note(text) for text in [*legend(comparison), *notes(comparison)]]
    verdict = not_comparable(comparison) if comparison.refused else comparison.verdict  # without an option of `compare`
    return [Text(verdict), *shown, *told]
