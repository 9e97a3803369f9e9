"""Figures of speed and memory over environments, through matplotlib; each is a function that draws on given Axes.

Colours are Okabe and Ito's (jfly.uni-koeln.de/color), which people with any colour vision tell apart; markers and
dashes differ, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from rlgauge.report.numbers import short_count

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
MARKERS = "osD^vP*X"
_DASHES = ("-", "--", "-.", ":")


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a figure: `ys` over `xs`, with the ends of their intervals where there are any."""

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    lows: Sequence[float] | None = None
    highs: Sequence[float] | None = None


def throughput_scaling(axes: Axes, series: Sequence[Series], *, rooflines: Sequence[Series | None] = ()) -> None:
    """Steps per second over environments, log-log; rooflines, one a series, are what memory allows at most."""
    _lines(axes, series)
    for number, roofline in enumerate(rooflines):
        if roofline is not None:
            colour = COLOURS[number % len(COLOURS)]
            axes.plot(roofline.xs, roofline.ys, color=colour, linestyle=":", marker="_", linewidth=1)
            axes.annotate(
                "memory bandwidth",
                (roofline.xs[-1], roofline.ys[-1]),
                xytext=(0, 3),
                textcoords="offset points",
                fontsize="x-small",
                ha="right",
                color=colour,
            )
    axes.set(xscale="log", yscale="log", xlabel="environments", ylabel="steps per second")
    _finish(axes, series)


def scaling_efficiency(axes: Axes, series: Sequence[Series]) -> None:
    """Speed as a part of each library's best, over environments."""
    of_best = [
        msgspec.structs.replace(one, ys=[y / max(one.ys) for y in one.ys], lows=None, highs=None) for one in series
    ]
    _lines(axes, of_best)
    axes.set(xscale="log", xlabel="environments", ylabel="part of the library's best speed", ylim=(0, 1.05))
    _finish(axes, series)


def memory_scaling(axes: Axes, series: Sequence[Series]) -> None:
    """Bytes over environments, log-log."""
    _lines(axes, series)
    axes.set(xscale="log", yscale="log", xlabel="environments", ylabel="bytes")
    _finish(axes, series)


def scan_chunk_sensitivity(axes: Axes, series: Sequence[Series]) -> None:
    """Steps per second over the size of a chunk."""
    _lines(axes, series)
    axes.set(xscale="log", xlabel="steps of a chunk", ylabel="steps per second")
    axes.set_ylim(bottom=0)
    _finish(axes, series)


def library_comparison(axes: Axes, series: Sequence[Series]) -> None:
    """Steps per second of each library's best point, the fastest first.

    Dots, not bars: a logarithmic scale has no zero from which a bar could begin.
    """
    order = sorted(range(len(series)), key=lambda number: -max(series[number].ys))
    for place, number in enumerate(order):
        best = max(series[number].ys)
        marker = MARKERS[number % len(MARKERS)]
        axes.plot(best, place, marker=marker, color=COLOURS[number % len(COLOURS)], markersize=8)
        axes.annotate(short_count(best), (best, place), xytext=(8, 0), textcoords="offset points", va="center")
    axes.set_yticks(range(len(order)), [series[number].name for number in order])
    axes.set_ylim(len(order) - 0.5, -0.5)
    axes.set(xscale="log", xlabel="steps per second, best number of environments")
    low, high = axes.get_xlim()
    axes.set_xlim(low / 2, high * 4)
    axes.grid(visible=True, axis="both", which="major", alpha=0.3)
    _plain(axes)


def _lines(axes: Axes, series: Sequence[Series]) -> None:
    for number, one in enumerate(series):
        style = {
            "color": COLOURS[number % len(COLOURS)],
            "marker": MARKERS[number % len(MARKERS)],
            "linestyle": _DASHES[number // len(COLOURS) % len(_DASHES)],
        }
        axes.plot(one.xs, one.ys, label=one.name, markersize=5, linewidth=1.5, **style)  # type: ignore[arg-type]
        if one.lows is not None and one.highs is not None:
            axes.fill_between(one.xs, one.lows, one.highs, color=style["color"], alpha=0.2, linewidth=0)


def _finish(axes: Axes, series: Sequence[Series]) -> None:
    axes.grid(visible=True, which="major", alpha=0.3)
    _plain(axes)
    if len(series) > 1:
        axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=2, borderaxespad=0.2)
    elif series:
        axes.set_title(series[0].name, fontsize="medium", loc="left")


def _plain(axes: Axes) -> None:
    """Without a frame, and with numbers such as 10k on logarithmic axes."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axes.spines[["top", "right"]].set_visible(False)
    for axis in (axes.xaxis, axes.yaxis):
        if axis.get_scale() == "log":
            axis.set_major_formatter(FuncFormatter(lambda number, _place: short_count(number)))
            axis.set_minor_formatter(NullFormatter())
