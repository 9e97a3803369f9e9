"""What each run is given: on this machine, by a real Slurm and by a real Ray."""

from __future__ import annotations

import pytest

from rlgauge.cli.launchers import workers_of
from rlgauge.cli.resources import Resources, as_settings, check_fit, num_that_fit, read_resources, worker_variables
from rlgauge.cli.tune_options import build_parser
from rlgauge.core import platform
from rlgauge.core.errors import UserError
from tests.slurm.machine import running

SEEN = """
import os


def main(env="CartPole-v1"):
    for name in ("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "SLURM_CPUS_PER_TASK"):
        print(name, os.environ.get(name))
"""
TRAIN = ("train", "seen.py", "--env", "CartPole-v1", "--tests", "0", "--videos", "0", "--out", "o")


@pytest.fixture
def four(monkeypatch):
    """A machine of four processors and the GPUs 4 and 7."""
    monkeypatch.setattr(platform, "affinity", lambda: [0, 1, 2, 3])
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")


@pytest.fixture
def seen(folder):
    """Lines that the runs have printed."""
    (folder / "seen.py").write_text(SEEN)
    return lambda: {line for path in folder.glob("o/train/*/1-*/cout.txt") for line in path.read_text().splitlines()}


def test_amounts_are_read_by_their_names():
    assert read_resources("cpu=2,gpu=0.5") == Resources(2, 0.5)
    assert read_resources(" gpu = 0 ") == Resources(None, 0)
    assert read_resources(None) == Resources()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "write NAME=AMOUNT, such as cpu=2,gpu=0.5"),
        ("2", "write NAME=AMOUNT"),
        ("cpus=2", "Did you mean 'cpu'"),
        ("cpu=2,cpu=3", "cpu is given twice"),
        ("cpu=0", "cpu=0: give a whole number such as 2, or a share of one"),
        ("cpu=1.5", "cpu=1.5: give a whole number"),
        ("cpu=nan", "cpu=nan: give"),
        ("gpu=-1", "gpu=-1: give"),
        ("gpu=inf", "gpu=inf: give"),
        ("gpu=one", "gpu=one: give"),
    ],
)
def test_what_is_no_amount_is_refused(text, sentence):
    with pytest.raises(UserError, match=sentence):
        read_resources(text)


@pytest.mark.usefixtures("four")
def test_as_many_fit_as_there_are_processors_and_gpus_for():
    assert [num_that_fit(read_resources(text)) for text in ("cpu=1", "cpu=3", "cpu=0.5", "gpu=1", "gpu=0.3")] == [
        *(4, 1, 8),
        *(2, 6),
    ]
    assert num_that_fit(read_resources("cpu=2,gpu=0.5")) == 2
    assert num_that_fit(read_resources("cpu=1,gpu=2")) == 1
    assert num_that_fit(read_resources("cpu=2,gpu=0")) == 2


@pytest.mark.usefixtures("four")
def test_workers_share_gpus_by_number_or_have_several_or_none():
    def given(text, num):
        return [one["CUDA_VISIBLE_DEVICES"] for one in worker_variables(read_resources(text), num)]

    assert given("gpu=0.5", 4) == ["4", "7", "4", "7"]
    assert given("gpu=2", 1) == ["4,7"]
    assert given("gpu=0", 2) == ["", ""]
    assert worker_variables(Resources(), 2) == [{}, {}]


@pytest.mark.usefixtures("four")
def test_what_does_not_fit_is_refused_with_what_does():
    with pytest.raises(UserError, match=r"--workers 3 with --resources cpu=2: this machine has room for 2 at once"):
        check_fit(Resources(2), 3)
    with pytest.raises(UserError, match=r"this machine has 4 processors, so no run fits\. Ask for cpu=4"):
        num_that_fit(Resources(5))
    with pytest.raises(UserError, match="A worker asks for 3 GPUs, and there are 2 GPUs here"):
        num_that_fit(Resources(None, 3))


@pytest.mark.usefixtures("four")
def test_without_workers_as_many_go_on_as_fit_and_one_where_nothing_is_asked_for():
    def number(*argv):
        return workers_of(build_parser().parse_args(["bc", *argv]))

    assert (number(), number("--resources", "cpu=1"), number("--resources", "cpu=2,gpu=0.5")) == (1, 4, 2)
    assert number("--resources", "cpu=1", "--workers", "3") == 3
    assert number("--resources", "cpu=1", "--launcher", "ray") == 1


def test_slurm_gives_whole_ones_and_ray_shares():
    assert as_settings(Resources(None, 0.5), "ray", {"width": 3}) == {"width": 3, "gpus": 0.5}
    assert as_settings(Resources(None, 1), "slurm", {}) == {"gpus": 1}
    with pytest.raises(UserError, match=r"gpu=0.5: Slurm gives a task whole GPUs: ask for gpu=1 or leave it out"):
        as_settings(Resources(2, 0.5), "slurm", {})
    with pytest.raises(UserError, match=r"cpu=0.5: Slurm gives a task whole processors: ask for cpu=1, or take"):
        as_settings(Resources(0.5), "slurm", {})


