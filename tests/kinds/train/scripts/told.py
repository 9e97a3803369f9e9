"""What the scripts beside this file tell of how they were run: a file in their working folder."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path


def tell(**values: object) -> None:
    """Write the values, and where they were told."""
    words = vars(sys)["argv"]  # no script reads arguments for having this imported
    told = {"argv": words[1:], "file": Path(words[0]).name, "folder": Path.cwd().name, "pid": os.getpid()}
    Path("told.json").write_text(json.dumps({**told, **values}))
