"""The environments of seals on current Gymnasium: importing this module registers them under the ids of seals 0.2.

No episode ends before its limit of steps, so that its length says nothing of how well it goes, and the positions are
part of what is observed. Those of MuJoCo are Gymnasium's v5 with the settings that make them what seals made of v4.
Humanoid is not here: v4 observes rows of the world's body, which v5 leaves out, and no setting brings them back.

Gleave et al. 2020, "seals: Suite of Environments for Algorithms that Learn Specifications".
"""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.envs.classic_control.cartpole import CartPoleEnv
from gymnasium.envs.classic_control.mountain_car import MountainCarEnv
from numpy.typing import NDArray

from rlgauge.envs.ids import SEALS, register

NAMES = tuple(SEALS)


class CartPole(CartPoleEnv):
    """CartPole that goes on when the pole has fallen: a step pays 1 while it stands and the cart is near, else 0.

    Standing is less than 12 degrees, near less than 2.4 from the middle. Angles are within -pi and pi.
    """

    def __init__(self, render_mode: str | None = None) -> None:
        """Make it."""
        super().__init__(render_mode=render_mode)
        high = np.full(4, np.finfo(np.float32).max)
        high[2] = np.pi
        self.observation_space = spaces.Box(-high.astype(np.float32), high.astype(np.float32), dtype=np.float32)

    def step(self, action: Any) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:  # noqa: ANN401
        """The state, (4,) float32, and what it pays; never an end."""
        self.steps_beyond_terminated = None  # else it warns of each step behind what would have been the end
        super().step(action)  # type: ignore[no-untyped-call]
        place, speed, angle, turn = np.asarray(self.state)
        angle = (angle + np.pi) % (2 * np.pi) - np.pi
        self.state = np.array([place, speed, angle, turn])
        stands = abs(place) < self.x_threshold and abs(angle) < self.theta_threshold_radians
        return self.state.astype(np.float32), 1.0 if stands else 0.0, False, False, {}


class MountainCar(MountainCarEnv):
    """MountainCar that stays at its goal once it is there: nothing that it does changes that, or costs anything."""

    def __init__(self, render_mode: str | None = None) -> None:
        """Make it."""
        super().__init__(render_mode=render_mode)
        self._is_there = False

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """A place near the bottom, (2,) float32."""
        self._is_there = False
        state, info = super().reset(seed=seed, options=options)
        return state, info

    def step(self, action: Any) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:  # noqa: ANN401
        """Place and speed, (2,) float32; a step pays -1, from the goal on 0; never an end."""
        if self._is_there:
            return np.array(self.state, np.float32), 0.0, False, False, {}
        state, reward, self._is_there, _, _ = super().step(action)
        return state, float(reward), False, False, {}


register(SEALS)
