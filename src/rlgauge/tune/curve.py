"""Learning curves of trainings while they go on, at environment steps that are the same for all trials of a study."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from rlgauge.core.case import Case
from rlgauge.core.run import Status
from rlgauge.core.store import Store
from rlgauge.kinds.train.reading import NUM_LAST, Endings
from rlgauge.tune.base import Base

NUM_MILESTONES = 10
"""Of a training whose steps are known: a tenth of them is one."""
_GRID = tuple(head * 10**power for power in range(2, 10) for head in (1, 2, 5))
"""Of others: 100, 200, 500, 1000 and so on, up to 5,000,000,000."""

Values = Sequence[float | None]
"""The mean return at each milestone that a training has passed; None where no episode had ended by then."""


class Milestones(NamedTuple):
    """Environment steps at which trials are compared; `is_total` where a training ends at the last of them."""

    steps: tuple[int, ...]
    is_total: bool


class Point(NamedTuple):
    """What a trial came to at a milestone of one of its seeds, on average over that one and those before it.

    `place` counts the milestones of all its seeds, one after the other, from 1.
    """

    place: int
    value: float
    num_steps: int
    num_seeds: int

    @property
    def text(self) -> str:
        """Where it is, in words."""
        seeds = "seed" if self.num_seeds == 1 else f"seed {self.num_seeds}"
        return f"after {self.num_steps:,} steps of its {seeds}, with a training return of {self.value:.5g}"


def milestones_of(base: Base) -> Milestones | None:
    """Those of all configurations, as the default one trains; None where episodes do not show what is learnt."""
    if not base.has_curve:
        return None
    length = base.configured({}, [0]).length
    if length is None or length.unit != "steps" or length.number < NUM_MILESTONES:
        return Milestones(_GRID, is_total=False)
    steps = (length.number * place // NUM_MILESTONES for place in range(1, NUM_MILESTONES + 1))
    return Milestones(tuple(steps), is_total=True)


def points(seeds: Sequence[Values], milestones: Milestones) -> list[Point]:
    """The points of the last of some seeds, where all of them have a value."""
    found = []
    for index, values in enumerate(zip(*seeds, strict=False)):
        known = [value for value in values if value is not None]
        if len(known) == len(seeds):
            place = (len(seeds) - 1) * len(milestones.steps) + index + 1
            found.append(Point(place, fmean(known), milestones.steps[index], len(seeds)))
    return found


class Curve:
    """The mean return of the last ten episodes of a training, at each milestone that it has passed."""

    def __init__(self, artifacts: Path, milestones: Milestones) -> None:
        """Nothing is read yet."""
        self.artifacts = artifacts
        self.values: list[float | None] = []
        self._milestones = milestones
        self._endings = Endings(artifacts)
        self._last: deque[float] = deque(maxlen=NUM_LAST)

    def look(self) -> None:
        """Read what has come since."""
        for one in self._endings.read():
            if one.is_training:
                self._pass(one.episode.num_steps)
                self._last.append(one.episode.total)

    def end(self) -> None:
        """Read it as one that is over: where it should be at its last milestone, its last episodes stand for the rest.

        One of few steps ends before the last milestone, or between two.
        """
        self.look()
        if self._last and self._milestones.is_total:
            self._pass(self._milestones.steps[-1] + 1)

    def _pass(self, num_steps: int) -> None:
        """Note the milestones before these steps."""
        for step in self._milestones.steps[len(self.values) :]:
            if step >= num_steps:
                return
            self.values.append(fmean(self._last) if self._last else None)


class Following:
    """The curve of one case, whose attempt at it may be another one each time."""

    def __init__(self, store: Store, case: Case, milestones: Milestones) -> None:
        """Nothing is read yet."""
        self._store = store
        self._case = case
        self._milestones = milestones
        self._curve: Curve | None = None

    def look(self) -> Values:
        """As far as the attempt has come that goes on now; empty where none does."""
        attempts = self._store.attempts(self._store.root / self._case.folder)
        if not attempts or attempts[-1].status is not Status.RUNNING:
            return []
        artifacts = attempts[-1].folder / "artifacts"
        if self._curve is None or self._curve.artifacts != artifacts:
            self._curve = Curve(artifacts, self._milestones)
        with contextlib.suppress(OSError):  # it is read again soon
            self._curve.look()
        return self._curve.values

    def whole(self) -> Values:
        """That of the run that speaks for the case, when it has completed."""
        run = self._store.find(self._case)
        if run is None or run.status is not Status.COMPLETED:
            return []
        curve = Curve(run.folder / "artifacts", self._milestones)
        curve.end()
        return curve.values
