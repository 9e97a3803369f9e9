"""What only Linux has, and its fallbacks.

On Linux everything comes from /proc and the standard library; on other POSIX systems psutil stands in. All functions
read numbers about processes that may end at any moment: a process that is gone has no number, which is no error.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import select
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, NoReturn

_LINUX = sys.platform == "linux"
_PROC = Path("/proc")
_KILL_SECONDS = 5.0
"""How long `kill_tree` tries: only a process stuck in the kernel, or another user's, outlives it."""
_WATCH_SECONDS = 1.0
_SET_SUBREAPER, _GET_SUBREAPER = 36, 37  # prctl(2)


class _Process(NamedTuple):
    """One process as the system sees it; `start` tells apart two that had the same pid one after the other."""

    pid: int
    parent: int
    group: int
    session: int
    start: float
    is_zombie: bool


def process_start(pid: int) -> float | None:
    """When the process started; None where it is gone or a zombie.

    Only for comparing: clock ticks since boot. Elsewhere: seconds since 1970, from psutil.
    """
    process = _read(pid)
    return None if process is None or process.is_zombie else process.start


@functools.cache
def machine_id() -> str:
    """Where a pid means the same process: host name, boot and pid namespace. Elsewhere: the host name."""
    import socket

    parts = [socket.gethostname()]
    if _LINUX:
        with contextlib.suppress(OSError):
            parts.append((_PROC / "sys/kernel/random/boot_id").read_text().strip()[:13])
        with contextlib.suppress(OSError):
            parts.append(str((_PROC / "self/ns/pid").stat().st_ino))
    return "/".join(parts)


def descendants(pid: int) -> list[int]:
    """All living descendants of the process, nearest first. An orphan belongs to who adopted it. Elsewhere: psutil."""
    return [process.pid for process in _below(pid, list(_processes())) if not process.is_zombie]


def resident_bytes(pid: int) -> int | None:
    """Resident memory of the process and all its descendants; None where it is gone. Elsewhere: psutil.

    A page that several of them share counts once for each: the sum can be above what they take from the machine.
    """
    if process_start(pid) is None:
        return None
    sizes = (_resident(member) for member in [pid, *descendants(pid)])
    return sum(size for size in sizes if size is not None)


def kill_tree(pid: int) -> None:
    """Kill the process, the group and the session that it leads, and every descendant, whatever session that is in.

    Returns when all are dead (and the adopted ones reaped), or after five seconds. The process itself is left to its
    parent to reap, best after this call: before it, nobody knows when it started, nor whether its pid is another's.
    After `adopt_orphans`, the orphans of the tree are those children of ours in other sessions that started after
    `pid`: one tree at a time. Elsewhere, an orphan that called setsid is found only while its parent lives.
    Raises ValueError where this would kill ourselves.
    """
    leader = _read(pid)
    start = leader.start if leader is not None else 0.0
    members = _tree(pid, start, known=())
    if pid <= 1 or os.getpid() in {member.pid for member in members}:
        raise ValueError(f"killing the tree of process {pid} would kill the caller, process {os.getpid()}")
    deadline, pause = time.monotonic() + _KILL_SECONDS, 0.001
    _kill_group(pid)  # in one step, so that its members can't start others meanwhile
    while _kill_members(members, pid) and time.monotonic() < deadline:
        time.sleep(pause)
        pause = min(2 * pause, 0.05)
        members = _tree(pid, start, known=members)


def adopt_orphans() -> bool:
    """Whether orphaned descendants come to this process from now on, to be found; elsewhere False: init gets them.

    Meant for a process that runs one tree at a time; `kill_tree` counts the orphans to the tree that it kills.
    """
    if not _LINUX:
        return False
    import ctypes

    return bool(ctypes.CDLL(None).prctl(_SET_SUBREAPER, 1, 0, 0, 0) == 0)


def sync_files(folder: Path) -> None:
    """Wait until all that was written below the folder is on the disk, with whatever else its file system holds."""
    if not _LINUX:
        os.sync()
        return
    import ctypes

    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        library = ctypes.CDLL(None, use_errno=True)
        if library.syncfs(descriptor) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(folder))
    finally:
        os.close(descriptor)


def die_with_pipe(descriptor: int) -> None:
    """Have this process, its group and its descendants killed when the pipe's last writer is gone.

    A watchdog process is forked into the group; call it before threads start. It isn't a child of the caller, holds
    no descriptor but `descriptor`, and when the caller ends it ends too, with what is left of the group. The same on
    all POSIX systems. Raises RuntimeError where the caller does not lead its group.
    """
    leader = os.getpid()
    if os.getpgrp() != leader:
        raise RuntimeError("die_with_pipe kills a whole group: start the process with start_new_session=True")
    start = process_start(leader)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    try:
        middle = os.fork()
        if middle == 0:
            _fork_watchdog(leader, start, descriptor)  # where these signals stay blocked
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    _, failed = os.waitpid(middle, 0)
    if failed:
        raise OSError("the watchdog process could not be started")


