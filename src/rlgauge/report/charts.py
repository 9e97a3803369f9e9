"""What figures show, without any drawing: the page draws these as SVG, `rlgauge plot` by matplotlib.

`series` is the number of a colour, marker and dash, so that a group looks the same in all figures. `told` is what is
said of a mark on hover and focus.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from rlgauge.stats.summary import Summary


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A point with its interval; rows that follow one another with the same `group` stand under one heading.

    `others` are shown as small dots: what each seed came to. A doubtful point, one that can't be trusted, is hollow.
    `summary` is what stands behind the point, for formats that have columns for it.
    """

    label: str
    group: str = ""
    point: float
    low: float | None = None
    high: float | None = None
    others: Sequence[float] = ()
    series: int
    told: str
    is_doubtful: bool = False
    summary: Summary | None = None


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """A value that means something, as a line across the figure: a draw, a target, the baseline."""

    value: float
    name: str


class Intervals(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of points with intervals over one axis. `band` is a span of values within which nothing is told apart.

    The axis shows at least what is `within`: all that a probability can be.
    """

    title: str
    rows: Sequence[Row]
    axis: str
    within: tuple[float, float] | None = None
    is_log: bool = False
    marks: Sequence[Mark] = ()
    band: tuple[float, float] | None = None
    band_name: str = ""


class Manner(StrEnum):
    """How a line looks, beside what its series says."""

    PLAIN = "plain"
    """With markers, and the dash of its series."""
    THIN = "thin"
    """A single seed: thin, without markers."""
    DOTTED = "dotted"
    """What did not come to its end: dotted, without markers."""
    DASHED = "dashed"
    """Another quantity of the same series: long dashes."""
    BOUND = "bound"
    """A limit: finely dotted, without markers."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line over `xs`, with an interval from `lows` to `highs` where there are any; NaN is a gap.

    The legend names it if it `is_named`. `is_doubtful` says which points can't be trusted: they are hollow. `lost` are
    places on the x axis where there should be a value and is none: crosses at the lower edge.
    """

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    lows: Sequence[float | None] = ()
    highs: Sequence[float | None] = ()
    series: int
    manner: Manner = Manner.PLAIN
    is_named: bool = True
    is_doubtful: Sequence[bool] = ()
    lost: Sequence[float] = ()


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of a legend for all lines of a manner: `planned by the compiler` is what is plain.

    It has the colour of `series` where they all have that one.
    """

    name: str
    manner: Manner
    series: int | None = None


class Lines(msgspec.Struct, frozen=True, kw_only=True):
    """Lines over two axes. Intervals are bands, or bars at each point where `has_bars`.

    `is_markers_only` leaves out what joins the points. `log_base` is that of a logarithmic x axis: 2 for sizes of
    chunks. An axis that is `from_zero` begins at 0.
    """

    title: str
    lines: Sequence[Line]
    x_axis: str
    y_axis: str
    is_x_log: bool = False
    is_y_log: bool = False
    log_base: int = 10
    has_bars: bool = False
    is_x_from_zero: bool = False
    is_y_from_zero: bool = False
    is_markers_only: bool = False
    keys: Sequence[Key] = ()
    marks: Sequence[Mark] = ()
    """Values of the y axis."""


class Heat(msgspec.Struct, frozen=True, kw_only=True):
    """A grid of values, None where there is none; `texts` is what is written in each cell, `told` what is said of it.

    Where `is_diverging`, colours begin at `middle` and go both ways.
    """

    title: str
    rows: Sequence[str]
    columns: Sequence[str]
    values: Sequence[Sequence[float | None]]
    texts: Sequence[Sequence[str]]
    told: Sequence[Sequence[str]]
    axis: str
    middle: float | None = None


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """A row of parts that make up a whole, one a name of the chart."""

    label: str
    group: str = ""
    parts: Sequence[float]
    told: str


class Shares(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of parts beside one another: ranks, or kinds of failure. Each row is scaled to one unless `is_counts`.

    Names that have an order, the most first, are shades of one colour where `is_ordered`.
    """

    title: str
    names: Sequence[str]
    rows: Sequence[Share]
    axis: str
    is_counts: bool = False
    is_ordered: bool = False


Chart = Intervals | Lines | Heat | Shares
