"""Measuring one training: the script's process from its start to its end, and what it came to."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import re
import shlex
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from rlgauge.core import provenance
from rlgauge.core.case import Case
from rlgauge.core.errors import UserError
from rlgauge.core.execute import EndedError
from rlgauge.core.execute import Outcome as RunOutcome
from rlgauge.core.files import plain_errors, write_atomic
from rlgauge.core.run import KILLED, USAGE, Record, Status
from rlgauge.core.workload import Context
from rlgauge.kinds.train.hooked import SPEC_VARIABLE
from rlgauge.kinds.train.journal import settled
from rlgauge.kinds.train.output import end_of
from rlgauge.kinds.train.process import Ended, Until, run_process
from rlgauge.kinds.train.reading import (
    Training,
    count_of,
    num_scalars,
    read_outcome,
    read_tests,
    read_training,
    record_of,
    told_by,
)
from rlgauge.kinds.train.repository import changes
from rlgauge.kinds.train.script import imports
from rlgauge.kinds.train.spec import (
    OUTCOME,
    SOURCE,
    SPEC,
    TRAINED,
    VIDEOS,
    WEIGHTS,
    WORK,
    Outcome,
    Spec,
    as_file,
    secrets_of,
)
from rlgauge.kinds.train.variables import variables_of
from rlgauge.kinds.train.workload import ScriptWorkload

_PRINTED = "cout.txt"
_GRACE_SECONDS = 10.0
"""So long a script whose time is up has to save what it has."""
_UNFLUSHED = 120
"""The exit code of a Python that could not write the last of its output."""
_NUM_LINES = 40
_ACTIVATED = ("VIRTUAL_ENV", "CONDA_PREFIX")
_HOOKED = Path(__file__).parent / "hooked"
_OF_A_COMMAND = "what a command has trained is not known."
_UNCOUNTED = (
    "Nothing was counted: no Python that the command started has rlgauge and steps environments of Gymnasium, Gym or "
    "EnvPool. Where one should, install rlgauge there."
)
_TRACEBACK = "Traceback (most recent call last)"
_FATAL = re.compile(rf"^(?:{re.escape(_TRACEBACK)}|Fatal Python error)", re.MULTILINE)
_OURS = re.escape(str(Path(__file__).parent / "script"))
_NEEDLESS = re.compile(rf'^(?:Extension modules: |  File "(?:{_OURS}/|<frozen runpy>)).*\n', re.MULTILINE)
"""Lines of Python's faulthandler that say nothing of the fault: names of modules, and frames of ours."""


def measure(workload: ScriptWorkload, case: Case, context: Context) -> Iterator[Record]:
    """The training as a record, and one for each test episode, when all is done.

    None comes before, for an attempt that fails must leave the next no numbers. Raises EndedError for a run that did
    not come to its end, UserError for what can't be started.
    """
    workload.check(case)
    with _artifacts(context) as folder:
        spec = workload.spec(case, folder)
        output = output_of(folder)
        context.result.update(_prepare(workload, spec))
        try:
            ended = _run(workload, case, spec, output)
        except BaseException:
            _settle(folder)
            raise
        told = _read(folder, ended)
        context.result.update(_result(ended, told, folder))
        _judge(ended, told, workload, context.result, output=output, folder=folder)
        records = list(_records(ended, told, workload, folder))
        if workload.template is None and workload.num_tests and len(records) == 1:
            context.result.setdefault("warnings", []).extend(_of_old_gymnasium(_gymnasium()))
    yield from records
    yield from _stale(context, {record.index for record in records})


class _Told(NamedTuple):
    """What a process has left in its files; `is_whole` tells that it came to its own end."""

    outcome: Outcome | None
    is_whole: bool
    training: Training


def _read(folder: Path, ended: Ended) -> _Told:
    """What the process told, or what it told before its tests where these brought it down."""
    _settle(folder)
    outcome = read_outcome(folder)
    before = None if outcome is not None or ended.is_overdue else read_outcome(folder, TRAINED)
    return _Told(outcome or before, before is None, read_training(folder))


def _settle(folder: Path) -> None:
    with contextlib.suppress(OSError):  # where there is no room for lines, the records are read as they are
        settled(folder)


def _records(ended: Ended, told: _Told, workload: ScriptWorkload, folder: Path) -> Iterator[Record]:
    """The record of the training, and those of the tests: all or none, for the first to end are the short ones."""
    outcome = told.outcome
    seconds = ended.seconds if outcome is None or workload.template is not None else outcome.train_seconds
    steps = None if outcome is None else count_of(outcome.facts, "num_steps")
    yield record_of(told.training, num_steps=steps, train_seconds=seconds)
    if told.is_whole:
        yield from read_tests(folder)


