"""A folder as the hub's own library leaves it in its cache."""

from __future__ import annotations

from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def make_repository(cache: Path, name: str, *, kind: str = "model", branch: str | None = "main") -> Path:
    """The empty folder of one commit, and a branch that points to it."""
    home = cache / f"{kind}s--{name.replace('/', '--')}"
    folder = home / "snapshots" / COMMIT
    folder.mkdir(parents=True)
    if branch is not None:
        (home / "refs").mkdir()
        (home / "refs" / branch).write_text(COMMIT)
    return folder
