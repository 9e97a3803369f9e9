"""Runs that were made of files that have changed since, though nothing in the command tells of these."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from rlgauge.kinds.train.script import imports


def changed(artifacts: Path) -> list[str]:
    """The files that the processes of a run have read as their own, and that are gone or say something else."""
    return [path for path, said in imports.read(artifacts).items() if _says(path) != said]


def warning(folders: Iterable[Path]) -> str | None:
    """What to know of runs that are not made again, by their folders; None where all is as it was."""
    found = [files for folder in folders if (files := changed(folder / "artifacts"))]
    if not found:
        return None
    names = sorted({os.path.relpath(path) for files in found for path in files})
    runs = "1 run that is there was" if len(found) == 1 else f"{len(found)} runs that are there were"
    return (
        f"{runs} made of files that have changed since ({', '.join(names)}), and will not be made again by this "
        "command: remove their folders, or choose another --out."
    )


def _says(path: str) -> str | None:
    try:
        return imports.hash_of(Path(path).read_bytes())
    except OSError:
        return None
