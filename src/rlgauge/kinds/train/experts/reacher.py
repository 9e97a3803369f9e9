"""An expert of Gymnasium's Reacher-v5 that was written and not trained: a damped spring pulls the fingertip home."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_LENGTHS = (0.1, 0.11)
"""Metres from the shoulder to the elbow, and from there to the fingertip."""
_STIFFNESS, _DAMPING = 12.0, 0.05
"""Of several that were tried, those of the best return."""


def act(observation: NDArray[Any]) -> NDArray[np.float32]:
    """Torques (2,) for what Reacher-v5 observes, (10,).

    They are J^T f, where J is the Jacobian of the fingertip by the angles and f the spring's force on it, less what
    damps the joints.
    """
    (cos_1, cos_2), (sin_1, sin_2) = observation[:2], observation[2:4]
    speeds, away = observation[6:8], observation[8:10]
    cos, sin = cos_1 * cos_2 - sin_1 * sin_2, sin_1 * cos_2 + cos_1 * sin_2
    by_elbow = _LENGTHS[1] * np.array([-sin, cos])
    by_shoulder = _LENGTHS[0] * np.array([-sin_1, cos_1]) + by_elbow
    torques = -_STIFFNESS * np.array([by_shoulder @ away, by_elbow @ away]) - _DAMPING * speeds
    return np.clip(torques, -1, 1).astype(np.float32)
