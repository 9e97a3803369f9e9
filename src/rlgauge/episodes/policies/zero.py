"""The action that does nothing, as far as the space has one."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np

from rlgauge.core.errors import UserError
from rlgauge.episodes.policies.protocol import Action, Observations
from rlgauge.episodes.policies.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete, Spec, Tuple


class ZeroPolicy:
    """Zeros, moved into the action space where zero lies outside; the first value of a discrete one."""

    bit_stable = True

    def __init__(self, action_space: Spec, *, width: int) -> None:
        self._zero = zero_action(action_space)
        self._width = width

    def begin(self, row: int, seed: int) -> None:
        """Nothing is remembered."""

    def act(self, observations: Observations, active: Sequence[int]) -> Sequence[Action]:  # noqa: ARG002
        """A zero for each active row, each its own: an environment may change its action in place."""
        actions: list[Action] = [None] * self._width
        for row in active:
            actions[row] = copy.copy(self._zero)
        return actions

    def close(self) -> None:
        """Nothing is held."""


def zero_action(space: Spec) -> Action:
    """Zero in this space. Raises UserError for a space without one."""
    match space:
        case Discrete():
            return space.start
        case MultiDiscrete():
            return space.start.astype(space.dtype)
        case MultiBinary():
            return np.zeros(space.shape, space.dtype)
        case Box():
            return np.clip(np.zeros(space.shape, space.dtype), space.low, space.high)
        case Dict():
            return {key: zero_action(part) for key, part in space.spaces.items()}
        case Tuple():
            return tuple(zero_action(part) for part in space.spaces)
        case _:
            raise UserError(f"The policy 'zero' has no zero in the action space {space.text}; 'random' works there.")
