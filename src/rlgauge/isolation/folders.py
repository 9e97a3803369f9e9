"""Folders of the cache that are whole or absent, and made by one process at a time."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from rlgauge.core.errors import UserError
from rlgauge.core.files import cache_folder, plain_errors

Listen = Callable[[str], None]
"""It is told in sentences what is going on."""
_POLL_SECONDS = 0.1


def environments_folder() -> Path:
    """Where environments are kept, see `cache_folder`."""
    return cache_folder() / "environments"


def make_once(folder: Path, make: Callable[[Path], None], *, listen: Listen, limit_seconds: float) -> bool:
    """Whether it had to be made: `make` fills a temporary folder, which is renamed when whole.

    Of several processes that ask at once one makes it and the others wait. What a killed one left is swept away.
    Raises UserError when another process takes longer than `limit_seconds`, StoreError where nothing can be written.
    """
    if folder.is_dir():
        return False
    with locked(folder, listen=listen, limit_seconds=limit_seconds):
        if folder.is_dir():
            return False
        for left in folder.parent.glob(f".{folder.name}.*.part"):
            shutil.rmtree(left, ignore_errors=True)
        part = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}.part")
        try:
            with plain_errors(folder):
                part.mkdir()
                make(part)
                part.rename(folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return True


def discard(folder: Path, *, listen: Listen, limit_seconds: float) -> None:
    """Remove a folder; a killed removal leaves nothing under its name."""
    with locked(folder, listen=listen, limit_seconds=limit_seconds), plain_errors(folder, "remove"):
        part = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}.part")
        with contextlib.suppress(FileNotFoundError):
            folder.rename(part)
            shutil.rmtree(part)


@contextlib.contextmanager
def locked(folder: Path, *, listen: Listen, limit_seconds: float) -> Iterator[None]:
    """Keep other processes from making or removing the folder; the lock ends with its process."""
    with plain_errors(folder.parent):
        folder.parent.mkdir(parents=True, exist_ok=True)
        file = folder.with_name(f".{folder.name}.lock").open("wb")
    with file:
        with plain_errors(folder.parent, "lock"):
            _wait(file.fileno(), folder, listen=listen, limit_seconds=limit_seconds)
        yield


def _wait(descriptor: int, folder: Path, *, listen: Listen, limit_seconds: float) -> None:
    deadline = time.monotonic() + limit_seconds
    is_first = True
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise UserError(
                    f"Another process has been at work on {folder} for {limit_seconds:g} s; "
                    "wait until it is ready, or end it, and give the same command again."
                ) from None
            if is_first:
                listen(f"Waiting for another process that is at work on {folder}.")
                is_first = False
            time.sleep(_POLL_SECONDS)
        else:
            return
