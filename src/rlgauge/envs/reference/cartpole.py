"""CartPole in JAX, for very many environments at once: the dynamics and limits of Gymnasium's CartPole-v1.

Barto, Sutton and Anderson 1983, doi:10.1109/TSMC.1983.6313077, integrated by Euler's method. Arrays of a state have one
value an environment, so that compilers make one loop over all of a step; nothing in it depends on other environments.

Shapes: N environments.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from rlgauge.envs.reference import counters

GRAVITY, FORCE, SECONDS = 9.8, 10.0, 0.02
POLE_MASS, HALF_LENGTH = 0.1, 0.5
TOTAL_MASS = 1.0 + POLE_MASS
FARTHEST = 2.4
STEEPEST = 12 * 2 * 3.141592653589793 / 360
MAX_STEPS = 500
START = 0.05
"""Episodes start with every number between -0.05 and 0.05."""


Four = tuple[jax.Array, jax.Array, jax.Array, jax.Array]
"""Position, speed, angle and rate."""


class State(NamedTuple):
    """Of every environment: position, speed, angle, rate, steps since its start, its stream of random numbers.

    All (N,): float32, `num_steps` int32, `stream` uint32. `clock`, uint32, counts the steps of all.
    """

    position: jax.Array
    speed: jax.Array
    angle: jax.Array
    rate: jax.Array
    num_steps: jax.Array
    stream: jax.Array
    clock: jax.Array

    @property
    def observation(self) -> jax.Array:
        """Position, speed, angle and rate, (N, 4)."""
        return jnp.stack(self[:4], axis=-1)


class Step(NamedTuple):
    """What a step gives, by environment.

    `observation`, (N, 4), is the first of the next episode where one ended; `final_observation` is what it was before.
    `reward` is 1, float32. `terminated` (fallen, or too far) and `truncated` (500 steps) are never both true.
    """

    observation: jax.Array
    reward: jax.Array
    terminated: jax.Array
    truncated: jax.Array
    final_observation: jax.Array


class CartPole:
    """The environment: functions of states, to be compiled, mapped and scanned over; a new episode follows at once."""

    num_actions = 2
    observation_size = 4

    def reset(self, seed: int, num_envs: int) -> State:
        """The start of an episode in each of so many environments; the same seed starts the same ones."""
        return self.start(counters.streams(jnp, seed, num_envs))

    def start(self, stream: jax.Array) -> State:
        """The start of an episode in an environment for each stream of random numbers, (N,), uint32."""
        clock = jnp.uint32(0)
        return State(*_starts(stream, clock), jnp.zeros_like(stream, jnp.int32), stream, clock + 1)

    def sample(self, state: State) -> jax.Array:
        """Random actions, (N,), int32, 0 or 1: the top bit of this step's number."""
        bits: jax.Array = counters.drawn(jnp, state.stream, state.clock)
        return (bits >> 31).astype(jnp.int32)

    def step(self, state: State, action: Any) -> tuple[State, Step]:  # noqa: ANN401  # an array
        """The next state and what was seen; `action`, (N,), is 0 for a push to the left and 1 for one to the right."""
        forces = _forces(state, jnp.where(action == 1, FORCE, -FORCE).astype(jnp.float32))
        moved = _moved(state, forces, forces.torque / forces.inertia)
        num_steps = state.num_steps + 1
        terminated = (jnp.abs(moved[0]) > FARTHEST) | (jnp.abs(moved[2]) > STEEPEST)
        truncated = (num_steps >= MAX_STEPS) & ~terminated
        # XLA works out again, for each array of the next state, whatever has no division in it. So the division says
        # which episodes are over, as "not a number", and only its result is read for that, not all of this state.
        turning = jnp.where(terminated | truncated, jnp.nan, forces.torque) / forces.inertia
        is_over = jnp.isnan(turning)
        starts = _starts(state.stream, state.clock)
        position, speed, angle, rate = (
            jnp.where(is_over, start, now) for start, now in zip(starts, _moved(state, forces, turning), strict=True)
        )
        num_steps = jnp.where(is_over, 0, num_steps)
        after = State(position, speed, angle, rate, num_steps, state.stream, state.clock + 1)
        reward = jnp.ones_like(moved[0])
        return after, Step(after.observation, reward, terminated, truncated, jnp.stack(moved, axis=-1))


def _starts(stream: jax.Array, clock: jax.Array) -> Four:
    first, second, third, fourth = counters.symmetric(jnp, counters.drawn(jnp, stream, clock))
    return first * START, second * START, third * START, fourth * START


class _Forces(NamedTuple):
    """What pushes the carts and turns the poles, all (N,)."""

    push: jax.Array
    torque: jax.Array
    inertia: jax.Array
    cosine: jax.Array


def _forces(state: State, force: jax.Array) -> _Forces:
    sine, cosine = _sine_and_cosine(state.angle)
    push = (force + POLE_MASS * HALF_LENGTH * state.rate * state.rate * sine) * (1 / TOTAL_MASS)
    inertia = HALF_LENGTH * (4 / 3 - POLE_MASS / TOTAL_MASS * cosine * cosine)
    return _Forces(push, GRAVITY * sine - cosine * push, inertia, cosine)


def _moved(state: State, forces: _Forces, turning: jax.Array) -> Four:
    """Where all is after a step; `turning` is by how much the poles' rate changes, a second."""
    moving = forces.push - POLE_MASS * HALF_LENGTH / TOTAL_MASS * turning * forces.cosine
    return (
        state.position + SECONDS * state.speed,
        state.speed + SECONDS * moving,
        state.angle + SECONDS * state.rate,
        state.rate + SECONDS * turning,
    )


def _sine_and_cosine(angle: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Both by their series to the 9th order, which are exact to float32 up to 0.8; an episode is over beyond 0.21."""
    square = angle * angle
    sine = angle * (1 + square * (-1 / 6 + square * (1 / 120 + square * (-1 / 5040))))
    return sine, 1 + square * (-1 / 2 + square * (1 / 24 + square * (-1 / 720)))
