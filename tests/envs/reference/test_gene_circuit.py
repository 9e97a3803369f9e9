from __future__ import annotations

import random

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from rlgauge.envs.reference import gene_circuit, gene_circuit_numpy
from rlgauge.envs.reference.gene_circuit import GeneCircuit
from tests.envs.reference.gene_circuit_exactly import master_equation

ENV, TWIN = GeneCircuit(), gene_circuit_numpy.GeneCircuit()
STEP, SAMPLE = jax.jit(ENV.step), jax.jit(ENV.sample)


@jax.jit
def randomly(state, num_steps):
    return ENV.run(state, ENV.sample, num_steps)


@jax.jit
def lit(state, light, num_steps):
    return ENV.run(state, lambda state: jnp.full_like(state.num_steps, light), num_steps)


def stepped(state, choose, num_steps):
    """What `run` gives, by `step`."""
    episodes, rewards = np.zeros(len(state.stream), int), np.zeros(len(state.stream))
    for _ in range(num_steps):
        state, seen = STEP(state, choose(state))
        episodes += np.asarray(seen.truncated)
        rewards += np.asarray(seen.reward)
    return state, episodes, rewards


def assert_same(ones, others):
    for one, other in zip(jax.tree.leaves(ones), jax.tree.leaves(others), strict=True):
        np.testing.assert_array_equal(one, other)


def goodness(counts, chances):
    """The chance of so bad a fit or a worse one, of counts to chances, those expected fewer than 10 times together."""
    expected = chances * counts.sum()
    is_rare = expected < 10
    observed = np.append(counts[~is_rare], counts[is_rare].sum())
    expected = np.append(expected[~is_rare], expected[is_rare].sum())
    return stats.chisquare(observed, expected * observed.sum() / expected.sum()).pvalue


def test_random_play_is_that_of_the_twin_with_the_same_seed():
    ours, theirs = ENV.reset(5, 40), TWIN.reset(5, 40)
    late = np.arange(40) * 7
    ours, theirs = ours._replace(num_steps=jnp.asarray(late, jnp.int32)), theirs._replace(num_steps=late)
    num_over = 0
    for _ in range(60):
        action = SAMPLE(ours)
        assert action.tolist() == TWIN.sample(theirs).tolist()
        ours, seen = STEP(ours, action)
        theirs, expected = TWIN.step(theirs, action)
        assert_same(ours, theirs)
        np.testing.assert_allclose(seen.final_observation, expected.final_observation, rtol=1e-6)
        np.testing.assert_allclose(seen.observation, expected.observation, rtol=1e-6)
        assert_same((seen.reward, seen.terminated, seen.truncated), expected[1:4])
        num_over += int(seen.truncated.sum())
    assert num_over == 7
    assert ours.clock.min() > 60 * 2
    assert ours.observation.tolist() == seen.observation.tolist()


@pytest.mark.parametrize("num_envs", [1, 7, 600])
def test_running_on_gives_the_trajectories_of_waiting_at_each_step(num_envs):
    state = randomly(ENV.reset(3, num_envs), 245)[0]
    state = state._replace(num_steps=state.num_steps + jnp.arange(num_envs, dtype=jnp.int32) % 40)
    for num_steps in (0, 1, 40):
        ran, waited = randomly(state, num_steps), stepped(state, SAMPLE, num_steps)
        assert_same(ran, waited)
        state = ran[0]
    assert num_envs == 1 or int(ran[1].sum()) > 0


def test_running_on_heeds_a_policy_that_looks():
    def choose(state):
        return (state.reporter < 25).astype(jnp.int32)

    ran = jax.jit(lambda state: ENV.run(state, choose, 150))(ENV.reset(4, 600))
    assert_same(ran, stepped(ENV.reset(4, 600), choose, 150))
    assert 20 < float(ran[0].reporter.mean()) < 32


def test_two_runs_are_one():
    state = ENV.reset(1, 600)
    middle, _, first = randomly(state, 33)
    last, _, second = randomly(middle, 61)
    whole, _, rewards = randomly(state, 94)
    assert_same((last, first + second), (whole, rewards))


def test_what_an_environment_does_depends_on_no_other():
    few, many = randomly(ENV.reset(3, 7), 100), randomly(ENV.reset(3, 600), 100)
    assert_same(few, jax.tree.map(lambda leaf: leaf[:7], many))


def test_other_seeds_are_other_environments():
    one, other = (np.asarray(randomly(ENV.reset(seed, 600), 60)[0].activator, float) for seed in (1, 2))
    assert abs(np.corrcoef(one, other)[0, 1]) < 5 / np.sqrt(600)


def test_an_episode_is_a_day_and_the_next_one_starts_from_nothing():
    state, episodes, _ = lit(ENV.reset(0, 7), 1, 287)
    assert state.num_steps.tolist() == [287] * 7
    assert episodes.tolist() == [0] * 7
    after, seen = STEP(state, jnp.ones(7, jnp.int32))
    assert seen.truncated.all()
    assert not seen.terminated.any()
    assert (seen.final_observation[:, 0] > 0).all()
    np.testing.assert_allclose(seen.reward, -np.abs(seen.final_observation[:, 0] * 80 - 25), rtol=1e-6)
    np.testing.assert_allclose(seen.observation, [[0, 25 / 80, 25 / 80]] * 7)
    for leaf in after[:3]:
        assert leaf.tolist() == [0] * 7


