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
from typing import Any, Generic, TypeVar

import msgspec

from rlgauge.core.files import create_exclusively
from rlgauge.kinds.train.script.lines import Lines

EPISODES, SCALARS, TESTS, REWARDS = "training.jsonl", "scalars.jsonl", "tests.jsonl", "rewards.f32"
ENVIRONMENTS, MADE = "environments.jsonl", "made.jsonl"
PROCESSES, FIRST = "processes", "hooked"
"""Names of the files in a run's folder of artifacts.

Of these, processes that the script starts have their own, in the folder `processes`: see `of_child`.
`environments.jsonl` holds a `Role` of each environment in which a process does not train, `made.jsonl` the ids of those
that a process of the script has made. `hooked` holds the id of the process of a command that was the first to write:
it has the files of the run itself.
`tests.jsonl` holds records of test episodes (`rlgauge.core.run.Record`). `rewards.f32` holds the rewards of every
step, float32 in little-endian order: those of the first episode that ended, then those of the second, and so on.
"""


class Episode(msgspec.Struct, frozen=True):
    """An episode that ended while the script trained, as its environment saw it.

    `index` counts them from 0; `total` is the undiscounted sum of its rewards and `length` its steps. `num_steps`
    counts the steps of all environments so far and `seconds` since the script began. `place` is that of the environment
    among those of a vector, `env` its id where it has one. `is_truncated` tells that it was cut off. `origin` numbers
    the environments of the process; a vector is one. What it is to the training is said by the last `Role` of that
    number; that of `TESTING` is none. `num_steps` leaves out those of environments whose role is another.
    """

    index: int = msgspec.field(name="i")
    total: float = msgspec.field(name="r")
    length: int = msgspec.field(name="l")
    num_steps: int = msgspec.field(name="n")
    seconds: float = msgspec.field(name="t")
    is_truncated: bool = msgspec.field(name="u", default=False)
    place: int = msgspec.field(name="p", default=0)
    env: str = msgspec.field(name="e", default="")
    origin: int = msgspec.field(name="o", default=0)


TESTING = -1
"""The origin of episodes that a library played to test a policy: they are none of the training."""


class Role(msgspec.Struct, frozen=True):
    """Whether a script trains in an environment, as far as has become known; it does where nothing is said of it."""

    origin: int = msgspec.field(name="o")
    is_training: bool = msgspec.field(name="t")
    env: str = msgspec.field(name="e", default="")
    reason: str = msgspec.field(name="w", default="")


class Made(msgspec.Struct, frozen=True):
    """The id of an environment that a process of the script has made."""

    env: str = msgspec.field(name="e")


class Scalars(msgspec.Struct, frozen=True):
    """Numbers that the script logged at a step, as it counts them; None is one that was not finite."""

    values: Mapping[str, float | None] = msgspec.field(name="v")
    step: int | None = msgspec.field(name="s")
    seconds: float = msgspec.field(name="t")


