"""How series are told apart: by colour, by marker and by dash, so that no reader needs the colour."""

from __future__ import annotations

from collections.abc import Iterable

from rlgauge.report.page.markup import Markup, tag
from rlgauge.report.page.paths import FINE, Place

NUM_COLOURS = 8
"""Okabe and Ito's, as CSS has them for light and dark: `c0` to `c7`."""
_DASHES = (None, "6 3", "2 2", "8 3 2 3")
_MARKERS = "circle", "square", "diamond", "up", "down", "cross", "star", "hourglass"
_SHAPES = {
    "circle": "m-8 0a8 8 0 1 0 16 0a8 8 0 1 0-16 0z",
    "square": "m-7-7h14v14h-14z",
    "diamond": "m0-9l9 9l-9 9l-9-9z",
    "up": "m0-9l8 15h-16z",
    "down": "m0 9l8-15h-16z",
    "cross": "m-7-7l14 14m-14 0l14-14",
    "star": "m0-9v18m-8-13l16 9m0-9l-16 9",
    "hourglass": "m-8-8h16l-16 16h16z",
}
"""Each begins and is drawn from its middle, in halves of pixels as `paths.FINE` says."""


def colour(number: int) -> str:
    """The class of the colour of the series with this number."""
    return f"c{number % NUM_COLOURS}"


def dash(number: int) -> str | None:
    """Its dashes; from one turn of the colours to the next others."""
    return _DASHES[(number + number // NUM_COLOURS) % len(_DASHES)]


def marker(number: int, x: float, y: float, *, is_hollow: bool = False) -> Markup:
    """Its marker at a place; a hollow one is of what can't be trusted."""
    return markers(number, [(x, y)], is_hollow=is_hollow)


def markers(number: int, places: Iterable[Place], *, is_hollow: bool = False) -> Markup:
    """Its markers at several places, which are one mark."""
    shape = _SHAPES[_MARKERS[(number + number // NUM_COLOURS) % len(_MARKERS)]]
    drawn = "".join(f"M{round(FINE * x)} {round(FINE * y)}{shape}" for x, y in places)
    return (
        tag("path", class_=f"fine mark {colour(number)}{' hollow' if is_hollow else ''}", d=drawn)
        if drawn
        else Markup()
    )
