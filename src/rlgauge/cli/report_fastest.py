"""The answer of a report on throughput: which library is the fastest, and how far the others are behind."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from rlgauge.cli.plot_kinds import bar_name, ends_of, fastest, is_doubtful
from rlgauge.cli.plot_points import Points
from rlgauge.cli.units import count_text
from rlgauge.compare.phrases import joined, some
from rlgauge.kinds.throughput.results import Measured
from rlgauge.report.content import Answer
from rlgauge.report.numbers import short_count

_MOST = 8
"""Others that are named one by one."""
_TEN, _PAIR = 10, 2
_NOTE = "Each at its best number of environments; rlgauge throughput ab compares two in turns."
_NO_INTERVAL = "Ratios are of these speeds, and have no interval."


def answers(points: Points, environment: str) -> Iterator[Answer]:
    """One, where a speed was measured."""
    found = fastest(points)
    if not found:
        return
    (name, first), *others = found.items()
    if not others:
        yield Answer(f"How fast is {name} in {environment}?", [f"{_best(first)}.", *_doubts(found)], _ranges([first]))
        return
    told = [f"{name}: {_best(first)}."]
    told += [
        f"That is {_times(first, one)} as fast as {other}: {_best(one, unit='')}." for other, one in others[:_MOST]
    ]
    shown = [first, *(one for _, one in others[:_MOST])]
    if len(others) > _MOST:
        told.append(f"{len(others) - _MOST} more are slower.")
    note = " ".join(filter(None, [_NOTE, _ranges(shown), _NO_INTERVAL]))
    fastest_of = "faster" if len(found) == _PAIR else "fastest"
    asked = f"Which of {joined(list(found))} is the {fastest_of} in {environment}?"
    yield Answer(asked, [*told, *_doubts(found)], note)


def _best(one: Measured, *, unit: str = " steps per second") -> str:
    chunk = "" if one.point.scan_chunk_size is None else f", chunk {one.point.scan_chunk_size}"
    speed = short_count(one.steps_per_second or 0.0)
    low, high = ends_of(one)
    ends = "" if low is None or high is None else f" [{short_count(low)}, {short_count(high)}]"
    return f"{speed}{ends}{unit} with {count_text(one.point.num_envs, 'env')}{chunk}"


def _times(one: Measured, other: Measured) -> str:
    if not other.steps_per_second:
        return "any number of times"
    ratio = (one.steps_per_second or 0.0) / other.steps_per_second
    digits = 1 - math.floor(math.log10(ratio)) if ratio else 0
    return f"about {round(ratio, digits):,.0f} times" if ratio >= _TEN else f"about {ratio:.2g} times"


def _ranges(shown: Sequence[Measured]) -> str:
    """What stands in brackets."""
    names = "; ".join(filter(None, dict.fromkeys(map(bar_name, shown))))
    return f"In brackets: {names}." if names else ""


def _doubts(found: dict[str, Measured]) -> Iterator[str]:
    doubtful = [name for name, one in found.items() if is_doubtful(one)]
    if doubtful:
        why = "The machine did something else meanwhile; too low by an unknown amount"
        yield f"{why}: {some(doubtful)}."
