"""What supervisor and child say to each other: one JSON line a message."""

from __future__ import annotations

import os
from collections.abc import Iterator

import msgspec

from rlgauge.core.case import Case
from rlgauge.core.execute import Outcome
from rlgauge.core.files import write_all
from rlgauge.core.workload import Description


class Setup(msgspec.Struct, frozen=True):
    """To the child, first of all: what measures, where its modules are, and whether each task gets a fork.

    `tells_pids` asks it for the `pid` of each fork.
    """

    workload: Description | None
    import_paths: list[str]
    is_forked: bool = False
    tells_pids: bool = False


class Task(msgspec.Struct, frozen=True):
    """To the child: measure this case into this attempt."""

    case: Case
    num_wanted: int | None
    folder: str
    is_synced: bool = True


class News(msgspec.Struct, frozen=True, omit_defaults=True):
    """From the child: how many records the attempt has, and at last the outcome.

    One that forks may tell the `pid` of the fork, and tells its `exit_code` when nothing is left of it.
    """

    num_records: int = 0
    outcome: Outcome | None = None
    pid: int | None = None
    exit_code: int | None = None


class Lines:
    """Lines out of a descriptor that is read in pieces."""

    def __init__(self, descriptor: int) -> None:
        """Read from `descriptor`, which the caller closes."""
        self._descriptor = descriptor
        self._rest = b""
        self.is_at_end = False

    def read(self) -> Iterator[bytes]:
        """The lines that have come; blocks where nothing has come yet, and notes the end."""
        piece = os.read(self._descriptor, 1 << 16)
        self.is_at_end = not piece
        *lines, self._rest = (self._rest + piece).split(b"\n")
        yield from lines

    def until_end(self) -> Iterator[bytes]:
        """All lines, as they come."""
        while not self.is_at_end:
            yield from self.read()


def send(descriptor: int, message: msgspec.Struct) -> None:
    """Write one message."""
    write_all(descriptor, msgspec.json.encode(message) + b"\n")
