"""What a training run came to: records and a result, out of the files that its process left."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import msgspec

from rlgauge.core.reading import Curve
from rlgauge.core.run import Record, Value
from rlgauge.kinds.train.journal import (
    ENVIRONMENTS,
    EPISODES,
    SCALARS,
    TESTING,
    TESTS,
    Episode,
    Role,
    Scalars,
    Tail,
    children,
    first_of_all,
    of_child,
)
from rlgauge.kinds.train.spec import OUTCOME, TRAINED, Outcome

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


_TIME = itemgetter(0)
_MIXED = (
    "Episodes of several processes of the command were counted together: {}. Where some of them only test, its "
    "training return and its steps are a mixture."
)


class Training(msgspec.Struct, frozen=True, kw_only=True):
    """How far a training is: the episodes that ended, and the steps until the last of them, in all of its processes.

    `is_counted` tells whether anybody counted. `num_others` episodes were no part of it, but tests that the script made
    in other environments; `return_of_others` is their mean.
    """

    is_counted: bool = False
    num_episodes: int = 0
    num_steps: int = 0
    seconds: float = 0.0
    last: tuple[Episode, ...] = ()
    num_others: int = 0
    return_of_others: float | None = None

    @property
    def mean_return(self) -> float | None:
        """The mean return of the last ten episodes; None before the first."""
        return fmean(episode.total for episode in self.last) if self.last else None

    @property
    def mean_length(self) -> float | None:
        """The mean length of the last ten episodes; None before the first."""
        return fmean(episode.length for episode in self.last) if self.last else None


class _Ended:
    """The episodes that have ended in one environment."""

    def __init__(self) -> None:
        self.num = 0
        self.total = 0.0
        self.last: deque[Episode] = deque(maxlen=NUM_LAST)

    def add(self, episode: Episode) -> None:
        self.num += 1
        self.total += episode.total
        self.last.append(episode)


class _Process:
    """The environments of one process, and which of them it trains in."""

    def __init__(self, folder: Path, pid: int | None) -> None:
        self.num_steps = 0
        self._num_before = 0
        self._episodes = Tail(folder / of_child(EPISODES, pid), Episode)
        self._roles = Tail(folder / of_child(ENVIRONMENTS, pid), Role)
        self._others = {TESTING}
        self._ended: dict[int, _Ended] = {}

    def look(self) -> list[Episode]:
        """What has come since, `num_steps` being those of all processes that had this id."""
        for role in self._roles.read():
            (self._others.discard if role.is_training else self._others.add)(role.origin)
        return [self._add(episode) for episode in self._episodes.read()]

    def _add(self, episode: Episode) -> Episode:
        if not episode.index:  # the first of a process, which may have the id of one that is gone
            self._num_before = self.num_steps
        if self._num_before:
            episode = msgspec.structs.replace(episode, num_steps=self._num_before + episode.num_steps)
        self.num_steps = episode.num_steps
        self._ended.setdefault(episode.origin, _Ended()).add(episode)
        return episode

    @property
    def num_dropped(self) -> int:
        """Lines that were torn or damaged so far."""
        return self._episodes.num_dropped

    def is_training(self, episode: Episode) -> bool:
        """Whether it is one of an environment that the process trains in, as far as is known."""
        return episode.origin not in self._others

    @property
    def trained(self) -> list[_Ended]:
        """Those of its training."""
        return [one for origin, one in self._ended.items() if origin not in self._others]

    @property
    def others(self) -> list[_Ended]:
        """Those that are none of it."""
        return [one for origin, one in self._ended.items() if origin in self._others]


class Progress:
    """The training of a folder of artifacts, as it goes on."""

    def __init__(self, folder: Path) -> None:
        """Nothing is read yet, and nothing need be there."""
        self.training = Training()
        self.num_tests = 0
        self._folder = folder
        self._processes: dict[int | None, _Process] = {None: _Process(folder, None)}
        self._tests = Tail(folder / TESTS, Record)

    def look(self) -> Training:
        """Read what has come since."""
        _find(self._processes, self._folder)
        for process in self._processes.values():
            process.look()
        self.training = _together(self._processes.values())
        self.num_tests += len(self._tests.read())
        return self.training


def _find(processes: dict[int | None, _Process], folder: Path) -> None:
    """Add the processes that the script has started since."""
    for pid in children(folder, EPISODES):
        if pid not in processes:
            processes[pid] = _Process(folder, pid)


def _together(processes: Iterable[_Process]) -> Training:
    """What all processes have trained."""
    every = list(processes)
    trained = [one for process in every for one in process.trained]
    others = [one for process in every for one in process.others]
    num_others = sum(one.num for one in others)
    last = sorted((episode for one in trained for episode in one.last), key=lambda episode: episode.seconds)
    return Training(
        is_counted=bool(trained or others),
        num_episodes=sum(one.num for one in trained),
        num_steps=sum(process.num_steps for process in every),
        seconds=last[-1].seconds if last else 0.0,
        last=tuple(last[-NUM_LAST:]),
        num_others=num_others,
        return_of_others=sum(one.total for one in others) / num_others if num_others else None,
    )


def read_outcome(folder: Path, name: str = OUTCOME) -> Outcome | None:
    """What the script's process told at its end, or in another file; None where there is none that can be read.

    Of a command it is what all of its processes told.
    """
    found = _outcome(folder / name)
    return _of_many(folder) if found is None and name == OUTCOME else found


def _outcome(path: Path) -> Outcome | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Outcome)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def _of_many(folder: Path) -> Outcome | None:
    """What the processes of a command told, and those of their own that tell nothing, together."""
    found = {pid: _outcome(folder / of_child(OUTCOME, pid)) for pid in children(folder, OUTCOME)}
    told = {pid: one for pid, one in found.items() if one is not None}
    if not told:
        return None
    first = first_of_all(folder)
    processes = _processes(folder)
    silent = [one for pid, one in processes.items() if (first if pid is None else pid) not in told]
    together = _together(processes.values())
    steps = sum(count_of(one.facts, "num_steps") or 0 for one in told.values())
    return Outcome(
        error=next((one.error for one in told.values() if one.error is not None), None),
        environments=list(dict.fromkeys(env for one in told.values() for env in one.environments)),
        warnings=list(
            dict.fromkeys([*(text for one in told.values() for text in one.warnings), *_mixed(told, silent)])
        ),
        facts={
            "num_steps": steps + sum(one.num_steps for one in silent),
            "num_episodes": together.num_episodes,
            "num_other_episodes": together.num_others,
        },
    )


def _mixed(told: Mapping[int, Outcome], silent: Iterable[_Process]) -> list[str]:
    """A sentence where several processes of a command have trained; workers of one are one."""
    of_workers = sum(one.num for process in silent for one in process.trained)
    nums = [*(count_of(one.facts, "num_episodes") or 0 for one in told.values()), of_workers]
    nums = [num for num in nums if num]
    return [_MIXED.format(" and ".join(map(str, nums)))] if len(nums) > 1 else []


def read_training(folder: Path) -> Training:
    """The training of a folder of artifacts, whole: steps without an episode's end are counted, too."""
    training = Progress(folder).look()
    outcome = None if training.is_counted else read_outcome(folder) or read_outcome(folder, TRAINED)
    is_stepped = outcome is not None and bool(count_of(outcome.facts, "num_steps"))
    return msgspec.structs.replace(training, is_counted=training.is_counted or is_stepped)


