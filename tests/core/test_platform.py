"""Processes: found, measured and killed with all that they started."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from rlgauge.core import platform

LINUX = sys.platform == "linux"
SECONDS = 20.0
# A process that starts others: each argument is how one is started ("plain" or "own_session"), by the one before.
CHAIN = """
import os, subprocess, sys, time
print(os.getpid(), flush=True)
if sys.argv[2:]:
    own = sys.argv[2] == "own_session"
    subprocess.Popen([sys.executable, sys.argv[0], "-", *sys.argv[3:]], start_new_session=own)
time.sleep(600)
"""
# The middle process ends, which leaves an orphan in a session of its own.
ORPHAN = """
import os, time
read, write = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.write(write, str(os.getpid()).encode())
        time.sleep(600)
    os._exit(0)
os.wait()
os.write(1, b"%s %d\\n" % (os.read(read, 99), os.getpid()))
time.sleep(600)
"""


def eventually(condition: Callable[[], object]) -> bool:
    """Whether the condition comes true in time."""
    end = time.monotonic() + SECONDS
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


def lives(pid: int) -> bool:
    return platform.process_start(pid) is not None


def read_pids(process: subprocess.Popen, count: int) -> list[int]:
    return [int(process.stdout.readline()) for _ in range(count)]


@pytest.fixture
def start(tmp_path):
    """A function that starts a script in a session of its own; all that it started is killed in the end."""
    started = []

    def run(text: str, *arguments: str, **options: object) -> subprocess.Popen:
        path = tmp_path / f"script{len(started)}.py"
        path.write_text(text)
        options = {"start_new_session": True, "stdout": subprocess.PIPE, "text": True, **options}
        started.append(subprocess.Popen([sys.executable, str(path), *arguments], **options))
        return started[-1]

    yield run
    for process in started:
        platform.kill_tree(process.pid)
        process.wait()
        process.stdout.close()


@pytest.fixture
def chain(start):
    """A function that starts one process below the other; their pids, the uppermost first."""

    def run(*links: str) -> tuple[subprocess.Popen, list[int]]:
        process = start(CHAIN, "-", *links)
        return process, read_pids(process, 1 + len(links))

    return run


def test_a_process_is_told_by_its_start_from_a_later_one(start):
    first = platform.process_start(os.getpid())
    assert platform.process_start(start("import time\ntime.sleep(600)").pid) > first
    assert platform.process_start(os.getpid()) == first


@pytest.mark.skipif(not LINUX, reason="clock ticks are Linux's")
def test_the_start_is_in_clock_ticks_since_boot():
    with Path("/proc/stat").open() as file:
        boot = next(int(line.split()[1]) for line in file if line.startswith("btime"))
    seconds = boot + platform.process_start(os.getpid()) / os.sysconf("SC_CLK_TCK")
    assert seconds == pytest.approx(psutil.Process().create_time(), abs=2)


def test_what_was_written_below_a_folder_is_synced_and_a_folder_that_is_gone_is_told(tmp_path):
    (tmp_path / "file").write_text("kept")
    platform.sync_files(tmp_path)
    with pytest.raises(FileNotFoundError):
        platform.sync_files(tmp_path / "gone")


def test_a_process_that_is_gone_has_no_start_and_no_size(start):
    process = start("")
    process.wait()
    assert platform.process_start(process.pid) is None
    assert platform.resident_bytes(process.pid) is None
    assert platform.descendants(process.pid) == []


def test_a_zombie_counts_as_gone(start):
    process = start("")
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert platform.process_start(process.pid) is None
    assert platform.resident_bytes(process.pid) is None
    assert process.pid not in platform.descendants(os.getpid())


@pytest.mark.skipif(not LINUX, reason="a process names itself by prctl")
@pytest.mark.parametrize("name", ["a) R 1 1 1", "((", ") Z ("])
def test_the_name_of_a_process_can_hold_anything(start, name):
    code = f"import ctypes, os, time; ctypes.CDLL(None).prctl(15, {name.encode()!r}); print(1, flush=True)\n"
    process = start(f"{code}time.sleep(600)")
    read_pids(process, 1)
    assert f"({name})" in Path(f"/proc/{process.pid}/stat").read_text()
    assert platform._read_proc(process.pid) == platform._read(process.pid)
    assert platform._read_proc(process.pid)[1:4] == (os.getpid(), process.pid, process.pid)
    assert lives(process.pid)


@pytest.mark.skipif(not LINUX, reason="compares with /proc")
def test_the_fallback_sees_what_proc_shows(chain):
    _, pids = chain("plain", "own_session")
    for pid in pids:
        ours, fallback = platform._read_proc(pid), platform._read_psutil(pid)
        assert ours._replace(start=0) == fallback._replace(start=0)
    assert platform._read_psutil(2**22 + 1) is None


def test_the_fallback_sees_zombies(start):
    process = start("")
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert platform._read_psutil(process.pid).is_zombie


def test_a_machine_is_told_by_its_name_and_always_the_same():
    assert platform.machine_id().partition("/")[0] == socket.gethostname()
    code = "from rlgauge.core.platform import machine_id; print(machine_id())"
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert printed.strip() == platform.machine_id()


@pytest.mark.skipif(not LINUX, reason="boots and namespaces are told apart on Linux only")
def test_a_machine_is_told_by_its_boot_and_pid_namespace():
    _, boot, namespace = platform.machine_id().split("/")
    assert Path("/proc/sys/kernel/random/boot_id").read_text().startswith(boot)
    assert str(Path("/proc/self/ns/pid").readlink()) == f"pid:[{namespace}]"


def test_descendants_are_found_through_sessions(chain):
    process, pids = chain("plain", "own_session", "plain")
    assert platform.descendants(process.pid) == pids[1:]
    assert set(pids) <= set(platform.descendants(os.getpid()))
    assert platform.descendants(pids[-1]) == []


def test_memory_is_that_of_all_descendants(start):
    code = "import os, subprocess, sys, time\nheld = b'x' * {size}\n{more}\nprint(1, flush=True)\ntime.sleep(600)"
    alone = start(code.format(size=1, more=""))
    below = code.format(size=100 * 2**20, more="")
    both = start(code.format(size=50 * 2**20, more=f"subprocess.Popen([sys.executable, '-c', {below!r}])"))
    read_pids(alone, 1)
    read_pids(both, 2)
    extra = platform.resident_bytes(both.pid) - 2 * platform.resident_bytes(alone.pid)
    assert extra == pytest.approx(150 * 2**20, rel=0.1)
    assert platform._resident(both.pid) == pytest.approx(psutil.Process(both.pid).memory_info().rss, rel=0.1)


def test_killing_a_tree_kills_what_left_its_group_and_session(chain):
    process, pids = chain("plain", "own_session", "plain", "own_session")
    platform.kill_tree(process.pid)
    assert process.wait() == -signal.SIGKILL
    assert eventually(lambda: not any(lives(pid) for pid in pids))


def test_killing_a_tree_waits_until_it_is_dead(chain):
    process, pids = chain("plain", "own_session")
    platform.kill_tree(process.pid)
    assert not any(lives(pid) for pid in pids)


def test_killing_a_tree_kills_who_ignores_signals_and_who_is_stopped(start):
    ignore = "import signal, time\nfor n in (1, 2, 15): signal.signal(n, signal.SIG_IGN)\nprint(1, flush=True)\n"
    process = start(f"{ignore}time.sleep(600)")
    read_pids(process, 1)
    os.kill(process.pid, signal.SIGSTOP)
    platform.kill_tree(process.pid)
    assert process.wait() == -signal.SIGKILL


def test_killing_a_tree_whose_head_has_ended_kills_its_group(start):
    process = start("import os, time\nif os.fork() == 0:\n print(os.getpid(), flush=True)\n time.sleep(600)\n")
    (left,) = read_pids(process, 1)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert lives(left)
    platform.kill_tree(process.pid)
    assert process.wait() == 0
    assert eventually(lambda: not lives(left))


def test_killing_a_tree_whose_head_has_ended_kills_the_groups_of_its_session(start):
    fork = "import os, time\nif os.fork() == 0:\n os.setpgid(0, 0)\n"
    process = start(f"{fork} print(os.getpid(), flush=True)\n time.sleep(600)\n")
    (left,) = read_pids(process, 1)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert os.getpgid(left) == left
    platform.kill_tree(process.pid)
    assert not lives(left)


def test_killing_a_tree_spares_its_siblings(chain):
    killed, _ = chain("own_session")
    _, spared = chain("own_session")
    platform.kill_tree(killed.pid)
    assert all(lives(pid) for pid in spared)


def test_a_child_in_our_own_group_is_killed_and_we_are_not(start):
    process = start("import time\ntime.sleep(600)", start_new_session=False)
    assert os.getpgid(process.pid) == os.getpgrp()
    platform.kill_tree(process.pid)
    assert process.wait() == -signal.SIGKILL


def test_killing_a_tree_that_is_gone_does_nothing(start):
    process = start("")
    process.wait()
    platform.kill_tree(process.pid)


def test_killing_ourselves_is_refused():
    for pid in (os.getpid(), os.getppid(), os.getpgrp(), 1, 0, -1):
        with pytest.raises(ValueError, match="would kill the caller"):
            platform.kill_tree(pid)


@pytest.mark.skipif(not LINUX, reason="orphans are adopted on Linux only")
def test_killing_a_tree_that_keeps_growing_leaves_nothing(start):
    grow = """
