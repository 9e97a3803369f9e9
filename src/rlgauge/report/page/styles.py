"""How series are told apart: by colour, by marker and by dash, so that no reader needs the colour."""

from __future__ import annotations

from rlgauge.report.page.markup import Markup, tag

NUM_COLOURS = 8
"""Okabe and Ito's, as CSS has them for light and dark: `c0` to `c7`."""
_DASHES = (None, "6 3", "2 2", "8 3 2 3")
_MARKERS = "circle", "square", "diamond", "up", "down", "cross", "star", "hourglass"
_SHAPES = {
    "square": "M-3.2 -3.2H3.2V3.2H-3.2Z",
    "diamond": "M0 -4.4L4.4 0L0 4.4L-4.4 0Z",
    "up": "M0 -4.3L4.1 3.2H-4.1Z",
    "down": "M0 4.3L4.1 -3.2H-4.1Z",
    "cross": "M-3.6 -3.6L3.6 3.6M-3.6 3.6L3.6 -3.6",
    "star": "M0 -4.6V4.6M-4 -2.3L4 2.3M-4 2.3L4 -2.3",
    "hourglass": "M-3.8 -4H3.8L-3.8 4H3.8Z",
}


def colour(number: int) -> str:
    """The class of the colour of the series with this number."""
    return f"c{number % NUM_COLOURS}"


def dash(number: int) -> str | None:
    """Its dashes; from one turn of the colours to the next others."""
    return _DASHES[(number + number // NUM_COLOURS) % len(_DASHES)]


def marker(number: int, x: float, y: float, *, is_hollow: bool = False) -> Markup:
    """Its marker at a place; a hollow one is of what can't be trusted."""
    shape = _MARKERS[(number + number // NUM_COLOURS) % len(_MARKERS)]
    classes = f"mark {colour(number)}{' hollow' if is_hollow else ''}"
    if shape == "circle":
        return tag("circle", class_=classes, cx=x, cy=y, r=3.8)
    return tag("path", class_=classes, d=_SHAPES[shape], transform=f"translate({x:.2f} {y:.2f})")
