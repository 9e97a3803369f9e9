"""The driver's side of tracking: a process for every run that begins in a store, and none that a run waits for."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import msgspec

from rlgauge.core import platform
from rlgauge.core.claim import number_of
from rlgauge.core.files import StoreError, create_exclusively
from rlgauge.trackers.kinds import TITLES, check
from rlgauge.trackers.tracker import Tell

_SETTLED_NS = 2_000_000_000
"""A folder that changed later than this may change again within one tick of its clock, unseen."""
_HASTY_SECONDS = 10.0
"""How long trackers are waited for after Ctrl-C or an error."""
_QUIET_SECONDS = 2.0
"""Waiting for longer than this is told."""
_LOOK_SECONDS = 0.1
_READ_BYTES = 1 << 16


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How runs are tracked.

    `tell` is told in sentences, from another thread, of what a person should know: each is told once. When the runs
    have ended, trackers are waited for as long as one of them ends every `wait_seconds`. At most `num_processes` track
    at the same time; other runs are sent when one of these is done.
    """

    tell: Tell
    wait_seconds: float = 120.0
    poll_seconds: float = 1.0
    num_processes: int = 8


@contextlib.contextmanager
def start(kind: str, root: Path, options: Options) -> Iterator[None]:
    """While it lasts, every attempt that begins in the store `root` is tracked; at its end what is left is waited for.

    Nothing that a tracker does reaches the runs. Raises UserError, before anything begins, for a tracker that is not
    known or not installed.
    """
    check(kind)
    watch = _Watch(kind, root, options)
    watch.start()
    try:
        yield
    except BaseException:
        watch.close(min(options.wait_seconds, _HASTY_SECONDS))
        raise
    watch.close(options.wait_seconds)


