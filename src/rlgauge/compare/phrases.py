"""Counts and names as readers want them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rlgauge.core.reading import Reading

METRICS = {"iqm": "IQM", "mean": "mean", "median": "median", "optimality_gap": "optimality gap"}
"""What the metrics are called."""
_NAMED, _JOINED = 3, 5


def count(number: int, noun: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{number:,} {noun if number == 1 else plural(noun)}"


def plural(noun: str) -> str:
    """`runs`, `processes`."""
    return f"{noun}es" if noun.endswith("s") else f"{noun}s"


def seed_noun(readings: Iterable[Reading]) -> str:
    """What the seeds of runs number: `process` in measurements of throughput, which have a stamp, else `seed`."""
    return "process" if all("stamp" in reading.labels for reading in readings) else "seed"


def numbered(noun: str, numbers: Sequence[int]) -> str:
    """`seed 3`, `processes 0, 1, 2 and 4 more`."""
    return f"{noun if len(numbers) == 1 else plural(noun)} {some(list(map(str, numbers)))}"


def counted(num_runs: int, num_missing: int, why: Mapping[str, int] | None = None) -> str:
    """`50`, or `47 of 50 (3 failed)` where runs are missing."""
    text = f"{num_runs} of {num_runs + num_missing}" if num_missing else str(num_runs)
    reasons = ", ".join(f"{number} {reason}" for reason, number in (why or {}).items())
    return f"{text} ({reasons})" if reasons else text


def joined(names: Sequence[str]) -> str:
    """`a, b and c`, or of many `a, b, c and 2 more`."""
    if len(names) > _JOINED:
        return some(names)
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def some(names: Sequence[str], *, between: str = ", ") -> str:
    """The names, of many the first three and how many more."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return between.join(names[:_NAMED]) + more
