"""Watching trainings: which checkpoints there are to evaluate, and what has come of the others."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from rlgauge.core.case import Case, fingerprint
from rlgauge.core.errors import UserError
from rlgauge.core.files import StoreError
from rlgauge.core.run import Status
from rlgauge.core.run_files import read_run
from rlgauge.core.store import Store, now
from rlgauge.episodes.policy import parse_source
from rlgauge.kinds.evaluate.candidates import Candidate, Live
from rlgauge.kinds.evaluate.checkpoints import PLACE, Checkpoint, Manner, num_planned
from rlgauge.kinds.evaluate.checkpoints_curve import CURVES, Curve, Point, read_curve, results_of_point
from rlgauge.kinds.evaluate.checkpoints_held import HELD, Follower, hold
from rlgauge.kinds.evaluate.gyms import Task
from rlgauge.kinds.evaluate.results import TaskResult
from rlgauge.kinds.evaluate.workload import Block, EvaluateWorkload

Key = tuple[int | None, int]
"""Training seed and step."""
_WITH_CODE = ("sb3", "export")
"""Schemes whose files always need trust."""
_SEED = "{seed}"
_ARTIFACTS = "artifacts"
"""The folder of a run in which a training script runs, and leaves what it writes."""
_COMMON = "checkpoints"
"""What many systems call the folder of checkpoints: it says nothing of the training."""


class Training(NamedTuple):
    """The folder of a training, and its seed where several are watched."""

    folder: Path
    seed: int | None


class CheckpointWorkload(EvaluateWorkload):
    """An evaluation of one checkpoint, whose runs say of what training and step it is."""

    def __init__(self, base: EvaluateWorkload, candidate: Candidate, told: Mapping[str, str]) -> None:
        """The same environments with this policy; `told` are labels of its runs."""
        _ = base.tasks  # which copies share from here on
        vars(self).update(vars(base))
        self.policies: list[Candidate | Live] = [candidate]
        self._told = told

    def case(self, policy: Candidate | Live, task: Task, block: Block) -> Case:
        """One block of one task."""
        case = super().case(policy, task, block)
        return msgspec.structs.replace(case, labels={**case.labels, **self._told})


def trainings(folder: str, seeds: Sequence[int] | None) -> list[Training]:
    """The folders that are watched. Raises UserError where seeds are lacking, or of no use."""
    if _SEED in folder and not seeds:
        raise UserError(f"--watch {folder} holds {{seed}}: say which with --train-seeds 0..2.")
    if seeds and _SEED not in folder:
        raise UserError("With --watch, --train-seeds go with {seed} in its path, such as --watch runs/ppo_{seed}.")
    if not seeds:
        return [Training(Path(folder), None)]
    return [Training(Path(folder.replace(_SEED, str(seed))), seed) for seed in dict.fromkeys(seeds)]


def name_of(folder: str) -> str:
    """What the curve of a folder is called where nobody named it."""
    path = Path(folder).absolute()
    told = path.parent.name if path.name == _COMMON else path.name
    return told.replace(_SEED, "").strip("_-=. ") or path.parent.name or "training"


class Watching:
    """The checkpoints of trainings, of which each is evaluated once, in the order of their steps.

    What there is of the curve already is gone on with.
    """

    def __init__(
        self,
        base: EvaluateWorkload,
        store: Store,
        template: Candidate,
        *,
        folder: str,
        watched: Sequence[Training],
        manner: Manner,
        settle: float,
        rerun_failed: bool,
    ) -> None:
        """`template` is the policy with {checkpoint} in its place. Nothing is looked at yet. Raises UserError."""
        self.curve = _curve(base, store, template, folder, manner)
        self.results: dict[Key, list[TaskResult]] = {}
        self.notes: dict[str, None] = {}
        """What there is to tell of the checkpoints that were found."""
        self._base = base
        self._store = store
        self._template = template
        self._rerun_failed = rerun_failed
        self._trainings = {training.seed: training.folder for training in watched}
        self._followers = {
            training.seed: Follower(training.folder, manner, settle=settle, home=self._home(training))
            for training in watched
        }
        self._planned: dict[int | None, int] = {}
        self._in_use: str | None = None
        self._warned: set[int | None] = set()
        self._resume()

    @property
    def num_episodes(self) -> int:
        """How many are asked for in each task."""
        return self._base.benchmark.num_episodes

    @property
    def is_unsettled(self) -> bool:
        """Whether a checkpoint is being written, as far as can be seen."""
        return any(follower.is_unsettled for follower in self._followers.values())

    @property
    def changed(self) -> float:
        """When something changed last in a folder, by the monotonic clock."""
        return max(follower.changed for follower in self._followers.values())

    @property
    def passed_over(self) -> dict[Path, str]:
        """Files that are no points of the curve, each with the reason."""
        return {path: why for follower in self._followers.values() for path, why in follower.passed_over.items()}

    @property
    def folders(self) -> list[Path]:
        """What is watched."""
        return list(self._trainings.values())

    @property
    def waiting(self) -> list[Point]:
        """What is still to be evaluated of the trainings that are watched, the smallest steps first."""
        return [point for point in self.curve.waiting if point.train_seed in self._trainings]

    @property
    def is_told_over(self) -> bool:
        """Whether each training is known to have ended: by its last checkpoint, which lerobot's tell, or by its run."""
        return all(self._is_told_over(seed, folder) for seed, folder in self._trainings.items())

    @property
    def lacking(self) -> list[Point]:
        """Points that were evaluated, whose runs are gone, or some of them."""
        return [point for point in self.curve.points if point.status is Status.COMPLETED and self._num_missing(point)]

    def has_done(self, step: int) -> bool:
        """Whether a checkpoint of the step, or of a later one, was evaluated of each training, and all before it."""
        is_there = all(self._is_there(seed, step, is_ended=True) for seed in self._trainings)
        return is_there and all(point.step > step for point in self.waiting)

    def look(self, *, is_over: bool = False) -> list[Point]:
        """The points that are new; where the trainings are over, what is torn is one, too. Raises UserError."""
        new = []
        for seed, follower in self._followers.items():
            for checkpoint in follower.look(is_over=is_over):
                point = self._point(checkpoint, seed)
                if point is not None:
                    new.append(point)
                    self._replace(point)
        if new:
            self._write()
        return new

    def workload_of(self, point: Point) -> CheckpointWorkload:
        """The evaluation of a point. Raises UserError."""
        self._in_use = point.held
        copied = None if point.held is None else self._store.root / point.held
        if copied is None or not copied.exists():
            raise UserError(f"{point.checkpoint} went away before it was evaluated.")
        normalizer = next(copied.parent.glob("*vecnormalize*.pkl"), None)
        candidate = _filled(self._template, copied, normalizer, name=f"{self.curve.name}@{point.step}")
        candidate = msgspec.structs.replace(candidate, train_seed=point.train_seed)
        own = _filled(self._template, self._path(point), None, name="").uri
        told = {"training": self.curve.name, "curve": self.curve.id, "step": str(point.step), "uri": own}
        return CheckpointWorkload(self._base, candidate, told)

    def told_of(self, point: Point, text: str) -> str:
        """A text with the checkpoint's own folder for that of its copy."""
        if point.held is None:
            return text
        return text.replace(str((self._store.root / point.held).parent), str(self._path(point).parent))

    def end(self, point: Point) -> None:
        """Keep what has come of a point, unless its checkpoint was written anew meanwhile. Raises StoreError."""
        present = self.curve.of(point.key)
        is_present = present is not None and present.mark == point.mark
        self._in_use = None
        if point.status is Status.COMPLETED or not is_present:
            self._drop(point)
            point = msgspec.structs.replace(point, held=None)
        if is_present:
            self.curve.put(point)
            self.results[point.key] = results_of_point(self._store, point)
            self._write()

    def _write(self) -> None:
        self.curve.write(self._store)
        self.curve.write_csv(self._store, self.results)

    def _resume(self) -> None:
        """Read what there is; what failed is evaluated again where that is asked for and a copy is there."""
        for point in list(self.curve.points):
            if point.status is Status.FAILED and self._rerun_failed and point.held is not None:
                self.curve.put(msgspec.structs.replace(point, status=Status.QUEUED))
            elif point.cases:
                self.results[point.key] = results_of_point(self._store, point)

    def _path(self, point: Point) -> Path:
        """Where the training wrote it."""
        return self._trainings[point.train_seed] / point.checkpoint

    def _home(self, training: Training) -> Path | None:
        """The folder in which the checkpoints of earlier are, or were."""
        for point in self.curve.points:
            if point.train_seed == training.seed:
                return Checkpoint(path=training.folder / point.checkpoint, step=point.step).home
        return None

    def _is_told_over(self, seed: int | None, folder: Path) -> bool:
        last = self._planned.get(seed)
        return _has_run_ended(folder) or (last is not None and self._is_there(seed, last))

    def _is_there(self, seed: int | None, step: int, *, is_ended: bool = False) -> bool:
        own = (point for point in self.curve.points if point.train_seed == seed and point.step >= step)
        return any(not is_ended or point.status is not Status.QUEUED for point in own)

    def _point(self, checkpoint: Checkpoint, seed: int | None) -> Point | None:
        """The point to be evaluated; None where that is done, or the checkpoint went away."""
        planned = num_planned(checkpoint)
        if planned is not None:
            self._planned[seed] = planned
        try:
            mark = checkpoint.mark()
        except OSError:
            self._followers[seed].again(checkpoint)
            return None
        known = self.curve.of((seed, checkpoint.step))
        is_same = known is not None and known.mark == mark
        if known is None:
            self._note_gone(checkpoint, seed)
        elif not is_same and known.status is not Status.QUEUED:
            self.notes[f"step {step_text(known)}: {known.checkpoint} was written anew, and is evaluated anew."] = None
        if known is not None and is_same and not self._is_due(known):
            return None
        point = Point(
            step=checkpoint.step,
            checkpoint=str(checkpoint.path.relative_to(self._trainings[seed])),
            mark=mark,
            found=now(),
            train_seed=seed,
            num_episodes=self.num_episodes,
            cases=known.cases if known is not None and is_same else {},
        )
        return self._held(point, checkpoint)

    def _note_gone(self, checkpoint: Checkpoint, seed: int | None) -> None:
        """Note where a new checkpoint is of a step before those that are gone: it may be another training's."""
        own = [point for point in self.curve.points if point.train_seed == seed and point.step > checkpoint.step]
        gone = [point for point in own if not self._path(point).exists()]
        if gone and seed not in self._warned:
            self._warned.add(seed)
            self.notes[
                f"note: {checkpoint.path} is new, and that of step {step_text(gone[0])} is gone: if another training "
                "writes here, its curve has points of the one before. Another --out begins anew."
            ] = None

    def _num_missing(self, point: Point) -> int:
        return sum(result.n_missing for result in self.results.get(point.key, ()))

    def _is_due(self, point: Point) -> bool:
        """Whether a known point wants its checkpoint once more."""
        if point.status is Status.QUEUED:
            return point.held is None or not (self._store.root / point.held).exists()
        if point.status is Status.FAILED:
            return self._rerun_failed
        num_broken = sum(result.n_errors + result.n_timeouts for result in self.results.get(point.key, ()))
        is_lacking = point.num_episodes < self.num_episodes or self._num_missing(point) > 0
        return is_lacking or (self._rerun_failed and num_broken > 0)

    def _held(self, point: Point, checkpoint: Checkpoint) -> Point | None:
        self._check_source(checkpoint)
        seed = "" if point.train_seed is None else f"{point.train_seed}-"
        folder = self._store.root / HELD / self.curve.id / f"{seed}{point.step}-{point.mark}"
        try:
            copied = hold(checkpoint, folder)
        except StoreError:
            raise
        except UserError as error:
            return msgspec.structs.replace(point, status=Status.FAILED, reason=str(error))
        if copied is None:
            self._followers[point.train_seed].again(checkpoint)
            return None
        return msgspec.structs.replace(point, held=str(copied.path.relative_to(self._store.root)))

    def _check_source(self, checkpoint: Checkpoint) -> None:
        """Raise UserError where statistics lie beside a model that the policy does not name: it would need them."""
        if checkpoint.path.exists():
            filled = _filled(self._template, checkpoint.path, checkpoint.normalizer, name=self._template.name)
            parse_source(filled.uri, filled.ckpt_path)

    def _replace(self, point: Point) -> None:
        """Put the point in the place of the one before, whose copy nobody needs unless it is being evaluated."""
        before = self.curve.of(point.key)
        if before is not None and before.held not in {point.held, self._in_use}:
            self._drop(before)
        if before is not None and before.mark != point.mark:
            self.results.pop(point.key, None)
        self.curve.put(point)

    def _drop(self, point: Point) -> None:
        if point.held is None:
            return
        folder = self._store.root / HELD / self.curve.id
        copied = self._store.root / point.held
        if copied.parent.parent == folder:
            shutil.rmtree(copied.parent, ignore_errors=True)
            for empty in (folder, folder.parent):
                with contextlib.suppress(OSError):  # not empty
                    empty.rmdir()


