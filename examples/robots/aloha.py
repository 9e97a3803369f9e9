"""A scripted policy for AlohaTransferCube: one arm lifts the cube, the other takes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

Array = np.ndarray

BASE, BASE_Y, SHOULDER_Z = 0.469, 0.5, 0.12705
"""Where the arms stand, left and right of the middle, and how high their shoulders are (m)."""
UPPER, UPPER_TURN, FORE, HAND = np.hypot(0.05955, 0.3), np.arctan2(0.05955, 0.3), 0.3, 0.2
"""Lengths of the arm's parts (m), the last from wrist to between the fingers; and what the upper one leans (rad)."""
OPEN, CLOSED = 1.0, 0.0


class HandsOver:
    """Plans its way when it first sees the cube, and goes it, whatever it sees later."""

    def reset(self, seed: int | None = None) -> None:
        """Forget the way."""
        del seed
        self._steps: list[Array] = []

    def act(self, observation: Mapping[str, Array]) -> Array:
        """The next step of the way, or the last again."""
        if not self._steps:
            self._steps = way(observation["agent_pos"], observation["environment_state"][:3])[::-1]
        return self._steps.pop() if len(self._steps) > 1 else self._steps[0]


def way(start: Array, cube: Array) -> list[Array]:
    """What to do in each step, from where the arms are."""
    meeting = np.array([0.0, 0.5, 0.3])
    low, over = np.array([*cube[:2], 0.02]), np.array([*cube[:2], 0.15])
    wait, take = meeting - (0.15, 0, 0), meeting - (0.02, 0, 0)
    left = [(wait, 0.0, OPEN)] * 5 + [(take, 0.0, OPEN), (take, 0.0, CLOSED)]
    right = [
        (over, 1.0, OPEN),
        (low, 1.0, OPEN),
        (low, 1.0, CLOSED),
        (over, 1.0, CLOSED),
        *[(meeting, 0.0, CLOSED)] * 3,
    ]
    seconds = (40, 30, 15, 20, 40, 25, 20)
    steps, last = [], start
    for count, one, other in zip(seconds, left, right, strict=True):
        to = np.concatenate([joints(*one, is_left=True), joints(*other, is_left=False)])
        steps += [last + (to - last) * part for part in np.linspace(0, 1, count + 1)[1:]]
        last = to
    return [step.astype(np.float32) for step in steps]


def joints(place: Sequence[float] | Array, down: float, gripper: float, *, is_left: bool) -> Array:
    """An arm's seven numbers, by which its fingers are at a place, `down` radians below the horizontal.

    The left hand is turned so that its fingers are above each other and find room beside the right ones.
    """
    side = 1.0 if is_left else -1.0
    x, y = side * (place[0] + side * BASE), side * (place[1] - BASE_Y)
    out, up = np.hypot(x, y) - HAND * np.cos(down), place[2] - SHOULDER_Z + HAND * np.sin(down)
    far = np.hypot(out, up)
    raised = np.arctan2(up, out) + np.arccos((UPPER**2 + far**2 - FORE**2) / (2 * UPPER * far))
    shoulder = np.pi / 2 - UPPER_TURN - raised
    elbow = -np.arctan2(up - UPPER * np.sin(raised), out - UPPER * np.cos(raised)) - shoulder
    turned = np.pi / 2 if is_left else 0.0
    return np.array([np.arctan2(y, x), shoulder, elbow, 0.0, down - shoulder - elbow, turned, gripper])
