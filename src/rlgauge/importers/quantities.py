"""Totals and curves from the shapes in which other systems keep numbers."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rlgauge.core.reading import Curve, Total
from rlgauge.core.run import Record, Status

UNITS = {"return": "reward", "length": "steps", "success": "success", "steps_per_second": "steps/s"}
"""The unit of each quantity that imported runs share with our own."""


def is_number(value: object) -> bool:
    """Whether it is a finite number; true and false count as 1 and 0."""
    return isinstance(value, (int, float)) and math.isfinite(value)


def number(value: object) -> float | None:
    """The finite number that a value or a text is; None where it is none."""
    if isinstance(value, (int, float)):
        return float(value) if math.isfinite(value) else None
    try:
        parsed = float(value) if isinstance(value, str) else math.nan
    except ValueError:
        return None
    return parsed if math.isfinite(parsed) else None


def total(values: Iterable[Any]) -> Total | None:
    """The total of the finite numbers among the values; None where there is none."""
    numbers = [float(value) for value in values if is_number(value)]
    if not numbers:
        return None
    mean = math.fsum(numbers) / len(numbers)
    squares = math.fsum((value - mean) ** 2 for value in numbers)
    return Total(n=len(numbers), mean=mean, squares=squares, median=statistics.median(numbers))


def told(mean: float | None, *, n: float | None = None, deviation: float | None = None) -> Total | None:
    """The total that a mean, a count and a deviation over the count (`np.std`) tell of; None without a mean."""
    if mean is None or not math.isfinite(mean):
        return None
    count = max(int(n or 1), 1)
    return Total(n=count, mean=mean, squares=count * (deviation or 0.0) ** 2)


def curve(steps: Sequence[Any], values: Sequence[Any]) -> Curve | None:
    """The finite points in order of their steps, the last of each step; None where there is none."""
    points = {
        float(step): float(value)
        for step, value in zip(steps, values, strict=False)
        if is_number(step) and is_number(value)
    }
    if not points:
        return None
    ordered = sorted(points)
    return Curve(tuple(ordered), tuple(points[step] for step in ordered))


def summed(episodes: Sequence[Record], names: Iterable[str]) -> dict[str, Total | None]:
    """The total of each quantity over the episodes that have no error."""
    fine = [episode for episode in episodes if episode.error is None]
    return {name: total(episode.values.get(name) for episode in fine) for name in names}


def episode(index: int, values: Mapping[str, Any], *, needed: Iterable[str] = ()) -> Record:
    """An episode; it is an error where a number is there that is not finite, or one that is needed is not there."""
    finite = {name: value if is_number(value) else None for name, value in values.items()}
    broken = [name for name, value in finite.items() if value is None and (values[name] is not None or name in needed)]
    return Record(index, finite, f"its {' and '.join(broken)} is no finite number" if broken else None)


def num_errors(episodes: Iterable[Record]) -> int:
    """How many of them have no valid measurement."""
    return sum(episode.error is not None for episode in episodes)


def outcome(
    episodes: Sequence[Record], measured: Mapping[str, Total], *, nothing: str = "it holds no number"
) -> dict[str, Any]:
    """Status, errors and reason of the reading of these episodes: it failed where none of them is valid."""
    errors = num_errors(episodes)
    if episodes and errors == len(episodes):
        return {"status": Status.FAILED, "num_errors": errors, "reason": f"none of its {errors} episodes is valid"}
    return {"num_errors": errors, "reason": None if measured else nothing}


def ended(values: Sequence[Any], *, what: str) -> dict[str, Any]:
    """Status, errors and reason of a training whose return is made of these values at its end, as `what` calls it.

    Those that are no finite number are errors; it failed where there are no others.
    """
    errors = sum(not is_number(value) for value in values)
    if values and errors == len(values):
        return {"status": Status.FAILED, "num_errors": errors, "reason": f"{what} is no finite number"}
    return {"num_errors": errors}


def units(names: Iterable[str]) -> dict[str, str]:
    """The known units of these quantities."""
    return {name: UNITS[name] for name in names if name in UNITS}


def present(totals: Mapping[str, Total | None]) -> dict[str, Total]:
    """Those that were measured."""
    return {name: found for name, found in totals.items() if found is not None}
