"""Revisions of a git repository, exported: they stay what they are, whatever becomes of the repository."""

from __future__ import annotations

import os
import subprocess
import zipfile
from pathlib import Path

from rlgauge.core.errors import UserError

_GIT_SECONDS = 120.0


def commit_of(repo: Path, revision: str) -> str:
    """The commit that a branch, tag or hash names. Raises UserError for none, or where `repo` is no repository."""
    if revision.startswith("-") or not revision.strip():
        raise UserError(f"{revision!r} is no git revision; name a branch, a tag or a commit.")
    _git(repo, "rev-parse", "--git-dir", hope=f"{repo} is not a git repository that can be read")
    hope = f"There is no revision {revision!r} in {repo}; name a branch, a tag or a commit"
    return _git(repo, "rev-parse", "--verify", f"{revision}^{{commit}}", hope=hope).strip()


def export(repo: Path, commit: str, folder: Path) -> None:
    """Write the files of a commit into the folder, which does not exist yet. Raises UserError."""
    archive = folder.with_name(f"{folder.name}.zip")
    hope = f"Commit {commit} of {repo} can't be exported"
    _git(repo, "archive", "--format=zip", f"--output={archive.absolute()}", commit, hope=hope)
    with zipfile.ZipFile(archive) as file:
        file.extractall(folder)
    archive.unlink()


def _git(repo: Path, *arguments: str, hope: str) -> str:
    """What git prints. Raises UserError that begins with `hope`, and ends with what git says."""
    try:
        return subprocess.run(
            ["git", "-C", str(repo), *arguments],
            check=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_GIT_SECONDS,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
        ).stdout
    except FileNotFoundError:
        raise UserError("git is not installed; revisions can't be compared without it.") from None
    except subprocess.TimeoutExpired:
        raise UserError(f"git took longer than {_GIT_SECONDS:g} s for a revision of {repo}; try again.") from None
    except subprocess.CalledProcessError as error:
        raise UserError(f"{hope} (git: {error.stderr.strip().partition(chr(10))[0]}).") from None
