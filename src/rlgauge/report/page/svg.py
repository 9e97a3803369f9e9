"""Charts as SVG: each mark can be reached by the keyboard and says what stands behind it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import singledispatch
from itertools import groupby

from rlgauge.report.charts import Heat, Intervals, Key, Line, Lines, Manner, Mark, Row, Share, Shares
from rlgauge.report.page.markup import Markup, join, number, tag
from rlgauge.report.page.scales import Scale, labels, scale_of
from rlgauge.report.page.styles import colour, dash, marker

_WIDTH = 720.0
_ROW, _GAP, _TOP, _BOTTOM = 22.0, 12.0, 10.0, 44.0
_HEADING = _ROW * 0.8
_LETTER, _CAPITAL, _WIDEST = 7.7, 10.1, 12.0
"""How wide letters are in as wide a font as DejaVu Sans: most, capitals and signs of arithmetic, and the widest."""
_MOST_NAME = 34
"""A name that is longer is cut, and whole in its `title`."""
_LINE_HEIGHT, _LEFT, _RIGHT = 300.0, 64.0, 14.0
_MARKS = 6
"""Markers of a line that is long; a shorter one has one at each point."""
_SHORT = 12
_DASHES: dict[Manner, str] = {Manner.DOTTED: "1 4", Manner.DASHED: "9 4", Manner.BOUND: "1 2.5"}
_PALEST, _FULLEST = 0.06, 0.55
"""How much of its colour a cell has: never so much that what is written in it could not be read."""
_MOST_COLUMN = 96.0
_NAME_ROOM = 46.0
"""So wide a part of a row holds a name."""


@singledispatch
def draw(chart: object) -> Markup:
    """The chart as SVG, with its legend."""
    raise TypeError(type(chart))


@draw.register
def _(chart: Intervals) -> Markup:
    left = 14 + max(_room(_cut(row.label)) for row in chart.rows)
    band = chart.band or ()
    scale = scale_of(
        [*_ends(chart.rows), *(mark.value for mark in chart.marks), *band],
        first=left + 8,
        last=_WIDTH - _RIGHT,
        is_log=chart.is_log,
    )
    top = _TOP + (_ROW * 0.6 if chart.marks or chart.band_name else 0)
    parts: list[Markup] = []
    y = top
    for group, own in groupby(chart.rows, key=lambda row: row.group):
        if group:
            y += _HEADING
            parts.append(_text(group, x=4, y=y - 5, class_="group"))
        for row in own:
            parts.append(_row(row, scale, left, y + _ROW / 2))
            y += _ROW
        y += _GAP if group else 0
    behind = [*_span(chart, scale, top, y), *_grid(scale, top, y, chart.axis), *_across(chart.marks, scale, top, y)]
    return _svg([*behind, *parts], height=y + _BOTTOM, title=chart.title)


def _row(row: Row, scale: Scale, left: float, y: float) -> Markup:
    bar = None
    if row.low is not None and row.high is not None:
        low, high = scale.place(row.low), scale.place(row.high)
        bar = tag("line", class_=f"bar {colour(row.series)}", x1=low, x2=high, y1=y, y2=y)
    dots = [tag("circle", class_=f"dot {colour(row.series)}", cx=scale.place(one), cy=y, r=2) for one in row.others]
    return tag(
        "g",
        tag("rect", class_="hit", x=0, y=y - _ROW / 2, width=_WIDTH, height=_ROW),
        _text(_cut(row.label), x=left, y=y + 4, class_="name", text_anchor="end"),
        dots,
        bar,
        marker(row.series, scale.place(row.point), y, is_hollow=row.is_doubtful),
        **_told(row.told),
    )


def _told(text: str) -> dict[str, str | float]:
    return {"class_": "row", "tabindex": 0, "role": "img", "aria_label": text}


def _ends(rows: Sequence[Row]) -> list[float]:
    return [end for row in rows for end in (row.point, row.low, row.high, *row.others) if end is not None]


def _span(chart: Intervals, scale: Scale, top: float, bottom: float) -> Iterator[Markup]:
    """What lies behind rows: the values within which nothing is told apart."""
    if chart.band is None:
        return
    low, high = (min(max(scale.place(end), scale.first), scale.last) for end in chart.band)
    yield tag("rect", class_="span", x=low, y=top, width=high - low, height=bottom - top)
    yield _text(chart.band_name, x=(low + high) / 2, y=top - 4, class_="tick", text_anchor="middle")


def _across(marks: Sequence[Mark], scale: Scale, top: float, bottom: float) -> Iterator[Markup]:
    for mark in marks:
        at = scale.place(mark.value)
        yield tag("line", class_="across", x1=at, x2=at, y1=top, y2=bottom)
        yield _text(mark.name, x=at, y=top - 4, class_="tick", text_anchor="middle")


@draw.register
def _(chart: Lines) -> Markup:
    x = scale_of(
        [at for line in chart.lines for at in line.xs],
        first=_LEFT,
        last=_WIDTH - _RIGHT,
        is_log=chart.is_x_log,
        margin=0.03 if chart.has_bars else 0.01,
    )
    values = [at for line in chart.lines for part in (line.ys, line.lows, line.highs) for at in part if at is not None]
    values += [mark.value for mark in chart.marks]
    values += [0.0] if chart.is_y_from_zero else []
    y = scale_of(values, first=_LINE_HEIGHT - _BOTTOM, last=_TOP, is_log=chart.is_y_log)
    parts = [*_grid(x, _TOP, _LINE_HEIGHT - _BOTTOM, chart.x_axis), *_left_axis(y, chart.y_axis)]
    for mark in chart.marks:
        at = y.place(mark.value)
        parts.append(tag("line", class_="across", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=at, y2=at))
        parts.append(_text(mark.name, x=_WIDTH - _RIGHT, y=at - 4, class_="tick", text_anchor="end"))
    parts += [_bars(line, x, y) if chart.has_bars else _band(line, x, y) for line in chart.lines]
    parts += [_line(line, x, y, has_line=not chart.is_markers_only) for line in chart.lines]
    return join([_svg(parts, height=_LINE_HEIGHT, title=chart.title), _legend(chart)])


def _legend(chart: Lines) -> Markup | None:
    """The names of lines and of manners, each with what it is drawn with."""
    named = list(dict.fromkeys((line.name, line.series) for line in chart.lines if line.is_named))
    items = [_item(name, series) for name, series in named] + [_key(key) for key in chart.keys]
    return tag("ul", items, class_="legend") if items else None


def _item(name: str, series: int) -> Markup:
    stroke = tag("line", class_=f"line {colour(series)}", x1=0, x2=26, y1=7, y2=7, stroke_dasharray=dash(series))
    return tag("li", _sample([stroke, marker(series, 13, 7)]), name)


def _key(key: Key) -> Markup:
    stroke = tag("line", class_="line any", x1=0, x2=26, y1=7, y2=7, stroke_dasharray=_DASHES.get(key.manner))
    return tag("li", _sample([stroke]), key.name)


def _sample(drawn: Sequence[Markup]) -> Markup:
    return tag("svg", drawn, width=26, height=14, aria_hidden="true")


def _line(line: Line, x: Scale, y: Scale, *, has_line: bool) -> Markup:
    known = [place for place, value in enumerate(line.ys) if math.isfinite(value)]
    places = [(x.place(line.xs[place]), y.place(line.ys[place])) for place in known]
    is_plain = line.manner in {Manner.PLAIN, Manner.DASHED}
    drawn = tag(
        "path",
        class_=f"line {colour(line.series)}{'' if is_plain else ' thin'}",
        d=_path(places),
        stroke_dasharray=dash(line.series) if line.manner is Manner.PLAIN else _DASHES.get(line.manner),
    )
    marks = []
    if is_plain:
        every = 1 if len(places) <= _SHORT else len(places) // _MARKS
        shown = range(every // 2, len(places), every)
        doubtful = {place for place, flag in enumerate(line.is_doubtful) if flag}
        marks = [marker(line.series, *places[at], is_hollow=known[at] in doubtful) for at in shown]
    return tag("g", tag("title", line.name), drawn if has_line and len(places) > 1 else None, marks)


def _path(places: Sequence[tuple[float, float]]) -> str:
    """A line through the places, to a tenth of a pixel, as short as can be said: each from the one before."""
    told: list[str] = []
    before = (0, 0)
    for at in places:
        here = round(at[0] * 10), round(at[1] * 10)
        steps = [number((now - then) / 10) for now, then in zip(here, before, strict=True)]
        told.append(("m" if not told else "l" if len(told) == 1 else " ") + _two(*steps))
        before = here
    return "".join(told).replace(" -", "-")


def _two(a: str, b: str) -> str:
    a, b = (one.replace("0.", ".", 1) if one.startswith(("0.", "-0.")) else one for one in (a, b))
    return f"{a}{b}" if b.startswith("-") else f"{a} {b}"


def _known(line: Line, x: Scale, y: Scale) -> list[tuple[float, float, float]]:
    """The places of intervals: x, low, high."""
    ends = zip(line.xs, line.lows, line.highs, strict=False)
    return [
        (x.place(at), y.place(low), y.place(high)) for at, low, high in ends if low is not None and high is not None
    ]


def _band(line: Line, x: Scale, y: Scale) -> Markup:
    known = _known(line, x, y)
    outline = [*((at, high) for at, _, high in known), *((at, low) for at, low, _ in reversed(known))]
    return tag("path", class_=f"band {colour(line.series)}", d=f"{_path(outline)}z") if known else Markup()


def _bars(line: Line, x: Scale, y: Scale) -> Markup:
    drawn = "".join(
        f"M{number(at - 3)} {number(end)}h6" if is_end else f"M{number(at)} {number(low)}V{number(high)}"
        for at, low, high in _known(line, x, y)
        for is_end, end in ((False, low), (True, low), (True, high))
    )
    return tag("path", class_=f"whisker {colour(line.series)}", d=drawn) if drawn else Markup()


@draw.register
def _(chart: Heat) -> Markup:
    left = 14 + max(_room(_cut(name)) for name in chart.rows)
    width = min((_WIDTH - left - _RIGHT) / len(chart.columns), _MOST_COLUMN)
    is_turned = any(_room(name) > width for name in chart.columns)
    top = _TOP + (min(max(_room(_cut(name)) for name in chart.columns), 220) if is_turned else _ROW)
    shade = _shades(chart)
    parts = [
        _column(_cut(name), left + 8 + (place + 0.5) * width, top - 6, is_turned=is_turned)
        for place, name in enumerate(chart.columns)
    ]
    for row, name in enumerate(chart.rows):
        y = top + row * _ROW
        parts.append(_text(_cut(name), x=left, y=y + 15, class_="name", text_anchor="end"))
        for column, value in enumerate(chart.values[row]):
            x = left + 8 + column * width
            parts.append(_cell(chart, row, column, at=(x, y, width), shade=None if value is None else shade(value)))
    height = top + len(chart.rows) * _ROW
    parts.append(_text(chart.axis, x=left + 8, y=height + 18, class_="axis"))
    return _svg(parts, height=height + 26, title=chart.title)


def _column(name: str, x: float, y: float, *, is_turned: bool) -> Markup:
    if is_turned:
        return _text(name, x=0, y=0, class_="name", transform=f"translate({x + 4:.1f} {y:.1f}) rotate(-90)")
    return _text(name, x=x, y=y, class_="name", text_anchor="middle")


def _cell(
    chart: Heat, row: int, column: int, *, at: tuple[float, float, float], shade: tuple[int, float] | None
) -> Markup:
    x, y, width = at
    text = chart.texts[row][column]
    series, share = shade or (0, 0.0)
    box = tag(
        "rect",
        class_=f"cell {colour(series)}" if shade else "cell none",
        x=x,
        y=y,
        width=width - 1,
        height=_ROW - 1,
        fill_opacity=share if shade else None,
    )
    middle = x + (width - 1) / 2
    is_shown = _room(text) <= width + 6
    written = _text(text, x=middle, y=y + 15, class_="value", text_anchor="middle") if is_shown else None
    return tag("g", box, written, **_told(chart.told[row][column]))


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


@draw.register
def _(chart: Shares) -> Markup:
    left = 14 + max(_room(_cut(row.label)) for row in chart.rows)
    most = max((sum(row.parts) for row in chart.rows), default=1.0) or 1.0
    first, last = left + 8, _WIDTH - _RIGHT
    scale = Scale(low=0.0, high=most if chart.is_counts else 1.0, first=first, last=last)
    parts: list[Markup] = []
    y = _TOP
    for group, own in groupby(chart.rows, key=lambda row: row.group):
        if group:
            y += _HEADING
            parts.append(_text(group, x=4, y=y - 5, class_="group"))
        for row in own:
            parts.append(_share(row, chart, scale, left, y))
            y += _ROW
        y += _GAP if group else 0
    drawn = _svg([*_grid(scale, _TOP, y, chart.axis), *parts], height=y + _BOTTOM, title=chart.title)
    items = [tag("li", _sample([_part(place, 0, 1, 26, 12)]), name) for place, name in enumerate(chart.names)]
    return join([drawn, tag("ul", items, class_="legend")])


def _share(row: Share, chart: Shares, scale: Scale, left: float, y: float) -> Markup:
    total = 1.0 if chart.is_counts else sum(row.parts) or 1.0
    drawn: list[Markup] = []
    begun = 0.0
    for place, part in enumerate(row.parts):
        x, end = scale.place(begun / total), scale.place((begun + part) / total)
        begun += part
        if end - x <= 0:
            continue
        drawn.append(_part(place, x, y + 2, end - x, _ROW - 4))
        if end - x > _NAME_ROOM and _room(chart.names[place]) < end - x:
            drawn.append(_text(chart.names[place], x=(x + end) / 2, y=y + 15, class_="value", text_anchor="middle"))
    name = _text(_cut(row.label), x=left, y=y + 15, class_="name", text_anchor="end")
    return tag("g", tag("rect", class_="hit", x=0, y=y, width=_WIDTH, height=_ROW), name, drawn, **_told(row.told))


def _part(place: int, x: float, y: float, width: float, height: float) -> Markup:
    return tag("rect", class_=f"part {colour(place)}", x=x, y=y, width=width, height=height)


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
