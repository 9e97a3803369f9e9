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
LEFT, RIGHT = 58.0, 14.0
ABOVE = 26.0
"""How far below the upper edge lines begin: the name of the y axis stands above them."""
_FIRST = 18.0
"""Where the first value of an axis stands that has no names before it: its label has room."""
_LETTER, _CAPITAL, _WIDEST = 7.7, 10.1, 12.0
"""How wide letters are in as wide a font as DejaVu Sans: most, capitals and signs of arithmetic, and the widest."""
_BOLD = 1.12
"""How much wider those of a heading are."""
_TICK_ROOM = 70.0
"""So much of an axis has one tick."""
_MOST_TICKS = 6
_STACKED = 0.46
"""Names that take more of the width stand above what they name."""
STACKED = 15.0
"""So much higher is a row then."""
_LEAST_SCALE = 0.8
"""So much smaller is what scrolls."""
_LINE = 14.0
"""From one line of the name of an axis to the next."""


def grid(scale: Scale, top: float, bottom: float, axis: str) -> list[Markup]:
    """Lines across, their values below, and the name of the axis."""
    ticks = _ticks(scale)
    across = "".join(f"M{number(scale.place(tick))} {number(top)}V{number(bottom)}" for tick in ticks)
    width = scale.last + RIGHT
    words = [
        text(label, x=within(scale.place(tick), room(label), width), y=bottom + 16, class_="tick mid")
        for tick, label in zip(ticks, labels(ticks, is_log=scale.is_log, base=scale.base), strict=True)
    ]
    middle = (scale.first + scale.last) / 2
    return [tag("path", class_="grid", d=across), *words, *axis_name(axis, middle, bottom + 36, width)]


def axis_name(axis: str, x: float, y: float, width: float) -> list[Markup]:
    """The name of an axis, in the middle of its place or as near as a figure so wide has room; in lines if need be."""
    return [
        text(line, x=within(x, room(line), width), y=y + place * _LINE, class_="axis mid")
        for place, line in enumerate(_lines(axis, width))
    ]


def more_lines(axis: str, width: float) -> float:
    """How much higher a figure is whose axis has such a name: by its lines after the first."""
    return _LINE * (len(_lines(axis, width)) - 1)


def _lines(words: str, width: float) -> list[str]:
    """The words in lines that have room; a word that has none is cut."""
    lines = [""]
    for word in words.split():
        longer = f"{lines[-1]} {word}".lstrip()
        if lines[-1] and room(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return [cut(line, width) for line in lines]


def within(x: float, wide: float, width: float) -> float:
    """The middle of words so wide that begin and end within the figure."""
    return round(max(min(x, width - wide / 2), wide / 2), 1)


def left_axis(scale: Scale, axis: str, *, last: float) -> list[Markup]:
    """Lines from the left to `last`, their values before them, and above them the name of the axis."""
    ticks = scale.ticks()
    across = "".join(f"M{number(LEFT)} {number(scale.place(tick))}H{number(last)}" for tick in ticks)
    words = [
        text(label, x=LEFT - 6, y=scale.place(tick) + 4, class_="tick end")
        for tick, label in zip(ticks, labels(ticks, is_log=scale.is_log), strict=True)
    ]
    return [tag("path", class_="grid", d=across), *words, named(axis, last, x=2, y=12, class_="axis")]


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
    return sum(map(_room, name))


def _room(one: str) -> float:
    if one in "mwMW@%" or not one.isascii():
        return _WIDEST
    return _CAPITAL if one.isupper() or one in "<>+=~" else _LETTER


def cut(name: str, width: float) -> str:
    """The name, or its beginning and its end, in which names often differ, where so much room does not hold it."""
    if len(name) <= width / _LETTER + 1 and room(name) <= width:
        return name
    half = (width - _WIDEST) / 2
    first, last = _fitting(name, half), _fitting(name[::-1], half)
    return f"{name[:first]}…{name[len(name) - last :]}"


def _fitting(name: str, width: float) -> int:
    """How many letters of the beginning have so much room."""
    ends = itertools.accumulate(map(_room, name[: int(width)]))
    return sum(end <= width for end in ends)


def named(name: str, width: float, **attributes: str | float) -> Markup:
    """The name at a place, so much of it as has room; the mouse is told the whole of one that is cut."""
    short = cut(name, width)
    return tag("text", short, None if short == name else tag("title", name), **attributes)


def heading(name: str, width: float, *, y: float) -> Markup:
    """The name of a group of rows, above them."""
    return named(name, (width - 4) / _BOLD, x=4, y=y, class_="group")


def column(names: Iterable[str], width: float) -> tuple[float, bool]:
    """Where the column of the names ends, and whether there is none: they stand above what they name."""
    left = 14 + max(map(room, names), default=0.0)
    return (0.0, True) if left > _STACKED * width else (left, False)


def begins(left: float) -> float:
    """Where an axis begins whose names end there."""
    return max(left + 8, _FIRST)


def name_of(label: str, width: float, left: float, *, y: float) -> Markup:
    """The name of a row in its column; above the row where there is no column."""
    if left:
        return text(label, x=left, y=y, class_="end")
    return named(label, width - 6, x=6, y=y - STACKED, class_="over")


def told(words: str, *names: str, width: float) -> dict[str, str | float]:
    """The attributes of a mark that says this on hover and focus, and to a screen reader.

    Of its names those are said, too, that may have no room to stand in full in so much width.
    """
    lacking = [name for name in names if name not in words and room(name) > (width - 6) / _BOLD]
    return {"role": "img", "aria_label": ": ".join([*lacking, words])}


def moved(x: float, y: float) -> str:
    """The attribute that moves a group there."""
    return f"translate({number(x)} {number(y)})"


def svg(
    parts: Sequence[Markup],
    *,
    width: float,
    height: float,
    title: str,
    class_: str = "",
    style: str = "",
    needed: float = 0.0,
) -> Markup:
    """The frame around a figure; a screen reader is told its title. Where it is wider than the width, it scrolls."""
    box = f"0 0 {number(max(width, needed))} {number(height)}"
    if needed > width:
        style = f"{style};min-width:{round(_LEAST_SCALE * needed)}px"
    classes = f"figure {'wide' if width >= WIDTH else 'narrow'}{class_}"
    return tag("svg", parts, viewBox=box, role="group", aria_label=title, class_=classes, style=style or None)
