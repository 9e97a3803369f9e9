"""A report as one tidy table: a row for every number of its figures and tables, and for every sentence."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from functools import singledispatch
from typing import NamedTuple

from rlgauge.report.charts import Heat, Intervals, Lines, Mark, Shares
from rlgauge.report.content import (
    Answer,
    Block,
    Code,
    Figure,
    Films,
    Folded,
    Heading,
    Note,
    Report,
    Text,
    Warnings,
)
from rlgauge.report.formats.filmed import beside
from rlgauge.report.table import Table
from rlgauge.stats.summary import Summary


class Cell(NamedTuple):
    """A number, or a sentence, and what it is of.

    `part` names the table or figure, `kind` says what it is: a table, intervals, lines, a heat map, shares, or text.
    Cells of one row of it have the same `row`. `task` is what a figure is of, `heading` what stands above the `group`.
    """

    section: str = ""
    part: str = ""
    kind: str = ""
    title: str = ""
    row: int | None = None
    task: str = ""
    heading: str = ""
    group: str = ""
    quantity: str = ""
    x: float | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None
    confidence: float | None = None
    n: int | None = None
    missing: int | None = None
    method: str = ""
    told: str = ""


def to_csv(report: Report) -> str:
    """The table with its header; a cell without a value is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Cell._fields)
    writer.writerows(cells(report))
    return text.getvalue()


def cells(report: Report) -> Iterator[Cell]:
    """Every number and every sentence, in the order of the report."""
    for section in report.sections:
        for one in section.body:
            yield from (cell._replace(section=section.name) for cell in _block(one))


def _block(one: Block) -> Iterator[Cell]:
    match one:
        case Table():
            yield from _table(one)
        case Folded():
            yield from _table(one.table)
        case Figure():
            for cell in _chart(one.chart):
                yield cell._replace(part=one.kind, title=one.chart.title, task=one.of)
            yield from (Cell(part=one.kind, kind="caption", title=one.chart.title, told=text) for text in one.captions)
        case Answer():
            sentences = [one.question, *one.sentences, one.note]
            yield from (Cell(kind="answer", told=_line(text)) for text in sentences)
        case Warnings():
            yield from (Cell(kind="warning", told=_line(text)) for text in one.texts)
        case Films():
            yield from (Cell(kind="film", title=film.title, told=f"{film.told} {beside(film)}") for film in one.films)
        case Text() | Note() | Heading() | Code():
            yield Cell(kind=type(one).__name__.lower(), told=_line(one.text))


def _table(found: Table) -> Iterator[Cell]:
    """A cell for each that is no name; an interval is part of the cell before it."""
    names = range(found.num_text)
    task = next((column for column in names if found.header[column] == "task"), None)
    group, *others = [column for column in names if column != task] or [0]
    for row, told in enumerate(found.rows):
        own = Cell(
            part=found.name,
            kind="table",
            title=found.title,
            row=row + 1,
            task="" if task is None else told[task],
            heading=", ".join(told[column] for column in others),
            group=told[group],
        )
        for column in range(found.num_text, len(told)):
            summary = found.summaries.get((row, column))
            is_told = found.header[column].endswith("interval") and summary == found.summaries.get((row, column - 1))
            if is_told or told[column] in {"", "-"}:
                continue
            cell = own._replace(quantity=found.header[column], told=_line(told[column]))
            yield cell._replace(value=_value(told[column])) if summary is None else _summed(cell, summary)
    yield from (Cell(part=found.name, kind="note", title=found.title, told=text) for text in found.explained("Bold"))


def _summed(cell: Cell, summary: Summary) -> Cell:
    has_ends = summary.low is not None
    return cell._replace(
        value=summary.point,
        low=summary.low,
        high=summary.high,
        confidence=summary.confidence if has_ends else None,
        n=summary.n,
        missing=summary.missing,
        method=summary.method,
    )


@singledispatch
def _chart(chart: object) -> Iterator[Cell]:
    raise TypeError(type(chart))


@_chart.register
def _(chart: Intervals) -> Iterator[Cell]:
    for place, row in enumerate(chart.rows, start=1):
        own = Cell(kind="intervals", row=place, heading=row.group, group=row.label, quantity=chart.axis)
        cell = own._replace(value=_finite(row.point), low=row.low, high=row.high, told=row.told)
        yield cell if row.summary is None else _summed(cell, row.summary)
        yield from (own._replace(quantity=f"{chart.axis}, one of them", value=_finite(one)) for one in row.others)
    yield from _marks(chart.marks, "intervals", chart.axis)
    if chart.band is not None:
        low, high = chart.band
        yield Cell(kind="band", group=chart.band_name, quantity=chart.axis, low=low, high=high)


@_chart.register
def _(chart: Lines) -> Iterator[Cell]:
    keys = {key.manner: key.name for key in chart.keys}
    for place, line in enumerate(chart.lines, start=1):
        own = Cell(kind="lines", row=place, group=line.name, quantity=chart.y_axis, told=line.manner.value)
        own = own._replace(heading=keys.get(line.manner, ""))
        for index, (x, y) in enumerate(zip(line.xs, line.ys, strict=True)):
            if math.isfinite(y):
                low, high = (_finite(ends[index]) if index < len(ends) else None for ends in (line.lows, line.highs))
                yield own._replace(x=x, value=y, low=low, high=high)
        yield from (own._replace(x=x, told="no value") for x in line.lost)
    yield from _marks(chart.marks, "lines", chart.y_axis)


@_chart.register
def _(chart: Heat) -> Iterator[Cell]:
    for place, (task, values, words) in enumerate(zip(chart.rows, chart.values, chart.told, strict=True), start=1):
        for group, value, told in zip(chart.columns, values, words, strict=True):
            if value is not None:
                yield Cell(
                    kind="heat", row=place, heading=task, group=group, quantity=chart.axis, value=value, told=told
                )


@_chart.register
def _(chart: Shares) -> Iterator[Cell]:
    for place, row in enumerate(chart.rows, start=1):
        for name, part in zip(chart.names, row.parts, strict=True):
            yield Cell(kind="shares", row=place, heading=row.group, group=row.label, quantity=name, value=part)


def _marks(marks: Sequence[Mark], kind: str, axis: str) -> Iterator[Cell]:
    for mark in marks:
        yield Cell(kind=f"{kind}, mark", group=mark.name, quantity=axis, value=mark.value)


def _value(text: str) -> float | None:
    """The number where the text is one and nothing else."""
    try:
        value = float(text.replace(",", ""))
    except ValueError:
        return None
    return _finite(value)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _line(text: str) -> str:
    return " ".join(text.split())
