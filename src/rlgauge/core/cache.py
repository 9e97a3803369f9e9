"""index.sqlite: what was read of the folders of a store, as a cache: rebuilt at any doubt, and never the truth."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from rlgauge.core.run import Status, Total

NAME = "index.sqlite"
VERSION = 1
"""Raised when the index means something else: an index of another version is made anew."""

Signature = tuple[int, int, int]
"""When a file was changed (its status too, which no copying hides), its size and its number."""


class Part(msgspec.Struct, frozen=True, array_like=True):
    """What the run that speaks for one case gives to a reading. `unit` is shared by the parts of one reading."""

    unit: str
    algorithm: str
    task: str
    seed: int | None
    checkpoint: str
    started: str
    settings: str
    kind: str
    status: Status
    folder: str
    first: int
    num_errors: int
    totals: dict[str, Total]
    units: dict[str, str]
    references: dict[str, float]
    labels: dict[str, str]
    reason: str | None


class Entry(msgspec.Struct, frozen=True):
    """A case: when its folder changed, which attempt speaks for it, that one's signature and what it says.

    A case whose signature is None may change without a trace: somebody was at it.
    """

    path: str
    changed: int
    attempt: str
    signature: Signature | None
    part: Part


def signature(path: str) -> Signature | None:
    """The signature of a file; None where there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116  # often
    except OSError:
        return None
    return found.st_ctime_ns, found.st_size, found.st_ino


def is_fresh(root: str, entry: Entry) -> bool:
    """Whether no attempt was added since, and the one that speaks for the case is what it was."""
    if entry.signature is None:
        return False
    folder = f"{root}/{entry.path}"
    try:
        changed = os.stat(folder).st_ctime_ns  # noqa: PTH116  # often
    except OSError:
        return False
    return changed == entry.changed and signature(f"{folder}/{entry.attempt}/run.json") == entry.signature


def load(root: str) -> list[Part] | None:
    """All parts as the index has them; None without a readable index."""
    rows = _select(root, "SELECT part FROM cases ORDER BY rowid")
    if rows is None:
        return None
    try:
        return [_decode(row[0]) for row in rows]
    except msgspec.DecodeError:
        return None


def entries(root: str) -> dict[str, Entry]:
    """What the index has, by case folder; nothing without a readable index."""
    rows = _select(root, "SELECT path, changed, attempt, time, size, number, part FROM cases ORDER BY rowid")
    try:
        return {
            path: Entry(path, changed, attempt, None if time is None else (time, size, number), _decode(part))
            for path, changed, attempt, time, size, number, part in rows or ()
        }
    except msgspec.DecodeError:
        return {}


def store(root: str, found: Mapping[str, Entry]) -> None:
    """Write the index whole, under a temporary name first. What can't be written is read again next time."""
    encode = msgspec.msgpack.Encoder().encode
    part = f"{root}/.{NAME}.{uuid.uuid4().hex}.part"
    rows = (
        (e.path, e.changed, e.attempt, *(e.signature or (None, None, None)), encode(e.part)) for e in found.values()
    )
    with contextlib.suppress(sqlite3.Error, OSError):
        try:
            with contextlib.closing(sqlite3.connect(part)) as connection:
                connection.execute("PRAGMA journal_mode = OFF")
                connection.execute(f"PRAGMA user_version = {VERSION}")
                connection.execute(
                    "CREATE TABLE cases (path TEXT, changed INTEGER, attempt TEXT, time INTEGER, size INTEGER, "
                    "number INTEGER, part BLOB)"
                )
                connection.executemany("INSERT INTO cases VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
                connection.commit()
            Path(part).replace(f"{root}/{NAME}")
        finally:
            Path(part).unlink(missing_ok=True)


def _select(root: str, query: str) -> list[tuple[Any, ...]] | None:
    """The rows of an index of this version; None where there is none, or it is damaged."""
    path = f"{root}/{NAME}"
    if not Path(path).is_file():
        return None
    try:
        with contextlib.closing(sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro", uri=True)) as connection:
            if connection.execute("PRAGMA user_version").fetchone() != (VERSION,):
                return None
            return connection.execute(query).fetchall()
    except sqlite3.Error:
        return None


_decode = msgspec.msgpack.Decoder(Part).decode
