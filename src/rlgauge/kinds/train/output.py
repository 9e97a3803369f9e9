"""What a script prints, in a file of limited size: its beginning and its end."""

from __future__ import annotations

import os
import time
from collections import deque
from pathlib import Path

from rlgauge.core.files import plain_errors, write_all

HEAD_BYTES, TAIL_BYTES = 8 * 2**20, 2 * 2**20
"""How much is kept of the beginning and of the end."""
_FLUSH_SECONDS = 1.0
"""How often the end is written while more of it comes."""


class Log:
    """Takes what is printed, in pieces. The file is never longer than both parts and a line between them."""

    def __init__(self, path: Path, *, head: int = HEAD_BYTES, tail: int = TAIL_BYTES) -> None:
        """Go on at the end of `path`."""
        self._path = path
        self._room = head
        self._most = tail
        self._pieces: deque[bytes] = deque()
        self._num_kept = 0
        self._num_dropped = 0
        self._place: int | None = None
        self._next_flush: float | None = None

    def feed(self, piece: bytes) -> None:
        """Take what was printed. Raises StoreError where it can't be written."""
        if self._room:
            with plain_errors(self._path), self._path.open("ab") as file:
                write_all(file.fileno(), piece[: self._room])
            piece, self._room = piece[self._room :], max(0, self._room - len(piece))
        if piece:
            self._keep(piece)

    def flush(self, *, is_end: bool = False) -> None:
        """Write the end of what came so far, once a second at most. Raises StoreError where it can't be written."""
        if self._next_flush is None or (not is_end and time.monotonic() < self._next_flush):
            return
        self._next_flush = None
        with plain_errors(self._path), self._path.open("r+b") as file:
            if self._place is None:
                self._place = file.seek(0, os.SEEK_END)
            file.seek(self._place)
            if self._num_dropped:
                file.write(b"\n[... %d bytes are left out here ...]\n" % self._num_dropped)
            file.writelines(self._pieces)
            file.truncate()

    def _keep(self, piece: bytes) -> None:
        """Add to the end, and drop what is no longer a part of it."""
        self._pieces.append(piece)
        self._num_kept += len(piece)
        while self._num_kept > self._most:
            excess = self._num_kept - self._most
            first = self._pieces.popleft()
            if len(first) > excess:
                self._pieces.appendleft(first[excess:])
            dropped = min(excess, len(first))
            self._num_kept -= dropped
            self._num_dropped += dropped
        if self._next_flush is None:
            self._next_flush = time.monotonic() + _FLUSH_SECONDS


def end_of(path: Path, num_bytes: int = 2**16) -> str:
    """The last that was printed, from the beginning of a line; empty where there is no such file."""
    try:
        with path.open("rb") as file:
            length = file.seek(0, os.SEEK_END)
            file.seek(max(0, length - num_bytes))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    return text if length <= num_bytes else text.partition("\n")[2]
