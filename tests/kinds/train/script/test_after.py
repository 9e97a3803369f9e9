from __future__ import annotations

import subprocess
import sys

import gymnasium
import msgspec
import pytest
from torch import nn

from rlgauge.core.run import Record
from rlgauge.kinds.train.journal import Journal, Tail, read_episodes
from rlgauge.kinds.train.script.after import finish
from rlgauge.kinds.train.script.left import Left
from rlgauge.kinds.train.spec import OUTCOME, Outcome, Spec


def make_spec(folder, **changes):
    told = {"script": "x.py", "env": "CartPole-v1", "seed": 3, "args": [], "folder": str(folder)}
    return Spec(**{**told, "num_test_episodes": 2, "num_videos": 1, **changes})


def finished(folder, main, **changes):
    return finish(make_spec(folder, **changes), Left({}, main, None), Journal(folder))


def test_what_was_trained_is_saved_tested_and_filmed(tmp_path):
    main = {"env": gymnasium.make("CartPole-v1"), "policy": nn.Linear(4, 2)}
    done = finished(tmp_path, main)
    assert done.saved == {"policy": "weights/policy.safetensors"}
    assert done.actor == "the largest output of `policy`, given a batch of one as a tensor"
    assert done.warnings == []
    assert len((tmp_path / "tests.jsonl").read_bytes().splitlines()) == 2
    assert len(list((tmp_path / "videos").rglob("*.mp4"))) == 1


def test_without_tests_nothing_is_played(tmp_path):
    main = {"env": gymnasium.make("CartPole-v1"), "policy": nn.Linear(4, 2)}
    done = finished(tmp_path, main, num_test_episodes=0)
    assert (done.saved, done.actor) == ({"policy": "weights/policy.safetensors"}, None)
    assert not (tmp_path / "tests.jsonl").exists()


def test_a_script_that_left_nothing_is_told_so_and_does_not_fail(tmp_path):
    done = finish(make_spec(tmp_path), Left({}, None, None), Journal(tmp_path))
    assert done.saved == {}
    assert done.warnings == [done.actor]


@pytest.mark.parametrize("error", [RuntimeError("broken"), SystemExit(3)])
def test_what_a_script_s_objects_raise_is_a_warning(tmp_path, error):
    class Trap(gymnasium.envs.classic_control.CartPoleEnv):
        @property
        def spec(self):
            raise error

        @spec.setter
        def spec(self, value):
            pass

    done = finished(tmp_path, {"env": Trap(), "net": nn.Linear(4, 2)})
    assert done.saved == {"net": "weights/net.safetensors"}
    assert done.actor.startswith("Nothing was tested: ")
    assert done.warnings == [done.actor]


def test_time_is_kept_for_telling_how_the_run_ended(tmp_path):
    main = {"env": gymnasium.make("CartPole-v1"), "policy": nn.Linear(4, 2)}
    done = finished(tmp_path, main, limit_seconds=0.0)
    assert "the time limit of the run was near" in done.warnings[0]


SCRIPT = """
import gymnasium
import numpy as np


def main(env="CartPole-v1"):
    env = gymnasium.wrappers.TransformReward(gymnasium.make(env), lambda reward: reward / 100)
    env = gymnasium.wrappers.NormalizeObservation(env)
    seen = []

    def get_action(observation):
        seen.append(observation)
        return 1

    for _ in range(5):
        observation, _ = env.reset()
        is_over = False
        while not is_over:
            observation, _, terminated, truncated, _ = env.step(get_action(observation))
            is_over = terminated or truncated
    env.close()
"""


def outcome_of(folder, script):
    """What the process of a script told, with three tests."""
    (folder / "script.py").write_text(script)
    (folder / "run").mkdir()
    spec = make_spec(folder / "run", script=str(folder / "script.py"), num_test_episodes=3, num_videos=0)
    (folder / "run" / "spec.json").write_bytes(msgspec.json.encode(spec))
    command = [sys.executable, "-m", "rlgauge.kinds.train.script", str(folder / "run" / "spec.json")]
    subprocess.run(command, check=True, cwd=folder)
    return msgspec.json.decode((folder / "run" / OUTCOME).read_bytes(), type=Outcome)


OUTSIDE = """
import gymnasium

class Negated(gymnasium.ObservationWrapper):
    def observation(self, observation):
        return -observation

class Agent:
    num_acts = 500

    def reset(self):
        self.num_acts = 0

    def get_action(self, observation):
        self.num_acts += 1
        return int(observation[2] + observation[3] < 0) if self.num_acts <= 500 else 0

def main(env="CartPole-v1"):
    env = gymnasium.make(env)
    train_env = Negated(env)
    agent = Agent()
    for seed in range(4):
        observation, _ = train_env.reset(seed=seed)
        agent.reset()
        is_over = False
        while not is_over:
            observation, _, terminated, truncated, _ = train_env.step(agent.get_action(observation))
            is_over = terminated or truncated
"""


def test_what_was_trained_is_tested_within_the_wrapper_that_was_stepped_and_told_that_episodes_begin(tmp_path):
    outcome = outcome_of(tmp_path, OUTSIDE)
    assert (outcome.actor, outcome.warnings) == ("`agent.get_action`", [])
    tested = Tail(tmp_path / "run" / "tests.jsonl", Record).read()
    assert min(record.values["return"] for record in tested) > 100


def test_test_episodes_of_a_whole_run_are_not_counted_as_training_and_have_the_same_rewards(tmp_path):
    outcome = outcome_of(tmp_path, SCRIPT)
    assert outcome.actor == "the function `get_action`"
    assert [warning.partition(" ")[0] for warning in outcome.warnings] == ["Test"]
    trained = read_episodes(tmp_path / "run")
    tested = Tail(tmp_path / "run" / "tests.jsonl", Record).read()
    assert (len(trained), len(tested)) == (5, 3)
    assert all(episode.total == episode.length for episode in trained)
    assert all(record.values["return"] == record.values["length"] for record in tested)
