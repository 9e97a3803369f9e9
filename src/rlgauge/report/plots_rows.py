"""Charts of rows through matplotlib: points with intervals, and parts of a whole."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from rlgauge.report.charts import Intervals, Row, Share, Shares
from rlgauge.report.plots_style import (
    COLOURS,
    EM,
    FULLEST,
    GRID,
    PALEST_PART,
    SOFT,
    colour,
    folded,
    font_size,
    frame,
    legend,
    line_width,
    marker,
    plain,
    plain_lines,
    short_numbers,
    titles,
    width_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROW, _MORE, _GAP = 1.0, 0.8, 0.4
"""Heights: of a row, of each further line of its name, and of what stands between groups."""
HEADING_WIDTH = 36
"""Characters of a heading in a line."""
_DOTS, _DOT_ALPHA = 0.28, 0.6
"""How far below its interval a row's dots stand."""
_DOT_SIZE = 0.6
"""Of a dot, as a part of other markers'."""
_BAR = 1.4
_MARGIN, _HALF = 0.04, 0.5
_PART_ALPHA, _PART_HEIGHT = 0.5, 0.8
_HATCHES = (None, "///", "...", "xxx")
_LEAST_SPAN = 1e-9


class _Place(NamedTuple):
    y: float
    height: float


class _Placed(NamedTuple):
    """Where rows and headings stand, from the top; `end` is where the last one ends."""

    rows: list[_Place]
    headings: list[tuple[float, str]]
    end: float


def height_of_rows(rows: Sequence[Row] | Sequence[Share]) -> float:
    """How much they need, where a row with a short name is 1."""
    return _placed(rows).end


def _placed(rows: Sequence[Row] | Sequence[Share]) -> _Placed:
    places: list[_Place] = []
    headings: list[tuple[float, str]] = []
    given: Iterable[Row | Share] = rows
    y = 0.0
    for group, own in groupby(given, key=lambda row: row.group):
        if group:
            text = plain_lines(group, HEADING_WIDTH)
            high = _ROW + _MORE * text.count("\n")
            headings.append((y + high / 2 + 0.1, text))
            y += high
        for row in own:
            high = _ROW + _MORE * folded(row.label).count("\n")
            places.append(_Place(y + high / 2, high))
            y += high
        y += _GAP if group else 0
    return _Placed(places, headings, y)


def draw_intervals(axes: Axes, chart: Intervals) -> None:
    """Draw each row's point, interval and dots; behind them the marks and the band."""
    placed = _placed(chart.rows)
    low, high = _span(chart)
    if chart.is_log:
        axes.set_xscale("log")
    axes.set_xlim(low, high)
    for series in dict.fromkeys(row.series for row in chart.rows):
        own = [(row, place.y) for row, place in zip(chart.rows, placed.rows, strict=True) if row.series == series]
        _rows(axes, own, series, ends=(low, high))
    if chart.band is not None:
        axes.axvspan(max(chart.band[0], low), min(chart.band[1], high), color=GRID, alpha=0.55, linewidth=0, zorder=0)
    for mark in chart.marks:
        axes.axvline(mark.value, color=SOFT, linestyle=(0, (3, 2)), linewidth=line_width(0.7), zorder=1.5)
    _name_rows(axes, [row.label for row in chart.rows], placed)
    frame(axes, grid="x")
    axes.spines["left"].set_visible(False)
    short_numbers(axes.xaxis)
    titles(axes, title=chart.title, x=chart.axis)
    levels = _name_marks(axes, chart)
    axes.set_title(axes.get_title(loc="left"), loc="left", pad=4 + levels * font_size("xtick.labelsize") * 1.3)


def _rows(axes: Axes, own: Sequence[tuple[Row, float]], series: int, *, ends: tuple[float, float]) -> None:
    """Draw the rows of a series at their heights; intervals end where the Axes do."""
    shade = colour(series)
    bars = [(y, row.low, row.high) for row, y in own if row.low is not None and row.high is not None]
    axes.hlines(
        [y for y, _, _ in bars],
        [max(low, ends[0]) for _, low, _ in bars],
        [min(high, ends[1]) for _, _, high in bars],
        color=shade,
        linewidth=line_width(_BAR),
    )
    dots = [(other, y + _DOTS) for row, y in own for other in row.others]
    size = _DOT_SIZE * marker(0)["markersize"]
    _points(axes, dots, color=shade, marker="o", markersize=size, markeredgewidth=0, alpha=_DOT_ALPHA)
    _points(axes, [(row.point, y) for row, y in own if not row.is_doubtful], color=shade, zorder=3, **marker(series))
    hollow = {"markerfacecolor": axes.get_facecolor(), "zorder": 3, **marker(series)}
    _points(axes, [(row.point, y) for row, y in own if row.is_doubtful], color=shade, **hollow)


def _points(axes: Axes, places: Sequence[tuple[float, float]], **style: Any) -> None:  # noqa: ANN401  # matplotlib's
    if places:
        axes.plot(*zip(*places, strict=True), linestyle="none", **style)


