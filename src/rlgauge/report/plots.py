"""Charts through matplotlib: `draw` draws one on given Axes, as the page of a report shows it.

Colours, markers and dashes are those of the page, so that a group looks the same on both; sizes are those of
matplotlib's settings. A hollow marker is a point that can't be trusted. Legends stand right of the Axes or below them:
a layout such as matplotlib's "constrained" makes room for them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rlgauge.report.charts import Chart, Heat, Intervals, Lines, Shares
from rlgauge.report.plots_heat import draw_heat, height_of_heat
from rlgauge.report.plots_lines import draw_lines
from rlgauge.report.plots_rows import draw_intervals, draw_shares, height_of_rows
from rlgauge.report.plots_style import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw(axes: Axes, chart: Chart) -> Axes:
    """The same Axes, with the chart drawn on them: its title, the names of its axes and its legend, too."""
    if isinstance(chart, Lines):
        draw_lines(axes, chart)
    elif isinstance(chart, Intervals):
        draw_intervals(axes, chart)
    elif isinstance(chart, Heat):
        draw_heat(axes, chart)
    else:
        draw_shares(axes, chart)
    return axes


def is_empty(chart: Chart) -> bool:
    """Whether there is nothing to draw."""
    if isinstance(chart, Lines):
        return not any(line.xs or line.lost for line in chart.lines)
    if isinstance(chart, Heat):
        return all(value is None for row in chart.values for value in row)
    return not chart.rows


def num_rows(chart: Intervals | Shares | Heat, *, width: float) -> float:
    """How many lines of text high the Axes should be; those of a grid are so many points wide."""
    return height_of_heat(chart, width) if isinstance(chart, Heat) else height_of_rows(chart.rows)


def cut_names(chart: Chart) -> Iterator[tuple[str, str]]:
    """Names that are too long for a figure, each as it is there and in full."""
    for name in dict.fromkeys(_names(chart)):
        if (short := shortened(name)) != name:
            yield short, name


def _names(chart: Chart) -> Iterator[str]:
    if isinstance(chart, Lines):
        yield from (line.name for line in chart.lines if line.is_named)
        yield from (one.name for one in chart.keys)
    elif isinstance(chart, Heat):
        yield from (*chart.rows, *chart.columns)
    else:
        yield from (row.label for row in chart.rows)
    if isinstance(chart, Shares):
        yield from chart.names
