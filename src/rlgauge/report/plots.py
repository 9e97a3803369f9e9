"""Figures of speed and memory over environments, and of learning, through matplotlib; each draws on given Axes.

Colours are Okabe and Ito's (jfly.uni-koeln.de/color), which people with any colour vision tell apart; markers and
dashes differ, too. A hollow marker is a point that can't be trusted. Legends stand to the right of the axes: a layout
such as matplotlib's "constrained" makes room for them.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypedDict

import msgspec

from rlgauge.report.numbers import short_count

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.lines import Line2D

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
MARKERS = "osD^vP*X"
_DASHES = ("-", "--", "-.", ":")
_NAME_WIDTH = 28
"""Characters of a name in a line of a legend."""
_MARKER_SIZE = 5
_MARKED = 0.15
"""Of the diagonal of a figure, from one marker of a curve to the next."""
_SEED_WIDTH, _SEED_ALPHA = 0.8, 0.6
_MARGIN = 0.08
"""Of what the lines take, above and below them, where bands are cut."""
_LEFT, _TEXT_SHARE = 1.5, 0.55
"""Room before the slowest, as a factor, and for numbers behind the fastest, as a part of the decades before it."""
_FEW_DECADES = 1.5
_BASE = 10


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a figure: `ys` over `xs`, with the ends of their bars where there are any.

    `is_doubtful` says which points can't be trusted.
    """

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    lows: Sequence[float | None] | None = None
    highs: Sequence[float | None] | None = None
    is_doubtful: Sequence[bool] | None = None


class _Style(TypedDict):
    color: str
    marker: str
    linestyle: str


def throughput_scaling(axes: Axes, series: Sequence[Series], *, rooflines: Sequence[Series | None] = ()) -> None:
    """Steps per second over environments, log-log; rooflines, one a series, are what memory allows at most."""
    lines: list[Artist] = list(_lines(axes, series))
    dotted = [
        axes.plot(roofline.xs, roofline.ys, color=_style(number)["color"], linestyle=":", marker="_", linewidth=1)
        for number, roofline in enumerate(rooflines)
        if roofline is not None
    ]
    if dotted:
        lines.append(_key("memory bandwidth", linestyle=":", marker="_", linewidth=1))
    axes.set(xscale="log", yscale="log", xlabel="environments", ylabel="steps per second")
    _finish(axes, lines)


def scaling_efficiency(axes: Axes, series: Sequence[Series], *, bests: Sequence[float]) -> None:
    """Speed as a part of the best of the library whose series it is, over environments."""
    of_best = [
        msgspec.structs.replace(one, ys=[y / best for y in one.ys], lows=None, highs=None)
        for one, best in zip(series, bests, strict=True)
    ]
    lines = _lines(axes, of_best)
    axes.set(xscale="log", xlabel="environments", ylabel="part of the library's best speed", ylim=(0, 1.05))
    _finish(axes, lines)


def memory_scaling(axes: Axes, planned: Sequence[Series], *, held: Sequence[Series]) -> None:
    """Bytes over environments, log-log: planned ones (solid) and those that were held (dashed), in the same order.

    Where there are none of a kind, its series is empty.
    """
    lines: list[Artist] = []
    for number, (plan, hold) in enumerate(zip(planned, held, strict=True)):
        style: dict[str, Any] = {**_style(number), "markersize": _MARKER_SIZE}
        for one, dash in ((plan, "-"), (hold, "--")):
            axes.plot(one.xs, one.ys, linewidth=1.5, **{**style, "linestyle": dash})
        lines.append(_key(plan.name, **{**style, "linestyle": "none"}))
    lines += [
        _key(name, linestyle=dash, linewidth=1.5)
        for name, dash, some in (
            ("planned by the compiler", "-", planned),
            ("held beyond a single environment's process", "--", held),
        )
        if any(one.xs for one in some)
    ]
    axes.set(xscale="log", yscale="log", xlabel="environments", ylabel="bytes")
    _finish(axes, lines)


def scan_chunk_sensitivity(axes: Axes, series: Sequence[Series]) -> None:
    """Steps per second over the size of a chunk."""
    lines = _lines(axes, series)
    axes.set_xscale("log", base=2)
    axes.set(xlabel="steps of a chunk", ylabel="steps per second")
    axes.set_ylim(bottom=0)
    _finish(axes, lines)


def library_comparison(axes: Axes, series: Sequence[Series]) -> None:
    """Steps per second of each library's best point, the fastest first, and at how many environments that was.

    Dots, not bars: a logarithmic scale has no zero from which a bar could begin. At least one series.
    """
    order = sorted(range(len(series)), key=lambda number: -max(series[number].ys))
    for place, number in enumerate(order):
        one = series[number]
        index = max(range(len(one.ys)), key=lambda index: one.ys[index])
        best, at = one.ys[index], one.xs[index]
        point = Series(name=one.name, xs=[best], ys=[place], is_doubtful=_at(one.is_doubtful, index))
        _lines(axes, [point], first=number)
        axes.annotate(
            f"{short_count(best)} at {short_count(at)}",
            (best, place),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            fontsize="small",
        )
    axes.set_yticks(range(len(order)), [_folded(series[number].name) for number in order])
    axes.set_ylim(len(order) - 0.5, -0.5)
    axes.set(xscale="log", xlabel="steps per second, the best")
    bests = [max(one.ys) for one in series]
    span = _LEFT * max(bests) / min(bests)
    axes.set_xlim(min(bests) / _LEFT, max(bests) * max(2.0, span**_TEXT_SHARE))
    axes.grid(visible=True, axis="both", which="major", alpha=0.3)
    _plain(axes, names=[axes.yaxis])


