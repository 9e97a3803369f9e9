"""What was changed in a script's git repository since its last commit."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_TIMEOUT_SECONDS = 10.0
_MOST_BYTES = 4 * 2**20
"""A larger difference is no edit, but data; its hash is known all the same."""


def changes(folder: Path) -> bytes | None:
    """What `git diff` tells of tracked files, whatever the user's configuration; None without any, or where it can't.

    A binary file is named, and its content left out.
    """
    command = ["git", "-C", str(folder), "diff", "--no-color", "--no-ext-diff", "--no-textconv", "HEAD"]
    try:
        found = subprocess.run(
            command,
            check=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT_SECONDS,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return found if 0 < len(found) <= _MOST_BYTES else None
