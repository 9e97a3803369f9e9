"""Charts as SVG: each mark can be reached by the keyboard and says what stands behind it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import singledispatch
from itertools import groupby

from rlgauge.report.charts import Chart, Heat, Intervals, Lines, Mark, Row, Shares
from rlgauge.report.page.axes import (
    BOTTOM,
    GAP,
    HEADING,
    RIGHT,
    ROW,
    STACKED,
    TOP,
    WIDTH,
    begins,
    column,
    grid,
    heading,
    more_lines,
    moved,
    name_of,
    room,
    svg,
    text,
    told,
    within,
)
from rlgauge.report.page.markup import Markup, number, tag
from rlgauge.report.page.paths import dots
from rlgauge.report.page.scales import Scale, scale_of
from rlgauge.report.page.styles import colour, marker
from rlgauge.report.page.svg_grids import heat, legend_of_shares, shares
from rlgauge.report.page.svg_lines import legend_of_lines, lines


@singledispatch
def draw(chart: object, width: float = WIDTH) -> Markup:  # noqa: ARG001  # those of the kinds of charts need it
    """The chart as SVG so wide."""
    raise TypeError(type(chart))


draw.register(Lines, lines)
draw.register(Heat, heat)
draw.register(Shares, shares)


def legend(chart: Chart) -> Markup | None:
    """The names of what the chart shows, each with how that looks; None for a chart that needs none."""
    if isinstance(chart, Lines):
        return legend_of_lines(chart)
    return legend_of_shares(chart) if isinstance(chart, Shares) else None


@draw.register
def _(chart: Intervals, width: float = WIDTH) -> Markup:
    left, is_stacked = column((row.label for row in chart.rows), width)
    row_height = ROW + (STACKED if is_stacked else 0)
    scale = scale_of(
        [*_ends(chart.rows), *(mark.value for mark in chart.marks), *(chart.band or ()), *(chart.within or ())],
        first=begins(left),
        last=width - RIGHT,
        is_log=chart.is_log,
    )
    top = TOP + (ROW * 0.6 if chart.marks or chart.band_name else 0)
    parts: list[Markup] = []
    y = top
    for group, own in groupby(chart.rows, key=lambda row: row.group):
        if group:
            y += HEADING
            parts.append(heading(group, width, y=y - 5))
        for row in own:
            y += row_height
            parts.append(_row(row, scale, left, y=y - ROW / 2, width=width))
        y += GAP if group else 0
    behind = [*_span(chart, scale, top, y), *grid(scale, top, y, chart.axis), *_across(chart.marks, scale, top, y)]
    height = y + BOTTOM + more_lines(chart.axis, width)
    return svg([*behind, *parts], width=width, height=height, title=chart.title)


def _row(row: Row, scale: Scale, left: float, *, y: float, width: float) -> Markup:
    bar = None
    if row.low is not None and row.high is not None:
        low, high = number(scale.place(row.low)), number(scale.place(row.high))
        bar = tag("path", class_="bar", d=f"M{low} 0H{high}")
    seeds = dots(scale.place(one) for one in row.others)
    return tag(
        "g",
        tag("rect", class_="hit" if left else "hit high"),
        name_of(row.label, width, left, y=4),
        tag("path", class_="dot", d=seeds) if seeds else None,
        bar,
        marker(row.series, scale.place(row.point), 0, is_hollow=row.is_doubtful),
        class_=f"row {colour(row.series)}",
        transform=moved(0, y),
        **told(row.told, row.group, row.label, width=width),
    )


def _ends(rows: Sequence[Row]) -> list[float]:
    return [end for row in rows for end in (row.point, row.low, row.high, *row.others) if end is not None]


def _span(chart: Intervals, scale: Scale, top: float, bottom: float) -> Iterator[Markup]:
    """What lies behind rows: the values within which nothing is told apart."""
    if chart.band is None:
        return
    low, high = (min(max(scale.place(end), scale.first), scale.last) for end in chart.band)
    yield tag("rect", class_="span", x=low, y=top, width=high - low, height=bottom - top)
    yield _above(chart.band_name, (low + high) / 2, scale, top)


def _across(marks: Sequence[Mark], scale: Scale, top: float, bottom: float) -> Iterator[Markup]:
    for mark in marks:
        at = scale.place(mark.value)
        yield tag("line", class_="across", x1=at, x2=at, y1=top, y2=bottom)
        yield _above(mark.name, at, scale, top)


def _above(name: str, x: float, scale: Scale, top: float) -> Markup:
    """A name above the rows, which begins and ends within the figure."""
    return text(name, x=within(x, room(name), scale.last + RIGHT), y=top - 4, class_="tick mid")
