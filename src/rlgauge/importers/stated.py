"""What a file states beside its episodes: whether the two agree, and the numbers that it gives its episodes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from rlgauge.core.reading import Total
from rlgauge.core.run import Record
from rlgauge.importers.findings import shortened
from rlgauge.importers.quantities import is_number, summed

_PERCENT = 100.0


def indices(told: Sequence[Mapping[str, Any]], key: str) -> list[int]:
    """The episodes' own numbers; their places where one has none, or where two have the same."""
    own = [entry.get(key) for entry in told]
    kept = [index for index in own if isinstance(index, int) and not isinstance(index, bool) and index >= 0]
    return kept if len(set(kept)) == len(told) else list(range(len(told)))


def ordered(episodes: Iterable[Record]) -> tuple[Record, ...]:
    """The episodes by their numbers."""
    return tuple(sorted(episodes, key=lambda episode: episode.index))


def differences(
    name: str, stated: Mapping[str, Any], episodes: Sequence[Record], quantities: Mapping[str, str]
) -> Iterator[str]:
    """What is stated of episodes and is not theirs, beyond rounding; `quantities` by the keys that state their means.

    A mean of success is stated from 0 to 100.
    """
    if not episodes:
        return
    num = stated.get("n_episodes")
    valid = [episode for episode in episodes if episode.error is None]
    if is_number(num) and num not in {len(episodes), len(valid)}:
        yield f"{name} states n_episodes {num} and has {len(episodes)}"
    totals = summed(episodes, quantities.values())
    for key, quantity in quantities.items():
        mean, said = _mean(totals[quantity], quantity), stated.get(key)
        if mean is not None and is_number(said) and not _is_rounded(float(said or 0), mean):
            yield f"{name} states {key} {said:g} and its episodes have {mean:g}"


def note(path: str, found: Sequence[str]) -> list[str]:
    """One for a file, or none where all agrees."""
    told = shortened(found, between="; ")
    return [f"{path}: what it states differs from its episodes, which are taken: {told}."] if found else []


def _mean(total: Total | None, quantity: str) -> float | None:
    if total is None:
        return None
    return _PERCENT * total.mean if quantity == "success" else total.mean


def _is_rounded(stated: float, mean: float) -> bool:
    """Whether it is the mean to as many places as are stated, or to the precision of single floats."""
    exponent = Decimal(repr(stated)).as_tuple().exponent
    places = max(1, -exponent) if isinstance(exponent, int) else 1
    return abs(stated - mean) <= max(0.5 * 10.0**-places, 1e-5 * abs(mean)) * (1 + 1e-9)
