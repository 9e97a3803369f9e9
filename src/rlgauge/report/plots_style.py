"""How charts look through matplotlib: a group has the colour, the marker and the dash that it has on the page.

Sizes are those of matplotlib's settings (`font.size`, `lines.linewidth` and so on), so that whoever draws on Axes of
their own has a figure in their own style.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.lines import Line2D
    from matplotlib.path import Path

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#b0568d", "#b87a00", "#2b8fc4", "#1b1f24", "#8a7f00")
"""Okabe and Ito's (jfly.uni-koeln.de/color) as the light page has them: pale ones darker, for thin lines on white."""
MARKERS = ("o", "s", "D", "^", "v", "X", "*", "hourglass")
"""All have an inside, so that they can be hollow."""
SOFT = "#5b6470"
GRID = "#d8dde3"
DASHES: Sequence[Any] = ("-", (0, (3.3, 1.7)), (0, (1.1, 1.1)), (0, (4.4, 1.7, 1.1, 1.7)))
PALEST, PALEST_PART, FULLEST = 0.06, 0.15, 0.55
"""How much of its colour a cell has: never so much that what is written in it could not be read."""
EM = 0.62
"""How wide a letter is, as a part of the size of the font."""
PROSE = 0.56
"""The same of sentences, which have small and narrow letters."""
NAME_WIDTH = 28
"""Characters of a name in a line."""
_MOST_LINES = 3
_STAR = 1.5
"""How much larger a star is than other markers to look as large."""
_SIDE = 0.34
"""So much of the Axes' width a legend may have beside them; a wider one stands below."""
_HANDLE = 4.5
"""What stands before a name in a legend, in letters of the size of the font."""
_LINE = 1.35
"""From one line of text to the next, as a part of the size of the font."""
_POINTS = 72
_BASE, _FEW_DECADES = 10, 1.5
_NARROW, _FEW_TICKS = 5.0, 5
"""A logarithmic axis whose ends are less apart has so many numbers at equal distances."""
_LETTERS = (("G", 1e9), ("M", 1e6), ("k", 1e3))
_THOUSAND, _LONG, _TINY, _NOTHING = 1e3, 1e4, 1e-3, 1e-9
_DIGITS, _MOST_DIGITS = 4, 12
"""Numbers on axes: long ones have a letter, tiny ones an exponent."""


def colour(number: int) -> str:
    """The colour of the series with this number."""
    return COLOURS[number % len(COLOURS)]


