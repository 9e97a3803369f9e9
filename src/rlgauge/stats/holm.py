"""Many comparisons at once."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p_values: Sequence[float | None]) -> tuple[float | None, ...]:
    """The adjusted p-values in the given order: rejecting those up to alpha errs anywhere with probability alpha.

    Holm 1979, https://www.jstor.org/stable/4615733; whatever the tests' dependence. None, a test that could not be
    made, stays None and does not count. Raises ValueError for what is no p-value.
    """
    made = [(p, index) for index, p in enumerate(p_values) if p is not None]
    if not all(0 <= p <= 1 for p, _ in made):
        raise ValueError(f"p-values lie between 0 and 1; {[p for p, _ in made if not 0 <= p <= 1]} were given")
    adjusted: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, index) in enumerate(sorted(made)):
        largest = max(largest, min(1.0, p * (len(made) - rank)))
        adjusted[index] = largest
    return tuple(adjusted)
