"""An environment in JAX of which everything is known: it counts, and ends when it is told."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp

from rlgauge.envs.jax_env import Choices, Outcome


class State(NamedTuple):
    """Steps so far, and a key that it keeps, as some libraries do, (N,)."""

    count: Any
    key: Any


class Toy:
    """Terminates after `last` steps, of which each is worth `reward(count)`; None never terminates."""

    kind = "jax"
    uses_keys = False
    actions = Choices(3)

    def __init__(self, last=5, reward=lambda count: jnp.ones_like(count, jnp.float32), seen=None, tells=True):
        self.last = last
        self.reward = reward
        self.seen = seen or (lambda count: count[:, None].astype(jnp.float32))
        self.tells = tells

    def init(self, keys):
        return State(jnp.zeros(keys.shape, jnp.int32), keys)

    def reset(self, keys):
        state = self.init(keys)
        return state, self.seen(state.count)

    def sample(self, keys, state):
        return jnp.zeros(keys.shape, jnp.int32)

    def step(self, keys, state, action):
        return self.advance(keys, state, action)[:2]

    def advance(self, keys, state, action):
        count = state.count + 1
        over = jnp.zeros(count.shape, bool) if self.last is None else count >= self.last
        outcome = Outcome(self.seen(count), self.reward(count), over)
        return State(jnp.where(over, 0, count), state.key), outcome, over if self.tells else None
