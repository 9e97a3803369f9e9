from __future__ import annotations

from pathlib import Path

import pytest

import rlgauge
from rlgauge.core.errors import UserError
from rlgauge.core.run import Status

SCRIPT = """
import gymnasium


def main(env, seed, steps=20):
    world = gymnasium.make(env)
    world.reset(seed=seed)
    for _ in range(steps):
        *_, is_terminated, is_truncated, _ = world.step(world.action_space.sample())
        if is_terminated or is_truncated:
            world.reset()
"""
SUITE = """
description: walks
entries:
  - train:
      script: "{algo}.py"
      algo: [walk]
      env: [CartPole-v1]
      seed: 0..2
      tests: 1
      videos: 0
    smoke: {seed: 0}
"""


@pytest.fixture
def suite(folder) -> str:
    (folder / "walk.py").write_text(SCRIPT)
    (folder / "walks.yaml").write_text(SUITE)
    return "walks.yaml"


def test_a_suite_runs_from_python_as_from_the_command_line(give, suite):
    runs = rlgauge.run_suite(suite, {"algo": "walk", "seed": [1, 2]}, out="o", options=["--tests", "2"])
    assert sorted(run.case.seed for run in runs) == [1, 2]
    assert all(run.status is Status.COMPLETED for run in runs)
    assert {run.case.params["tests"] for run in runs} == {2}
    told = give("suite", "run", suite, "--select", "seed=1..2", "--out", "o", "--", "--tests", "2")
    assert "2 of 2 runs are in o already" in told.err


def test_without_a_folder_its_runs_are_where_the_command_line_has_them(suite):
    (run,) = rlgauge.run_suite(suite, budget="smoke")
    assert run.folder.parts[:2] == ("out", "walks-smoke")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("nowhere", {}), "nowhere"),
        (("walks.yaml", {"algo": "run"}), "run"),
        (("walks.yaml", {"sed": 1}), "Did you mean 'seed'?"),
    ],
)
def test_mistakes_are_raised_and_nothing_is_run(suite, arguments, sentence):
    with pytest.raises(UserError, match=sentence.replace("?", r"\?")):
        rlgauge.run_suite(*arguments)
    assert not Path("out").exists()


def test_a_budget_that_there_is_not_is_told_of(suite):
    with pytest.raises(UserError, match="smoke"):
        rlgauge.run_suite(suite, budget="tiny")
