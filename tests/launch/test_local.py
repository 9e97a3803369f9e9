"""Workers on this machine: sessions are opened and closed, and whatever happens to one worker, the rest goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rlgauge.core import execute, platform
from rlgauge.core.errors import UserError
from rlgauge.core.run import Status
from rlgauge.core.store import Store
from rlgauge.launch import local
from rlgauge.launch.local import Local
from tests import driving, odd_toys, toys


def workers_of(pid: int) -> list[int]:
    return [child for child in platform.descendants(pid) if b"rlgauge.worker\0" in command(child)]


def command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


@pytest.mark.parametrize(("process", "num_sessions"), [("shared", 1), ("fresh", 2)])
def test_a_session_is_closed_before_its_process_ends(process: str, num_sessions: int, tmp_path: Path) -> None:
    file = tmp_path / "closed"
    driving.run(odd_toys.Closing(process=process, file=str(file)), tmp_path / "out", workers=1)
    assert file.read_text() == "closed\n" * num_sessions


@pytest.mark.parametrize("name", ["a b", "größe-☃'\""])
def test_workers_find_their_plan_in_a_folder_of_any_name(name: str, tmp_path: Path) -> None:
    runs = driving.run(odd_toys.Odd(), tmp_path / name).values()
    assert [run.status for run in runs] == [Status.COMPLETED] * 2


def test_a_result_that_no_file_can_hold_fails_its_run_and_no_process(tmp_path: Path) -> None:
    runs = driving.run(odd_toys.Reporting(result="object"), tmp_path, workers=1).values()
    assert [run.file.fail_kind for run in runs] == ["error"] * 2


def test_live_objects_are_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="runs in this process only"):
        driving.run(odd_toys.Odd(), tmp_path, described=False)


def test_fewer_than_one_worker_is_refused() -> None:
    with pytest.raises(UserError, match="workers=0: at least one worker is needed"):
        Local(0)


def test_what_workers_print_when_they_fail_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\necho 'no such interpreter' >&2\nexit 3\n")
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))
    with pytest.raises(UserError, match=r"A worker ended with exit code 3: no such interpreter"):
        driving.run(odd_toys.Odd(), tmp_path / "out")


def test_workers_that_are_killed_as_they_start_are_not_started_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\nkill -9 $$\n")
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))
    with pytest.raises(UserError, match="No run could be begun"):
        driving.run(odd_toys.Odd(), tmp_path / "out")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_the_work_of_a_worker_that_a_signal_ended_is_taken_up(tmp_path: Path, number: int) -> None:
    killed: list[int] = []

    def kill_one(event: execute.Event) -> None:
        if event.status is not None and not killed:
            killed.append(workers_of(os.getpid())[0])
            os.kill(killed[0], number)

    workload = toys.PolicyOnTasks(episodes=20, seconds=0.01)
    runs = driving.run(workload, tmp_path / "out", on_event=kill_one)
    assert killed
    expected = driving.run(toys.PolicyOnTasks(episodes=20), tmp_path / "whole", workers=None)
    assert driving.summary(runs) == driving.summary(expected)


def test_a_stopped_worker_keeps_its_case_and_ends_with_the_driver(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "STOP_SECONDS", 0.2)
    store = Store(tmp_path)

    def stop_the_worker(event: execute.Event) -> None:
        if event.status is Status.COMPLETED:
            driving.wait_for(lambda: store.is_busy(asleep))
            (worker,) = workers_of(os.getpid())
            members.extend(platform.descendants(worker))
            os.kill(worker, signal.SIGSTOP)
            assert store.is_busy(asleep)
            raise KeyboardInterrupt

    members: list[int] = []
    workload = toys.Faulty(faults=["nothing", "sleep"])
    asleep = list(workload.cases())[1]
    with pytest.raises(KeyboardInterrupt):
        driving.run(workload, tmp_path, workers=1, on_event=stop_the_worker)
    assert members
    driving.wait_for(lambda: all(platform.process_start(member) is None for member in members))
    assert store.find(asleep).status is Status.DIED
    assert not store.is_busy(asleep)


def test_two_workers_that_try_the_failed_again_try_each_once(tmp_path: Path) -> None:
    workload = toys.Faulty(faults=["complain"] * 6)
    driving.run(workload, tmp_path, workers=None)
    driving.run(workload, tmp_path, rerun_failed=True)
    folders = [tmp_path / case.folder for case in workload.cases()]
    assert [len(Store(tmp_path).attempts(folder)) for folder in folders] == [2] * 6


def test_the_plan_of_a_driver_that_died_is_not_shown_and_removed_by_the_next(tmp_path: Path) -> None:
    driver = driving.start_driver("Faulty", tmp_path, faults=["sleep"])
    driving.wait_for(lambda: [plan.items for plan in execute.plans(Store(tmp_path))])
    driver.kill()
    driver.wait()
    assert not list(execute.plans(Store(tmp_path)))
    assert list((tmp_path / "plans").iterdir())
    driving.run(toys.Throughput(), tmp_path)
    assert not list((tmp_path / "plans").iterdir())


def test_a_file_in_the_current_folder_does_not_shadow_the_standard_library_in_workers(tmp_path: Path) -> None:
    (tmp_path / "random.py").write_text("raise RuntimeError('not the standard library')")
    (tmp_path / "mine.py").write_text("from tests.toys import PolicyOnTasks as Mine")
    code = (
        "import site, sys; site.addsitedir(sys.argv[1]); from pathlib import Path;"
        "from tests import driving; import mine;"
        "mine.Mine.__module__ = 'mine'; mine.Mine.__name__ = 'Mine';"
        "runs = driving.run(mine.Mine(episodes=2), Path(sys.argv[1]) / 'out');"
        "print({run.status for run in runs.values()})"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    ended = subprocess.run(command, cwd=driving.ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert ended.stdout.strip() == "{<Status.COMPLETED: 'COMPLETED'>}"
