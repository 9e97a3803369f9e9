"""The environments of seals on current Gymnasium: importing this module registers them under the ids of seals 0.2.

No episode ends before its limit of steps, so that its length says nothing of how well it goes, and the positions are
part of what is observed. Those of MuJoCo are Gymnasium's v5 with the settings that make them what seals made of v4.
Humanoid is not here: v4 observes rows of the world's body, which v5 leaves out, and no setting brings them back.

Gleave et al. 2020, "seals: Suite of Environments for Algorithms that Learn Specifications".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.envs.classic_control.cartpole import CartPoleEnv
from gymnasium.envs.classic_control.mountain_car import MountainCarEnv
from numpy.typing import NDArray

PREFIX = "seals/"

_POSITIONS: Mapping[str, Any] = {"exclude_current_positions_from_observation": False}
_ENDLESS: Mapping[str, Any] = {**_POSITIONS, "terminate_when_unhealthy": False}
_MUJOCO: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "Ant-v1": (
        "ant_v5:AntEnv",
        {**_ENDLESS, "include_cfrc_ext_in_observation": False, "contact_cost_weight": 0.0},
    ),
    "HalfCheetah-v1": ("half_cheetah_v5:HalfCheetahEnv", _POSITIONS),
    "Hopper-v1": ("hopper_v5:HopperEnv", _ENDLESS),
    "Swimmer-v1": ("swimmer_v5:SwimmerEnv", _POSITIONS),
    "Walker2d-v1": ("walker2d_v5:Walker2dEnv", {**_ENDLESS, "xml_file": "walker2d.xml"}),
}
"""Class in `gymnasium.envs.mujoco`, and what it is given. Before v5 a foot of Walker2d slid more easily than the other;
contacts cost an ant nothing, for MuJoCo did not tell them to v4."""
_MUJOCO_STEPS, _CART_POLE_STEPS, _MOUNTAIN_CAR_STEPS = 1000, 500, 200

_CART_POLE, _MOUNTAIN_CAR = "seals/CartPole-v0", "seals/MountainCar-v0"
NAMES = (_CART_POLE, _MOUNTAIN_CAR, *(PREFIX + name for name in _MUJOCO))


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


def _register() -> None:
    for name, (made, settings) in _MUJOCO.items():
        entry_point = f"gymnasium.envs.mujoco.{made}"
        _add(PREFIX + name, entry_point, max_episode_steps=_MUJOCO_STEPS, kwargs=dict(settings))
    _add(_CART_POLE, f"{__name__}:CartPole", max_episode_steps=_CART_POLE_STEPS)
    _add(_MOUNTAIN_CAR, f"{__name__}:MountainCar", max_episode_steps=_MOUNTAIN_CAR_STEPS)


def _add(name: str, entry_point: str, **settings: Any) -> None:  # noqa: ANN401  # as `register` takes them
    if name not in gymnasium.registry:  # the package seals may have been first, which has the same
        gymnasium.register(name, entry_point=entry_point, **settings)


_register()
