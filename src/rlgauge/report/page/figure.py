"""Figures of the page, as SVG: intervals in rows, and lines with bands."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby

import msgspec

from rlgauge.report.page.markup import Markup, join, number, tag
from rlgauge.report.page.scales import Scale, labels, scale_of
from rlgauge.report.page.styles import colour, dash, marker

_WIDTH = 720.0
_ROW, _GAP, _TOP, _BOTTOM = 22.0, 12.0, 10.0, 44.0
_LETTER, _CAPITAL, _WIDEST = 7.7, 10.1, 12.0
"""How wide letters are in as wide a font as DejaVu Sans: most, capitals and signs of arithmetic, and the widest."""
_MOST_NAME = 34
"""A name that is longer is cut, and whole in its `title`."""
_LINE_HEIGHT, _LEFT, _RIGHT = 300.0, 64.0, 14.0


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A point with its interval: `series` is the number of its colour, `told` what is said of it on hover and focus."""

    label: str
    group: str
    point: float
    low: float | None
    high: float | None
    series: int
    told: str


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line over `xs`, with a band where there are `lows` and `highs`; a thin one is of a single seed, with no marks.

    A dotted one is of a run that did not come to its end. The legend names the others alone.
    """

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    lows: Sequence[float | None] = ()
    highs: Sequence[float | None] = ()
    series: int
    is_thin: bool = False
    is_dotted: bool = False


def intervals(rows: Sequence[Row], *, title: str, axis: str, is_log: bool = False) -> Markup:
    """Rows of points with intervals, in groups of one heading each, over one axis."""
    left = 14 + max(_room(_cut(row.label)) for row in rows)
    scale = scale_of(_ends(rows), first=left + 8, last=_WIDTH - _RIGHT, is_log=is_log)
    parts: list[Markup] = []
    y = _TOP
    for group, own in groupby(rows, key=lambda row: row.group):
        if group:
            y += _ROW * 0.8
            parts.append(_text(group, x=4, y=y - 5, class_="group"))
        for row in own:
            parts.append(_row(row, scale, left, y + _ROW / 2))
            y += _ROW
        y += _GAP if group else 0
    return _svg([*_grid(scale, _TOP, y, axis), *parts], height=y + _BOTTOM, title=title)


def _row(row: Row, scale: Scale, left: float, y: float) -> Markup:
    at = scale.place(row.point)
    bar = None
    if row.low is not None and row.high is not None:
        bar = tag(
            "line", class_=f"bar {colour(row.series)}", x1=scale.place(row.low), x2=scale.place(row.high), y1=y, y2=y
        )
    return tag(
        "g",
        tag("title", row.told),
        tag("rect", class_="hit", x=0, y=y - _ROW / 2, width=_WIDTH, height=_ROW),
        _text(_cut(row.label), x=left, y=y + 4, class_="name", text_anchor="end"),
        bar,
        marker(row.series, at, y),
        class_="row",
        tabindex=0,
        role="img",
        aria_label=row.told,
    )


def _ends(rows: Sequence[Row]) -> list[float]:
    return [end for row in rows for end in (row.point, row.low, row.high) if end is not None]


def lines(
    found: Sequence[Line],
    *,
    title: str,
    x_axis: str,
    y_axis: str,
    is_x_log: bool = False,
    is_y_log: bool = False,
) -> Markup:
    """Lines with bands over two axes; their names stand in a legend below the figure."""
    x = scale_of(
        [at for line in found for at in line.xs], first=_LEFT, last=_WIDTH - _RIGHT, is_log=is_x_log, margin=0.01
    )
    values = [at for line in found for part in (line.ys, line.lows, line.highs) for at in part if at is not None]
    y = scale_of(values, first=_LINE_HEIGHT - _BOTTOM, last=_TOP, is_log=is_y_log)
    parts = [*_grid(x, _TOP, _LINE_HEIGHT - _BOTTOM, x_axis), *_left_axis(y, y_axis)]
    parts += [_band(line, x, y) for line in found]
    parts += [_line(line, x, y) for line in found]
    return join([_svg(parts, height=_LINE_HEIGHT, title=title), legend(_named(found))])


def _named(found: Sequence[Line]) -> list[tuple[str, int]]:
    return [(line.name, line.series) for line in found if not line.is_thin and not line.is_dotted]


def legend(names: Sequence[tuple[str, int]]) -> Markup:
    """The names with what they are drawn with."""
    return tag(
        "ul",
        [
            tag(
                "li",
                tag(
                    "svg",
                    tag(
                        "line", class_=f"line {colour(series)}", x1=0, x2=26, y1=7, y2=7, stroke_dasharray=dash(series)
                    ),
                    marker(series, 13, 7),
                    width=26,
                    height=14,
                    aria_hidden="true",
                ),
                name,
            )
            for name, series in names
        ],
        class_="legend",
    )


def _line(line: Line, x: Scale, y: Scale) -> Markup:
    places = [(x.place(a), y.place(b)) for a, b in zip(line.xs, line.ys, strict=True) if math.isfinite(b)]
    drawn = tag(
        "polyline",
        class_=f"line {colour(line.series)}{' thin' if line.is_thin else ''}",
        points=" ".join(f"{number(a)},{number(b)}" for a, b in places),
        stroke_dasharray="1 4" if line.is_dotted else None if line.is_thin else dash(line.series),
    )
    if line.is_thin or line.is_dotted:
        return tag("g", tag("title", line.name), drawn)
    every = max(1, len(places) // 6)
    marks = [marker(line.series, a, b) for a, b in places[every // 2 :: every]]
    return tag("g", tag("title", line.name), drawn, marks)


def _band(line: Line, x: Scale, y: Scale) -> Markup:
    known = [
        (x.place(at), y.place(low), y.place(high))
        for at, low, high in zip(line.xs, line.lows, line.highs, strict=False)
        if low is not None and high is not None
    ]
    there = [f"{number(at)},{number(high)}" for at, _, high in known]
    back = [f"{number(at)},{number(low)}" for at, low, _ in reversed(known)]
    return tag("polygon", class_=f"band {colour(line.series)}", points=" ".join([*there, *back])) if known else Markup()


def _grid(scale: Scale, top: float, bottom: float, axis: str) -> list[Markup]:
    ticks = scale.ticks()
    marks = [
        tag("line", class_="grid", x1=scale.place(tick), x2=scale.place(tick), y1=top, y2=bottom) for tick in ticks
    ]
    words = [
        _text(label, x=scale.place(tick), y=bottom + 16, class_="tick", text_anchor="middle")
        for tick, label in zip(ticks, labels(ticks, is_log=scale.is_log), strict=True)
    ]
    middle = (scale.first + scale.last) / 2
    return [*marks, *words, _text(axis, x=middle, y=bottom + 36, class_="axis", text_anchor="middle")]


def _left_axis(scale: Scale, axis: str) -> list[Markup]:
    ticks = scale.ticks()
    marks = [
        tag("line", class_="grid", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=scale.place(tick), y2=scale.place(tick))
        for tick in ticks
    ]
    words = [
        _text(label, x=_LEFT - 6, y=scale.place(tick) + 4, class_="tick", text_anchor="end")
        for tick, label in zip(ticks, labels(ticks, is_log=scale.is_log), strict=True)
    ]
    middle = (scale.first + scale.last) / 2
    turned = _text(
        axis, x=0, y=0, class_="axis", text_anchor="middle", transform=f"translate(14 {middle:.1f}) rotate(-90)"
    )
    return [*marks, *words, turned]


def _text(text: str, **attributes: str | float) -> Markup:
    return tag("text", text, **attributes)


def _room(name: str) -> float:
    """How wide a name is at most."""
    return sum(
        _WIDEST if one in "mwMW@%" or not one.isascii() else _CAPITAL if one.isupper() or one in "<>+=~" else _LETTER
        for one in name
    )


def _cut(name: str) -> str:
    return name if len(name) <= _MOST_NAME else f"{name[: _MOST_NAME - 1]}…"


def _svg(parts: Sequence[Markup], *, height: float, title: str) -> Markup:
    return tag(
        "svg",
        parts,
        viewBox=f"0 0 {number(_WIDTH)} {number(height)}",
        role="group",
        aria_label=title,
        class_="figure",
    )
