"""Policies that are compiled together with an environment in JAX: random, zero, and functions that JAX can trace.

A function is traced for one observation and mapped over all. Its arrays (weights) become parameters of what is
compiled, so that policies of the same shape share that.
"""

from __future__ import annotations

import contextlib
import copy
import inspect
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any, NamedTuple

import jax
import jax.extend.core
import jax.numpy as jnp
import numpy as np

from rlgauge.core.errors import UserError
from rlgauge.envs.jax_env import Bounds, Choices, Evaluable
from rlgauge.episodes.policies.objects import call_of

Tree = Any
KEY = "key"
"""The argument by which a function asks for a random key of its own."""


class NotTraceableError(ValueError):
    """A policy that has to be asked step by step. The message continues a sentence that begins with the policy."""


class Traced(NamedTuple):
    """A policy as `rlgauge.episodes.device_loop.Choose` has it, and its parameters; equal `text` is equal code."""

    choose: Callable[..., Any]
    params: Tree
    text: str


def random_policy(env: Evaluable) -> Traced:
    """The environment's own random actions."""

    def choose(_params: Tree, key: jax.Array, state: Any, _observation: Tree) -> Any:  # noqa: ANN401
        return _first(env.sample(key[None], state))

    return Traced(choose, (), "random")


def zero_policy(env: Evaluable) -> Traced:
    """Zeros, moved into the bounds of the actions where zero lies outside."""

    def choose(_params: Tree, key: jax.Array, state: Any, _observation: Tree) -> Any:  # noqa: ANN401
        zeros = jax.tree.map(jnp.zeros_like, _first(env.sample(key[None], state)))
        return jnp.clip(zeros, env.actions.low, env.actions.high) if isinstance(env.actions, Bounds) else zeros

    return Traced(choose, (), "zero")


def trace(policy: object, env: Evaluable, *, name: str, environment: str) -> Traced:
    """The policy, traced. Raises NotTraceableError; UserError where what it returns is no action of the environment."""
    call = _call_of(policy, name)
    state, seen = jax.eval_shape(env.reset, _KEYS)
    action = jax.eval_shape(lambda key, state: _first(env.sample(key, state)), _KEYS, state)
    given = [jax.eval_shape(_first, seen)]
    if KEY in _parameter_names(call):
        given.append(jax.eval_shape(jax.random.key, 0))
    closed, returned = _traced(call, given)
    again, _ = _traced(call, given)
    if not _is_same(closed, again) or not _depends(closed.jaxpr):
        raise NotTraceableError("does not act by what it observes alone, as far as JAX can see")
    _check(returned, action, name=name, environment=environment, env=env)

    def choose(params: Tree, key: jax.Array, state: Any, observation: Tree) -> Any:  # noqa: ANN401
        del state
        flat = jax.tree.leaves((observation, *([key] if len(given) > 1 else [])))
        leaves = jax.core.eval_jaxpr(closed.jaxpr, params, *flat)
        return jax.tree.map(
            lambda leaf, wanted: jnp.reshape(leaf, wanted.shape).astype(wanted.dtype),
            jax.tree.unflatten(jax.tree.structure(returned), leaves),
            action,
        )

    return Traced(choose, tuple(jnp.asarray(const) for const in closed.consts), str(closed.jaxpr))


_KEYS = jax.eval_shape(lambda: jax.random.split(jax.random.key(0), 1))


def _first(tree: Tree) -> Tree:
    return jax.tree.map(lambda leaf: leaf[0], tree)


def _call_of(policy: object, name: str) -> Callable[..., Any]:
    """The function to trace; of a copy, since one that changes itself would keep what tracing gave it.

    Raises NotTraceableError.
    """
    if callable(getattr(policy, "reset", None)) or callable(getattr(policy, "begin", None)):
        raise NotTraceableError("remembers")
    if not isinstance(policy, (FunctionType, MethodType, type)):
        with contextlib.suppress(Exception):  # then it is traced as it is
            policy = copy.deepcopy(policy)
    call = call_of(policy, name)
    if getattr(policy, "batched", False) is not True:
        return call
    return lambda observation: _first(call(jax.tree.map(lambda leaf: leaf[None], observation)))


