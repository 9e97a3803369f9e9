"""What goes wrong in one run touches no other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rlgauge.core import platform
from rlgauge.core.errors import UserError
from rlgauge.core.execute import Limits
from rlgauge.core.run import Run, Status
from rlgauge.core.store import Store
from tests import driving, odd_toys, toys

WORDY = """
import sys
from pathlib import Path
from tests import driving, odd_toys
driving.run(odd_toys.Wordy(), Path(sys.argv[1]))
"""


def by_fault(runs: dict) -> dict[str, Run]:
    return {run.case.params["fault"]: run for run in runs.values()}


@pytest.mark.parametrize("process", ["shared", "fresh"])
def test_a_crash_of_one_run_touches_no_other(process: str, tmp_path: Path) -> None:
    faults = ["nothing", "complain", "nothing", "segfault", "leave", "kill", "nothing"]
    runs = list(driving.run(toys.Faulty(faults=faults, process=process), tmp_path, workers=1).values())
    assert [run.status for run in runs] == [
        Status.COMPLETED,
        Status.FAILED,
        Status.COMPLETED,
        Status.FAILED,
        Status.FAILED,
        Status.FAILED,
        Status.COMPLETED,
    ]
    assert "the policy exploded" in runs[1].file.fail_trace
    assert "before the fall" in (runs[1].folder / "cout.txt").read_text()
    assert "SIGSEGV" in runs[3].file.fail_trace
    assert "Segmentation fault" in (runs[3].folder / "cout.txt").read_text()
    assert "SIGKILL" in runs[5].file.fail_trace
    assert [len(run.records) for run in runs] == [2, 1, 2, 1, 1, 1, 2]


def test_a_time_limit_ends_a_run_and_its_records_stay(tmp_path: Path) -> None:
    runs = by_fault(driving.run(toys.Faulty(faults=["sleep", "nothing"]), tmp_path, limits=Limits(seconds=1.5)))
    assert runs["sleep"].status is Status.TIMEOUT
    assert len(runs["sleep"].records) == 1
    assert runs["nothing"].status is Status.COMPLETED


def test_a_memory_limit_ends_a_run(tmp_path: Path) -> None:
    limits = Limits(resident_bytes=400 << 20)
    runs = by_fault(driving.run(toys.Faulty(faults=["eat", "nothing"]), tmp_path, limits=limits))
    assert runs["eat"].status is Status.FAILED
    assert runs["eat"].file.fail_kind == "memory"
    assert "its limit is 400 MiB" in runs["eat"].file.fail_trace
    assert runs["nothing"].status is Status.COMPLETED


def test_a_measurement_that_hangs_with_the_gil_held_costs_one_index(tmp_path: Path) -> None:
    runs = by_fault(driving.run(toys.Faulty(faults=["hang", "linger"], hang_seconds=0.5), tmp_path))
    records = runs["hang"].records
    assert runs["hang"].status is Status.COMPLETED
    assert [record.index for record in records] == [0, 1, 2]
    assert records[1].error.startswith("timeout")
    assert runs["hang"].file.num_errors == 1
    # What stands still when its work is done costs no index: what was measured there stays.
    assert (runs["linger"].status, runs["linger"].file.fail_kind) == (Status.TIMEOUT, "hang")
    assert [record.error for record in runs["linger"].records] == [None, None]


def test_ends_that_are_hard_to_notice_are_noticed(tmp_path: Path) -> None:
    runs = by_fault(driving.run(toys.Faulty(faults=["rare_signal", "desert", "nothing"]), tmp_path))
    assert f"signal {signal.SIGRTMIN + 3}" in runs["rare_signal"].file.fail_trace
    assert "SIGSEGV" in runs["desert"].file.fail_trace
    assert runs["nothing"].status is Status.COMPLETED


def test_descendants_in_sessions_of_their_own_are_killed(tmp_path: Path) -> None:
    runs = by_fault(driving.run(toys.Faulty(faults=["breed"], process="fresh"), tmp_path))
    pid = runs["breed"].records[1].values["pid"]
    assert platform.process_start(pid) is None


def test_a_users_mistake_ends_everything_with_its_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^You held it wrong\.$"):
        driving.run(toys.Faulty(faults=["mistake", "sleep"]), tmp_path)


def test_failed_runs_are_run_again_only_when_asked(tmp_path: Path) -> None:
    workload = toys.Faulty(faults=["complain", "error", "nothing"])
    driving.run(workload, tmp_path, workers=None)
    events = []
    driving.run(workload, tmp_path, on_event=events.append)
    assert events == []
    driving.run(workload, tmp_path, rerun_failed=True, on_event=events.append)
    ends = [event for event in events if event.status is not None]
    assert len(ends) == 2


def test_all_processes_end_when_the_driver_is_killed(tmp_path: Path) -> None:
    driver = driving.start_driver("Faulty", tmp_path, faults=["sleep", "sleep"])
    driving.wait_for(
        lambda: len(list(tmp_path.glob("*/*/*/records.jsonl"))) == 2 and len(platform.descendants(driver.pid)) >= 4
    )
    processes = {pid: platform.process_start(pid) for pid in platform.descendants(driver.pid)}
    driver.kill()
    driver.wait()
    driving.wait_for(lambda: all(platform.process_start(pid) != start for pid, start in processes.items()))
    assert {run.status for run in Store(tmp_path).runs()} <= {Status.INTERRUPTED, Status.DIED}


def test_a_killed_worker_reads_died_until_it_is_run_again(tmp_path: Path) -> None:
    driver = driving.start_driver("Faulty", tmp_path, faults=["sleep"], workers=1)
    driving.wait_for(lambda: list(tmp_path.glob("*/*/*/records.jsonl")) and _running(tmp_path))
    driver.send_signal(signal.SIGSTOP)
    worker = next(pid for pid in platform.descendants(driver.pid) if b"rlgauge.worker\0" in _command(pid))
    os.kill(worker, signal.SIGKILL)
    driving.wait_for(lambda: [run.status for run in Store(tmp_path).runs()] == [Status.DIED])
    driver.kill()
    driver.wait()


def test_ctrl_c_ends_the_children_and_keeps_what_was_measured(tmp_path: Path) -> None:
    driver = driving.start_driver("Faulty", tmp_path, faults=["sleep", "sleep"])
    driving.wait_for(lambda: sum(path.stat().st_size > 0 for path in tmp_path.glob("*/*/*/records.jsonl")) == 2)
    driver.send_signal(signal.SIGINT)
    driver.wait(20)
    runs = list(Store(tmp_path).runs())
    assert [run.status for run in runs] == [Status.INTERRUPTED] * 2
    assert [len(run.records) for run in runs] == [1, 1]


def test_two_drivers_share_the_work(tmp_path: Path) -> None:
    drivers = [driving.start_driver("PolicyOnTasks", tmp_path, episodes=40, seconds=0.02) for _ in range(2)]
    assert [driver.wait(60) for driver in drivers] == [0, 0]
    runs = list(Store(tmp_path).runs())
    assert len(runs) == 16
    assert all(len(Store(tmp_path).attempts(run.folder.parent)) == 1 for run in runs)


def test_a_full_disk_is_said_plainly_and_the_rest_is_resumed(tmp_path: Path) -> None:
    """The limit on file sizes stands for the disk: the write of a record fails, part of it written."""
    ended = _with_small_files("30", tmp_path)
    assert ended.returncode != 0
    assert f"Can't write {tmp_path}" in ended.stderr
    assert "File too large. What was measured before stays; raise the limit on file sizes" in ended.stderr
    before = [len(run.records) for run in Store(tmp_path).runs()]
    assert max(before) > 20
    whole = driving.run(odd_toys.Wordy(), tmp_path).values()
    assert [(run.status, len(run.records)) for run in whole] == [(Status.COMPLETED, 60)] * 2
    said = "".join(path.read_text() for path in tmp_path.glob("*/*/2-*/cout.txt"))
    assert f"with {max(before)} of its records. 1 torn or damaged lines of its records.jsonl were dropped." in said


def test_a_disk_that_is_full_from_the_start_is_said_plainly(tmp_path: Path) -> None:
    ended = _with_small_files("0", tmp_path)
    assert ended.returncode != 0
    assert "Can't write" in ended.stderr


def _with_small_files(kibibytes: str, out: Path) -> subprocess.CompletedProcess[str]:
    command = ["bash", "-c", f'ulimit -f {kibibytes}; exec "$0" -c "$1" "$2"', sys.executable, WORDY, str(out)]
    return subprocess.run(command, cwd=driving.ROOT, capture_output=True, text=True, timeout=60, check=False)


def _running(out: Path) -> bool:
    return [run.status for run in Store(out).runs()] == [Status.RUNNING]


def _command(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()
