"""Files that are whole or absent, and errors of the disk in a sentence."""

from __future__ import annotations

import contextlib
import errno
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

from rlgauge.core.errors import UserError

_ADVICE = {
    errno.ENOSPC: "free some space and give the same command again",
    errno.EDQUOT: "free some of your quota and give the same command again",
    errno.EROFS: "choose another output folder",
    errno.EACCES: "choose another output folder or change its permissions",
    errno.EPERM: "choose another output folder or change its permissions",
    errno.EEXIST: "a file has the folder's name; choose another output folder",
    errno.ENOTDIR: "a part of its path is a file; choose another output folder",
    errno.EFBIG: "raise the limit on file sizes (`ulimit -f`) and give the same command again",
}


class StoreError(UserError):
    """The store can't be written or read; what was measured before stays."""


class DamagedError(StoreError):
    """A run's config.json can't be understood: nobody knows of what the run is."""

    def __init__(self, path: str, reason: Exception) -> None:
        """Say which file, why, and what becomes of it."""
        super().__init__(
            f"{path} is damaged ({reason}): the run is passed over, and the command that made it measures it again."
        )


@contextlib.contextmanager
def plain_errors(path: Path, verb: str = "write") -> Iterator[None]:
    """Turn an operating system's error about `path` into a StoreError that says what to do."""
    try:
        yield
    except OSError as error:
        advice = _ADVICE.get(error.errno or 0, "see that the folder exists and is yours")
        raise StoreError(
            f"Can't {verb} {path}: {error.strerror or error}. What was measured before stays; {advice}."
        ) from error


def write_atomic(path: Path, content: bytes, *, is_synced: bool = True) -> None:
    """Write the file whole: under a temporary name, synced unless it may be lost in a power cut, then renamed.

    Raises StoreError.
    """
    part = path.parent / f".{path.name}.{uuid.uuid4().hex}.part"  # the name of "." is empty
    with plain_errors(path):
        try:
            with part.open("wb") as file:
                file.write(content)
                file.flush()
                if is_synced:
                    os.fsync(file.fileno())
            part.replace(path)
        except OSError:
            part.unlink(missing_ok=True)
            raise


def cache_folder() -> Path:
    """Where what can be made again is kept: $RLGAUGE_CACHE, else $XDG_CACHE_HOME/rlgauge, else ~/.cache/rlgauge."""
    own = os.environ.get("RLGAUGE_CACHE")
    general = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return (Path(own) if own else Path(general) / "rlgauge").absolute()


def read_if_there(path: Path) -> bytes | None:
    """The file's content; None where there is no such file. Raises StoreError."""
    with plain_errors(path, "read"):
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None


def write_all(descriptor: int, content: bytes) -> None:
    """Write every byte: a full disk may take only some of them without saying so."""
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def create_exclusively(path: Path, content: bytes) -> bool:
    """Create the file with its content in one step; False where it exists already. Raises StoreError."""
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    with plain_errors(path):
        try:
            part.write_bytes(content)
            os.link(part, path)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in {errno.EPERM, errno.ENOTSUP, errno.ENOSYS}:
                raise
            return _create_without_links(path, content)
        finally:
            part.unlink(missing_ok=True)
    return True


def _create_without_links(path: Path, content: bytes) -> bool:
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError:
        return False
    return True
