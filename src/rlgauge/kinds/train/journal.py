"""What a training run tells while it goes on: episodes and scalars, a line each, written as they happen.

A line is JSON with a checksum of itself as its last field, and written by one call: a kill tears the last one at most.
"""

from __future__ import annotations

import os
import sys
import time
import zlib
from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

EPISODES, SCALARS, TESTS, REWARDS = "training.jsonl", "scalars.jsonl", "tests.jsonl", "rewards.f32"
"""Names of the files in a run's folder of artifacts.

`tests.jsonl` holds records of test episodes (`rlgauge.core.run.Record`). `rewards.f32` holds the rewards of every
step, float32 in little-endian order: those of the first episode that ended, then those of the second, and so on.
"""


class Episode(msgspec.Struct, frozen=True):
    """An episode that ended while the script trained, as its environment saw it.

    `index` counts them from 0; `total` is the undiscounted sum of its rewards and `length` its steps. `num_steps`
    counts the steps of all environments so far and `seconds` since the script began. `place` is that of the environment
    among those of a vector, `env` its id where it has one. `is_truncated` tells that it was cut off.
    """

    index: int = msgspec.field(name="i")
    total: float = msgspec.field(name="r")
    length: int = msgspec.field(name="l")
    num_steps: int = msgspec.field(name="n")
    seconds: float = msgspec.field(name="t")
    is_truncated: bool = msgspec.field(name="u", default=False)
    place: int = msgspec.field(name="p", default=0)
    env: str = msgspec.field(name="e", default="")


class Scalars(msgspec.Struct, frozen=True):
    """Numbers that the script logged at a step, as it counts them; None is one that was not finite."""

    values: dict[str, float | None] = msgspec.field(name="v")
    step: int | None = msgspec.field(name="s")
    seconds: float = msgspec.field(name="t")


class Journal:
    """The files of a run, open for writing by the process that made it; what that forks writes nothing."""

    def __init__(self, folder: Path, *, keep_rewards: bool = False) -> None:
        """Open them; the clock starts here."""
        self.num_episodes = 0
        self.start = time.monotonic()
        self.keeps_rewards = keep_rewards
        self._pid = os.getpid()
        self._episodes = _opened(folder / EPISODES)
        self._scalars = _opened(folder / SCALARS)
        self._rewards = _opened(folder / REWARDS) if keep_rewards else None
        self._names: dict[str, str] = {}

    def episode(
        self,
        total: float,
        length: int,
        *,
        num_steps: int,
        is_truncated: bool = False,
        place: int = 0,
        env: str = "",
        rewards: Sequence[float] = (),
    ) -> None:
        """Write an episode that has just ended."""
        if os.getpid() != self._pid:
            return
        seconds = time.monotonic() - self.start
        one = Episode(self.num_episodes, total, length, num_steps, seconds, is_truncated, place, env)
        self.num_episodes += 1
        if self._rewards is not None:
            numbers = array("f", rewards)
            if sys.byteorder == "big":
                numbers.byteswap()
            os.write(self._rewards, numbers.tobytes())
        os.write(self._episodes, line_of(msgspec.json.encode(one)))

    def scalar(self, name: str, value: float, step: int | None) -> None:
        """Write one number."""
        if os.getpid() != self._pid:
            return
        key = self._names.get(name)
        if key is None:
            key = self._names[name] = msgspec.json.encode(name).decode()
        number = repr(value) if value - value == 0 else "null"
        place = "null" if step is None else step
        body = f'{{"v":{{{key}:{number}}},"s":{place},"t":{time.monotonic() - self.start:.3f}}}'.encode()
        os.write(self._scalars, line_of(body))

    def scalars(self, values: Mapping[str, float], step: int | None) -> None:
        """Write several numbers of a step."""
        if os.getpid() != self._pid:
            return
        finite = {name: value if value - value == 0 else None for name, value in values.items()}
        one = Scalars(finite, step, time.monotonic() - self.start)
        os.write(self._scalars, line_of(msgspec.json.encode(one)))


def line_of(body: bytes) -> bytes:
    """A line of JSON, with a checksum as the last field of its object."""
    return b'%s,"c":"%08x"}\n' % (body[:-1], zlib.crc32(body))


T = TypeVar("T")


class Tail(Generic[T]):
    """The lines of a file that is being written, as they come; those that are torn or damaged are passed over."""

    def __init__(self, path: Path, kind: type[T]) -> None:
        """Read `path`, which need not be there yet, as objects of a kind."""
        self.num_dropped = 0
        self._path = path
        self._offset = 0
        self._decode = msgspec.json.Decoder(kind).decode

    def read(self) -> list[T]:
        """What has come since the last call, as far as lines are whole."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                content = file.read()
        except FileNotFoundError:
            return []
        whole = content[: content.rfind(b"\n") + 1]
        self._offset += len(whole)
        found = [self._one(line) for line in whole.splitlines()]
        return [one for one in found if one is not None]

    def _one(self, line: bytes) -> T | None:
        body, mark, check = line.rpartition(b',"c":"')
        body += b"}"
        try:
            if mark and check == b'%08x"}' % zlib.crc32(body):
                return self._decode(body)
        except msgspec.DecodeError:
            pass
        self.num_dropped += 1
        return None


def read_episodes(folder: Path) -> list[Episode]:
    """All episodes of a run's folder of artifacts, in the order in which they ended."""
    return Tail(folder / EPISODES, Episode).read()


def read_scalars(folder: Path) -> list[Scalars]:
    """All that was logged there, in order."""
    return Tail(folder / SCALARS, Scalars).read()


def _opened(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
