"""What counts in a Python that a command started: in the first one that imports a library of environments."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import time
from pathlib import Path
from types import ModuleType

import msgspec

from rlgauge.core.files import create_exclusively, write_atomic
from rlgauge.kinds.train.journal import Journal
from rlgauge.kinds.train.script import counting, labels, logging_hooks
from rlgauge.kinds.train.script.hooks import after_import
from rlgauge.kinds.train.spec import OUTCOME, Outcome, Spec

_CLAIM = "hooked"
"""The file in the run's folder of artifacts that the process creates which counts."""
_LIBRARIES = ("gymnasium", "gym", "envpool")


def install(path: str) -> None:
    """Begin to count when a library of environments is imported, unless another process of the run does by then."""
    counter = _Counter(Path(path))
    for name in _LIBRARIES:
        after_import(name, counter.begin)


class _Counter:
    """Counts for a run, if this process is the one that does."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._is_asked = False

    def begin(self, _module: ModuleType) -> None:
        """Become the process that counts. A run must not fail because it can't."""
        if self._is_asked:
            return
        self._is_asked = True
        with contextlib.suppress(OSError, msgspec.DecodeError):
            spec = msgspec.json.decode(self._path.read_bytes(), type=Spec)
            if create_exclusively(spec.artifacts / _CLAIM, str(os.getpid()).encode()):
                _count(spec)


def _count(spec: Spec) -> None:
    spec = msgspec.structs.replace(spec, script=_program() or spec.script)
    journal = Journal(spec.artifacts, keep_rewards=spec.keep_rewards)
    counting.install(journal, spec)
    logging_hooks.install(journal)
    atexit.register(_finish, spec, journal, os.getpid())


def _finish(spec: Spec, journal: Journal, pid: int) -> None:
    """Tell what was counted, at the end of the process."""
    if os.getpid() != pid:
        return
    counting.stop()
    made = counting.made()
    outcome = Outcome(
        error=_wrong(spec, made),
        environments=made,
        warnings=counting.warnings(),
        train_seconds=time.monotonic() - journal.start,
        facts={
            "num_steps": counting.num_steps(),
            "num_episodes": counting.num_episodes(),
            "num_other_episodes": counting.num_others(),
        },
    )
    with contextlib.suppress(OSError):
        write_atomic(spec.artifacts / OUTCOME, msgspec.json.encode(outcome))


def _program() -> str | None:
    """The file that this process runs; None where it has none."""
    file = getattr(sys.modules["__main__"], "__file__", None)
    return None if file is None else str(Path(file).absolute())


def _wrong(spec: Spec, made: list[str]) -> str | None:
    """What is wrong where other environments were made than the run is labelled with."""
    if spec.env is None or not made or any(labels.is_same(spec.env, one) for one in made):
        return None
    return f"The command makes {', '.join(made)}, not {spec.env}: see that {{env}} reaches it."