def test_in_the_dark_nothing_ever_happens():
    state, episodes, rewards = lit(ENV.reset(0, 7), 0, 288 + 5)
    assert not np.any(state[:2])
    assert state.num_steps.tolist() == [5] * 7
    assert state.clock.tolist() == [2 * (288 + 5)] * 7
    assert episodes.tolist() == [1] * 7
    assert rewards.tolist() == [-25 * (288 + 5)] * 7


def test_the_activator_is_poisson_distributed_whatever_the_light():
    # Made at the rate of the light and lost one by one: Poisson, with the mean of the differential equation.
    state, mean = ENV.reset(9, 20_000), 0.0
    for light, num_steps in ((1, 9), (0, 7), (1, 3), (0, 1), (1, 1), (0, 1), (1, 40)):
        state = lit(state, light, num_steps)[0]
        for _ in range(num_steps):
            mean = mean * np.exp(-0.05) + 100 * light * (1 - np.exp(-0.05))
        counts = np.bincount(state.activator, minlength=256)
        assert goodness(counts, stats.poisson.pmf(np.arange(256), mean)) > 1e-3
        assert abs(np.mean(state.activator) - mean) < 4 * np.sqrt(mean / 20_000)


def test_in_green_light_the_activator_settles_at_mean_and_variance_of_a_hundred():
    state, _, _ = lit(ENV.reset(2, 20_000), 1, 280)
    activator = np.asarray(state.activator, float)
    assert abs(activator.mean() - 100) < 4 * np.sqrt(100 / 20_000)
    assert abs(activator.var() - 100) < 4 * 100 * np.sqrt(2 / 20_000)


def test_both_proteins_are_distributed_as_the_master_equation_says():
    lights = [(1, 14), (0, 4), (1, 10), (0, 1), (1, 1), (0, 2)]
    state = ENV.reset(6, 20_000)
    for light, num_steps in lights:
        state = lit(state, light, num_steps)[0]
    chances_AR = master_equation([(light, 5.0 * num_steps) for light, num_steps in lights], most=(130, 80))
    counts_AR = np.zeros_like(chances_AR)
    np.add.at(counts_AR, (state.activator, state.reporter), 1)
    assert chances_AR.sum() > 1 - 1e-6
    assert goodness(counts_AR.sum(axis=0), chances_AR.sum(axis=0)) > 1e-3
    assert goodness(counts_AR.ravel(), chances_AR.ravel()) > 1e-3


def test_states_are_distributed_as_by_a_plain_simulation_with_other_random_numbers():
    numbers = random.Random(0)
    num_envs, num_steps = 1500, 40
    expected = np.zeros((num_envs, 2), int)
    for index in range(num_envs):
        activator = reporter = 0
        for _ in range(num_steps):
            activator, reporter = gene_circuit_numpy.simulated(
                activator, reporter, light=numbers.getrandbits(1), draw=lambda: (numbers.random(), numbers.random())
            )
        expected[index] = activator, reporter
    state, _, _ = randomly(ENV.reset(8, 20_000), num_steps)
    assert stats.ks_2samp(state.activator, expected[:, 0]).pvalue > 1e-3
    assert stats.ks_2samp(state.reporter, expected[:, 1]).pvalue > 1e-3
    both = [np.sum(np.multiply(*counts)) / len(counts[0]) for counts in (state[:2], expected.T)]
    assert abs(both[0] - both[1]) < 4 * np.std(np.multiply(*expected.T)) / np.sqrt(num_envs)


def test_tabulated_rates_are_those_of_the_twin():
    for count in range(gene_circuit.MOST):
        _, _, by_activator, by_reporter, _ = gene_circuit_numpy.rates(count, count, light=0)
        assert gene_circuit.BY_ACTIVATOR[count] == pytest.approx(100 * by_activator, rel=1e-6)
        assert gene_circuit.BY_REPORTER[count] == pytest.approx(100 * by_reporter, rel=1e-6)
    assert stats.poisson.sf(gene_circuit.MOST - 1, 100) < 1e-30


def test_it_maps_over_streams_like_any_function():
    states = jax.vmap(lambda seed: ENV.reset(0, 3)._replace(stream=seed))(
        jnp.arange(12, dtype=jnp.uint32).reshape(4, 3)
    )
    after, seen = jax.jit(jax.vmap(ENV.step))(states, jnp.ones((4, 3), jnp.int32))
    ran, episodes, _ = jax.jit(jax.vmap(lambda state: ENV.run(state, ENV.sample, 20)))(after)
    assert seen.observation.shape == (4, 3, 3)
    assert len(set(ran.activator.ravel().tolist())) > 4
    assert episodes.shape == (4, 3)
