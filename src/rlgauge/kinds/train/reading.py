"""What a training run came to: records and a result, out of the files that its process left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import msgspec

from rlgauge.core.run import Record, Value
from rlgauge.kinds.train.journal import EPISODES, SCALARS, TESTS, Episode, Scalars, Tail
from rlgauge.kinds.train.spec import OUTCOME, Outcome

UNITS: Mapping[str, str] = {
    "return": "reward",
    "length": "steps",
    "success": "success",
    "success_at_end": "success",
    "success_ever": "success",
    "environment_seconds": "s",
    "training_return": "reward",
    "training_length": "steps",
    "num_episodes": "episodes",
    "num_steps": "steps",
    "train_seconds": "s",
}
"""Of test episodes, as evaluations have them, and of the training as a whole."""
TRAINING = 0
"""The index of the record of the training; test episodes follow."""
NUM_LAST = 10
"""Over so many episodes, the last ones, the training's return and length are means."""


class Training(msgspec.Struct, frozen=True, kw_only=True):
    """How far a training is: the episodes that ended, and the steps until the last of them.

    `is_counted` tells whether anybody counted.
    """

    is_counted: bool = False
    num_episodes: int = 0
    num_steps: int = 0
    seconds: float = 0.0
    last: tuple[Episode, ...] = ()

    @property
    def mean_return(self) -> float | None:
        """The mean return of the last ten episodes; None before the first."""
        return fmean(episode.total for episode in self.last) if self.last else None

    @property
    def mean_length(self) -> float | None:
        """The mean length of the last ten episodes; None before the first."""
        return fmean(episode.length for episode in self.last) if self.last else None

    def after(self, episodes: Sequence[Episode]) -> Training:
        """How far it is when these episodes have ended, too."""
        if not episodes:
            return self
        return Training(
            is_counted=True,
            num_episodes=self.num_episodes + len(episodes),
            num_steps=max(self.num_steps, episodes[-1].num_steps),
            seconds=episodes[-1].seconds,
            last=(*self.last, *episodes)[-NUM_LAST:],
        )


class Progress:
    """The training of a folder of artifacts, as it goes on."""

    def __init__(self, folder: Path) -> None:
        """Nothing is read yet, and nothing need be there."""
        self.training = Training()
        self.num_tests = 0
        self._episodes = Tail(folder / EPISODES, Episode)
        self._tests = Tail(folder / TESTS, Record)

    def look(self) -> Training:
        """Read what has come since."""
        self.training = self.training.after(self._episodes.read())
        self.num_tests += len(self._tests.read())
        return self.training


def read_outcome(folder: Path, name: str = OUTCOME) -> Outcome | None:
    """What the script's process told at its end, or in another file; None where there is none that can be read."""
    try:
        return msgspec.json.decode((folder / name).read_bytes(), type=Outcome)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def read_training(folder: Path) -> Training:
    """The training of a folder of artifacts, whole."""
    return msgspec.structs.replace(Progress(folder).look(), is_counted=(folder / EPISODES).exists())


def read_tests(folder: Path) -> list[Record]:
    """The records of the test episodes, in order, each index once."""
    found = {record.index: record for record in Tail(folder / TESTS, Record).read() if record.index > TRAINING}
    return [found[index] for index in sorted(found)]


def num_scalars(folder: Path) -> int:
    """How many lines of scalars the script logged."""
    return len(Tail(folder / SCALARS, Scalars).read())


def record_of(training: Training, *, num_steps: int | None, train_seconds: float | None) -> Record:
    """The record of the training as a whole; None is what was not measured."""
    values: dict[str, Value] = {
        "training_return": training.mean_return,
        "training_length": training.mean_length,
        "num_episodes": training.num_episodes if training.is_counted else None,
        "num_steps": num_steps if num_steps is not None else (training.num_steps or None),
        "train_seconds": train_seconds,
    }
    return Record(TRAINING, values)


def count_of(facts: Mapping[str, object], name: str) -> int | None:
    """A number of the facts that a process told; None where it told no such number."""
    value = facts.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def told_by(outcome: Outcome) -> dict[str, Any]:
    """What the process told, for the run's result."""
    told: dict[str, Any] = msgspec.to_builtins(outcome)
    return {name: told[name] for name in ("environments", "saved", "actor", "warnings", "facts")}
