"""Cases in forks of one process: they share what it has loaded, and nothing that happens to one of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rlgauge.core import platform
from rlgauge.core.errors import UserError
from rlgauge.core.execute import Event, Item, Limits, Plan
from rlgauge.core.run import Run, Status
from rlgauge.core.store import Store
from rlgauge.worker import forks
from rlgauge.worker.supervise import Supervisor
from tests import driving
from tests.toys import Faulty
from tests.worker.forking import Forked, Holding, Opening

pytestmark = pytest.mark.skipif(not forks.ARE_POSSIBLE, reason="forked means fresh here")

ELSEWHERE = """
import sys
from rlgauge.core.execute import Item, Plan
from rlgauge.core.store import Store
from rlgauge.worker import forks
from rlgauge.worker.supervise import Supervisor
from tests.worker.forking import Forked

forks.ARE_POSSIBLE = False
made = Forked(faults=["nothing", "nothing"])
items = [Item(case=case) for case in made.cases()]
plan = Plan(root=sys.argv[1], workload=made.describe(), items=items, process=made.process, import_paths=["."])
Store(sys.argv[1]).make()
with Supervisor(plan, report=lambda event: None, lifeline=None) as supervisor:
    supervisor.run()
"""


def run_one_worker(tmp_path: Path, *faults: str, **options: object) -> list[Run]:
    hang_seconds = options.pop("hang_seconds", None)
    workload = Forked(faults=list(faults), hang_seconds=hang_seconds)
    return list(driving.run(workload, tmp_path / "out", workers=1, **options).values())


def said(run: Run, name: str) -> object:
    """What the first record of a run says of its processes."""
    return run.records[0].values[name]


def test_forked_runs_are_synced_once_at_the_end_and_others_one_by_one(tmp_path, monkeypatch):
    synced: list[object] = []
    monkeypatch.setattr(platform, "sync_files", synced.append)
    monkeypatch.setattr(os, "fsync", synced.append)
    counts = []
    for number, workload in enumerate((Forked(faults=["nothing"] * 3), Faulty(faults=["nothing"] * 3))):
        store = Store(tmp_path / str(number))
        store.make()
        items = [Item(case=case) for case in workload.cases()]
        plan = Plan(
            root=str(store.root),
            workload=workload.describe(),
            items=items,
            process=workload.process,
            import_paths=[str(Path.cwd())],
        )
        synced.clear()
        with Supervisor(plan, report=lambda event: None, lifeline=None) as supervisor:
            supervisor.run()
        assert [run.status for run in store.runs()] == [Status.COMPLETED] * 3
        counts.append((synced.count(store.root), len(synced)))
    assert counts == [(1, 1), (0, 3)]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("segfault", "signal SIGSEGV"),
        ("kill", "signal SIGKILL"),
        ("quit_at_once", "exit code 3"),
        ("kill_its_group", "signal SIGKILL"),
        ("tear", "signal SIGKILL"),
        ("leave", "SystemExit: 3"),
        ("complain", "the policy exploded"),
        ("interrupt", "exit code 1"),
        ("rare_signal", f"signal {signal.SIGRTMIN + 3}"),
        ("desert", "signal SIGSEGV"),
    ],
)
def test_a_fault_ends_its_own_case_and_the_process_forks_on(fault: str, message: str, tmp_path: Path) -> None:
    before, faulty, after = run_one_worker(tmp_path, "nothing", fault, "nothing")
    assert [before.status, faulty.status, after.status] == [Status.COMPLETED, Status.FAILED, Status.COMPLETED]
    assert message in faulty.file.fail_trace
    assert len(faulty.records) == 1
    assert said(before, "parent") == said(faulty, "parent") == said(after, "parent")


def test_what_a_fork_printed_as_it_crashed_is_in_its_own_folder(tmp_path: Path) -> None:
    crashed, interrupted, _ = run_one_worker(tmp_path, "segfault", "interrupt", "nothing")
    assert "Segmentation fault" in (crashed.folder / "cout.txt").read_text()
    assert "KeyboardInterrupt" in (interrupted.folder / "cout.txt").read_text()
    assert "Segmentation fault" not in (interrupted.folder / "cout.txt").read_text()


def test_forks_share_what_one_process_has_imported(tmp_path: Path) -> None:
    runs = run_one_worker(tmp_path, *["nothing"] * 4)
    assert len({said(run, "pid") for run in runs}) == 4
    assert len({said(run, "parent") for run in runs}) == 1
    assert all(said(run, "imported by") == said(run, "parent") for run in runs)


def test_a_fork_that_hangs_costs_one_index(tmp_path: Path) -> None:
    hung, lingering, after = run_one_worker(tmp_path, "hang", "linger", "nothing", hang_seconds=0.5)
    assert hung.status is Status.COMPLETED
    assert [record.index for record in hung.records] == [0, 1, 2]
    assert hung.records[1].error.startswith("timeout")
    assert (lingering.status, lingering.file.fail_kind) == (Status.TIMEOUT, "hang")
    assert after.status is Status.COMPLETED


def test_a_time_limit_ends_one_fork(tmp_path: Path) -> None:
    asleep, after = run_one_worker(tmp_path, "sleep", "nothing", limits=Limits(seconds=1.5))
    assert (asleep.status, after.status) == (Status.TIMEOUT, Status.COMPLETED)
    assert len(asleep.records) == 1


def test_a_memory_limit_ends_one_fork(tmp_path: Path) -> None:
    limits = Limits(resident_bytes=400 << 20)
    before, greedy, after = run_one_worker(tmp_path, "nothing", "eat", "nothing", limits=limits)
    assert [before.status, after.status] == [Status.COMPLETED] * 2
    assert (greedy.status, greedy.file.fail_kind) == (Status.FAILED, "memory")
    assert "its limit is 400 MiB" in greedy.file.fail_trace


def test_a_fork_answers_for_its_own_memory_alone(tmp_path: Path) -> None:
    """The fork has the 200 MiB of the session, and so has the process that forked it."""
    runs = driving.run(Holding(num_cases=1), tmp_path, workers=1, limits=Limits(resident_bytes=360 << 20)).values()
    assert [run.status for run in runs] == [Status.COMPLETED]


def test_what_a_fork_leaves_running_is_killed_before_the_next(tmp_path: Path) -> None:
    living: list[object] = []

    def look(event: Event) -> None:
        if event.status is not None and not living:
            run = next(Store(tmp_path / "out").runs())
            living.append(platform.process_start(run.records[1].values["pid"]))

    breeding, after = run_one_worker(tmp_path, "breed", "nothing", on_event=look)
    assert living == [None]
    assert [breeding.status, after.status] == [Status.COMPLETED] * 2
    assert said(breeding, "parent") == said(after, "parent")


def test_a_fork_ends_when_the_process_that_forked_it_is_killed(tmp_path: Path) -> None:
    orphan, after = run_one_worker(tmp_path, "orphan_itself", "nothing")
    assert (orphan.status, after.status) == (Status.FAILED, Status.COMPLETED)
    assert "SIGKILL" in orphan.file.fail_trace
    assert platform.process_start(said(orphan, "pid")) is None
    assert said(orphan, "parent") != said(after, "parent")


def test_a_users_mistake_in_a_fork_ends_everything_with_its_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^You held it wrong\.$"):
        run_one_worker(tmp_path, "mistake", "sleep")


def test_the_session_is_opened_and_closed_once_by_one_process(tmp_path: Path) -> None:
    runs = list(driving.run(Opening(file=str(tmp_path / "notes"), num_cases=3), tmp_path / "out", workers=1).values())
    (opened, opener), (closed, closer) = (line.split() for line in (tmp_path / "notes").read_text().splitlines())
    assert (opened, closed) == ("opened", "closed")
    assert opener == closer
    assert [(run.folder / "cout.txt").read_text() for run in runs] == ["the session is open\n", "", ""]


@pytest.mark.parametrize(
    ("does", "sentence"),
    [("thread", "The open session has 2 threads"), ("process", "The open session has started another process")],
)
def test_a_session_that_may_not_be_forked_is_refused(does: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=sentence):
        driving.run(Opening(file=str(tmp_path / "notes"), does=does), tmp_path / "out", workers=1)


def test_a_session_that_crashes_fails_every_case_by_itself(tmp_path: Path) -> None:
    runs = driving.run(Opening(file=str(tmp_path / "notes"), does="crash"), tmp_path / "out", workers=1).values()
    assert all("SIGSEGV" in run.file.fail_trace for run in runs)


def test_many_cases_are_complete_and_each_was_tried_once(tmp_path: Path) -> None:
    runs = driving.run(Forked(faults=["nothing"] * 200), tmp_path).values()
    assert [(run.status, len(run.records)) for run in runs] == [(Status.COMPLETED, 2)] * 200
    assert {len(Store(tmp_path).attempts(run.folder.parent)) for run in runs} == {1}
    assert len({said(run, "parent") for run in runs}) <= 2


def test_all_forks_end_when_the_driver_is_killed(tmp_path: Path) -> None:
    driver = start_driver(tmp_path)
    processes = {pid: platform.process_start(pid) for pid in platform.descendants(driver.pid)}
    driver.kill()
    driver.wait()
    driving.wait_for(lambda: all(platform.process_start(pid) != start for pid, start in processes.items()))
    assert {run.status for run in Store(tmp_path).runs()} <= {Status.INTERRUPTED, Status.DIED}


def test_ctrl_c_ends_the_forks_and_keeps_what_was_measured(tmp_path: Path) -> None:
    driver = start_driver(tmp_path)
    driver.send_signal(signal.SIGINT)
    driver.wait(20)
    runs = list(Store(tmp_path).runs())
    assert [run.status for run in runs] == [Status.INTERRUPTED] * 2
    assert all(platform.process_start(said(run, "pid")) is None for run in runs)


def test_where_nothing_can_be_forked_every_case_has_a_process_of_its_own(tmp_path: Path) -> None:
    command = [sys.executable, "-c", ELSEWHERE, str(tmp_path)]
    subprocess.run(command, cwd=driving.ROOT, check=True, timeout=60)
    runs = list(Store(tmp_path).runs())
    assert [run.status for run in runs] == [Status.COMPLETED] * 2
    assert all(said(run, "imported by") == said(run, "pid") for run in runs)


def start_driver(out: Path) -> subprocess.Popen[bytes]:
    """A driver in a process of its own, whose two workers each have a fork asleep."""
    code = (
        "import sys; from pathlib import Path; from tests import driving; from tests.worker.forking import Forked;"
        "driving.run(Forked(faults=['sleep', 'sleep']), Path(sys.argv[1]))"
    )
    driver = subprocess.Popen([sys.executable, "-c", code, str(out)], cwd=driving.ROOT, start_new_session=True)
    driving.wait_for(lambda: sum(path.stat().st_size > 0 for path in out.glob("*/*/*/records.jsonl")) == 2)
    return driver
