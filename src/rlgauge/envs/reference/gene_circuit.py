"""A gene circuit in JAX: green light has cells make a fluorescent protein, which promotes itself; to be held at 25.

The bistable CcaS-CcaR and GFP circuit of "Control of a Bi-Stable Genetic System via Parallelized Reinforcement
Learning", CDC 2025, gitlab.com/lugagnelab/pqn-control-cdc2025. Rates, task and limits are those of `ccasr-gfp-control`
in Myriad (myriad-jax 0.2.0). Reactions and their rates a minute, of A active CcaS-CcaR and R molecules of GFP:

    none -> A   1 in green light, 0 in red        none -> R   0.5 A^3.6 / (90^3.6 + A^3.6)
    A -> none   0.01 A                            none -> R   0.5 R^3.6 / (30^3.6 + R^3.6)
    R -> none   0.01 R

The simulation is exact: Gillespie 1977, doi:10.1021/j100540a008. A wait cut short by a decision is drawn anew from
there, since reactions have no memory. (Where the light changes, Myriad draws it from the last reaction on, and so
simulates the time since then twice: circuits get more light than they are shown. In constant light the two agree.)

Inside, time is counted in lifetimes of a molecule, 100 minutes: dilution has the count itself as its rate, and totals
of rates are sums alone, which round alike however they are compiled. The two reactions that make R are one.

Shapes: N environments.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from rlgauge.envs.reference import counters

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

LIFETIME = 100.0
"""Minutes; the rates below are per lifetime."""
INTERVAL = 5.0 / LIFETIME
"""From one decision to the next."""
GREEN, PROMOTED, STEEPNESS = 1.0 * LIFETIME, 0.5 * LIFETIME, 3.6
HALF_BY_ACTIVATOR, HALF_BY_REPORTER = 90.0, 30.0
TARGET, SCALE = 25, 80.0
MAX_STEPS = 288
"""A day."""
MOST = 256
"""Rates are known for counts under this. None is made faster than 100 a lifetime: more has a chance below 1e-30."""
CHUNK = 256
"""Environments that wait for each other on a CPU: more wait longer; fewer do not outweigh the cost of a loop."""


def _promoted(half: float) -> NDArray[np.float32]:
    powers = np.arange(MOST) ** STEEPNESS
    return np.asarray(PROMOTED * powers / (half**STEEPNESS + powers), np.float32)


BY_ACTIVATOR, BY_REPORTER = _promoted(HALF_BY_ACTIVATOR), _promoted(HALF_BY_REPORTER)
"""Molecules of GFP made in a lifetime, by count of the promoting one."""


class State(NamedTuple):
    """Of every environment: counts of both proteins, steps since the start, stream and clock of its random numbers.

    All (N,), int32; `stream` and `clock` uint32. The clock counts the numbers drawn: one to a reaction, two to a step.
    """

    activator: jax.Array
    reporter: jax.Array
    num_steps: jax.Array
    stream: jax.Array
    clock: jax.Array

    @property
    def observation(self) -> jax.Array:
        """GFP, its target now and its target one step on, in units of 80 molecules, (N, 3), float32."""
        return _observed(self.reporter)


class Step(NamedTuple):
    """What a step gives, by environment.

    `observation`, (N, 3), is the first of the next episode where one ended; `final_observation` is what it was before.
    `reward`, float32, is minus the distance of GFP from its target, in molecules. `terminated` is never true, and
    `truncated` after 288 steps.
    """

    observation: jax.Array
    reward: jax.Array
    terminated: jax.Array
    truncated: jax.Array
    final_observation: jax.Array


class _Course(NamedTuple):
    """In the middle of a step: CcaS-CcaR activated in a lifetime, and lifetimes left until the next decision."""

    state: State
    light: jax.Array
    time_left: jax.Array


class _Tally(NamedTuple):
    steps_left: jax.Array
    episodes: jax.Array
    rewards: jax.Array


_Ran = tuple[State, jax.Array, jax.Array]
_Tree = TypeVar("_Tree")


class GeneCircuit:
    """The environment: functions of states, to be compiled, mapped and scanned over; a new episode follows at once."""

    num_actions = 2
    observation_size = 3

    def reset(self, seed: int, num_envs: int) -> State:
        """The start of an episode, without any protein, in each of so many environments."""
        return self.start(counters.streams(jnp, seed, num_envs))

    def start(self, stream: jax.Array) -> State:
        """The start of an episode in an environment for each stream of random numbers, (N,), uint32."""
        activator, reporter, num_steps = (jnp.zeros(stream.shape, jnp.int32) for _ in range(3))
        return State(activator, reporter, num_steps, stream, jnp.zeros_like(stream))

    def sample(self, state: State) -> jax.Array:
        """Random actions, (N,), int32, 0 or 1: the top bit of the number that steps leave for this."""
        bits: jax.Array = counters.drawn(jnp, state.stream, state.clock)
        return (bits >> 31).astype(jnp.int32)

    def step(self, state: State, action: Any) -> tuple[State, Step]:  # noqa: ANN401  # an array
        """The state five minutes later and what was seen; `action`, (N,), is 1 for green light, 0 for red.

        All environments wait for the one in which most happens.
        """
        begun = _begun(state, jnp.asarray(action))
        course = lax.while_loop(lambda course: jnp.any(course.time_left > 0), _reacted, begun)
        after, is_over = _ended(course.state)
        reporter = course.state.reporter
        seen = _observed(reporter)
        return after, Step(after.observation, _reward(reporter), jnp.zeros_like(is_over), is_over, seen)

    def run(self, state: State, choose: Callable[[State], jax.Array], num_steps: int | jax.Array) -> _Ran:
        """The states so many steps later, the episodes that ended, (N,), int32, and sums of rewards, (N,), float32.

        The same as so many calls of `step` with actions `choose(state)`, without waiting for others at each. `choose`
        is asked about some of the environments at a time, and often, so its action for one may depend on that one only.
        """
        steps_left = _to_each(state, num_steps)
        at_once = partial(_run, choose=choose)
        if len(steps_left) <= CHUNK:
            return at_once(state, steps_left)
        in_chunks = partial(_mapped_in_chunks, at_once)
        ran: _Ran = lax.platform_dependent(state, steps_left, cpu=in_chunks, default=at_once)
        return ran


def _mapped_in_chunks(function: Callable[..., _Tree], *arguments: Any) -> _Tree:  # noqa: ANN401
    """What a function of arrays (N, ...) gives, called on narrow parts of them; the last is filled up with zeros."""
    num_envs = len(jax.tree.leaves(arguments)[0])
    num_chunks = -(-num_envs // CHUNK)
    width = -(-num_envs // num_chunks)
    lacking = num_chunks * width - num_envs
    parts = jax.tree.map(lambda leaf: jnp.pad(leaf, (0, lacking)).reshape(num_chunks, width), arguments)
    results = lax.map(lambda part: function(*part), parts)
    whole: _Tree = jax.tree.map(lambda leaf: leaf.reshape(num_chunks * width)[:num_envs], results)
    return whole


def _run(state: State, steps_left: jax.Array, choose: Callable[[State], jax.Array]) -> _Ran:
    num_none, none = _to_each(state, 0), _to_each(state, jnp.float32(0))
    course, tally = lax.while_loop(
        lambda carry: jnp.any(carry[1].steps_left > 0),
        lambda carry: _advanced(*carry, choose),
        (_Course(state, none, none), _Tally(steps_left, num_none, none)),
    )
    return course.state, tally.episodes, tally.rewards


def _advanced(course: _Course, tally: _Tally, choose: Callable[[State], jax.Array]) -> tuple[_Course, _Tally]:
    """After two reactions, or one, or none, and the end of the step, in every environment that has steps left.

    Steps are begun and ended more seldom than reactions happen, and cost more, hence two.
    """
    has_steps = tally.steps_left > 0
    begun = _begun(course.state, choose(course.state))
    course = _reacted(_reacted(_where(has_steps & (course.time_left <= 0), begun, course)))
    is_at_end = has_steps & (course.time_left <= 0)
    after, is_over = _ended(course.state)
    tally = _Tally(
        tally.steps_left - is_at_end,
        tally.episodes + (is_at_end & is_over),
        tally.rewards + jnp.where(is_at_end, _reward(course.state.reporter), 0),
    )
    return course._replace(state=_where(is_at_end, after, course.state)), tally


def _begun(state: State, action: jax.Array) -> _Course:
    light = _to_each(state, jnp.where(action == 1, jnp.float32(GREEN), jnp.float32(0)))
    return _Course(state._replace(clock=state.clock + 1), light, _to_each(state, jnp.float32(INTERVAL)))


def _to_each(state: State, value: Any) -> jax.Array:  # noqa: ANN401  # a number or an array
    """The value in every environment; made of the state, so that `shard_map` knows that devices may differ in it."""
    each: jax.Array = value + 0 * state.num_steps
    return each


def _reacted(course: _Course) -> _Course:
    """After the next reaction, or at the end of the step where that comes first, and then for good."""
    (activator, reporter, num_steps, stream, clock), light, time_left = course
    _, of_wait, of_kind, _ = counters.uniforms(jnp, counters.drawn(jnp, stream, clock))
    and_loss = light + activator
    and_making = and_loss + (jnp.asarray(BY_ACTIVATOR)[activator] + jnp.asarray(BY_REPORTER)[reporter])
    total = and_making + reporter
    left_then = time_left + jnp.log(of_wait) / total
    kind = of_kind * total
    happens = left_then > 0
    activator += jnp.where(happens & (kind < and_loss), jnp.where(kind < light, 1, -1), 0)
    reporter += jnp.where(happens & (kind >= and_loss), jnp.where(kind < and_making, 1, -1), 0)
    return _Course(State(activator, reporter, num_steps, stream, clock + (time_left > 0)), light, left_then)


def _ended(state: State) -> tuple[State, jax.Array]:
    """The state that the next step begins with, one counted; and where the episode is over."""
    num_steps = state.num_steps + 1
    is_over = num_steps >= MAX_STEPS
    activator, reporter = jnp.where(is_over, 0, state.activator), jnp.where(is_over, 0, state.reporter)
    return State(activator, reporter, jnp.where(is_over, 0, num_steps), state.stream, state.clock), is_over


def _where(condition: jax.Array, yes: _Tree, no: _Tree) -> _Tree:
    chosen: _Tree = jax.tree.map(lambda one, other: jnp.where(condition, one, other), yes, no)
    return chosen


def _reward(reporter: jax.Array) -> jax.Array:
    return -jnp.abs(reporter - TARGET).astype(jnp.float32)


def _observed(reporter: jax.Array) -> jax.Array:
    target = jnp.full(reporter.shape, TARGET / SCALE, jnp.float32)
    return jnp.stack([reporter / jnp.float32(SCALE), target, target], axis=-1)
