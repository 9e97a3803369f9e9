"""Runs that were left to a real Slurm are followed: what it has no more is told, and not waited for."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rlgauge.core.errors import SubmittedError
from rlgauge.core.execute import execute
from rlgauge.core.run import Status
from rlgauge.core.store import Store
from rlgauge.launch import slurm_onlooker
from rlgauge.launch.slurm import Slurm
from rlgauge.launch.slurm_queue import Task
from tests.driving import wait_for
from tests.slurm.machine import Machine, free_port, running
from tests.slurm.toys import Eventful

OUT = Path("o")
STUCK = {"time": 5, "partition": "short"}
"""Tasks that the partition does not let start."""


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    with running(tmp_path_factory.mktemp("slurm")) as machine:
        yield machine


def submit(*deeds: str, **config) -> str:
    """The number of the job."""
    before = set(OUT.glob("jobs/*"))
    with pytest.raises(SubmittedError):
        execute(
            Eventful(deeds=list(deeds), gate=str(OUT.resolve() / "gate")),
            Store(OUT),
            launcher=Slurm({"time": 5, **config}, wait=False),
        )
    (folder,) = set(OUT.glob("jobs/*")) - before
    return json.loads((folder / "submission.json").read_bytes())["job"]


def is_noted_as_over() -> list[bool]:
    return [json.loads(path.read_bytes())["is_over"] for path in sorted(OUT.glob("jobs/*/submission.json"))]


def statuses() -> list[Status]:
    return [run.status for run in Store(OUT).runs()]


def cancel(slurm: Machine, job: str) -> None:
    slurm.ask("scancel", job)
    wait_for(lambda: not any(task.startswith(f"{job}_") for task in slurm.states()))


@pytest.mark.parametrize("options", [(), ("--once",)])
def test_what_was_cancelled_before_it_began_is_not_waited_for(give, slurm, options):
    job = submit("nothing", "nothing", **STUCK)
    cancel(slurm, job)
    said = give("runs", "watch", "o", *options)
    assert said.code == 1
    assert said.out.splitlines() == [
        *([] if options else ["2 runs: 2 queued."]),
        f"Slurm no longer has job {job}: the same command submits what is missing.",
        "2 runs: 2 not begun.",
    ]
    assert is_noted_as_over() == [True]


@pytest.fixture
def cancel_when_asked(slurm, monkeypatch):
    """Cancels a job as soon as Slurm has been asked for its tasks once; it is asked often."""
    ask = slurm_onlooker.tasks_of
    monkeypatch.setattr(slurm_onlooker, "POLL_SECONDS", 0.2)

    def arrange(job: str) -> None:
        rest = iter([job])

        def ask_and_cancel(*arguments: Any) -> list[Task]:
            tasks = ask(*arguments)
            for one in rest:
                cancel(slurm, one)
            return tasks

        monkeypatch.setattr(slurm_onlooker, "tasks_of", ask_and_cancel)

    return arrange


def test_what_is_cancelled_meanwhile_is_not_waited_for(give, folder, cancel_when_asked):
    job = submit("nothing", "gate", "gate", width=1)
    wait_for(lambda: set(statuses()) == {Status.COMPLETED, Status.RUNNING})
    cancel_when_asked(job)
    said = give("runs", "watch", "o", "--every", "0.2")
    assert said.code == 1
    first, *_, told, last = said.out.splitlines()
    assert first == "3 runs: 1 completed, 1 queued, 1 running."
    assert told == f"Slurm no longer has job {job}: the same command submits what is missing."
    assert last == "3 runs: 1 completed, 1 interrupted, 1 not begun."


def test_why_tasks_wait_for_ever_is_told_and_what_to_do(give, slurm, folder, cancel_when_asked):
    job = submit("nothing", "nothing", **STUCK)
    wait_for(lambda: "PartitionTimeLimit" in slurm.ask("squeue", "-h", "-j", job, "-o", "%r"))
    cancel_when_asked(job)
    said = give("runs", "watch", "o", "--every", "0.2")
    assert said.code == 1
    assert said.out.splitlines() == [
        "2 runs: 2 queued.",
        f"Tasks of Slurm's job {job} wait, and Slurm says why: PartitionTimeLimit.",
        f"`scancel {job}` and give the command again to submit them with other settings.",
        f"Slurm no longer has job {job}: the same command submits what is missing.",
        "2 runs: 2 not begun.",
    ]


def test_a_run_whose_task_slurm_starts_again_is_waited_for(give, slurm, folder):
    job = submit("wait")
    wait_for(lambda: statuses() == [Status.RUNNING] and next(Store(OUT).runs()).records)
    slurm.ask("scontrol", "requeue", f"{job}_0")
    wait_for(lambda: statuses() == [Status.INTERRUPTED])
    said = give("runs", "watch", "o", "--every", "0.2")
    assert (said.code, said.out.splitlines()[-1]) == (0, "1 run: 1 completed.")


def test_what_a_later_job_has_is_not_told_as_missing(give, slurm, folder):
    first = submit("nothing", "gate", **STUCK)
    cancel(slurm, first)
    overview = {path: path.read_bytes() for path in OUT.glob("jobs/*/submission.json")}
    (OUT / "gate").touch()
    second = submit("nothing", "gate")
    for path, content in overview.items():
        path.write_bytes(content)  # as if no driver had asked since
    said = give("runs", "watch", "o", "--every", "0.2")
    assert first != second
    assert (said.code, said.out.splitlines()[-1]) == (0, "2 runs: 2 completed.")
    assert "no longer has" not in said.out


def test_a_job_that_slurm_never_took_is_not_waited_for(give, slurm, folder):
    cancel(slurm, submit("nothing", **STUCK))
    (path,) = OUT.glob("jobs/*/submission.json")
    submission = {**json.loads(path.read_bytes()), "job": None}
    path.write_text(json.dumps(submission))
    assert give("runs", "watch", "o", "--once").out == "1 run: 1 queued.\n"  # it may be on its way
    path.write_text(json.dumps({**submission, "time": "2020-01-01T00:00:00"}))
    said = give("runs", "watch", "o")
    assert said.code == 1
    assert f"Slurm no longer has job rlgauge-{submission['id']}: the same" in said.out


def test_a_controller_that_cannot_be_reached_is_told_once(give, slurm, folder, monkeypatch):
    job = submit("nothing", **STUCK)
    text = slurm.configuration.read_text()
    port = next(line for line in text.splitlines() if line.startswith("SlurmctldPort"))
    (folder / "slurm.conf").write_text(text.replace(port, f"SlurmctldPort={free_port()}"))
    with monkeypatch.context() as patch:
        patch.setenv("SLURM_CONF", str(folder / "slurm.conf"))
        said = give("runs", "watch", "o", "--once")
    cancel(slurm, job)
    told, counts = said.out.splitlines()
    assert told.startswith("Slurm's controller can't be reached (")
    assert told.endswith("The folders are followed meanwhile.")
    assert (said.code, counts, is_noted_as_over()) == (0, "1 run: 1 queued.", [False])


@pytest.mark.parametrize("where", ["no squeue", "another cluster"])
def test_where_slurm_cannot_be_asked_it_is_said_once_what_is_not_known(give, slurm, folder, monkeypatch, where):
    job = submit("nothing", "nothing", **STUCK)
    cancel(slurm, job)
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            raise KeyboardInterrupt

    clock = SimpleNamespace(sleep=sleep, monotonic=time.monotonic)
    monkeypatch.setattr("rlgauge.cli.runs_watch.time", clock)
    monkeypatch.setattr(slurm_onlooker, "QUIET_SECONDS", 0.0)
    cluster = "tests"
    if where == "no squeue":
        monkeypatch.setenv("PATH", str(folder))
    else:
        cluster = "elsewhere"
        (path,) = OUT.glob("jobs/*/submission.json")
        path.write_text(path.read_text().replace('"cluster":"tests"', '"cluster":"elsewhere"'))
    said = give("runs", "watch", "o")
    assert said.code == 130
    first, told, last = said.out.splitlines()
    assert first == last == "2 runs: 2 queued."
    place = f"job {job} of Slurm on the cluster {cluster}"
    assert told == f"Cases wait in {place}; whether it still has them can't be known here: ask `squeue` there."
