"""A file of lines that any thread of a process may write, in order, each in the file as soon as it can be."""

from __future__ import annotations

import contextlib
import functools
import os
import threading
import weakref
from collections import deque
from pathlib import Path

from rlgauge.kinds.train.script.pages import Pages

_PATIENCE = 1.0
"""For so many seconds the end waits for a thread that is writing."""


class Lines:
    """The lines of a file, written as memory where that can be done (see `pages`), by calls of the system elsewhere.

    Such a call lets other threads go on, and waits for them then: for a logger that has a thread of its own, that takes
    longer than the call. What the process forks writes nothing.
    """

    def __init__(self, path: Path) -> None:
        """Go on behind what is there; there is a file from now on, and room in it from its first line on."""
        self._path = path
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._waiting: deque[bytes] = deque()
        self._lock = threading.Lock()
        self._pages: Pages | None = None
        self._is_new = True
        self._is_ours = True
        os.register_at_fork(after_in_child=functools.partial(_leave, weakref.ref(self)))

    def append(self, line: bytes) -> None:
        """Write a line behind those that came before; where a thread is writing, that one does it.

        It may be called again while it runs, by a signal's handler: no thread ever waits for another, or for itself.
        """
        if not self._is_ours:
            return
        pages = self._pages
        if pages is None or self._waiting or not self._lock.acquire(False):  # noqa: FBT003  # by name it takes longer
            self._waiting.append(line)
        else:
            try:
                pages.append(line)
            except (OSError, ValueError):  # no room; or closed by another thread since it was looked at
                self._unmap()
                self._waiting.append(line)
            finally:
                self._lock.release()
        while self._waiting and self._lock.acquire(False):  # noqa: FBT003  # as above
            try:
                while self._waiting:
                    self._write(self._waiting.popleft())
            finally:
                self._lock.release()

    def close(self) -> None:
        """Cut the file off behind its last line. What comes later is written by calls of the system."""
        if not self._is_ours:
            return
        is_locked = self._lock.acquire(timeout=_PATIENCE)
        try:
            while self._waiting:
                self._write(self._waiting.popleft())
            self._is_new = False
            self._unmap()
        finally:
            if is_locked:
                self._lock.release()

    def leave_to_parent(self) -> None:
        """Write nothing any more, in a process that has been forked."""
        self._is_ours = False

    def _write(self, line: bytes) -> None:
        if self._is_new:
            self._is_new = False
            with contextlib.suppress(OSError, ValueError):  # no room, or a file system that maps no files
                self._pages = Pages(self._path)
        if self._pages is not None:
            try:
                self._pages.append(line)
            except (OSError, ValueError):  # as above
                self._unmap()
            else:
                return
        os.write(self._file, line)

    def _unmap(self) -> None:
        pages, self._pages = self._pages, None
        if pages is not None:
            pages.close()


def _leave(found: weakref.ref[Lines]) -> None:
    lines = found()
    if lines is not None:
        lines.leave_to_parent()
