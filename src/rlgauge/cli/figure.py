"""A figure of `rlgauge plot`: what it is called, and what draws it."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import Any, NamedTuple

_CHARACTERS_PER_INCH = 23
"""Of small print."""


class Told(NamedTuple):
    """What is written above the axes, and in small print below them."""

    title: str
    note: str


class Figure(NamedTuple):
    """`draw` draws on matplotlib's Axes, and says what is to be written; None where there is nothing to show."""

    name: str
    heading: str
    draw: Callable[[Any], Told | None]


def wrapped(note: str, *, inches: float) -> str:
    """Small print in lines that fit into so many inches."""
    return textwrap.fill(note, int(inches * _CHARACTERS_PER_INCH))
