"""Hand-written controllers for three of Gymnasium's classic control tasks.

They remember nothing. Each takes one observation; plain floats are quicker here than arrays.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rlgauge.core.errors import UserError

if TYPE_CHECKING:
    import gymnasium


class Law(Protocol):
    """A function from one observation to one action."""

    def act(self, observation: NDArray[Any]) -> int | NDArray[np.float32]:
        """The action."""


class CartPole:
    """Push towards the side to which the state leans: right where 0.1 x + 0.5 x' + 2 q + q' > 0.

    x is the cart's position (m), q the pole's angle from upright (rad). Linear state feedback through a relay; the
    task is that of Barto, Sutton and Anderson 1983, doi:10.1109/TSMC.1983.6313077. The small weights on x and x' lean
    the pole against the cart's drift, so that the cart stays on the track.
    """

    def act(self, observation: NDArray[Any]) -> int:
        """0 (left) or 1 (right), for an observation (x, x', q, q')."""
        position, velocity, angle, rate = observation.tolist()
        return int(0.1 * position + 0.5 * velocity + 2.0 * angle + rate > 0.0)


class Acrobot:
    """Pump energy: torque sign(q2' - 2 q1') on the elbow.

    q1' and q2' are the rates of the first joint and of the elbow. Torque adds energy at the rate torque * q2', hence
    the sign of q2'. Its reaction turns the first link the other way, hence minus the sign of q1'; the weight of 2 is
    found by trial. The task is that of Spong 1995, doi:10.1109/37.341864, whose own law also balances.
    """

    def act(self, observation: NDArray[Any]) -> int:
        """0 or 2 (torque -1 or 1), for an observation (cos q1, sin q1, cos q2, sin q2, q1', q2')."""
        _, _, _, _, first_rate, second_rate = observation.tolist()
        return 2 if second_rate > 2.0 * first_rate else 0


class Pendulum:
    """Swing up by energy, then hold: u = -E sign(q'), and u = -15 q - 4 q' where cos q > 0.9; |u| <= 2.

    q is the angle from upright, q'' = 15 sin q + 3 u, E = q'^2 / 2 + 15 (cos q - 1) is zero at rest upright, and
    dE/dt = 3 u q'. The swing-up is that of Astrom and Furuta 2000, doi:10.1016/S0005-1098(99)00140-5; the gains of the
    hold give q'' = -30 q - 12 q', which is about critically damped.
    """

    def act(self, observation: NDArray[Any]) -> NDArray[np.float32]:
        """The torque (1,), for an observation (cos q, sin q, q')."""
        cosine, sine, rate = observation.tolist()
        if cosine > 0.9:  # noqa: PLR2004  # 26 degrees: further out the torque is weaker than gravity
            torque = -15.0 * math.atan2(sine, cosine) - 4.0 * rate
        else:
            energy = 0.5 * rate * rate + 15.0 * (cosine - 1.0)
            torque = -energy * math.copysign(1.0, rate)  # not zero at rest, where the swing has to begin
        return np.array([max(-2.0, min(2.0, torque))], np.float32)


_LAWS: dict[tuple[tuple[int, ...] | None, tuple[int, ...] | None], type[Law]] = {
    ((4,), ()): CartPole,
    ((6,), ()): Acrobot,
    ((3,), (1,)): Pendulum,
}
"""By the shapes of an observation and of an action."""


class Controller:
    """The controller whose task has these spaces. Raises UserError for the spaces of another task."""

    def __init__(self, observation_space: gymnasium.Space[Any], action_space: gymnasium.Space[Any]) -> None:
        shapes = observation_space.shape, action_space.shape
        if shapes not in _LAWS:
            raise UserError(
                "The quickstart has controllers for CartPole-v1, Acrobot-v1 and Pendulum-v1, but the environment has "
                f"observations of shape {shapes[0]} and actions of shape {shapes[1]}."
            )
        self._law = _LAWS[shapes]()

    def act(self, observation: NDArray[Any]) -> int | NDArray[np.float32]:
        """The action of the task's controller."""
        return self._law.act(observation)
