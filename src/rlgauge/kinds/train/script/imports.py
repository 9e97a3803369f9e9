"""Which files of its own a script was made of, and what they said when they were read."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType

import msgspec

from rlgauge.core.files import StoreError, write_atomic
from rlgauge.kinds.train.journal import encoded
from rlgauge.kinds.train.spec import SOURCE

_OURS = f"{Path(__file__).parents[3]}{os.sep}"
_INSTALLED = ("site-packages", "dist-packages")
_PREFIXES = tuple(f"{prefix}{os.sep}" for prefix in {sys.prefix, sys.base_prefix, sys.exec_prefix})
_READ: dict[str, str] = {}


def hash_of(content: bytes) -> str:
    """32 hexadecimal digits of what a file says."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def is_own(path: str) -> bool:
    """Whether a file is somebody's own, and no part of Python, of what is installed, or of this package."""
    if not path.endswith(".py") or path.startswith((_OURS, *_PREFIXES, "<")):
        return False
    return not any(part in path for part in _INSTALLED)


def install() -> None:
    """Note from now on what own modules say as they are imported."""
    load = SourceFileLoader.get_code

    def get_code(self: SourceFileLoader, fullname: str) -> CodeType | None:
        note(self.path)
        return load(self, fullname)

    SourceFileLoader.get_code = get_code  # type: ignore[method-assign,assignment]  # all loaders of sources have it


def note(file: str, content: bytes | None = None) -> None:
    """Note what a file says, if it is an own one that was not read before."""
    path = os.path.realpath(file) if is_own(file) else ""
    if path and path not in _READ:
        with contextlib.suppress(OSError):
            _READ.setdefault(path, hash_of(Path(path).read_bytes() if content is None else content))


def write(folder: Path) -> None:
    """Keep what this process has read, in a file of its own in the run's folder of artifacts."""
    with contextlib.suppress(OSError, StoreError):
        (folder / SOURCE).mkdir(exist_ok=True)
        write_atomic(folder / SOURCE / f"read-{os.getpid()}.json", encoded(dict(_READ)))


def read(folder: Path) -> dict[str, str]:
    """What own files said when processes of a run read them, by path."""
    found: dict[str, str] = {}
    for path in sorted((folder / SOURCE).glob("read-*.json")):
        with contextlib.suppress(OSError, msgspec.DecodeError):
            found.update(msgspec.json.decode(path.read_bytes(), type=dict[str, str]))
    return found
