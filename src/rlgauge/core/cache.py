"""index.sqlite: what was read of the folders of a store, as a cache: rebuilt at any doubt, and never the truth.

It holds three documents (MessagePack), since decoding one of 20,000 readings takes a tenth of the time of as many rows:
the readings of the store, its cases as their folders were, and of those that are a part of a reading what they say
alone. All paths are relative to the store, which may be moved.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from rlgauge.core.case_folder import Entry, File
from rlgauge.core.reading import Reading

NAME = "index.sqlite"
VERSION = 4
"""Raised when the index means something else: an index of another version is made anew."""
_PAGE_BYTES = 65536
"""Documents are of megabytes; they lie in chains of pages."""


class Kept(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An entry without its reading: that is the one at `place`, of the parts where `is_part`."""

    path: str
    changed: int
    watched: tuple[File, ...] | None
    unit: str
    first: int
    is_void: bool
    is_part: bool
    place: int


class Index(msgspec.Struct, frozen=True):
    """What the index holds; `readings` are the store's, in order."""

    kept: list[Kept]
    readings: list[Reading]
    parts: list[Reading]

    def entry(self, kept: Kept) -> Entry:
        """The entry with its reading."""
        reading = (self.parts if kept.is_part else self.readings)[kept.place]
        return Entry(kept.path, kept.changed, kept.watched, kept.unit, kept.first, kept.is_void, reading)


def load(root: str) -> Index | None:
    """The index of a store; None without a readable one."""
    found = _select(root, ("cases", "readings", "parts"))
    try:
        if found is None:
            return None
        return Index(
            _decode_kept(found["cases"]), _decode_readings(found["readings"]), _decode_readings(found["parts"])
        )
    except (msgspec.DecodeError, KeyError):
        return None


def load_readings(root: str) -> list[Reading] | None:
    """The readings as the index has them; None without a readable one."""
    found = _select(root, ("readings",))
    try:
        return None if found is None else _decode_readings(found["readings"])
    except (msgspec.DecodeError, KeyError):
        return None


def store(root: str, groups: Sequence[Sequence[Entry]], readings: Sequence[Reading]) -> None:
    """Write the index whole, under a temporary name first: `readings[i]` was made of `groups[i]`.

    What can't be written is read again next time.
    """
    kept: list[Kept] = []
    parts: list[Reading] = []
    for place, group in enumerate(groups):
        is_part = len(group) > 1
        for e in group:
            own = len(parts) if is_part else place
            kept.append(Kept(e.path, e.changed, e.watched, e.unit, e.first, e.is_void, is_part, own))
            if is_part:
                parts.append(e.reading)
    kept.sort(key=lambda one: one.path)
    encode = msgspec.msgpack.Encoder().encode
    _replace(root, {"cases": encode(kept), "readings": encode(readings), "parts": encode(parts)})


def _replace(root: str, documents: Mapping[str, bytes]) -> None:
    part = f"{root}/.{NAME}.{uuid.uuid4().hex}.part"
    with contextlib.suppress(sqlite3.Error, OSError):
        try:
            with contextlib.closing(sqlite3.connect(part)) as connection:
                connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
                connection.execute("PRAGMA journal_mode = OFF")
                connection.execute(f"PRAGMA user_version = {VERSION}")
                connection.execute("CREATE TABLE documents (name TEXT PRIMARY KEY, content BLOB)")
                connection.executemany("INSERT INTO documents VALUES (?, ?)", documents.items())
                connection.commit()
            Path(part).replace(f"{root}/{NAME}")
        finally:
            Path(part).unlink(missing_ok=True)


def _select(root: str, names: Sequence[str]) -> dict[str, bytes] | None:
    """Documents of an index of this version; None where there is none, or it is damaged."""
    path = f"{root}/{NAME}"
    if not os.path.isfile(path):  # noqa: PTH113  # sqlite would make a file, or say less of what is wrong
        return None
    try:
        with contextlib.closing(sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro", uri=True)) as connection:
            if connection.execute("PRAGMA user_version").fetchone() != (VERSION,):
                return None
            query = "SELECT content FROM documents WHERE name = ?"
            return {name: content for name in names for (content,) in connection.execute(query, (name,))}
    except sqlite3.Error:
        return None


_decode_kept = msgspec.msgpack.Decoder(list[Kept]).decode
_decode_readings = msgspec.msgpack.Decoder(list[Reading]).decode
