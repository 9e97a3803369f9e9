"""How far the runs are that go on, in words: each is followed in the files that it writes."""

from __future__ import annotations

import contextlib
import os
import socket
from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from statistics import fmean
from typing import NamedTuple, Protocol

import msgspec

from rlgauge.cli.units import count_text, seconds_text
from rlgauge.core.run import Record, Run
from rlgauge.core.store import now
from rlgauge.kinds.train.journal import Tail
from rlgauge.kinds.train.reading import Progress
from rlgauge.kinds.train.spec import SPEC
from rlgauge.kinds.train.stages import Far, Stage, read_stage
from rlgauge.kinds.train.totals import Length, length_of
from rlgauge.report.numbers import short_count
from rlgauge.report.printable import printable

_WINDOW_SECONDS = 60.0
"""A speed is that of so long a time, the last one."""
_QUIET_SECONDS = 60.0
"""A run that has told nothing new for so long is said to be quiet."""
_NUM_LAST = 10
_OVER = 1.1
"""So far beyond its end a training is at it: many take their steps by the thousand."""


class Going(msgspec.Struct, frozen=True, kw_only=True):
    """A run that goes on: what it is called, how far it is in words, and as a share where that is known."""

    id: str
    group: str
    task: str
    seed: str
    parts: list[str]
    share: float | None = None