import os, time
print(os.getpid(), flush=True)
while True:
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(60)
        os._exit(0)
    os.wait()
    time.sleep(0.01)
"""
    kill = (
        "import os, subprocess, sys\n"
        "from rlgauge.core import platform\n"
        "platform.adopt_orphans()\n"
        f"command = [sys.executable, '-c', {grow!r}]\n"
        "process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE)\n"
        "process.stdout.readline()\n"
        "while len(platform.descendants(os.getpid())) < 5: pass\n"
        "platform.kill_tree(process.pid)\n"
        "print(process.wait(), *platform.descendants(os.getpid()), flush=True)\n"
    )
    assert start(kill).stdout.readline() == "-9\n"


@pytest.mark.skipif(not LINUX, reason="orphans are adopted on Linux only")
@pytest.mark.parametrize("head", ["alive", "zombie", "reaped"])
def test_orphans_in_sessions_of_their_own_are_killed_and_reaped(start, head):
    supervise = f"""
import os, subprocess, sys, time
from rlgauge.core import platform
assert platform.adopt_orphans()
earlier = subprocess.Popen(["sleep", "600"], start_new_session={head != "reaped"})
while platform.process_start(earlier.pid) + 2 > time.clock_gettime(time.CLOCK_BOOTTIME) * os.sysconf("SC_CLK_TCK"):
    pass  # until the clock has ticked
