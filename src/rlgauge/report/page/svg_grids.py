"""Grids of values, and rows of parts, as SVG."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import groupby

from rlgauge.report.charts import Heat, Share, Shares
from rlgauge.report.page.axes import (
    BOTTOM,
    GAP,
    HEADING,
    RIGHT,
    ROW,
    STACKED,
    TOP,
    WIDTH,
    axis_name,
    begins,
    column,
    grid,
    heading,
    more_lines,
    moved,
    name_of,
    named,
    room,
    svg,
    text,
    told,
)
from rlgauge.report.page.markup import Markup, number, tag
from rlgauge.report.page.scales import Scale
from rlgauge.report.page.styles import colour
from rlgauge.report.page.svg_lines import sample

_PALEST, _FULLEST = 0.06, 0.5
_PALEST_PART = 0.15
"""How much of its colour a cell has: never so much that what is written in it could not be read."""
_COLUMN, _MOST_COLUMN = 96.0, 190.0
"""So wide are columns where there is room; as wide as the second where their names need it."""
_LEAST_COLUMN = 14.0
"""So narrow may a column be; of more columns than have room the figure is wider, and scrolls."""
_TURNED_MOST = 220.0
_MOST_NAMES = 0.45
"""So much of the width the names of rows may take; longer ones are cut."""
_NAME_ROOM = 46.0
"""So wide a part of a row holds a name."""


def heat(chart: Heat, width: float = WIDTH) -> Markup:
    """The grid, rows from above."""
    left = round(14 + min(max(map(room, chart.rows), default=0.0), _MOST_NAMES * width))
    widest = max(map(room, chart.columns), default=0.0)
    column_width = _column_width(width - left - RIGHT, len(chart.columns), widest)
    is_turned = widest > column_width
    top = TOP + (min(widest, _TURNED_MOST) + 6 if is_turned else ROW)
    shade = _shades(chart)
    parts = [
        _column(name, left + 8 + (place + 0.5) * column_width, top - 6, is_turned=is_turned)
        for place, name in enumerate(chart.columns)
    ]
    for row, name in enumerate(chart.rows):
        cells = [
            _cell(chart, row, column, at=left + 8 + column * column_width, width=column_width, shade=shade)
            for column in range(len(chart.columns))
        ]
        label = named(name, left - 13, x=left, class_="end")
        parts.append(tag("g", label, cells, class_="cells", transform=moved(0, top + row * ROW + 15)))
    height = top + len(chart.rows) * ROW
    end = left + 8 + len(chart.columns) * column_width
    parts += axis_name(chart.axis, (left + 8 + min(end, width)) / 2, height + 18, width)
    height += 26 + more_lines(chart.axis, width)
    style = f"--w:{number(column_width - 1)}px"
    return svg(parts, width=width, height=height, title=chart.title, style=style, needed=end + RIGHT)


def _column_width(width: float, num: int, widest: float) -> float:
    """As much as there is, but no more than short names look well in, or than long ones need."""
    fitting = max(width // max(num, 1), _LEAST_COLUMN)
    return min(fitting, max(_COLUMN, min(widest + 8, _MOST_COLUMN)))


def _column(name: str, x: float, y: float, *, is_turned: bool) -> Markup:
    if is_turned:
        return named(name, _TURNED_MOST, x=0, y=0, transform=f"{moved(x + 4, y)} rotate(-90)")
    return text(name, x=x, y=y, class_="mid")


def _cell(
    chart: Heat, row: int, column: int, *, at: float, width: float, shade: Callable[[float], tuple[int, float]]
) -> Markup:
    words, value = chart.texts[row][column], chart.values[row][column]
    is_known = value is not None and math.isfinite(value)
    series, share = shade(value) if value is not None and is_known else (0, 0.0)
    box = tag(
        "rect",
        class_=f"cell {colour(series)}" if is_known else "cell none",
        x=at,
        fill_opacity=share if is_known else None,
    )
    is_shown = room(words) <= width + 6
    written = text(words, x=round(at + (width - 1) / 2)) if is_shown else None
    names = chart.rows[row], chart.columns[column]
    return tag("g", box, written, class_="row", **told(chart.told[row][column], *names, width=_TURNED_MOST))


def _shades(chart: Heat) -> Callable[[float], tuple[int, float]]:
    """What gives the number of a value's colour, and how much of it the cell has."""
    known = [value for row in chart.values for value in row if value is not None and math.isfinite(value)]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    if chart.middle is None:
        width = (high - low) or 1.0
        return lambda value: (0, _PALEST + (_FULLEST - _PALEST) * (min(max(value, low), high) - low) / width)
    middle = chart.middle
    reach = max(abs(high - middle), abs(low - middle)) or 1.0
    return lambda value: (
        int(value < middle),
        _PALEST + (_FULLEST - _PALEST) * min(abs(value - middle) / reach, 1.0),
    )


