"""Tasks of a real Ray on this machine: whatever ends them, each run has a status and nothing is left behind."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rlgauge.core import platform
from rlgauge.core.case import Case
from rlgauge.core.claim import read_claim
from rlgauge.core.errors import UserError
from rlgauge.core.execute import Event, Item, Limits, Plan, execute
from rlgauge.core.run import Run, Status
from rlgauge.core.store import Store
from rlgauge.launch import ray as launcher_module
from rlgauge.launch.ray import make
from rlgauge.launch.ray_settings import read_settings
from tests import driving, odd_toys
from tests.launch import ray_cluster
from tests.launch.ray_toys import Hit

pytestmark = pytest.mark.xdist_group("ray")

DRIVER = """
import json, sys
from pathlib import Path
from rlgauge.core.execute import execute
from rlgauge.core.store import Store
from rlgauge.launch.ray import make
from tests.launch.ray_toys import Hit
execute(Hit(roles=json.loads(sys.argv[3])), Store(sys.argv[1]), launcher=make(json.loads(sys.argv[2])))
"""

LEAVER = """
import sys, ray
from rlgauge.launch import ray_task
ray.init(sys.argv[1], log_to_driver=False)
held = ray.remote(num_returns="streaming")(ray_task.hold).remote(sys.argv[2:], sys.executable, {}, 1, "/")
assert ray.get(next(held)) == ("said", b"1")
ray.shutdown()
"""


@pytest.fixture(scope="module", autouse=True)
def folder() -> Iterator[Path]:
    with ray_cluster.surroundings() as made:
        yield made


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with ray_cluster.running() as found:
        yield found


def processes_of(text: str) -> list[str]:
    """The command lines of living processes that hold a text."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        if int(path.name) != os.getpid() and platform.process_start(int(path.name)) is not None:
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                command = (path / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
                found += [command] if text in command else []
    return found


def run(workload: Any, out: Path, config: dict[str, Any], **options: Any) -> dict[str, Run | None]:
    return execute(workload, Store(out), launcher=make(config), **options)


def worker_of(store: Store, case: Case) -> int | None:
    """The worker that runs the case now, once its first record is there."""
    found = store.find(case)
    if found is None or found.status is not Status.RUNNING or not found.records:
        return None
    claim = read_claim(store.root / case.folder, int(found.attempt.partition("-")[0]))
    return claim.pid


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def holder_of(pid: int) -> int:
    """The process of Ray's that holds a worker, with a shell between them."""
    return parent_of(parent_of(pid))


def hit(store: Store, case: Case, number: int, *, holder: bool, times: int = 1) -> threading.Thread:
    """Sends a signal to the worker of a case, or to the process of Ray's that holds it, each time it runs."""

    def wait_and_hit() -> None:
        for attempt in range(1, times + 1):
            driving.wait_for(lambda at=attempt: store.num_attempts(case) == at and worker_of(store, case))
            pid = worker_of(store, case)
            os.kill(holder_of(pid) if holder else pid, number)

    thread = threading.Thread(target=wait_and_hit)
    thread.start()
    return thread


def test_a_ray_of_our_own_is_started_and_ended(tmp_path: Path, folder: Path) -> None:
    runs = run(odd_toys.Odd(), tmp_path, {})
    assert [one.status for one in runs.values()] == [Status.COMPLETED] * 2
    driving.wait_for(lambda: not processes_of(str(folder)))


def test_whatever_ends_a_task_its_run_has_a_status_and_the_others_go_on(tmp_path: Path, address: str) -> None:
    hits = {
        "once holder killed": {"number": signal.SIGKILL, "holder": True},
        "once holder told to end": {"number": signal.SIGTERM, "holder": True},
        "once worker killed": {"number": signal.SIGKILL, "holder": False},
        "sleep holder killed twice": {"number": signal.SIGKILL, "holder": True, "times": 2},
    }
    roles = [*hits, "sleep", "complain", "kill", "segfault", *["nothing"] * 12]
    workload, store = Hit(roles=roles), Store(tmp_path)
    cases = dict(zip(roles, workload.cases(), strict=False))
    threads = [hit(store, cases[role], **how) for role, how in hits.items()]
    runs = run(workload, tmp_path, {"address": address, "cpus": 0.5}, limits=Limits(seconds=12))
    for thread in threads:
        thread.join()
    completed, failed = (Status.COMPLETED, None), Status.FAILED
    expected = [*[completed] * 3, (failed, "killed"), (Status.TIMEOUT, "time")]
    expected += [(failed, "error"), (failed, "killed"), (failed, "crash"), *[completed] * 12]
    assert [(one.status, one.file.fail_kind) for one in runs.values()] == expected
    assert "Ray ended its task 2 times" in runs[cases["sleep holder killed twice"].id].file.fail_trace
    before = {role: [one.status for one in store.attempts(tmp_path / cases[role].folder)][:-1] for role in roles[:4]}
    assert before == {
        "once holder killed": [Status.INTERRUPTED],
        "once holder told to end": [Status.INTERRUPTED],
        "once worker killed": [Status.DIED],
        "sleep holder killed twice": [Status.INTERRUPTED] * 2,
    }
    driving.wait_for(lambda: not processes_of(str(tmp_path)))


def test_ctrl_c_ends_every_task_and_what_waits_is_never_begun(tmp_path: Path, address: str) -> None:
    store, workload = Store(tmp_path), Hit(roles=["nothing", *["sleep"] * 6])
    asleep = list(workload.cases())[1:3]

    def interrupt(event: Event) -> None:
        if event.status is Status.COMPLETED:
            driving.wait_for(lambda: any(worker_of(store, case) for case in asleep))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(workload, tmp_path, {"address": address}, on_event=interrupt)
    driving.wait_for(lambda: not processes_of(str(tmp_path)))
    assert {one.status for one in store.runs()} == {Status.COMPLETED, Status.INTERRUPTED}
    assert len(list(store.runs())) < 5


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_the_tasks_of_a_driver_that_a_signal_ends_end_with_it(number: int, tmp_path: Path, address: str) -> None:
    command = [sys.executable, "-c", DRIVER, str(tmp_path), json.dumps({"address": address}), '["sleep", "sleep"]']
    driver = subprocess.Popen(command, cwd=driving.ROOT, start_new_session=True, stderr=subprocess.DEVNULL)
    store, cases = Store(tmp_path), list(Hit(roles=["sleep", "sleep"]).cases())
    driving.wait_for(lambda: all(worker_of(store, case) for case in cases))
    os.killpg(driver.pid, number)
    assert driver.wait(60) != 0
    driving.wait_for(lambda: not processes_of(str(tmp_path)))
    assert [store.find(case).status for case in cases] == [Status.INTERRUPTED] * 2


def test_a_worker_ends_its_run_though_ray_ends_the_task_at_once(tmp_path: Path, address: str) -> None:
    worker = "import pathlib, sys, time; print(1); sys.stdin.read(); time.sleep(2); pathlib.Path(sys.argv[1]).touch()"
    done = tmp_path / "done"
    command = [sys.executable, "-uc", worker, str(done)]
    subprocess.run([sys.executable, "-c", LEAVER, address, *command], cwd=driving.ROOT, timeout=60, check=True)
    driving.wait_for(done.exists)


def test_a_cluster_that_is_lost_is_told_and_its_workers_end(tmp_path: Path, address: str) -> None:
    store = Store(tmp_path)
    (case,) = Hit(roles=["sleep"]).cases()

    def kill_driver() -> None:
        driving.wait_for(lambda: worker_of(store, case))
        for pid in platform.descendants(os.getpid()):
            if b"rlgauge.launch.ray_driver" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)

    thread = threading.Thread(target=kill_driver)
    thread.start()
    with pytest.raises(UserError, match=rf"The Ray cluster at address={address} was lost \(exit code -9\)"):
        run(Hit(roles=["sleep"]), tmp_path, {"address": address})
    thread.join()
    driving.wait_for(lambda: not processes_of(str(tmp_path)))


