"""A gene circuit in JAX: light makes cells build a fluorescent protein, which promotes itself; hold its count at 25.

The bistable CcaS-CcaR and GFP circuit of "Control of a Bi-Stable Genetic System via Parallelized Reinforcement
Learning", CDC 2025, gitlab.com/lugagnelab/pqn-control-cdc2025; task, rates and limits those of `ccasr-gfp-control` of
Myriad (myriad-jax 0.2.0, MIT). Five reactions, rates per minute, of H active CcaS-CcaR and F molecules of GFP:

    none -> H   1 in green light, 0 in red        none -> F   0.5 H^3.6 / (90^3.6 + H^3.6)
    H -> none   0.01 H                            none -> F   0.5 F^3.6 / (30^3.6 + F^3.6)
    F -> none   0.01 F

Simulated exactly: Gillespie 1977, doi:10.1021/j100540a008. Reactions have no memory, so the wait that a decision cuts
short is drawn anew after it. (Myriad draws it from the last reaction on, which lives the time since then twice whenever
the light changes: its circuits see a little more light than they are shown. With constant light both agree.)

Inside, time is counted in mean lifetimes of a molecule, 100 minutes: rates of dilution are then the counts themselves,
and every rate is a sum, which rounds in the same way however it is compiled. The two reactions that make F are one.

Shapes: N environments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from rlgauge.envs.reference import counters

if TYPE_CHECKING:
    from collections.abc import Callable

_Tree = TypeVar("_Tree")

LIFETIME = 100.0
"""Minutes."""
INTERVAL = 5.0 / LIFETIME
"""From one decision to the next: 5 minutes."""
LIGHT = 1.0 * LIFETIME
PROMOTER, STEEPNESS = 0.5 * LIFETIME, 3.6
HALF_BY_ACTIVATOR, HALF_BY_REPORTER = 90.0, 30.0
TARGET, SCALE = 25, 80.0
MAX_STEPS = 288
"""A day."""

_MOST = 256
"""Neither protein is made faster than 100 in a lifetime: counts beyond this have a probability under 1e-30."""


def _promoted(half: float) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The rate at which so many molecules have GFP made, by their count: the Hill term, tabulated."""
    powers = np.arange(_MOST) ** STEEPNESS
    return (PROMOTER * powers / (half**STEEPNESS + powers)).astype(np.float32)


_BY_ACTIVATOR, _BY_REPORTER = _promoted(HALF_BY_ACTIVATOR), _promoted(HALF_BY_REPORTER)


class State(NamedTuple):
    """Of every environment: counts of both proteins, steps since the start, stream and clock of its random numbers.

    All (N,): int32, `stream` and `clock` uint32. The clock counts the steps and the numbers drawn in them.
    """

    activator: jax.Array
    reporter: jax.Array
    num_steps: jax.Array
    stream: jax.Array
    clock: jax.Array

    @property
    def observation(self) -> jax.Array:
        """Count of GFP, its target now and its target a step later, in units of 80 molecules, (N, 3), float32."""
        return _observed(self.reporter)


class Step(NamedTuple):
    """What a step gives, by environment.

    `observation`, (N, 3), is the first of the next episode where one ended; `final_observation` is what it was before.
    `reward`, float32, is minus the distance from the target in molecules. `truncated`: after 288 steps; no episode is
    ever `terminated`.
    """

    observation: jax.Array
    reward: jax.Array
    terminated: jax.Array
    truncated: jax.Array
    final_observation: jax.Array


