"""What one row of a policy that remembers was asked and has answered since its episode began."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import IO, Any

from rlgauge.episodes.policies.websocket_wire import pack, unpack

_IN_MEMORY = 4 * 2**20
"""Longer tapes go to a temporary file: an episode of images is large."""
_LENGTH_BYTES = 8


class Tape:
    """Observations and the answers to them, in order."""

    def __init__(self, seed: int) -> None:
        """Nothing was asked yet of the episode whose action seed this is."""
        self.seed = seed
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115  # close() closes it

    def append(self, observation: object, action: object) -> None:
        """Keep one step."""
        step = pack([observation, action])
        self._file.write(len(step).to_bytes(_LENGTH_BYTES, "big"))
        self._file.write(step)

    def steps(self) -> Iterator[tuple[Any, Any]]:
        """Every step so far; nothing may be appended meanwhile."""
        self._file.seek(0)
        while length := self._file.read(_LENGTH_BYTES):
            observation, action = unpack(self._file.read(int.from_bytes(length, "big")))
            yield observation, action

    def close(self) -> None:
        """Give the file back."""
        self._file.close()
