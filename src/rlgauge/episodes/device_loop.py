"""Whole episodes in JAX, side by side: what is compiled.

A lane plays the episodes of its own column of a queue, one after the other, and never waits for another lane. It steps
in chunks, at the end of which what has ended is written down and the next episode begins; a lane whose episode ended
within a chunk idles until then. A lane is an environment of its own, mapped over: nothing in it depends on its
neighbours, nor on how many steps make a chunk.

Shapes: L lanes; Q rows of the queue; T chunks of a call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from rlgauge.envs.jax_env import Action, Bounds, Choices, Evaluable, State
from rlgauge.episodes.device_ends import BAD_OBSERVATION, BAD_REWARD, CUT, ILLEGAL, OVER, PLAYING, TERMINATED, TRUNCATED

CHUNK = 16
"""Steps between two looks at what has ended: few for short episodes, many for what a look costs."""
NUM_CHUNKS = 64
"""Of one call, after which the host looks."""
NUM_ROWS = 64
"""Of a queue: a constant, so that no number of episodes compiles anew."""
NO_LIMIT = 2**31 - 1

Tree = Any
Choose = Callable[[Tree, jax.Array, State, Tree], Action]
"""The action of one environment, by parameters, a key of its own, the environment's state (N = 1) and observation."""


class Queue(NamedTuple):
    """Seeds of environments and of actions, (Q, L), uint32, and how many of a column there are, (L,), int32."""

    seeds: Any
    action_seeds: Any
    num: Any


class Lanes(NamedTuple):
    """What every lane is doing; all (L, ...).

    `total` is the sum of the rewards so far and `lost` what that lost by rounding (Kahan 1965,
    doi:10.1145/363707.363723); `end` says how the episode ended, or PLAYING; `row` is its place in the queue.
    """

    state: State
    observation: Tree
    total: Any
    lost: Any
    length: Any
    end: Any
    row: Any


class Ended(NamedTuple):
    """Episodes that ended: `end` is PLAYING where none did. All (L,), or (T, L) of a call."""

    end: Any
    total: Any
    lost: Any
    length: Any
    row: Any


Program = Callable[[Tree, Lanes, Queue, Any], tuple[Lanes, Ended, Any]]
"""Parameters of the policy, lanes, queue and limit of steps; lanes, what ended (T, L), and how many chunks it took."""
Step = Callable[[Lanes, Queue, Action, Any, Any], tuple[Lanes, Ended, Any]]
"""Lanes, queue, actions, where these are illegal (L,), limit; lanes, what ended (L,), where an episode began (L,)."""


def idle(env: Evaluable, num_lanes: int) -> Lanes:
    """Lanes in which nothing is played yet."""
    seeds = np.zeros(num_lanes, np.uint32)
    state, observation = jax.tree.map(_zeros, jax.eval_shape(jax.vmap(lambda seed: _reset(env, seed)), seeds))
    zero = np.zeros(num_lanes, np.int32)
    nothing = zero.astype(jnp.result_type(float))
    return Lanes(state, observation, nothing, nothing, zero, np.full(num_lanes, OVER, np.int8), zero - 1)


def make_program(env: Evaluable, choose: Choose, *, chunk: int = CHUNK) -> Program:
    """What plays where the policy is compiled, too: NUM_CHUNKS chunks, or fewer where all is played."""

    def program(params: Tree, lanes: Lanes, queue: Queue, limit: Any) -> tuple[Lanes, Ended, Any]:  # noqa: ANN401
        def goes_on(so_far: tuple[Any, Lanes, Ended]) -> jax.Array:
            number, lanes, _ = so_far
            goes: jax.Array = (number < NUM_CHUNKS) & jnp.any((lanes.end == PLAYING) | (lanes.row + 1 < queue.num))
            return goes

        def visit(so_far: tuple[Any, Lanes, Ended]) -> tuple[Any, Lanes, Ended]:
            number, lanes, written = so_far
            lanes, _ = _refilled(env, lanes, queue)
            after = _chunk(env, choose, params, lanes, _current(queue, lanes.row), limit, chunk)
            put = lambda rows, row: lax.dynamic_update_index_in_dim(rows, row, number, 0)  # noqa: E731
            return number + 1, after, jax.tree.map(put, written, _ended(lanes, after))

        room = jax.tree.map(lambda leaf: jnp.zeros((NUM_CHUNKS, *leaf.shape), leaf.dtype), _ended(lanes, lanes))
        number, lanes, written = lax.while_loop(goes_on, visit, (jnp.int32(0), lanes, room))
        return lanes, written, number

    return program


def make_step(env: Evaluable) -> Step:
    """What steps where the policy is asked in between."""

    def step(lanes: Lanes, queue: Queue, action: Action, refused: Any, limit: Any) -> tuple[Lanes, Ended, Any]:  # noqa: ANN401
        seeds, _ = _current(queue, lanes.row)
        after = jax.vmap(lambda lane, action, refused, seed: _played(env, lane, action, refused, seed, limit))(
            lanes, action, refused, seeds
        )
        ended = _ended(lanes, after)
        after, began = _refilled(env, after, queue)
        return after, ended, began

    return step


