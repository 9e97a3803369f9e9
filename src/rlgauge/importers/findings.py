"""What a walk has found so far: readings, each once, and what there is to say of them."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import NamedTuple

from rlgauge.core.reading import Reading
from rlgauge.core.run import Status

_NUM_TOLD = 3
"""So many copies are named, the others counted."""
_SOONER = {Status.QUEUED: 0, Status.DIED: 1, Status.RUNNING: 2, Status.COMPLETED: 4}
"""How far a run of each status had come; any other end is 3. A copy that was taken of a living run looks dead."""
_ENDED = 3

Listen = Callable[[int], None]
Lack = Callable[[str, str], None]
"""Is told of a file that looks like one of results, and what it lacks to be one."""


def shortened(names: Sequence[str], *, between: str = ", ") -> str:
    """The names; of many the first, and how many more."""
    more = f"{between}and {len(names) - _NUM_TOLD} more" if len(names) > _NUM_TOLD else ""
    return between.join(names[:_NUM_TOLD]) + more


def is_beneath(path: str, folder: str) -> bool:
    """Whether a path lies in a folder."""
    return folder in {"", "."} or path.startswith(folder.rstrip("/") + "/")


class Found(NamedTuple):
    """A reading; runs of one `identity` are one run that was found more than once, None is never the same.

    So are runs that share one of their `parts` (attempts of our stores, logs of trainings): one was copied, and one of
    the two went on, to more parts, or to an `extent` of more bytes.
    """

    reading: Reading
    identity: Hashable | None = None
    parts: tuple[Hashable, ...] = ()
    extent: int = 0

    @property
    def age(self) -> tuple[int, int, int]:
        """What is larger for the later of two copies of a run: how much there is of it, and how far it had come."""
        return len(self.parts), self.extent, _SOONER.get(self.reading.status, _ENDED)


class Findings:
    """Readings in the order in which they were found, and notes."""

    def __init__(self, listen: Listen | None = None) -> None:
        """Start with nothing; `listen` is told the number of readings with every further one."""
        self.readings: list[Reading] = []
        self.num_logs = 0
        self._listen = listen
        self._notes: dict[str, None] = {}
        self._places: dict[Hashable, int] = {}
        self._taken: list[Found] = []
        self._moved: dict[int, int] = {}
        self._copies: list[tuple[str, str]] = []
        self._lacks: dict[str, str] = {}

    def add(self, found: Found) -> None:
        """Take a reading; of a run that was found before the later copy counts, in whichever order they come."""
        keys = found.parts or (() if found.identity is None else (found.identity,))
        if self._places.keys().isdisjoint(keys):
            place = len(self.readings)
            self.readings.append(found.reading)
            self._taken.append(found)
            if self._listen is not None:
                self._listen(place + 1)
        else:
            place = self._take_copy(found, {self._settled(self._places[key]) for key in keys if key in self._places})
        for key in keys:
            self._places[key] = place

    def _take_copy(self, found: Found, places: set[int]) -> int:
        """Where the copy of a run that counts stands, after comparing a further one with those at the places."""
        place, *others = held = sorted(places)
        latest = max(held, key=lambda place: self._taken[place].age)
        if found.age <= self._taken[latest].age:
            self._copies.append((self.readings[latest].source, found.reading.source))
            return latest
        self._copies += [(found.reading.source, self.readings[old].source) for old in held]
        self._moved |= dict.fromkeys(others, place)
        self.readings[place], self._taken[place] = found.reading, found
        return place

    def _settled(self, place: int) -> int:
        """Where what was found at a place stands now."""
        while place in self._moved:
            place = self._moved[place]
        return place

    def copied(self) -> set[str]:
        """The sources of runs that count as they were found elsewhere."""
        return {copy for _, copy in self._copies}

    def settle(self) -> None:
        """Leave out the parts of runs that were found whole after them; nothing can be added then."""
        if self._moved:
            self.readings = [reading for place, reading in enumerate(self.readings) if place not in self._moved]
            self._moved = {}

    def extend(self, found: Iterable[Found], notes: Iterable[str] = ()) -> None:
        """Take readings and what there is to say of them."""
        for note in notes:
            self.note(note)
        for each in found:
            self.add(each)

    def note(self, text: str) -> None:
        """Say something, once."""
        self._notes.setdefault(text)

    def lack(self, path: str, text: str) -> None:
        """Remember why a file that looks like one of results is none: it matters where nothing else is found."""
        self._lacks.setdefault(path, text)

    def lacks(self, path: str) -> list[str]:
        """Why the files beneath a path are none of results, in sentences: of many the first, and how many more."""
        told = [f"{own}: {text}." for own, text in self._lacks.items() if own == path or is_beneath(own, path)]
        more = [f"{len(told) - _NUM_TOLD} more files are none of results either."] if len(told) > _NUM_TOLD else []
        return [*told[:_NUM_TOLD], *more]

    @contextlib.contextmanager
    def forgiving(self, path: str) -> Iterator[None]:
        """What can't be read is told of and left out."""
        try:
            yield
        except OSError as error:
            self.note(f"Can't read {path}: {error.strerror or error}; it was left out.")

    @property
    def num_found(self) -> int:
        """Readings, those of runs that were found before too."""
        return len(self.readings) + len(self._copies)

    def notes(self) -> list[str]:
        """What there is to say, in sentences."""
        told = list(self._notes)
        if self._copies:
            pairs = Counter(self._copies)
            shown = [
                f"{copy} is {first}" + (f" ({num} runs)" if num > 1 else "") for (first, copy), num in pairs.items()
            ]
            runs = "1 run was" if len(self._copies) == 1 else f"{len(self._copies)} runs were"
            told.append(f"{runs} found more than once and counted once: {shortened(shown, between='; ')}.")
        if self.num_logs:
            folders = "1 folder of logs belongs" if self.num_logs == 1 else f"{self.num_logs} folders of logs belong"
            told.append(f"{folders} to Sacred runs, which are counted as such.")
        return told