def _curve(base: EvaluateWorkload, store: Store, template: Candidate, folder: str, manner: Manner) -> Curve:
    """The curve of the folder, its files and steps, the policy and the environments, as far as it is there.

    Raises UserError.
    """
    probe = CheckpointWorkload(base, Candidate(name="random", uri="random"), {}).part(0, 1)
    settings = [case.labels["settings"] for case in probe.cases()]
    rules = [manner.pattern, manner.step] if manner.pattern or manner.step else []
    named = fingerprint([str(Path(folder).absolute()), template.uri, template.ckpt_path, settings, *rules])
    made = Curve(id=named, name=template.name, folder=folder, policy=template.uri)
    found = read_curve(store.root / CURVES / f"{made.file_name}.json")
    return made if found is None else found


def step_text(point: Point) -> str:
    """The step of a point, with the seed of its training where it has one."""
    return str(point.step) if point.train_seed is None else f"{point.step} of seed {point.train_seed}"


def _filled(template: Candidate, path: Path, normalizer: Path | None, *, name: str) -> Candidate:
    """The policy of a checkpoint."""
    uri = template.uri.replace(PLACE, str(path))
    if normalizer is not None and "normalize=" not in uri.partition("?")[2]:
        uri += f"{'&' if '?' in uri else '?'}normalize={normalizer}"
    ckpt_path = template.ckpt_path and template.ckpt_path.replace(PLACE, str(path))
    return msgspec.structs.replace(template, name=name, uri=uri, ckpt_path=ckpt_path)


