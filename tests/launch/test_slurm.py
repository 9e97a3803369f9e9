"""Runs in a real Slurm: whatever happens to tasks, drivers and the controller, nothing is lost and nothing doubled."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from rlgauge.core.case import Case
from rlgauge.core.claim import read_claim
from rlgauge.core.errors import SubmittedError, UserError
from rlgauge.core.execute import Event, Item, Plan, execute
from rlgauge.core.files import StoreError
from rlgauge.core.run import Run, Status
from rlgauge.core.store import Store
from rlgauge.launch import slurm_queue, slurm_restart
from rlgauge.launch.slurm import Slurm, make
from tests import driving, odd_toys, toys
from tests.slurm import driver
from tests.slurm.machine import Machine, free_port, running
from tests.slurm.toys import Eventful

CONFIG = {"time": 5, "poll": 1}


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with running(tmp_path_factory.mktemp("slurm")) as machine:
        yield machine


def run(workload: toys.Toy, out: Path, config: dict[str, Any] | None = None, **options: Any) -> list[Run | None]:
    launcher = Slurm({**CONFIG, **(config or {})}, tell=options.pop("tell", print))
    return list(execute(workload, Store(out), launcher=launcher, **options).values())


def submissions(out: Path) -> list[dict[str, Any]]:
    found = [json.loads(path.read_bytes()) for path in (out / "jobs").glob("*/submission.json")]
    return sorted(found, key=lambda one: one["time"])


def attempts(out: Path, case: Case) -> list[Run]:
    return Store(out).attempts(out / case.folder)


def statuses(out: Path, case: Case) -> list[str]:
    return [attempt.status.value for attempt in attempts(out, case)]


def is_running(out: Path, case: Case) -> bool:
    """Whether it has its first record and goes on."""
    found = attempts(out, case)
    return bool(found) and found[-1].status is Status.RUNNING and bool(found[-1].records)


class Disturbance:
    """Does something to the tasks of the first array, as soon as all that wait in it do wait."""

    def __init__(self, slurm: Machine, out: Path, cases: list[Case]) -> None:
        self.slurm, self.out, self.cases = slurm, out, cases
        self.is_done = False

    def __call__(self, _event: Event) -> None:
        waiting = [case for case in self.cases if case.params["deed"] == "wait"]
        if self.is_done or not all(is_running(self.out, case) for case in waiting):
            return
        self.is_done = True
        (first,) = submissions(self.out)
        killed, cancelled, requeued, _ = waiting
        claim = read_claim(self.out / killed.folder, 1)
        assert claim is not None
        os.kill(claim.pid, signal.SIGKILL)
        self.slurm.ask("scancel", f"{first['job']}_{cancelled.seed}")
        self.slurm.ask("scontrol", "requeue", f"{first['job']}_{requeued.seed}")


def test_an_array_of_20_lives_through_all_that_can_happen_to_its_tasks(slurm: Machine, tmp_path: Path) -> None:
    deeds = ["wait"] * 4 + ["stall", "complain", "segfault", "kill"] + ["nothing"] * 12
    workload = Eventful(deeds=deeds)
    cases = list(workload.cases())
    disturb = Disturbance(slurm, tmp_path, cases)
    runs = dict(zip(deeds, run(workload, tmp_path, {"time": 1, "width": 8}, on_event=disturb), strict=False))
    assert disturb.is_done
    killed, cancelled, requeued, timed_out, stalled = cases[:5]
    assert statuses(tmp_path, killed) == ["DIED", "COMPLETED"]
    for case in (cancelled, requeued, timed_out):
        assert statuses(tmp_path, case) == ["INTERRUPTED", "COMPLETED"]
        assert len(attempts(tmp_path, case)[-1].records) == 1
    assert statuses(tmp_path, stalled) == ["INTERRUPTED", "TIMEOUT"]
    assert "of the 1 minutes of its task" in attempts(tmp_path, stalled)[-1].file.fail_trace
    assert {deed: found.file.fail_kind for deed, found in runs.items() if found.status is Status.FAILED} == {
        "complain": "error",
        "segfault": "crash",
        "kill": "killed",
    }
    assert [statuses(tmp_path, case) for case in cases[8:]] == [["COMPLETED"]] * 12
    assert "RuntimeError: the policy exploded" in runs["complain"].file.fail_trace
    first, *later = submissions(tmp_path)
    assert len(first["tasks"]) == 20
    again = [
        item["case"]["seed"]
        for one in later
        for item in json.loads((tmp_path / "jobs" / one["id"] / "plan-0.json").read_bytes())["items"]
    ]
    assert sorted(again) == [killed.seed, cancelled.seed, timed_out.seed]  # Slurm itself started the requeued again


def test_a_task_that_is_preempted_goes_on_when_slurm_starts_it_again(slurm: Machine, tmp_path: Path) -> None:
    workload = Eventful(deeds=["wait"])
    (case,) = workload.cases()
    preempted: list[Event] = []

    def preempt(event: Event) -> None:
        if not preempted and is_running(tmp_path, case):
            preempted.append(event)
            slurm.ask("sbatch", "--partition=urgent", "--exclusive", "--output=/dev/null", "--wrap=true")

    assert [found.status for found in run(workload, tmp_path, on_event=preempt)] == [Status.COMPLETED]
    assert statuses(tmp_path, case) == ["INTERRUPTED", "COMPLETED"]
    assert len(submissions(tmp_path)) == 1


def test_a_case_that_kills_its_workers_is_given_up_and_the_others_of_its_task_are_run(
    slurm: Machine, tmp_path: Path
) -> None:
    workload = Eventful(deeds=["nothing", "orphan", "nothing"])
    run(workload, tmp_path, {"pack": 3})
    assert [statuses(tmp_path, case) for case in workload.cases()] == [["COMPLETED"], ["DIED"] * 2, ["COMPLETED"]]


def test_cases_are_packed_into_tasks_and_so_many_tasks_run_at_once(slurm: Machine, tmp_path: Path) -> None:
    runs = run(Eventful(deeds=["nothing"] * 5), tmp_path, {"pack": 2, "width": 1})
    (one,) = submissions(tmp_path)
    assert one["tasks"] == [[0, 1], [2, 3], [4]]
    times = sorted((found.file.start_time, found.file.stop_time) for found in runs)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(times))
    logs = list((tmp_path / "jobs" / one["id"] / "logs").glob(f"{one['job']}_*.out"))
    assert sorted(log.read_text().count("COMPLETED") for log in logs) == [1, 2, 2]


def test_slurm_is_asked_seldom_and_not_for_each_task(
    slurm: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    ask = slurm_queue._run

    def note_and_ask(*command: str) -> str:
        asked.append(command[0])
        return ask(*command)

    monkeypatch.setattr(slurm_queue, "_run", note_and_ask)
    run(Eventful(deeds=["nothing"] * 6), tmp_path, {"poll": 3600})
    assert asked == ["scontrol", "scancel"]
    asked.clear()
    run(Eventful(deeds=["nothing"] * 7), tmp_path, {"poll": 3600})
    assert asked == ["scontrol", "squeue", "scancel"]  # whether the first submission is over
    asked.clear()
    run(Eventful(deeds=["nothing"] * 7), tmp_path, {"poll": 3600})
    assert asked == []


def test_a_driver_that_was_killed_loses_nothing_and_the_next_doubles_nothing(
    slurm: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, gate = tmp_path / "out", tmp_path / "gate"
    deeds = {"deeds": ["gate"] * 6, "gate": str(gate)}
    first = driver.start(out, {**CONFIG, "width": 2}, **deeds)
    driving.wait_for(lambda: sum(run.status is Status.RUNNING for run in Store(out).runs()) == 2)
    first.kill()
    first.wait()
    ask = slurm_queue.tasks

    def ask_and_open(*asked: Any) -> list[slurm_queue.Task]:
        tasks = ask(*asked)
        gate.touch()
        return tasks

    monkeypatch.setattr(slurm_queue, "tasks", ask_and_open)
    run(Eventful(**deeds), out)
    assert len(submissions(out)) == 1
    assert [statuses(out, case) for case in Eventful(**deeds).cases()] == [["COMPLETED"]] * 6


def test_two_drivers_at_once_run_each_case_once(slurm: Machine, tmp_path: Path) -> None:
    out, gate = tmp_path / "out", tmp_path / "gate"
    deeds = {"deeds": ["gate"] * 6, "gate": str(gate)}
    other = driver.start(out, {**CONFIG, "width": 1}, **deeds)
    driving.wait_for(lambda: any(run.status is Status.RUNNING for run in Store(out).runs()))

    def open_gate(_event: Event) -> None:
        gate.touch()

    more = Eventful(deeds=["gate"] * 6 + ["nothing"], gate=str(gate))
    run(more, out, {"pack": 2}, on_event=open_gate)
    assert other.wait(60) == 0
    assert [statuses(out, case) for case in more.cases()] == [["COMPLETED"]] * 7


def test_what_is_not_waited_for_is_collected_by_the_same_command(slurm: Machine, tmp_path: Path) -> None:
    out, gate = tmp_path / "out", tmp_path / "gate"
    workload = Eventful(deeds=["gate"] * 3, gate=str(gate))
    for told in ("Submitted 3 cases: job ", "Nothing new to submit: job "):
        with pytest.raises(SubmittedError, match=told):
            execute(workload, Store(out), launcher=make({**CONFIG, "width": 1}, wait=False))
    gate.touch()
    assert [found.status for found in run(workload, out)] == [Status.COMPLETED] * 3
    assert len(submissions(out)) == 1
    more = Eventful(deeds=["gate"] * 4, gate=str(gate))
    with pytest.raises(SubmittedError, match="Submitted 1 case: job "):
        execute(more, Store(out), launcher=make(CONFIG, wait=False))


def test_ctrl_c_cancels_the_array_and_leaves_all_free_to_run_again(slurm: Machine, tmp_path: Path) -> None:
    workload = Eventful(deeds=["nothing", "wait", "wait", "wait"])
    cases = list(workload.cases())

    def interrupt(_event: Event) -> None:
        if all(is_running(tmp_path, case) for case in cases[1:3]):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(workload, tmp_path, {"width": 2}, on_event=interrupt)
    assert [statuses(tmp_path, case) for case in cases[1:]] == [["INTERRUPTED"], ["INTERRUPTED"], []]
    (one,) = submissions(tmp_path)
    driving.wait_for(lambda: not any(task.startswith(f"{one['job']}_") for task in slurm.states()))
    fewer = Eventful(deeds=["nothing", "wait", "wait"])
    assert [found.status for found in run(fewer, tmp_path)] == [Status.COMPLETED] * 3


def test_ctrl_c_leaves_what_another_command_submitted(slurm: Machine, tmp_path: Path) -> None:
    out, gate = tmp_path / "out", tmp_path / "gate"
    workload = Eventful(deeds=["gate"] * 2, gate=str(gate))
    with pytest.raises(SubmittedError):
        execute(workload, Store(out), launcher=make({**CONFIG, "width": 1}, wait=False))
    driving.wait_for(lambda: any(run.status is Status.RUNNING for run in Store(out).runs()))
    told: list[str] = []

    def interrupt(*_arguments: object) -> bool:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rlgauge.launch.slurm_watch.Watch.is_over", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run(workload, out, tell=told.append)
    (one,) = submissions(out)
    assert told == [
        f"Slurm's job {one['job']} was submitted before, with 1 case of these.",
        f"Slurm's job {one['job']} goes on, as another command submitted it: `scancel {one['job']}` ends it.",
    ]
    gate.touch()
    assert [found.status for found in run(workload, out)] == [Status.COMPLETED] * 2
    assert len(submissions(out)) == 1


def test_a_job_that_waits_for_ever_is_told_with_the_way_to_submit_it_otherwise(slurm: Machine, tmp_path: Path) -> None:
    told: list[str] = []
    workload = Eventful(deeds=["nothing"] * 2)
    with pytest.raises(SubmittedError):
        execute(workload, Store(tmp_path), launcher=make({**CONFIG, "partition": "short"}, wait=False))
    (one,) = submissions(tmp_path)
    job = one["job"]
    driving.wait_for(lambda: "PartitionTimeLimit" in slurm.ask("squeue", "-h", "-j", job, "-o", "%r"))
    with pytest.raises(SubmittedError, match=f"Nothing new to submit: job {job} of Slurm"):
        execute(workload, Store(tmp_path), launcher=make(CONFIG, wait=False, tell=told.append))
    assert told == [
        f"Tasks of Slurm's job {job} wait, and Slurm says why: PartitionTimeLimit.",
        f"Slurm's job {job} was submitted before, with 2 cases of these.",
        f"`scancel {job}` and give the command again to submit them with other settings.",
    ]
    slurm.ask("scancel", job)
    assert [found.status for found in run(workload, tmp_path)] == [Status.COMPLETED] * 2


def test_more_episodes_extend_what_slurm_measured_and_equal_what_is_measured_here(
    slurm: Machine, tmp_path: Path
) -> None:
    for episodes in (7, 10):
        runs = execute(
            toys.PolicyOnTasks(episodes=episodes), Store(tmp_path / "out"), launcher=Slurm({**CONFIG, "pack": 2})
        )
    expected = driving.run(toys.PolicyOnTasks(episodes=10), tmp_path / "here", workers=None)
    assert driving.summary(runs) == driving.summary(expected)


def test_a_mistake_in_the_command_is_told_once_and_not_tried_for_ever(slurm: Machine, tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(UserError, match=r"^There is no policy\.zip\.$"):
            run(odd_toys.Mistaken(), tmp_path)


def test_what_tasks_print_that_begin_nothing_is_told(slurm: Machine, tmp_path: Path) -> None:
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\necho 'no such interpreter' >&2\nexit 3\n")
    script.chmod(0o755)
    with pytest.raises(UserError, match=r"ended before they began a case: no such interpreter\. What they printed is"):
        run(odd_toys.Odd(), tmp_path / "out", {"python": str(script)})


@pytest.mark.parametrize("given", [None, "7"])
def test_the_setup_runs_before_the_worker_and_threads_are_as_many_as_processors_unless_given(
    slurm: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str | None
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if given is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", given)
    run(odd_toys.Odd(), tmp_path / "out", {"setup": f"echo $OMP_NUM_THREADS > {tmp_path}/threads", "cpus": 3})
    assert (tmp_path / "threads").read_text() == f"{given or 3}\n"


def test_a_partition_that_does_not_exist_is_named_with_the_nearest(slurm: Machine, tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"Unknown partition 'maim'\. Did you mean 'main'\? Known: main, short, urgent\."
    ):
        run(odd_toys.Odd(), tmp_path, {"partition": "maim"})


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"gpus": 2}, "Invalid generic resource (gres) specification"),
        ({"memory": "9T"}, "Memory specification can not be satisfied; Requested node configuration is not available"),
    ],
)
def test_what_slurm_refuses_is_told_in_its_words_and_leaves_nothing_behind(
    slurm: Machine, tmp_path: Path, capfd: pytest.CaptureFixture[str], config: dict[str, Any], words: str
) -> None:
    with pytest.raises(UserError, match=re.escape(f"Slurm did not take the job: {words}. Change")):
        run(odd_toys.Odd(), tmp_path, config)
    assert capfd.readouterr().err == ""
    assert list((tmp_path / "jobs").iterdir()) == []


def test_a_job_of_which_nobody_knows_whether_slurm_took_it_is_cancelled(
    slurm: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "bin" / "sbatch"
    tool.parent.mkdir()
    late = "echo 'sbatch: error: Batch job submission failed: Socket timed out on send/recv operation' >&2; exit 1"
    tool.write_text(f'#!/bin/sh\n{shutil.which("sbatch")} "$@" > {tmp_path}/taken\n{late}\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tool.parent), prepend=os.pathsep)
    with pytest.raises(UserError, match=r"can't be reached \(Socket timed out on send/recv operation\)"):
        run(Eventful(deeds=["wait"]), tmp_path / "out")
    job = (tmp_path / "taken").read_text().split()[-1]
    driving.wait_for(lambda: f"{job}_0" not in slurm.states())


def test_every_setting_reaches_slurm(slurm: Machine, tmp_path: Path) -> None:
    asked = {"time": 7, "partition": "main", "account": "a1", "qos": "q1", "memory": "500M", "cpus": 2, "width": 3}
    run(odd_toys.Odd(num_cases=4), tmp_path, asked)
    (one,) = submissions(tmp_path)
    (script,) = (tmp_path / "jobs" / one["id"] / "logs").glob("*_submission.sh")
    options = {line.removeprefix("#SBATCH --") for line in script.read_text().splitlines() if "#SBATCH" in line}
    assert options >= {
        "time=7",
        "partition=main",
        "account=a1",
        "qos=q1",
        "mem=500M",
        "cpus-per-task=2",
        "array=0-3%3",
        "requeue",
        "signal=B:TERM@30",
    }


def test_more_tasks_than_an_array_may_have_are_refused_with_the_pack_that_fits(slurm: Machine, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"203 cases, 2 to a task, are more than the 101 tasks .* give pack=3 or more"):
        run(odd_toys.Odd(num_cases=203), tmp_path, {"pack": 2})


def test_why_a_job_can_never_start_is_said_once(
    slurm: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    asked: list[float] = []
    ask = slurm_queue.tasks

    def ask_thrice(*arguments: Any) -> list[slurm_queue.Task]:
        asked.append(0.0)
        if len(asked) > 3:
            raise KeyboardInterrupt
        return ask(*arguments)

    monkeypatch.setattr(slurm_queue, "tasks", ask_thrice)
    with pytest.raises(KeyboardInterrupt):
        run(odd_toys.Odd(), tmp_path, {"partition": "short"}, tell=told.append)
    (one,) = submissions(tmp_path)
    assert told == [
        f"Slurm's job {one['job']} has 2 cases in an array of 2.",
        f"Tasks of Slurm's job {one['job']} wait, and Slurm says why: PartitionTimeLimit.",
    ]
    assert not slurm.states()


def test_a_controller_that_cannot_be_reached_is_told(
    slurm: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "slurm.conf"
    text = slurm.configuration.read_text()
    port = next(line for line in text.splitlines() if line.startswith("SlurmctldPort"))
    elsewhere.write_text(text.replace(port, f"SlurmctldPort={free_port()}"))
    monkeypatch.setenv("SLURM_CONF", str(elsewhere))
    with pytest.raises(UserError, match=r"Slurm's controller can't be reached \(.*connect failure.*\)"):
        run(odd_toys.Odd(), tmp_path / "out")
    assert not (tmp_path / "out" / "jobs").exists()


def test_a_controller_that_is_gone_for_a_while_ends_nothing(
    slurm: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, told = tmp_path / "gate", []
    ask = slurm_queue.tasks
    answers = iter([ask])

    def ask_once(*arguments: Any) -> list[slurm_queue.Task]:
        for answer in answers:
            return answer(*arguments)
        gate.touch()
        raise slurm_queue.SlurmError("Slurm's controller can't be reached.")

    monkeypatch.setattr(slurm_queue, "tasks", ask_once)
    workload = Eventful(deeds=["gate"], gate=str(gate))
    assert [found.status for found in run(workload, tmp_path / "out", tell=told.append)] == [Status.COMPLETED]
    assert told[1:] == ["Slurm's controller can't be reached. The folders are followed meanwhile."]


def test_a_damaged_submission_is_named(slurm: Machine, tmp_path: Path) -> None:
    folder = tmp_path / "jobs" / "a1"
    folder.mkdir(parents=True)
    (folder / "submission.json").write_text("{")
    with pytest.raises(StoreError, match=r"submission\.json is damaged .* delete its folder"):
        run(odd_toys.Odd(), tmp_path)


def test_a_folder_whose_name_slurm_would_read_as_a_pattern_is_refused(slurm: Machine, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="a % in its name has a meaning there"):
        run(odd_toys.Odd(), tmp_path / "100%j")


def test_live_objects_are_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="runs in this process only: leave out `--launcher`"):
        run(odd_toys.Odd(), tmp_path, described=False)


def test_where_there_is_no_slurm_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="There is no `sbatch` here"):
        run(odd_toys.Odd(), tmp_path)


def test_without_submitit_what_to_install_is_said(
    slurm: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(UserError, match=r"needs submitit: python -m pip install 'rlgauge\[slurm\]'"):
        run(odd_toys.Odd(), tmp_path)
    assert list((tmp_path / "jobs").iterdir()) == []


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        (
            {"time": 5, "partion": "main"},
            r"Unknown setting of the launcher slurm 'partion'\. Did you mean 'partition'\?",
        ),
        ({}, "must know how many minutes a task may take: give time=60"),
        ({"time": "1:00:00"}, "time=1:00:00: give a whole number of minutes, such as time=90"),
        ({"time": 0}, "time=0: give a whole number"),
        ({"time": True}, "time=True: give a whole number"),
        ({"time": 10**7}, "more than a year"),
        ({"time": 5, "width": 0}, "width=0: give a whole number, 1 or more"),
        ({"time": 5, "pack": "two"}, "pack=two: give a whole number, 1 or more"),
        ({"time": 5, "gpus": -1}, "gpus=-1: give a whole number, 0 or more"),
        ({"time": 5, "memory": 4}, "memory=4: give a whole number with its unit, such as 4G or 500M"),
        ({"time": 5, "poll": 0}, "poll=0: give the seconds between two calls of squeue, 1 to 3600"),
        ({"time": 5, "poll": "often"}, "poll=often: give the seconds"),
        ({"time": 5, "setup": 3}, "setup=3: give lines of shell"),
        ({"time": 5, "partition": ""}, "partition='': give a name"),
        ({"time": 5, "account": "a\nb"}, "account='a.nb': give a name"),
    ],
)
def test_settings_that_cannot_be_are_refused_in_a_sentence(config: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        Slurm(config)


def test_settings_may_come_as_texts_as_a_command_line_has_them() -> None:
    given = {"time": "30", "cpus": "2", "pack": "8", "memory": "4g", "poll": "5", "setup": "module load a\nset -e"}
    settings = Slurm(given).settings
    assert (settings.time, settings.cpus, settings.pack, settings.memory, settings.poll) == (30, 2, 8, "4G", 5.0)
    assert settings.setup == ("module load a", "set -e")


def test_a_task_that_is_started_again_waits_until_its_old_claims_are_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = next(iter(odd_toys.Odd().cases()))
    store = Store(tmp_path)
    plan = Plan(root=str(tmp_path), workload=None, items=[Item(case=case)])
    attempt = store.claim(case, plan.items[0].need, plan.config(plan.items[0]), plan.start())
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            shutil.rmtree(attempt.folder)
            attempt.release(attempt.folder)

    monkeypatch.setattr(slurm_restart.time, "sleep", sleep)
    (tmp_path / "plan.json").write_bytes(msgspec.json.encode(plan))
    assert slurm_restart.main([str(tmp_path / "plan.json"), "--items", "0"]) == 0
    assert len(slept) == 3
