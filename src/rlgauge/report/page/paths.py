"""Lines as SVG writes them, as short as the screen allows."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

Place = tuple[float, float]
FINE = 2
"""Paths of lines are written in halves of a pixel, so that their numbers are whole; CSS has `.fine` to match."""
_TOLERANCE = 0.75
"""So far above or below a point that it leaves out a line may pass, in pixels."""
_FEW_DOTS = 12


def path(places: Sequence[Place]) -> str:
    """A line through places, in halves of pixels, each told from the one before."""
    parts: list[str] = []
    before = (0, 0)
    for at in places:
        here = round(at[0] * FINE), round(at[1] * FINE)
        across, down = here[0] - before[0], here[1] - before[1]
        if len(parts) > 1 and not across and not down:
            continue
        begins = "m" if not parts else "l" if len(parts) == 1 else "" if across < 0 else " "
        parts.append(f"{begins}{across}{'' if down < 0 else ' '}{down}")
        before = here
    return "".join(parts)


def thinned(places: Sequence[Place], tolerance: float = _TOLERANCE) -> list[Place]:
    """Those of the places that a line needs to pass every other one within the tolerance, up or down.

    The ends stay. Places whose x do not rise all stay: they are no function of x.
    """
    if not places or any(after[0] <= one[0] for one, after in itertools.pairwise(places)):
        return list(places)
    kept = [places[0]]
    low, high = float("-inf"), float("inf")
    for before, (x, y) in itertools.pairwise(places):
        begun_x, begun_y = kept[-1]
        slope = (y - begun_y) / (x - begun_x)
        if not low <= slope <= high:
            kept.append(before)
            begun_x, begun_y = before
            low, high = float("-inf"), float("inf")
        low = max(low, (y - tolerance - begun_y) / (x - begun_x))
        high = min(high, (y + tolerance - begun_y) / (x - begun_x))
    return [*kept, places[-1]] if len(places) > 1 else kept


def dots(xs: Iterable[float]) -> str:
    """A dot at each of the places on a row: lines of no length, whose ends are round; many of them to three pixels."""
    given = list(xs)
    step = 1 if len(given) <= _FEW_DOTS else 3
    parts: list[str] = []
    before = 0
    for at in sorted({step * round(x / step) for x in given}):
        parts.append(f"M{at} 0h0" if not parts else f"m{at - before} 0h0")
        before = at
    return "".join(parts)
