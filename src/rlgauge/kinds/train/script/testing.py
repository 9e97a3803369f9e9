"""Test episodes of what a script trained, played as `rlgauge benchmark` plays them, each recorded as it ends."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from rlgauge.core.errors import UserError
from rlgauge.core.run import Record, encode_record
from rlgauge.core.seeding import derive
from rlgauge.episodes.encoder import VideoError
from rlgauge.kinds.evaluate.benchmark import Benchmark
from rlgauge.kinds.evaluate.candidates import Live
from rlgauge.kinds.evaluate.gyms import Task
from rlgauge.kinds.evaluate.session import Memory
from rlgauge.kinds.evaluate.workload import EvaluateWorkload
from rlgauge.kinds.train.journal import TESTS, read_episodes
from rlgauge.kinds.train.reading import errors_of, read_trained
from rlgauge.kinds.train.script.actors import Actor, UnlikeError, find_actor
from rlgauge.kinds.train.script.agreement import texts_of
from rlgauge.kinds.train.script.apart import told_apart
from rlgauge.kinds.train.script.asking import Player, Rows
from rlgauge.kinds.train.script.beginnings import calls_beside_reset
from rlgauge.kinds.train.script.found import Thing
from rlgauge.kinds.train.script.fresh import OutOfTimeError, Recipe, recipe_of
from rlgauge.kinds.train.script.modes import evaluating
from rlgauge.kinds.train.script.witness import Witness
from rlgauge.kinds.train.script.wrappers import UnmadeError
from rlgauge.kinds.train.spec import VIDEOS, Spec

if TYPE_CHECKING:
    from rlgauge.kinds.evaluate.gyms import Gym

_MOST_STEPS = 1000
"""After how many steps an episode is cut where neither its environment nor training says how long one may be."""
_LAST = 10
_WHAT_TO_DO = (
    "What a script does to observations or actions outside of wrappers and of its policy is not seen: give it a "
    "wrapper, or a function get_action(observation) that does all of it."
)
_WHAT_ACTS = (
    "Known are a function of the observation that main returns, or that is called get_action, select_action, act or "
    "policy; an object with such a method; a network of torch, a TrainState of flax or a table with a value for each "
    "action; a model of Stable-Baselines3: as variables of main or of the file, or as what main returns. "
    "See docs/training.md, 'What is tested'"
)
_MOST_MISSING = 100
"""For how many test episodes that were not played a record says so."""
_EARLY = 0.5
"""After which share of the time for tests no episode begins, so that those that have begun can end."""


class Tested(msgspec.Struct):
    """What was tested, or why nothing was; and what a reader of the returns must know."""

    actor: str
    warnings: list[str]


def play(spec: Spec, things: Sequence[Thing], *, deadline: float, witness: Witness | None = None) -> Tested:
    """Play the test episodes and write their records to the run's folder; none where nothing acts for sure.

    What acts is held against what the `witness` saw. Gives up at `deadline`, by the clock of `time.monotonic`.
    """
    with evaluating():
        return _played(spec, things, witness or Witness(), deadline=deadline)


def _played(spec: Spec, things: Sequence[Thing], witness: Witness, *, deadline: float) -> Tested:
    try:
        recipe = recipe_of(things, spec.env, witness)
        probe = recipe.make(films=False)
    except UnmadeError as error:
        return _nothing(str(error))
    try:
        calls = calls_beside_reset(texts_of(spec.script))
        actor = find_actor(things, probe, is_many=recipe.is_many, pairs=witness.pairs, deadline=deadline, calls=calls)
    except UnlikeError as error:
        return _nothing(f"{error}. {_WHAT_TO_DO}")
    finally:
        probe.close()
    if actor is None:
        return _nothing(f"the script left nothing that is known to act in {recipe.id}. {_WHAT_ACTS}")
    recipe.has_other_rewards = False
    return Tested(actor.text, _Tests(spec, recipe, actor, deadline=deadline).play())


def _nothing(reason: str) -> Tested:
    text = f"Nothing was tested: {reason.removesuffix('.')}."
    return Tested(text, [text])


class _FilmError(str):
    """A reason that may lie in the films."""

    __slots__ = ()


class _LateError(BaseException):
    """No further episode is to begin. Not an Exception, for it is no fault."""


_NEAR = "the time limit of the run was near"
_CUT = "; one that took longer than was left is not counted, so that these may be the shorter ones"


class _Tests:
    """The test episodes of one run."""

    def __init__(self, spec: Spec, recipe: Recipe, actor: Actor, *, deadline: float) -> None:
        self._spec = spec
        self._recipe = recipe
        self._actor = actor
        self._deadline = deadline
        self._records: list[Record] = []
        self._waiting: dict[int, Record] = {}
        self._last_begin = _middle(deadline)
        self._max_steps = None if recipe.has_limit else _limit(spec.artifacts)
        self._repeats = True

    def play(self) -> list[str]:
        """Play them all; the rest without films where it is these that can't be had. What to know is returned."""
        warnings = []
        reason = self._tried(films=self._spec.num_videos > 0)
        if isinstance(reason, _FilmError):
            num_before = len(self._records)
            told = f"{'Not all' if num_before else 'No'} videos: {reason}"
            reason = self._tried(films=False)
            warnings = [told] if len(self._records) > num_before else []
        if reason is not None:
            num = self._spec.num_test_episodes
            warnings.append(f"Testing ended after {len(self._records)} of {num} episodes: {reason}")
        warnings += errors_of(self._records)
        if reason is not None and self._records:
            self._mark_missing(reason)
        return [*warnings, *self._notes(), *self._apart()]

    def _apart(self) -> list[str]:
        """A sentence where the returns are far from those of the training."""
        values = [record.values.get("return") for record in self._records if record.error is None]
        returns = [float(value) for value in values if isinstance(value, float | int)]
        training = [episode.total for episode in read_trained(self._spec.artifacts)[-_LAST:]]
        told = told_apart(returns, training)
        return [] if told is None else [told]

    def _mark_missing(self, reason: str) -> None:
        """Write a record for each episode that was wanted and is not there, so that no reader takes the rest for all.

        There are as many of them as were asked for, or a hundred: a file of a million says no more.
        """
        num_missing = min(self._spec.num_test_episodes - len(self._records), _MOST_MISSING)
        first = len(self._records) + 1
        missing = [Record(first + place, {}, f"not played: {reason}") for place in range(num_missing)]
        with (self._spec.artifacts / TESTS).open("ab") as file:
            file.write(b"".join(encode_record(record) for record in missing))

    def _tried(self, *, films: bool) -> str | None:
        """Why not all episodes could be played; None where they were."""
        try:
            self._play(films=films)
        except (UserError, VideoError) as error:
            return _FilmError(error) if films else str(error)
        except _LateError:
            return f"{_NEAR}; every one that was begun is counted"
        except OutOfTimeError:
            return f"{_NEAR}{_CUT if self._records else ''}"
        except (Exception, SystemExit) as error:  # noqa: BLE001  # policy and environment are the script's own code
            return f"{type(error).__name__}: {error}"
        return None

    def _notes(self) -> list[str]:
        notes = list(self._recipe.notes)
        fine = [record for record in self._records if record.error is None]
        num_cut = sum(record.values["length"] == self._max_steps for record in fine)
        if num_cut:
            notes.append(
                f"{self._recipe.id} has no limit of steps: {num_cut} of {len(self._records)} test episodes were cut "
                f"after {self._max_steps}."
            )
        if not self._repeats:
            notes.append(
                f"In {self._recipe.id} the same seed and actions gave other observations or rewards the second time: "
                "the test returns can't be had again."
            )
        if self._recipe.has_other_rewards:
            notes.append(
                f"Test returns are sums of the rewards of {self._recipe.id} itself; the script trained on what its "
                "wrappers made of them."
            )
        return notes

    def _play(self, *, films: bool) -> None:
        workload = EvaluateWorkload(
            self._benchmark(films=films), [_Trained("trained", _policy_of(self._actor))], lanes=self._actor.lanes
        )
        memory = Memory(self._spec.num_test_episodes)
        memory.kept = [Record(record.index - 1, {}) for record in self._records]
        file = os.open(self._spec.artifacts / TESTS, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            with workload.session() as measure:
                for case in workload.whole_cases():
                    for end in self._ends(workload.lanes):
                        memory.num_wanted = end
                        self._take(measure(case, memory), file)
                        memory.kept = [Record(record.index - 1, {}) for record in self._records]
        finally:
            os.close(file)
        self._repeats = "not_reproducible" not in memory.result

    def _ends(self, lanes: int) -> Iterator[int]:
        """How many episodes are to be done then, and then: all, or where time may run out as many as go together.

        Raises _LateError where more are wanted, and it is too late to begin them.
        """
        num = self._spec.num_test_episodes
        if self._deadline == math.inf:
            yield num
            return
        for end in range(lanes, num + lanes, lanes):
            if self._records and time.monotonic() > self._last_begin:
                raise _LateError
            yield min(end, num)

    def _take(self, records: Iterator[Record], file: int) -> None:
        """Write records in the order of their episodes, those before which none is missing: the short end first.

        Of episodes that time has cut none counts, for those of them that have ended were the shorter ones.
        """
        try:
            for record in records:
                self._waiting[record.index] = record
                if self._deadline == math.inf:
                    self._write(file)
        except OutOfTimeError:
            self._waiting.clear()
            raise
        finally:
            self._write(file)
            self._waiting.clear()

    def _write(self, file: int) -> None:
        while (record := self._waiting.pop(len(self._records), None)) is not None:
            own = _own(record)
            os.write(file, encode_record(own))
            self._records.append(own)

    def _benchmark(self, *, films: bool) -> _Fresh:
        make = partial(self._recipe.make, films=films, deadline=self._deadline)
        return _Fresh(
            [make],
            task=self._recipe.id,
            num_episodes=self._spec.num_test_episodes,
            max_steps=self._max_steps,
            seed=derive(self._spec.seed, "test"),
            video_dir=self._spec.artifacts / VIDEOS if films else None,
            record_mode=f"first:{self._spec.num_videos}" if films else "none",
        )


class _Trained(Live):
    """The policy of this run, which needs no other name."""

    def digest(self) -> str:
        return self.name


class _Fresh(Benchmark):
    """A benchmark of one environment, which the run already names."""

    def __init__(
        self,
        gyms: Sequence[Gym],
        *,
        task: str,
        num_episodes: int,
        max_steps: int | None,
        seed: int,
        video_dir: Path | None,
        record_mode: str,
    ) -> None:
        super().__init__(
            gyms,
            num_episodes=num_episodes,
            max_steps=max_steps,
            seed=seed,
            video_dir=video_dir,
            record_mode=record_mode,
        )
        self.task = task

    def tasks(self) -> list[Task]:
        return [Task(self.task, {"gym_id": self.task})]


def _policy_of(actor: Actor) -> object:
    return Rows(actor.policy) if isinstance(actor.policy, Player) else actor.policy


def _middle(deadline: float) -> float:
    now = time.monotonic()
    return deadline if deadline == math.inf else now + _EARLY * (deadline - now)


def _own(record: Record) -> Record:
    """The record of a test episode: they are counted from 1, and films lie in their folder of the run."""
    video = record.values.get("video")
    told = {} if video is None else {"video": f"{VIDEOS}/{video}"}
    return Record(record.index + 1, {**record.values, **told}, record.error)


def _limit(folder: Path) -> int:
    """How long a test episode may be where nothing ends it: as long as the last ones of training, if they were long."""
    return max([_MOST_STEPS, *(episode.length for episode in read_episodes(folder)[-_LAST:])])
