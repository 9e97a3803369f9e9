"""Scripted policies for robosuite's Lift: one that lifts the cube, and one that forgets to close its gripper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

Array = np.ndarray

CUBE_TO_HAND, FINGERS, FINGER_SPEEDS = slice(7, 10), slice(28, 30), slice(30, 32)
"""Where the observation of things holds the hand's place less the cube's, and that of the robot its two fingers."""
GAIN = 12.0
"""Actions per metre."""
ABOVE, NEAR, LOW, OVER = 0.012, 0.03, 0.008, (0.0, 0.0, 0.06)
"""Metres: off the cube's middle to be above it, near it, at its height; and where to wait above it."""
NARROW, STILL = 0.07, 0.02
"""How far apart fingers are that close (m), and how slow those that hold something (m/s)."""
OPEN, CLOSE = -1.0, 1.0


def lifts(observation: Mapping[str, Array]) -> Array:
    """Above the cube, down to it, close, up."""
    away = -observation["object"][CUBE_TO_HAND]
    is_above = np.hypot(*away[:2]) < ABOVE
    is_near = np.linalg.norm(away) < NEAR
    is_closing = is_near and abs(np.diff(observation["state"][FINGERS])[0]) < NARROW
    if is_closing and abs(observation["state"][FINGER_SPEEDS]).max() < STILL:
        return action((0.0, 0.0, 0.1), CLOSE)
    if is_closing or (is_near and is_above and abs(away[2]) < LOW):
        return action((0.0, 0.0, 0.0), CLOSE)
    return action(away if is_above else away + np.asarray(OVER), OPEN)


def forgets(observation: Mapping[str, Array]) -> Array:
    """The same with the gripper open all the time."""
    return np.append(lifts(observation)[:-1], np.float32(OPEN))


def action(way: Sequence[float] | Array, gripper: float) -> Array:
    """Move that way, in metres, without turning."""
    return np.array([*np.clip(GAIN * np.asarray(way), -1, 1), 0, 0, 0, gripper], np.float32)
