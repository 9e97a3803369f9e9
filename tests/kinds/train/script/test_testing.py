from __future__ import annotations

import math
import time
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium import wrappers
from torch import nn

from rlgauge.core.run import Record
from rlgauge.kinds.train.journal import Journal, Tail
from rlgauge.kinds.train.script import fresh, testing
from rlgauge.kinds.train.script.found import things
from rlgauge.kinds.train.script.left import Left
from rlgauge.kinds.train.script.testing import play
from rlgauge.kinds.train.script.witness import Pair, Witness
from rlgauge.kinds.train.spec import Spec


def make_spec(folder, **changes):
    told = {"script": "x.py", "env": "CartPole-v1", "seed": 3, "args": [], "folder": str(folder)}
    return Spec(**{**told, "num_test_episodes": 4, "num_videos": 0, **changes})


def played(folder, named, deadline=math.inf, **changes):
    return play(make_spec(folder, **changes), things(Left({}, named, None)), deadline=deadline)


def records(folder):
    return Tail(folder / "tests.jsonl", Record).read()


def fine(folder):
    return [record for record in records(folder) if record.error is None]


def right(observation):
    return 1


def test_every_test_episode_is_a_record_of_its_own(tmp_path):
    found = played(tmp_path, {"env": gymnasium.make("CartPole-v1"), "get_action": right})
    assert found.actor == "the function `get_action`"
    assert found.warnings == []
    own = records(tmp_path)
    assert [record.index for record in own] == [1, 2, 3, 4]
    assert all(record.values["return"] == record.values["length"] for record in own)
    assert all(8 <= record.values["return"] <= 11 for record in own)
    assert len({record.values["seed"] for record in own}) == 4


def test_the_same_run_is_tested_on_the_same_episodes_and_another_seed_on_others(tmp_path):
    seeds = []
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        (tmp_path / name).mkdir()
        played(tmp_path / name, {"env": gymnasium.make("CartPole-v1"), "get_action": right}, seed=seed)
        seeds.append([(record.values["seed"], record.values["return"]) for record in records(tmp_path / name)])
    assert seeds[0] == seeds[1] != seeds[2]


def test_the_returns_are_those_of_rlgauge_benchmark(tmp_path):
    from rlgauge.kinds.evaluate.benchmark import GymnasiumBenchmark

    played(tmp_path, {"env": gymnasium.make("CartPole-v1"), "get_action": right})
    (record, *_) = records(tmp_path)
    env = gymnasium.make("CartPole-v1")
    env.reset(seed=record.values["seed"])
    length = 1
    while not env.step(1)[2]:
        length += 1
    assert record.values["return"] == length
    (result,) = GymnasiumBenchmark(["CartPole-v1"], num_episodes=4).evaluate(right, lanes=1).results
    assert {*record.values} >= {"return", "length", "outcome", "terminated", "truncated"}
    assert result.episodes[0].outcome == record.values["outcome"]


def test_the_observations_are_those_that_the_script_trained_on(tmp_path):
    seen = []

    def get_action(observation):
        seen.append(observation)
        return 1

    env = wrappers.NormalizeObservation(wrappers.FrameStackObservation(gymnasium.make("CartPole-v1"), 2))
    for seed in range(20):
        env.reset(seed=seed)
    played(tmp_path, {"env": env, "get_action": get_action}, num_test_episodes=1)
    assert {observation.shape for observation in seen} == {(2, 4)}
    assert max(np.abs(observation).max() for observation in seen) > 1.5


def test_films_lie_in_the_run_s_folder(tmp_path):
    played(tmp_path, {"env": gymnasium.make("CartPole-v1"), "get_action": right}, num_videos=2)
    own = records(tmp_path)
    films = [record.values["video"] for record in own]
    assert films[2:] == [None, None]
    assert all((tmp_path / film).stat().st_size > 100 for film in films[:2])
    assert films[0].startswith("videos/")


def test_what_cannot_be_filmed_is_tested_all_the_same(tmp_path):
    env = gymnasium.envs.classic_control.CartPoleEnv()
    found = played(tmp_path, {"env": env, "get_action": right}, num_videos=2)
    assert len(records(tmp_path)) == 4
    assert found.warnings[0].startswith("No videos: ")


