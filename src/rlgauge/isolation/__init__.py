"""Python environments of their own, for libraries whose dependencies conflict with ours or with each other's.

An environment has two parts, both in the user's cache. The libraries are installed once for a list of requirements,
with what rlgauge itself needs in the same resolution. The Python is a few small files on top of them: an interpreter
that imports one source of rlgauge first (this very one, or a revision's) and then those libraries. So several
checkouts share an installation, and a revision can be measured with the libraries of this interpreter.
"""

from __future__ import annotations

from rlgauge.isolation.definitions import requirements_of
from rlgauge.isolation.environment import (
    Environment,
    environment,
    environment_of,
    environment_of_revision,
    installed,
    names,
    remove,
)
from rlgauge.isolation.folders import Listen

__all__ = [
    "Environment",
    "Listen",
    "environment",
    "environment_of",
    "environment_of_revision",
    "installed",
    "names",
    "remove",
    "requirements_of",
]
