"""What is known of the runs of a training while they go on: from what workers tell, and from the files they write."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from rlgauge.cli.train_options import Trainings
from rlgauge.cli.units import count_text, seconds_text
from rlgauge.core.case import Case
from rlgauge.core.claim import number_of
from rlgauge.core.execute import Event
from rlgauge.core.run import Status
from rlgauge.core.store import Need, Store
from rlgauge.kinds.train.reading import Progress, Training
from rlgauge.kinds.train.spec import SPEC
from rlgauge.kinds.train.stages import Far, Stage, read_stage
from rlgauge.kinds.train.totals import Length


class Running:
    """A run that goes on."""

    def __init__(self, case: Case, artifacts: Path, *, length: Length | None, num_tests: int) -> None:
        """Begin to look at what it writes; `length` is how long its training is meant to be."""
        self.case = case
        self.artifacts = artifacts
        self._progress = Progress(artifacts)
        self._far: Far | None = None
        self._length = length
        self._num_tests = num_tests

    def look(self) -> None:
        """Read what it has written since."""
        with contextlib.suppress(OSError):
            self._progress.look()
        self._far = read_stage(self.artifacts) or self._far

    def text(self) -> str:
        """How far it is, in words."""
        training = self._progress.training
        if self._progress.num_tests:
            return f"tested in {self._progress.num_tests} of {self._num_tests} episodes"
        if self._far is not None and self._far.stage is not Stage.TRAINING:
            return self._far.stage
        told = []
        if training.last:
            told = [
                f"{training.num_steps:,} steps",
                count_text(training.num_episodes, "episode"),
                f"last return {training.last[-1].total:.4g}",
                *([_means(training)] if len(training.last) > 1 else []),
            ]
        elif self._far is None:
            return "no episode has ended yet"
        if self._far is not None:
            told.append(_part(self._far))
        left = self._seconds_left()
        return ", ".join([*told, *([] if left is None else [f"{seconds_text(left)} left"])])

    def _seconds_left(self) -> float | None:
        """As long as the rest takes at the speed so far; None where nothing says how much it is, or it is done."""
        training = self._progress.training
        if self._far is not None and self._far.seconds_left is not None:
            return self._far.seconds_left if self._far.seconds_left >= 1 else None
        if self._length is None:
            return None
        done = training.num_steps if self._length.unit == "steps" else training.num_episodes
        rest = self._length.number - done
        seconds = training.seconds / done * rest if done > 0 and rest > 0 else 0.0
        return seconds if seconds >= 1 else None


def _part(far: Far) -> str:
    """How much of a training is done, as far as it is known."""
    return f"{far.done / far.total:.0%} trained" if far.done is not None and far.total else str(far.stage)


def _means(training: Training) -> str:
    """Of the last episodes: `mean of 10 28.3 in 28 steps`."""
    return f"mean of {len(training.last)} {training.mean_return:.4g} in {training.mean_length:.4g} steps"


class Watch:
    """Counts the runs of a workload, and follows those that go on. May be asked from several threads."""

    def __init__(self, workload: Trainings, store: Store, *, rerun_failed: bool) -> None:
        """Look at what is there already."""
        self._lock = threading.Lock()
        self._store = store
        self._num_tests = workload.num_tests
        self._open = {case.id: case for case in workload.cases() if _is_open(store, case, rerun_failed=rerun_failed)}
        self._running: dict[str, Running] = {}
        self._length = workload.length
        self.num_runs = len(list(workload.cases()))
        self.num_there = self.num_runs - len(self._open)
        self.num_done = self.num_there
        self.num_failed = self.num_given_up = sum(_has_failed(store, case) for case in self._done(workload))

    def _done(self, workload: Trainings) -> Iterator[Case]:
        return (case for case in workload.cases() if case.id not in self._open)

    def take(self, event: Event) -> Case | None:
        """The case whose run has ended with this event; None where none has."""
        with self._lock:
            if event.status is None or event.case_id not in self._open:
                return None
            case = self._open.pop(event.case_id)
            self._running.pop(event.case_id, None)
            self.num_done += 1
            self.num_failed += event.status is not Status.COMPLETED
            return case

    def look(self) -> list[Running]:
        """The runs that go on, as they are now."""
        with self._lock:
            for case in self._open.values():
                self._find(case)
            for run in self._running.values():
                run.look()
            return list(self._running.values())

    def _find(self, case: Case) -> None:
        """Note the attempt at a case that is going on, if there is one."""
        artifacts = _latest(self._store.root / case.folder)
        known = self._running.get(case.id)
        if artifacts is None or (known is not None and known.artifacts == artifacts):
            return
        self._running[case.id] = Running(case, artifacts, length=self._length, num_tests=self._num_tests)


def title_of(case: Case) -> str:
    """What a run is called: `ppo CartPole-v1 seed 3`."""
    return f"{case.labels['algorithm']} {case.labels['task']} seed {case.seed}"


def _is_open(store: Store, case: Case, *, rerun_failed: bool) -> bool:
    return store.needs(case, Need(rerun_up_to=store.num_attempts(case) if rerun_failed else None))


def _has_failed(store: Store, case: Case) -> bool:
    run = store.find(case)
    return run is not None and run.status is not Status.COMPLETED


def _latest(folder: Path) -> Path | None:
    """The artifacts of the last attempt that has begun to train."""
    try:
        names = [name for name in os.listdir(folder) if number_of(name) > 0]  # noqa: PTH208  # names, and often
    except OSError:
        return None
    if not names:
        return None
    artifacts = folder / max(names, key=number_of) / "artifacts"
    return artifacts if (artifacts / SPEC).is_file() else None