def test_where_filming_fails_in_between_the_rest_is_tested_without(tmp_path):
    class Dim(gymnasium.envs.classic_control.CartPoleEnv):
        def render(self):
            if self.np_random_seed == seeds[1]:
                raise RuntimeError("no light")
            return super().render()

    seeds = [0, 0]
    gymnasium.register("Dim-v0", entry_point=Dim)
    try:
        named = {"env": gymnasium.make("Dim-v0"), "get_action": right}
        played(tmp_path, named, env="Dim-v0")
        plain = [record.values["return"] for record in records(tmp_path)]
        seeds = [record.values["seed"] for record in records(tmp_path)]
        (tmp_path / "tests.jsonl").unlink()
        (warning,) = played(tmp_path, named, env="Dim-v0", num_videos=3).warnings
    finally:
        del gymnasium.registry["Dim-v0"]
    assert warning.startswith("Not all videos: ")
    assert "no light" in warning
    assert [(record.index, record.values["return"]) for record in records(tmp_path)] == list(enumerate(plain, 1))


def test_a_policy_that_does_not_fit_is_not_said_to_lack_videos(tmp_path):
    calls = []

    def get_action(observation):
        calls.append(1)
        if len(calls) > 4:
            raise RuntimeError("out of ideas")
        return 1

    named = {"env": gymnasium.make("CartPole-v1"), "get_action": get_action}
    (warning,) = played(tmp_path, named, num_videos=2).warnings
    assert warning.startswith("Testing ended after 0 of 4 episodes: ")
    assert "out of ideas" in warning


def test_nothing_is_tested_where_nothing_acts(tmp_path):
    found = played(tmp_path, {"env": gymnasium.make("CartPole-v1"), "critic": nn.Linear(4, 2)})
    text = "Nothing was tested: the script left nothing that is known to act in CartPole-v1. Known are a function of "
    assert found.actor.startswith(text)
    page = Path(__file__).parents[4] / "docs" / "training.md"
    assert found.actor.endswith("See docs/training.md, 'What is tested'.")
    assert "\n## What is tested\n" in page.read_text()
    assert found.warnings == [found.actor]
    assert records(tmp_path) == []


def test_nothing_is_tested_without_an_environment_and_without_an_id(tmp_path):
    assert "left no environment" in played(tmp_path, {"get_action": right}, env=None).actor


def test_without_an_environment_that_of_the_run_is_played_and_that_is_said(tmp_path):
    (warning,) = played(tmp_path, {"get_action": right}).warnings
    assert "tests were played in CartPole-v1 as it is registered" in warning
    assert len(records(tmp_path)) == 4


def test_an_episode_in_which_the_policy_fails_is_an_error_and_others_follow(tmp_path):
    calls = []

    def get_action(observation):
        calls.append(1)
        if 30 <= len(calls) < 34:  # in whatever form it is asked
            raise RuntimeError("out of ideas\nat all")
        return 1

    found = played(tmp_path, {"env": gymnasium.make("CartPole-v1"), "get_action": get_action})
    own = records(tmp_path)
    assert [record.index for record in own] == [1, 2, 3, 4]
    (failed,) = [record for record in own if record.error is not None]
    assert failed.values["return"] is None
    assert "the policy raised RuntimeError: out of ideas" in failed.error
    (warning,) = found.warnings
    assert warning.startswith("1 of 4 test episodes ended in an error, and the test return is the mean of the others,")
    assert warning.endswith("the policy raised RuntimeError: out of ideas")


def test_where_testing_ends_early_a_record_says_of_each_missing_episode_that_it_was_not_played(tmp_path):
    class Leaving(gymnasium.envs.classic_control.CartPoleEnv):
        num_resets = 0

        def reset(self, **named):
            Leaving.num_resets += 1
            if Leaving.num_resets > 7:
                raise SystemExit(3)
            return super().reset(**named)

    found = played(tmp_path, {"env": Leaving(), "get_action": right}, env=None)
    own, played_ones = records(tmp_path), fine(tmp_path)
    assert 0 < len(played_ones) < 4 == len(own)
    assert found.warnings[0] == f"Testing ended after {len(played_ones)} of 4 episodes: SystemExit: 3"
    assert {record.error for record in own[len(played_ones) :]} == {"not played: SystemExit: 3"}


