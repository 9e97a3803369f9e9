"""What figures have in common: axes, names that have room, and the frame around them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from rlgauge.report.page.markup import Markup, number, tag
from rlgauge.report.page.scales import Scale, labels

WIDTH = 720.0
"""Of a figure by itself; of one among many, `NARROW`."""
NARROW = 400.0
ROW, GAP, TOP, BOTTOM = 22.0, 12.0, 10.0, 44.0
HEADING = ROW * 0.8
LEFT, RIGHT = 64.0, 14.0
_LETTER, _CAPITAL, _WIDEST = 7.7, 10.1, 12.0
"""How wide letters are in as wide a font as DejaVu Sans: most, capitals and signs of arithmetic, and the widest."""
_MOST_NAME, _MOST_NARROW = 34, 20
"""A name that is longer is cut, and whole in what is told of its mark."""
_TICK_ROOM = 70.0
"""So much of an axis has one tick."""
_MOST_TICKS = 6
_STACKED = 0.42
"""Names that take more of the width stand above what they name."""
STACKED = 15.0
"""So much higher is a row then."""


def grid(scale: Scale, top: float, bottom: float, axis: str) -> list[Markup]:
    """Lines across, their values below, and the name of the axis."""
    ticks = _ticks(scale)
    across = "".join(f"M{number(scale.place(tick))} {number(top)}V{number(bottom)}" for tick in ticks)
    words = [
        text(label, x=scale.place(tick), y=bottom + 16, class_="tick mid")
        for tick, label in zip(ticks, labels(ticks, is_log=scale.is_log), strict=True)
    ]
    middle = (scale.first + scale.last) / 2
    return [tag("path", class_="grid", d=across), *words, text(axis, x=middle, y=bottom + 36, class_="axis mid")]


def left_axis(scale: Scale, axis: str, *, last: float) -> list[Markup]:
    """Lines from the left to `last`, their values before them, and the name of the axis."""
    ticks = scale.ticks()
    across = "".join(f"M{number(LEFT)} {number(scale.place(tick))}H{number(last)}" for tick in ticks)
    words = [
        text(label, x=LEFT - 6, y=scale.place(tick) + 4, class_="tick end")
        for tick, label in zip(ticks, labels(ticks, is_log=scale.is_log), strict=True)
    ]
    middle = (scale.first + scale.last) / 2
    turned = text(axis, x=0, y=0, class_="axis mid", transform=f"translate(14 {number(middle)}) rotate(-90)")
    return [tag("path", class_="grid", d=across), *words, turned]


def _ticks(scale: Scale) -> list[float]:
    """As many as have room, but two at least where there are any."""
    room_for = max(3, min(_MOST_TICKS, round(abs(scale.last - scale.first) / _TICK_ROOM)))
    found = (scale.ticks(most) for most in range(room_for, 2 * _MOST_TICKS))
    return next((ticks for ticks in found if len(ticks) > 1), scale.ticks())


def text(words: str, **attributes: str | float) -> Markup:
    """Words at a place."""
    return tag("text", words, **attributes)


def room(name: str) -> float:
    """How wide a name is at most."""
    return sum(
        _WIDEST if one in "mwMW@%" or not one.isascii() else _CAPITAL if one.isupper() or one in "<>+=~" else _LETTER
        for one in name
    )


def cut(name: str, width: float = WIDTH) -> str:
    """The name, or its beginning with an ellipsis where a figure so wide has no room for it."""
    return _cut(name, _MOST_NAME if width >= WIDTH else _MOST_NARROW)


def _cut(name: str, most: int) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


def column(names: Iterable[str], width: float) -> tuple[float, bool]:
    """Where the column of the names ends, and whether there is none: they stand above what they name."""
    left = 14 + max((room(cut(name, width)) for name in names), default=0.0)
    return (0.0, True) if left > _STACKED * width else (left, False)


def name_of(label: str, width: float, left: float, *, y: float) -> Markup:
    """The name of a row in its column; above the row where there is no column."""
    if left:
        return text(cut(label, width), x=left, y=y, class_="end")
    ends = itertools.accumulate(room(letter) for letter in label[: int(width)])
    return text(_cut(label, sum(end < width - RIGHT for end in ends)), x=6, y=y - STACKED)


def told(words: str) -> dict[str, str | float]:
    """The attributes of a mark that says this on hover and focus, and to a screen reader."""
    return {"role": "img", "aria_label": words}


def moved(x: float, y: float) -> str:
    """The attribute that moves a group there."""
    return f"translate({number(x)} {number(y)})"


def svg(
    parts: Sequence[Markup], *, width: float, height: float, title: str, class_: str = "", style: str | None = None
) -> Markup:
    """The frame around a figure; a screen reader is told its title."""
    box = f"0 0 {number(width)} {number(height)}"
    classes = f"figure {'wide' if width >= WIDTH else 'narrow'}{class_}"
    return tag("svg", parts, viewBox=box, role="group", aria_label=title, class_=classes, style=style)
