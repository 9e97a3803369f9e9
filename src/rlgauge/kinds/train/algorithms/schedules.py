"""How often the expert acts in a round of DAgger: beta, in 0..1, by the round's index.

Ross, Gordon and Bagnell 2011, "A Reduction of Imitation Learning and Structured Prediction to No-Regret Online
Learning", arXiv:1011.0686, section 3.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec

from rlgauge.kinds.train.algorithms.part import Part, Positive


class LinearBeta(Part, frozen=True, tag_field="kind", tag="linear"):
    """beta = max(0, 1 - round / rampdown_rounds)."""

    rampdown_rounds: Positive = 15

    def beta(self, round_index: int) -> float:
        """The part of the steps in which the expert acts."""
        return max(0.0, (self.rampdown_rounds - round_index) / self.rampdown_rounds)


class ExponentialBeta(Part, frozen=True, tag_field="kind", tag="exponential"):
    """beta = decay_probability ** round."""

    decay_probability: Annotated[float, msgspec.Meta(gt=0, le=1)]

    def beta(self, round_index: int) -> float:
        """The part of the steps in which the expert acts."""
        return float(self.decay_probability**round_index)


BetaSchedule: TypeAlias = LinearBeta | ExponentialBeta
