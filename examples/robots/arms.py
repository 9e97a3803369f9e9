"""Scripted policies that see where things are: for Fetch and for Meta-World, one that reaches and one that carries."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

Array = np.ndarray

OVER, ABOVE = np.array([0.0, 0.0, 0.1]), 0.02
"""Metres: where to wait over a thing, and how far off its middle is above it."""
FETCH_NEAR, META_NEAR, SLIPS = 0.015, 0.03, 0.015
"""Metres between a hand and a thing that it can grasp; and how much more those are that it holds."""
FETCH_GAIN, META_GAIN = 15.0, 10.0
"""Actions per metre."""
FETCH_HELD, META_HELD = 0.026, 0.73
"""The opening of a gripper that has closed on the thing: metres of a finger, and of 1 that is open."""


def reaches(observation: Mapping[str, Array]) -> Array:
    """FetchReach: straight to the goal."""
    return action(observation["desired_goal"] - observation["achieved_goal"], 0.0, FETCH_GAIN)


def carries(observation: Mapping[str, Array]) -> Array:
    """FetchPickAndPlace: above the block, down, close, to the goal."""
    seen = observation["observation"]
    hand, thing, finger = seen[:3], seen[3:6], seen[9]
    way, is_closed = carried(hand, thing, observation["desired_goal"], near=FETCH_NEAR, is_held=finger < FETCH_HELD)
    return action(way, -1.0 if is_closed else 1.0, FETCH_GAIN)


def reaches_goal(observation: Array) -> Array:
    """Meta-World's reach-v3: straight to the goal."""
    return action(observation[-3:] - observation[:3], 0.0, META_GAIN)


def carries_to_goal(observation: Array) -> Array:
    """Meta-World's pick-place-v3: above the puck, down, close, to the goal."""
    hand, opening, thing = observation[:3], observation[3], observation[4:7]
    way, is_closed = carried(hand, thing, observation[-3:], near=META_NEAR, is_held=opening < META_HELD)
    return action(way, 1.0 if is_closed else -1.0, META_GAIN)


def carried(hand: Array, thing: Array, goal: Array, *, near: float, is_held: bool) -> tuple[Array, bool]:
    """Which way to go, and whether to close."""
    away = thing - hand
    if np.linalg.norm(away) < near + SLIPS * is_held:
        return (goal - thing if is_held else np.zeros(3)), True
    is_above = np.hypot(*away[:2]) < ABOVE
    return (away if is_above else away + OVER), False


def action(way: Array, gripper: float, gain: float) -> Array:
    """Move that way, in metres."""
    return np.array([*np.clip(gain * way, -1, 1), gripper], np.float32)
