"""What Slurm's own commands say, asked seldom and for all jobs at once; its errors in plain sentences."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable
from typing import NamedTuple

from rlgauge.core.errors import UserError, unknown

_SECONDS = 90
"""How long a command may take: without its controller Slurm tries for 10 s, without its configuration for 60 s."""
_PREFIX = re.compile(r"^\w+: (?:error|fatal): ")
_UNREACHABLE = ("Unable to contact", "Connection refused", "configuration source", "configuration file", "timed out")


class Task(NamedTuple):
    """A task of an array that has not ended: its job's name, its number in the array, its state, why it waits."""

    job: str
    number: int
    state: str
    reason: str


class SlurmError(UserError):
    """A command of Slurm that failed, in its own words."""


class RefusedError(SlurmError):
    """A job that Slurm has surely not taken."""


def check_installed() -> None:
    """Raise UserError where Slurm's commands are not on the path."""
    if shutil.which("sbatch") is None or shutil.which("squeue") is None:
        raise UserError(
            "There is no `sbatch` here: the launcher slurm works on a machine from which jobs are submitted. "
            "Give the command there, or leave out `--launcher slurm`."
        )


def can_be_asked() -> bool:
    """Whether the commands are here that tell what is in the queue."""
    return shutil.which("squeue") is not None and shutil.which("scontrol") is not None


def tasks(jobs: Iterable[str], users: Iterable[int]) -> list[Task]:
    """The tasks of the jobs of these names that have not ended. Raises SlurmError."""
    names = ",".join(sorted(jobs))
    if not names:
        return []
    owners = ",".join(str(user) for user in sorted(set(users)))
    printed = _run("squeue", "-h", "-r", "-u", owners, "-n", names, "-o", "%j|%K|%T|%r")
    rows = (line.split("|", 3) for line in printed.splitlines() if line.count("|") >= 3)  # noqa: PLR2004  # 4 columns
    return [Task(job, int(number), state, reason) for job, number, state, reason in rows if number.isdecimal()]


def cancel(job: str, user: int, *, only_pending: bool = False) -> None:
    """End the tasks of the jobs of this name, or those that have not begun. Raises SlurmError."""
    _run("scancel", "--quiet", *(["--state=PENDING"] if only_pending else []), f"--user={user}", f"--name={job}")


class Cluster(NamedTuple):
    """A cluster's name, and how many tasks an array may have."""

    name: str
    most_tasks: int


def cluster() -> Cluster:
    """The cluster whose commands are here. Raises SlurmError."""
    printed = _run("scontrol", "show", "config")
    found = dict(re.findall(r"^(ClusterName|MaxArraySize)\s*=\s*(\S+)", printed, re.MULTILINE))
    return Cluster(found.get("ClusterName", ""), int(found.get("MaxArraySize", 1001)))


def refused(error: str, partition: str | None) -> SlurmError:
    """The error for a job that sbatch did not take, of what it printed; it may be one where no answer came in time."""
    words = in_short(error)
    if partition is not None and "invalid partition" in error.lower():
        known = _run("sinfo", "-h", "-o", "%R").split()
        if partition not in known:
            return RefusedError(str(unknown("partition", partition, known)))
    if _is_unreachable(words):
        return (SlurmError if "timed out" in words else RefusedError)(_unreachable(words))
    return RefusedError(f"Slurm did not take the job: {words}. Change what --launcher-config says.")


def in_short(error: str) -> str:
    """Slurm's own words for what went wrong, without what precedes them."""
    lines = [line.strip() for line in error.splitlines() if line.strip()]
    told = [line for line in lines if _PREFIX.match(line)] or lines[-1:] or ["it printed nothing"]
    return "; ".join(_PREFIX.sub("", line).removeprefix("Batch job submission failed: ") for line in told)


def _run(*command: str) -> str:
    try:
        ended = subprocess.run(command, check=False, capture_output=True, text=True, errors="replace", timeout=_SECONDS)
    except FileNotFoundError as error:
        raise SlurmError(f"Slurm's command `{command[0]}` is not installed here.") from error
    except subprocess.TimeoutExpired as error:
        raise SlurmError(f"Slurm's command `{command[0]}` did not answer within {_SECONDS} s.") from error
    if ended.returncode != 0:
        words = in_short(ended.stderr)
        raise SlurmError(_unreachable(words) if _is_unreachable(words) else f"`{command[0]}` failed: {words}.")
    return ended.stdout


def _is_unreachable(words: str) -> bool:
    return any(part in words for part in _UNREACHABLE)


def _unreachable(words: str) -> str:
    return (
        f"Slurm's controller can't be reached ({words}): see whether `squeue` answers here. What was submitted goes on."
    )
