"""The scripts that the shipped suites train, alone."""

from __future__ import annotations

import runpy
import subprocess
import sys

import gymnasium
import numpy as np
import pytest

from rlgauge.suites.suite import scripts

TABULAR = ("q_learning", "sarsa")
CONTROL = {"a2c": "Pendulum-v1", "ppo": "Pendulum-v1", "ddpg": "Pendulum-v1", "td3": "Pendulum-v1",
           "sac": "Pendulum-v1", "dqn": "CartPole-v1"}  # fmt: skip


def main_of(name):
    return runpy.run_path(str(scripts() / f"{name}.py"))["main"]


def played(Q, env, *, num_steps=200):
    """The return of the best actions of a table."""
    world = gymnasium.make(env)
    state, _ = world.reset(seed=0)
    total = 0.0
    for _ in range(num_steps):
        state, reward, terminated, truncated, _ = world.step(int(Q[state].argmax()))
        total += reward
        if terminated or truncated:
            return total
    return total


@pytest.mark.parametrize("name", TABULAR)
def test_a_table_of_values_finds_its_way_past_the_cliff(name):
    Q = main_of(f"tabular/{name}")(env="CliffWalking-v1", seed=0, total_steps=30_000)
    assert Q.shape == (48, 4)
    total = played(Q, "CliffWalking-v1")
    assert total == -13 if name == "q_learning" else -25 < total <= -13


@pytest.mark.parametrize("name", TABULAR)
def test_the_end_of_the_chain_is_worth_the_way(name):
    Q = main_of(f"tabular/{name}")(env="rlgauge/NChain-v0", seed=0, total_steps=60_000)
    assert played(Q, "rlgauge/NChain-v0", num_steps=1000) > 2500


@pytest.mark.parametrize("name", TABULAR)
def test_the_same_seed_learns_the_same_and_another_does_not(name):
    main = main_of(f"tabular/{name}")
    first, again, other = (main(env="FrozenLake-v1", seed=seed, total_steps=3000) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("name", TABULAR)
def test_a_script_runs_alone_with_its_options(name):
    path = scripts() / "tabular" / f"{name}.py"
    argv = [sys.executable, str(path), "--env", "FrozenLake-v1", "--seed", "3", "--total-steps", "500"]
    subprocess.run(argv, check=True)
    refused = subprocess.run([*argv, "--total-step"], check=False, capture_output=True, text=True)
    assert refused.returncode == 2


@pytest.mark.parametrize("name", CONTROL)
def test_a_script_of_stable_baselines_trains_as_many_steps_as_it_is_told(name, monkeypatch):
    import torch

    monkeypatch.setattr(sys, "argv", [name, "--env", CONTROL[name], "--seed", "5", "--total-steps", "120"])
    torch.set_num_threads(1)
    found = runpy.run_path(str(scripts() / "control" / f"{name}.py"))
    model = found["main"](env=CONTROL[name], seed=5, total_steps=120)
    assert 120 <= model.num_timesteps <= 2048
    assert model.seed == 5
    assert model.get_env().envs[0].spec.id == CONTROL[name]


def test_the_module_that_registers_an_environment_is_imported_first():
    model = main_of("control/dqn")(env="rlgauge/NChain-v0", module="rlgauge.envs.nchain", total_steps=20)
    assert model.get_env().envs[0].spec.id == "rlgauge/NChain-v0"