def _chunk(
    env: Evaluable,
    choose: Choose,
    params: Tree,
    lanes: Lanes,
    seeds: tuple[Any, Any],
    limit: Any,  # noqa: ANN401  # traced
    size: int,
) -> Lanes:
    """The lanes so many steps later."""

    def step_one(lane: Lanes, seed: Any, action_seed: Any) -> Lanes:  # noqa: ANN401  # traced
        key = jax.random.fold_in(jax.random.key(action_seed), lane.length)
        action = choose(params, key, lane.state, lane.observation)
        legal = is_legal(env, action)
        return _played(env, lane, action, ~legal, seed, limit)

    def step(lanes: Lanes, _: None) -> tuple[Lanes, None]:
        return jax.vmap(step_one)(lanes, *seeds), None

    return lax.scan(step, lanes, length=size)[0]


def is_legal(env: Evaluable, action: Action) -> Any:  # noqa: ANN401  # an array
    """Whether the environment allows the action of one; NaN is the environment's to answer."""
    match env.actions:
        case Choices(num):
            return (action >= 0) & (action < num)
        case Bounds(low, high):
            return jnp.all(~((action < low) | (action > high)))
    return jnp.bool_(True)  # noqa: FBT003  # an array


def _played(env: Evaluable, lane: Lanes, action: Action, refused: Any, seed: Any, limit: Any) -> Lanes:  # noqa: ANN401
    """One lane a step later; one in which nothing is played stays what it is, its state aside, which nobody sees."""
    key = jax.random.fold_in(jax.random.key(seed), lane.length + 1)
    given = jax.tree.map(lambda leaf: leaf[None], action)
    state, outcome, terminated = env.advance(key[None], lane.state, given)
    observation = jax.tree.map(lambda leaf: leaf[0], outcome.observation)
    reward = outcome.reward[0].astype(lane.total.dtype)
    was_bad = (lane.length == 0) & ~_is_finite(lane.observation)
    plays = lane.end == PLAYING
    counts = plays & ~refused & ~was_bad
    added = jnp.where(counts, reward - lane.lost, 0)
    total = lane.total + added
    lost = jnp.where(counts, (total - lane.total) - added, lane.lost)
    length = lane.length + counts
    end = jnp.where(outcome.is_over[0], _end(terminated), jnp.where(length >= limit, CUT, PLAYING))
    end = jnp.where(jnp.isfinite(reward) & jnp.isfinite(total), end, BAD_REWARD)
    end = jnp.where(_is_finite(observation), end, BAD_OBSERVATION)
    end = jnp.where(refused, ILLEGAL, end)
    end = jnp.where(was_bad, BAD_OBSERVATION, end)
    end = jnp.where(plays, end, lane.end).astype(lane.end.dtype)
    return Lanes(state, observation, total, lost, length, end, lane.row)


def _end(terminated: Any) -> Any:  # noqa: ANN401  # an array (1,), or None
    return OVER if terminated is None else jnp.where(terminated[0], TERMINATED, TRUNCATED)


def _ended(before: Lanes, after: Lanes) -> Ended:
    """What ended between."""
    end = jnp.where(before.end == PLAYING, after.end, PLAYING).astype(after.end.dtype)
    return Ended(end, after.total, after.lost, after.length, after.row)


def _refilled(env: Evaluable, lanes: Lanes, queue: Queue) -> tuple[Lanes, jax.Array]:
    """The lanes with the next episode begun in those that are free, and which these are, (L,)."""
    begins = (lanes.end != PLAYING) & (lanes.row + 1 < queue.num)

    def refill(lanes: Lanes) -> Lanes:
        row = lanes.row + begins
        fresh = jax.vmap(lambda seed: _reset(env, seed))(_current(queue, row)[0])
        begun = lambda new, old: jnp.where(begins.reshape(-1, *[1] * (old.ndim - 1)), new, old)  # noqa: E731
        state, observation = jax.tree.map(begun, fresh, (lanes.state, lanes.observation))
        total, lost, length, end = (
            jnp.where(begins, 0, leaf).astype(leaf.dtype) for leaf in (lanes.total, lanes.lost, lanes.length, lanes.end)
        )
        return Lanes(state, observation, total, lost, length, end, row)

    return lax.cond(jnp.any(begins), refill, lambda lanes: lanes, lanes), begins


def _reset(env: Evaluable, seed: Any) -> tuple[State, Tree]:  # noqa: ANN401  # traced
    """The state (N = 1) and the observation of one environment at the start of the episode of that seed."""
    key = jax.random.fold_in(jax.random.key(seed), 0)
    state, observation = env.reset(key[None])
    return state, jax.tree.map(lambda leaf: leaf[0], observation)


def _current(queue: Queue, row: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The seeds of the episodes that the lanes are playing."""
    at = jnp.clip(row, 0)[None]
    seeds, action_seeds = (jnp.take_along_axis(rows, at, axis=0)[0] for rows in (queue.seeds, queue.action_seeds))
    return seeds, action_seeds


def _is_finite(observation: Tree) -> Any:  # noqa: ANN401  # an array, or true
    floats = [leaf for leaf in jax.tree.leaves(observation) if jnp.issubdtype(leaf.dtype, jnp.floating)]
    finite = jnp.bool_(True)  # noqa: FBT003  # an array
    for leaf in floats:
        finite = finite & jnp.all(jnp.isfinite(leaf))
    return finite


def _zeros(leaf: Any) -> Any:  # noqa: ANN401  # a shape with its dtype, which may be that of keys
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return jnp.broadcast_to(jax.random.key(0), leaf.shape)
    return np.zeros(leaf.shape, leaf.dtype)
