"""The answer of a report on throughput: which library is the fastest, and how far the others are behind."""

from __future__ import annotations

from collections.abc import Iterator

from rlgauge.cli.plot_kinds import fastest, is_doubtful
from rlgauge.cli.plot_points import Points
from rlgauge.cli.units import count_text
from rlgauge.compare.phrases import some
from rlgauge.kinds.throughput.results import Measured
from rlgauge.report.content import Answer
from rlgauge.report.numbers import short_count

_MOST = 8
"""Others that are named one by one."""
_MANY = 100
_NOTE = "Each at its best number of environments; rlgauge throughput ab compares two in turns."


def answers(points: Points, environment: str) -> Iterator[Answer]:
    """One, where a speed was measured."""
    found = fastest(points)
    if not found:
        return
    (name, first), *others = found.items()
    if not others:
        yield Answer(f"How fast is {name} in {environment}?", [f"{_best(first)}.", *_doubts(found)], "")
        return
    told = [f"{name}: {_best(first)}."]
    told += [f"That is {_times(first, one)} as fast as {other}: {_best(one)}." for other, one in others[:_MOST]]
    if len(others) > _MOST:
        told.append(f"{len(others) - _MOST} more are slower.")
    yield Answer(f"Which of {some(list(found))} is the fastest in {environment}?", [*told, *_doubts(found)], _NOTE)


def _best(one: Measured) -> str:
    chunk = "" if one.point.scan_chunk_size is None else f", chunk {one.point.scan_chunk_size}"
    speed = short_count(one.steps_per_second or 0.0)
    return f"{speed} steps per second with {count_text(one.point.num_envs, 'env')}{chunk}"


def _times(one: Measured, other: Measured) -> str:
    if not other.steps_per_second:
        return "any number of times"
    ratio = (one.steps_per_second or 0.0) / other.steps_per_second
    return f"{ratio:,.0f} times" if ratio >= _MANY else f"{ratio:.3g} times"


def _doubts(found: dict[str, Measured]) -> Iterator[str]:
    doubtful = [name for name, one in found.items() if is_doubtful(one)]
    if doubtful:
        why = "The machine did something else meanwhile; too low by an unknown amount"
        yield f"{why}: {some(doubtful)}."
