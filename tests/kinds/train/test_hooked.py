from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rlgauge.core.run import Status
from rlgauge.kinds.train import hooked
from rlgauge.kinds.train.journal import EPISODES, SCALARS, read_scalars
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


def test_every_process_that_steps_environments_counts_and_a_warning_says_that_they_are_several(train):
    text = PLAY + "import subprocess\nif len(sys.argv) < 3:\n    subprocess.run([sys.executable, *sys.argv, 'again'])\n"
    run = train(text, "python PLAY {env}")
    values = run.records[0].values
    assert values["num_episodes"] == 6
    assert values["num_steps"] == round(6 * values["training_length"])
    assert (run.folder / "cout.txt").read_text().count("played") == 2
    (text,) = run.file.result["warnings"]
    assert "Episodes of several processes of the command were counted together: 3 and 3." in text


@pytest.mark.parametrize("look", ["gymnasium.spec('CartPole-v1')", "gymnasium.make('Acrobot-v1').reset()"])
def test_one_that_only_looks_at_environments_does_not_count_in_place_of_one_that_trains(train, look):
    text = f"import subprocess, sys, gymnasium; {look}; subprocess.run([sys.executable, *sys.argv[1:]])"
    run = train(PLAY, f'python -c "{text}" PLAY {{env}}')
    assert run.status is Status.COMPLETED, run.file.fail_trace
    assert run.records[0].values["num_episodes"] == 3
    assert run.file.result["warnings"] == []


def test_where_no_environment_is_stepped_nothing_was_counted(train):
    run = train("import gymnasium", "python PLAY {env}")
    assert run.status is Status.COMPLETED, run.file.fail_trace
    values = run.records[0].values
    assert (values["num_episodes"], values["num_steps"], values["training_return"]) == (None, None, None)
    assert run.file.result["num_episodes"] is None
    (text,) = run.file.result["warnings"]
    assert text.startswith("Nothing was counted")


WORKERS = """
import multiprocessing
import sys
import gymnasium
import numpy as np

def work():
    env = gymnasium.make("CartPole-v1")
    for _ in range(3):
        env.reset()
        while not any(env.step(0)[2:4]):
            pass

def make():
    return gymnasium.wrappers.TransformReward(gymnasium.make("CartPole-v1"), lambda reward: 0.01 * reward)

if __name__ == "__main__":
    if sys.argv[1] == "workers":
        workers = [multiprocessing.get_context("spawn").Process(target=work) for _ in range(2)]
        for one in workers:
            one.start()
        for one in workers:
            one.join()
    else:
        env = gymnasium.vector.AsyncVectorEnv([make] * 2, context="spawn")
        env.reset()
        for _ in range(33):
            env.step(np.zeros(2, int))
        env.close()
"""


def test_processes_that_one_of_them_starts_count_once(train):
    run = train(WORKERS, "python PLAY workers {env}")
    values = run.records[0].values
    assert values["num_episodes"] == 6
    assert values["training_return"] == values["training_length"] < 12
    assert values["num_steps"] == round(6 * values["training_length"])
    assert run.file.result["environments"] == ["CartPole-v1"]


def test_processes_of_a_vector_of_one_of_them_tell_it_what_the_task_gave(train):
    values = train(WORKERS, "python PLAY vector {env}").records[0].values
    assert values["num_episodes"] in {4, 5, 6}
    assert 8 <= values["training_return"] == values["training_length"] < 12


def test_what_it_logs_is_recorded(train):
    run = train(PLAY + "rlgauge.log({'loss': 0.5}, step=7)\n", "python PLAY {env}")
    (scalars,) = read_scalars(run.folder / "artifacts")
    assert (scalars.values, scalars.step) == ({"loss": 0.5}, 7)


def test_files_of_a_process_that_was_killed_end_with_their_last_line(train):
    run = train(PLAY + "rlgauge.log({'loss': 0.5}, step=7)\nimport os\nos.kill(os.getpid(), 9)\n", "python PLAY {env}")
    assert run.status is Status.FAILED
    assert run.file.result["num_episodes"] == 3
    for name, num in ((EPISODES, 3), (SCALARS, 1)):
        lines = (run.folder / "artifacts" / name).read_bytes()
        assert (lines.count(b"\n"), lines[-1:]) == (num, b"\n")


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


def test_environments_that_we_register_are_known_to_a_program_that_imports_nothing_of_ours(train):
    run = train(PLAY.replace("import rlgauge\n", ""), "python PLAY {env}", env="seals/MountainCar-v0")
    assert run.status is Status.COMPLETED, run.file.fail_trace
    assert run.records[0].values["num_steps"] == 600
    assert run.file.result["environments"] == ["seals/MountainCar-v0"]