def test_a_task_takes_as_many_cases_as_are_packed_in_it(tmp_path: Path, address: str) -> None:
    workload = odd_toys.Odd(num_cases=5)
    runs = run(workload, tmp_path, {"address": address, "pack": 2})
    assert all(one.status is Status.COMPLETED for one in runs.values())
    workers = [read_claim(tmp_path / case.folder, 1).pid for case in workload.cases()]
    assert workers == [workers[0], workers[0], workers[2], workers[2], workers[4]]
    assert len(set(workers)) == 3


def test_a_task_sees_the_gpu_that_ray_gives_it_a_share_of(tmp_path: Path, address: str) -> None:
    config = {"address": address, "gpus": 0.5, "memory": "10M", "variables": {"MKL_NUM_THREADS": "3"}}
    for one in run(Hit(roles=["gpus"] * 2), tmp_path, config).values():
        assert one.records[0].values["gpus"] in {"0", "1"}
        assert one.records[0].values["threads"] == "3"


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"cpus": 64, "resources": {"tpu": 1}}, r"asks for 64 CPU, 1 tpu, and no node .* They have: 2 CPU, 0 tpu\."),
        ({"python": "/no/python"}, r"can't start /no/python \(No such file or directory\): give python=PATH"),
    ],
)
def test_what_no_node_can_do_is_told(config: dict[str, Any], sentence: str, tmp_path: Path, address: str) -> None:
    with pytest.raises(UserError, match=sentence):
        run(odd_toys.Odd(), tmp_path, {"address": address, **config})


