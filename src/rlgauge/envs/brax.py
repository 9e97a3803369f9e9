"""Environments of brax (github.com/google/brax).

Shapes: N environments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from rlgauge.core.errors import unknown
from rlgauge.envs.jax_env import Action, Bounds, JaxEnv, Outcome, State

if TYPE_CHECKING:
    import jax

BACKENDS = ("generalized", "mjx", "positional", "spring")
EPISODE_LENGTH = 1000
"""As in brax's own training."""


class Brax:
    """A registered environment with its default parameters, in brax's wrapper that limits episodes to 1000 steps.

    Every episode starts anew at random, which brax's own AutoResetWrapper does not do: it goes back to the first start
    of its environment again and again. Starts are computed only in steps in which an episode of the block ends.
    """

    kind: Literal["jax"] = "jax"
    uses_keys = True

    def __init__(self, name: str, backend: str | None) -> None:
        """With the physics of `backend`, by default the environment's own. Raises UserError for unknown names."""
        from brax import envs
        from brax.envs.wrappers.training import EpisodeWrapper

        known = envs._envs  # noqa: SLF001  # brax names what it knows nowhere else
        if name not in known:
            raise unknown("brax environment", name, known)
        if backend is not None and backend not in BACKENDS:
            raise unknown("backend of brax", backend, BACKENDS)
        env = envs.get_environment(name, **({} if backend is None else {"backend": backend}))
        self._env = EpisodeWrapper(env, EPISODE_LENGTH, action_repeat=1)
        ones = np.ones(env.action_size, np.float32)
        self.actions = Bounds(-ones, ones)

    def init(self, keys: jax.Array) -> State:
        """N environments, each at the start of an episode."""
        import jax

        return jax.vmap(self._env.reset)(keys)

    def reset(self, keys: jax.Array) -> tuple[State, Any]:
        """N environments, each at the start of an episode, and what is seen there."""
        state = self.init(keys)
        return state, state.obs

    def sample(self, keys: jax.Array, state: State) -> Action:
        """Random actions, uniform from -1 to 1: brax scales them to what its actuators take."""
        import jax

        del state
        return jax.vmap(lambda key: jax.random.uniform(key, (self._env.action_size,), minval=-1.0))(keys)

    def step(self, keys: jax.Array, state: State, action: Action) -> tuple[State, Outcome]:
        """The state after a step of each."""
        return self.advance(keys, state, action)[:2]

    def advance(self, keys: jax.Array, state: State, action: Action) -> tuple[State, Outcome, jax.Array]:
        """The same, and which episodes terminated."""
        import jax

        moved = jax.vmap(self._env.step)(state, action)
        is_over = moved.done.astype(bool)
        state = jax.lax.cond(is_over.any(), self._restarted, lambda _keys, state, _over: state, keys, moved, is_over)
        return state, Outcome(state.obs, moved.reward, is_over), is_over & (moved.info["truncation"] == 0)

    def _restarted(self, keys: jax.Array, state: State, is_over: jax.Array) -> State:
        """The state, at a new start where the episode is over."""
        import jax
        import jax.numpy as jnp

        def chosen(new: jax.Array, old: jax.Array) -> jax.Array:
            return jnp.where(is_over.reshape(-1, *[1] * (old.ndim - 1)), new, old).astype(old.dtype)

        return jax.tree.map(chosen, self.init(keys), state)


def make(name: str) -> JaxEnv:
    """The environment of that name, such as ant, or with physics of that name, such as ant/mjx. Raises UserError."""
    environment, _, backend = name.partition("/")
    return Brax(environment, backend or None)
