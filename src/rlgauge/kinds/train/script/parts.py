"""Vectors that step their environments one by one: each of these has a tally, and all of them are one environment."""

from __future__ import annotations

import sys

from rlgauge.kinds.train.script.counts import THROUGH, Counts
from rlgauge.kinds.train.script.layers import Env, attribute, chain, name_of
from rlgauge.kinds.train.script.turns import Origin

PART = "_rlgauge_part"
"""Name of the attribute that tells of which vector an environment is a part."""


class Part:
    """A vector, and the place of one of its environments. A copy of that is no part of it."""

    __slots__ = ("origin", "place")

    def __init__(self, origin: Origin, place: int = 0) -> None:
        self.origin = origin
        self.place = place

    def __deepcopy__(self, memo: dict[int, object]) -> None:
        return None

    def __reduce__(self) -> tuple[type[None], tuple[()]]:
        return type(None), ()


def pass_through(counts: Counts, layers: list[Env], parts: list[Env]) -> None:
    """Have the parts of a vector be counted one by one, as those of one environment."""
    for layer in layers:
        counts.mark(layer, THROUGH)
    known = attribute(parts[0], PART)
    kind = name_of(parts[0]) or type(chain(parts[0])[-1]).__name__
    turns = counts.turns
    is_known = known is not None and turns.has(known.origin)
    origin = known.origin if is_known else turns.meet(kind, sys._getframe())  # noqa: SLF001  # who resets it
    for place, part in enumerate(parts):
        object.__setattr__(part, PART, Part(origin, place))