class _Pace:
    """How fast something is done: over the last minute, as far as it was seen."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, int]] = deque()

    def add(self, seconds: float, done: int) -> None:
        """Note that so much was done at a time; nothing where it is no more than before."""
        if self._points and done <= self._points[-1][1]:
            return
        self._points.append((seconds, done))
        while len(self._points) > 2 and self._points[1][0] <= seconds - _WINDOW_SECONDS:  # noqa: PLR2004  # two are a speed
            self._points.popleft()

    @property
    def per_second(self) -> float | None:
        """None before there are two times."""
        (first, begun), (last, done) = (self._points[0], self._points[-1]) if self._points else ((0.0, 0), (0.0, 0))
        return (done - begun) / (last - first) if last > first else None


class _Told(NamedTuple):
    """How far a run is: in words, as a share, how many seconds are left, and what changes as it comes further."""

    parts: list[str]
    share: float | None
    left: float | None
    mark: str


class _Follower(Protocol):
    """Reads on in the files of a run that goes on."""

    def look(self) -> _Told:
        """How far it is now."""


class _Training:
    """Follows a training by what it tells of its episodes, and of its stages."""

    def __init__(self, run: Run) -> None:
        self._artifacts = run.folder / "artifacts"
        self._progress = Progress(self._artifacts)
        self._length = _length_of(self._artifacts)
        self._num_tests = run.case.params.get("tests")
        self._far: Far | None = None
        self._pace = _Pace()
        self._pace.add(0.0, 0)  # its seconds count from where its script began

    def look(self) -> _Told:
        with contextlib.suppress(OSError):
            self._progress.look()
        self._far = read_stage(self._artifacts) or self._far
        training, num_tests = self._progress.training, self._progress.num_tests
        mark = f"{training.num_steps} {num_tests} {self._far}"
        if num_tests:
            of = f" of {self._num_tests}" if isinstance(self._num_tests, int) else ""
            return _Told([f"tested in {num_tests}{of} episodes"], None, None, mark)
        if self._far is not None and self._far.stage is not Stage.TRAINING:
            return _Told([str(self._far.stage)], None, None, mark)
        self._pace.add(training.seconds, training.num_steps)
        share = self._share()
        parts = [] if self._far is None else [str(self._far.stage)]
        if not training.last:  # some learn from what they are shown, and have none
            return _Told(parts or ["no episode has ended yet"], share, self._left(), mark)
        parts += [self._steps(), count_text(training.num_episodes, "episode")]
        if self._pace.per_second is not None:
            parts.append(f"{short_count(self._pace.per_second)} steps/s")
        parts.append(f"last return {training.last[-1].total:.4g}")
        if len(training.last) > 1:
            parts.append(f"mean {training.mean_return:.4g} over the last {len(training.last)}")
        return _Told(parts, share, self._left(), mark)

    def _steps(self) -> str:
        steps = self._progress.training.num_steps
        if self._length is None or self._length.unit != "steps" or steps > _OVER * self._length.number:
            return f"{steps:,} steps"
        return f"{steps:,} of {self._length.number:,} steps"

    def _done(self) -> tuple[int, int] | None:
        """How much of how much; None where nothing says it."""
        if self._far is not None and self._far.done is not None and self._far.total:
            return self._far.done, self._far.total
        if self._length is None:
            return None
        training = self._progress.training
        done = training.num_steps if self._length.unit == "steps" else training.num_episodes
        return (min(done, self._length.number), self._length.number) if done <= _OVER * self._length.number else None

    def _share(self) -> float | None:
        done = self._done()
        return None if done is None else done[0] / done[1]

    def _left(self) -> float | None:
        if self._far is not None and self._far.seconds_left is not None:
            return self._far.seconds_left
        training, speed, done = self._progress.training, self._pace.per_second, self._done()
        if done is None or speed is None or self._far is not None:
            return None
        each = 1.0 if self._length is None or self._length.unit == "steps" else training.num_steps / done[0]
        return (done[1] - done[0]) * each / speed


class _Records:
    """Follows any other run by its records: of an evaluation, these are episodes."""

    def __init__(self, run: Run, num_wanted: int | None, clock: Callable[[], float]) -> None:
        self._unit = "episode" if run.case.workload == "evaluate" else "record"
        self._tail = Tail(run.folder / "records.jsonl", Record)
        self._num_wanted = num_wanted
        self._clock = clock
        self._seen: set[int] = set()
        self._num_errors = 0
        self._last: deque[float] = deque(maxlen=_NUM_LAST)
        self._pace = _Pace()

    def look(self) -> _Told:
        for record in self._tail.read():
            self._seen.add(record.index)
            self._num_errors += record.error is not None
            value = record.values.get("return")
            if isinstance(value, float | int) and not isinstance(value, bool):
                self._last.append(float(value))
        number = len(self._seen)
        self._pace.add(self._clock(), number)
        speed, wanted = self._pace.per_second, self._num_wanted
        parts = [count_text(number, self._unit) if not wanted else f"{number:,} of {wanted:,} {self._unit}s"]
        if speed is not None:
            parts.append(f"{short_count(speed)} {self._unit}s/s")
        if self._last:
            parts.append(f"last return {self._last[-1]:.4g}")
        if len(self._last) > 1:
            parts.append(f"mean {fmean(self._last):.4g} over the last {len(self._last)}")
        if self._num_errors:
            parts.append(count_text(self._num_errors, "error"))
        is_known = wanted is not None and 0 < number <= wanted
        left = (wanted - number) / speed if wanted is not None and is_known and speed is not None else None
        return _Told(parts, number / wanted if wanted is not None and is_known else None, left, str(number))


class Watched:
    """A run that goes on, and since when it has told nothing new."""

    def __init__(self, run: Run, num_wanted: int | None, clock: Callable[[], float]) -> None:
        """Begin to follow it; `num_wanted` is how many records complete it, where that is known."""
        self._run = run
        self._follower: _Follower = _Records(run, num_wanted, clock)
        self._clock = clock
        self._mark = ""
        self._since = clock()

    def look(self) -> tuple[Going, str]:
        """How far it is, and what changes as it comes further."""
        if isinstance(self._follower, _Records) and (self._run.folder / "artifacts" / SPEC).is_file():
            self._follower = _Training(self._run)  # which a training is from its first file on
        told = self._follower.look()
        if told.mark != self._mark:
            self._mark, self._since = told.mark, self._clock()
        case, labels = self._run.case, self._run.case.labels
        parts = [*told.parts, *self._times(told)]
        going = Going(
            id=self._run.folder.name + case.id,
            group=printable(labels.get("algorithm") or labels.get("policy") or case.name),
            task=printable(labels.get("task", "")),
            seed=printable(labels.get("train_seed", "")),
            parts=list(map(printable, parts)),
            share=told.share,
        )
        return going, f"{self._run.folder} {self._mark}"

    def _times(self, told: _Told) -> Iterator[str]:
        first = self._run.case.params.get("first")
        if isinstance(first, int) and first:
            yield f"from episode {first}"
        host = self._run.file.host.get("hostname")
        if host and host != socket.gethostname():
            yield f"on {host}"
        started = self._run.file.start_time
        if started:
            yield f"for {_whole(max(0.0, _between(started, now())))}"
        quiet = self._clock() - self._since
        if quiet >= _QUIET_SECONDS:
            yield f"nothing new for {_whole(quiet)}"
        elif told.left is not None and told.left >= 1:
            yield f"{_whole(told.left)} left"


class _Spec(msgspec.Struct):
    """What is asked of the spec of a training."""

    script: str = ""
    args: list[str] = []


def _length_of(artifacts: Path) -> Length | None:
    """How long a training is meant to be, as its arguments or its script say."""
    try:
        spec = msgspec.json.decode((artifacts / SPEC).read_bytes(), type=_Spec)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    if os.path.isfile(spec.script):  # noqa: PTH113  # a command may be longer than the name of any file
        return length_of(spec.args, Path(spec.script))
    return length_of([*spec.args, *spec.script.split()], None)


def _whole(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 60 else seconds_text(seconds)  # noqa: PLR2004  # a minute


def _between(start: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
