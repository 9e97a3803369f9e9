"""What counts in each Python that a command started and that imports a library of environments."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import time
from pathlib import Path
from types import ModuleType

import msgspec

from rlgauge.core.files import write_atomic
from rlgauge.kinds.train.journal import Journal, encoded, of_child
from rlgauge.kinds.train.script import counting, imports, known, labels, logging_hooks
from rlgauge.kinds.train.script.hooks import after_import
from rlgauge.kinds.train.spec import OUTCOME, Outcome, Spec

_LIBRARIES = ("gymnasium", "gym", "envpool")


def install(path: str) -> None:
    """Begin to count when a library of environments is imported."""
    imports.install()
    known.install()
    counter = _Counter(Path(path))
    for name in _LIBRARIES:
        after_import(name, counter.begin)


class _Counter:
    """Counts for a run in this process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._is_asked = False

    def begin(self, _module: ModuleType) -> None:
        """Count from now on. A run must not fail because it can't."""
        if self._is_asked:
            return
        self._is_asked = True
        with contextlib.suppress(OSError, msgspec.DecodeError):
            begun = self._path.stat().st_mtime  # it is written just before the command starts
            spec = msgspec.json.decode(self._path.read_bytes(), type=Spec)
            _count(spec, time.monotonic() - max(0.0, time.time() - begun))


def _count(spec: Spec, start: float) -> None:
    """Count from now on, on the clock of the run; a process that only looks or launches others writes nothing."""
    spec = msgspec.structs.replace(spec, script=_program() or spec.script)
    journal = Journal(spec.artifacts, keep_rewards=spec.keep_rewards, start=start, is_shared=True)
    counting.install(journal, spec, is_one_of_many=True)
    logging_hooks.install(journal)
    imports.note(_program() or "")
    atexit.register(_finish, spec, journal, os.getpid())


def _finish(spec: Spec, journal: Journal, pid: int) -> None:
    """Tell what was counted, at the end of a process that made environments, or stepped some."""
    if os.getpid() != pid:
        return
    logging_hooks.stop()
    counting.stop()
    made = counting.made()
    if not made and not counting.num_steps() and not counting.num_others():
        return
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
    imports.write(spec.artifacts)
    path = spec.artifacts / of_child(OUTCOME, pid)
    with contextlib.suppress(OSError):
        path.parent.mkdir(exist_ok=True)
        write_atomic(path, encoded(outcome))


def _program() -> str | None:
    """The file that this process runs; None where it has none."""
    file = getattr(sys.modules["__main__"], "__file__", None)
    return None if file is None else str(Path(file).absolute())


def _wrong(spec: Spec, made: list[str]) -> str | None:
    """What is wrong where other environments were made than the run is labelled with."""
    steps = counting.steps_by_env()
    is_stepped = any(steps.values())  # one that only looks at what there is may make anything
    if not is_stepped or spec.env is None or not labels.is_other(spec.env, made, steps):
        return None
    what = f"trains elsewhere ({labels.told(steps)})" if spec.env in made else f"makes {', '.join(made)}"
    return f"The command {what}, not {spec.env}: see that {{env}} reaches it."
