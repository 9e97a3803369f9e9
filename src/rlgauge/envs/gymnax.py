"""Environments of gymnax (github.com/RobertTLange/gymnax).

Shapes: N environments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from rlgauge.core.errors import unknown
from rlgauge.envs.jax_env import Action, Choices, JaxEnv, Outcome, State, actions_of, choices

if TYPE_CHECKING:
    import jax


class Gymnax:
    """A registered environment with its default parameters, as its own examples run it: mapped over keys and states."""

    kind: Literal["jax"] = "jax"
    uses_keys = True

    def __init__(self, name: str) -> None:
        """Raises UserError for a name that gymnax does not know."""
        import gymnax

        if name not in gymnax.registered_envs:
            raise unknown("gymnax environment", name, gymnax.registered_envs)
        self._env, self._params = gymnax.make(name)
        self.actions = actions_of(self._env.action_space(self._params))

    def init(self, keys: jax.Array) -> State:
        """N environments, each at the start of an episode."""
        return self.reset(keys)[0]

    def reset(self, keys: jax.Array) -> tuple[State, Any]:
        """N environments, each at the start of an episode, and what is seen there."""
        import jax

        observation, state = jax.vmap(self._env.reset, (0, None))(keys, self._params)
        return state, observation

    def sample(self, keys: jax.Array, state: State) -> Action:
        """Random actions."""
        import warnings

        import jax

        del state
        if isinstance(self.actions, Choices):
            return choices(keys, self.actions.num)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Explicitly requested dtype int64")  # which it asks for in vain
            return jax.vmap(self._env.action_space(self._params).sample)(keys)

    def step(self, keys: jax.Array, state: State, action: Action) -> tuple[State, Outcome]:
        """The state after a step of each."""
        return self.advance(keys, state, action)[:2]

    def advance(self, keys: jax.Array, state: State, action: Action) -> tuple[State, Outcome, jax.Array | None]:
        """The same, and which episodes terminated: some versions tell that from truncated, others say one `done`."""
        import jax

        seen = jax.vmap(self._env.step, (0, 0, 0, None))(keys, state, action, self._params)
        observation, state, reward, *ends, _ = seen
        is_over, terminated = (ends[0], None) if len(ends) == 1 else (ends[0] | ends[1], ends[0])
        return state, Outcome(observation, reward, is_over), terminated


def make(name: str) -> JaxEnv:
    """The environment of that name. Raises UserError."""
    return Gymnax(name)