def cpu_model() -> str | None:
    """The processor's name as its maker gives it; None where it isn't told. Elsewhere: sysctl."""
    if _LINUX:
        with contextlib.suppress(OSError):
            text = (_PROC / "cpuinfo").read_text()
            found = re.search(r"^(?:model name|Model|cpu model)\s*:\s*(.+)$", text, re.MULTILINE)
            return found[1].strip() if found else None
        return None
    import subprocess

    with contextlib.suppress(OSError, subprocess.SubprocessError):
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=5).stdout.strip() or None
    return None


def affinity() -> list[int] | None:
    """The CPUs this process may run on, in order. Elsewhere: None."""
    return sorted(os.sched_getaffinity(0)) if _LINUX else None


def memory_bytes() -> int | None:
    """The machine's physical memory; None where the system doesn't tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None


def load_average() -> tuple[float, float, float] | None:
    """Processes that ran or waited to run, on average over 1, 5 and 15 minutes; None where the system doesn't tell."""
    try:
        return os.getloadavg()
    except OSError:
        return None


def _fork_watchdog(leader: int, start: float | None, descriptor: int) -> NoReturn:
    """In between only, so that the watchdog is no child of the leader, which may wait for all that it has."""
    failed = 1
    try:
        if os.fork() == 0:
            _watch(leader, start, descriptor)
        failed = 0
    finally:
        os._exit(failed)


def _watch(leader: int, start: float | None, descriptor: int) -> None:
    """The watchdog's whole life: wait for the end of the pipe or of the leader, then kill the group, itself in it."""
    os.closerange(0, descriptor)
    os.closerange(descriptor + 1, os.sysconf("SC_OPEN_MAX"))
    while process_start(leader) == start:
        ready, _, _ = select.select([descriptor], [], [], _WATCH_SECONDS)
        if ready and not os.read(descriptor, 1):
            break
    try:
        for pid in descendants(leader):  # those that left the group; before their parents die and the trace is lost
            if pid != os.getpid():
                _kill(pid)
    finally:
        os.killpg(0, signal.SIGKILL)


def _kill_members(members: list[_Process], leader: int) -> bool:
    """Kill the living, reap the dead that are ours; whether there were living ones."""
    for member in members:
        if not member.is_zombie:
            _kill(member.pid)
        elif member.parent == os.getpid() and member.pid != leader:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(member.pid, os.WNOHANG)
    return any(not member.is_zombie for member in members)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)


def _kill_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _tree(pid: int, start: float, *, known: Iterable[_Process]) -> list[_Process]:
    """The process, all it leads, the orphans among our children that started after `start`, `known`, and all below.

    `known` are members found before, which lose their parent when it dies before them.
    """
    processes = list(_processes())
    seen = {(process.pid, process.start) for process in known}
    roots = {process.pid for process in processes if pid in {process.pid, process.group, process.session}}
    roots |= {process.pid for process in processes if (process.pid, process.start) in seen}
    if _adopts_orphans():
        roots |= {process.pid for process in processes if _is_orphan(process) and process.start >= start}
    found = {process for process in processes if process.pid in roots}
    for root in roots:
        found.update(_below(root, processes))
    return list(found)


def _is_orphan(process: _Process) -> bool:
    return process.parent == os.getpid() and process.session != os.getsid(0)


def _adopts_orphans() -> bool:
    if not _LINUX:
        return False
    import ctypes

    answer = ctypes.c_int()
    ctypes.CDLL(None).prctl(_GET_SUBREAPER, ctypes.byref(answer), 0, 0, 0)
    return bool(answer.value)


def _below(pid: int, processes: Iterable[_Process]) -> list[_Process]:
    """The descendants of a process among `processes`, nearest first, each once."""
    children: dict[int, list[_Process]] = {}
    for process in processes:
        children.setdefault(process.parent, []).append(process)
    found = list(children.pop(pid, []))
    for process in found:  # it grows: those below those found
        found.extend(children.pop(process.pid, []))
    return found


def _processes() -> Iterator[_Process]:
    """Every process there is."""
    if _LINUX:
        pids = [int(name) for name in os.listdir(_PROC) if name.isdecimal()]  # noqa: PTH208  # many, and often
    else:
        import psutil

        pids = psutil.pids()
    for pid in pids:
        process = _read(pid)
        if process is not None:
            yield process


def _read(pid: int) -> _Process | None:
    return _read_proc(pid) if _LINUX else _read_psutil(pid)


def _read_proc(pid: int) -> _Process | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123  # many, and often
            text = file.read()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    state, parent, group, session, *rest = text[text.rindex(b")") + 2 :].split()  # its name may hold spaces and ")"
    return _Process(pid, int(parent), int(group), int(session), float(rest[15]), state in {b"Z", b"X"})


def _read_psutil(pid: int) -> _Process | None:
    import psutil

    try:
        process = psutil.Process(pid)
        is_zombie = process.status() == psutil.STATUS_ZOMBIE
        return _Process(pid, process.ppid(), os.getpgid(pid), os.getsid(pid), process.create_time(), is_zombie)
    except (psutil.Error, ProcessLookupError, PermissionError):
        return None


def _resident(pid: int) -> int | None:
    if _LINUX:
        try:
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        except (FileNotFoundError, ProcessLookupError):
            return None
        return pages * os.sysconf("SC_PAGE_SIZE")
    import psutil

    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return None