@contextlib.contextmanager
def _artifacts(context: Context) -> Iterator[Path]:
    """The folder for all that is left; a passing one where nothing is stored."""
    if context.artifacts is not None:
        yield context.artifacts.absolute()
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def output_of(folder: Path) -> Path:
    """What the run prints goes beside the artifacts, where all runs have it."""
    beside = folder.parent / _PRINTED
    return beside if beside.is_file() else folder / _PRINTED


def _prepare(workload: ScriptWorkload, spec: Spec) -> dict[str, Any]:
    """Make the folders and the spec, keep the source; what the result says of it."""
    folder = spec.artifacts
    with plain_errors(folder):
        for name in (SOURCE, WORK, WEIGHTS, VIDEOS):
            (folder / name).mkdir(exist_ok=True)
        if workload.source is not None:
            workload.source.copy(folder / SOURCE)
            workload.check_copy(folder / SOURCE)
    write_atomic(folder / SPEC, as_file(spec))
    if (changed := changes(_folder_of(workload))) is not None:
        write_atomic(folder / SOURCE / "changes.diff", changed)
    told = {"source": _source_of(workload), "variables": _variables(workload, spec)}
    write_atomic(folder / SOURCE / "source.json", msgspec.json.format(msgspec.json.encode(told["source"])))
    return told


def _source_of(workload: ScriptWorkload) -> dict[str, Any]:
    """What was run: files, arguments, and the state of their git repository."""
    source = workload.source
    return {
        "script": workload.target,
        "args": provenance.masked(workload.args),
        "files": [] if source is None else list(source.files),
        "digest": "" if source is None else source.digest(),
        "repository": msgspec.to_builtins(provenance.repository(_folder_of(workload))),
    }


def _folder_of(workload: ScriptWorkload) -> Path:
    """Where the script lies; of a command that names none, where it was given."""
    return Path.cwd() if workload.source is None else Path(next(iter(workload.source.files.values()))).parent


def _variables(workload: ScriptWorkload, spec: Spec) -> dict[str, str]:
    return variables_of(spec.seed, script=workload.target, env=spec.env)


def _run(workload: ScriptWorkload, case: Case, spec: Spec, output: Path) -> Ended:
    """Run the script's process to its end."""
    variables = {**os.environ, **_variables(workload, spec)}
    if workload.template is not None:
        argv = workload.template.argv(env=spec.env, seed=case.seed)
        if not any(name in variables for name in _ACTIVATED):  # then `python` is the one that we are run by
            variables["PATH"] = _before(str(Path(sys.executable).parent), variables.get("PATH"))
        variables["PYTHONPATH"] = _before(str(_HOOKED), variables.get("PYTHONPATH"))
        variables[SPEC_VARIABLE] = str(spec.artifacts / SPEC)
    else:
        argv = [sys.executable, "-P", "-m", "rlgauge.kinds.train.script", str(spec.artifacts / SPEC)]
        variables |= secrets_of(spec)
        if workload.source is not None and workload.source.is_module:
            variables["PYTHONPATH"] = _before(workload.source.root, variables.get("PYTHONPATH"))
    try:
        return run_process(
            argv,
            folder=spec.artifacts / WORK,
            variables=variables,
            output=output,
            until=_until(workload, spec.artifacts),
        )
    except (FileNotFoundError, PermissionError) as error:
        raise UserError(f"{shlex.join(argv[:1])} can't be started: {error.strerror}.") from error


def _until(workload: ScriptWorkload, folder: Path) -> Until:
    """When the process is ended; a script, unlike a command, is asked to end first, to save what it has."""
    if workload.template is not None:
        return Until(workload.time_limit)
    return Until(workload.time_limit, folder / OUTCOME, grace_seconds=_GRACE_SECONDS, trained=folder / TRAINED)


def _before(path: str, others: str | None) -> str:
    return path if not others else f"{path}{os.pathsep}{others}"


def _result(ended: Ended, told: _Told, folder: Path) -> dict[str, Any]:
    """What is told of every run, whatever became of it."""
    training = told.training
    return {
        "exit_code": ended.code,
        "seconds": ended.seconds,
        "num_episodes": training.num_episodes if training.is_counted else None,
        "num_scalars": num_scalars(folder),
        **({} if told.outcome is None else told_by(told.outcome)),
    }


def _judge(
    ended: Ended, told: _Told, workload: ScriptWorkload, result: dict[str, Any], *, output: Path, folder: Path
) -> None:
    """Raise EndedError where the run did not come to its end."""
    outcome = told.outcome
    failed = _failure(ended, told, workload, output=output, folder=folder)
    if failed is not None:
        raise EndedError(msgspec.structs.replace(failed, result=result))
    if workload.template is not None:
        result["actor"] = _OF_A_COMMAND
        if not told.training.is_counted:
            result["warnings"] = [*result.get("warnings", ()), _UNCOUNTED]
    elif outcome is not None and (ended.is_lingering or (ended.code != 0 and not outcome.exit_code)):
        how = "had to be ended: threads of it went on" if ended.is_lingering else f"ended by {how_it_ended(ended.code)}"
        lost = f"After the script was done its process {how}{'' if told.is_whole else ' in its test episodes'}."
        result["warnings"] = [*result["warnings"], lost]


