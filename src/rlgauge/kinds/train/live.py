"""Records of one size in a file whose pages are written as memory: what a run tells between the steps of its script.

A call of the system takes two microseconds where a benchmark makes nothing else, and ten to thirty between the steps of
an environment; a line of JSON takes a few more. A record here takes one, and is in the file at once, for other
processes and when this one is killed. When the file is closed its records become the lines of the file that it stands
for, and it is gone; until then, and if nobody closes it, it is what there is to be read.
"""

from __future__ import annotations

import errno
import functools
import itertools
import mmap
import os
import struct
import threading
import time
import uuid
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Generic, NamedTuple, TypeVar

import msgspec

_GROWTH = 1 << 16
"""The file grows by so many bytes: a whole number of pages wherever pages are of the usual sizes."""
_MOST_MAPS = 16
"""So many times the file may grow while a thread that is about to write waits for its turn."""
_MOST_TURNS = 100
"""So often what waits is written at once."""
_PAUSE = 0.001
"""For so many seconds a thread pauses for each line that it writes while the file is being closed."""
_MANY = 1 << 13
"""So many records are read at once."""
NO_ROOM = (struct.error, TypeError, ValueError)
"""What packing raises into memory that ends before the record, or has been closed."""

T = TypeVar("T")
Row = tuple[Any, ...]
Name = Callable[[int], str]
"""The text that a number in a record stands for."""


class Form(NamedTuple, Generic[T]):
    """What is in a record, and how records become objects: given the place of the first of them, and names.

    The last field is never 0, as memory is that nobody has written.
    """

    layout: struct.Struct
    objects: Callable[[int, list[Row], Name], list[T]]


def beside(path: Path) -> Path:
    """The file of records that stands for a file of lines: `scalars.live` for `scalars.jsonl`."""
    return path.with_suffix(".live")


