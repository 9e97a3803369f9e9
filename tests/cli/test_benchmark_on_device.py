"""`rlgauge benchmark` of environments in JAX."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rlgauge.kinds.evaluate.benchmark import Benchmark
from rlgauge.kinds.evaluate.results import BenchmarkResults

POLE = ("benchmark", "--env", "rlgauge:cartpole", "--out", "o")
STEPS = """
import jax.numpy as jnp

from rlgauge.envs.jax_env import Choices, Outcome


class Half:
    kind = "jax"
    uses_keys = False

    def init(self, keys):
        return jnp.zeros(len(keys), jnp.int32)

    def sample(self, keys, state):
        return jnp.ones_like(state)

    def step(self, keys, state, action):
        return self.advance(keys, state, action)[:2]


class Steps(Half):
    actions = Choices(4)

    def reset(self, keys):
        state = self.init(keys)
        return state, state.astype(float)

    def advance(self, keys, state, action):
        reached = state + action
        is_over = reached >= 6
        state = jnp.where(is_over, 0, reached)
        return state, Outcome(state.astype(float), -jnp.ones(len(state)), is_over), is_over


class Many:
    kind = "vector"


class Kindless:
    def advance(self):
        pass
"""
"""An environment of 6 steps, which policies go 0 to 3 at a time."""


def test_a_class_of_ones_own_is_played_by_its_path(give):
    Path("steps.py").write_text(STEPS)
    Path("far.py").write_text("def three(observation):\n    return 2 + (observation > 0)\n")
    asked = ("benchmark", "--env", "steps:Steps", "--num-episodes", "20", "--policy", "py:far:three", "--out", "o")
    said = give(*asked, "--workers", "2", "--lanes", "4")
    assert said.code == 0, said.err
    found = BenchmarkResults.from_json("o/results.json")
    (result,) = found.results
    assert (result.task_id, {one.total_return for one in result.episodes}) == ("steps:Steps", {-3.0})
    assert "20 of 20 episodes were there already" in give(*asked, "--lanes", "4").out
    Path("steps.py").write_text(STEPS.replace("-jnp.ones", "-2 * jnp.ones"))
    again = give(*asked, "--workers", "2", "--lanes", "4")  # an edited class is another environment
    assert "already" not in again.out


def test_latency_is_told_as_it_was_measured(give):
    Path("own.py").write_text("def host(seen):\n    return int(seen[2] > 0)\n")
    said = give(*POLE, "--policy", "py:own:host", "--num-episodes", "20", "--lanes", "4")
    assert "(the policy's for all lanes together)" in said.out
    assert "The environment's latency is unmeasured." in said.out
    assert "compiled together" not in said.out


def test_the_results_are_those_of_the_same_environment_in_python(give):
    Path("own.py").write_text("def host(seen):\n    return int(seen[2] > 0)\n")
    said = give(*POLE, "--policy", "random", "--policy", "py:own:host", "--num-episodes", "300", "--lanes", "64")
    expected = Benchmark(gyms=["rlgauge:cartpole"], num_episodes=300).evaluate(["random", "py:own:host"], lanes=256)
    assert said.code == 0, said.err
    assert BenchmarkResults.from_json("o/results.json").digest() == expected.digest()
    assert "random against host in rlgauge:cartpole, same 300 episodes: return " in said.out
    assert "Compiling took " in said.out
    assert "The latency of what is compiled together is unmeasured" in said.out
    assert "host can't be traced by JAX (ConcretizationTypeError), so it was asked at each step on the host" in said.out


def test_a_prediction_rests_on_an_episode_in_each_lane(give):
    said = give(*POLE, "--policy", "zero", "--num-episodes", "40", "--lanes", "16", "--dry-run", "--json")
    told = json.loads(said.out)
    assert len(told["episodes"]) == 40
    assert told["predicted_from"] == "16 real episodes of each policy in each task"
    assert told["predicted"]["seconds"] > 0


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--env", "gymnaxx:CartPole-v1"), "Did you mean 'gymnax:CartPole-v1'?"),
        (("--env", "rlgauge:cartpol"), "Did you mean 'cartpole'?"),
        (("--env", "myriad:cartpole-control"), "myriad:cartpole-control needs 'myriad' in the same environment"),
        (("--env", "myriad:cartpole-control"), "pip install myriad-jax, in a new environment if you can"),
        (("--env", "steps:Half"), "steps:Half: it lacks actions, reset, advance; see"),
        (("--env", "steps:Kindless"), "it lacks kind = 'jax', uses_keys, init, sample, step, actions, reset;"),
        (("--env", "steps:Many"), "steps:Many has kind = 'vector', which `rlgauge throughput` measures"),
        (("--env", "broken:Steps"), "The module of broken:Steps can't be imported: ZeroDivisionError"),
        (("--env", "steps:CartPol-v1"), "Unknown environment 'CartPol-v1'. Did you mean 'CartPole-v1'"),
        (("--env", "nowhere:Steps"), "needs 'nowhere', which is not installed"),
        (("--env", "rlgauge:cartpole", "--record-mode", "all"), "so there are no films of it: give no --record-mode"),
        (("--env", "rlgauge:cartpole", "--episode-seconds", "3"), "give no --episode-seconds"),
        (("--env", "rlgauge:cartpole", "--env", "CartPole-v1"), "evaluate them one by one"),
    ],
)
def test_what_can_not_be_played_is_said(give, options, says):
    Path("steps.py").write_text(STEPS)
    Path("broken.py").write_text("1 / 0\n")
    said = give("benchmark", *options, "--policy", "zero", "--num-episodes", "2", "--out", "o")
    assert said.code == 2
    assert says in said.err