def _late_failure(ended: Ended, told: _Told, output: Path) -> RunOutcome | None:
    """The outcome of a script that was done, and whose process then ended itself with a code of its own.

    A crash of a library at the process's end is none of the script's, nor are tests that bring it down.
    """
    own = {0, _UNFLUSHED, told.outcome.exit_code if told.outcome is not None else 0}
    if not told.is_whole or ended.is_lingering or ended.code < 0 or ended.code in own:
        return None
    text = f"The script was done, and its process then ended by {how_it_ended(ended.code)}, as at its exit."
    return outcome_of(Status.FAILED, "error", text, trace=where_it_stood(end_of(output)))


def _edited(workload: ScriptWorkload, folder: Path) -> RunOutcome | None:
    """The outcome of a run that read another text than the one that it is filed under; None where that is the same."""
    changed = [] if workload.source is None else workload.source.edited(folder / SOURCE, imports.read(folder))
    if not changed:
        return None
    files = ", ".join(changed)
    text = f"{files} changed between the command and when it was read: what ran is not what the run is filed under."
    return outcome_of(Status.FAILED, "error", f"{text} Give the command again.", trace=None)


def _failure(ended: Ended, told: _Told, workload: ScriptWorkload, *, output: Path, folder: Path) -> RunOutcome | None:
    """The outcome of a run that failed; None where it did not."""
    outcome = told.outcome
    if ended.is_overdue:
        text = f"The run took longer than its limit of {workload.time_limit:g} s."
        saved = "" if outcome is None or not outcome.saved else f" Saved as it was then: {', '.join(outcome.saved)}."
        stood = None if outcome is None else outcome.trace
        return outcome_of(Status.TIMEOUT, "time", text + saved, trace=stood or where_it_stood(end_of(output)))
    is_told = outcome is not None and (workload.template is None or ended.code == 0)
    if outcome is not None and is_told:
        if outcome.error is None:
            late = _late_failure(ended, told, output) if workload.template is None else None
            return late or _edited(workload, folder)
        kind = USAGE if outcome.is_usage else "error"
        return outcome_of(Status.FAILED, kind, outcome.error, trace=outcome.trace)
    if ended.code == 0 and workload.template is not None:
        return None
    text, stood = f"The script's process ended by {how_it_ended(ended.code)}.", where_it_stood(end_of(output))
    if ended.code == 1 and stood.startswith(_TRACEBACK):  # as Python ends by an exception
        return outcome_of(Status.FAILED, "error", stood.splitlines()[-1], trace=stood)
    if ended.code == 0:
        text = "The script's process ended with exit code 0, and told no results: os._exit, or another program."
    kind = KILLED if ended.code == -signal.SIGKILL else "error" if ended.code > 0 else "crash"
    return outcome_of(Status.FAILED, kind, text, trace=stood)


def _gymnasium() -> str | None:
    """The version of Gymnasium that is installed where the script runs; None where there is none."""
    try:
        return importlib.metadata.version("gymnasium")
    except importlib.metadata.PackageNotFoundError:
        return None


def _of_old_gymnasium(version: str | None) -> Iterator[str]:
    """What is to be known where nothing was tested with a Gymnasium older than 1.0."""
    if version is not None and version.startswith("0."):
        yield (
            f"Gymnasium {version} is older than 1.0: its episodes are counted, but what was trained in its vectors of "
            "environments can't be tested."
        )


def outcome_of(status: Status, kind: str, message: str, *, trace: str | None) -> RunOutcome:
    """The outcome, whose trace begins with its message."""
    text = f"{message}\n{trace}" if trace else message
    return RunOutcome(status=status, fail_kind=kind, fail_trace=text, message=message)


def where_it_stood(printed: str) -> str:
    """The last trace that was printed, or the last lines where there is none."""
    found = list(_FATAL.finditer(printed))
    if found:
        trace = printed[found[-1].start() :].rstrip()
        return trace if trace.startswith(_TRACEBACK) else _NEEDLESS.sub("", f"{trace}\n").rstrip()
    lines = printed.rstrip().splitlines()[-_NUM_LINES:]
    return "\n".join(["What it printed last:", *lines]) if lines else "It printed nothing."


def how_it_ended(code: int) -> str:
    """`exit code 3`, `signal SIGSEGV`."""
    if code >= 0:
        return f"exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:  # a real-time signal
        name = str(-code)
    return f"signal {name}" + (" (out of memory, or killed by hand)" if code == -signal.SIGKILL else "")


def _stale(context: Context, indices: set[int]) -> Iterator[Record]:
    """In place of records that this attempt does not have, of one that was killed while it wrote them."""
    for record in context.kept:
        if record.index not in indices:
            yield Record(record.index, {}, "left by an attempt that was killed at its end")
