"""Policies that JAX can trace, and those that it can't."""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlgauge.core.errors import UserError
from rlgauge.envs import gymnax, own
from rlgauge.episodes.policies.traced import NotTraceableError, trace, zero_policy

ENV = own.make("cartpole")
SEEN = jnp.float32([0.1, 0.2, -0.3, 0.4])
KEY = jax.random.key(0)


def traced(policy, env=ENV):
    return trace(policy, env, name="mine", environment="the pole")


def acted(policy, seen=SEEN, key=KEY):
    return policy.choose(policy.params, key, None, seen)


def linear(weights):
    return lambda observation: jnp.argmax(observation @ weights)


def test_weights_are_parameters_so_that_equal_networks_are_equal_code():
    rng = np.random.default_rng(0)
    one, other = (traced(linear(rng.normal(size=(4, 2)).astype(np.float32))) for _ in range(2))
    assert one.text == other.text
    assert not np.array_equal(one.params[0], other.params[0])
    swapped = one._replace(params=(one.params[0][:, ::-1],))
    assert int(acted(one)) == 1 - int(acted(swapped))


def test_a_decision_becomes_the_number_that_the_environment_takes():
    action = acted(traced(lambda observation: observation[1] > 0))
    assert (action.dtype, action.shape, int(action)) == (jnp.int32, (), 1)


def test_a_key_is_given_where_it_is_asked_for():
    policy = traced(lambda observation, key: jax.random.bernoulli(key) | (observation[0] > 1))
    drawn = {int(acted(policy, key=jax.random.key(seed))) for seed in range(20)}
    assert drawn == {0, 1}


def test_a_batched_policy_is_given_a_batch_of_one():
    class Batched:
        batched = True

        def act(self, observations):
            assert observations.shape == (1, 4)
            return observations[:, 1] > 0

    assert int(acted(traced(Batched()))) == 1


def test_an_action_in_a_box_keeps_its_shape():
    env = gymnax.make("Pendulum-v1")
    action = acted(traced(lambda observation: observation[0] * 2, env), jnp.float32([0.5, 0, 0]))
    assert (action.shape, float(action[0])) == ((1,), 1.0)


class Counting:
    def __init__(self):
        self.count = 0

    def act(self, observation):
        self.count += 1
        return (observation[0] > 0) * (self.count % 2)


class Keeping:
    def __init__(self):
        self.key = jax.random.key(0)

    def act(self, observation):
        self.key, own = jax.random.split(self.key)
        return jax.random.bernoulli(own) | (observation[0] > 0)


class Remembering:
    def reset(self):
        pass

    def act(self, observation):
        return observation[0] > 0


DRAWS = itertools.count()


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        (lambda observation: int(observation[0] > 0), "can't be traced by JAX"),
        (lambda observation: 1 if observation[0] > 0 else 0, "can't be traced by JAX"),
        (lambda observation: np.random.default_rng().integers(2), "does not act by what it observes alone"),
        (lambda observation: (observation[0] > 0) * next(DRAWS), "does not act by what it observes alone"),
        (Counting(), "does not act by what it observes alone"),
        (Keeping(), "does not act by what it observes alone"),
        (Remembering(), "remembers"),
    ],
)
def test_what_jax_would_misread_is_not_traced(policy, says):
    with pytest.raises(NotTraceableError, match=says):
        traced(policy)


def test_tracing_leaves_the_policy_as_it_was():
    policy = Keeping()
    with pytest.raises(NotTraceableError):
        traced(policy)
    assert int(policy.act(SEEN)) in {0, 1}


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        (
            lambda seen: seen[:2],
            "float32 of shape (2,), but the pole takes int32 of shape (). Return the largest one's",
        ),
        (lambda seen: seen[0], "float32 of shape (), but the pole takes int32 of shape ()."),
        (lambda seen: (seen[0] > 0, seen[1]), "a tree of"),
    ],
)
def test_what_is_no_action_is_said(policy, says):
    with pytest.raises(UserError) as raised:
        traced(policy)
    assert f"The policy mine returned {says}" in str(raised.value)


def test_zero_is_moved_into_the_bounds():
    env = gymnax.make("Pendulum-v1")
    env.actions = env.actions._replace(low=np.float32([1.5]))
    keys = KEY[None]
    action = zero_policy(env).choose((), KEY, env.init(keys), None)
    assert action.tolist() == [1.5]
