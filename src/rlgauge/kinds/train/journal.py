"""What a training run tells while it goes on: episodes and scalars, a line each, written as they happen.

A line is JSON with a checksum of itself as its last field, and written by one call: a kill tears the last one at most.
While a run goes on its episodes and scalars are in files of records beside these (see `live`): `Tail` reads either.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import struct
import sys
import time
import zlib
from array import array
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from rlgauge.core.files import create_exclusively
from rlgauge.kinds.train.live import NO_ROOM, Form, Live, LiveTail, Name, Row, settle
from rlgauge.kinds.train.numbers import numbers_in

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


class Times(dict[str, int]):
    """How often numbers of a name were logged."""

    def __missing__(self, name: str) -> int:
        return 0


T = TypeVar("T")


def _episodes(first: int, rows: list[Row], name: Name) -> list[Episode]:
    return [
        Episode(index, total, length, steps, seconds, bool(flags & _FLAG), place, name(env), origin)
        for index, (total, seconds, length, steps, place, env, origin, flags) in enumerate(rows, first)
    ]


def _scalars(_first: int, rows: list[Row], name: Name) -> list[Scalars]:
    """Those that were logged at once are one."""
    found: list[Scalars] = []
    for at, together in itertools.groupby(rows, key=_AT):
        step, seconds, flags = at
        values = {name(number): value if math.isfinite(value) else None for value, _, _, number, _ in together}
        found.append(Scalars(values, step if flags & _FLAG else None, seconds))
    return found


_WRITTEN, _FLAG = 1, 2
_WRITTEN_AT = _WRITTEN | _FLAG
"""In the last field of a record: that it is there, and that an episode was cut off, or a step was given."""
_AT = itemgetter(1, 2, 4)
_now = time.monotonic
_FORMS: Mapping[Any, Form[Any]] = {
    Episode: Form(struct.Struct("<ddqqIIi16xI"), _episodes),
    Scalars: Form(struct.Struct("<dqdII"), _scalars),
}
"""Records of episodes: return, seconds, length, steps, place, environment, origin, flags; of scalars: value, step,
seconds, name, flags. No line of a processor's cache holds the parts of two."""


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
        self.times = Times()
        self.start = time.monotonic() if start is None else start
        self.keeps_rewards = keep_rewards
        self._pid = os.getpid()
        self._is_open_to_all = is_shared
        self._child = None if start is None else self._pid
        self._files: dict[str, int] = {}
        self._live: Live[Episode] | None = None
        self._scalars: Live[Scalars] | None = None
        if start is None:
            self._scalars = _live(folder / SCALARS, Scalars)
            if keep_rewards:
                self._file(EPISODES)
                self._file(REWARDS)
            else:
                self._live = _live(folder / EPISODES, Episode)

    def episode(
        self,
        total: float,
        length: int,
        num_steps: int,
        is_truncated: bool = False,  # noqa: FBT001, FBT002  # by names a call takes longer, and here that is seen
        place: int = 0,
        env: str = "",
        origin: int = 0,
        rewards: Sequence[float] = (),
    ) -> None:
        """Write an episode that has just ended."""
        seconds = _now() - self.start
        live = self._live
        if live is not None:
            try:
                flags = _WRITTEN_AT if is_truncated else _WRITTEN
                slot = live.put(total, seconds, length, num_steps, place, live.number_of[env], origin, flags)
            except (OSError, ValueError):  # no room; or a thread of the script's goes on while the run is being closed
                pass
            else:
                self.num_episodes = slot + 1
                return
        if os.getpid() != self._pid:
            return
        one = Episode(self.num_episodes, total, length, num_steps, seconds, is_truncated, place, env, origin)
        self.num_episodes += 1
        if self.keeps_rewards:
            numbers = array("f", rewards)
            if sys.byteorder == "big":
                numbers.byteswap()
            os.write(self._file(REWARDS), numbers.tobytes())
        line = line_of(encoded(one))
        if live is None:
            os.write(self._file(EPISODES), line)
        else:
            live.late(line)

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
            self._scalars = _live(self.folder / SCALARS, Scalars)

    def _file(self, name: str) -> int:
        if self._is_open_to_all:
            self._claim()
        if name not in self._files:
            path = self.folder / of_child(name, self._child)
            path.parent.mkdir(exist_ok=True)
            self._files[name] = _opened(path)
        return self._files[name]

    def scalars(self, values: Mapping[Any, Any], step: int | None, *, seconds: float | None = None) -> None:
        """Write the numbers among what was logged at a step, which has 64 bits, or none. Any thread may do so.

        Those of mappings in it get names with slashes; those that are not finite are read as None.
        """
        if self._is_open_to_all and os.getpid() == self._pid:
            self._claim()
        live = self._scalars
        if live is None:
            return
        if seconds is None:
            seconds = _now() - self.start
        at, flags = (0, _WRITTEN) if step is None else (step, _WRITTEN_AT)
        # What `put` does is done here: after a call of wandb each call of a function takes half a microsecond.
        times, number_of, next_start, pack = self.times, live.number_of, live.next_start, live.pack
        num_done = 0
        for name, value in values.items():
            if type(value) is not float or type(name) is not str:
                self.scalars(numbers_in({name: value}), step, seconds=seconds)
                num_done += 1
                continue
            times[name] += 1
            try:
                number = number_of[name]
                start = next_start()
                try:
                    pack(live.memory, start, value, at, seconds, number, flags)
                except NO_ROOM:
                    live.put_anew(start, value, at, seconds, number, flags)
            except (OSError, ValueError):  # as above
                rest = numbers_in(dict(itertools.islice(values.items(), num_done, None)))
                for late in itertools.islice(rest, 1, None):
                    times[late] += 1
                live.late(_line(Scalars(rest, step, seconds)))
                return
            num_done += 1

    def scalar(self, name: str, value: float, step: int | None) -> None:
        """Write one number, as `scalars` does."""
        self.scalars({name: value}, step)

    def close(self) -> None:
        """Make lines of what was written as records, if there is room; what comes later is written as lines."""
        for live in (self._live, self._scalars):
            if live is not None:
                with contextlib.suppress(OSError):  # the records stay, and are read as they are
                    live.close()

    @property
    def num_unwritten(self) -> int:
        """How many lines of episodes and scalars could not be written so far."""
        return sum(live.num_waiting for live in (self._live, self._scalars) if live is not None)