class Live(Generic[T]):
    """The records of a file, open for writing by any thread of one process; what it forks writes nothing.

    No thread waits for another or for itself: a handler of a signal may write while something is written.
    `next_start`, `pack`, `memory` and `number_of` are for those who do themselves what `put` does.
    """

    def __init__(self, path: Path, form: Form[T], line_of: Callable[[T], bytes]) -> None:
        """Stand for the file of lines at `path`, which is there from now on and has none. Raises OSError."""
        self._path = path
        self._form = form
        self._line_of = line_of
        self._size = form.layout.size
        self.pack = form.layout.pack_into
        self.next_start = itertools.count(0, self._size).__next__
        path.touch()
        self._file = os.open(beside(path), os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        self.memory: Any = bytearray()  # with the first record there is some
        self._maps: deque[mmap.mmap] = deque()
        self._room = 0
        self.number_of = Numbers(_names_of(path))
        self._late: deque[bytes] = deque()
        self._lines = -1
        self._is_ours = True
        self._closed = threading.Event()
        self._is_settled = self._is_given_up = False
        self._writing = threading.Lock()
        os.register_at_fork(after_in_child=functools.partial(_leave, weakref.ref(self)))

    def put(self, *fields: Any) -> int:  # noqa: ANN401  # what the form packs
        """Write a record; its place. Raises ValueError where the file is closed, OSError where there is no room."""
        start = self.next_start()
        try:
            self.pack(self.memory, start, *fields)
        except NO_ROOM:
            self.put_anew(start, *fields)
        return start // self._size

    def put_anew(self, start: int, *fields: Any) -> None:  # noqa: ANN401  # what the form packs
        """Write a record into memory that is long enough. Raises as `put` does."""
        while True:
            memory = self._grow(start + self._size)
            try:
                self.pack(memory, start, *fields)
            except (TypeError, ValueError):
                if not memory.closed:
                    raise
            else:
                return

    def close(self) -> None:
        """Make lines of the records; once, whoever of several threads comes first.

        Raises OSError where there is no room for them: the records stay, and are read as they are.
        """
        if not self._is_ours or not self._writing.acquire(blocking=False):
            return
        try:
            self._close_memory()
            if not self._is_settled:
                settle(self._path, self._form, self._line_of)
                self._is_settled = True
                os.close(self._file)
                self.number_of.close()
        finally:
            self._writing.release()
        self._write_late()

    def late(self, line: bytes) -> None:
        """Write a line where there can be no more records, behind theirs, when these have become lines."""
        if not self._is_ours:
            return
        self._late.append(line)
        if not self._is_given_up:
            self._is_given_up = True
            with suppress(OSError):
                self.close()
        elif self._is_settled:
            with suppress(OSError):  # it waits for the next one, or for the end
                self._write_late()
        elif self._writing.locked():
            time.sleep(_PAUSE)  # or more would come than can be written

    @property
    def num_waiting(self) -> int:
        """How many lines could not be written so far."""
        return sum(one.count(b"\n") for one in self._late)

    def leave_to_parent(self) -> None:
        """Write nothing any more, in a process that has been forked."""
        self._is_ours = False
        self._close_memory()

    def _write_late(self) -> None:
        """Write what waits; where a thread is doing so, that one does it. One that never ceases is not waited for."""
        for _ in range(_MOST_TURNS):
            if not self._late or not self._writing.acquire(blocking=False):
                return
            try:
                if self._lines < 0:
                    self._lines = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
                waiting = b"".join([self._late.popleft() for _ in range(len(self._late))])
                written = 0
                try:
                    written = os.write(self._lines, waiting)
                finally:
                    if written < len(waiting):
                        self._late.appendleft(waiting[written:])
            finally:
                self._writing.release()

    def _close_memory(self) -> None:
        self._closed.set()
        self.memory = bytearray()
        with suppress(IndexError):
            while True:
                with suppress(BufferError):  # of a record whose number takes code of its own to be one
                    self._maps.pop().close()

    def _grow(self, length: int) -> mmap.mmap:
        """Memory that has this length, at the least. It does no harm if two threads do so at once."""
        length = -(-length // _GROWTH) * _GROWTH
        # A page without room on the disk would kill the process when it is written.
        reserve = getattr(os, "posix_fallocate", None)
        if self._closed.is_set() or reserve is None:
            raise ValueError("The file is closed, or room for pages cannot be reserved here.")
        room = self._room
        if room < length:
            reserve(self._file, room, length - room)
            self._room = length
        memory = mmap.mmap(self._file, length)
        self._maps.append(memory)
        if self._closed.is_set():  # by another thread, which may not have seen it
            memory.close()
        self.memory = memory
        while len(self._maps) > _MOST_MAPS:
            self._maps.popleft().close()
        return memory


class Numbers(dict[str, int]):
    """Numbers that stand for texts in records: each is written when it is first asked for."""

    def __init__(self, path: Path) -> None:
        """Nothing is written yet. Raises OSError."""
        super().__init__()
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._next = itertools.count().__next__
        self._pid = os.getpid()

    def __missing__(self, text: str) -> int:
        """Raises OSError where there is no room, ValueError in another process, or where it is closed."""
        if os.getpid() != self._pid or self._file < 0:
            raise ValueError("The file is closed, or another process's.")
        number = self._next()
        line = msgspec.json.encode((number, text.encode("utf-8", "surrogatepass")))
        if os.write(self._file, b"\n%s\n" % line) < len(line) + 2:  # behind what may have been cut short
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self[text] = number
        return number

    def close(self) -> None:
        """Write nothing any more."""
        file, self._file = self._file, -1
        os.close(file)


class LiveTail(Generic[T]):
    """The records of a file that is being written, as they come."""

    def __init__(self, path: Path, form: Form[T]) -> None:
        """Read what stands for the file of lines at `path`."""
        self._path = path
        self._form = form
        self._place = 0
        self._num_read = 0
        self._holes: set[int] = set()
        self._texts: dict[int, str] = {}

    def read(self) -> list[T] | None:
        """What has come since the last call; None where there is no such file, or no more.

        A record that is not there while later ones are is waited for once: what interrupted its writer may have lost
        it.
        """
        layout, place = self._form.layout, self._place
        try:
            with beside(self._path).open("rb") as file:
                file.seek(place * layout.size)
                gone = [index for index, row in enumerate(_rows(file, layout), place) if not _is_written(row)]
                end = max(place, file.tell() // layout.size)
                # The rest of a record may have been read before it was written; now it is there.
                file.seek(place * layout.size)
                rows = list(itertools.islice(_rows(file, layout), end - place))
        except FileNotFoundError:
            return None
        missing = set(gone)
        last = next((index for index in range(end - 1, place - 1, -1) if index not in missing), place - 1) + 1
        end = next((index for index in gone if index < last and index not in self._holes), last)
        self._holes = {index for index in gone if index < last}
        found = [row for index, row in enumerate(rows[: end - place], place) if index not in missing]
        objects = self._form.objects(self._num_read, found, self._text)
        self._place = end
        self._num_read += len(found)
        return objects

    def _text(self, number: int) -> str:
        if number not in self._texts:
            with suppress(FileNotFoundError):
                self._texts = _texts(self._path)
        return self._texts.get(number, f"?{number}")


def settle(path: Path, form: Form[T], line_of: Callable[[T], bytes]) -> None:
    """Make lines of the records that stand for a file of lines; their writer must be gone. Raises OSError.

    Where there are none, or they have become lines, this does nothing.
    """
    live, names = beside(path), _names_of(path)
    if not live.exists():
        return
    texts = _texts(path) if names.exists() else {}

    def text(number: int) -> str:
        return texts.get(number, f"?{number}")

    part = path.parent / f".{path.name}.{uuid.uuid4().hex}.part"
    try:
        with live.open("rb") as records, part.open("wb") as lines:
            rows = _rows(records, form.layout)
            written = filter(_is_written, rows)
            for first in itertools.count(0, _MANY):
                some = list(itertools.islice(written, _MANY))
                if not some:
                    break
                lines.write(b"".join(map(line_of, form.objects(first, some, text))))
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    live.unlink(missing_ok=True)
    names.unlink(missing_ok=True)


def _rows(file: BinaryIO, layout: struct.Struct) -> Iterator[Row]:
    while content := file.read(_MANY * layout.size):
        yield from layout.iter_unpack(content[: len(content) // layout.size * layout.size])


def _is_written(row: Row) -> bool:
    return bool(row[-1])


def _names_of(path: Path) -> Path:
    return path.with_suffix(".names")


def _texts(path: Path) -> dict[int, str]:
    """The texts of a file by their numbers. Raises FileNotFoundError."""
    found = {}
    for line in _names_of(path).read_bytes().split(b"\n"):
        with suppress(msgspec.DecodeError, UnicodeDecodeError):  # one that was cut short, and no record has
            number, text = msgspec.json.decode(line, type=tuple[int, bytes])
            found[number] = text.decode("utf-8", "surrogatepass").encode(errors="backslashreplace").decode()
    return found


def _leave(found: weakref.ref[Live[Any]]) -> None:
    live = found()
    if live is not None:
        live.leave_to_parent()
