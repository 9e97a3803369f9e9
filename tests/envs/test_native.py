from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlgauge.core.errors import UserError
from rlgauge.envs import native, own
from rlgauge.envs.jax_env import FreeRunning

KEYS = jax.random.split(jax.random.key(1), 700)


def in_jax(env, state, num_steps):
    episodes = jnp.zeros(len(KEYS), jnp.int32)
    step = jax.jit(lambda state: env.step(None, state, env.sample(None, state)))
    for _ in range(num_steps):
        state, outcome = step(state)
        episodes += outcome.is_over
    return state, episodes


def test_it_does_what_the_one_in_jax_does():
    one, other = native.make("cartpole"), own.make("cartpole")
    assert isinstance(one, FreeRunning)
    expected, ended = in_jax(other, other.init(KEYS), 30)
    state, episodes, rewards = jax.jit(one.run, static_argnums=1)(one.init(KEYS), 30)
    assert int(ended.sum()) > 300
    np.testing.assert_array_equal(episodes, ended)
    np.testing.assert_array_equal(state.num_steps, expected.num_steps)
    assert int(state.clock) == int(expected.clock)
    assert rewards.tolist() == [30.0] * 700
    for ours, theirs in zip(state[:4], expected[:4], strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-5)


def test_in_portions_it_does_the_same_and_leaves_what_it_was_given_alone():
    env = native.make("cartpole")
    run = jax.jit(env.run, static_argnums=1)
    start = env.init(KEYS)
    before = np.asarray(start.position).copy()
    whole, episodes, _ = run(start, 40)
    np.testing.assert_array_equal(start.position, before)
    first, some, _ = run(start, 15)
    second, others, _ = run(first, 25)
    np.testing.assert_array_equal(whole.angle, second.angle)
    np.testing.assert_array_equal(episodes, some + others)


def test_episodes_end_after_500_steps_at_the_latest():
    env = native.make("cartpole")
    state = env.init(KEYS)._replace(num_steps=jnp.full(700, 499, jnp.int32))
    after, episodes, _ = env.run(state, 1)
    assert episodes.tolist() == [1] * 700
    assert (np.abs(after.position) <= 0.05).all()


def test_without_a_compiler_it_says_so(monkeypatch):
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr("shutil.which", lambda _name: None)
    with pytest.raises(UserError, match="needs a C compiler"):
        native.built()


def test_what_a_compiler_complains_of_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("RLGAUGE_CACHE", str(tmp_path))
    source = tmp_path / "broken.c"
    source.write_text("this is no C")
    monkeypatch.setattr(native, "_SOURCE", source)
    with pytest.raises(UserError, match=r"can't build the compiled CartPole: .*error"):
        native.built()
    assert not list((tmp_path / "native").iterdir())


def test_there_is_no_other():
    with pytest.raises(UserError, match="there is cartpole"):
        native.make("acrobot")
