"""What a suite says of the job that it hands to a real Slurm, its own or an earlier one's."""

from __future__ import annotations

import re
import signal

import pytest

from tests.driving import wait_for
from tests.slurm.machine import running

OWN = """
description: Two commands.
entries:
  - train: {algo: "mine:push", env: seals/CartPole-v0, seed: 0, tests: 0}
  - train: {algo: "mine:pull", env: seals/CartPole-v0, seed: 0, tests: 0}
"""
MINE = """
import pathlib
import time


def push(make_env, demonstrations, config, context):
    while not pathlib.Path("{end}").exists():
        time.sleep(0.1)
    return lambda _: 0


pull = push
"""
RUN = ("suite", "run", "own.yaml", "--out", "o", "--launcher", "slurm", "--launcher-config")


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    with running(tmp_path_factory.mktemp("slurm")) as machine:
        yield machine


@pytest.fixture
def suite(folder):
    """The file for which its trainings wait."""
    (folder / "own.yaml").write_text(OWN)
    (folder / "mine.py").write_text(MINE.replace("{end}", str(folder / "end")))
    return folder / "end"


@pytest.mark.usefixtures("slurm")
def test_a_suite_does_not_take_its_own_job_for_that_of_another_command(give, suite):
    suite.touch()
    said = give(*RUN, "time=5", "poll=1")
    assert said.code == 0, said.err
    assert re.findall(r"^Slurm's job.*", said.err, re.MULTILINE) == [
        f"Slurm's job {job_of(said.err)} has 2 cases in an array of 2."
    ]


def test_a_suite_that_is_interrupted_says_of_no_job_of_its_own_that_it_goes_on(start, slurm, suite):
    process = start(*RUN, "time=5", "poll=1")
    wait_for(lambda: list(suite.parent.glob("o/train/push-*/1-*/artifacts/spec.json")))
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "has 2 cases in an array of 2." in err
    assert "another command" not in err
    assert "was submitted before" not in err
    wait_for(lambda: not slurm.states())


def test_a_job_that_blocks_its_correction_is_told_with_the_way_out(give, slurm, suite):
    suite.touch()
    said = give(*RUN, "time=3600", "--no-wait")
    assert said.code == 0, said.err
    job = job_of(said.err)
    wait_for(lambda: "PartitionTimeLimit" in slurm.ask("squeue", "-h", "-j", job, "-o", "%r"))
    again = give(*RUN, "time=5", "--no-wait")
    assert again.code == 0, again.err
    assert again.out.startswith(f"Nothing new to submit: job {job} of Slurm. ")
    assert again.err.splitlines() == [
        f"Tasks of Slurm's job {job} wait, and Slurm says why: PartitionTimeLimit.",
        f"Slurm's job {job} was submitted before, with 2 cases of these.",
        f"`scancel {job}` and give the command again to submit them with other settings.",
    ]
    slurm.ask("scancel", job)
    wait_for(lambda: not slurm.states())
    corrected = give(*RUN, "time=5", "poll=1")
    assert corrected.code == 0, corrected.err
    assert job_of(corrected.err) != job


def job_of(told: str) -> str:
    """The number of the job that was submitted."""
    return re.search(r"Slurm's job (\d+) has", told).group(1)
