"""Algorithms that learn from demonstrations, by the command."""

from __future__ import annotations

import json
import re

import pytest

from rlgauge.core.run import Status

CARTPOLE = ("--env", "seals/CartPole-v0", "--set", "demonstrations.n_expert_demos=2", "--tests", "1")
SMALL = {
    "bc": {"bc.n_batches": 5},
    "dagger": {"bc.n_batches": 5, "dagger.total_timesteps": 1000, "environment.num_envs": 1},
    "gail": {"total_timesteps": 2048, "demo_batch_size": 256},
    "airl": {"total_timesteps": 2048, "demo_batch_size": 256},
}
RATES = {
    "bc": "bc.optimizer_kwargs.lr",
    "dagger": "bc.optimizer_kwargs.lr",
    "gail": "rl.ppo.learning_rate",
    "airl": "disc_optimizer_kwargs.lr",
}
UNEVEN = """
from rlgauge.kinds.train.algorithms.interface import find
from rlgauge.kinds.train.algorithms.reading import overridden, read


def train(make_env, demonstrations, config, context):
    rate = {config["rate"]: 1e30} if context.seed == 1 else {}
    own = read(config["algorithm"], overridden(config["settings"], rate))
    return find(config["algorithm"])(make_env, demonstrations, own, context)
"""


def settings(values):
    return [part for name, value in values.items() for part in ("--set", f"{name}={value}")]


@pytest.mark.parametrize("algorithm", SMALL)
def test_seeds_that_diverge_fail_with_a_sentence_one_after_the_other(algorithm, give):
    asked = settings({**SMALL[algorithm], RATES[algorithm]: 1e30})
    said = give("train", "--algo", algorithm, "--seeds", "0..1", *CARTPOLE, *asked, "--json")
    assert said.code == 1, said.err
    runs = json.loads(said.out)["runs"]
    assert [run["status"] for run in runs] == [Status.FAILED] * 2
    for run in runs:
        assert re.search(r"The training diverged: \S+ (is|has) .* after \d+ (batches|steps)\. ", run["reason"])
        assert run["num_tests"] == 0
    assert "2 of 2 runs failed:" in said.err


@pytest.mark.parametrize("algorithm", ["dagger", "gail"])
def test_a_seed_that_diverges_stops_no_other(algorithm, give, folder):
    (folder / "uneven.py").write_text(UNEVEN)
    config = {"algorithm": algorithm, "rate": RATES[algorithm]}
    config |= {f"settings.{name}": value for name, value in SMALL[algorithm].items()}
    said = give("train", "--algo", "uneven:train", "--seeds", "0..2", *CARTPOLE, *settings(config))
    assert said.code == 1, said.err
    assert re.search(r"(?m)^train +seals/CartPole-v0 +2 of 3 ", said.out)
    assert "1 of 3 runs failed:" in said.err
    assert re.search(r"(?m)^train +seals/CartPole-v0 +1 +FAILED .*The training diverged: ", said.err)


LATE = """
def late(make_env, demonstrations, config, context):
    seen = []

    def act(observation):
        seen.append(observation)
        return float("nan") if len(seen) > 20 else 0

    return act
"""


def test_test_episodes_that_end_in_an_error_are_told_of_and_end_the_command_with_1(give, folder):
    (folder / "mine.py").write_text(LATE)
    argv = ("train", "--algo", "mine:late", "--env", "seals/CartPole-v0", "--seed", "0", "--tests", "2", "--out", "o")
    said = give(*argv)
    assert said.code == 1
    assert "warning: 2 of 2 test episodes ended in an error" in said.out
    assert "had no test episodes" not in said.out


def test_what_nobody_waits_for_is_not_tracked(give):
    said = give("train", "--algo", "bc", "--launcher", "slurm", "--no-wait", "--track", "tensorboard")
    assert said.code == 2
    assert "--track follows runs as long as this command waits" in said.err
