"""Releases: a store in one zip file, without what is large, that others compare with. See docs/export.md."""

from __future__ import annotations

from typing import Any

import msgspec

FORMAT = 1
"""Version of releases; raised when a reader of the old one would misread."""
FOLDER = "runs"
"""The one folder at the top of a release: the store."""
MANIFEST = f"{FOLDER}/manifest.json"
"""The name of the manifest in a release."""

_LARGEST_RATIO = 250
"""A file that says to unpack to so many times its size is made to fill disks; records give a tenth of it."""
_SPARED_BYTES = 64 * 1024 * 1024
"""Up to so many bytes any ratio does."""


def is_inflated(unpacked_bytes: int, packed_bytes: int) -> bool:
    """Whether a zip file of this size that unpacks to that much is no release: it might fill a disk."""
    return unpacked_bytes > max(_SPARED_BYTES, _LARGEST_RATIO * packed_bytes)


class Content(msgspec.Struct, frozen=True):
    """What a file of a release must be."""

    bytes: int
    sha256: str


class LeftOut(msgspec.Struct, frozen=True):
    """How many files the store has that the release has not, and their size."""

    files: int
    bytes: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a release holds: `files` by their names in it, and of what was left out how much by its kind.

    `statuses` counts the runs, one a case, by their status.
    """

    format: int = FORMAT
    rlgauge: str
    num_runs: int
    statuses: dict[str, int]
    left_out: dict[str, LeftOut] = {}
    files: dict[str, Content]


def encode(manifest: Manifest) -> bytes:
    """The manifest as its file."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"


class _Format(msgspec.Struct, frozen=True):
    format: int
    files: dict[str, Any]


def decode(content: bytes) -> Manifest:
    """The manifest of a file. Raises ValueError for what is none, or of a newer version."""
    version = msgspec.json.decode(content, type=_Format).format
    if version > FORMAT:
        raise ValueError(f"it was written by a newer RLGauge (format {version}); this one reads up to {FORMAT}")
    return msgspec.json.decode(content, type=Manifest)