class Journal:
    """The files of a run, open for writing by the process that made it; what that forks writes nothing here."""

    def __init__(
        self, folder: Path, *, keep_rewards: bool = False, start: float | None = None, is_shared: bool = False
    ) -> None:
        """Open them; the clock starts here.

        With a `start`, of the clock of the run, they are those of a process that the script started: episodes only, in
        files of its own, which are made when something is written. One that `is_shared` with others that are started
        alike has the files of the run itself if it is the first of them to write.
        """
        self.folder = folder
        self.num_episodes = 0
        self.start = time.monotonic() if start is None else start
        self.keeps_rewards = keep_rewards
        self._pid = os.getpid()
        self._is_open_to_all = is_shared
        self._child = None if start is None else self._pid
        self._files: dict[str, int] = {}
        self._scalars = Lines(folder / SCALARS) if start is None else None
        self._encode = msgspec.json.Encoder().encode
        for name in [EPISODES, *([REWARDS] if keep_rewards else [])] if start is None else ():
            self._file(name)

    def episode(
        self,
        total: float,
        length: int,
        *,
        num_steps: int,
        is_truncated: bool = False,
        place: int = 0,
        env: str = "",
        origin: int = 0,
        rewards: Sequence[float] = (),
    ) -> None:
        """Write an episode that has just ended."""
        if os.getpid() != self._pid:
            return
        seconds = time.monotonic() - self.start
        one = Episode(self.num_episodes, total, length, num_steps, seconds, is_truncated, place, env, origin)
        self.num_episodes += 1
        if self.keeps_rewards:
            numbers = array("f", rewards)
            if sys.byteorder == "big":
                numbers.byteswap()
            os.write(self._file(REWARDS), numbers.tobytes())
        os.write(self._file(EPISODES), line_of(encoded(one)))

    def role(self, one: Role) -> None:
        """Write what an environment is to the training."""
        if os.getpid() == self._pid:
            os.write(self._file(ENVIRONMENTS), line_of(encoded(one)))

    def made(self, env: str) -> None:
        """Write the id of an environment that was made."""
        if os.getpid() == self._pid:
            os.write(self._file(MADE), line_of(encoded(Made(env))))

    def _claim(self) -> None:
        """Find out whether the files of the run itself are this process's."""
        self._is_open_to_all = False
        if create_exclusively(self.folder / FIRST, str(self._pid).encode()):
            self._child = None
            self._scalars = Lines(self.folder / SCALARS)

    def _file(self, name: str) -> int:
        if self._is_open_to_all:
            self._claim()
        if name not in self._files:
            path = self.folder / of_child(name, self._child)
            path.parent.mkdir(exist_ok=True)
            self._files[name] = _opened(path)
        return self._files[name]

    def scalars(self, values: Mapping[str, float | None], step: int | None) -> None:
        """Write numbers of a step, those that are not finite as null. Any thread may do so."""
        if self._is_open_to_all and os.getpid() == self._pid:
            self._claim()
        one = Scalars(values, step, time.monotonic() - self.start)
        if self._scalars is not None:
            try:
                body = self._encode(one)
            except UnicodeEncodeError:
                body = encoded(one)
            self._scalars.append(line_of(body))

    def close_scalars(self) -> None:
        """Cut the file of scalars off behind its last line."""
        if self._scalars is not None:
            self._scalars.close()


def encoded(value: object) -> bytes:
    r"""JSON of it; bytes that were no UTF-8, which names of files bring into texts, stand in it as `\udcff`."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(_plain(msgspec.to_builtins(value)))


def _plain(value: Any) -> Any:  # noqa: ANN401  # whatever JSON can hold
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, dict):
        return {_plain(name): _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


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
    """All episodes that the process of the script itself saw end, in order, of whatever role."""
    return Tail(folder / EPISODES, Episode).read()


def first_of_all(folder: Path) -> int | None:
    """The id of the process of a command that has the files of the run itself; None where none has, or of a script."""
    try:
        return int((folder / FIRST).read_text())
    except (FileNotFoundError, ValueError):
        return None


def read_made(folder: Path) -> list[str]:
    """The ids of environments that processes of the script have made, each once."""
    found = [one.env for pid in children(folder, MADE) for one in Tail(folder / of_child(MADE, pid), Made).read()]
    return list(dict.fromkeys(found))


def of_child(name: str, pid: int | None) -> str:
    """What a file is called that a process of the script wrote, such as `processes/training-123.jsonl`.

    None is the script's own process.
    """
    stem, dot, kind = name.partition(".")
    return name if pid is None else f"{PROCESSES}/{stem}-{pid}{dot}{kind}"


def children(folder: Path, name: str) -> list[int]:
    """The ids of the processes that have a file of that name."""
    stem, dot, kind = name.partition(".")
    found = [path.stem[len(stem) + 1 :] for path in (folder / PROCESSES).glob(f"{stem}-*{dot}{kind}")]
    return sorted(int(pid) for pid in found if pid.isdecimal())


def read_scalars(folder: Path) -> list[Scalars]:
    """All that was logged there, in order."""
    return Tail(folder / SCALARS, Scalars).read()


def _opened(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
