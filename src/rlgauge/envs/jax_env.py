"""What an environment in JAX must offer to be measured: functions of whole batches, which whoever runs them compiles.

Shapes: N environments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    import jax

State = Any
"""A tree of arrays. Those with a leading axis N hold a value an environment; scalars are shared by all."""
Action = Any
"""A tree of arrays with a leading axis N."""


class Outcome(NamedTuple):
    """What a step gives, by environment.

    `observation`, (N, ...), is the first of the next episode where one ended; `reward`, (N,); `is_over`, (N,), bool.
    """

    observation: Any
    reward: jax.Array
    is_over: jax.Array


@runtime_checkable
class JaxEnv(Protocol):
    """Functions of N keys, one an environment and step; what an environment does must not depend on its neighbours.

    Environments whose random numbers are their own leave the keys unused, and compilers leave them out; `uses_keys`
    says so. A step that ends an episode starts the next one.
    """

    kind: Literal["jax"]
    uses_keys: bool

    def init(self, keys: jax.Array) -> State:
        """N environments, each at the start of an episode."""

    def sample(self, keys: jax.Array, state: State) -> Action:
        """Random actions."""

    def step(self, keys: jax.Array, state: State, action: Action) -> tuple[State, Outcome]:
        """The state after a step of each."""


@runtime_checkable
class FreeRunning(Protocol):
    """An environment whose steps are of unequal work, so that each lane had better go on to its own next step."""

    def run(self, state: State, num_steps: int) -> tuple[State, jax.Array, jax.Array]:
        """The state after so many steps of each with random actions; episodes that ended, (N,), and rewards, (N,)."""


@runtime_checkable
class Streamed(Protocol):
    """An environment whose random numbers follow from a stream each, a number that never changes.

    Whoever runs many of them need not keep streams that follow from their places.
    """

    def with_streams(self, state: State, streams: jax.Array) -> State:
        """The state with these streams, (N,), uint32."""

    def without_streams(self, state: State) -> State:
        """The state without any."""


class Choices(NamedTuple):
    """Actions that are whole numbers from 0, so many."""

    num: int


class Bounds(NamedTuple):
    """Actions that are arrays of floats between these, which have the shape of an action and may be infinite."""

    low: Any
    high: Any


@runtime_checkable
class Evaluable(JaxEnv, Protocol):
    """An environment in which policies can be evaluated, too: it shows what is seen at the start of an episode.

    `actions` is what a policy may do; None where that is neither of the two kinds.
    """

    actions: Choices | Bounds | None

    def reset(self, keys: jax.Array) -> tuple[State, Any]:
        """N environments, each at the start of an episode, and what is seen there, a tree of arrays (N, ...)."""

    def advance(self, keys: jax.Array, state: State, action: Action) -> tuple[State, Outcome, jax.Array | None]:
        """As `step`, and which episodes terminated, (N,), bool; None where a library does not tell it from truncated.

        Those that are over and not terminated were truncated.
        """


def choices(keys: jax.Array, num: int) -> jax.Array:
    """A number below `num` for each key, (N,), int32, of the key's own random bits.

    What a library draws by a key of its own costs it more than that, and would be counted as its environment's. Numbers
    are equally likely but for 2**-32 times `num`.
    """
    import jax
    import jax.numpy as jnp

    bits = jax.random.key_data(keys)[..., -1]
    high, low = bits >> 16, bits & 0xFFFF
    return ((high * num + (low * num >> 16)) >> 16).astype(jnp.int32)


def actions_of(space: Any) -> Choices | Bounds | None:  # noqa: ANN401  # a library's own, which look alike
    """What a space of actions holds that says how many there are (`n`), or between what (`low`, `high`)."""
    import numpy as np

    num = getattr(space, "n", None)
    if num is not None:
        return Choices(int(num))
    if not hasattr(space, "low"):
        return None
    shape = tuple(space.shape)
    return Bounds(*(np.broadcast_to(np.asarray(end, np.float32), shape) for end in (space.low, space.high)))