def dash(number: int) -> Any:  # noqa: ANN401  # a line style of matplotlib
    """Its dashes; from one turn of the colours to the next others."""
    return DASHES[(number + number // len(COLOURS)) % len(DASHES)]


def marker(number: int) -> dict[str, Any]:
    """Its marker, for matplotlib's Line2D."""
    name = MARKERS[(number + number // len(COLOURS)) % len(MARKERS)]
    size = _points("lines.markersize") * (_STAR if name == "*" else 1.0)
    return {"marker": _hourglass() if name == "hourglass" else name, "markersize": size}


def _hourglass() -> Path:
    from matplotlib.path import Path

    return Path([(-0.9, -1), (0.9, -1), (-0.9, 1), (0.9, 1), (-0.9, -1)], closed=True)


def plain(text: str) -> str:
    """The text as it is: nothing in it is a formula, and nothing in it is a line's end or another control sign."""
    import matplotlib as mpl

    printable = "".join(one if one.isprintable() else " " for one in text)
    return printable.replace("$", r"\$") if mpl.rcParams["text.parse_math"] else printable


def folded(name: str, width: int = NAME_WIDTH) -> str:
    """The name in lines; what is longer than three is cut in its middle."""
    return plain_lines(shortened(name, width), width)


def plain_lines(text: str, width: int) -> str:
    """The text in lines of so many characters, each as it is."""
    return "\n".join(map(plain, textwrap.wrap(text, max(width, 4), break_on_hyphens=False) or [""]))


def shortened(name: str, width: int = NAME_WIDTH) -> str:
    """The name, or of one that does not fit into three lines its beginning and its end."""
    if len(textwrap.wrap(name, width, break_on_hyphens=False)) <= _MOST_LINES:
        return name
    half = _MOST_LINES * width // 2 - width // 4
    return f"{name[:half]}…{name[-half:]}"


def font_size(name: str) -> float:
    """The size of a setting in points."""
    from matplotlib.font_manager import FontProperties

    return float(FontProperties(size=_setting(name)).get_size_in_points())


def _setting(name: str) -> Any:  # noqa: ANN401  # matplotlib's
    import matplotlib as mpl

    settings: Any = mpl.rcParams
    return settings[name]


def _points(name: str) -> float:
    return float(_setting(name))


def line_width(part: float = 1.0) -> float:
    """That of lines, or a part of it."""
    return _points("lines.linewidth") * part


def width_of(axes: Axes) -> float:
    """Of Axes in points, as they are now."""
    return float(axes.get_window_extent().width) / axes.figure.dpi * _POINTS


def height_of(axes: Axes) -> float:
    """Of Axes in points, as they are now."""
    return float(axes.get_window_extent().height) / axes.figure.dpi * _POINTS


def frame(axes: Axes, *, grid: Literal["x", "y", "both"]) -> None:
    """No frame above and at the right, and lines behind all at the values of the axes named."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)
    axes.grid(visible=False, which="both")
    axes.grid(visible=True, which="major", axis=grid, color=GRID)


def short_numbers(axis: Axis) -> None:
    """Numbers such as 10k, with as many places as tell them apart."""
    from matplotlib.ticker import Formatter, NullFormatter

    class Short(Formatter):
        def __call__(self, x: float, _pos: int | None = None) -> str:
            return self.format_ticks([x])[0]

        def format_ticks(self, values: Sequence[float]) -> list[str]:
            if getattr(axis.get_transform(), "base", _BASE) != _BASE:
                return [f"{value:,.0f}" if float(value).is_integer() else f"{value:g}" for value in values]
            return numbers([float(value) for value in values], is_log=axis.get_scale() == "log")

    if axis.get_scale() == "log":
        axis.set_minor_formatter(NullFormatter())
        _more_ticks(axis)
    elif axis is axis.axes.xaxis:
        _fewer_ticks(axis)
    axis.set_major_formatter(Short())


def whole_numbers(axis: Axis) -> None:
    """Have no number between two whole ones: half a trial is none."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(nbins="auto", steps=[1, 2, 2.5, 5, 10], integer=True))


def _fewer_ticks(axis: Axis) -> None:
    """Leave out numbers that would cover one another."""
    from matplotlib.ticker import MaxNLocator

    ticks = [float(tick) for tick in axis.get_majorticklocs()]
    letters = max(map(len, numbers(ticks)), default=1) + 2
    fitting = int(width_of(axis.axes) / (letters * EM * font_size("xtick.labelsize")))
    if fitting < len(ticks):
        axis.set_major_locator(MaxNLocator(nbins=max(fitting, 1), steps=[1, 2, 5, 10]))


def numbers(values: Sequence[float], *, is_log: bool = False) -> list[str]:
    """The values of an axis as `-2.5`, `20k` or `1M`, with as many digits as they have."""
    if any(abs(value) >= (_THOUSAND if is_log else _LONG) for value in values):
        told = ([_with_letter(value, digits) for value in values] for digits in range(_DIGITS, _MOST_DIGITS))
        return next((texts for texts in told if all(map(_is_said, texts, values))), [f"{value:,}" for value in values])
    reach = max(map(abs, values), default=0.0)
    if is_log or 0 < reach < _TINY:
        return [f"{value:.6g}" for value in values]
    places = next((places for places in range(_MOST_DIGITS) if _is_exact(values, places)), _MOST_DIGITS)
    return [f"{value + 0.0:.{places}f}" for value in values]


def _is_exact(values: Sequence[float], places: int) -> bool:
    reach = max(map(abs, values), default=0.0)
    return all(abs(round(value, places) - value) <= _NOTHING * reach for value in values)


def _is_said(text: str, value: float) -> bool:
    """Whether what is written is the value."""
    size = dict(_LETTERS).get(text[-1:], 1.0)
    return math.isclose(float(text.rstrip("GMk")) * size, value, rel_tol=_NOTHING, abs_tol=_NOTHING)


def _with_letter(value: float, digits: int) -> str:
    letter, size = next((pair for pair in _LETTERS if abs(value) >= pair[1]), ("", 1.0))
    return f"{value / size:.{digits}g}{letter}"


def _more_ticks(axis: Axis) -> None:
    """Name 2 and 5, too, where there are few powers of ten, and what is between where there is none."""
    from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

    low, high = axis.get_view_interval()
    if low <= 0:
        return
    base = getattr(axis.get_transform(), "base", _BASE)
    if base != _BASE:
        if math.floor(math.log(high, base)) <= math.ceil(math.log(low, base)):  # one power at most
            axis.set_major_locator(MaxNLocator(nbins=_FEW_TICKS, integer=True))
            axis.set_minor_locator(NullLocator())
        return
    if high / low < _NARROW:
        axis.set_major_locator(MaxNLocator(nbins=_FEW_TICKS))
        axis.set_minor_locator(NullLocator())
    elif high / low < _BASE**_FEW_DECADES:
        axis.set_major_locator(LogLocator(base=_BASE, subs=(1.0, 2.0, 5.0)))


def titles(axes: Axes, *, title: str, x: str = "", y: str = "") -> None:
    """Write the title and what the axes are, in lines that are as long as the Axes."""
    width, height = width_of(axes), height_of(axes)
    axes.set_title(plain_lines(title, int(width / EM / font_size("axes.titlesize"))), loc="left")
    letter = PROSE * font_size("axes.labelsize")
    axes.set_xlabel(plain_lines(x, int(width / letter)) if x else "")
    axes.set_ylabel(plain_lines(y, int(height / letter)) if y else "")


def key(name: str, **style: Any) -> Line2D:  # noqa: ANN401  # matplotlib's own
    """What stands in a legend."""
    from matplotlib.lines import Line2D

    return Line2D([], [], label=folded(name), **{"color": SOFT, **style})


def legend(axes: Axes, handles: Sequence[Artist]) -> None:
    """Name what was drawn: right of the Axes where that leaves them wide enough, else below."""
    if not handles:
        return
    from matplotlib.transforms import ScaledTranslation

    size = font_size("legend.fontsize")
    told = [str(one.get_label()).split("\n") for one in handles]
    width = size * (EM * max(len(line) for lines in told for line in lines) + _HANDLE)
    height = size * _LINE * sum(map(len, told))
    more: dict[str, Any] = {"handles": handles, "frameon": False, "borderaxespad": 0.0, "loc": "upper left"}
    if width <= _SIDE * width_of(axes) and height <= height_of(axes):
        axes.legend(bbox_to_anchor=(1.02, 1.0), **more)
        return
    below = _LINE * (font_size("xtick.labelsize") + font_size("axes.labelsize") * (axes.get_xlabel().count("\n") + 1))
    away = ScaledTranslation(0, -(below + size) / _POINTS, axes.figure.dpi_scale_trans)
    beside = axes.figure.bbox.width / axes.figure.dpi * _POINTS * (1 - axes.get_position().x0)
    columns = min(len(handles), max(1, int(beside / width)))
    axes.legend(bbox_to_anchor=(0.0, 0.0), bbox_transform=axes.transAxes + away, ncols=columns, **more)
