"""Run by every Python that a command starts, since its folder stands first on PYTHONPATH."""

from __future__ import annotations

import contextlib
import os
import sys
from importlib.machinery import PathFinder

_HERE = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120  # every Python waits for this: no pathlib


def _run_the_one_hidden() -> None:
    """Run the `sitecustomize` that would have been found without this one."""
    others = [path for path in sys.path if os.path.abspath(path) != _HERE]  # noqa: PTH100
    spec = PathFinder.find_spec("sitecustomize", others)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(sys.modules[__name__])


def _count() -> None:
    with contextlib.suppress(ImportError):  # a Python that does not have this package, or another of it
        from rlgauge.kinds.train.hooked import SPEC_VARIABLE

        if SPEC_VARIABLE in os.environ:
            from rlgauge.kinds.train.hooked import process

            process.install(os.environ[SPEC_VARIABLE])


_count()
_run_the_one_hidden()  # last, for its names replace these
