"""Environments of Jumanji (github.com/instadeepai/jumanji).

Shapes: N environments.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from rlgauge.core.errors import UserError, unknown
from rlgauge.envs.jax_env import Action, Bounds, Choices, JaxEnv, Outcome, State

if TYPE_CHECKING:
    import jax

Draw = Callable[[Any, Any], Any]
"""A random action from a key and what is valid."""


class Going(NamedTuple):
    """The environments' own states, and which actions are valid in them, (N, ...); None where all are."""

    own: State
    valid: Any


class Jumanji:
    """A registered environment with its default parameters, in Jumanji's wrapper for many that start over.

    As in Jumanji's own random agents, actions are drawn from those that are valid, where the environment says which.
    Rewards of several agents are added.
    """

    kind: Literal["jax"] = "jax"
    uses_keys = True

    def __init__(self, name: str) -> None:
        """Raises UserError for a name that Jumanji does not know, and for data that it can't get."""
        import jumanji
        from jumanji.wrappers import VmapAutoResetWrapper

        known = jumanji.registered_environments()
        if name not in known:
            raise unknown("Jumanji environment", name, known)
        try:
            env = jumanji.make(name)
        except OSError as error:
            reason = str(error).partition("\n")[0]
            raise UserError(f"Jumanji downloads data for {name}, which failed here: {reason}") from error
        self._env = VmapAutoResetWrapper(env)
        self._draw = _draw_of(env)
        self.actions = _actions(env.action_spec)

    def init(self, keys: jax.Array) -> State:
        """N environments, each at the start of an episode."""
        return self.reset(keys)[0]

    def reset(self, keys: jax.Array) -> tuple[State, Any]:
        """N environments, each at the start of an episode, and what is seen there."""
        own, seen = self._env.reset(keys)
        return Going(own, _valid(seen.observation)), seen.observation

    def sample(self, keys: jax.Array, state: State) -> Action:
        """Random actions, all valid ones equally likely."""
        import jax

        return jax.vmap(self._draw)(keys, state.valid)

    def step(self, keys: jax.Array, state: State, action: Action) -> tuple[State, Outcome]:
        """The state after a step of each; its random numbers are those of the state."""
        return self.advance(keys, state, action)[:2]

    def advance(self, keys: jax.Array, state: State, action: Action) -> tuple[State, Outcome, jax.Array]:
        """The same, and which episodes terminated: those whose discount is 0, for all agents."""
        del keys
        own, seen = self._env.step(state.own, action)
        size, is_over = len(seen.reward), seen.last()
        reward = seen.reward.reshape(size, -1).sum(axis=1)
        terminated = is_over & (seen.discount == 0).reshape(size, -1).all(axis=1)
        return Going(own, _valid(seen.observation)), Outcome(seen.observation, reward, is_over), terminated


def make(name: str) -> JaxEnv:
    """The environment of that name. Raises UserError."""
    return Jumanji(name)


def _valid(observation: Any) -> Any:  # noqa: ANN401  # the environment's own
    return getattr(observation, "action_mask", None)


def _actions(spec: Any) -> Choices | Bounds | None:  # noqa: ANN401  # Jumanji's
    """What a policy may do; None for several whole numbers at once."""
    if np.issubdtype(spec.dtype, np.integer):
        return Choices(int(spec.num_values)) if spec.shape == () and hasattr(spec, "num_values") else None
    return Bounds(*(np.broadcast_to(np.asarray(end, np.float32), spec.shape) for end in (spec.minimum, spec.maximum)))


def _draw_of(env: Any) -> Draw:  # noqa: ANN401  # Jumanji's
    """What draws an action of the environment. Raises UserError where the actions are of a form not known here."""
    import jax

    spec = env.action_spec
    valid = _valid(jax.eval_shape(env.reset, jax.random.key(0))[1].observation)
    if valid is None:
        return lambda key, _valid: _any_of(key, spec)
    nums = tuple(np.atleast_1d(getattr(spec, "num_values", 0)).ravel().tolist())
    if valid.shape == nums:
        return lambda key, valid: _joint(key, valid, spec)
    if valid.shape[:-1] == spec.shape:
        return lambda key, valid: _apart(key, valid, spec)
    raise UserError(f"Jumanji's {env} says what is valid as {valid.shape} of {nums}, which is not known here.")


def _any_of(key: jax.Array, spec: Any) -> jax.Array:  # noqa: ANN401
    """An action within the bounds, which count."""
    import jax
    import jax.numpy as jnp

    if jnp.issubdtype(spec.dtype, jnp.integer):
        return jax.random.randint(key, spec.shape, spec.minimum, jnp.asarray(spec.maximum) + 1, spec.dtype)
    return jax.random.uniform(key, spec.shape, spec.dtype, spec.minimum, spec.maximum)


def _joint(key: jax.Array, valid: jax.Array, spec: Any) -> jax.Array:  # noqa: ANN401
    """An action of several numbers, of which some combinations are valid."""
    import jax.numpy as jnp

    place = _place(key, valid.ravel())
    return jnp.stack(jnp.unravel_index(place, valid.shape)).reshape(spec.shape).astype(spec.dtype)


def _apart(key: jax.Array, valid: jax.Array, spec: Any) -> jax.Array:  # noqa: ANN401
    """An action of several numbers, each of which has valid values of its own."""
    import jax

    rows = valid.reshape(-1, valid.shape[-1])
    places = jax.vmap(_place)(jax.random.split(key, math.prod(spec.shape)), rows)
    return places.reshape(spec.shape).astype(spec.dtype)


def _place(key: jax.Array, valid: jax.Array) -> jax.Array:
    """The index of a true one, all equally likely; the first where none is true."""
    import jax
    import jax.numpy as jnp

    upto = jnp.cumsum(valid)
    wanted = jax.random.randint(key, (), 0, jnp.maximum(upto[-1], 1))
    return jnp.argmax(upto > wanted)
