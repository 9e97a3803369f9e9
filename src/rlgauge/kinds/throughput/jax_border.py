"""What an environment in JAX returned that it should not have, in words."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from rlgauge.core.errors import UserError
from rlgauge.envs.jax_env import JaxEnv
from rlgauge.kinds.throughput.border import form, told

_PARTS = ("observation", "reward", "is_over")
_PAIR = 2


def check(env: JaxEnv, name: str, num_envs: int) -> None:
    """Trace a step of so many environments. Raises UserError for what it must not return."""

    def traced(keys: jax.Array) -> None:
        state = env.init(keys)
        _check_leaves(f"{name}.init", state)
        returned: Any = env.step(keys, state, env.sample(keys, state))
        if not isinstance(returned, tuple | list) or len(returned) != _PAIR:
            raise UserError(f"{name}.step returned {told(returned)}; it must return two: the state, and {_OUTCOME}.")
        _check_leaves(f"{name}.step", returned[0])
        _check_state(name, state, returned[0])
        _check_outcome(name, returned[1], num_envs)

    jax.eval_shape(traced, jax.random.split(jax.random.key(0), num_envs))


_OUTCOME = f"Outcome({', '.join(_PARTS)})"


def _check_leaves(name: str, state: Any) -> None:  # noqa: ANN401  # the environment's own
    for path, leaf in jax.tree_util.tree_leaves_with_path(state):
        if not hasattr(leaf, "dtype") and not isinstance(leaf, bool | int | float | complex):
            where = f"state{jax.tree_util.keystr(path)}"
            raise UserError(f"{name} returned {form(leaf)} as {where}; a state holds arrays and numbers alone.")


def _check_state(name: str, before: Any, after: Any) -> None:  # noqa: ANN401
    """Every step must keep the form of the state, for one compiled step is taken again and again."""
    was, now = (_form_of(state) for state in (before, after))
    if was != now:
        raise UserError(f"{name}.step returned a state of another form than init: {now}, not {was}.")
    for (path, old), new in zip(jax.tree_util.tree_leaves_with_path(before), jax.tree.leaves(after), strict=True):
        if form(_array(old)) != form(_array(new)):
            raise UserError(
                f"{name}.step turned state{jax.tree_util.keystr(path)} from {form(_array(old))} into "
                f"{form(_array(new))}; it must keep the shape and dtype of all that init returned."
            )


def _check_outcome(name: str, outcome: Any, num_envs: int) -> None:  # noqa: ANN401
    lacking = [part for part in _PARTS if not hasattr(outcome, part)]
    if lacking:
        raise UserError(f"{name}.step returned {told(outcome)} beside the state; it must be an {_OUTCOME}.")
    for part, kinds, wanted in (("reward", "iufb", "numbers"), ("is_over", "b", "bool")):
        value = getattr(outcome, part)
        if getattr(value, "shape", None) != (num_envs,) or not any(_is(value, kind) for kind in kinds):
            raise UserError(
                f"{name}.step of {num_envs} environments returned {form(value)} as {part}; it must be {wanted}, of "
                f"shape ({num_envs},)."
            )


def _is(array: Any, kind: str) -> bool:  # noqa: ANN401
    kinds = {"i": jnp.signedinteger, "u": jnp.unsignedinteger, "f": jnp.floating, "b": jnp.bool_}
    return bool(jnp.issubdtype(array.dtype, kinds[kind]))


def _array(leaf: Any) -> jax.Array:  # noqa: ANN401  # an array, or a number
    return leaf if hasattr(leaf, "dtype") else jnp.asarray(leaf)


def _form_of(state: Any) -> str:  # noqa: ANN401
    return str(jax.tree.structure(state)).removeprefix("PyTreeDef(").removesuffix(")")
