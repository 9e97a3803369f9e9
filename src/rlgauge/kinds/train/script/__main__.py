"""`python -m rlgauge.kinds.train.script SPEC`: runs a script, tests what it trained, tells how it ended."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import os
import signal
import sys
import time
from pathlib import Path

import msgspec

from rlgauge.core.errors import UserError
from rlgauge.core.files import write_atomic
from rlgauge.kinds.train.journal import Journal, encoded
from rlgauge.kinds.train.script import (
    after,
    counting,
    ending,
    imports,
    known,
    labels,
    logging_hooks,
    nearby,
    seeding,
    standard_error,
    threads,
    time_up,
)
from rlgauge.kinds.train.script.after import Finished
from rlgauge.kinds.train.script.ending import Ending
from rlgauge.kinds.train.script.running import Run
from rlgauge.kinds.train.spec import OUTCOME, TRAINED, Outcome, Spec, read_spec

_USAGE = 2
"""The exit code of a mistake in the command."""


def main(path: str) -> int:
    """The exit code of the script, after its outcome has been written."""
    spec = read_spec(Path(path))
    try:
        run = Run(spec)
    except SyntaxError as error:
        place = f" in line {error.lineno}" if error.lineno else ""
        return _refused(spec, f"{Path(spec.script).name} does not parse: {error.msg}{place}.", error)
    except OSError as error:
        return _refused(spec, f"Can't read {spec.script}: {error.strerror or error}.", None)
    except UserError as error:
        return _refused(spec, str(error), None)
    return _run(run, spec)


def _run(run: Run, spec: Spec) -> int:
    """The exit code of a script that can be run."""
    journal = Journal(spec.artifacts, keep_rewards=spec.keep_rewards)
    seeding.install(spec)
    counting.install(journal, spec)
    logging_hooks.install(journal)
    threads.install()
    imports.install()
    known.install()
    standard_error.install()
    time_up.install()
    pid = os.getpid()
    script = run.script
    brought = nearby.bring(script.folder, Path.cwd(), texts=script.texts_around, args=spec.args)
    gc.freeze()  # what is here now need not be looked through again and again while the script trains
    ended = _ended(run)
    if os.getpid() != pid:  # the script has forked, and this is the child: the rest is its parent's
        return ended.exit_code
    if not time_up.is_up():
        with contextlib.suppress(time_up.TimeUp):
            threads.wait(counting.num_own_steps)
    time_up.stop()
    going_on = threads.warnings(counting.num_own_steps, counting.stepping_threads())
    seconds = time.monotonic() - journal.start
    signal.setitimer(signal.ITIMER_REAL, 0)  # an alarm of the script's is not meant for what follows
    logging_hooks.stop()  # what a policy logs while it is tested is none of its training
    counting.stop()
    made, steps = counting.made(), counting.steps_by_env()
    error = ended.error or run.unread or labels.wrong(run.plan, spec, made, script.path.name, steps)
    has_failed = ended.error is not None and not time_up.is_up()
    doubts = [] if ended.error else labels.doubts(run.plan, spec, made, script.texts, steps)
    outcome = Outcome(
        error=error,
        trace=ended.trace or time_up.trace(script.path.parent),
        exit_code=ended.exit_code or int(error is not None),
        environments=made,
        warnings=[*run.warnings, *doubts, *going_on, *counting.warnings(has_failed=has_failed)],
        train_seconds=seconds,
        facts=_facts(run, brought),
    )
    imports.write(spec.artifacts)
    if time_up.is_up():
        _return_to(spec.artifacts)
        saving = msgspec.structs.replace(spec, num_test_episodes=0)
        outcome = _with(outcome, after.finish(saving, run.left, journal))
    elif error is None:
        _write(outcome, spec, TRAINED)
        _return_to(spec.artifacts)
        outcome = _with(outcome, after.finish(spec, run.left, journal, counting.witness()))
    _write(outcome, spec, OUTCOME)
    return outcome.exit_code or 0


def _with(outcome: Outcome, finished: Finished) -> Outcome:
    """The outcome with what became of the things that the script left."""
    return msgspec.structs.replace(
        outcome,
        saved=finished.saved,
        actor=finished.actor,
        warnings=[*outcome.warnings, *finished.warnings],
    )


def _ended(run: Run) -> Ending:
    """How the script ended, having run it to its end."""
    try:
        run()
    except BaseException as error:  # noqa: BLE001  # whatever a script raises is how it ended
        ending.show(error)
        printed = standard_error.last_line(run.args)
        ended = ending.ending_of(error, run.script.path, printed=printed)
        advice = nearby.advice(error, run.script.folder)
        return dataclasses.replace(ended, error=f"{(ended.error or '').rstrip('.')}.{advice}") if advice else ended
    return Ending(0)


def _facts(run: Run, brought: list[str]) -> dict[str, object]:
    """How the script was given what it was, and what was counted."""
    from rlgauge.core.provenance import masked

    return {
        "argv": masked(run.plan.argv),
        "ways": dict(run.plan.ways),
        **({"brought": brought} if brought else {}),
        "num_steps": counting.num_steps(),
        "num_episodes": counting.num_episodes(),
        "num_other_episodes": counting.num_others(),
    }


def _return_to(folder: Path) -> None:
    """Work where files can be written, wherever the script has gone."""
    with contextlib.suppress(OSError):
        os.chdir(folder)


def _refused(spec: Spec, error: str, cause: SyntaxError | None) -> int:
    """The exit code of a script that can't be run, after saying why."""
    trace = None if cause is None else ending.trace_of(cause, Path(spec.script))
    sys.stderr.write(f"{trace or error}\n")
    _write(Outcome(error=error, trace=trace, is_usage=True, exit_code=_USAGE), spec, OUTCOME)
    return _USAGE


def _write(outcome: Outcome, spec: Spec, name: str) -> None:
    write_atomic(spec.artifacts / name, encoded(outcome))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
