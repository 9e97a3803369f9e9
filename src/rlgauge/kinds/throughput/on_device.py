"""Environments in JAX, ready to be stepped: traced, compiled, and their state and memory on the device."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
import psutil
from jax.sharding import Mesh, NamedSharding

from rlgauge.core.errors import UserError
from rlgauge.envs.jax_env import FreeRunning, JaxEnv, Outcome
from rlgauge.kinds.throughput import jax_border, jax_loop, tuned
from rlgauge.kinds.throughput.border import in_plain_words
from rlgauge.kinds.throughput.jax_loop import Carry, Plan
from rlgauge.kinds.throughput.on_host import refuse
from rlgauge.kinds.throughput.point import BLOCK, Point, default_block, default_chunk, is_odd_block
from rlgauge.kinds.throughput.prepared import LOOKS, Done, NoRoomError
from rlgauge.kinds.throughput.roofline import Roofline, roofline

Tree = TypeVar("Tree")


class Idle:
    """Environments that do nothing: what the loop around them takes is its own."""

    kind: Literal["jax"] = "jax"
    uses_keys = False

    def init(self, keys: jax.Array) -> jax.Array:
        """Nothing but their number."""
        return jnp.zeros(len(keys), jnp.uint32)

    def sample(self, keys: jax.Array, state: jax.Array) -> None:
        """Nothing."""

    def step(self, keys: jax.Array, state: jax.Array, action: None) -> tuple[jax.Array, Outcome]:
        """One more, and a reward that the compiler does not know."""
        del keys, action
        return state + 1, Outcome(state, state.astype(jnp.float32), state == 0)


_LOOKED_AT = 64
"""Environments of which it is seen whether steps change them."""
_LONGEST_CHUNK = 100_000
"""A sum of more rewards in float32 would lose digits."""
_MOST_COUNTED = 2**31


class Compiled:
    """N environments of a library for JAX."""

    def __init__(self, make: Callable[[], JaxEnv], point: Point, seed: int, *, version: str | None = None) -> None:
        """Make, start and compile them; `version` is the library's, for which a chunk may have been found.

        Raises UserError for a choice that would have no effect, and NoRoomError.
        """
        start = time.perf_counter()
        self._env = make()
        self.phases = {"make": time.perf_counter() - start}
        _check(self._env, point)
        best, own = getattr(self._env, "best_block", None) or BLOCK, point.num_envs // point.devices
        self.plan = Plan(
            num_envs=point.num_envs,
            block=point.block or default_block(own, best),
            chunk=point.scan_chunk_size or _chunk(point, version),
            policy=point.policy,
            emit=point.emit,
            key=jax.random.key(seed, impl=point.rng),
        )
        _check_counts(self.plan)
        self.steps_per_trip = self.plan.chunk
        self._mesh = Mesh(np.array(jax.devices()[: point.devices]), (jax_loop.AXIS,))
        with in_plain_words(lambda: jax_border.check(self._env, point.environment, self.plan.block)):
            self._compile()
        self._first = _some(self._carry.state)
        self.facts: dict[str, Any] = {
            "block": self.plan.block,
            "best_block": best,
            "block_is_odd": point.block is None and is_odd_block(own, self.plan.block, best),
            "scan_chunk_size": self.plan.chunk,
            "chunk_is_tuned": point.scan_chunk_size is None and self.plan.chunk != default_chunk(point.num_envs),
            "rng": str(jax.random.key_impl(self.plan.key)) if self._env.uses_keys else "the environment's own",
            "observed": "dropped: computed as far as the next step needs it" if point.emit == "drop" else "written",
            "free_running": isinstance(self._env, FreeRunning) and point.policy == "random" and point.emit == "drop",
            "flops": self._own_flops(),
            "memory": _memory(self._loop),
            "state_bytes_per_env": _num_bytes(self._carry.state) / point.num_envs,
            "device": str(jax.devices()[0].device_kind),
            "jax": jax.__version__,
            "threads": os.environ.get("NPROC", "one a core"),
        }

    def _compile(self) -> None:
        """Start and compile them. Raises NoRoomError."""
        _check_room(self._env, self.plan)
        self._start = self._timed("init_compile", lambda: _compiled(lambda: jax_loop.start(self._env, self.plan), []))
        self._carry = self._timed("init", self._first_carry)
        self._actions = _settled(self._spread_actions(self._first_actions()))
        loop = jax.jit(self._make_loop(), donate_argnums=0)
        lowered = self._timed("trace", lambda: loop.lower(self._carry, self._actions, 0))
        self._loop = self._timed("compile", lowered.compile)

    def go(self, num_trips: int) -> Done:
        """What so many trips did; all that they write is there."""
        self._carry, tally = _settled(self._loop(self._carry, self._actions, num_trips))
        return Done(num_trips * self.plan.chunk * self.plan.num_envs, tally.num_episodes, float(tally.reward))

    def reset(self) -> None:
        """All environments at the start of an episode."""
        fresh = self._carry._replace(state=self._start(), num_trips=jnp.int32(0))
        self._carry = _settled(self._spread(fresh))

    def device_peak_bytes(self) -> int | None:
        """Of the first device, if it is no processor; None where it does not tell."""
        device = jax.devices()[0]
        stats = None if device.platform == "cpu" else device.memory_stats()
        return None if not stats else int(stats["peak_bytes_in_use"])

    def has_changed(self) -> bool:
        """Whether anything in the state of the first environments is another than at the start, or a step later."""
        return any(self._changes()) or self._changes_once_more()

    def stands_still(self, num_trips: int) -> bool:
        """Whether so many trips more, and a step after them, leave the first environments as they were."""
        before = _some(self._carry.state)
        looks = LOOKS if self.plan.num_envs < _LOOKED_AT else ()  # so many are never all the same by chance
        for trips in (num_trips, *looks):
            done = self.go(trips)
            if done.num_episodes or done.reward or not all(map(np.array_equal, before, _some(self._carry.state))):
                return False
        return not self._changes_once_more()

    def roofline(self) -> Roofline | None:
        """What the memory of the device allows at most: what steps change must be fetched and put back."""
        leaves = jax.tree.leaves(self._carry.state)
        return roofline(
            state_bytes=_num_bytes([leaf for leaf, is_other in zip(leaves, self._changes(), strict=True) if is_other]),
            written_bytes=_num_bytes(self._carry.written),
            num_steps=self.plan.num_envs * self.plan.chunk,
        )

    def close(self) -> None:
        """Give the memory back."""
        jax.tree.map(lambda leaf: leaf.delete(), self._carry)

    def _changes(self) -> list[bool]:
        """Which leaves of the state are others than at the start, as far as one sees from the first environments."""
        pairs = zip(self._first, _some(self._carry.state), strict=True)
        return [not np.array_equal(before, now) for before, now in pairs]

    def _changes_once_more(self) -> bool:
        """Whether a step more changes anything; compiled where an even number of steps may have led back."""
        state = self._carry.state
        after = jax.jit(lambda state: jax_loop.stepped(self._env, self.plan, state))(state)
        return any(not np.array_equal(*pair) for pair in zip(_some(state), _some(after), strict=True))

    def _own_flops(self) -> float | None:
        """What the compiler counts at least of a step of a block, without the most that the loop itself may take.

        None where it can't see the step.
        """
        whole = None if getattr(self._env, "is_opaque", False) else _flops(self._loop)
        if whole is None:
            return None
        plan = self.plan._replace(num_envs=self.plan.num_envs // self._mesh.size, policy="random", emit="drop")
        carry = Carry(jax_loop.start(Idle(), plan), None, jnp.int32(0))
        loops_own = _flops(_compiled(jax_loop.make_loop(Idle(), plan), [carry, None, 0])) or 0.0
        return max(0.0, whole - loops_own)

    def _first_carry(self) -> Carry:
        state = self._start()
        return _settled(self._spread(Carry(state, jax_loop.room(self._env, self.plan, state), jnp.int32(0))))

    def _spread(self, carry: Carry) -> Carry:
        """The carry where the loop wants it."""
        if self._mesh.size == 1:
            return carry
        specs = jax_loop.sharding(self.plan, carry)
        where = jax.tree.map(lambda spec: NamedSharding(self._mesh, spec), specs)
        spread: Carry = jax.device_put(carry, where)
        return spread

    def _spread_actions(self, actions: Any) -> Any:  # noqa: ANN401  # the environment's own
        if self._mesh.size == 1:
            return actions
        where = NamedSharding(self._mesh, jax_loop.sharding_of_actions(self.plan))
        return jax.tree.map(lambda leaf: jax.device_put(leaf, where), actions)

    def _make_loop(self) -> jax_loop.Loop:
        if self._mesh.size == 1:
            return jax_loop.make_loop(self._env, self.plan)
        return jax_loop.make_shared_loop(self._env, self.plan, self._mesh, self._carry)

    def _first_actions(self) -> Any:  # noqa: ANN401  # the environment's own
        return jax.jit(lambda state: jax_loop.first_actions(self._env, self.plan, state))(self._carry.state)

    def _timed(self, phase: str, make: Callable[[], Any]) -> Any:  # noqa: ANN401
        start = time.perf_counter()
        made = make()
        self.phases[phase] = time.perf_counter() - start
        return made


def _settled(tree: Tree) -> Tree:
    """The arrays, all of which are there."""
    return jax.block_until_ready(tree)  # type: ignore[no-untyped-call,no-any-return]


def _chunk(point: Point, version: str | None) -> int:
    """What was found to be fastest for so many, where it was measured in this way; else by their number."""
    if point.emit == "drop" and point.policy == "random" and point.devices == 1:
        found = tuned.load(point.environment, point.library)
        if found is not None and (found.num_envs, found.version) == (point.num_envs, version):
            return found.scan_chunk_size
    return default_chunk(point.num_envs)


def _some(state: Any) -> list[Any]:  # noqa: ANN401
    """The leaves of the first environments, on the host."""
    leaves = [leaf[:_LOOKED_AT] if leaf.ndim else leaf for leaf in jax.tree.leaves(state)]
    return [
        np.asarray(jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf)
        for leaf in leaves
    ]


def _num_bytes(tree: Any) -> int:  # noqa: ANN401
    return sum(int(leaf.nbytes) for leaf in jax.tree.leaves(tree))


def _check(env: object, point: Point) -> None:
    if not isinstance(env, JaxEnv):
        lacking = [name for name in ("uses_keys", "init", "sample", "step") if not hasattr(env, name)]
        raise UserError(f"{point.environment} of {point.library} is no JaxEnv: it lacks {', '.join(lacking)}.")
    if point.rng is not None and not env.uses_keys:
        raise UserError(f"rng={point.rng} can't be honoured: {point.library} draws random numbers in a way of its own.")
    if getattr(env, "is_opaque", False):
        refuse(point, "policy", "emit", why="draws its actions in compiled code, which shows no outcomes")
    if (point.scan_chunk_size or 1) > _LONGEST_CHUNK:
        raise UserError(f"scan_chunk_size={point.scan_chunk_size}: at most {_LONGEST_CHUNK:,}, or rewards lose digits.")
    if point.devices > len(jax.devices()):
        raise UserError(f"devices={point.devices}: this machine has {len(jax.devices())}.")


def _check_counts(plan: Plan) -> None:
    """Raise UserError where the episodes of a block might be more in a chunk than 32 bits can count."""
    if plan.block * plan.chunk >= _MOST_COUNTED:
        raise UserError(
            f"Blocks of {plan.block:,} environments and chunks of {plan.chunk:,} steps are too many steps to count: "
            "take fewer of either, or a number of environments that has a divisor near 10,000."
        )


def _check_room(env: JaxEnv, plan: Plan) -> None:
    """Raise NoRoomError where the environments, and what is written of them, are beyond the memory that is free."""
    state = jax.eval_shape(lambda: jax_loop.start(env, plan))
    written = jax.eval_shape(lambda: jax_loop.room(env, plan, jax_loop.start(env, plan)))
    needed = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves((state, written)))
    free = _free_bytes()
    if free is not None and needed > free:
        raise NoRoomError(
            f"{plan.num_envs:,} environments need {needed / 2**30:.1f} GiB at least, and {free / 2**30:.1f} are free: "
            f"about {int(plan.num_envs * free / needed):,} would fit."
        )


def _free_bytes() -> int | None:
    """Of the device's memory; None where it does not tell."""
    device = jax.devices()[0]
    if device.platform == "cpu":
        return int(psutil.virtual_memory().available)
    stats = device.memory_stats()
    return None if not stats else int(stats["bytes_limit"] - stats["bytes_in_use"])


def _compiled(function: Callable[..., Any], arguments: Sequence[Any]) -> Any:  # noqa: ANN401  # JAX names no type
    return jax.jit(function).lower(*arguments).compile()


def _flops(compiled: Any) -> float | None:  # noqa: ANN401
    """Floating-point operations of one pass through the code, as the compiler counts them; loops count once."""
    analysis = compiled.cost_analysis()
    if isinstance(analysis, list):  # JAX before 0.5: one for each program
        analysis = analysis[0] if analysis else None
    flops = (analysis or {}).get("flops")
    return None if flops is None else float(flops)


def _memory(compiled: Any) -> dict[str, int] | None:  # noqa: ANN401
    """Bytes as the compiler has planned them."""
    found = compiled.memory_analysis()
    if found is None:
        return None
    return {
        "arguments": int(found.argument_size_in_bytes),
        "outputs": int(found.output_size_in_bytes),
        "temporaries": int(found.temp_size_in_bytes),
        "alias": int(found.alias_size_in_bytes),
        "code": int(found.generated_code_size_in_bytes),
    }
