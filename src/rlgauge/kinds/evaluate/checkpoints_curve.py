"""A learning curve of evaluated checkpoints: what is kept beside the runs, in OUT/curves."""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from rlgauge.core.case import Case, slug
from rlgauge.core.claim import Driver
from rlgauge.core.errors import UserError
from rlgauge.core.files import create_exclusively, plain_errors, read_if_there, write_atomic
from rlgauge.core.run import Run, Status
from rlgauge.core.store import Store
from rlgauge.kinds.evaluate.results import EpisodeResult, TaskResult

FORMAT = 1
CURVES = "curves"
"""The folder of a store that holds them."""
_OF_TASK = (
    "task_id",
    "n_episodes",
    "success_rate",
    "success_low",
    "success_high",
    "success_rate_all",
    "mean_reward",
    "std_reward",
    "mean_length",
    "n_errors",
    "n_timeouts",
    "n_missing",
)
_COLUMNS = ("training", "train_seed", "step", "checkpoint", "status", *_OF_TASK, "reason")


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """A checkpoint of a training: QUEUED until its runs have ended, then COMPLETED, or FAILED with the reason.

    `checkpoint` is its path below the folder that is watched, `mark` tells one that was written anew. `cases` are the
    folders of its runs in the store, by task; `num_episodes` were asked for in each. `held` is where its copy lies
    while that is needed, below the store.
    """

    step: int
    checkpoint: str
    mark: str
    found: str
    train_seed: int | None = None
    status: Status = Status.QUEUED
    num_episodes: int = 0
    cases: dict[str, list[str]] = {}
    held: str | None = None
    reason: str | None = None

    @property
    def key(self) -> tuple[int | None, int]:
        """Training seed and step: there is one point of them."""
        return self.train_seed, self.step


class Curve(msgspec.Struct, kw_only=True):
    """The checkpoints of a training, or of several that differ in their seed, in the order of seeds and steps."""

    format: int = FORMAT
    id: str
    name: str
    folder: str
    policy: str
    points: list[Point] = []

    @property
    def file_name(self) -> str:
        """What its files are called, without an ending."""
        return f"{slug(self.name)}-{self.id}"

    def of(self, key: tuple[int | None, int]) -> Point | None:
        """The point of a training seed and a step."""
        return next((point for point in self.points if point.key == key), None)

    def put(self, point: Point) -> None:
        """Add the point, in the place of that of the same step."""
        others = [other for other in self.points if other.key != point.key]
        self.points = sorted(
            [*others, point], key=lambda one: (-1 if one.train_seed is None else one.train_seed, one.step)
        )

    @property
    def waiting(self) -> list[Point]:
        """What is still to be evaluated, the smallest steps first."""
        return sorted((point for point in self.points if point.status is Status.QUEUED), key=lambda point: point.step)

    def write(self, store: Store) -> None:
        """Write it as JSON beside the runs. Raises StoreError."""
        path = store.root / CURVES / f"{self.file_name}.json"
        with plain_errors(path):
            path.parent.mkdir(exist_ok=True)
        write_atomic(path, msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n")

    def rows(self, results: Mapping[tuple[int | None, int], Sequence[TaskResult]]) -> list[dict[str, Any]]:
        """One a point and task, with what the runs came to; a point without results has one."""
        return [row for point in self.points for row in _rows(self, point, results.get(point.key, ()))]

    def write_csv(self, store: Store, results: Mapping[tuple[int | None, int], Sequence[TaskResult]]) -> None:
        """Write a line a point and task, with what the runs came to. Raises StoreError."""
        text = io.StringIO()
        writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows(results))
        write_atomic(store.root / CURVES / f"{self.file_name}.csv", text.getvalue().encode())


def read_curve(path: Path) -> Curve | None:
    """The curve of a file; None where there is no file. Raises UserError."""
    content = read_if_there(path)
    if content is None:
        return None
    try:
        curve = msgspec.json.decode(content, type=Curve)
    except msgspec.DecodeError as error:
        raise UserError(f"{path} is damaged ({error}); delete it, and the runs stay.") from error
    if curve.format > FORMAT:
        raise UserError(f"{path} was written by a newer RLGauge (format {curve.format}).")
    return curve


def read_curves(out: Path) -> list[Curve]:
    """All curves of a store, in the order of their files' names. Raises UserError."""
    found = (read_curve(path) for path in sorted((out / CURVES).glob("*.json")))
    return [curve for curve in found if curve is not None]


def cases_of_curve(out: Path, curve_id: str) -> frozenset[str] | None:
    """The folders of the runs that are in the points of a curve; None where it is not there. Raises UserError."""
    if not curve_id.isalnum():
        return None
    found = next((read_curve(path) for path in (out / CURVES).glob(f"*-{curve_id}.json")), None)
    if found is None:
        return None
    return frozenset(folder for point in found.points for own in point.cases.values() for folder in own)


@contextlib.contextmanager
def watched_alone(store: Store, curve: Curve) -> Iterator[Callable[[], None]]:
    """While it lasts, nobody else watches into this curve; what it gives says now and then that it lasts.

    Raises UserError where somebody does.
    """
    path = store.root / CURVES / f".{curve.file_name}.watched"
    with plain_errors(path):
        path.parent.mkdir(exist_ok=True)
    while not create_exclusively(path, msgspec.json.encode(Driver.this())):
        other = _driver(path)
        if other is not None and not other.is_gone(path):
            raise UserError(
                f"{curve.folder} is being watched into {store.root} already, by process {other.pid} on "
                f"{other.host.partition('/')[0]}: end that, or choose another --out."
            )
        path.unlink(missing_ok=True)
    try:
        yield path.touch
    finally:
        path.unlink(missing_ok=True)


def _driver(path: Path) -> Driver | None:
    try:
        return msgspec.json.decode(read_if_there(path) or b"", type=Driver)
    except msgspec.DecodeError:
        return None


def results_of_point(store: Store, point: Point) -> list[TaskResult]:
    """What the runs of a point came to, task by task: made of their episodes. Raises StoreError."""
    found = []
    for task, folders in point.cases.items():
        episodes = [one for folder in folders for one in _episodes(store, folder, point.num_episodes)]
        missing = point.num_episodes - len(episodes)
        found.append(TaskResult.from_episodes(task, episodes, train_seed=point.train_seed, n_missing=missing))
    return found


def folders_of(cases: Iterable[Case]) -> dict[str, list[str]]:
    """The folders of cases by their task."""
    found: dict[str, list[str]] = {}
    for case in cases:
        found.setdefault(case.params["task"], []).append(case.folder)
    return found


def _episodes(store: Store, folder: str, num_wanted: int) -> list[EpisodeResult]:
    """The wanted episodes of a case; none where it did not complete, since those that end soon come first."""
    completed = [run for run in store.attempts(store.root / folder) if run.status is Status.COMPLETED]
    if not completed:
        return []
    best: Run = max(completed, key=lambda run: run.num_records)
    first, last = best.case.params["first"], min(best.case.params["last"], num_wanted)
    return [EpisodeResult.from_record(record) for record in best.records if first <= record.index < last]


def _rows(curve: Curve, point: Point, results: Sequence[TaskResult]) -> Iterator[dict[str, Any]]:
    own = {
        "training": curve.name,
        "train_seed": point.train_seed,
        "step": point.step,
        "checkpoint": point.checkpoint,
        "status": point.status.value,
        "reason": " ".join((point.reason or "").split()) or None,
    }
    told = [{name: getattr(result, name) for name in _OF_TASK} for result in results]
    yield from ({name: {**own, **of_task}.get(name) for name in _COLUMNS} for of_task in told or [{}])