def _span(chart: Intervals) -> tuple[float, float]:
    """From the least to the most of what is shown, with a margin."""
    shown = [end for row in chart.rows for end in (row.point, row.low, row.high, *row.others) if end is not None]
    found = [*shown, *(mark.value for mark in chart.marks), *(chart.band or ()), *(chart.within or ())]
    known = [one for one in found if math.isfinite(one) and (one > 0 or not chart.is_log)]
    low, high = (min(known), max(known)) if known else (1.0, 10.0) if chart.is_log else (0.0, 1.0)
    if chart.is_log:
        room = max((high / low) ** _MARGIN, 1.05)
        return low / room, high * room
    room = (high - low) * _MARGIN
    if high - low <= _LEAST_SPAN * max(abs(low), abs(high)):
        room = abs(low) / 2 or _HALF
    return low - room, high + room


def _name_rows(axes: Axes, names: Iterable[str], placed: _Placed) -> None:
    axes.set_yticks([place.y for place in placed.rows], [folded(name) for name in names])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(placed.end, 0)
    for y, text in placed.headings:
        style: dict[str, Any] = {"va": "center", "fontweight": "bold", "fontsize": font_size("ytick.labelsize")}
        style["bbox"] = {"facecolor": axes.get_facecolor(), "alpha": 0.75, "linewidth": 0, "pad": 0.5}
        axes.text(0, y, text, transform=axes.get_yaxis_transform(), **style).set_in_layout(False)


def _name_marks(axes: Axes, chart: Intervals) -> int:
    """Write the names of marks above the Axes, one above another where they are near; how many lines that takes."""
    named = [(mark.value, mark.name) for mark in chart.marks if mark.name]
    low, high = axes.get_xlim()
    if chart.band is not None and chart.band_name:
        first, last = (min(max(end, low), high) for end in chart.band)
        named.append((math.sqrt(first * last) if chart.is_log else (first + last) / 2, chart.band_name))
    ends: list[float] = []
    size = font_size("xtick.labelsize")
    for value, name in sorted(named):
        share = float(axes.transAxes.inverted().transform(axes.transData.transform((value, 0)))[0])
        at, half = share * width_of(axes), len(name) * EM * size / 2
        level = next((level for level, end in enumerate(ends) if end < at - half), len(ends))
        ends[level : level + 1] = [at + half]
        axes.annotate(
            *(plain(name), (value, 1.0)),
            xycoords=axes.get_xaxis_transform(),
            xytext=(0, 2 + level * size * 1.3),
            textcoords="offset points",
            ha="center",
            va="bottom",
            color=SOFT,
            fontsize=size,
        )
    return len(ends)


def draw_shares(axes: Axes, chart: Shares) -> None:
    """Draw each row's parts beside one another, named where there is room, and the legend."""
    placed = _placed(chart.rows)
    totals = [1.0 if chart.is_counts else sum(row.parts) or 1.0 for row in chart.rows]
    most = max((sum(row.parts) for row in chart.rows), default=1.0) or 1.0
    axes.set_xlim(0, most * 1.02 if chart.is_counts else 1.0)
    for row, place, total in zip(chart.rows, placed.rows, totals, strict=True):
        begun = 0.0
        for number, part in enumerate(row.parts):
            _part(axes, chart, number, begun / total, part / total, place.y)
            begun += part
    _name_rows(axes, [row.label for row in chart.rows], placed)
    frame(axes, grid="x")
    axes.spines["left"].set_visible(False)
    short_numbers(axes.xaxis)
    titles(axes, title=chart.title, x=chart.axis)
    legend(axes, [_block(chart, name, number) for number, name in enumerate(chart.names)])


def _look(chart: Shares, number: int) -> dict[str, Any]:
    """The colour of the part with this number; of names in an order the first has most of one colour."""
    from matplotlib.colors import to_rgba

    if chart.is_ordered:
        rest = 1 - number / max(len(chart.names) - 1, 1)
        return {"facecolor": to_rgba(colour(0), PALEST_PART + (FULLEST - PALEST_PART) * rest), "edgecolor": "white"}
    hatch = _HATCHES[number // len(COLOURS) % len(_HATCHES)]
    return {"facecolor": to_rgba(colour(number), _PART_ALPHA), "edgecolor": "white", "hatch": hatch}


def _part(axes: Axes, chart: Shares, number: int, begun: float, width: float, y: float) -> None:
    if width <= 0:
        return
    axes.barh(y, width, left=begun, height=_PART_HEIGHT, linewidth=0.8, **_look(chart, number))
    low, high = axes.get_xlim()
    room = width / (high - low) * width_of(axes)
    name, size = chart.names[number], font_size("xtick.labelsize")
    if (len(name) + 1) * EM * size < room:
        axes.text(begun + width / 2, y, plain(name), ha="center", va="center", fontsize=size)


def _block(chart: Shares, name: str, number: int) -> Any:  # noqa: ANN401  # matplotlib's
    from matplotlib.patches import Patch

    return Patch(label=folded(name), **_look(chart, number))
