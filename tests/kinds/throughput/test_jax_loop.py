"""Every axis reaches the code that is timed."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlgauge.envs import gymnax, own
from rlgauge.kinds.throughput import jax_loop
from rlgauge.kinds.throughput.jax_loop import Carry, Plan
from tests.kinds.throughput.toys import Counting


def plan_of(num_envs=12, *, block=4, chunk=3, policy="random", emit="drop", rng=None):
    return Plan(num_envs, block, chunk, policy, emit, jax.random.key(7, impl=rng))


def begin(env, plan):
    state = jax_loop.start(env, plan)
    return Carry(state, jax_loop.room(env, plan, state), jnp.int32(0)), jax_loop.first_actions(env, plan, state)


def run(env, plan, num_trips=2):
    carry, actions = begin(env, plan)
    return jax.jit(jax_loop.make_loop(env, plan))(carry, actions, num_trips)


def by_hand(env, plan, num_steps):
    """All environments at once, step by step: rewards, (steps, N), and observations."""
    state = jax_loop.start(env, plan)
    ids_N = jnp.arange(plan.num_envs, dtype=jnp.uint32)
    rewards, observations = [], []
    for number in range(num_steps):
        key = jax.random.fold_in(plan.key, number)
        action = env.sample(jax_loop.keys_of(key, 2 * ids_N), state)
        state, outcome = env.step(jax_loop.keys_of(key, 2 * ids_N + 1), state, action)
        rewards.append(np.asarray(outcome.reward))
        observations.append(np.asarray(outcome.observation))
    return np.array(rewards), np.array(observations)


@pytest.mark.parametrize(("block", "chunk", "num_trips"), [(12, 6, 1), (4, 3, 2), (1, 1, 6), (6, 2, 3)])
def test_in_whatever_portions_every_environment_takes_every_step_once_with_the_same_random_numbers(
    block, chunk, num_trips
):
    plan = plan_of(block=block, chunk=chunk)
    carry, tally = run(Counting(), plan, num_trips)
    rewards, _ = by_hand(Counting(), plan, 6)
    assert carry.state.num_steps.tolist() == [6] * 12
    assert int(carry.state.clock) == 6
    assert int(carry.num_trips) == num_trips
    assert tally.num_episodes == 12
    assert float(tally.reward) == pytest.approx(rewards.sum(), rel=1e-5)
    np.testing.assert_allclose(carry.state.last_action, rewards[-1], rtol=1e-6)


def test_what_is_carried_on_goes_on():
    env, plan = Counting(), plan_of()
    carry, actions = begin(env, plan)
    loop = jax.jit(jax_loop.make_loop(env, plan))
    carry, _ = loop(carry, actions, 1)
    carry, tally = loop(carry, actions, 1)
    rewards, _ = by_hand(env, plan, 6)
    assert float(tally.reward) == pytest.approx(rewards[3:].sum(), rel=1e-5)


def test_fixed_actions_are_the_same_in_every_step_and_differ_between_environments():
    plan = plan_of(policy="fixed")
    _, actions = begin(Counting(), plan)
    carry, tally = run(Counting(), plan)
    assert len(np.unique(actions)) == 12
    assert float(tally.reward) == pytest.approx(6 * float(actions.sum()), rel=1e-5)
    assert carry.state.last_action.tolist() == actions.tolist()


def test_predrawn_actions_are_those_of_a_chunk_again_and_again():
    plan = plan_of(policy="predrawn")
    _, actions = begin(Counting(), plan)
    carry, tally = run(Counting(), plan)
    assert actions.shape == (3, 12)
    assert len(np.unique(actions)) == 36
    assert float(tally.reward) == pytest.approx(2 * float(actions.sum()), rel=1e-5)
    assert carry.state.last_action.tolist() == actions[-1].tolist()


def test_what_is_written_is_what_was_seen_in_the_last_chunk():
    plan = plan_of(emit="write")
    carry, _ = run(Counting(), plan)
    rewards, observations = by_hand(Counting(), plan, 6)
    np.testing.assert_allclose(carry.written.observation, observations[3:])
    np.testing.assert_allclose(carry.written.reward, rewards[3:], rtol=1e-6)
    assert carry.written.is_over.shape == (3, 12)
    assert run(Counting(), plan_of(emit="drop"))[0].written is None


def lowered(env, plan):
    carry, actions = begin(env, plan)
    return jax.jit(jax_loop.make_loop(env, plan)).lower(carry, actions, 1)


def test_the_generator_of_random_numbers_is_the_one_that_was_chosen():
    assert "rng_bit_generator" in lowered(Counting(), plan_of(rng="unsafe_rbg")).as_text()
    assert "rng_bit_generator" not in lowered(Counting(), plan_of(rng="threefry2x32")).as_text()


def test_blocks_and_chunks_are_those_of_the_compiled_code():
    text = lowered(own.make("cartpole"), plan_of(num_envs=91, block=13, chunk=37)).compile().as_text()
    other = lowered(own.make("cartpole"), plan_of(num_envs=91, block=13, chunk=36)).compile().as_text()
    assert "f32[13]" in text
    assert "constant(37)" in text
    assert "constant(37)" not in other


@pytest.mark.parametrize("env", [own.make("cartpole"), own.make("gene-circuit"), gymnax.make("CartPole-v1")])
def test_real_environments_end_the_same_episodes_in_any_portions(env):
    counts = [
        run(env, plan_of(num_envs=60, block=block, chunk=chunk), 300 // chunk)[1].num_episodes
        for block, chunk in ((60, 300), (20, 50), (1, 4))
    ]
    assert counts[0] > 30
    assert len(set(counts)) == 1


def test_streams_that_follow_from_places_are_not_kept_and_differ_between_environments_and_seeds():
    env, plan = own.make("cartpole"), plan_of(num_envs=12, block=12, chunk=1)
    state = jax_loop.start(env, plan)
    assert sum(leaf.nbytes for leaf in jax.tree.leaves(state)) == 12 * 20 + 4  # all but the clock, which is shared
    carry, _ = run(env, plan)
    assert carry.state.stream is None
    fixed = [jax_loop.first_actions(env, plan._replace(policy="fixed", key=jax.random.key(k)), state) for k in (1, 2)]
    assert 0 < int(fixed[0].sum()) < 12
    assert fixed[0].tolist() != fixed[1].tolist()


def test_sums_of_rewards_do_not_drift():
    tally = jax_loop.Tally.empty()
    plus = jax.jit(lambda tally: tally.plus(jnp.int32(1), jnp.float32(0.1)))
    for _ in range(3000):
        tally = plus(tally)
    assert float(tally.reward) == pytest.approx(3000 * float(np.float32(0.1)), rel=1e-6)
    assert tally.num_episodes == 3000


def test_more_episodes_are_counted_than_32_bits_hold():
    most = 2**31 - 2**24
    tally = jax_loop.Tally.empty()
    for _ in range(5):
        tally = tally.plus(jnp.int32(most), jnp.float32(0))
    assert tally.num_episodes == 5 * most
