"""NChain, which Gymnasium no longer has: importing this module registers it as `rlgauge/NChain-v0`.

Strens 2000, "A Bayesian framework for reinforcement learning", figure 1; slips and rewards as OpenAI Gym's had them.
"""

from __future__ import annotations

from typing import Any, SupportsFloat

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from rlgauge.core.errors import UserError
from rlgauge.envs.ids import CHAIN, register

(NAME,) = CHAIN
FORWARD, BACK = 0, 1
"""The actions."""
_SIDE = 32
"""Pixels of a state in a frame."""


class NChain(gymnasium.Env[Any, Any]):
    """A chain of states, 0 to n - 1; forward pays nothing until its end, where it pays `large` at every step.

    Going back leads to the first state and pays `small`. With probability `slip` the other action is done. Nothing
    ends an episode but its limit of steps.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012  # as its class declares it

    def __init__(
        self, n: int = 5, *, slip: float = 0.2, small: float = 2, large: float = 10, render_mode: str | None = None
    ) -> None:
        """Make a chain of n states. Raises UserError."""
        if n < 1 or not 0 <= slip <= 1:
            raise UserError(f"A chain has at least one state and slips with a probability, not n={n}, slip={slip}.")
        self.n, self.slip, self.small, self.large = n, slip, small, large
        self.render_mode = render_mode
        self.state = 0
        self.action_space = spaces.Discrete(2)
        self.observation_space = spaces.Discrete(n)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        """The first state."""
        super().reset(seed=seed, options=options)
        self.state = 0
        return self.state, {}

    def step(self, action: int) -> tuple[int, SupportsFloat, bool, bool, dict[str, Any]]:
        """The state after an action, and what that paid."""
        goes_back = (int(action) == BACK) is not (self.np_random.random() < self.slip)
        if goes_back:
            self.state, reward = 0, self.small
        elif self.state < self.n - 1:
            self.state, reward = self.state + 1, 0.0
        else:
            reward = self.large
        return self.state, reward, False, False, {}

    def render(self) -> NDArray[np.uint8] | None:
        """The chain as a row of squares, the state's dark, (32, 32 n, 3); None where no frames were asked for."""
        if self.render_mode is None:
            return None
        frame = np.full((_SIDE, _SIDE * self.n, 3), 255, np.uint8)
        for place in range(self.n):
            is_here = place == self.state
            frame[2:-2, place * _SIDE + 2 : (place + 1) * _SIDE - 2] = (30, 60, 120) if is_here else (220, 220, 220)
        return frame


register(CHAIN)
