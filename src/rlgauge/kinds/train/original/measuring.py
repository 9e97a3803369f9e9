"""Measuring one training by the library's own script: its process from its start to its end, and what it came to."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from rlgauge.core.case import Case
from rlgauge.core.errors import UserError
from rlgauge.core.execute import EndedError
from rlgauge.core.files import plain_errors, write_atomic
from rlgauge.core.run import Record, Status
from rlgauge.core.workload import Context
from rlgauge.isolation import Environment
from rlgauge.kinds.train.demonstrations_read import Recorded, write_npz
from rlgauge.kinds.train.experts.expert import Expert
from rlgauge.kinds.train.experts.references import references
from rlgauge.kinds.train.learning import doubts, link_or_warn, reference_stats
from rlgauge.kinds.train.original.task import TASK, TOLD, WORK, Task, Told
from rlgauge.kinds.train.original.workload import OriginalWorkload
from rlgauge.kinds.train.output import end_of
from rlgauge.kinds.train.process import Ended, Until, run_process
from rlgauge.kinds.train.reading import TRAINING, errors_of, read_tests
from rlgauge.kinds.train.supervise import how_it_ended, outcome_of, output_of, where_it_stood
from rlgauge.kinds.train.variables import variables_of

_SHOWN = "demonstrations.npz"


def measure(workload: OriginalWorkload, home: Environment, case: Case, context: Context) -> Iterator[Record]:
    """The training as a record, and one for each test episode, when all is done.

    Raises EndedError for a run that did not come to its end, UserError for what can't be started.
    """
    if context.artifacts is None:
        raise UserError("A training leaves weights and curves: give it a folder (--out).")
    folder, env = context.artifacts.absolute(), str(case.params["environment"]["gym_id"])
    expert = workload.expert_of(env)
    shown = workload.shown(env)
    context.result.update(_known(workload.reference_of(env), shown, env))
    task = _task(workload, case, folder, expert)
    with plain_errors(folder):
        (folder / WORK).mkdir(exist_ok=True)
        if shown is not None:
            write_npz(folder / _SHOWN, shown.demonstrations, environment=env)
    write_atomic(folder / TASK, msgspec.json.format(msgspec.json.encode(task)))
    warnings = [*link_or_warn(folder, case), *(doubts(shown, env) if shown is not None else [])]
    output = output_of(folder)
    ended = _run(home, workload, task, output)
    told = _told(ended, workload, output, context.result)
    tests = read_tests(folder)
    context.result.update(
        told.result,
        sacred=f"{folder.name}/{WORK}/{told.sacred}",
        packages=list(home.packages or ()),
        actor="the trained policy",
        warnings=[*warnings, *errors_of(tests)],
    )
    yield Record(TRAINING, _values(told))
    yield from tests


def _known(expert: Expert | None, shown: Recorded | None, env: str) -> dict[str, Any]:
    """What is known before: of the demonstrations, and the references of our own trainings, which are the same here."""
    stats = reference_stats(None if expert is None else references(env, expert), env)
    known = {"references": stats["references"]}
    return known if shown is None else {**known, "demonstrations": msgspec.to_builtins(shown.record)}


def _task(workload: OriginalWorkload, case: Case, folder: Path, expert: Expert | None) -> Task:
    env = str(case.params["environment"]["gym_id"])
    return Task(
        algorithm=workload.algo,
        env=env,
        seed=case.seed,
        updates=workload.updates(env),
        demonstrations=None if workload.is_unshown else str(folder / _SHOWN),
        expert=None if expert is None else expert.name,
        began_in=str(Path.cwd()),
        num_tests=workload.num_tests,
        folder=str(folder),
    )


def _run(home: Environment, workload: OriginalWorkload, task: Task, output: Path) -> Ended:
    """Run the script's process to its end."""
    argv = [str(home.python), "-P", "-m", __package__, str(Path(task.folder) / TASK)]
    variables = {**home.variables(), **variables_of(task.seed, script=task.algorithm, env=task.env)}
    try:
        return run_process(
            argv,
            folder=Path(task.folder) / WORK,
            variables=variables,
            output=output,
            until=Until(workload.time_limit),
        )
    except (FileNotFoundError, PermissionError) as error:
        raise UserError(f"{shlex.join(argv[:1])} can't be started: {error.strerror}.") from error


def _told(ended: Ended, workload: OriginalWorkload, output: Path, result: dict[str, Any]) -> Told:
    """What the process told at its end. Raises EndedError where it did not come to it."""
    result.update(exit_code=ended.code, seconds=ended.seconds)
    file = output.parent / "artifacts" / TOLD
    if ended.is_overdue:
        text = f"The run took longer than its limit of {workload.time_limit:g} s."
        failed = outcome_of(Status.TIMEOUT, "time", text, trace=where_it_stood(end_of(output)))
    elif ended.code or not file.is_file():
        stood = where_it_stood(end_of(output))
        text = f"The script of {workload.library} ended by {how_it_ended(ended.code)}: {stood.splitlines()[-1]}"
        failed = outcome_of(Status.FAILED, "error", text, trace=stood)
    else:
        return msgspec.json.decode(file.read_bytes(), type=Told)
    raise EndedError(msgspec.structs.replace(failed, result=result))


def _values(told: Told) -> dict[str, Any]:
    """The record of the training, with the return that the script itself found, whose tests draw their actions."""
    stats = told.result["imit_stats"]
    drawn = stats.get("monitor_return_mean", stats.get("return_mean"))
    return {"drawn_return": drawn, "num_steps": told.num_steps, "train_seconds": told.train_seconds}
