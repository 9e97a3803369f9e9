"""What a chart shows as a table, for formats without figures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import singledispatch

import msgspec

from rlgauge.compare.phrases import count
from rlgauge.report.charts import Chart, Heat, Intervals, Line, Lines, Mark, Shares
from rlgauge.report.numbers import fixed, places
from rlgauge.report.table import Table

_MOST_POINTS = 60
"""Points of all lines that are listed one by one; of more some of each line are."""
_SOME, _FEW_LINES = 5, 20
"""Points of each of so many lines; of each of more lines the last one."""
_Point = tuple[float, str, str]
_NONE = "-"


def charted(chart: Chart, *, name: str) -> Table:
    """The table of that name: a row of a chart is one of the table, its marks are notes."""
    return _charted(chart, name)


@singledispatch
def _charted(chart: object, _name: str) -> Table:
    raise TypeError(type(chart))


@_charted.register
def _(chart: Intervals, name: str) -> Table:
    has_groups = any(row.group for row in chart.rows)
    summaries = [row.summary for row in chart.rows if row.summary is not None]
    rows = [
        [
            *([row.group] if has_groups else []),
            row.label,
            f"{_number(row.point, row.low, row.high)}{' (doubtful)' if row.is_doubtful else ''}",
            _interval(row.point, row.low, row.high),
            *([_NONE if row.summary is None else str(row.summary.n)] if summaries else []),
        ]
        for row in chart.rows
    ]
    methods = dict.fromkeys(f"{one.confidence * 100:g} % {one.method}" for one in summaries if one.low is not None)
    band = [f"{chart.band_name or 'band'}: from {chart.band[0]:g} to {chart.band[1]:g}."] if chart.band else []
    return Table(
        name=name,
        title=chart.title,
        header=[*(["of"] if has_groups else []), "name", chart.axis, "interval", *(["n"] if summaries else [])],
        rows=rows,
        num_text=1 + has_groups,
        notes=[*([f"Intervals: {'; '.join(methods)}."] if methods else []), *_marks(chart.marks), *band],
    )


@_charted.register
def _(chart: Lines, name: str) -> Table:
    keys = {key.manner: key.name for key in chart.keys}
    legend = {(line.name, line.manner) for line in chart.lines if line.is_named}
    legend |= {(key.name, key.manner) for key in chart.keys}
    named = [
        msgspec.structs.replace(
            line,
            name=", ".join(dict.fromkeys(filter(None, [line.name, keys.get(line.manner)]))),
        )
        for line in chart.lines
        if (line.name, line.manner) in legend
    ]
    left = len(chart.lines) - len(named)
    notes = [f"{count(left, 'more line')} without a name: CSV and JSON have what they show."] if left else []
    points = {id(line): list(_points(line)) for line in named}
    if sum(map(len, points.values())) <= _MOST_POINTS:
        rows = [[line.name, _place(x), y, ends] for line in named for x, y, ends in points[id(line)]]
        header = ["line", chart.x_axis, chart.y_axis, "interval"]
    else:
        num = _SOME if len(named) <= _FEW_LINES else 1
        rows = [
            [line.name, f"{len(own):,}", _place(x), y, ends]
            for line in named
            for own in [points[id(line)]]
            for x, y, ends in _some(own, num)
        ]
        header = ["line", "points", chart.x_axis, f"{chart.y_axis} there", "interval"]
        which = "the last point" if num == 1 else f"{num} points, from the first to the last"
        notes.append(f"Of each line {which}; CSV and JSON have all.")
    lost = [f"{line.name} has no value at {', '.join(map(_place, line.lost))}." for line in named if line.lost]
    notes += [*lost, *_marks(chart.marks)]
    return Table(name=name, title=chart.title, header=header, rows=rows, num_text=1, notes=notes)


@_charted.register
def _(chart: Heat, name: str) -> Table:
    rows = [[row, *texts] for row, texts in zip(chart.rows, chart.texts, strict=True)]
    return Table(name=name, title=chart.title, header=["", *chart.columns], rows=rows, num_text=1, notes=[])


@_charted.register
def _(chart: Shares, name: str) -> Table:
    has_groups = any(row.group for row in chart.rows)
    rows = [
        [
            *([row.group] if has_groups else []),
            row.label,
            *(f"{part:g}" if chart.is_counts else f"{part / (sum(row.parts) or 1.0):.1%}" for part in row.parts),
        ]
        for row in chart.rows
    ]
    header = [*(["of"] if has_groups else []), "name", *chart.names]
    notes = [f"{chart.axis[:1].upper()}{chart.axis[1:]}."]
    return Table(name=name, title=chart.title, header=header, rows=rows, num_text=1 + has_groups, notes=notes)


def _some(points: Sequence[_Point], num: int) -> list[_Point]:
    """The last, or so many from the first to the last."""
    if num == 1 or len(points) <= num:
        return list(points[-num:])
    return [points[round(place * (len(points) - 1) / (num - 1))] for place in range(num)]


def _points(line: Line) -> Iterator[_Point]:
    """Where a point is, its value, its interval; gaps are left out."""
    for place, (x, y) in enumerate(zip(line.xs, line.ys, strict=True)):
        low, high = (ends[place] if place < len(ends) else None for ends in (line.lows, line.highs))
        if math.isfinite(y):
            doubt = " (doubtful)" if place < len(line.is_doubtful) and line.is_doubtful[place] else ""
            yield x, f"{_number(y, low, high)}{doubt}", _interval(y, low, high)


def _marks(marks: Iterable[Mark]) -> list[str]:
    return [f"{mark.name}: {mark.value:g}." for mark in marks if mark.name]


def _place(x: float) -> str:
    return f"{int(x):,}" if float(x).is_integer() else fixed(x, places(x, None))


def _digits(point: float, low: float | None, high: float | None) -> int:
    return places(point, None if low is None or high is None or not math.isfinite(high - low) else high - low)


def _number(point: float, low: float | None, high: float | None) -> str:
    return fixed(point, _digits(point, low, high)) if math.isfinite(point) else _NONE


def _interval(point: float, low: float | None, high: float | None) -> str:
    if low is None or high is None or not math.isfinite(low) or not math.isfinite(high):
        return _NONE
    digits = _digits(point, low, high)
    return f"[{fixed(low, digits)}, {fixed(high, digits)}]"