def _live(path: Path, kind: type[T]) -> Live[T]:
    return Live(path, _FORMS[kind], _line)


def _line(one: object) -> bytes:
    return line_of(encoded(one))


def settled(folder: Path) -> None:
    """Make lines of what a process wrote as records that is gone, and could not do so. Raises OSError."""
    for name, kind in ((EPISODES, Episode), (SCALARS, Scalars)):
        settle(folder / name, _FORMS[kind], _line)


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


class Tail(Generic[T]):
    """The lines of a file that is being written, as they come; those that are torn or damaged are passed over.

    Where records stand for the lines, they are read instead.
    """

    def __init__(self, path: Path, kind: type[T]) -> None:
        """Read `path`, which need not be there yet, as objects of a kind."""
        self.num_dropped = 0
        self._path = path
        self._offset = 0
        self._decode = msgspec.json.Decoder(kind).decode
        self._live: LiveTail[T] | None = LiveTail(path, _FORMS[kind]) if kind in _FORMS else None
        self._num_ahead = 0

    def read(self) -> list[T]:
        """What has come since the last call, as far as lines are whole."""
        live = None if self._live is None else self._live.read()
        if live is not None:
            self._num_ahead += sum(map(_num_records, live))
            return live
        found = self._read_lines()
        return list(self._behind(found)) if self._num_ahead else found

    def _behind(self, found: list[T]) -> Iterator[T]:
        """Of the lines that the records have become, those that were not read as records."""
        for one in found:
            num = _num_records(one)
            if self._num_ahead < num:
                yield _without(one, self._num_ahead) if self._num_ahead else one
            self._num_ahead = max(0, self._num_ahead - num)

    def _read_lines(self) -> list[T]:
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


def _num_records(one: object) -> int:
    return len(one.values) if isinstance(one, Scalars) else 1


def _without(one: T, num: int) -> T:
    """Scalars but for the first ones."""
    if not isinstance(one, Scalars):
        return one
    return msgspec.structs.replace(one, values=dict(itertools.islice(one.values.items(), num, None)))


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
