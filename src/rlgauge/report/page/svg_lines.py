"""Lines over two axes as SVG, with a legend."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import groupby

from rlgauge.report.charts import Key, Line, Lines, Manner, Mark
from rlgauge.report.page.axes import (
    ABOVE,
    BOTTOM,
    LEFT,
    RIGHT,
    ROW,
    WIDTH,
    grid,
    left_axis,
    more_lines,
    room,
    svg,
    text,
)
from rlgauge.report.page.markup import Markup, flowing, number, tag
from rlgauge.report.page.paths import FINE, Place, path, thinned
from rlgauge.report.page.scales import Scale, scale_of
from rlgauge.report.page.styles import colour, dash, marker, markers

_HEIGHT, _NARROW_HEIGHT = 312.0, 252.0
_MARKS, _NARROW_MARKS = 6, 3
"""Markers of a line that is long; a shorter one has one at each point."""
_SHORT = 12
_CROWD = 16
"""Of more lines that are named neither bands nor single seeds are drawn; markers are of the one that is lit."""
_DASHES: dict[Manner, str] = {Manner.DOTTED: "1 4", Manner.DASHED: "9 4", Manner.BOUND: "2 3"}
_BAND_TOLERANCE = 3.5
"""Of the pale edges of a band, in pixels."""
_HALF_STROKE = 8.0
_NEAR = 4.0
"""So far below a line across a point is near its name."""
_CROSS = "m-7-7l14 14m-14 0l14-14"


def is_crowd(chart: Lines) -> bool:
    """Whether there are so many lines that only their courses are drawn."""
    return len({line.name for line in chart.lines if line.is_named}) > _CROWD


def lines(chart: Lines, width: float = WIDTH) -> Markup:
    """The chart without its legend."""
    is_many = is_crowd(chart)
    drawn = [line for line in chart.lines if not is_many or line.manner is not Manner.THIN]
    height = _HEIGHT if width >= WIDTH else _NARROW_HEIGHT
    bottom, last = height - BOTTOM, width - RIGHT
    xs = [one for line in drawn for one in (*line.xs, *line.lost)]
    x = scale_of(
        [*xs, *([0.0] if chart.is_x_from_zero else [])],
        first=LEFT,
        last=last,
        is_log=chart.is_x_log,
        base=chart.log_base,
        is_whole=all(map(float.is_integer, map(float, xs))),
        margin=0.03 if chart.has_bars else 0.01,
    )
    y = scale_of(_values(chart, drawn, has_bands=not is_many), first=bottom, last=ABOVE, is_log=chart.is_y_log)
    parts = [*grid(x, ABOVE, bottom, chart.x_axis), *left_axis(y, chart.y_axis, last=last)]
    across = "".join(f"M{number(LEFT)} {number(y.place(mark.value))}H{number(last)}" for mark in chart.marks)
    parts.append(tag("path", class_="across", d=across) if across else Markup())
    parts += [_mark(mark, drawn, x, y) for mark in chart.marks]
    intervals = [_bars(line, x, y) if chart.has_bars else _band(line, x, y) for line in drawn if not is_many]
    parts += [_clipped(intervals, width=width, bottom=bottom)] if _has_seeds(chart, drawn) else intervals
    num_marks = _MARKS if width >= WIDTH else _NARROW_MARKS
    parts += [_line(line, x, y, has_line=not chart.is_markers_only, num_marks=num_marks) for line in drawn]
    height += more_lines(chart.x_axis, width)
    return svg(parts, width=width, height=height, title=chart.title, class_=" crowd" if is_many else "")


def _values(chart: Lines, drawn: Sequence[Line], *, has_bands: bool) -> list[float]:
    """What the y axis must reach. Bands of few seeds, which would leave these no room, are cut: they reach far."""
    is_whole = has_bands and not _has_seeds(chart, drawn)
    parts = [part for line in drawn for part in ((line.ys, line.lows, line.highs) if is_whole else (line.ys,))]
    found = [one for part in parts for one in part if one is not None]
    return [*found, *(mark.value for mark in chart.marks), *([0.0] if chart.is_y_from_zero else [])]


def _mark(mark: Mark, drawn: Sequence[Line], x: Scale, y: Scale) -> Markup:
    """Its name above its line, at the end where fewer points are."""
    bottom, width = y.place(mark.value), room(mark.name)
    points = [(x.place(over), y.place(value)) for line in drawn for over, value in zip(line.xs, line.ys, strict=True)]
    near = [across for across, down in points if bottom - ROW < down < bottom + _NEAR]
    is_left = sum(across > x.last - width for across in near) > sum(across < x.first + width for across in near)
    at, side = (x.first + _NEAR, "tick") if is_left else (x.last, "tick end")
    return text(mark.name, x=at, y=bottom - 4, class_=side)


def _has_seeds(chart: Lines, drawn: Sequence[Line]) -> bool:
    return any(line.manner is Manner.THIN for line in drawn) and not chart.has_bars


def _clipped(drawn: Sequence[Markup], *, width: float, bottom: float) -> Markup:
    """What is drawn, as far as it lies within the axes."""
    if not any(drawn):
        return Markup()
    box = f"{number(LEFT)} {number(ABOVE)} {number(width - RIGHT - LEFT)} {number(bottom - ABOVE)}"
    x, y, wide, high = box.split()
    return tag("svg", drawn, x=x, y=y, width=wide, height=high, viewBox=box)


def legend_of_lines(chart: Lines) -> Markup | None:
    """The names of lines and of manners, each with what it is drawn with."""
    named = list(dict.fromkeys((line.name, line.series) for line in chart.lines if line.is_named))
    items = [_item(name, series) for name, series in named] + [_key(key) for key in chart.keys]
    return tag("ul", items, class_="legend") if items else None


def _item(name: str, series: int) -> Markup:
    stroke = tag("path", class_=f"line {colour(series)}", d="M0 7H26", stroke_dasharray=dash(series))
    return tag("li", sample([stroke, marker(series, 13, 7)]), flowing(name))


def _key(key: Key) -> Markup:
    of = "any" if key.series is None else colour(key.series)
    drawn = tag("path", class_=f"line {of}", d="M0 7H26", stroke_dasharray=_DASHES.get(key.manner))
    return tag("li", sample([drawn]), key.name)


def sample(drawn: Sequence[Markup]) -> Markup:
    """What a legend shows before a name."""
    return tag("svg", drawn, width=26, height=14, aria_hidden="true")


def _line(line: Line, x: Scale, y: Scale, *, has_line: bool, num_marks: int) -> Markup:
    places = [(x.place(over), y.place(value)) for over, value in zip(line.xs, line.ys, strict=True)]
    is_plain = line.manner in {Manner.PLAIN, Manner.DASHED}
    whole = [part if is_plain or len(part) > 1 else _stroke(part[0]) for part in _unbroken(places)]
    is_thin = line.manner in {Manner.THIN, Manner.DOTTED}
    dashes = dash(line.series) if line.manner is Manner.PLAIN else _DASHES.get(line.manner)
    drawn = tag(
        "path",
        class_=f"line fine {colour(line.series)}{' thin' if is_thin else ''}",
        d="".join(_absolute(path(thinned(part))) for part in whole if len(part) > 1),
        stroke_dasharray=None if dashes is None else " ".join(number(FINE * float(one)) for one in dashes.split()),
    )
    is_joined = has_line and any(len(part) > 1 for part in whole)
    parts = [drawn if is_joined else None, *(_marks(line, places, num_marks) if is_plain else [])]
    lost = "".join(f"M{round(FINE * x.place(one))} {round(FINE * y.first)}{_CROSS}" for one in line.lost)
    parts.append(tag("path", class_=f"fine mark {colour(line.series)}", d=lost) if lost else None)
    return tag("g", tag("title", line.name), parts, class_="series")


def _unbroken(places: Sequence[Place]) -> Iterator[list[Place]]:
    """The stretches between gaps."""
    for is_known, part in groupby(places, key=lambda place: math.isfinite(place[1])):
        if is_known:
            yield list(part)


def _stroke(place: Place) -> list[Place]:
    """What shows a single point of a line that has no markers."""
    return [(place[0] - _HALF_STROKE, place[1]), (place[0] + _HALF_STROKE, place[1])]


def _absolute(told: str) -> str:
    """A path that may follow another one."""
    return f"M{told[1:]}"


def _marks(line: Line, places: Sequence[Place], num: int) -> list[Markup]:
    known = [place for place, (_, value) in enumerate(places) if math.isfinite(value)]
    every = 1 if len(known) <= _SHORT else len(known) // num
    shown = known[every // 2 :: every]
    doubtful = {place for place, flag in enumerate(line.is_doubtful) if flag}
    return [
        markers(line.series, [places[place] for place in shown if place not in doubtful]),
        markers(line.series, [places[place] for place in shown if place in doubtful], is_hollow=True),
    ]


def _known(line: Line, x: Scale, y: Scale) -> list[tuple[float, float, float]]:
    """The places of intervals: x, low, high."""
    ends = zip(line.xs, line.lows, line.highs, strict=False)
    return [
        (x.place(over), y.place(low), y.place(high))
        for over, low, high in ends
        if low is not None and high is not None and math.isfinite(low) and math.isfinite(high)
    ]


def _band(line: Line, x: Scale, y: Scale) -> Markup:
    known = _known(line, x, y)
    if not known:
        return Markup()
    highs = thinned([(over, high) for over, _, high in known], _BAND_TOLERANCE)
    lows = thinned([(over, low) for over, low, _ in known], _BAND_TOLERANCE)
    return tag("path", class_=f"band fine {colour(line.series)}", d=f"{path([*highs, *reversed(lows)])}z")


def _bars(line: Line, x: Scale, y: Scale) -> Markup:
    drawn = "".join(
        f"M{number(over - 3)} {number(end)}h6" if is_end else f"M{number(over)} {number(low)}V{number(high)}"
        for over, low, high in _known(line, x, y)
        for is_end, end in ((False, low), (True, low), (True, high))
    )
    return tag("path", class_=f"whisker {colour(line.series)}", d=drawn) if drawn else Markup()
