"""Counts and names as readers want them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

METRICS = {"iqm": "IQM", "mean": "mean", "median": "median", "optimality_gap": "optimality gap"}
"""What the metrics are called."""
_NAMED = 3


def count(number: int, noun: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{number:,} {noun if number == 1 else plural(noun)}"


def plural(noun: str) -> str:
    """`runs`, `processes`."""
    return f"{noun}es" if noun.endswith("s") else f"{noun}s"


def counted(num_runs: int, num_missing: int, why: Mapping[str, int] | None = None) -> str:
    """`50`, or `47 of 50 (3 failed)` where runs are missing."""
    text = f"{num_runs} of {num_runs + num_missing}" if num_missing else str(num_runs)
    reasons = ", ".join(f"{number} {reason}" for reason, number in (why or {}).items())
    return f"{text} ({reasons})" if reasons else text


def some(names: Sequence[str], *, between: str = ", ") -> str:
    """The names, of many the first three and how many more."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return between.join(names[:_NAMED]) + more
