"""Environments in JAX by name."""

from __future__ import annotations

import jax
import pytest

from rlgauge.core.errors import UserError
from rlgauge.envs.jax_env import Bounds, Choices, Evaluable
from rlgauge.envs.on_device import Named, describe, make, named


@pytest.mark.parametrize("text", ["CartPole-v1", "ale_py:ALE/Pong-v5", "my_module:Env-v0", 3, None, lambda: None])
def test_what_names_no_library_is_left_to_others(text):
    assert named(text) is None


def test_a_common_name_is_the_librarys_own():
    assert named("gymnax:cartpole") == named("gymnax:CartPole-v1") == Named("gymnax", "CartPole-v1")
    assert named("rlgauge:cartpole").id == "rlgauge:cartpole"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("gymnaxx:CartPole-v1", "There is no library 'gymnaxx'. Did you mean 'gymnax:CartPole-v1'?"),
        ("envpool:CartPole-v1", "environments of envpool are not in JAX"),
        ("gymnax:gene-circuit", "gymnax has no gene-circuit"),
        ("rlgauge:", "names no environment: write rlgauge:NAME"),
    ],
)
def test_a_name_that_can_be_none_is_said(text, says):
    with pytest.raises(UserError) as raised:
        named(text)
    assert says in str(raised.value)


@pytest.mark.parametrize(
    ("env", "says"),
    [
        (Named("rlgauge", "cartpol"), "Did you mean 'cartpole'?"),
        (Named("gymnax", "CartPole-v2"), "Did you mean 'CartPole-v1'?"),
        (
            Named("myriad", "cartpole-control"),
            "myriad:cartpole-control needs 'myriad' in the same environment as RLGauge",
        ),
    ],
)
def test_what_can_not_be_made_is_said(env, says):
    with pytest.raises(UserError) as raised:
        make(env)
    assert says in str(raised.value)


def test_what_can_only_be_measured_is_said(monkeypatch):
    monkeypatch.setattr("rlgauge.envs.own.make", lambda _name: object())
    with pytest.raises(UserError, match="policies can't be evaluated in it yet"):
        make(Named("rlgauge", "cartpole"))


def test_an_environment_is_its_name_and_its_librarys_version():
    assert describe(Named("gymnax", "CartPole-v1")) == {
        "gym_id": "gymnax:CartPole-v1",
        "library": "gymnax",
        "name": "CartPole-v1",
        "versions": {"gymnax": __import__("importlib.metadata").metadata.version("gymnax")},
    }


@pytest.mark.parametrize("name", ["rlgauge:cartpole", "rlgauge:gene-circuit", "rlgauge:arc-box", "gymnax:Pendulum-v1"])
def test_a_reset_shows_what_the_environment_starts_with(name):
    env = make(named(name))
    keys = jax.random.split(jax.random.key(1), 3)
    state, seen = env.reset(keys)
    assert isinstance(env, Evaluable)
    assert jax.tree.map(lambda leaf: leaf.shape, state) == jax.tree.map(lambda leaf: leaf.shape, env.init(keys))
    _, outcome, _ = jax.eval_shape(env.advance, keys, state, env.sample(keys, state))
    assert (seen.shape, seen.dtype) == (outcome.observation.shape, outcome.observation.dtype)


def test_actions_say_what_they_may_be():
    assert make(Named("gymnax", "CartPole-v1")).actions == Choices(2)
    bounds = make(Named("gymnax", "Pendulum-v1")).actions
    assert isinstance(bounds, Bounds)
    assert (bounds.low.tolist(), bounds.high.tolist()) == ([-2.0], [2.0])
    assert make(Named("rlgauge", "arc-point")).actions is None