def test_threads_are_as_many_as_processors_whatever_the_users_variables_say():
    of_ray = as_settings(Resources(2), "ray", {"variables": {"MUJOCO_GL": "egl"}})
    assert of_ray["cpus"] == 2
    assert of_ray["variables"].items() >= {"OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "2", "MUJOCO_GL": "egl"}.items()
    of_slurm = as_settings(Resources(2), "slurm", {"setup": "module load cuda"})
    assert of_slurm["cpus"] == 2
    assert {"export OMP_NUM_THREADS=2", "module load cuda"} <= set(of_slurm["setup"])


@pytest.mark.usefixtures("four")
def test_runs_of_this_machine_have_their_threads_and_their_gpu(give, seen):
    said = give(*TRAIN, "--seeds", "0..3", "--resources", "cpu=2,gpu=0.5")
    assert said.code == 0, said.err
    lines = seen()
    assert {"OMP_NUM_THREADS 2", "MKL_NUM_THREADS 2"} <= lines
    assert {line for line in lines if line.startswith("CUDA")} <= {"CUDA_VISIBLE_DEVICES 4", "CUDA_VISIBLE_DEVICES 7"}
    assert "OMP_NUM_THREADS 1" not in lines


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (("--resources", "cpu=2", "--workers", "3"), "this machine has room for 2 at once. Leave out --workers"),
        (("--resources", "cpu=2", "--threads", "3"), "--threads and cpu of --resources both say how many threads"),
        (("--resources", "gpu=1", "--launcher-config", "per_gpu=1"), "gpu and --launcher-config per_gpu say the same"),
        (("--resources", "memory=1"), "Unknown name in --resources 'memory'. Known: cpu, gpu."),
        (
            ("--resources", "cpu=2", "--launcher", "slurm", "--launcher-config", "time=5", "cpus=1"),
            "cpu and cpus of --launcher-config say the same",
        ),
        (("--resources", "gpu=0.5", "--launcher", "slurm", "--launcher-config", "time=5"), "Slurm gives a task whole"),
    ],
)
@pytest.mark.usefixtures("four", "seen")
def test_a_mistake_is_told_before_anything_is_made(give, folder, argv, sentence):
    said = give(*TRAIN, *argv)
    assert (said.code, sentence in said.err) == (2, True), said.err
    assert not (folder / "o").exists()


@pytest.mark.usefixtures("seen")
def test_without_a_gpu_it_is_said_that_there_is_none(give, folder, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    said = give(*TRAIN, "--resources", "gpu=0.5")
    assert (said.code, "There is no GPU for 1 worker here" in said.err) == (2, True)
    assert not (folder / "o").exists()


@pytest.mark.parametrize(
    "command",
    [("tune", "bc", "--env", "seals/CartPole-v0"), ("benchmark", "--env", "CartPole-v1", "--policy", "random")],
)
@pytest.mark.usefixtures("four")
def test_every_command_with_a_launcher_takes_them(give, folder, command):
    said = give(*command, "--out", "o", "--resources", "cpu=8")
    assert (said.code, "this machine has 4 processors, so no run fits" in said.err) == (2, True), said.err
    assert not (folder / "o").exists()


def test_a_suite_gives_them_to_its_commands_and_speed_takes_none_here(give):
    (line,) = give(
        *("suite", "run", "imitation", "--select", "algo=bc", "env=seals/Ant-v1", "seed=0"),
        *("--resources", "cpu=2", "--dry-run"),
    ).out.splitlines()
    assert line.endswith("--resources cpu=2")
    said = give("throughput", "--num-envs", "10", "--out", "o", "--resources", "cpu=1")
    assert (said.code, "--resources: local has no settings here" in said.err) == (2, True)


def test_slurm_gives_a_task_its_processors(give, seen, tmp_path_factory):
    with running(tmp_path_factory.mktemp("slurm")):
        said = give(
            *TRAIN,
            "--launcher",
            "slurm",
            "--launcher-config",
            "time=5",
            "poll=1",
            "--resources",
            "cpu=3",
            "--seeds",
            "0",
        )
    assert said.code == 0, said.err
    assert "SLURM_CPUS_PER_TASK 3" in seen()


@pytest.mark.usefixtures("seen")
def test_ray_is_asked_for_them(give):
    said = give(*TRAIN, "--launcher", "ray", "--resources", "cpu=4000,gpu=0.5", "--seeds", "0")
    assert said.code == 2
    assert "A task asks for 4000 CPU, 0.5 GPU, and no node of the Ray cluster has that" in said.err