class _Watch:
    """A thread that looks for new attempts and for trackers that have ended."""

    def __init__(self, kind: str, root: Path, options: Options) -> None:
        self._kind = kind
        self._options = options
        self._news = _News(root)
        self._queue: deque[Path] = deque()
        self._processes: list[_Process] = []
        self._told: set[str] = set()
        self._lost: list[Path] = []
        self._last_end = 0.0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look_until_over, name=f"{kind} tracker", daemon=True)

    def start(self) -> None:
        """Begin; what is in the store by now is passed over."""
        self._news.read()
        self._thread.start()

    def close(self, wait_seconds: float) -> None:
        """Wait for what is left, end what takes too long, and tell what is not there."""
        reason = "it was interrupted."
        try:
            self._is_over.set()
            self._thread.join()
            self._wait(wait_seconds)
            reason = f"it took longer than {wait_seconds:g} s after the last run."
        finally:
            self._give_up(reason)

    def _look_until_over(self) -> None:
        while not self._is_over.wait(self._options.poll_seconds) and self._look():
            pass

    def _look(self) -> bool:
        """Whether looking on makes sense: whatever happens to tracking, the runs go on."""
        try:
            self._look_once()
        except Exception as error:  # noqa: BLE001  # a full disk, no more processes: it is told, and tracking ends
            self._tell(f"{TITLES[self._kind]} is told nothing more: {type(error).__name__}: {error}.")
            return False
        return True

    def _look_once(self) -> None:
        self._queue.extend(path for path in self._news.read() if self._is_ours(path))
        for process in list(self._processes):
            self._hear(process)
        while self._queue and len(self._processes) < self._options.num_processes:
            self._processes.append(_Process(self._kind, self._queue.popleft()))

    def _is_ours(self, attempt: Path) -> bool:
        """Whether no other driver of the same store has taken it."""
        with contextlib.suppress(StoreError):
            return create_exclusively(attempt / f"tracked-{self._kind}", b"")
        return False

    def _hear(self, process: _Process) -> None:
        for line in process.read():
            self._tell(line)
        if process.has_ended:
            self._processes.remove(process)
            self._last_end = time.monotonic()
            reason = process.close()
            if reason is not None:
                self._lose(process.attempt, reason)

    def _lose(self, attempt: Path, reason: str) -> None:
        """Tell of the first run that could not be sent, and why; others are counted."""
        self._lost.append(attempt)
        if len(self._lost) == 1:
            self._tell(f"{TITLES[self._kind]} was not told of all of {attempt}: {reason} {self._remedy(attempt)}")

    def _remedy(self, attempt: Path) -> str:
        return f"The run itself is whole. To send it again: python -m rlgauge.trackers {self._kind} {attempt}"

    def _tell(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self._options.tell(text)

    def _wait(self, seconds: float) -> None:
        begin = self._last_end = time.monotonic()
        while self._look() and (self._processes or self._queue) and time.monotonic() - self._last_end < seconds:
            if time.monotonic() - begin > _QUIET_SECONDS:
                self._tell(f"{TITLES[self._kind]} is being told the last of the runs; Ctrl-C ends this.")
            time.sleep(min(_LOOK_SECONDS, self._options.poll_seconds))

    def _give_up(self, reason: str) -> None:
        """End what is left, and tell of all that was not sent."""
        for process in self._processes:
            process.kill()
            self._lose(process.attempt, reason)
        for attempt in self._queue:
            self._lose(attempt, "its turn did not come.")
        others = self._lost[1:]
        if others:
            several = f"{len(others)} other run{'s' * (len(others) > 1)}"
            self._tell(f"{TITLES[self._kind]} was not told of all of {several} either, the last {others[-1]}.")
        self._processes, self._queue = [], deque()


class _News:
    """The attempts of a store, each given once, when it is first seen."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._listed: dict[str, int] = {}
        self._known: set[str] = set()

    def read(self) -> list[Path]:
        """Attempts that were not there before."""
        found = []
        for case in self._changed():
            for name in os.listdir(case):  # noqa: PTH208  # many, and often
                path = f"{case}/{name}"
                if number_of(name) > 0 and path not in self._known:
                    self._known.add(path)
                    found.append(Path(path))
        return sorted(found)

    def _changed(self) -> Iterator[str]:
        """Folders of cases that may have changed since they were listed last."""
        for workload in _folders(self._root):
            for case in _folders(workload):
                with contextlib.suppress(FileNotFoundError):
                    changed = case.stat().st_mtime_ns
                    if self._listed.get(case.path) != changed:
                        if time.time_ns() - changed > _SETTLED_NS:
                            self._listed[case.path] = changed
                        yield case.path


def _folders(folder: Path | os.DirEntry[str]) -> Sequence[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if entry.is_dir() and not entry.name.startswith(".")]
    except OSError:  # not made yet, or not ours to read
        return []


class _Process:
    """A process that tracks one run: what it tells is its output, and why it failed the last line of its errors."""

    def __init__(self, kind: str, attempt: Path) -> None:
        self.attempt = attempt
        self._output: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed in close()
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        self._offset = 0
        self._process = subprocess.Popen(
            _command(kind, attempt),
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._errors,
            start_new_session=True,  # Ctrl-C is the driver's
        )

    def read(self) -> list[str]:
        """The whole lines that it has told since the last call."""
        content = os.pread(self._output.fileno(), _READ_BYTES, self._offset)
        whole = content[: content.rfind(b"\n") + 1]
        self._offset += len(whole)
        return whole.decode(errors="replace").splitlines()

    @property
    def has_ended(self) -> bool:
        """Whether it will tell no more."""
        return self._process.poll() is not None

    def close(self) -> str | None:
        """Why it failed, as a sentence; None where it did not."""
        code = self._process.wait()
        size = os.fstat(self._errors.fileno()).st_size
        printed = (
            os.pread(self._errors.fileno(), 1 << 16, max(0, size - (1 << 16))).decode(errors="replace").split("\n")
        )
        self._output.close()
        self._errors.close()
        if code == 0:
            return None
        if code < 0:
            return f"its process was ended by {signal.Signals(-code).name}."
        last = next((line.strip() for line in reversed(printed) if line.strip()), f"exit code {code}")
        return last if last.endswith(".") else f"{last}."

    def _last_errors(self) -> list[str]:
        descriptor = self._errors.fileno()
        begin = max(0, os.fstat(descriptor).st_size - _READ_BYTES)
        return os.pread(descriptor, _READ_BYTES, begin).decode(errors="replace").splitlines()

    def kill(self) -> None:
        """End it and all that it started."""
        platform.kill_tree(self._process.pid)
        self.close()


def _command(kind: str, attempt: Path) -> list[str]:
    return [sys.executable, "-P", "-m", "rlgauge.trackers", kind, str(attempt.absolute())]
