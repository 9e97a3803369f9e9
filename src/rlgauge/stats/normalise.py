"""Scores on a common scale: (score - low) / (high - low) by declared references."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

_BEYOND = 0.5
"""How far outside 0..1 a normalised score raises no question."""


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


def outside(task: str, reference: Reference, normalised: Sequence[float]) -> str | None:
    """A question, if a normalised score is farther outside 0..1 than half the distance of the references."""
    farthest = max(normalised, key=lambda score: abs(score - 0.5), default=0.5)
    if -_BEYOND <= farthest <= 1 + _BEYOND:
        return None
    return (
        f"A normalised score of {task} is {farthest:.3g}: do the references ({reference.low_name} {reference.low:g}, "
        f"{reference.high_name} {reference.high:g}) belong to this task?"
    )
