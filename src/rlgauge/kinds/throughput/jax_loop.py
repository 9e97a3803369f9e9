"""The loop that steps N environments in JAX: compiled once, for any number of trips through it.

A trip is a chunk of steps of every environment, block after block: the state of a block stays in the cache for a chunk,
and after a trip all environments have come equally far. The number of trips is no constant of the compiled code, so
that finding out how many make a good measurement compiles nothing.

Shapes: N environments, of a block or all; C steps of a chunk.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.sharding import Mesh, PartitionSpec

from rlgauge.core.errors import UserError
from rlgauge.envs.jax_env import Action, FreeRunning, JaxEnv, Outcome, State, Streamed
from rlgauge.envs.reference import counters
from rlgauge.kinds.throughput.point import Emit, Policy

Tree = Any
AXIS = "environments"
"""What devices share."""


class Plan(NamedTuple):
    """How the loop is to run. `key` is what all random numbers follow from."""

    num_envs: int
    block: int
    chunk: int
    policy: Policy
    emit: Emit
    key: jax.Array


_DIGIT = 1 << 24


class Tally(NamedTuple):
    """What was done, in numbers that do not run over.

    Episodes that ended are `high` times 2**24 and `low`, int32; `reward` is a sum in float32, `lost` what that lost by
    rounding.
    """

    high: jax.Array
    low: jax.Array
    reward: jax.Array
    lost: jax.Array

    @classmethod
    def empty(cls) -> Tally:
        """Of nothing done."""
        return cls(jnp.int32(0), jnp.int32(0), jnp.float32(0), jnp.float32(0))

    def plus(self, num_episodes: jax.Array, reward: jax.Array) -> Tally:
        """With what a block did (Kahan 1965, doi:10.1145/363707.363723)."""
        low = self.low + num_episodes
        added = reward - self.lost
        total = self.reward + added
        return Tally(self.high + low // _DIGIT, low % _DIGIT, total, (total - self.reward) - added)

    @property
    def num_episodes(self) -> int:
        """Once it is computed."""
        return int(self.high) * _DIGIT + int(self.low)


class Carry(NamedTuple):
    """What is carried from trip to trip.

    The state, the outcomes that were written last, (C, N, ...), and how many trips there were.
    """

    state: State
    written: Tree
    num_trips: jax.Array


Loop = Callable[[Carry, Action, Any], tuple[Carry, Tally]]


def keys_of(key: jax.Array, ids_N: jax.Array) -> jax.Array:
    """A key for each environment, which follows from its number alone."""
    return jax.vmap(lambda number: jax.random.fold_in(key, number))(ids_N)


def start(env: JaxEnv, plan: Plan) -> State:
    """N environments at the start of an episode; streams that follow from their places are not kept."""
    state = env.init(keys_of(plan.key, jnp.arange(plan.num_envs, dtype=jnp.uint32)))
    return _kept(env, state)


def _kept(env: JaxEnv, state: State) -> State:
    return env.without_streams(state) if isinstance(env, Streamed) else state


def _with_streams(env: JaxEnv, plan: Plan, state: State, ids_N: jax.Array) -> State:
    """The state of the environments with these numbers, with their streams where they have such."""
    if not isinstance(env, Streamed):
        return state
    seed = jax.random.bits(plan.key, (), "uint32")
    return env.with_streams(state, counters.mixed(jnp, ids_N * jnp.uint32(counters.GOLDEN) ^ seed))


def first_actions(env: JaxEnv, plan: Plan, state: State) -> Action:
    """What the loop is given as actions: (N, ...) to repeat, (C, N, ...) to go through in every chunk, or nothing."""
    if plan.policy == "random":
        return None
    key = jax.random.fold_in(plan.key, 0xAC7104)
    ids_N = jnp.arange(plan.num_envs, dtype=jnp.uint32)
    state = _with_streams(env, plan, state, ids_N)
    if plan.policy == "fixed":
        return env.sample(keys_of(key, ids_N), state)
    keys_C = jax.vmap(lambda step: jax.random.fold_in(key, step))(jnp.arange(plan.chunk))
    return lax.map(lambda one: env.sample(keys_of(one, ids_N), state), keys_C)


def stepped(env: JaxEnv, plan: Plan, state: State) -> State:
    """The state after a step of each, random actions."""
    return _kept(env, _stepped(env, plan, state)[0])


def room(env: JaxEnv, plan: Plan, state: State) -> Tree:
    """Memory for the outcomes of a chunk, (C, N, ...); nothing where they are dropped."""
    if plan.emit == "drop":
        return None
    shapes = jax.eval_shape(lambda state: _stepped(env, plan, state)[1], state)
    return jax.tree.map(lambda one: jnp.zeros((plan.chunk, *one.shape), one.dtype), shapes)


def _stepped(env: JaxEnv, plan: Plan, state: State) -> tuple[State, Outcome]:
    ids_N = jnp.arange(plan.num_envs, dtype=jnp.uint32)
    keys_N = keys_of(plan.key, ids_N)
    state = _with_streams(env, plan, state, ids_N)
    return env.step(keys_N, state, env.sample(keys_N, state))


def make_loop(env: JaxEnv, plan: Plan, first: Any = 0) -> Loop:  # noqa: ANN401  # a number, or traced
    """The function to compile: a carry, actions and a number of trips; the carry after them, and what was done.

    `first` is the number of the first environment.
    """

    def loop(carry: Carry, actions: Action, num_trips: Any) -> tuple[Carry, Tally]:  # noqa: ANN401  # traced
        def trip(_index: Any, so_far: tuple[Carry, Tally]) -> tuple[Carry, Tally]:  # noqa: ANN401
            return _trip(env, plan, actions, *so_far, first=first)

        result: tuple[Carry, Tally] = lax.fori_loop(0, num_trips, trip, (carry, Tally.empty()))
        return result

    return loop


def make_shared_loop(env: JaxEnv, plan: Plan, mesh: Mesh, carry: Carry) -> Loop:
    """The same by several devices, each with its part of the environments; `carry` is one that it will be given."""
    whole = plan.num_envs
    part = plan._replace(num_envs=whole // mesh.size)

    def loop(carry: Carry, actions: Action, num_trips: Any) -> tuple[Carry, Tally]:  # noqa: ANN401  # traced
        first = lax.axis_index(AXIS) * part.num_envs
        carry, tally = make_loop(env, part, first)(carry, actions, num_trips)
        return carry, jax.tree.map(_sum_over_devices, tally)

    carries = sharding(plan, carry)
    given = (carries, sharding_of_actions(plan), _EVERYWHERE)
    return jax.shard_map(loop, mesh=mesh, in_specs=given, out_specs=(carries, _EVERYWHERE), check_vma=False)


def sharding(plan: Plan, carry: Carry) -> Any:  # noqa: ANN401  # a carry of specs
    """How a carry is spread over devices: what has a value an environment is parted, the rest is everywhere."""
    state = jax.tree.map(lambda leaf: _parted_on(0) if _is_own(plan, leaf) else _EVERYWHERE, carry.state)
    return Carry(state, jax.tree.map(lambda _leaf: _parted_on(1), carry.written), _EVERYWHERE)


def sharding_of_actions(plan: Plan) -> PartitionSpec:
    """How actions are."""
    return _parted_on(1 if plan.policy == "predrawn" else 0)


def _parted_on(axis: int) -> PartitionSpec:
    return PartitionSpec(*[None] * axis, AXIS)  # type: ignore[no-untyped-call]


_EVERYWHERE: Any = PartitionSpec()  # type: ignore[no-untyped-call]


def _sum_over_devices(leaf: jax.Array) -> jax.Array:
    return lax.psum(leaf, AXIS)  # type: ignore[no-untyped-call,no-any-return]


def _is_own(plan: Plan, leaf: jax.Array) -> bool:
    return leaf.ndim > 0 and leaf.shape[0] == plan.num_envs


def _trip(
    env: JaxEnv,
    plan: Plan,
    actions: Action,
    carry: Carry,
    tally: Tally,
    *,
    first: Any,  # noqa: ANN401
) -> tuple[Carry, Tally]:
    """A chunk of steps of every environment."""
    leaves, tree = jax.tree.flatten(carry.state)
    is_own = [_is_own(plan, leaf) for leaf in leaves]
    own, shared = _parted(leaves, is_own)
    ids_N = jnp.arange(plan.block, dtype=jnp.uint32) + jnp.uint32(first)

    def visit(number: Any, so_far: _Visited) -> _Visited:  # noqa: ANN401  # traced
        offset = number * plan.block
        before = [_cut(leaf, offset, plan.block) for leaf in so_far.own]
        state = jax.tree.unflatten(tree, _joined(before, shared, is_own))
        block = _Block(ids_N + jnp.uint32(offset), carry.num_trips * plan.chunk)
        given = _cut_tree(actions, offset, plan.block, axis=plan.policy == "predrawn")
        state = _with_streams(env, plan, state, block.ids_N)
        state, seen, (episodes_N, rewards_N) = _chunk(env, plan, state, given, block)
        part, after = _parted(jax.tree.leaves(_kept(env, state)), is_own)
        return _Visited(
            [  # what no step changes, JAX hands through, and it need not be put back
                leaf if new is old else _put(leaf, new, offset)
                for leaf, old, new in zip(so_far.own, before, part, strict=True)
            ],
            after,
            jax.tree.map(lambda all_CN, new_CN: _put(all_CN, new_CN, offset, axis=1), so_far.written, seen),
            so_far.tally.plus(episodes_N.sum(), rewards_N.sum()),
        )

    visited = lax.fori_loop(0, plan.num_envs // plan.block, visit, _Visited(own, shared, carry.written, tally))
    state = jax.tree.unflatten(tree, _joined(visited.own, visited.shared, is_own))
    return Carry(state, visited.written, carry.num_trips + 1), visited.tally


class _Visited(NamedTuple):
    """The leaves of the state, of which the blocks that were visited have come further, and what was done so far."""

    own: list[jax.Array]
    shared: list[jax.Array]
    written: Tree
    tally: Tally


class _Block(NamedTuple):
    """The numbers of its environments, and how many steps they have taken so far."""

    ids_N: jax.Array
    num_steps: jax.Array


def _chunk(
    env: JaxEnv, plan: Plan, state: State, actions: Action, block: _Block
) -> tuple[State, Tree, tuple[jax.Array, jax.Array]]:
    """The state of a block after a chunk, what was seen where it is written, and episodes and rewards of each."""
    if isinstance(env, FreeRunning) and plan.policy == "random" and plan.emit == "drop":
        state, episodes_N, rewards_N = env.run(state, plan.chunk)
        return state, None, (episodes_N, rewards_N)

    size = len(block.ids_N)
    steps_ids = 2 * block.ids_N + 1
    ids = jnp.concatenate([2 * block.ids_N, steps_ids]) if plan.policy == "random" else steps_ids

    def step(so_far: tuple[State, jax.Array, jax.Array], given: tuple[jax.Array, Action]) -> tuple[Any, Tree]:
        state, episodes_N, rewards_N = so_far
        number, action = given
        key = jax.random.fold_in(plan.key, block.num_steps + number)
        keys = keys_of(key, ids)  # at once, for each call has its price where environments are few
        if plan.policy == "random":
            action = env.sample(keys[:size], state)
        elif plan.policy == "fixed":
            action = actions
        state, outcome = env.step(keys[-size:], state, action)
        _check_shapes(outcome, size)
        so_far = (state, episodes_N + outcome.is_over, rewards_N + outcome.reward.astype(jnp.float32))
        return so_far, None if plan.emit == "drop" else outcome

    begin = (state, jnp.zeros(size, jnp.int32), jnp.zeros(size, jnp.float32))
    given = (jnp.arange(plan.chunk), actions if plan.policy == "predrawn" else None)
    (state, episodes_N, rewards_N), seen = lax.scan(step, begin, given, length=plan.chunk)
    return state, seen, (episodes_N, rewards_N)


def _check_shapes(outcome: Outcome, num_envs: int) -> None:
    """Raise UserError, while the loop is traced, for rewards and ends that are not one of each environment."""
    for name in ("reward", "is_over"):
        value = getattr(outcome, name)
        shape = getattr(value, "shape", None)
        if shape != (num_envs,):
            what = f"shape {shape}" if shape is not None else f"type {type(value).__name__}"
            raise UserError(f"A step of {num_envs} environments gave {name} of {what}; it must be ({num_envs},).")


def _parted(leaves: list[Any], is_own: list[bool]) -> tuple[list[Any], list[Any]]:
    """Those with a value an environment, and those shared by all."""
    pairs = list(zip(leaves, is_own, strict=True))
    return [leaf for leaf, own in pairs if own], [leaf for leaf, own in pairs if not own]


def _joined(own: list[Any], shared: list[Any], is_own: list[bool]) -> list[Any]:
    mine, others = iter(own), iter(shared)
    return [next(mine if one else others) for one in is_own]


def _cut(leaf: Any, offset: Any, size: int, axis: int = 0) -> Any:  # noqa: ANN401
    """A block of an array; the array itself where it is all of it."""
    return leaf if leaf.shape[axis] == size else lax.dynamic_slice_in_dim(leaf, offset, size, axis)


def _cut_tree(tree: Tree, offset: Any, size: int, *, axis: int) -> Tree:  # noqa: ANN401
    return jax.tree.map(lambda leaf: _cut(leaf, offset, size, axis), tree)


def _put(leaf: Any, part: Any, offset: Any, axis: int = 0) -> Any:  # noqa: ANN401
    return part if leaf.shape == part.shape else lax.dynamic_update_slice_in_dim(leaf, part, offset, axis)
