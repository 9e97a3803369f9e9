from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rlgauge.core.run import Status
from rlgauge.kinds.train import hooked
from rlgauge.kinds.train.journal import read_scalars
from rlgauge.kinds.train.workload import ScriptWorkload
from tests import driving

PLAY = """
import sys
import gymnasium
import rlgauge

env = gymnasium.make(sys.argv[1])
for _ in range(3):
    env.reset()
    over = False
    while not over:
        _, _, terminated, truncated, _ = env.step(env.action_space.sample())
        over = terminated or truncated
print("played")
"""


@pytest.fixture
def train(tmp_path):
    """The run of a command in which a program is named."""

    def train(text, command, env="CartPole-v1"):
        (tmp_path / "play.py").write_text(text)
        workload = ScriptWorkload(command=command.replace("PLAY", str(tmp_path / "play.py")), env=env, seeds=1)
        (run,) = driving.run(workload, tmp_path / "out").values()
        return run

    return train


def test_python_that_a_command_starts_counts_its_episodes(train):
    run = train(PLAY, "python PLAY {env}")
    assert run.status is Status.COMPLETED, run.file.fail_trace
    values = run.records[0].values
    assert values["num_episodes"] == 3
    assert values["training_return"] == values["training_length"] > 0
    assert values["num_steps"] == round(3 * values["training_length"])
    assert run.file.result["environments"] == ["CartPole-v1"]


def test_also_below_another_python_that_only_launches(train):
    launcher = "import subprocess, sys; sys.exit(subprocess.call([sys.executable, *sys.argv[1:]]))"
    run = train(PLAY, f"python -c '{launcher}' PLAY {{env}}")
    assert run.records[0].values["num_episodes"] == 3


def test_a_command_that_trains_elsewhere_than_its_label_says_fails(train):
    run = train(PLAY, "python PLAY CartPole-v1 {env}", env="Acrobot-v1")
    assert run.status is Status.FAILED
    assert run.file.fail_trace.startswith("The command makes CartPole-v1, not Acrobot-v1")


def test_its_exit_code_is_stronger_than_what_was_counted(train):
    run = train(PLAY + "sys.exit(5)\n", "python PLAY {env}")
    assert run.status is Status.FAILED
    assert "exit code 5" in run.file.fail_trace
    assert run.file.result["num_episodes"] == 3


def test_only_the_first_process_that_has_environments_counts(train):
    text = PLAY + "import subprocess\nif len(sys.argv) < 3:\n    subprocess.run([sys.executable, *sys.argv, 'again'])\n"
    run = train(text, "python PLAY {env}")
    assert run.records[0].values["num_episodes"] == 3
    assert (run.folder / "cout.txt").read_text().count("played") == 2


def test_what_it_logs_is_recorded(train):
    run = train(PLAY + "rlgauge.log({'loss': 0.5}, step=7)\n", "python PLAY {env}")
    (scalars,) = read_scalars(run.folder / "artifacts")
    assert (scalars.values, scalars.step) == ({"loss": 0.5}, 7)


def test_another_sitecustomize_is_run_all_the_same(tmp_path):
    (tmp_path / "sitecustomize.py").write_text("print('the other one')\n")
    paths = os.pathsep.join([str(Path(hooked.__file__).parent), str(tmp_path)])
    done = subprocess.run(
        [sys.executable, "-c", "print('fine')"],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert done.stdout == "the other one\nfine\n"
    assert done.stderr == ""


def test_a_python_without_this_package_is_left_alone():
    done = subprocess.run(
        [sys.executable, "-S", "-c", "import sitecustomize, sys; print('rlgauge' in sys.modules)"],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(hooked.__file__).parent), hooked.SPEC_VARIABLE: "x"},
    )
    assert (done.stdout, done.stderr) == ("False\n", "")
