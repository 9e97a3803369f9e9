from __future__ import annotations

import signal

import pytest

from rlgauge.cli.launchers import read_config
from rlgauge.core.errors import UserError
from rlgauge.core.run import Status
from rlgauge.core.store import Store
from rlgauge.launch.slurm import make
from tests.driving import wait_for
from tests.slurm.machine import running

TRAIN = ("train", "--algo", "bc", "--env", "seals/CartPole-v0", "--tests", "0")


def test_settings_are_read_as_yaml_and_the_last_counts(tmp_path):
    path = tmp_path / "cluster.yaml"
    path.write_text("partition: main\ntime: 30\nsetup: [module load cuda]\n")
    assert read_config([str(path), "time=60", "memory=4G", "resources={fast: 1}"]) == {
        "partition": "main",
        "time": "60",
        "setup": ["module load cuda"],
        "memory": "4G",
        "resources": {"fast": "1"},
    }


def test_settings_are_texts_as_they_were_written(tmp_path):
    path = tmp_path / "cluster.yaml"
    path.write_text("time: 1:00:00\naccount: 0123\npartition: on\nmemory: null\nqos:\n")
    written = {"time": "1:00:00", "account": "0123", "partition": "on"}
    assert read_config([f"{name}={text}" for name, text in written.items()]) == written
    assert read_config([str(path)]) == {**written, "memory": None, "qos": None}
    with pytest.raises(UserError, match="give a whole number of minutes, such as time=90 for an hour and a half"):
        make(read_config(["time=1:00:00"]))


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        ("partition", "write KEY=VALUE, such as partition=main, or a YAML file"),
        ("=main", "write KEY=VALUE"),
        ("nowhere.yaml", "nowhere.yaml: the file can't be read"),
        ("a=[", "it can't be read as YAML"),
    ],
)
def test_what_is_no_setting_is_refused(part, sentence):
    with pytest.raises(UserError, match=sentence):
        read_config([part])


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["--launcher", "slurmy"], "Unknown launcher 'slurmy'. Did you mean 'slurm'?"),
        (["--launcher-config", "time=3"], "Unknown setting of the launcher local 'time'. Known: per_gpu."),
        (["--launcher-config", "per_gpu=x"], "it is how many workers may share a GPU"),
        (["--no-wait"], "--no-wait is for --launcher slurm"),
        (["--launcher", "ray", "--no-wait"], "--no-wait is for --launcher slurm"),
        (["--launcher", "slurm", "--launcher-config", "time=3", "partion=main"], "Did you mean 'partition'?"),
        (["--launcher", "ray", "--launcher-config", "adress=auto"], "Did you mean 'address'?"),
    ],
)
def test_mistakes_are_said_before_anything_is_made(give, folder, argv, sentence):
    said = give(*TRAIN, "--out", "o", *argv)
    assert said.code == 2
    assert sentence in said.err
    assert not (folder / "o").exists()


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["--launcher", "slurn"], "Unknown launcher 'slurn'. Did you mean 'slurm'?"),
        (["--launcher", "ray", "--launcher-config", "adress=auto"], "Did you mean 'address'?"),
        (["--no-wait"], "--no-wait is for --launcher slurm"),
    ],
)
def test_a_mistake_in_the_launcher_of_a_suite_is_said_once(give, argv, sentence):
    said = give("suite", "run", "imitation", "--select", "algo=bc,dagger", "seed=0", "--budget", "smoke", *argv)
    assert said.code == 2
    assert said.err.count(sentence) == len(said.err.strip().splitlines()) == 1


def test_a_suite_gives_the_launcher_to_its_commands(give):
    select = ("--select", "algo=bc", "env=seals/Ant-v1", "seed=0")
    argv = ("--launcher", "slurm", "--launcher-config", "time=30", "pack=2", "--no-wait", "--dry-run")
    (line,) = give("suite", "run", "imitation", *select, *argv).out.splitlines()
    assert line.endswith("--launcher slurm --launcher-config time=30 --launcher-config pack=2 --no-wait")
    lines = give("suite", "run", "throughput-memory", "--launcher", "ray", "--dry-run").out.splitlines()
    assert lines
    assert all(line.endswith("--launcher ray") for line in lines)


def test_what_measures_anew_each_time_can_not_be_left_to_slurm(give):
    said = give(
        *("suite", "run", "throughput-memory", "--launcher", "slurm", "--launcher-config", "time=5", "--no-wait")
    )
    assert said.code == 2
    assert "throughput measures anew each time, so no later command could collect it: leave out --no-wait" in said.err


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["--launcher", "slurmy"], "Unknown launcher 'slurmy'. Did you mean 'slurm'?"),
        (["--launcher-config", "per_gpu=1"], "local has no settings here: what is measured has the machine to itself"),
        (["--launcher", "ray", "--autotune"], "on the machine of this command: leave out --launcher"),
        (["--launcher", "slurm"], "The launcher slurm must know how many minutes a task may take"),
    ],
)
def test_settings_of_a_measurement_of_speed_are_checked_before_it(give, folder, argv, sentence):
    said = give("throughput", "--num-envs", "10", "--out", "o", *argv)
    assert (said.code, sentence in said.err) == (2, True)
    assert not list((folder / "o").rglob("run.json"))


