"""Environments that write down what is done with them."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from rlgauge.envs.host_env import HostOutcome, NativeCounts
from rlgauge.envs.jax_env import Outcome


class Count(NamedTuple):
    num_steps: jax.Array
    last_action: jax.Array
    clock: jax.Array


class Counting:
    """Rewards each step with its action, a number that follows from the key; every fifth step ends an episode."""

    kind = "jax"
    uses_keys = True

    def init(self, keys):
        zeros = jnp.zeros(len(keys), jnp.int32)
        return Count(zeros, zeros.astype(jnp.float32), jnp.int32(0))

    def sample(self, keys, state):
        return jax.vmap(jax.random.uniform)(keys)

    def step(self, keys, state, action):
        num_steps = state.num_steps + 1
        after = Count(num_steps, action, state.clock + 1)
        return after, Outcome(num_steps.astype(jnp.float32) + state.clock, action, num_steps % 5 == 0)


class Vector:
    """Two steps of three are steps of an episode."""

    kind = "vector"

    def __init__(self, num_envs):
        self.num_envs = num_envs
        self.actions = []
        self.is_closed = False

    def reset(self, seed):
        return np.zeros(self.num_envs)

    def sample(self, rng):
        return rng.random(self.num_envs)

    def step(self, actions):
        self.actions.append(actions)
        ones = np.ones(self.num_envs)
        return HostOutcome(ones, ones, ones > 0, max(1, 2 * self.num_envs // 3))

    def close(self):
        self.is_closed = True


class Single:
    kind = "single"

    def __init__(self):
        self.length = 0
        self.actions = []

    def reset(self, seed):
        self.length = 0
        return 0.0

    def sample(self, rng):
        return rng.random()

    def step(self, action):
        self.actions.append(action)
        self.length += 1
        return 0.0, 2.0, self.length == 4

    def close(self):
        pass


class Compiled:
    kind = "native"

    def __init__(self, num_envs):
        self.num_envs = num_envs

    def reset(self, seed):
        pass

    def run(self, num_steps):
        return NativeCounts(num_steps * self.num_envs // 2, float(num_steps))


class Broken:
    kind = "jax"
    uses_keys = False

    def init(self, keys):
        return keys
