"""Submitting through submitit: it knows how options are spelled and writes the file that sbatch reads."""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import sys
from types import ModuleType
from typing import Any

from rlgauge.launch import slurm_queue
from rlgauge.launch.slurm_jobs import Kept
from rlgauge.launch.slurm_queue import RefusedError
from rlgauge.launch.slurm_settings import Settings

_LOGGING = "SUBMITIT_LOG_LEVEL"
_ALONE = {"exclusive": True, "array_parallelism": 1}
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def signal_seconds(settings: Settings) -> int:
    """How long before the end of its time a task is told to stop."""
    return min(30, 6 * settings.time)


def import_submitit() -> ModuleType:
    """The library, which would else configure logging anew, and so close handlers of others. Raises SlurmError."""
    before = os.environ.get(_LOGGING)
    os.environ[_LOGGING] = "NOCONFIG"
    try:
        import submitit
    except ImportError as error:
        raise RefusedError("The launcher slurm needs submitit: python -m pip install 'rlgauge[slurm]'.") from error
    finally:
        if before is None:
            del os.environ[_LOGGING]
        else:
            os.environ[_LOGGING] = before
    found: ModuleType = submitit
    return found


def submit(kept: Kept, settings: Settings, *, is_alone: bool = False) -> str:
    """Give Slurm the array; the number of its job. Where `is_alone`, nobody else has its node. Raises SlurmError."""
    submitit = import_submitit()
    executor = submitit.SlurmExecutor(folder=kept.logs)
    executor.update_parameters(**{**_parameters(kept, settings), **(_ALONE if is_alone else {})})
    executor.parameters["map_count"] = len(kept.submission.tasks)
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # it prints there what it raises, too
            job = executor._submit_command(_command(kept, settings))  # noqa: SLF001  # see the docstring of slurm.py
    except (submitit.core.utils.FailedJobError, submitit.core.utils.FailedSubmissionError) as error:
        raise slurm_queue.refused(str(error), settings.partition) from error
    return str(job.job_id)


def _parameters(kept: Kept, settings: Settings) -> dict[str, Any]:
    given = {
        "partition": settings.partition,
        "account": settings.account,
        "qos": settings.qos,
        "mem": settings.memory,
        "gpus_per_node": settings.gpus or None,
    }
    return {
        **{name: value for name, value in given.items() if value is not None},
        "wckey": None,  # submitit's own, which a cluster that keeps accounts by it would not know
        "job_name": kept.submission.name,
        "time": settings.time,
        "cpus_per_task": settings.cpus,
        "array_parallelism": settings.width or len(kept.submission.tasks),
        "stderr_to_stdout": True,
        "use_srun": False,
        "setup": [*_setup(settings), *_own_setup(settings), *_before(kept, settings)],
        # To the worker alone: what it measures must not end before it, and be taken for a crash.
        "additional_parameters": {"signal": f"B:TERM@{signal_seconds(settings)}", "requeue": True},
    }


def _setup(settings: Settings) -> list[str]:
    """As many threads as processors, unless the user's variables say otherwise."""
    return [f"export {name}=${{{name}:-{settings.cpus}}}" for name in _THREADS] + ["export PYTHONUNBUFFERED=1"]


def _own_setup(settings: Settings) -> list[str]:
    """The user's lines; one that fails ends the task, which would else measure without what it was to set up."""
    return ["set -e", *settings.setup, "set +e"] if settings.setup else []


def _before(kept: Kept, settings: Settings) -> list[str]:
    """The task's cases; started again, it waits until Slurm's first start of it is known to be dead."""
    restart = _python(settings, "rlgauge.launch.slurm_restart", kept)
    return [
        f'read -r plan items <<< "$(sed -n "$((SLURM_ARRAY_TASK_ID + 1))p" {shlex.quote(str(kept.tasks))})"',
        f'if [ "${{SLURM_RESTART_COUNT:-0}}" -gt 0 ]; then {restart}; fi',
    ]


def _command(kept: Kept, settings: Settings) -> str:
    """The worker, in the place of the shell: signals reach it, and its end is the end of the task."""
    return f"exec {_python(settings, 'rlgauge.worker', kept)}"


def _python(settings: Settings, module: str, kept: Kept) -> str:
    command = shlex.join([settings.python or sys.executable, "-P", "-m", module])
    return f'{command} {shlex.quote(str(kept.folder))}/"$plan" --items "$items"'