def read_children(folder: Path) -> Training:
    """What the processes trained that the script has started."""
    return _together(process for pid, process in _processes(folder).items() if pid is not None)


def _processes(folder: Path) -> dict[int | None, _Process]:
    """All processes of a run, as they stand."""
    processes: dict[int | None, _Process] = {None: _Process(folder, None)}
    _find(processes, folder)
    for process in processes.values():
        process.look()
    return processes


class Ending(NamedTuple):
    """An episode that has ended, `num_steps` being those of all processes, and whether it is one of the training."""

    episode: Episode
    is_training: bool


class Endings:
    """The episodes of a run as they end, in all of its processes, each given once."""

    def __init__(self, folder: Path) -> None:
        """Read the folder of artifacts from its beginning."""
        self._folder = folder
        self._processes: dict[int | None, _Process] = {None: _Process(folder, None)}
        self._steps: dict[int, int] = {}

    @property
    def num_dropped(self) -> int:
        """Lines that were torn or damaged so far."""
        return sum(one.num_dropped for one in self._processes.values())

    def read(self) -> list[Ending]:
        """Those that have ended since the last call, in order as far as several processes tell of theirs in time."""
        _find(self._processes, self._folder)
        found = [(one.seconds, pid or 0, one) for pid, process in self._processes.items() for one in process.look()]
        return [self._of(pid, one) for _, pid, one in (sorted(found, key=_TIME) if len(self._processes) > 1 else found)]

    def _of(self, pid: int, episode: Episode) -> Ending:
        process = self._processes[pid or None]
        self._steps[pid] = episode.num_steps
        steps = sum(self._steps.values())
        return Ending(msgspec.structs.replace(episode, num_steps=steps), process.is_training(episode))


def read_trained(folder: Path) -> list[Episode]:
    """The episodes of the training, in the order in which they ended, `num_steps` being those of all processes."""
    return [one.episode for one in Endings(folder).read() if one.is_training]


def curve_of(folder: Path) -> Curve | None:
    """The mean return of the last ten episodes over environment steps; None where no episode ended."""
    last: deque[float] = deque(maxlen=NUM_LAST)
    points: dict[float, float] = {}
    num_steps = 0
    for episode in read_trained(folder):
        last.append(episode.total)
        num_steps = max(num_steps, episode.num_steps)
        points[num_steps] = fmean(last)
    return Curve(tuple(points), tuple(points.values())) if points else None


def read_tests(folder: Path) -> list[Record]:
    """The records of the test episodes, in order, each index once."""
    found = {record.index: record for record in Tail(folder / TESTS, Record).read() if record.index > TRAINING}
    return [found[index] for index in sorted(found)]


def errors_of(tests: Sequence[Record]) -> list[str]:
    """A sentence on test episodes that ended as errors; none where none did."""
    errors = [record.error for record in tests if record.error is not None]
    if not errors:
        return []
    num = f"{len(errors)} of {len(tests)} test episodes"
    rest = "and the test return is the mean of the others, which may be the easier ones"
    line = errors[0].partition("\n")[0]
    return [f"{num} ended in an error{f', {rest}' if len(errors) < len(tests) else ''}. The first: {line}"]


def num_scalars(folder: Path) -> int:
    """How many lines of scalars the script logged."""
    return len(Tail(folder / SCALARS, Scalars).read())


def record_of(training: Training, *, num_steps: int | None, train_seconds: float | None) -> Record:
    """The record of the training as a whole; None is what was not measured, and where no step was, nothing was."""
    values: dict[str, Value] = {
        "training_return": training.mean_return,
        "training_length": training.mean_length,
        "num_episodes": training.num_episodes if training.is_counted else None,
        "num_steps": num_steps or training.num_steps or None,
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
