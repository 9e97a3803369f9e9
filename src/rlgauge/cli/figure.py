"""A figure of a report as a file: how wide, how high, in which letters."""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from rlgauge.core.errors import UserError
from rlgauge.core.files import plain_errors
from rlgauge.report import plots
from rlgauge.report.charts import Chart, Heat, Lines
from rlgauge.report.content import Figure
from rlgauge.report.plots_style import PROSE, plain_lines

_UNDATED: dict[str, Any] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
"""Equal figures are equal files."""
_MOST_DOTS = 2**16 - 1
"""Of a side of a picture that can be drawn."""
_SHARE = 0.77
"""What Axes have of a figure before there is a layout."""
_ROOM = 5.0
"""Inches that suffice for what stands above and below Axes at first."""
_POINTS = 72
_LEFT = 0.01
_LINE = 1.6
"""From row to row, as a part of the size of letters."""
_GLYPH = re.compile(r"Glyph (\d+) ")
_PADS = dict.fromkeys(("figure.constrained_layout.w_pad", "figure.constrained_layout.h_pad"), 0.06)
"""Inches around all."""
_FEW, _SHORT, _SHORT_CELLS = 5, 18, 24
"""Lines, and characters of names and of a row of cells, for which a column of a paper is wide enough."""


class Style(NamedTuple):
    """`widths` in inches, the narrow one first; `heights` of the Axes of lines; `letters` and `lines` in points."""

    widths: tuple[float, float]
    heights: tuple[float, float]
    letters: float
    lines: float

    def settings(self) -> dict[str, Any]:
        """For matplotlib; letters are part of a pdf, so that whoever prints it has them."""
        sizes = ("font.size", "xtick.labelsize", "ytick.labelsize", "axes.labelsize", "legend.fontsize")
        widths = ("axes.linewidth", "grid.linewidth", "xtick.major.width", "ytick.major.width")
        return {
            **dict.fromkeys(sizes, self.letters),
            **dict.fromkeys(("axes.titlesize", "figure.titlesize"), self.letters * 1.125),
            **dict.fromkeys(("figure.labelsize",), self.letters),
            **dict.fromkeys(widths, self.lines * 0.45),
            **dict.fromkeys(("xtick.minor.width", "ytick.minor.width"), self.lines * 0.35),
            "lines.linewidth": self.lines,
            "lines.markersize": self.lines * 3.4,
            "pdf.fonttype": 42,
        }


STYLES = {
    "paper": Style((3.4, 7.0), (2.0, 2.8), 8.0, 1.3),
    "slides": Style((12.0, 12.0), (4.8, 4.8), 18.0, 2.8),
}


def save(one: Figure, path: Path, *, style: Style, dpi: int) -> str:
    """Write the figure; what comes back are letters that no font has. Raises UserError where it can't be written."""
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    settings: Any = {**style.settings(), "svg.hashsalt": path.stem, **_PADS}
    with mpl.rc_context(settings), _without_glyphs() as missing:
        number = 0 if _is_narrow(one.chart) else 1
        size = style.widths[number], 1.0
        figure, axes = plt.subplots(figsize=size, dpi=dpi if path.suffix == ".png" else _POINTS, layout="constrained")
        try:
            _check(path, _height(one.chart, style, style.widths[number]) * dpi)
            _draw(figure, axes, one, style=style)
            _check(path, figure.get_figheight() * dpi)
            with plain_errors(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                figure.savefig(path, dpi=dpi, metadata=_UNDATED.get(path.suffix))
        finally:
            plt.close(figure)
    return "".join(dict.fromkeys(missing))


@contextlib.contextmanager
def _without_glyphs() -> Iterator[list[str]]:
    """Fills with the letters that matplotlib warns of as it has no font for them; other warnings go on."""
    missing: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield missing
    for one in caught:
        found = _GLYPH.match(str(one.message))
        if found is None:
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
        else:
            missing.append(chr(int(found[1])))


def _draw(figure: Any, axes: Any, one: Figure, *, style: Style) -> None:  # noqa: ANN401  # matplotlib's
    """Draw it, and make the figure so high that the Axes have their height.

    Drawn again once it is known how wide and how high the Axes are: names and legends stand where there is room.
    """
    _write(figure, one)
    width = _SHARE * figure.get_figwidth()
    figure.set_figheight(_height(one.chart, style, width) / _SHARE)
    for is_last in (False, True):
        axes.clear()
        plots.draw(axes, one.chart)
        axes.set_title("", loc="left")
        height, legend = _height(one.chart, style, width), axes.get_legend()
        figure.set_figheight(height + _ROOM + (legend.get_window_extent().height / figure.dpi if legend else 0.0))
        figure.draw_without_rendering()
        around = figure.get_figheight() * (1 - axes.get_position().height)
        figure.set_figheight(height + around)
        if not is_last:
            figure.draw_without_rendering()
            width = figure.get_figwidth() * axes.get_position().width


def _write(figure: Any, one: Figure) -> None:  # noqa: ANN401  # matplotlib's
    """The title above, and below in small print what marks are."""
    _fold(figure, figure.suptitle(" ", x=_LEFT, ha="left", fontweight="bold"), one.chart.title)
    if one.captions:
        _fold(figure, figure.supxlabel(" ", x=_LEFT, ha="left", color="#444444"), " ".join(one.captions))


def _fold(figure: Any, text: Any, words: str) -> None:  # noqa: ANN401  # matplotlib's
    """Write the words in lines as long as the figure is wide."""
    letters = int(figure.get_figwidth() * _POINTS / PROSE / text.get_fontsize())
    for width in range(letters, letters // 2, -1):
        text.set_text(plain_lines(words, width))
        if text.get_window_extent().width < (1 - 3 * _LEFT) * figure.bbox.width:
            return


def _is_narrow(chart: Chart) -> bool:
    """Whether a column of a paper is wide enough for it."""
    if isinstance(chart, Lines):
        return len({line.name for line in chart.lines if line.is_named}) + len(chart.keys) <= _FEW
    if isinstance(chart, Heat):
        cells = len(chart.columns) * max(len(text) for row in chart.texts for text in row)
        return cells <= _SHORT_CELLS and max(map(len, chart.rows)) <= _SHORT
    groups = max((len(row.group) for row in chart.rows), default=0)
    return max((len(row.label) for row in chart.rows), default=0) <= _SHORT and groups <= 2 * _SHORT


def _height(chart: Chart, style: Style, width: float) -> float:
    """Of Axes of this width, in inches."""
    if isinstance(chart, Lines):
        return style.heights[0 if width < style.widths[0] else 1]
    return plots.num_rows(chart, width=width * _POINTS) * _LINE * style.letters / _POINTS


def _check(path: Path, height: float) -> None:
    """Raise UserError for a picture that is more dots high than can be drawn."""
    if path.suffix == ".png" and height > _MOST_DOTS:
        raise UserError(
            f"{path.name} would be {height:,.0f} dots high, more than can be drawn: give a smaller --dpi, "
            "--format pdf, or fewer tasks with --task."
        )
