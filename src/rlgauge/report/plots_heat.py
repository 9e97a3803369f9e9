"""A grid of values through matplotlib: each cell is written in, and never so dark that it could not be read."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from rlgauge.report.charts import Heat
from rlgauge.report.plots_style import EM, FULLEST, PALEST, SOFT, colour, folded, font_size, plain, titles, width_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NONE = "#f5f7f9"
_LEAST, _TURNED, _LINE = 0.65, 0.8, 1.6
"""The least size of letters in cells, as a part of others; of turned ones, as a part of a column; from line to line."""
_MORE = 0.75
"""How much higher a row is for each further line of a name."""
Colour = tuple[float, float, float, float]


def draw_heat(axes: Axes, chart: Heat) -> None:
    """Draw the cells with what is written in them; names of columns stand above, turned where they are long."""
    from matplotlib.colors import to_rgba

    shade = _shades(chart)
    cells = [[to_rgba(_NONE) if value is None else shade(value) for value in row] for row in chart.values]
    num_rows, num_columns = len(chart.rows), len(chart.columns)
    axes.pcolormesh(range(num_columns + 1), range(num_rows + 1), cells, edgecolors="white", linewidth=0.6)
    axes.set_ylim(num_rows, 0)
    axes.set_yticks([place + 0.5 for place in range(num_rows)], [folded(name) for name in chart.rows])
    width = width_of(axes) / num_columns
    is_turned = is_wide(chart.columns, width / font_size("xtick.labelsize"))
    axes.set_xticks(
        [place + 0.5 for place in range(num_columns)],
        [folded(name) for name in chart.columns],
        rotation=90 if is_turned else 0,
    )
    axes.tick_params(length=0, top=False, labeltop=True, bottom=False, labelbottom=False)
    axes.spines[:].set_visible(False)
    axes.grid(visible=False)
    _write(axes, chart)
    titles(axes, title=chart.title, x=chart.axis)
    axes.xaxis.label.set_color(SOFT)


def is_wide(names: Sequence[str], room: float) -> bool:
    """Whether one of the names, folded, is wider than so many times the size of its font."""
    return any(EM * (len(line) + 1) > room for name in names for line in folded(name).split("\n"))


def height_of_heat(chart: Heat, width: float) -> float:
    """How many lines of text high it should be, in Axes so many points wide: higher where cells' texts are turned."""
    lines = len(chart.rows) * (1 + _MORE * max(folded(name).count("\n") for name in chart.rows))
    size, is_turned = _size(chart, width)
    share = size / font_size("xtick.labelsize")
    return max(lines, len(chart.rows) * EM * (_longest(chart.texts) + 1) * share / _LINE) if is_turned else lines


def _size(chart: Heat, width: float) -> tuple[float, bool]:
    """The size of what is written in the cells of Axes so many points wide, and whether it is turned."""
    column, most = width / len(chart.columns), font_size("xtick.labelsize")
    fitting = column / EM / (_longest(chart.texts) + 0.5)
    if fitting >= _LEAST * most:
        return min(most, fitting), False
    return min(most, column * _TURNED), True


def _longest(texts: Sequence[Sequence[str]]) -> int:
    return max((len(text) for row in texts for text in row), default=1) or 1


def _write(axes: Axes, chart: Heat) -> None:
    """Write in the cells: smaller where columns are narrow, and turned where they are narrower than that."""
    size, is_turned = _size(chart, width_of(axes))
    style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": size, "rotation": 90 if is_turned else 0}
    for row, own in enumerate(chart.texts):
        for column, text in enumerate(own):
            axes.text(column + 0.5, row + 0.5, plain(text), **style)


def _shades(chart: Heat) -> Callable[[float], Colour]:
    """What gives the colour of a value."""
    from matplotlib.colors import to_rgba

    known = [value for row in chart.values for value in row if value is not None and math.isfinite(value)]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)

    def of(number: int, share: float) -> Colour:
        part = min(max(share, 0.0), 1.0) if math.isfinite(share) else 0.0
        return to_rgba(colour(number), PALEST + (FULLEST - PALEST) * part)

    if chart.middle is None:
        return lambda value: of(0, (value - low) / ((high - low) or 1.0))
    middle = chart.middle
    reach = max(abs(high - middle), abs(low - middle)) or 1.0
    return lambda value: of(int(value < middle), abs(value - middle) / reach)
