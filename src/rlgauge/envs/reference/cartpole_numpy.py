"""CartPole in NumPy, as plain as it can be written: what the one in JAX is checked against.

Same names, same random numbers; computed in float64 with the sine and cosine of the library, and kept in float64.

Shapes: N environments.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rlgauge.envs.reference import counters

Floats = NDArray[np.float64]

FARTHEST, STEEPEST, MAX_STEPS = 2.4, np.radians(12), 500


class State(NamedTuple):
    """Position, speed, angle and rate, (N, 4); steps since the start, (N,); streams, (N,); the clock."""

    observation: Floats
    num_steps: NDArray[np.int64]
    stream: NDArray[np.uint32]
    clock: np.uint32


class Step(NamedTuple):
    """See `rlgauge.envs.reference.cartpole.Step`."""

    observation: Floats
    reward: Floats
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    final_observation: Floats


class CartPole:
    """The environment, with the methods of the one in JAX."""

    @np.errstate(over="ignore")  # random numbers are made of products beyond 32 bits
    def reset(self, seed: int, num_envs: int) -> State:
        """The start of an episode in each of so many environments."""
        stream = counters.streams(np, seed, num_envs)
        clock = np.uint32(0)
        return State(_starts(stream, clock), np.zeros(num_envs, np.int64), stream, clock + np.uint32(1))

    @np.errstate(over="ignore")
    def sample(self, state: State) -> NDArray[np.int64]:
        """Random actions, (N,)."""
        return np.asarray(counters.drawn(np, state.stream, state.clock) >> 31).astype(np.int64)

    @np.errstate(over="ignore")
    def step(self, state: State, action: ArrayLike) -> tuple[State, Step]:
        """The next state and what was seen."""
        pushes = np.asarray(action)
        moved = np.array([_moved(*own, push=push) for own, push in zip(state.observation, pushes, strict=True)])
        num_steps = state.num_steps + 1
        terminated = (np.abs(moved[:, 0]) > FARTHEST) | (np.abs(moved[:, 2]) > STEEPEST)
        truncated = (num_steps >= MAX_STEPS) & ~terminated
        is_over = terminated | truncated
        observation = np.where(is_over[:, None], _starts(state.stream, state.clock), moved)
        after = State(observation, np.where(is_over, 0, num_steps), state.stream, state.clock + np.uint32(1))
        return after, Step(observation, np.ones(len(moved)), terminated, truncated, moved)


def _starts(stream: NDArray[np.uint32], clock: np.uint32) -> Floats:
    bits = counters.drawn(np, stream, clock)
    return np.stack(counters.symmetric(np, bits), axis=1).astype(np.float64) * 0.05


def _moved(position: float, speed: float, angle: float, rate: float, *, push: int) -> list[float]:
    """Equations 23 and 24 of coneural.org/florian/papers/05_cart_pole.pdf without friction, by Euler's method."""
    mass_of_pole, half_length, total_mass = 0.1, 0.5, 1.1
    sine, cosine = np.sin(angle), np.cos(angle)
    force = 10.0 if push == 1 else -10.0
    pushed = (force + mass_of_pole * half_length * rate**2 * sine) / total_mass
    turning = (9.8 * sine - cosine * pushed) / (half_length * (4 / 3 - mass_of_pole * cosine**2 / total_mass))
    moving = pushed - mass_of_pole * half_length * turning * cosine / total_mass
    return [position + 0.02 * speed, speed + 0.02 * moving, angle + 0.02 * rate, rate + 0.02 * turning]
