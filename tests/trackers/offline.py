"""Reading W&B's offline runs back: a log of LevelDB's format (log_format.md there) of W&B's own messages.

W&B has no reader in Python any more; its messages are decoded by its own definitions.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_BLOCK_BYTES = 32768
_FILE_HEADER_BYTES = 7
_HEADER = struct.Struct("<IHB")
_FULL, _LAST = 1, 4


def messages(path: Path) -> Iterator[bytes]:
    """The messages of a file, whose checksums are right."""
    content = path.read_bytes()
    assert content[:4] == b":W&B"
    position, whole = _FILE_HEADER_BYTES, b""
    while position + _HEADER.size <= len(content):
        rest = _BLOCK_BYTES - position % _BLOCK_BYTES
        if rest < _HEADER.size:
            position += rest
            continue
        check, length, kind = _HEADER.unpack_from(content, position)
        piece = content[position + _HEADER.size : position + _HEADER.size + length]
        assert zlib.crc32(bytes([kind]) + piece) == check
        position += _HEADER.size + length
        whole += piece
        if kind in {_FULL, _LAST}:
            yield whole
            whole = b""


class OfflineRun:
    """What is in the one offline run of a run's folder."""

    def __init__(self, folder: Path) -> None:
        from wandb.proto.wandb_internal_pb2 import Record

        (self.folder,) = (folder / "artifacts" / "wandb").glob("offline-run-*")
        (path,) = self.folder.glob("*.wandb")
        self.rows: list[dict[str, Any]] = []
        self.summary: dict[str, Any] = {}
        self.config: dict[str, Any] = {}
        self.artifacts: list[Any] = []
        self.exit_code: int | None = None
        for message in messages(path):
            record = Record()
            record.ParseFromString(message)
            self._take(record)

    def _take(self, record: Any) -> None:
        kind = record.WhichOneof("record_type")
        if kind == "run":
            self.run = record.run
            self.config |= _values(record.run.config.update)
        elif kind == "history":
            self.rows.append(_values(record.history.item))
        elif kind == "summary":
            self.summary |= _values(record.summary.update)
        elif kind == "config":
            self.config |= _values(record.config.update)
        elif kind == "artifact":
            self.artifacts.append(record.artifact)
        elif kind == "exit":
            self.exit_code = record.exit.exit_code

    def series(self, name: str, axis: str) -> list[tuple[int, float]]:
        """A number's values at the steps of an axis."""
        return [(row[axis], row[name]) for row in self.rows if name in row]


def _values(items: Any) -> dict[str, Any]:
    return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}
