"""What Stable-Baselines3 writes, made by it here in two seconds."""

from __future__ import annotations

import shutil
from pathlib import Path

import gymnasium
import numpy as np
import pytest
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import EvalCallback
from stable_baselines3.common.monitor import Monitor

from rlgauge.core.errors import UserError
from rlgauge.importers import read

ARGS = """!!python/object/apply:collections.OrderedDict
- - - algo
    - ppo
  - - env
    - CartPole-v1
  - - seed
    - 1234
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """The folder of a training: rl-zoo's names, an evaluation every 200 steps, TensorBoard beside."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("zoo") / "ppo" / "CartPole-v1_2"
    folder.mkdir(parents=True)
    environment = Monitor(gymnasium.make("CartPole-v1"), str(folder / "0.monitor.csv"))
    callback = EvalCallback(
        Monitor(gymnasium.make("CartPole-v1")), log_path=str(folder), eval_freq=200, n_eval_episodes=4, verbose=0
    )
    policy = PPO("MlpPolicy", environment, n_steps=64, seed=0, device="cpu", tensorboard_log=str(folder / "tb"))
    policy.learn(600, callback=callback, progress_bar=False)
    environment.close()
    return folder


def test_the_last_evaluation_is_the_return_and_all_of_them_its_curve(trained):
    written = np.load(trained / "evaluations.npz")
    (reading,) = read([trained]).readings
    total = reading.totals["return"]
    assert (total.n, total.mean) == (4, pytest.approx(written["results"][-1].mean()))
    assert total.squares == pytest.approx(4 * written["results"][-1].var())
    assert reading.totals["length"].mean == pytest.approx(written["ep_lengths"][-1].mean())
    assert reading.curves["return"].steps == (200.0, 400.0, 600.0)
    assert reading.curves["return"].values == pytest.approx(written["results"].mean(axis=1).tolist())
    assert [record.values["return"] for record in reading.records] == written["results"][-1].tolist()


def test_algorithm_and_environment_are_those_of_the_path_and_the_run_number_stands_for_a_missing_seed(trained):
    (reading,) = read([trained.parents[1]]).readings
    assert (reading.algorithm, reading.task, reading.seed) == ("ppo", "CartPole-v1", 2)


def test_the_seed_of_rl_zoos_arguments_wins(trained, tmp_path):
    folder = tmp_path / "ppo" / "CartPole-v1_2"
    shutil.copytree(trained, folder)
    (folder / "CartPole-v1").mkdir()
    (folder / "CartPole-v1" / "args.yml").write_text(ARGS)
    (reading,) = read([tmp_path]).readings
    assert reading.seed == 1234


def test_the_log_beneath_a_training_adds_curves_and_is_no_run_of_its_own(trained):
    (reading,) = read([trained]).readings
    assert "train/loss" in reading.curves
    assert reading.kind == "imported-sb3"


def test_a_monitor_alone_gives_the_mean_of_its_last_episodes(trained, tmp_path):
    folder = tmp_path / "a2c" / "seed_7"
    folder.mkdir(parents=True)
    shutil.copy(trained / "0.monitor.csv", folder / "monitor.csv")
    lines = (folder / "monitor.csv").read_text().splitlines()[2:]
    returns = [float(line.split(",")[0]) for line in lines]
    collected = read([tmp_path])
    (reading,) = collected.readings
    assert (reading.algorithm, reading.task, reading.seed) == ("a2c", "CartPole-v1", 7)
    assert reading.totals["return"].mean == pytest.approx(np.mean(returns[-100:]))
    assert reading.curves["return"].steps[-1] == sum(float(line.split(",")[1]) for line in lines)
    assert "last 100 training episodes" in " ".join(collected.notes)


def monitor(start: float, *lines: str) -> str:
    return f'#{{"t_start": {start}, "env_id": "X-v0"}}\nr,l,t\n' + "".join(f"{line}\n" for line in lines)


def test_parallel_monitors_are_one_training_in_order_of_time(tmp_path):
    (tmp_path / "0.monitor.csv").write_text(monitor(10.0, "1.0,5,1.0", "3.0,5,3.0"))
    (tmp_path / "1.monitor.csv").write_text(monitor(11.0, "2.0,7,1.0", "9.0,7,torn"))
    (reading,) = read([tmp_path]).readings
    assert reading.curves["return"].values == (1.0, 2.0, 3.0)
    assert reading.curves["return"].steps == (5.0, 12.0, 17.0)


def test_a_monitor_without_an_episode_is_a_run_without_a_return(tmp_path):
    (tmp_path / "monitor.csv").write_text(monitor(10.0))
    (reading,) = read([tmp_path]).readings
    assert (reading.totals, reading.reason) == ({}, "its monitor files hold no episode")


def test_a_damaged_archive_is_told_of_and_one_of_something_else_left_alone(tmp_path, trained):
    shutil.copytree(trained, tmp_path / "fine")
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "evaluations.npz").write_bytes((trained / "evaluations.npz").read_bytes()[:200])
    (tmp_path / "other").mkdir()
    np.savez(tmp_path / "other" / "weights.npz", w=np.ones(3))
    collected = read([tmp_path])
    assert len(collected.readings) == 1
    assert any("torn" in note for note in collected.notes)
    with pytest.raises(UserError, match="Nothing in"):
        read([tmp_path / "other"])


def test_a_file_alone_can_be_read(trained):
    (reading,) = read([trained / "evaluations.npz"]).readings
    assert reading.totals["return"].n == 4