def _parameter_names(function: Callable[..., object]) -> set[str]:
    try:
        return set(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # what is built in has no signature to read
        return set()


def _traced(call: Callable[..., Any], given: list[Any]) -> tuple[Any, Any]:
    """The function as JAX sees it, and the shapes that it returns. Raises NotTraceableError."""
    try:
        fresh = lambda *own: call(*own)  # noqa: E731, PLW0108  # JAX would answer for the same one what it said before
        return jax.make_jaxpr(fresh, return_shape=True)(*given)
    except UserError:
        raise
    except Exception as error:  # a policy is anybody's code and may raise anything
        raise NotTraceableError(f"can't be traced by JAX ({type(error).__name__})") from error


def _is_same(one: Any, other: Any) -> bool:  # noqa: ANN401  # closed jaxprs
    """Whether tracing gave the same twice: what draws from a generator of its own, or counts, does not."""
    pairs = zip(one.consts, other.consts, strict=True)
    return str(one.jaxpr) == str(other.jaxpr) and all(_is_equal(*pair) for pair in pairs)


def _is_equal(one: Any, other: Any) -> bool:  # noqa: ANN401  # arrays
    if isinstance(one, jax.core.Tracer) or isinstance(other, jax.core.Tracer):
        return False  # which the policy kept from another trace
    if one is other:
        return True
    one, other = (jax.random.key_data(own) if _is_key(own) else own for own in (one, other))
    return np.asarray(one).tobytes() == np.asarray(other).tobytes()


def _is_key(array: Any) -> bool:  # noqa: ANN401
    return bool(jnp.issubdtype(array.dtype, jax.dtypes.prng_key))


def _depends(jaxpr: Any) -> bool:  # noqa: ANN401
    """Whether what comes out follows from what goes in: a number drawn by NumPy would look like a constant."""
    reached = set(jaxpr.invars)
    for equation in jaxpr.eqns:
        if any(not isinstance(one, jax.extend.core.Literal) and one in reached for one in equation.invars):
            reached.update(equation.outvars)
    return any(not isinstance(one, jax.extend.core.Literal) and one in reached for one in jaxpr.outvars)


def _check(returned: Tree, action: Tree, *, name: str, environment: str, env: Evaluable) -> None:
    """Raise UserError where what a policy returns is no action."""
    is_tree = bool(jax.tree.structure(returned) == jax.tree.structure(action))  # type: ignore[operator]  # trees compare
    pairs = zip(jax.tree.leaves(returned), jax.tree.leaves(action), strict=True) if is_tree else ()
    if is_tree and all(_fits(*pair) for pair in pairs):
        return
    hint = ""
    given = jax.tree.leaves(returned)
    if isinstance(env.actions, Choices) and len(given) == 1 and given[0].shape == (env.actions.num,):
        hint = " Return the largest one's index: jnp.argmax."
    raise UserError(f"The policy {name} returned {_text(returned)}, but {environment} takes {_text(action)}.{hint}")


def _fits(given: Any, wanted: Any) -> bool:  # noqa: ANN401  # shapes with dtypes
    same_size = tuple(d for d in given.shape if d != 1) == tuple(d for d in wanted.shape if d != 1)
    kinds = "biuf" if jnp.issubdtype(wanted.dtype, jnp.floating) else "biu"
    return same_size and np.dtype(given.dtype).kind in kinds


def _text(tree: Tree) -> str:
    """The shapes in words."""
    told = jax.tree.map(lambda leaf: f"{leaf.dtype} of shape {leaf.shape}", tree)
    return told if isinstance(told, str) else f"a tree of {told}"
