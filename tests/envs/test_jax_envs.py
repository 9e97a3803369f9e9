"""Environments in JAX behind the protocol."""

from __future__ import annotations

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlgauge.core.errors import UserError
from rlgauge.envs import gymnax, own
from rlgauge.envs.jax_env import FreeRunning, JaxEnv, choices
from rlgauge.envs.libraries import LIBRARIES, NAMES, common_name, library, missing, own_name

KEYS = jax.random.split(jax.random.key(0), 5)


@pytest.mark.parametrize("env", [own.make("cartpole"), own.make("gene-circuit"), gymnax.make("CartPole-v1")])
def test_a_batch_is_its_environments_whatever_stands_beside_them(env):
    assert isinstance(env, JaxEnv)
    state = env.init(KEYS)
    action = env.sample(KEYS, state)
    state, outcome = env.step(KEYS, state, action)
    alone = env.init(KEYS[2:3])
    alone_action = env.sample(KEYS[2:3], alone)
    _, alone_outcome = env.step(KEYS[2:3], alone, alone_action)
    for whole, part in zip(jax.tree.leaves(outcome), jax.tree.leaves(alone_outcome), strict=True):
        np.testing.assert_allclose(whole[2], part[0], rtol=1e-6)
    assert outcome.reward.shape == outcome.is_over.shape == (5,)
    assert outcome.is_over.dtype == bool


def test_gymnax_goes_on_to_the_next_episode():
    env = gymnax.make("CartPole-v1")
    step = jax.jit(env.step)
    state, ends = env.init(KEYS), []
    for number in range(60):
        keys = jax.vmap(jax.random.fold_in, (0, None))(KEYS, number)
        state, outcome = step(keys, state, jnp.ones(5, jnp.int32))
        ends.append(np.asarray(outcome.is_over))
        assert (np.abs(np.asarray(outcome.observation)[ends[-1]]) <= 0.05).all()
    assert (np.sum(ends, axis=0) >= 5).all()


@pytest.mark.parametrize("seed", range(4))
def test_our_cartpole_and_gymnax_do_what_gymnasium_does_to_the_end_of_an_episode(seed):
    theirs, rng = gymnasium.make("CartPole-v1"), np.random.default_rng(seed)
    first = theirs.reset(seed=seed)[0]
    one, other = own.make("cartpole"), gymnax.make("CartPole-v1")
    step, foreign_step = jax.jit(one.step), jax.jit(other.step)
    ours, foreign = one.init(KEYS[:1]), other.init(KEYS[:1])
    names = ("position", "speed", "angle", "rate")
    ours = ours._replace(**{name: jnp.float32([value]) for name, value in zip(names, first, strict=True)})
    fields = dict(zip(("x", "x_dot", "theta", "theta_dot"), jnp.float32(first)[:, None], strict=True))
    foreign = foreign.replace(**fields)
    is_over = False
    while not is_over:
        action = int(rng.integers(2))
        expected, reward, is_over, _, _ = theirs.step(action)
        ours, outcome = step(KEYS[:1], ours, jnp.int32([action]))
        foreign, foreign_outcome = foreign_step(KEYS[:1], foreign, jnp.int32([action]))
        for seen in (outcome, foreign_outcome):
            assert (float(seen.reward[0]), bool(seen.is_over[0])) == (reward, is_over)
            if not is_over:  # else it is the first of the next episode
                np.testing.assert_allclose(seen.observation[0], expected, atol=1e-5)


def test_the_gene_circuit_can_run_on_by_itself():
    assert isinstance(own.make("gene-circuit"), FreeRunning)
    assert not isinstance(own.make("cartpole"), FreeRunning)


def test_names_are_found_or_said():
    assert own_name("cartpole", "gymnax") == "CartPole-v1"
    assert own_name("Acrobot-v1", "gymnax") == "Acrobot-v1"
    assert missing("rlgauge") is None
    assert "environment of its own" in str(missing("myriad"))
    assert set().union(*NAMES.values()) <= LIBRARIES.keys()
    for mistake in (
        lambda: own_name("gene-circuit", "gymnax"),
        lambda: library("gymnx"),
        lambda: own.make("cart"),
        lambda: gymnax.make("CartPole"),
    ):
        with pytest.raises(UserError):
            mistake()


@pytest.mark.parametrize("num", [2, 3, 7, 60_000])
def test_choices_are_equally_likely_and_as_the_top_bits_say(num):
    keys = jax.vmap(lambda number: jax.random.fold_in(jax.random.key(3), number))(jnp.arange(60_000))
    chosen = np.asarray(choices(keys, num))
    bits = np.asarray(jax.random.key_data(keys))[:, -1].astype(np.uint64)
    np.testing.assert_array_equal(chosen, (bits * num) >> 32)
    if num < 10:
        counts = np.bincount(chosen, minlength=num)
        assert ((counts - 60_000 / num) ** 2 / (60_000 / num)).sum() < 30  # chi-square of at most 6 degrees


def test_the_common_name_of_an_environment_is_found_from_its_librarys():
    assert common_name("CartPole-v1", "gymnax") == common_name("cartpole", "gymnax") == "cartpole"
    assert common_name("CartPole-v1", "myriad") == "CartPole-v1"
    assert common_name("Acrobot-v1", "gymnax") == "Acrobot-v1"
