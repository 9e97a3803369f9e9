"""Lines over two axes through matplotlib."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rlgauge.report.charts import Key, Line, Lines, Manner
from rlgauge.report.plots_style import (
    SOFT,
    colour,
    dash,
    font_size,
    frame,
    key,
    legend,
    line_width,
    marker,
    plain,
    short_numbers,
    titles,
    whole_numbers,
)

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

_MARKS, _SHORT = 6, 12
"""Markers of a line that is long; a shorter one has one at each point."""
_DASHES: dict[Manner, Any] = {Manner.DOTTED: (0, (1, 2.5)), Manner.DASHED: (0, (5, 2.2)), Manner.BOUND: (0, (1.4, 1.6))}
_MARKED = {Manner.PLAIN, Manner.DASHED}
_THIN, _FAINT, _BOUND = 0.6, 0.6, 0.9
_BAND = 0.16
_STROKE = 8
"""What shows a single point of a line that has no markers, in points."""
_MARGIN = 0.05
_ROOM, _NO_ROOM = 0.03, 0.01
"""Beside lines whose ends have markers, and beside others."""
_CROSS: dict[str, Any] = {"marker": "x", "linestyle": "none"}
_EDGE = 0.02
"""How far above the lower edge a cross of what is lost stands, as a part of the height."""


def draw_lines(axes: Axes, chart: Lines) -> None:
    """Draw the lines with their intervals, the marks and the legend."""
    if chart.is_x_log:
        axes.set_xscale("log", base=chart.log_base)
    if chart.is_y_log:
        axes.set_yscale("log")
    has_markers = any(len(line.xs) <= _SHORT and line.manner in _MARKED for line in chart.lines)
    axes.margins(x=_ROOM if has_markers else _NO_ROOM, y=_MARGIN)
    for line in chart.lines:
        _line(axes, line, has_line=not chart.is_markers_only)
    _marks(axes, chart)
    has_seeds = any(line.manner is Manner.THIN for line in chart.lines) and not chart.has_bars
    ends = axes.get_ylim() if has_seeds else None
    for line in chart.lines:
        (_bars if chart.has_bars else _band)(axes, line)
    if ends is not None:
        axes.set_ylim(ends)
    if chart.is_x_from_zero:
        low, high = axes.get_xlim()
        axes.set_xlim(min(low, -_NO_ROOM * high), high)
    if chart.is_y_from_zero:
        axes.set_ylim(bottom=0)
    frame(axes, grid="both")
    if not chart.is_x_log and all(float(x).is_integer() for line in chart.lines for x in line.xs):
        whole_numbers(axes.xaxis)
    short_numbers(axes.xaxis)
    short_numbers(axes.yaxis)
    titles(axes, title=chart.title, x=chart.x_axis, y=chart.y_axis)
    legend(axes, named(chart))


def named(chart: Lines) -> list[Artist]:
    """What the legend has: each name once, then what all lines of a manner are."""
    names = dict.fromkeys((line.name, line.series) for line in chart.lines if line.is_named)
    return [*(_item(name, series, chart) for name, series in names), *map(_manner, chart.keys)]


def _item(name: str, series: int, chart: Lines) -> Artist:
    own = [line for line in chart.lines if (line.name, line.series) == (name, series)]
    if any(line.lost for line in own) and not any(line.xs for line in own):
        return key(name, color=colour(series), **_CROSS)
    manners = {line.manner for line in own}
    style = _style(series, Manner.PLAIN if Manner.PLAIN in manners else min(manners))
    return key(name, **style, **marker(series)) if not chart.is_markers_only else _dot(name, series)


def _dot(name: str, series: int) -> Artist:
    return key(name, color=colour(series), linestyle="none", **marker(series))


def _manner(one: Key) -> Artist:
    shade = SOFT if one.series is None else colour(one.series)
    return key(one.name, **{**_style(0, one.manner), "color": shade, "linestyle": _DASHES.get(one.manner, "-")})


def _style(series: int, manner: Manner) -> dict[str, Any]:
    is_full = manner in _MARKED
    return {
        "color": colour(series),
        "linestyle": dash(series) if manner is Manner.PLAIN else _DASHES.get(manner, "-"),
        "linewidth": line_width(1.0 if is_full else _BOUND if manner is Manner.BOUND else _THIN),
        "alpha": _FAINT if manner is Manner.THIN else 1.0,
    }


def _line(axes: Axes, line: Line, *, has_line: bool) -> None:
    style = _style(line.series, line.manner)
    if has_line:
        axes.plot(line.xs, line.ys, **style)
        if len(line.xs) == 1 and line.manner not in _MARKED:
            axes.plot(line.xs, line.ys, color=style["color"], marker="_", markersize=_STROKE)
    if line.manner in _MARKED:
        shown = _shown(line.ys)
        doubtful = {place for place, flag in enumerate(line.is_doubtful) if flag}
        _points(axes, line, [place for place in shown if place not in doubtful])
        _points(axes, line, [place for place in shown if place in doubtful], markerfacecolor=axes.get_facecolor())
    if line.lost:
        crosses = {**_CROSS, "color": colour(line.series), "clip_on": False, "zorder": 4}
        axes.plot(line.lost, [_EDGE] * len(line.lost), transform=axes.get_xaxis_transform(), **crosses)


def _points(axes: Axes, line: Line, places: Sequence[int], **more: Any) -> None:  # noqa: ANN401  # matplotlib's own
    if places:
        xs, ys = [line.xs[place] for place in places], [line.ys[place] for place in places]
        axes.plot(xs, ys, color=colour(line.series), linestyle="none", zorder=3, **marker(line.series), **more)


def _shown(ys: Sequence[float]) -> list[int]:
    """Which points have markers: all of a short line, some of a long one."""
    known = [place for place, value in enumerate(ys) if math.isfinite(value)]
    every = 1 if len(known) <= _SHORT else len(known) // _MARKS
    return known[every // 2 :: every]


def _known(line: Line) -> list[tuple[float, float, float]]:
    ends = zip(line.xs, line.lows, line.highs, strict=False)
    known = [(x, low, high) for x, low, high in ends if low is not None and high is not None]
    return [one for one in known if all(map(math.isfinite, one))]


def _band(axes: Axes, line: Line) -> None:
    if known := _known(line):
        xs, lows, highs = zip(*known, strict=True)
        axes.fill_between(xs, lows, highs, color=colour(line.series), alpha=_BAND, linewidth=0)


def _bars(axes: Axes, line: Line) -> None:
    if known := _known(line):
        xs, lows, highs = zip(*known, strict=True)
        style: dict[str, Any] = {"color": colour(line.series), "linewidth": line_width(_THIN)}
        axes.vlines(xs, lows, highs, **style)
        axes.plot([*xs, *xs], [*lows, *highs], color=style["color"], linestyle="none", marker="_", markersize=4)


def _marks(axes: Axes, chart: Lines) -> None:
    """Lines across, named at their right ends and left ones in turns, so that near ones don't cover one another."""
    for place, mark in enumerate(sorted(chart.marks, key=lambda one: one.value)):
        axes.axhline(mark.value, color=SOFT, linestyle=(0, (3, 2)), linewidth=line_width(0.7), zorder=1.5)
        side, align = ((1.0, "right"), (0.0, "left"))[place % 2]
        axes.annotate(
            plain(mark.name),
            (side, mark.value),
            xycoords=axes.get_yaxis_transform(),
            xytext=(0, 2),
            textcoords="offset points",
            ha=align,
            va="bottom",
            color=SOFT,
            fontsize=font_size("xtick.labelsize"),
            zorder=4,
            bbox={"facecolor": axes.get_facecolor(), "alpha": 0.75, "linewidth": 0, "pad": 0.5},
        )
