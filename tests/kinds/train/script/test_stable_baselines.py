from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from stable_baselines3 import DQN, PPO
from stable_baselines3.common import evaluation
from stable_baselines3.common.callbacks import EvalCallback
from stable_baselines3.common.monitor import Monitor, load_results
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecMonitor, VecNormalize

from rlgauge.kinds.train.journal import TESTING, Journal, read_episodes, read_made
from rlgauge.kinds.train.script import counting
from rlgauge.kinds.train.spec import Spec
from tests.kinds.train.script.counters import Countdown, expected

PLACES = ((3, 1, 4, 2), (2, 2), (5,))


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    counting.install(Journal(folder), Spec(script="no.py", env=None, seed=7, args=[], folder=str(folder)))
    yield folder
    counting.stop()


def counted(folder):
    return [(one.total, one.length) for one in read_episodes(folder) if one.origin != TESTING]


def in_steps(num_steps):
    ends = {place: np.cumsum((lengths * num_steps)[:num_steps]) for place, lengths in enumerate(PLACES)}
    return {place: expected(int((ends[place] <= num_steps).sum()), PLACES[place]) for place in ends}


@pytest.mark.parametrize("kind", ["dummy", "subprocess"])
def test_vectors_count_each_part_whatever_is_put_round_them(run, kind):
    makers = [lambda lengths=lengths: Monitor(Countdown(lengths)) for lengths in PLACES]
    env = DummyVecEnv(makers) if kind == "dummy" else SubprocVecEnv(makers, start_method="fork")
    env = VecNormalize(VecMonitor(env))
    env.reset()
    for _ in range(17):
        env.step(np.zeros(3, int))
    env.close()
    found = {place: [] for place in range(3)}
    for one in read_episodes(run):
        found[one.place].append((one.total, one.length, one.is_truncated))
    assert found == in_steps(17)
    assert counting.num_steps() == 51


def test_a_model_is_counted_as_its_monitor_counts_it(run, tmp_path):
    env = Monitor(gymnasium.make("CartPole-v1"), str(tmp_path / "log"))
    model = PPO("MlpPolicy", env, n_steps=128, batch_size=64, n_epochs=1, device="cpu")
    model.learn(384)
    assert counting.num_steps() == model.num_timesteps == 384
    table = load_results(str(tmp_path))
    assert counted(run) == list(zip(table["r"], table["l"], strict=True))
    assert counting.num_episodes() > 5


def checks_returns(checks):
    """What the callback's own log has of returns, one evaluation after the other."""
    return [float(total) for totals in checks.evaluations_results for total in totals]


def test_episodes_that_test_a_policy_are_none_of_its_training(run, tmp_path):
    model = DQN("MlpPolicy", gymnasium.make("CartPole-v1"), learning_starts=1000, buffer_size=1000, device="cpu")
    log = str(tmp_path / "log")
    checks = EvalCallback(
        Monitor(gymnasium.make("CartPole-v1")), eval_freq=50, n_eval_episodes=2, verbose=0, log_path=log
    )
    model.learn(200, callback=checks)
    returns, _ = evaluation.evaluate_policy(
        model, Monitor(gymnasium.make("CartPole-v1")), n_eval_episodes=2, return_episode_rewards=True
    )
    assert counting.num_steps() == 200
    tested = [one.total for one in read_episodes(run) if one.origin == TESTING]
    assert tested == [*checks_returns(checks), *returns]
    assert counting.num_others() == len(tested) == 10
    assert any(text.startswith("10 episodes by which evaluate_policy tested") for text in counting.warnings())
    assert sum(length for _, length in counted(run)) <= 200
    assert counting.num_episodes() == len(model.ep_info_buffer)


def test_tests_in_the_environment_of_the_training_itself_are_none_of_it(run):
    env = Monitor(gymnasium.make("CartPole-v1"))
    model = DQN("MlpPolicy", env, learning_starts=1000, buffer_size=1000, device="cpu")
    model.learn(150)
    before = counted(run), model.num_timesteps, 3
    evaluation.evaluate_policy(model, env, n_eval_episodes=3)
    assert (counted(run), counting.num_steps(), counting.num_others()) == before
    model.learn(100, reset_num_timesteps=False)
    assert counting.num_steps() == model.num_timesteps > 200


def test_processes_of_a_vector_tell_what_they_make_and_count_nothing_twice(run):
    env = SubprocVecEnv([lambda: gymnasium.make("CartPole-v1")] * 2)
    env.reset()
    for step in range(60):
        env.step(np.array([step % 2, 0]))
    env.close()
    assert counting.made() == read_made(run) == ["CartPole-v1"]
    assert {one.env for one in read_episodes(run)} == {"CartPole-v1"}
    assert counting.num_steps() == 120
    assert counting.num_episodes() == len(read_episodes(run)) > 5


def test_parts_of_a_vector_that_was_given_no_seed_are_seeded(run):
    env = DummyVecEnv([Countdown, Countdown])
    env.reset()
    given = DummyVecEnv([Countdown, Countdown])
    given.seed(3)
    given.reset()
    assert [part.seeds for part in env.envs] == [[7], [8]]
    assert [part.seeds for part in given.envs] == [[3], [4]]


def test_a_model_saves_and_loads_with_a_counted_environment(run, tmp_path):
    env = VecNormalize(DummyVecEnv([lambda: gymnasium.make("CartPole-v1")]))
    model = PPO("MlpPolicy", env, n_steps=32, batch_size=32, n_epochs=1, device="cpu")
    model.learn(32)
    model.save(tmp_path / "model")
    env.save(str(tmp_path / "normalize.pkl"))
    VecNormalize.load(str(tmp_path / "normalize.pkl"), DummyVecEnv([lambda: gymnasium.make("CartPole-v1")]))
    assert PPO.load(tmp_path / "model", device="cpu").num_timesteps == 32
