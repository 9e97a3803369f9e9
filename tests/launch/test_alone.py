"""What measures a machine has it to itself, whatever launches it."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from rlgauge.core.execute import Launcher, execute
from rlgauge.core.run import Status
from rlgauge.core.store import Store
from rlgauge.launch.local import Local
from rlgauge.launch.ray import Ray
from rlgauge.launch.ray_settings import read_settings
from rlgauge.launch.slurm import Slurm
from tests.launch.alone_toys import Alone
from tests.slurm.machine import CPUS, running


def variables_of(launcher: Launcher, out: Path) -> dict[str, Any]:
    """Those of the first case, where no two of three were measured at once, and each by a process of its own."""
    runs = list(execute(Alone(num_cases=3), Store(out), launcher=launcher).values())
    assert [run.status for run in runs] == [Status.COMPLETED] * 3
    times = sorted((run.records[0].values["begun"], run.records[0].values["ended"]) for run in runs)
    assert all(ended <= begun for (_, ended), (begun, _) in itertools.pairwise(times))
    assert len({run.file.result["pid"] for run in runs}) == 3
    assert len({run.file.result["variables"]["SLURM_ARRAY_TASK_ID"] for run in runs}) == 1
    found: dict[str, Any] = runs[0].file.result["variables"]
    return found


def test_on_this_machine_one_worker_measures_however_many_are_asked_for(tmp_path):
    variables_of(Local(3), tmp_path)


def test_slurm_gives_one_task_a_node_that_nobody_else_has(tmp_path):
    (tmp_path / "slurm").mkdir()
    with running(tmp_path / "slurm"):
        told = variables_of(Slurm({"time": 5, "poll": 1}), tmp_path / "out")
    assert told == {"SLURM_ARRAY_TASK_ID": "0", "SLURM_JOB_CPUS_PER_NODE": str(CPUS), "OMP_NUM_THREADS": "1"}


@pytest.mark.xdist_group("ray")
def test_ray_gives_one_task_a_whole_node(tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    assert variables_of(Ray({}), tmp_path)["OMP_NUM_THREADS"] == "1"


def test_a_task_of_ray_takes_the_processors_of_the_largest_node_that_has_what_it_asks_for():
    nodes = [{"CPU": 4.0, "GPU": 1.0}, {"CPU": 8.0, "GPU": 2.0}, {"CPU": 64.0}]
    assert read_settings({"gpus": 1}).most_cpus(nodes) == 8
    assert read_settings({"cpus": 2}).most_cpus(nodes) == 64