def test_what_workers_print_when_they_fail_is_told(tmp_path: Path, address: str) -> None:
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\necho 'No module named rlgauge' >&2\nexit 1\n")
    script.chmod(0o755)
    with pytest.raises(UserError, match=r"A worker on .* ended with exit code 1: No module named rlgauge"):
        run(odd_toys.Odd(), tmp_path / "out", {"address": address, "python": str(script)})


def test_nodes_that_do_not_share_the_folder_are_told(tmp_path: Path, address: str) -> None:
    workload = odd_toys.Odd()
    plan = Plan(root=str(tmp_path), workload=None, items=[Item(case=case) for case in workload.cases()])
    with pytest.raises(UserError, match=r"does not see /not/shared/plan\.json: all nodes must share --out"):
        list(make({"address": address}).launch(plan, Path("/not/shared/plan.json"), workload))


def test_an_address_where_nobody_is_is_told_at_once(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        free = f"127.0.0.1:{listening.getsockname()[1]}"
    with pytest.raises(UserError, match=rf"^No Ray cluster at address={free} \(Connection refused\)"):
        run(odd_toys.Odd(), tmp_path, {"address": free})


def test_somebody_who_is_no_ray_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher_module, "_JOIN_SECONDS", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        taken = f"127.0.0.1:{listening.getsockname()[1]}"
        with pytest.raises(UserError, match=rf"The Ray cluster at address={taken} does not answer us as Ray does"):
            run(odd_toys.Odd(), tmp_path, {"address": taken})


def test_the_cluster_that_the_environment_names_is_asked_for_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(UserError, match=r"^No Ray cluster at address=127\.0\.0\.1:1 \(Connection refused\)"):
        run(odd_toys.Odd(), tmp_path, {"address": "auto"})


def test_a_cluster_that_does_not_let_us_in_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setattr(launcher_module, "_JOIN_SECONDS", 8.0)
    monkeypatch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
    with pytest.raises(UserError, match=r"does not answer us as Ray does: .* may ask for a token"):
        run(odd_toys.Odd(), tmp_path, {"address": address})


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"adress": "auto"}, r"Unknown setting of the launcher ray 'adress'\. Did you mean 'address'\?"),
        ({"address": "somewhere"}, r"address=somewhere: give HOST:PORT"),
        ({"address": "host:99999"}, r"give HOST:PORT"),
        ({"address": "ray://head:10001"}, r"port for Ray's clients"),
        ({"cpus": 0}, r"cpus=0: give more than 0"),
        ({"cpus": "many"}, r"cpus=many: give a whole number such as 2, or a share such as 0\.5"),
        ({"gpus": 1.5}, r"gpus=1\.5: give a whole number"),
        ({"gpus": True}, r"gpus=True: give a whole number"),
        ({"memory": 4}, r"memory=4: give a whole number with its unit"),
        ({"width": 0}, r"width=0: give a whole number, 1 or more"),
        ({"pack": 1.5}, r"pack=1\.5: give a whole number"),
        ({"python": "python3"}, r"python=python3: give the whole path"),
        ({"resources": "tpu"}, r"resources='tpu': give names with values, such as tpu:1"),
        ({"resources": {"GPU": 1}}, r"resources: GPU has a setting of its own, gpus"),
        ({"resources": {"tpu": -1}}, r"resources\.tpu=-1: give a whole number"),
    ],
)
def test_settings_that_cannot_be_are_refused(config: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        make(config)


def test_settings_may_come_as_texts() -> None:
    given = {"cpus": "0.5", "gpus": "2", "memory": "2GiB", "resources": "tpu:1, fast:0.5", "width": "3", "pack": None}
    read = read_settings(given)
    assert (read.cpus, read.gpus, read.memory, read.width, read.pack) == (0.5, 2.0, 2**31, 3, 1)
    assert read.per_task() == {"CPU": 0.5, "GPU": 2.0, "memory": 2.0**31, "tpu": 1.0, "fast": 0.5}


def test_ray_that_is_not_installed_is_named_with_what_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(UserError, match=re.escape("pip install 'rlgauge[ray]'")):
        run(odd_toys.Odd(), tmp_path, {})


def test_nobody_leaves_tasks_behind() -> None:
    with pytest.raises(UserError, match="leave out --no-wait"):
        make({}, wait=False)


def test_live_objects_are_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="runs in this process only"):
        run(odd_toys.Odd(), tmp_path, {}, described=False)
