"""Following the checkpoints of a training: each is taken once it is whole, and a copy of it is held until it is used.

A training goes on writing: it deletes old checkpoints and writes others over them, and what is read meanwhile would be
half of each. What is evaluated is the copy.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from rlgauge.core.case import slug
from rlgauge.core.errors import UserError
from rlgauge.core.files import plain_errors
from rlgauge.kinds.evaluate.checkpoints import Checkpoint, Manner, is_torn, look

HELD = ".checkpoints"
"""The folder of a store that holds copies."""
_PIECE = 2**20
"""So many bytes are copied at a time."""
_PATIENCE = 10
"""A torn checkpoint that stays as it is for so many times the usual is taken all the same: nobody writes on."""
_LEAST_PATIENCE = 60.0
"""Seconds."""


class _Seen(NamedTuple):
    """What a checkpoint's files were like, and since when."""

    state: object
    since: float


class Follower:
    """The checkpoints of one folder as they become whole.

    One is whole where its files have stayed as they are for `settle` seconds and nothing is lacking. Times are those of
    `clock`, since those of files may be another machine's.
    """

    def __init__(
        self,
        folder: Path,
        manner: Manner,
        *,
        settle: float,
        home: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Look at nothing yet; the folder need not be there. Checkpoints elsewhere than in `home` are passed over."""
        self.folder = folder
        self.home = home
        self.passed_over: dict[Path, str] = {}
        self.changed = clock()
        """When something was seen to have changed last."""
        self._manner = manner
        self._settle = settle
        self._clock = clock
        self._seen: dict[Path, _Seen] = {}
        self._taken: dict[Path, object] = {}

    @property
    def is_unsettled(self) -> bool:
        """Whether a checkpoint is there that has not been taken as it is."""
        return any(self._taken.get(path) != seen.state for path, seen in self._seen.items())

    def look(self, *, is_over: bool = False) -> Iterator[Checkpoint]:
        """Those that have become whole since; where the training is over, torn ones, too, once they keep still."""
        found = look(self.folder, self._manner, home=self.home)
        self.passed_over, self.home = found.passed_over, found.home
        present = self._clock()
        before, self._seen = self._seen, {}
        for checkpoint in found.checkpoints:
            state = _state_of(checkpoint)
            if state is None:
                continue
            seen = before.get(checkpoint.path)
            if seen is None or seen.state != state:
                seen, self.changed = _Seen(state, present), present
            self._seen[checkpoint.path] = seen
            if self._taken.get(checkpoint.path) == state or present - seen.since < self._settle:
                continue
            if not _is_torn(checkpoint, found.checkpoints) or is_over or self._is_given_up(seen, present):
                self._taken[checkpoint.path] = state
                yield checkpoint

    def again(self, checkpoint: Checkpoint) -> None:
        """Look at it anew: it could not be taken after all."""
        self._taken.pop(checkpoint.path, None)
        self._seen[checkpoint.path] = _Seen(object(), self._clock())

    def _is_given_up(self, seen: _Seen, present: float) -> bool:
        return present - seen.since >= max(_PATIENCE * self._settle, _LEAST_PATIENCE)


def hold(checkpoint: Checkpoint, folder: Path) -> Checkpoint | None:
    """A copy of the checkpoint in the folder; None where it changed or went away meanwhile.

    Raises UserError where it can't be read, and StoreError where the copy can't be written.
    """
    part = folder.with_name(f"{folder.name}.part")
    try:
        before = checkpoint.mark()
        shutil.rmtree(part, ignore_errors=True)
        for path, name in _copies(checkpoint):
            _copy(path, part / name)
        if checkpoint.mark() != before:
            return None
    except FileNotFoundError:  # deleted by the training
        return None
    except OSError as error:
        raise UserError(f"Could not read '{error.filename or checkpoint.path}': {error.strerror}.") from error
    shutil.rmtree(folder, ignore_errors=True)
    with plain_errors(folder):
        part.replace(folder)
    return held(checkpoint, folder)


def held(checkpoint: Checkpoint, folder: Path) -> Checkpoint:
    """The checkpoint as its copy in the folder has it."""
    copies = dict(_copies(checkpoint))
    parts = tuple(folder / copies[path] for path in checkpoint.parts)
    return Checkpoint(path=folder / copies[checkpoint.path], step=checkpoint.step, parts=parts)


def _copies(checkpoint: Checkpoint) -> Iterator[tuple[Path, str]]:
    """What is copied, and the name of the copy.

    That of the policy holds nothing that a URI would read otherwise; a file of ONNX names those of its weights.
    """
    yield checkpoint.path, slug(checkpoint.path.name)
    yield from ((path, path.name) for path in checkpoint.parts)


def _copy(source: Path, target: Path) -> None:
    """Copy a file, or all files of a folder. Raises OSError where it can't be read, and StoreError."""
    if source.is_dir():
        for name in sorted(os.listdir(source)):  # noqa: PTH208  # names
            _copy(source / name, target / name)
        return
    if source.is_symlink() and not source.exists():  # to nowhere: nothing can be read from it
        return
    with plain_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    with source.open("rb") as file, plain_errors(target), target.open("wb") as copy:
        shutil.copyfileobj(file, copy, _PIECE)


def _state_of(checkpoint: Checkpoint) -> object | None:
    with contextlib.suppress(OSError):
        return checkpoint.state()
    return None


def _is_torn(checkpoint: Checkpoint, all_: Iterable[Checkpoint]) -> bool:
    try:
        return is_torn(checkpoint, all_)
    except OSError:  # deleted, or not yet readable
        return True
