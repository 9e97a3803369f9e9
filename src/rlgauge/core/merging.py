"""Merging stores: what was run on several machines, in one folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec

from rlgauge.core.files import plain_errors
from rlgauge.core.links import BY_ALGORITHM
from rlgauge.core.run import Run, Status
from rlgauge.core.store import Store, Tell


class Merged(msgspec.Struct):
    """How many attempts were copied, how many were there before, and how many still run and were left."""

    num_copied: int = 0
    num_there: int = 0
    num_running: int = 0


def merge(store: Store, source: Store, tell: Tell = lambda _text: None) -> Merged:
    """Copy every attempt that has ended into the store, which may be in use; `tell` is told of damaged ones.

    An attempt is known by its name, so that to merge again copies what is new. Links to runs are made anew. Raises
    StoreError.
    """
    found = Merged()
    for case_folder in source.case_folders():
        for run in source.attempts(case_folder, tell):
            if run.status is Status.RUNNING:
                found.num_running += 1
            elif _copy(run, store.root / case_folder.relative_to(source.root) / run.attempt):
                found.num_copied += 1
            else:
                found.num_there += 1
    _copy_links(store.root, source.root)
    return found


def _copy(run: Run, target: Path) -> bool:
    """Copy the attempt's folder, which appears whole; whether it was not there."""
    part = target.with_name(f".{target.name}.part")
    with plain_errors(target):
        if target.exists():
            return False
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(run.folder, part, symlinks=True)
        part.rename(target)
    return True


def _copy_links(root: Path, source: Path) -> None:
    for link in sorted((source / BY_ALGORITHM).glob("*/*/*")):
        target = root / link.relative_to(source)
        if link.is_symlink() and not target.is_symlink():
            with plain_errors(target):
                target.parent.mkdir(parents=True, exist_ok=True)
                target.symlink_to(link.readlink(), target_is_directory=True)
