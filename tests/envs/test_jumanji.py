"""Random valid actions for Jumanji; its environments are checked by `benchmarks/adapters.py`, where it is installed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlgauge.core.errors import UserError
from rlgauge.envs import jumanji
from rlgauge.envs.jax_env import Bounds, Choices

NUM = 4000
KEYS = jax.random.split(jax.random.key(0), NUM)


class Seen(NamedTuple):
    action_mask: jax.Array


class Timestep(NamedTuple):
    observation: Seen | None


def spec(*, shape=(), dtype=jnp.int32, **fields):
    return SimpleNamespace(shape=shape, dtype=dtype, **fields)


def drawn(spec, valid):
    """An action for each key, in an environment with these actions that says what is valid."""
    timestep = Timestep(None if valid is None else Seen(valid))
    draw = jumanji._draw_of(SimpleNamespace(action_spec=spec, reset=lambda _key: (None, timestep)))
    return np.asarray(jax.vmap(lambda key: draw(key, valid))(KEYS))


def frequencies(actions, *sizes):
    counts = np.zeros(sizes)
    np.add.at(counts, tuple(actions.reshape(len(actions), -1).T), 1)
    return counts / len(actions)


def test_one_of_the_valid_choices_is_drawn_all_equally_likely():
    valid = jnp.array([False, True, True, False, True])
    actions = drawn(spec(num_values=5), valid)
    assert actions.dtype == np.int32
    np.testing.assert_allclose(frequencies(actions, 5), valid / 3, atol=0.04)


def test_of_combinations_those_are_drawn_that_are_valid_together():
    valid = jnp.array([[True, False, False], [False, False, True]])
    actions = drawn(spec(shape=(2,), num_values=np.array([2, 3])), valid)
    np.testing.assert_allclose(frequencies(actions, 2, 3), valid / 2, atol=0.04)


def test_agents_draw_each_from_what_is_valid_for_it_and_apart():
    valid = jnp.array([[True, True, False], [False, True, True], [False, True, False]])
    actions = drawn(spec(shape=(3,), num_values=np.array([3, 3, 3])), valid)
    expected = np.zeros((3, 3, 3))
    expected[np.ix_([0, 1], [1, 2], [1])] = 1 / 4
    np.testing.assert_allclose(frequencies(actions, 3, 3, 3), expected, atol=0.04)


def test_whole_numbers_within_bounds_may_have_valid_values_of_their_own():
    valid = jnp.array([[True, False, True], [False, True, False]])
    actions = drawn(spec(shape=(2,), minimum=0, maximum=2), valid)
    np.testing.assert_allclose(frequencies(actions, 3, 3)[[0, 2], 1], 0.5, atol=0.04)


def test_where_nothing_is_valid_it_is_the_first():
    np.testing.assert_array_equal(drawn(spec(num_values=3), jnp.zeros(3, bool)), 0)


def test_where_nothing_is_said_any_action_is_drawn_within_the_bounds():
    whole = drawn(spec(shape=(2,), minimum=np.array([0, 0]), maximum=np.array([1, 2])), None)
    np.testing.assert_allclose(frequencies(whole, 2, 3), 1 / 6, atol=0.04)
    floats = drawn(spec(shape=(2, 1), dtype=jnp.float32, minimum=-1.0, maximum=3.0), None)
    assert floats.shape == (NUM, 2, 1)
    assert -1 <= floats.min() < -0.9
    assert 2.9 < floats.max() <= 3
    np.testing.assert_allclose(floats.mean(), 1, atol=0.1)


def test_what_is_valid_in_a_form_of_its_own_is_refused():
    with pytest.raises(UserError, match="not known here"):
        drawn(spec(shape=(2,), num_values=np.array([2, 3])), jnp.ones((5, 5), bool))


def test_what_a_policy_may_do_is_told_of_one_number_and_of_floats():
    assert jumanji._actions(spec(num_values=4)) == Choices(4)
    assert jumanji._actions(spec(shape=(2,), num_values=np.array([2, 3]))) is None
    found = jumanji._actions(spec(shape=(2,), dtype=jnp.float32, minimum=-1.0, maximum=np.array([1.0, 2.0])))
    assert isinstance(found, Bounds)
    np.testing.assert_array_equal(found.low, [-1, -1])
    np.testing.assert_array_equal(found.high, [1, 2])
