"""Environments that we register, known to a script that imports none of our modules."""

from __future__ import annotations

from rlgauge.envs.ids import announce
from rlgauge.kinds.train.script.hooks import after_import


def install() -> None:
    """Have Gymnasium know them once it is imported: of those that nobody asks for, no more than the id is made."""
    after_import("gymnasium", lambda _module: announce())
