"""`rlgauge benchmark` of environments in JAX."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rlgauge.kinds.evaluate.benchmark import Benchmark
from rlgauge.kinds.evaluate.results import BenchmarkResults

POLE = ("benchmark", "--env", "rlgauge:cartpole", "--out", "o")


def test_the_results_are_those_of_the_same_environment_in_python(give):
    Path("own.py").write_text("def host(seen):\n    return int(seen[2] > 0)\n")
    said = give(*POLE, "--policy", "random", "--policy", "py:own:host", "--num-episodes", "300", "--lanes", "64")
    expected = Benchmark(gyms=["rlgauge:cartpole"], num_episodes=300).evaluate(["random", "py:own:host"], lanes=256)
    assert said.code == 0, said.err
    assert BenchmarkResults.from_json("o/results.json").digest() == expected.digest()
    assert "random against host in rlgauge:cartpole, same 300 episodes: return " in said.out
    assert "Compiling took " in said.out
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
        (("--env", "myriad:cartpole-control"), "installed in an environment of its own"),
        (("--env", "rlgauge:cartpole", "--record-mode", "all"), "so there are no films of it: give no --record-mode"),
        (("--env", "rlgauge:cartpole", "--episode-seconds", "3"), "give no --episode-seconds"),
        (("--env", "rlgauge:cartpole", "--env", "CartPole-v1"), "evaluate them one by one"),
    ],
)
def test_what_can_not_be_played_is_said(give, options, says):
    said = give("benchmark", *options, "--policy", "zero", "--num-episodes", "2", "--out", "o")
    assert said.code == 2
    assert says in said.err
