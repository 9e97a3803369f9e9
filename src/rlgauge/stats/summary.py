"""What statistics return and what reports draw."""

from __future__ import annotations

import math

import msgspec


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """An estimate with its interval and what it rests on.

    `low` and `high` are None where the data can't give an interval, and `warnings` says why. `n` counts what was used,
    `missing` what was planned and gave no value. Raises ValueError for numbers that are not finite or out of order.
    """

    point: float
    low: float | None
    high: float | None
    n: int
    missing: int = 0
    method: str
    confidence: float = 0.95
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what no statistic may return."""
        if (self.low is None) != (self.high is None):
            raise ValueError("an interval has both ends or none")
        low = self.point if self.low is None else self.low
        high = self.point if self.high is None else self.high
        if not all(map(math.isfinite, (low, self.point, high))):
            raise ValueError(f"not finite: {low}, {self.point}, {high}")
        if not low <= self.point <= high:
            raise ValueError(f"{self.point} does not lie between {low} and {high}")
        if self.n < 1 or self.missing < 0:
            raise ValueError(f"a summary of n = {self.n} values with {self.missing} missing")