SEEN = """
import os
import gymnasium

def main(env='CartPole-v1'):
    print('GPU', os.environ['CUDA_VISIBLE_DEVICES'])
"""
OWN = """
description: Short trainings of two commands.
entries:
  - train: {algo: bc, env: seals/CartPole-v0, seed: 0..1, tests: 1, args: {bc.n_batches: 2}}
  - train: {algo: "mine:push", env: seals/CartPole-v0, seed: 0, tests: 1}
"""
MINE = """
import pathlib
import time


def push(make_env, demonstrations, config, context):
    while not pathlib.Path("{end}").exists():
        time.sleep(0.1)
    return lambda _: 0
"""


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    with running(tmp_path_factory.mktemp("slurm")) as machine:
        yield machine


@pytest.mark.usefixtures("slurm")
def test_a_suite_is_handed_to_slurm_as_one_array_followed_and_collected(give, folder):
    (folder / "own.yaml").write_text(OWN)
    (folder / "mine.py").write_text(MINE.replace("{end}", str(folder / "own.yaml")))
    argv = ("suite", "run", "own.yaml", "--out", "o", "--launcher", "slurm", "--launcher-config", "time=5", "pack=2")
    said = give(*argv, "--no-wait")
    assert said.code == 0, said.err
    assert "Submitted 3 cases: job " in said.out
    assert "in an array of 2." in said.err
    assert give(*argv, "--no-wait").code == 0
    followed = give("runs", "watch", "o", "--every", "0.5")
    assert (followed.code, followed.out.splitlines()[-1]) == (0, "3 runs: 3 completed.")
    collected = give(*argv)
    assert collected.code == 0, collected.err
    assert "2 of 2 runs are in o already." in collected.err
    assert "bc         seals/CartPole-v0  2 of 2" in collected.out
    assert "push       seals/CartPole-v0  1 of 1" in collected.out
    assert len(list((folder / "o" / "jobs").iterdir())) == 1
    assert give(*argv, "--no-wait").out == "Nothing is missing.\n"


@pytest.mark.usefixtures("slurm")
def test_what_can_not_be_set_up_is_not_trained_without_it(give, folder):
    argv = ("--launcher", "slurm", "--launcher-config", "time=5", "poll=1", "setup=module load cuda")
    said = give(*TRAIN, "--set", "bc.n_epochs=null", "--set", "bc.n_batches=2", "--seeds", "0", "--out", "o", *argv)
    assert said.code != 0
    assert "module: command not found" in said.err
    assert not list(folder.glob("o/train/*/*/run.json"))


@pytest.mark.usefixtures("slurm")
def test_speed_is_measured_by_slurm_in_one_task(give, folder):
    argv = ("--launcher", "slurm", "--launcher-config", "time=5", "poll=1")
    said = give(
        "throughput",
        "--library",
        "gymnasium-vector",
        "--num-envs",
        "1,10",
        "--min-seconds",
        "0.01",
        "--out",
        "o",
        *argv,
    )
    assert said.code == 0, said.err
    assert "gymnasium-vector  10" in said.out
    (submission,) = folder.glob("o/jobs/*/tasks.txt")
    assert len(submission.read_text().splitlines()) == 1


@pytest.mark.usefixtures("slurm")
def test_runs_that_have_failed_are_no_success_for_a_suite_that_does_not_wait(give, folder):
    (folder / "own.yaml").write_text(OWN.replace("mine:push", "mine:fail"))
    (folder / "mine.py").write_text("def fail(make_env, demonstrations, config, context):\n    raise ValueError\n")
    argv = ("suite", "run", "own.yaml", "--out", "o")
    assert give(*argv).code == 1
    said = give(*argv, "--launcher", "slurm", "--launcher-config", "time=5", "--no-wait")
    assert (said.code, said.out) == (1, "Nothing is missing.\n")
    assert "Runs that were there have failed" in said.err


@pytest.mark.usefixtures("slurm")
def test_a_suite_that_is_interrupted_cancels_what_it_has_submitted(start, folder):
    (folder / "own.yaml").write_text(OWN)
    (folder / "mine.py").write_text(MINE.replace("{end}", str(folder / "never")))
    process = start("suite", "run", "own.yaml", "--out", "o", "--launcher", "slurm", "--launcher-config", "time=5")
    wait_for(lambda: list(folder.glob("o/train/push-*/1-*/artifacts/spec.json")))
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert {run.case.labels["algorithm"]: run.status for run in Store("o").runs()}["push"] is Status.INTERRUPTED


def test_workers_of_this_machine_are_given_its_gpus(give, folder, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    (folder / "seen.py").write_text(SEEN)
    argv = (
        "train",
        "seen.py",
        "--env",
        "CartPole-v1",
        "--seeds",
        "0..5",
        "--tests",
        "0",
        "--videos",
        "0",
        "--out",
        "o",
    )
    said = give(*argv, "--workers", "2", "--launcher-config", "per_gpu=1")
    assert said.code == 0, said.err
    seen = {line for path in folder.glob("o/train/*/1-*/cout.txt") for line in path.read_text().splitlines()}
    assert {"GPU 4", "GPU 7"} >= {line for line in seen if line.startswith("GPU")} > set()
    assert "there is room for 2" in give(*argv, "--workers", "3", "--launcher-config", "per_gpu=1").err
