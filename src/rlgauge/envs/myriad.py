"""Environments of Myriad (myriad-jax), which needs versions of JAX of its own: see `rlgauge.isolation`.

Shapes: N environments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from rlgauge.core.errors import unknown
from rlgauge.envs.jax_env import Action, Choices, JaxEnv, Outcome, State, actions_of, choices

if TYPE_CHECKING:
    import jax


class Myriad:
    """A registered environment with its default configuration, mapped over keys and states.

    It does not start the next episode by itself; as in its own training loop, every step resets, and what is needed of
    that is selected.
    """

    kind: Literal["jax"] = "jax"
    uses_keys = True

    def __init__(self, name: str) -> None:
        """Raises UserError for a name that Myriad does not know."""
        from myriad.envs import list_envs, make_env

        if name not in list_envs():
            raise unknown("Myriad environment", name, list_envs())
        self._env = make_env(name)
        self.actions = actions_of(self._env.get_action_space(self._env.config))

    def init(self, keys: jax.Array) -> State:
        """N environments, each at the start of an episode."""
        return self.reset(keys)[0]

    def reset(self, keys: jax.Array) -> tuple[State, Any]:
        """N environments, each at the start of an episode, and what is seen there."""
        import jax

        observation, state = jax.vmap(self._reset)(keys)
        return state, observation

    def sample(self, keys: jax.Array, state: State) -> Action:
        """Random actions."""
        import jax

        del state
        if isinstance(self.actions, Choices):
            return choices(keys, self.actions.num)
        return jax.vmap(self._env.get_action_space(self._env.config).sample)(keys)

    def step(self, keys: jax.Array, state: State, action: Action) -> tuple[State, Outcome]:
        """The state after a step of each."""
        import jax

        return jax.vmap(self._step)(keys, state, action)

    def advance(self, keys: jax.Array, state: State, action: Action) -> tuple[State, Outcome, None]:
        """The same; Myriad says one `done` for terminated and truncated."""
        return *self.step(keys, state, action), None

    def _reset(self, key: jax.Array) -> tuple[Any, State]:
        observation, state = self._env.reset(key, self._env.params, self._env.config)
        return observation, state

    def _step(self, key: jax.Array, state: State, action: Action) -> tuple[State, Outcome]:
        import jax
        import jax.numpy as jnp

        step_key, reset_key = jax.random.split(key)
        env = self._env
        seen, state, reward, done, _ = env.step(step_key, state, action, env.params, env.config)
        is_over = done.astype(bool)
        first, start = env.reset(reset_key, env.params, env.config)
        state, seen = jax.tree.map(
            lambda new, old: jnp.where(is_over, new, old).astype(old.dtype), (start, first), (state, seen)
        )
        return state, Outcome(seen, reward, is_over)


def make(name: str) -> JaxEnv:
    """The environment of that name. Raises UserError."""
    return Myriad(name)
