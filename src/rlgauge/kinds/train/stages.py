"""What a training of ours is at while it goes on, and how far: a small file that is written anew now and then."""

from __future__ import annotations

import contextlib
import os
import time
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import msgspec

_NAME = "stage.json"
_SIZE = 256
"""Bytes of the file, whatever it says: it is written by one call, and never shorter than before."""
_EVERY_SECONDS = 0.5


class Stage(StrEnum):
    """What comes one after the other in a run, in words."""

    SHOWING = "the expert shows how it is done"
    COMPARING = "random actions and the expert are played, to compare with"
    TRAINING = "training"
    TESTING = "what was trained is tested"


class Far(msgspec.Struct, frozen=True):
    """How far it is: `done` of `total`, in what the algorithm counts in, and the seconds left, as far as known."""

    stage: Stage
    done: int | None = None
    total: int | None = None
    seconds_left: float | None = None


class _Begun(NamedTuple):
    """From where a speed is measured."""

    done: int
    when: float


class Stages:
    """Tells in a folder of artifacts what is being done. A run does not fail because it can't."""

    def __init__(self, folder: Path) -> None:
        """Nothing is told yet."""
        self._path = folder / _NAME
        self._stage = Stage.SHOWING
        self._begun: _Begun | None = None
        self._last = 0.0

    def begin(self, stage: Stage) -> None:
        """Tell that this is being done from now on."""
        self._stage, self._begun = stage, None
        self._write(Far(stage))

    def far(self, done: int, total: int) -> None:
        """Tell how far it is, but not too often. The speed is that since the first call: a training may go on."""
        present = time.monotonic()
        begun = self._begun = self._begun or _Begun(done, present)
        if present - self._last >= _EVERY_SECONDS:
            new = done - begun.done
            left = (present - begun.when) / new * (total - done) if new > 0 else None
            self._write(Far(self._stage, done, total, left))

    def end(self) -> None:
        """Tell nothing any more. What failed goes on telling where it did."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _write(self, far: Far) -> None:
        self._last = time.monotonic()
        with contextlib.suppress(OSError):
            file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                os.pwrite(file, msgspec.json.encode(far).ljust(_SIZE), 0)
            finally:
                os.close(file)


def read_stage(folder: Path) -> Far | None:
    """What was told last in a folder of artifacts; None where nothing was, or it is being written."""
    try:
        return msgspec.json.decode((folder / _NAME).read_bytes(), type=Far)
    except (OSError, msgspec.DecodeError):
        return None