def shares(chart: Shares, width: float = WIDTH) -> Markup:
    """The rows of parts without their legend."""
    left, is_stacked = column((row.label for row in chart.rows), width)
    above = STACKED if is_stacked else 0.0
    most = max((sum(row.parts) for row in chart.rows), default=1.0) or 1.0
    high = most if chart.is_counts else 1.0
    scale = Scale(low=0.0, high=high, first=begins(left), last=width - RIGHT, is_whole=chart.is_counts)
    parts: list[Markup] = []
    y = TOP
    for group, own in groupby(chart.rows, key=lambda row: row.group):
        if group:
            y += HEADING
            parts.append(heading(group, width, y=y - 5))
        for row in own:
            parts.append(_share(row, chart, scale, left, y=y + above, width=width))
            y += ROW + above
        y += GAP if group else 0
    height = y + BOTTOM + more_lines(chart.axis, width)
    return svg([*grid(scale, TOP, y, chart.axis), *parts], width=width, height=height, title=chart.title)


def legend_of_shares(chart: Shares) -> Markup:
    """The names of the parts."""
    items = [
        tag("li", sample([_part(chart, place, 0, 26, y=1, height=12)]), name) for place, name in enumerate(chart.names)
    ]
    return tag("ul", items, class_="legend")


def _share(row: Share, chart: Shares, scale: Scale, left: float, *, y: float, width: float) -> Markup:
    total = 1.0 if chart.is_counts else sum(row.parts) or 1.0
    first, last = scale.place(0.0), scale.place(sum(row.parts) / total)
    drawn = [tag("rect", class_="base", x=first, y=2, width=last - first, height=ROW - 4)]
    begun = 0.0
    for place, part in enumerate(row.parts):
        x, end = scale.place(begun / total), scale.place((begun + part) / total)
        begun += part
        if end - x <= 0:
            continue
        drawn.append(_part(chart, place, x, end - x))
        if end - x > _NAME_ROOM and room(chart.names[place]) < end - x:
            drawn.append(text(chart.names[place], x=round((x + end) / 2, 1), y=15, class_="value"))
    hit = tag("path", class_="hit", d=f"M0 {'0' if left else '-15'}H{number(width)}V22H0z")
    return tag(
        "g",
        hit,
        name_of(row.label, width, left, y=15 if left else 13),
        drawn,
        class_="row",
        transform=moved(0, y),
        **told(row.told, row.group, row.label, width=width),
    )


def _part(chart: Shares, place: int, x: float, width: float, *, y: float = 2, height: float = ROW - 4) -> Markup:
    """One part; of names in an order the first has most of one colour."""
    series, opacity = place, None
    if chart.is_ordered:
        rest = 1 - place / max(len(chart.names) - 1, 1)
        series, opacity = 0, _PALEST_PART + (_FULLEST - _PALEST_PART) * rest
    return tag("rect", class_=f"part {colour(series)}", x=x, y=y, width=width, height=height, fill_opacity=opacity)