def test_testing_ends_before_the_time_of_the_run_is_over(tmp_path):
    named = {"env": gymnasium.make("CartPole-v1"), "get_action": right}
    found = played(tmp_path, named, deadline=time.monotonic() + 4, num_test_episodes=1_000_000)
    (warning,) = found.warnings
    assert warning.startswith(f"Testing ended after {len(fine(tmp_path))} of 1000000 episodes: ")
    assert warning.endswith("the time limit of the run was near; every one that was begun is counted")


class Uneven(gymnasium.Env):
    """Every third episode has 400 steps, the others one; a step takes a millisecond of the clock that is patched in."""

    observation_space = gymnasium.spaces.Box(0, 1, (4,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)
    clock = 0.0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.left = 400 if seed is not None and seed % 3 == 0 else 1
        return np.zeros(4, np.float32), {}

    def step(self, action):
        self.left -= 1
        Uneven.clock += 0.001
        return np.zeros(4, np.float32), 1.0, self.left <= 0, False, {}


@pytest.fixture
def clock(monkeypatch):
    Uneven.clock = 100.0
    for module in (testing, fresh):
        monkeypatch.setattr(module.time, "monotonic", lambda: Uneven.clock)
    return Uneven


def all_lengths(folder):
    """Of all episodes, in order, of a test that has the time for them."""
    folder.mkdir()
    played(folder, {"env": Uneven(), "get_action": right}, env=None, num_test_episodes=12)
    return [record.values["length"] for record in records(folder)]


def test_of_tests_that_are_cut_the_episodes_that_were_begun_are_counted(tmp_path, clock):
    lengths = all_lengths(tmp_path / "all")
    first_long = lengths.index(400)
    (tmp_path / "cut").mkdir()
    named = {"env": Uneven(), "get_action": right}
    deadline = clock.clock + 0.7
    found = played(tmp_path / "cut", named, deadline, env=None, num_test_episodes=12)
    own = [record.values["length"] for record in fine(tmp_path / "cut")]
    assert own == lengths[: first_long + 1]
    assert found.warnings[0].endswith("every one that was begun is counted")


def test_an_episode_that_time_does_not_last_for_is_said_to_be_missing(tmp_path, clock):
    lengths = all_lengths(tmp_path / "all")
    first_long = lengths.index(400)
    (tmp_path / "cut").mkdir()
    found = played(tmp_path / "cut", {"env": Uneven(), "get_action": right}, clock.clock + 0.3, env=None)
    own = [record.values["length"] for record in fine(tmp_path / "cut")]
    assert own == lengths[:first_long]
    assert found.warnings[0].endswith(
        "one that took longer than was left is not counted, so that these may be the shorter ones"
        if own
        else "the time limit of the run was near"
    )


def test_episodes_that_are_played_side_by_side_are_written_in_order(tmp_path):
    from stable_baselines3 import PPO

    model = PPO("MlpPolicy", "CartPole-v1", n_steps=64, batch_size=64, device="cpu", seed=0)
    played(tmp_path, {"model": model}, num_test_episodes=20)
    own = records(tmp_path)
    assert [record.index for record in own] == list(range(1, 21))
    (tmp_path / "limited").mkdir()
    played(tmp_path / "limited", {"model": model}, time.monotonic() + 1000, num_test_episodes=20)
    again = records(tmp_path / "limited")
    told = [(record.index, record.values["seed"], record.values["return"]) for record in own]
    assert told == [(record.index, record.values["seed"], record.values["return"]) for record in again]


def test_what_acts_unlike_the_script_did_is_not_tested(tmp_path):
    witness = Witness()
    rng = np.random.default_rng(0)
    for seen in rng.normal(size=(128, 4)).astype(np.float32):
        witness.pairs.append(Pair(seen, int(seen[0] > 0)))
    named = {"env": gymnasium.make("CartPole-v1"), "get_action": lambda seen: int(seen[0] <= 0)}
    spec = make_spec(tmp_path)
    found = play(spec, things(Left({}, named, None)), deadline=math.inf, witness=witness)
    assert found.actor.startswith(
        "Nothing was tested: the function `get_action` acts unlike the script did: it repeats 0%"
    )
    assert found.actor.endswith("a function get_action(observation) that does all of it.")
    assert found.warnings == [found.actor]
    assert records(tmp_path) == []
    named["policy"] = lambda seen: int(seen[0] > 0)
    found = play(spec, things(Left({}, named, None)), deadline=math.inf, witness=witness)
    assert found.actor == "the function `policy`"
    assert len(records(tmp_path)) == 4


def test_a_network_is_tested_without_dropout_wherever_it_is_and_trains_on_afterwards(tmp_path):
    net = nn.Sequential(nn.Linear(4, 2), nn.Dropout(0.9))
    seen = []

    def get_action(observation):
        seen.append(net.training)
        return 1

    played(tmp_path, {"env": gymnasium.make("CartPole-v1"), "get_action": get_action})
    assert not any(seen)
    assert net.training


def test_an_episode_that_nothing_ends_is_cut_and_that_is_said(tmp_path):
    table = np.zeros((48, 4))  # up, against the wall
    named = {"env": gymnasium.make("CliffWalking-v1"), "Q": table}
    found = played(tmp_path, named, env="CliffWalking-v1", num_test_episodes=1)
    assert found.warnings == ["CliffWalking-v1 has no limit of steps: 1 of 1 test episodes were cut after 1000."]
    (record,) = records(tmp_path)
    assert (record.values["return"], record.values["length"], record.values["truncated"]) == (-1000, 1000, True)


def test_an_episode_that_ends_by_itself_is_not_said_to_be_cut(tmp_path):
    table = np.zeros((48, 4))
    table[36, 0] = table[24:35, 1] = table[35, 2] = 1.0
    named = {"env": gymnasium.make("CliffWalking-v1"), "Q": table}
    assert played(tmp_path, named, env="CliffWalking-v1", num_test_episodes=1).warnings == []
    assert records(tmp_path)[0].values["return"] == -13


def test_where_training_had_longer_episodes_test_episodes_may_be_as_long(tmp_path):
    Journal(tmp_path).episode(-1500.0, 1500, num_steps=1500)
    named = {"env": gymnasium.make("CliffWalking-v1"), "Q": np.zeros((48, 4))}
    played(tmp_path, named, env="CliffWalking-v1", num_test_episodes=1)
    assert records(tmp_path)[0].values["length"] == 1500


def test_it_is_said_that_returns_are_of_the_environment_and_not_of_the_wrappers(tmp_path):
    env = wrappers.TransformReward(gymnasium.make("CartPole-v1"), lambda reward: reward / 100)
    found = played(tmp_path, {"env": env, "get_action": right})
    (warning,) = found.warnings
    assert warning.startswith("Test returns are sums of the rewards of CartPole-v1 itself")
    assert records(tmp_path)[0].values["return"] >= 8


def test_a_model_of_sb3_is_tested_with_the_statistics_of_its_training(tmp_path):
    from stable_baselines3 import PPO
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.vec_env import VecNormalize

    model = PPO("MlpPolicy", VecNormalize(make_vec_env("CartPole-v1", 2)), n_steps=64, device="cpu", seed=0)
    model.learn(256)
    found = played(tmp_path, {"model": model})
    assert found.actor == "`model`, a PPO of Stable-Baselines3, deterministic"
    record = records(tmp_path)[0]
    env = gymnasium.make("CartPole-v1")
    observation, _ = env.reset(seed=record.values["seed"])
    total, is_over = 0.0, False
    while not is_over:
        action, _ = model.predict(model.get_vec_normalize_env().normalize_obs(observation), deterministic=True)
        observation, reward, terminated, truncated, _ = env.step(action)
        total, is_over = total + reward, terminated or truncated
    seen = {record.index: record.values["return"] for record in records(tmp_path)}
    assert seen[record.index] == total


def test_what_a_runner_is_given_is_tested_in_the_environment_that_it_plays_in(tmp_path):
    class Runner(gymnasium.Wrapper):
        def step(self, action):
            raise NotImplementedError

        def run(self, get_action, episodes):
            pass

    found = played(tmp_path, {"env": Runner(gymnasium.make("CartPole-v1")), "get_action": right})
    assert found.warnings == []
    assert len(records(tmp_path)) == 4
