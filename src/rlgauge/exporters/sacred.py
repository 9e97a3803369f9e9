"""Trainings that learn from demonstrations, as the tree of folders that the library imitation leaves.

`sacred/<script>/<number>` is what Sacred's FileStorageObserver writes, `<algorithm>/<environment>/<time>_<id>` the
folder of logs and checkpoints, with a link `sacred` to it.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from rlgauge.core.case import slug
from rlgauge.core.errors import UserError
from rlgauge.core.files import plain_errors
from rlgauge.core.links import run_name
from rlgauge.core.run import USAGE, Run, Status
from rlgauge.core.store import Store
from rlgauge.exporters.sacred_logs import write_logs
from rlgauge.exporters.sacred_run import SOURCES, base_of, is_learner, scored, write_run

_SCRIPTS: Mapping[str, str] = {
    "gail": "train_adversarial",
    "airl": "train_adversarial",
    "preference_comparisons": "train_preference_comparisons",
}
_SCRIPT = "train_imitation"
"""The script of imitation that trains any other algorithm."""


class Written(NamedTuple):
    """What a tree came to: how many runs, and what there is to say of the others."""

    num_runs: int
    notes: list[str]


class _Place(NamedTuple):
    """Where a run goes, relative to the tree: Sacred's folder, and that of logs."""

    sacred: Path
    logs: Path


def write_sacred(out: Path, target: Path, *, listen: Callable[[int], None] = lambda _number: None) -> Written:
    """Write the runs of the store at `out` into a new folder, which appears whole.

    `listen` is told how many are in it. Raises UserError, StoreError.
    """
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise UserError(f"'{target}' holds something already: name a folder that does not exist yet.")
    notes: list[str] = []
    runs = _chosen(list(Store(out).runs(notes.append)), notes)
    if not runs:
        why = f" {' '.join(notes)}" if notes else ""
        raise UserError(f"'{out}' holds no trainings of algorithms that learn from demonstrations.{why}")
    part = target.absolute().with_name(f".{target.absolute().name}.{uuid.uuid4().hex}.part")
    try:
        with plain_errors(target):
            part.mkdir(parents=True)
            _write(runs, part, notes, listen)
            part.rename(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return Written(len(runs), notes)


def _chosen(runs: Sequence[Run], notes: list[str]) -> list[Run]:
    """The runs that the tree can hold, as they began; `notes` gets what there is to say of the others."""
    learners = [run for run in runs if is_learner(run.case) and run.file.fail_kind != USAGE]
    kept = [run for run in learners if run.status is not Status.COMPLETED or scored(run)]
    if len(learners) < len(runs):
        notes.append(
            f"{len(runs) - len(learners)} of {len(runs)} runs were left out: they train no algorithm that learns from "
            "demonstrations, or were refused."
        )
    if len(kept) < len(learners):
        names = ", ".join(run.case.name for run in learners if run not in kept)
        notes.append(
            f"{len(learners) - len(kept)} runs completed without a test episode, or without any return of the expert, "
            f"and were left out, since imitation's scripts end at such: {names}."
        )
    return sorted(kept, key=lambda run: (run.file.start_time, run.case.id))


def _write(runs: Sequence[Run], tree: Path, notes: list[str], listen: Callable[[int], None]) -> None:
    numbers: Counter[str] = Counter()
    unlinked = 0
    for number, run in enumerate(runs, start=1):
        script = _SCRIPTS.get(base_of(run.case), _SCRIPT)
        numbers[script] += 1
        place = _Place(Path("sacred", script, str(numbers[script])), _logs(run))
        (tree / place.sacred.parent / SOURCES).mkdir(parents=True, exist_ok=True)
        write_run(run, tree / place.sacred, script=script, logs=place.logs)
        write_logs(run, tree / place.logs)
        unlinked += not _linked(tree, place)
        listen(number)
    if unlinked:
        notes.append(f"{unlinked} folders of logs have no link to their runs: there can be none in '{tree.parent}'.")


def _logs(run: Run) -> Path:
    algorithm = slug(run.case.labels["algorithm"])
    environment = slug(str(run.case.params["environment"]["gym_id"]).rpartition(":")[2])
    return Path(algorithm, environment, run_name(run.case, run.file.start_time))


def _linked(tree: Path, place: _Place) -> bool:
    """Whether there can be links; the one from the logs to Sacred's folder, relative, is there then."""
    try:
        (tree / place.logs / "sacred").symlink_to(os.path.relpath(place.sacred, place.logs), target_is_directory=True)
    except (NotImplementedError, PermissionError):
        return False
    return True
