"""Scores on a common scale: (score - low) / (high - low) by declared references."""

from __future__ import annotations

import math

import msgspec


class Reference(msgspec.Struct, frozen=True):
    """The scores of a task that become 0 and 1, by name: most often a random and an expert policy's.

    Raises ValueError where they are equal or not finite.
    """

    low: float
    high: float
    low_name: str = "random"
    high_name: str = "expert"

    def __post_init__(self) -> None:
        """Refuse what nothing can be normalised by."""
        if not (math.isfinite(self.low) and math.isfinite(self.high)) or self.low == self.high:
            raise ValueError(f"references must be finite and differ; {self.low} and {self.high} were given")

    @property
    def formula(self) -> str:
        """How a score is normalised, with the references named."""
        return f"(score - {self.low_name} score) / ({self.high_name} score - {self.low_name} score)"

    def normalised(self, score: float) -> float:
        """The score on the scale on which the references are 0 and 1."""
        return (score - self.low) / (self.high - self.low)
