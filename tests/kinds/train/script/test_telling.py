"""What wrappers in the processes of a vector make of rewards and ends is not what is counted."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AsyncVectorEnv, AutoresetMode
from gymnasium.wrappers import RecordEpisodeStatistics, TimeLimit, TransformReward
from stable_baselines3.common.atari_wrappers import ClipRewardEnv, EpisodicLifeEnv
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import SubprocVecEnv

from rlgauge.kinds.train.journal import REWARDS, Journal, read_episodes
from rlgauge.kinds.train.script import counting
from rlgauge.kinds.train.script.telling import Told, take, telling
from rlgauge.kinds.train.spec import Spec
from tests.kinds.train.script.counters import LENGTHS, Countdown, expected

MODES = [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP]


@pytest.fixture
def run(tmp_path):
    counting.install(Journal(tmp_path), Spec(script="no.py", env=None, seed=7, args=[], folder=str(tmp_path)))
    yield tmp_path
    counting.stop()


class Game(gymnasium.Env):
    """Games of three lives of five steps, each step worth 10."""

    action_space = gymnasium.spaces.Discrete(2)
    observation_space = gymnasium.spaces.Box(0, 1, (1,), np.float32)

    def __init__(self):
        self.num_steps = 0
        self.ale = self

    def lives(self):
        return 3 - self.num_steps // 5

    def reset(self, *, seed=None, options=None):
        self.num_steps = 0
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.num_steps += 1
        return np.zeros(1, np.float32), 10.0, self.num_steps == 15, False, {}


def plain():
    return ClipRewardEnv(EpisodicLifeEnv(Game()))


def monitored():
    return ClipRewardEnv(EpisodicLifeEnv(Monitor(Game())))


def recorded():
    return ClipRewardEnv(EpisodicLifeEnv(RecordEpisodeStatistics(Game())))


def scaled():
    return TransformReward(Countdown(), lambda reward: 0.01 * reward)


def cut():
    """The episodes of a wrapper, of two steps at most, whose rewards are others."""
    return TimeLimit(scaled(), 2)


def turn(env, num_steps):
    env.reset()
    infos = [env.step(np.zeros(env.num_envs, int))[-1] for _ in range(num_steps)]
    env.close()
    return infos


def made(kind, part):
    if kind == "subprocess":
        return SubprocVecEnv([part] * 2, start_method="fork")
    return AsyncVectorEnv([part] * 2, autoreset_mode=kind, context="fork")


def counted(folder, place=1):
    return [(one.total, one.length, one.is_truncated) for one in read_episodes(folder) if one.place == place]


@pytest.mark.parametrize("part", [plain, monitored, recorded])
@pytest.mark.parametrize("kind", [*MODES, "subprocess"])
def test_lives_are_no_episodes_and_games_count_as_the_task_has_them(run, kind, part):
    turn(made(kind, part), 40)
    num = 2 if kind is AutoresetMode.NEXT_STEP else 3  # steps of the vector go by without one of the game, or do not
    assert counted(run) == [(150, 15, False)] * num
    assert counting.num_episodes() == 2 * num


@pytest.mark.parametrize("kind", [*MODES, "subprocess"])
def test_rewards_that_other_processes_scale_count_as_the_task_has_them(run, kind):
    pause = int(kind is AutoresetMode.NEXT_STEP)
    turn(made(kind, scaled), sum(LENGTHS) + 3 * pause)
    assert counted(run) == expected(4)


@pytest.mark.parametrize("kind", [*MODES, "subprocess"])
def test_an_end_that_a_wrapper_makes_there_is_one(run, kind):
    pause = int(kind is AutoresetMode.NEXT_STEP)
    turn(made(kind, cut), 2 + 1 + 2 + 2 + 3 * pause)
    assert [one[:2] for one in counted(run)] == [(3, 2), (1, 1), (3, 2), (3, 2)]


@pytest.mark.parametrize("kind", [*MODES, "subprocess"])
def test_the_script_does_not_see_what_is_told(run, kind):
    for infos in turn(made(kind, scaled), 12):
        assert "rlgauge" not in str(infos)
    assert counting.num_episodes() > 3


def test_rewards_that_are_kept_are_those_of_the_task(tmp_path):
    spec = Spec(script="no.py", env=None, seed=7, args=[], folder=str(tmp_path), keep_rewards=True)
    counting.install(Journal(tmp_path, keep_rewards=True), spec)
    turn(made(AutoresetMode.SAME_STEP, plain), 20)
    counting.stop()
    assert np.fromfile(tmp_path / REWARDS, "<f4").tolist() == [10] * 30


def test_a_step_without_a_dictionary_stays_as_it_is():
    result = (0, 1.0, True, None)
    assert telling(result, Told(1.0, 2)) is result


def test_the_dictionary_of_an_environment_is_not_touched():
    mine = {"a": 1}
    (_, _, _, _, info) = telling((0, 1.0, True, False, mine), Told(1.0, 2, (0.5, 0.5)))
    assert mine == {"a": 1}
    assert take([{}, info]) == {1: Told(1.0, 2, (0.5, 0.5))}
    assert info == {"a": 1}


@pytest.mark.parametrize("infos", [None, [], {}, {"final_info": None}, {"final_info": np.array([None, {}])}, [None]])
def test_where_nobody_tells_nothing_is_told(infos):
    assert take(infos) == {}
