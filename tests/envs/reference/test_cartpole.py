from __future__ import annotations

import gymnasium as gym
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlgauge.envs.reference import cartpole_numpy
from rlgauge.envs.reference.cartpole import CartPole

STEP = jax.jit(CartPole().step)
SAMPLE = jax.jit(CartPole().sample)


def with_observation(state, observation_N4):
    position, speed, angle, rate = jnp.asarray(observation_N4, jnp.float32).T
    return state._replace(position=position, speed=speed, angle=angle, rate=rate)


def test_random_episodes_are_those_of_gymnasium_for_the_same_start_and_actions():
    theirs = gym.make("CartPole-v1")
    rng = np.random.default_rng(0)
    for episode in range(50):
        observation, _ = theirs.reset(seed=episode)
        state = with_observation(CartPole().reset(0, 1), observation[None])
        is_over = False
        while not is_over:
            action = int(rng.integers(2))
            observation, reward, terminated, truncated, _ = theirs.step(action)
            state, seen = STEP(state, jnp.array([action]))
            np.testing.assert_allclose(seen.final_observation[0], observation, atol=2e-5)
            assert (bool(seen.terminated[0]), bool(seen.truncated[0])) == (terminated, truncated)
            assert float(seen.reward[0]) == reward
            is_over = terminated or truncated


def test_a_long_episode_is_gymnasiums_step_by_step_and_ends_at_500():
    theirs = gym.make("CartPole-v1")
    observation, _ = theirs.reset(seed=1)
    state = with_observation(CartPole().reset(0, 1), observation[None])
    for index in range(500):
        position, speed, angle, rate = observation
        action = int(angle + 0.5 * rate + 0.05 * position + 0.1 * speed > 0)
        state = with_observation(state, observation[None])  # errors of rounding grow in an unstable system
        observation, _, terminated, truncated, _ = theirs.step(action)
        state, seen = STEP(state, jnp.array([action]))
        np.testing.assert_allclose(seen.final_observation[0], observation, atol=1e-5)
        assert (terminated, truncated) == (False, index == 499)
        assert bool(seen.truncated[0]) == truncated
    assert int(state.num_steps[0]) == 0
    assert np.abs(state.observation).max() <= 0.05


def test_random_play_is_that_of_the_twin_with_the_same_seed():
    ours, theirs = CartPole().reset(5, 64), cartpole_numpy.CartPole().reset(5, 64)
    np.testing.assert_allclose(ours.observation, theirs.observation, atol=1e-8)
    num_over = 0
    for _ in range(60):
        action = SAMPLE(ours)
        assert action.tolist() == cartpole_numpy.CartPole().sample(theirs).tolist()
        ours, seen = STEP(ours, action)
        theirs, expected = cartpole_numpy.CartPole().step(theirs, action)
        np.testing.assert_allclose(seen.final_observation, expected.final_observation, atol=2e-5)
        assert seen.terminated.tolist() == expected.terminated.tolist()
        num_over += int(expected.terminated.sum())
    assert num_over > 64


def test_what_an_environment_does_depends_on_no_other():
    few, many = CartPole().reset(3, 10), CartPole().reset(3, 1000)
    for _ in range(50):
        few, _ = STEP(few, SAMPLE(few))
        many, _ = STEP(many, SAMPLE(many))
    assert np.array_equal(few.observation, many.observation[:10])


def test_the_mean_length_of_random_episodes_is_the_known_one():
    # 22.2 to 22.6, many thousands of episodes of Gymnasium's; the standard error here is about 0.06.
    def play(state, _):
        state, seen = CartPole().step(state, CartPole().sample(state))
        return state, (seen.terminated | seen.truncated).sum()

    state, over = jax.lax.scan(play, CartPole().reset(0, 2000), length=1000)
    assert 22.0 < 2000 * 1000 / float(over.sum()) < 22.6
    assert int(state.clock) == 1001


@pytest.mark.parametrize("seed", [0, 1, 2**40])
def test_starts_and_actions_are_uniform_and_independent(seed):
    env = CartPole()
    states = [env.reset(seed, 20_000)]
    starts = np.asarray(states[0].observation) * 10 + 0.5
    assert (starts >= 0).all()
    assert (starts < 1).all()
    cells = np.floor(starts * 4).astype(int)
    counts = np.bincount(np.ravel_multi_index(tuple(cells.T), (4,) * 4), minlength=256)
    assert ((counts - 20_000 / 256) ** 2 / (20_000 / 256)).sum() < 255 + 5 * np.sqrt(2 * 255)
    actions = []
    for _ in range(16):
        actions.append(np.asarray(SAMPLE(states[0])))
        states[0] = states[0]._replace(clock=states[0].clock + 1)
    actions = np.array(actions)
    pairs = np.corrcoef(actions)
    assert np.abs(pairs - np.eye(16)).max() < 5 / np.sqrt(20_000)
    assert abs(actions.mean() - 0.5) < 5 * 0.5 / np.sqrt(actions.size)


def test_other_seeds_are_other_environments():
    assert not np.isin(CartPole().reset(1, 1000).stream, CartPole().reset(2, 1000).stream).any()


def test_it_maps_over_seeds_like_any_function():
    states = jax.vmap(lambda seed: CartPole().reset(0, 3)._replace(clock=seed))(jnp.arange(4, dtype=jnp.uint32))
    after, seen = jax.vmap(CartPole().step)(states, jnp.zeros((4, 3), jnp.int32))
    assert seen.observation.shape == (4, 3, 4)
    assert after.clock.tolist() == [1, 2, 3, 4]