process = subprocess.Popen([sys.executable, "-c", {ORPHAN!r}], start_new_session=True, stdout=subprocess.PIPE)
orphan, child = map(int, process.stdout.readline().split())
assert os.getpgid(orphan) != child and orphan in platform.descendants(os.getpid()), "not adopted"
if {head!r} != "alive":
    process.kill()
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
if {head!r} == "reaped":
    process.wait()
platform.kill_tree(child)
process.wait()
print(platform._read(orphan), platform.descendants(os.getpid()) == [earlier.pid], flush=True)
earlier.kill()
earlier.wait()
"""
    assert start(supervise).stdout.readline() == "None True\n"


WATCHED = """
import os, signal, subprocess, sys, time
from rlgauge.core import platform
platform.die_with_pipe(int(sys.argv[1]))
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda *_: None)
plain = subprocess.Popen(["sleep", "600"])
own = subprocess.Popen(["sleep", "600"], start_new_session=True)
print(os.getpid(), plain.pid, own.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def pipe():
    read, write = os.pipe()
    ends = {read, write}
    yield read, write, ends
    for end in ends:
        os.close(end)


def close(end: int, ends: set[int]) -> None:
    os.close(end)
    ends.discard(end)


def members(group: int) -> set[int]:
    return {process.pid for process in platform._processes() if process.group == group and not process.is_zombie}


def test_the_group_and_its_descendants_die_when_the_pipe_ends(start, pipe):
    read, write, ends = pipe
    process = start(WATCHED, str(read), pass_fds=(read,))
    pids = [int(word) for word in process.stdout.readline().split()]
    assert all(lives(pid) for pid in pids)
    close(write, ends)
    assert process.wait(SECONDS) == -signal.SIGKILL
    assert eventually(lambda: not any(lives(pid) for pid in pids) and not members(process.pid))


def test_the_group_dies_when_the_holder_of_the_pipe_is_killed(start):
    hold = f"""
import os, subprocess, sys, time
read, write = os.pipe()
command = [sys.executable, "-c", {WATCHED!r}, str(read)]
subprocess.Popen(command, pass_fds=(read,), start_new_session=True)
time.sleep(600)
"""
    holder = start(hold)
    pids = [int(word) for word in holder.stdout.readline().split()]
    os.kill(holder.pid, signal.SIGKILL)
    assert eventually(lambda: not any(lives(pid) for pid in pids) and not members(pids[0]))


def test_signals_do_not_end_the_watchdog(start, pipe):
    read, write, ends = pipe
    process = start(WATCHED, str(read), pass_fds=(read,))
    _, plain, own = (int(word) for word in process.stdout.readline().split())
    before = members(process.pid)
    for number in (signal.SIGINT, signal.SIGTERM):
        os.killpg(process.pid, number)
    assert eventually(lambda: not lives(plain))
    assert members(process.pid) == before - {plain}
    close(write, ends)
    assert process.wait(SECONDS) == -signal.SIGKILL
    assert eventually(lambda: not lives(own))


def test_what_is_written_to_the_pipe_is_no_end(start, pipe):
    read, write, ends = pipe
    process = start(WATCHED, str(read), pass_fds=(read,))
    process.stdout.readline()
    os.write(write, b"abc")
    assert eventually(lambda: not select.select([read], [], [], 0)[0])  # the watchdog has read it
    assert lives(process.pid)
    close(write, ends)
    assert process.wait(SECONDS) == -signal.SIGKILL


@pytest.mark.skipif(not LINUX, reason="descriptors are listed in /proc")
def test_the_watchdog_holds_no_other_descriptor(start, pipe):
    read, _, _ = pipe
    process = start(f"import os\nother = os.pipe()\n{WATCHED}", str(read), pass_fds=(read,))
    head, plain, _ = (int(word) for word in process.stdout.readline().split())
    (watchdog,) = members(process.pid) - {head, plain}
    assert eventually(lambda: [path.name for path in Path(f"/proc/{watchdog}/fd").iterdir()] == [str(read)])


def test_the_watchdog_ends_with_the_leader_and_with_what_it_left_behind(start, pipe):
    read, _, _ = pipe
    leave = "import subprocess\nprint(subprocess.Popen(['sleep', '600']).pid, flush=True)\n"
    code = "import sys\nfrom rlgauge.core import platform\nplatform.die_with_pipe(int(sys.argv[1]))\n"
    process = start(code + leave, str(read), pass_fds=(read,))
    (left,) = read_pids(process, 1)
    assert process.wait(SECONDS) == 0
    assert eventually(lambda: not lives(left))
    assert eventually(lambda: not members(process.pid))


def test_the_watchdog_is_no_child_of_whom_it_watches(start, pipe):
    read, _, _ = pipe
    code = "import os, sys\nfrom rlgauge.core import platform\nplatform.die_with_pipe(int(sys.argv[1]))\n"
    wait = "try:\n    os.wait()\nexcept ChildProcessError:\n    print('none', flush=True)\n"
    assert start(code + wait, str(read), pass_fds=(read,)).stdout.read() == "none\n"


def test_only_the_leader_of_a_group_can_be_watched(pipe):
    read, _, _ = pipe
    code = f"from rlgauge.core import platform\nplatform.die_with_pipe({read})"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, pass_fds=(read,))
    assert done.returncode == 1
    assert "start_new_session=True" in done.stderr


def test_the_machine_is_described():
    assert platform.memory_bytes() == pytest.approx(psutil.virtual_memory().total, rel=0.01)
    assert platform.load_average() == pytest.approx(psutil.getloadavg(), abs=1)
    assert platform.cpu_model() != ""
    if LINUX:
        assert platform.affinity() == sorted(psutil.Process().cpu_affinity())


def test_psutil_is_not_needed_on_linux():
    code = (
        "import os, sys; from rlgauge.core import platform as p; p.resident_bytes(os.getpid()); p.machine_id();"
        "p.descendants(os.getpid()); p.cpu_model(); p.memory_bytes(); print('psutil' in sys.modules)"
    )
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert printed == f"{not LINUX}\n"
