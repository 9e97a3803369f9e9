"""Submissions as they are kept in the store: `OUT/jobs/<id>/` tells any driver what Slurm was given.

plan-0.json       a plan that tasks read, and others
tasks.txt         a line per task of the array: its plan, and the places of its cases in that
submission.json   the scheduler's job, its cluster and user, which cases each task has
logs/             what Slurm, the setup and the workers printed, a file per task
"""

from __future__ import annotations

import itertools
import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from rlgauge.core.errors import UserError
from rlgauge.core.execute import JOBS, Item, Plan
from rlgauge.core.files import StoreError, plain_errors, read_if_there, write_atomic
from rlgauge.core.run import FORMAT
from rlgauge.core.store import Store, now

_LONGEST_LINES = 3


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """submission.json: `job` is None until Slurm has taken it, `is_over` is set when Slurm knows it no more.

    `tasks` are the places of each task's cases among those of all plans, one plan after the other, `begun` is the last
    attempt at each case before it.
    """

    format: int = FORMAT
    id: str
    cluster: str
    user: int
    time: str
    job: str | None = None
    is_over: bool = False
    num_plans: int = 1
    tasks: list[list[int]]
    begun: list[int]

    @property
    def name(self) -> str:
        """The job's name in Slurm, by which it is asked for: numbers are given again, this is not."""
        return f"rlgauge-{self.id}"

    @property
    def seconds(self) -> float:
        """Its age."""
        return (datetime.fromisoformat(now()) - datetime.fromisoformat(self.time)).total_seconds()


class Kept:
    """A submission and its folder."""

    def __init__(self, folder: Path, submission: Submission) -> None:
        """Name the folder; nothing is read."""
        self.folder = folder
        self.submission = submission

    @property
    def called(self) -> str:
        """Its job's number; the job's name as long as that is not known. `scancel` of a number ends it."""
        return self.submission.job or self.submission.name

    @property
    def plans(self) -> list[Path]:
        """What its workers read."""
        return [self.folder / _plan_name(number) for number in range(self.submission.num_plans)]

    @property
    def tasks(self) -> Path:
        """A line for each task."""
        return self.folder / "tasks.txt"

    @property
    def logs(self) -> Path:
        """Where Slurm writes what the tasks print."""
        return self.folder / "logs"

    def items(self) -> list[Item]:
        """The cases of its plans. Raises StoreError where one is damaged."""
        return [item for path in self.plans for item in _items(path)]

    def note(self, *, job: str | None = None, is_over: bool = False) -> None:
        """Write what has become known of it."""
        known = self.submission
        self.submission = msgspec.structs.replace(known, job=job or known.job, is_over=is_over or known.is_over)
        write_atomic(self.folder / "submission.json", _encoded(self.submission))

    def discard(self) -> None:
        """Remove it: Slurm has not taken it."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def printed(self) -> str | None:
        """The last lines of the first log that has any; None where nothing was printed."""
        for path in sorted(self.logs.glob("*.out")):
            lines = path.read_text(errors="replace").strip().splitlines()
            if lines:
                return " / ".join(line.strip() for line in lines[-_LONGEST_LINES:])
        return None


def keep(plans: Sequence[Plan], *, cluster: str, pack: int) -> Kept:
    """Plans of one store as a submission of tasks of `pack` cases each, written before Slurm is told of it.

    Raises StoreError.
    """
    store = Store(plans[0].root)
    tasks = [
        (number, list(range(start, min(start + pack, len(plan.items)))))
        for number, plan in enumerate(plans)
        for start in range(0, len(plan.items), pack)
    ]
    starts = [0, *itertools.accumulate(len(plan.items) for plan in plans)]
    submission = Submission(
        id=uuid.uuid4().hex[:12],
        cluster=cluster,
        user=os.getuid(),
        time=now(),
        num_plans=len(plans),
        tasks=[[starts[number] + place for place in places] for number, places in tasks],
        begun=[store.num_attempts(item.case) for plan in plans for item in plan.items],
    )
    kept = Kept(store.root / JOBS / submission.id, submission)
    if "%" in str(kept.folder):
        raise UserError(f"Slurm can't write logs into {store.root}: a % in its name has a meaning there.")
    with plain_errors(kept.folder):
        kept.logs.mkdir(parents=True)
    for path, plan in zip(kept.plans, plans, strict=True):
        write_atomic(path, msgspec.json.encode(msgspec.structs.replace(plan, driver=None)))
    lines = (f"{_plan_name(number)} {','.join(map(str, places))}\n" for number, places in tasks)
    write_atomic(kept.tasks, "".join(lines).encode())
    write_atomic(kept.folder / "submission.json", _encoded(submission))
    return kept


def submissions(store: Store, cluster: str | None = None) -> Iterator[Kept]:
    """What was submitted to the cluster, or to any, and was not seen to be over. Raises StoreError where damaged."""
    for path in sorted((store.root / JOBS).glob("*/submission.json")):
        content = read_if_there(path)
        if content is None:  # just discarded
            continue
        try:
            submission = msgspec.json.decode(content, type=Submission)
        except msgspec.DecodeError as error:
            raise StoreError(f"{path} is damaged ({error}); delete its folder.") from error
        if cluster in {None, submission.cluster} and not submission.is_over:
            yield Kept(path.parent, submission)


def _plan_name(number: int) -> str:
    return f"plan-{number}.json"


def _items(path: Path) -> list[Item]:
    content = read_if_there(path)
    try:
        return msgspec.json.decode(content or b"", type=Plan).items
    except msgspec.DecodeError as error:
        raise StoreError(f"{path} is damaged ({error}); delete its folder.") from error


def _encoded(submission: Submission) -> bytes:
    return msgspec.json.encode(submission) + b"\n"
