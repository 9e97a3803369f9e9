"""What supervisor and child say to each other: one JSON line a message."""

from __future__ import annotations

import os
from collections.abc import Iterator

import msgspec

from rlgauge.core.execute import Outcome
from rlgauge.core.files import write_all


class Task(msgspec.Struct, frozen=True):
    """To the child: measure this item of the plan into this attempt."""

    item: int
    folder: str


class News(msgspec.Struct, frozen=True):
    """From the child: how many records the attempt has, and at last the outcome."""

    num_records: int
    outcome: Outcome | None = None


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


def send(descriptor: int, message: msgspec.Struct) -> None:
    """Write one message."""
    write_all(descriptor, msgspec.json.encode(message) + b"\n")