def _has_run_ended(folder: Path) -> bool:
    """Whether the folder lies in the artifacts of a run of `rlgauge train`, and that goes on no more."""
    for parent in folder.absolute().parents:
        if parent.name == _ARTIFACTS and (parent.parent / "config.json").is_file():
            run = read_run(parent.parents[1], parent.parent.name)
            return run is not None and run.status not in {Status.RUNNING, Status.QUEUED}
    return False


def check_template(base: EvaluateWorkload, template: Candidate) -> str:
    """The scheme of the policy. Raises UserError for what would fail with any checkpoint."""
    if PLACE not in f"{template.uri} {template.ckpt_path or ''}":
        raise UserError(
            f"With --watch, the policy says by {PLACE} where the path of each checkpoint goes: sb3:{PLACE}, "
            f"lightning:CLASS@{PLACE}, lerobot:{PLACE}, onnx:{PLACE} and so on, not {template.uri!r}."
        )
    with tempfile.NamedTemporaryFile(prefix="checkpoint") as file:
        filled = _filled(template, Path(file.name), None, name=template.name)
        scheme = parse_source(filled.uri, filled.ckpt_path).scheme
        CheckpointWorkload(base, filled, {}).check_policies()
    if scheme in _WITH_CODE and not base.trust:
        raise UserError(
            f"Loading checkpoints of {scheme!r} runs code stored in the files; pass --trust if you know where they "
            "come from."
        )
    return scheme