class GeneCircuit:
    """The environment: functions of states, to be compiled, mapped and scanned over; a new episode follows at once."""

    num_actions = 2
    observation_size = 3

    def reset(self, seed: int, num_envs: int) -> State:
        """The start of an episode, without any protein, in each of so many environments."""
        nothing = jnp.zeros(num_envs, jnp.int32)
        stream = counters.streams(jnp, seed, num_envs)
        return State(nothing, nothing, nothing, stream, jnp.zeros(num_envs, jnp.uint32))

    def sample(self, state: State) -> jax.Array:
        """Random actions, (N,), int32, 0 or 1: the top bit of this time's number."""
        bits: jax.Array = counters.drawn(jnp, state.stream, state.clock)
        return (bits >> 31).astype(jnp.int32)

    def step(self, state: State, action: Any) -> tuple[State, Step]:  # noqa: ANN401  # an array
        """The next state and what was seen; `action`, (N,), is 0 for red light and 1 for green, for five minutes.

        Takes as long as the environment in which most happens; `run` does not.
        """
        course = jax.lax.while_loop(
            lambda course: jnp.any(course.time_left > 0), _reacted, _begun(state, jnp.asarray(action))
        )
        after, is_over = _ended(course.state)
        reporter = course.state.reporter
        seen = Step(after.observation, _reward(reporter), jnp.zeros_like(is_over), is_over, _observed(reporter))
        return after, seen

    def run(
        self, state: State, choose: Callable[[State], jax.Array], num_steps: int | jax.Array
    ) -> tuple[State, jax.Array, jax.Array]:
        """The states after so many steps, how many episodes ended (N,), int32, and sums of rewards (N,), float32.

        As so many calls of `step` with actions `choose(state)`, but no environment waits for another before the end.
        `choose` is called at every reaction, and heeded in environments that are between two steps.
        """
        nothing = jnp.zeros_like(state.num_steps)
        resting = _Course(state, nothing.astype(jnp.float32), nothing.astype(jnp.float32))
        tally = _Tally(jnp.full_like(nothing, num_steps), nothing, nothing.astype(jnp.float32))
        course, tally = jax.lax.while_loop(
            lambda carry: jnp.any(carry[1].steps_left > 0), lambda carry: _advanced(*carry, choose), (resting, tally)
        )
        return course.state, tally.episodes, tally.rewards


class _Course(NamedTuple):
    """Within a step: the rate at which light activates CcaS-CcaR, and the lifetimes until the next decision."""

    state: State
    light: jax.Array
    time_left: jax.Array


class _Tally(NamedTuple):
    steps_left: jax.Array
    episodes: jax.Array
    rewards: jax.Array


def _advanced(course: _Course, tally: _Tally, choose: Callable[[State], jax.Array]) -> tuple[_Course, _Tally]:
    """After a reaction, or the end of a step, in every environment with steps left; first one is begun where none is."""
    has_steps = tally.steps_left > 0
    course = _where(has_steps & (course.time_left <= 0), _begun(course.state, choose(course.state)), course)
    course = _reacted(course)
    is_at_end = has_steps & (course.time_left <= 0)
    after, is_over = _ended(course.state)
    tally = _Tally(
        tally.steps_left - is_at_end,
        tally.episodes + (is_at_end & is_over),
        tally.rewards + jnp.where(is_at_end, _reward(course.state.reporter), 0),
    )
    return course._replace(state=_where(is_at_end, after, course.state)), tally


def _begun(state: State, action: jax.Array) -> _Course:
    light = jnp.where(action == 1, jnp.float32(LIGHT), jnp.float32(0))
    return _Course(state._replace(clock=state.clock + 1), light, jnp.full_like(light, INTERVAL))


def _reacted(course: _Course) -> _Course:
    """After the next reaction; without it, and at the end of the step, where that comes first."""
    (activator, reporter, num_steps, stream, clock), light, time_left = course
    _, first, second, _ = counters.uniforms(jnp, counters.drawn(jnp, stream, clock))
    is_lit = light
    is_lost = is_lit + activator
    is_made = is_lost + (jnp.asarray(_BY_ACTIVATOR)[activator] + jnp.asarray(_BY_REPORTER)[reporter])
    total = is_made + reporter
    now_left = time_left - -jnp.log(first) / total
    which = second * total
    happens = now_left > 0
    activator += jnp.where(happens & (which < is_lost), jnp.where(which < is_lit, 1, -1), 0)
    reporter += jnp.where(happens & (which >= is_lost), jnp.where(which < is_made, 1, -1), 0)
    clock = clock + (time_left > 0)
    return _Course(State(activator, reporter, num_steps, stream, clock), light, now_left)


def _ended(state: State) -> tuple[State, jax.Array]:
    """The state a step later by the count of steps, the start of an episode where one ended; and where one did."""
    num_steps = state.num_steps + 1
    is_over = num_steps >= MAX_STEPS
    activator, reporter, num_steps = (jnp.where(is_over, 0, one) for one in (state.activator, state.reporter, num_steps))
    return State(activator, reporter, num_steps, state.stream, state.clock), is_over


def _where(condition: jax.Array, yes: _Tree, no: _Tree) -> _Tree:
    chosen: _Tree = jax.tree.map(lambda one, other: jnp.where(condition, one, other), yes, no)
    return chosen


def _reward(reporter: jax.Array) -> jax.Array:
    return -jnp.abs(reporter - TARGET).astype(jnp.float32)


def _observed(reporter: jax.Array) -> jax.Array:
    target = jnp.full(reporter.shape, TARGET / SCALE, jnp.float32)
    return jnp.stack([reporter.astype(jnp.float32) / SCALE, target, target], axis=-1)
