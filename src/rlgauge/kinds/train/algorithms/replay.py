"""The generator's newest transitions, for the discriminator to be shown."""

from __future__ import annotations

import torch

from rlgauge.kinds.train.algorithms.data import Transitions, joined


class Replay:
    """The last `capacity` transitions that were added; drawn from with replacement."""

    def __init__(self, capacity: int) -> None:
        """Start empty."""
        self._capacity = capacity
        self._kept: Transitions | None = None

    def add(self, transitions: Transitions) -> None:
        """Add them, in order; the oldest go."""
        newest = transitions.at(slice(-self._capacity, None))
        if self._kept is not None and len(newest.dones) < self._capacity:
            newest = joined([self._kept, newest]).at(slice(-self._capacity, None))
        self._kept = newest

    def sample(self, number: int, generator: torch.Generator) -> Transitions:
        """So many, each drawn from all that are kept."""
        assert self._kept is not None  # noqa: S101  # a round begins with the generator
        return self._kept.at(torch.randint(len(self._kept.dones), (number,), generator=generator))