def learning_curve(
    axes: Axes,
    series: Sequence[Series],
    *,
    alone: Sequence[Sequence[Series]],
    what: str,
    seeds: Sequence[Sequence[Series]] = (),
) -> None:
    """A quantity over environment steps: of each series a line, its interval as a band, and its runs `alone`, dotted.

    `alone` has as many parts as there are series: the runs that are in no mean, which may be all of them. With `seeds`,
    as many parts of runs that are in a mean, these are thin lines, and bands are cut that leave what the lines take:
    those of few seeds would hide them.
    """
    lines: list[Artist] = []
    for number, (one, own) in enumerate(zip(series, alone, strict=True)):
        style = _style(number)
        lines += axes.plot(
            one.xs, one.ys, label=_folded(one.name), markersize=_MARKER_SIZE, markevery=_MARKED, linewidth=1.5, **style
        )
        for run in own:
            axes.plot(run.xs, run.ys, color=style["color"], linestyle=":", linewidth=0.9)
        for run in seeds[number] if seeds else ():
            axes.plot(run.xs, run.ys, color=style["color"], linewidth=_SEED_WIDTH, alpha=_SEED_ALPHA)
    if any(seeds):
        axes.margins(y=_MARGIN)
        axes.set_ylim(axes.get_ylim())
    for number, one in enumerate(series):
        _band(axes, one, COLOURS[number % len(COLOURS)])
    axes.set(xlabel="environment steps", ylabel=what)
    axes.set_xlim(left=0)
    _finish(axes, lines, plain_y=False)


def _band(axes: Axes, one: Series, colour: str) -> None:
    """The area from the lows to the highs, as far as there are such."""
    ends = zip(one.xs, one.lows or (), one.highs or (), strict=False)
    known = [(x, low, high) for x, low, high in ends if low is not None and high is not None]
    if known:
        xs, lows, highs = zip(*known, strict=True)
        axes.fill_between(xs, lows, highs, color=colour, alpha=0.2, linewidth=0)


def _at(flags: Sequence[bool] | None, index: int) -> list[bool] | None:
    return None if flags is None else [flags[index]]


def _style(number: int) -> _Style:
    return {
        "color": COLOURS[number % len(COLOURS)],
        "marker": MARKERS[number % len(MARKERS)],
        "linestyle": _DASHES[number // len(COLOURS) % len(_DASHES)],
    }


def _lines(axes: Axes, series: Sequence[Series], *, first: int = 0) -> list[Line2D]:
    """The lines that were drawn, one a series."""
    lines = []
    for number, one in enumerate(series, start=first):
        style = _style(number)
        lines += axes.plot(one.xs, one.ys, label=_folded(one.name), markersize=_MARKER_SIZE, linewidth=1.5, **style)
        _bars(axes, one, style["color"])
        _hollow(axes, one, style)
    return lines


def _bars(axes: Axes, one: Series, colour: str) -> None:
    """Thin bars from each low to its high."""
    ends = zip(one.xs, one.lows or (), one.highs or (), strict=False)
    known = [(x, low, high) for x, low, high in ends if low is not None and high is not None]
    if known:
        xs, lows, highs = zip(*known, strict=True)
        axes.vlines(xs, lows, highs, color=colour, linewidth=0.8)
        axes.plot([*xs, *xs], [*lows, *highs], color=colour, linestyle="none", marker="_", markersize=4)


def _hollow(axes: Axes, one: Series, style: _Style) -> None:
    """Markers without a filling over the points that can't be trusted."""
    doubtful = [(x, y) for x, y, flag in zip(one.xs, one.ys, one.is_doubtful or (), strict=False) if flag]
    if doubtful:
        xs, ys = zip(*doubtful, strict=True)
        axes.plot(
            xs,
            ys,
            color=style["color"],
            marker=style["marker"],
            markersize=_MARKER_SIZE,
            linestyle="none",
            markerfacecolor="white",
            zorder=3,
        )


def _key(name: str, **style: Any) -> Line2D:  # noqa: ANN401  # matplotlib's own
    """What stands in a legend without being a line of the figure."""
    from matplotlib.lines import Line2D

    return Line2D([], [], label=_folded(name), **{"color": "#555555", **style})


def _folded(name: str) -> str:
    return textwrap.fill(name, _NAME_WIDTH, break_on_hyphens=False)


def _finish(axes: Axes, lines: Sequence[Artist], *, plain_y: bool = True) -> None:
    axes.grid(visible=True, which="major", alpha=0.3)
    _plain(axes, names=[] if plain_y else [axes.yaxis])
    if len(lines) > 1:
        axes.legend(
            handles=lines,
            frameon=False,
            fontsize="x-small",
            loc="upper left",
            bbox_to_anchor=(1.0, 1.0),
            borderaxespad=0.0,
        )
    elif lines:
        axes.set_title(str(lines[0].get_label()), fontsize="medium", loc="left")


def _plain(axes: Axes, *, names: Sequence[Axis] = ()) -> None:
    """Without a frame, and with numbers such as 10k except where there are names."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axes.spines[["top", "right"]].set_visible(False)
    for axis in (axes.xaxis, axes.yaxis):
        if axis.get_scale() == "log":
            axis.set_minor_formatter(NullFormatter())
            _more_ticks(axis)
        if axis not in names:
            axis.set_major_formatter(FuncFormatter(lambda number, _place: short_count(number)))


def _more_ticks(axis: Axis) -> None:
    """Name 2 and 5, too, where there are few powers of ten."""
    from matplotlib.ticker import LogLocator

    low, high = axis.get_view_interval()
    is_decimal = getattr(axis.get_transform(), "base", _BASE) == _BASE
    if is_decimal and low > 0 and high / low < _BASE**_FEW_DECADES:
        axis.set_major_locator(LogLocator(base=_BASE, subs=(1.0, 2.0, 5.0)))
