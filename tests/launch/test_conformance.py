"""Every launcher passes the kit that users check theirs with, here against a real Slurm and a real Ray."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rlgauge.launch.by_python import ByPython
from rlgauge.launch.inline import Inline
from rlgauge.launch.local import Local
from rlgauge.launch.ray import Ray
from rlgauge.launch.slurm import Slurm
from rlgauge.testing import Conformity, check_launcher
from rlgauge.testing.workloads import Process
from tests.launch import ray_cluster
from tests.slurm import machine

COLOUR = {"COLOUR": "green"}


def unchecked(found: Conformity) -> set[str]:
    return set(found.unchecked)


def test_a_case_after_another_in_this_process(tmp_path: Path) -> None:
    cannot = {"crashes", "time_limits", "output", "fresh_processes", "leftovers"}
    found = check_launcher(Inline, folder=tmp_path, most_at_once=1, cannot=cannot)
    assert unchecked(found) == {*cannot, "variables"}


@pytest.mark.parametrize("process", ["shared", "forked"])
def test_workers_on_this_machine(process: Process, tmp_path: Path) -> None:
    given = {**os.environ, **COLOUR}
    found = check_launcher(
        lambda: Local(2, variables=given), folder=tmp_path, process=process, most_at_once=2, variables=COLOUR
    )
    assert not unchecked(found)


def test_workers_of_several_pythons(tmp_path: Path) -> None:
    found = check_launcher(lambda: ByPython(lambda _case: None), folder=tmp_path, most_at_once=1)
    assert unchecked(found) == {"variables"}


def test_tasks_of_slurm(tmp_path: Path) -> None:
    config = {"time": 5, "poll": 1, "width": 2, "pack": 2, "setup": "export COLOUR=green"}
    (tmp_path / "slurm").mkdir()
    with machine.running(tmp_path / "slurm"):
        found = check_launcher(lambda: Slurm(config), folder=tmp_path / "runs", most_at_once=2, variables=COLOUR)
    assert not unchecked(found)


@pytest.mark.xdist_group("ray")
def test_tasks_of_ray(tmp_path: Path) -> None:
    with ray_cluster.surroundings(), ray_cluster.running() as address:
        config = {"address": address, "cpus": 0.5, "width": 2, "pack": 2, "variables": COLOUR}
        found = check_launcher(lambda: Ray(config), folder=tmp_path, most_at_once=2, variables=COLOUR)
    assert not unchecked(found)
