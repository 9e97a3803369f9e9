"""What a walk has found so far: readings, each once, and what there is to say of them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import NamedTuple

from rlgauge.core.reading import Reading

_NUM_TOLD = 3
"""So many copies are named, the others counted."""

Listen = Callable[[int], None]


class Found(NamedTuple):
    """A reading; runs of one `identity` are one run that was found more than once, None is never the same."""

    reading: Reading
    identity: Hashable | None = None


class Findings:
    """Readings in the order in which they were found, and notes."""

    def __init__(self, listen: Listen | None = None) -> None:
        """Start with nothing; `listen` is told the number of readings with every further one."""
        self.readings: list[Reading] = []
        self.num_logs = 0
        self._listen = listen
        self._notes: dict[str, None] = {}
        self._seen: dict[Hashable, str] = {}
        self._copies: list[tuple[str, str]] = []

    def add(self, found: Found) -> None:
        """Take a reading, unless its run was found before."""
        reading, identity = found
        if identity is not None:
            if identity in self._seen:
                self._copies.append((self._seen[identity], reading.source))
                return
            self._seen[identity] = reading.source
        self.readings.append(reading)
        if self._listen is not None:
            self._listen(len(self.readings))

    def extend(self, found: Iterable[Found], notes: Iterable[str] = ()) -> None:
        """Take readings and what there is to say of them."""
        for note in notes:
            self.note(note)
        for each in found:
            self.add(each)

    def note(self, text: str) -> None:
        """Say something, once."""
        self._notes.setdefault(text)

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
            shown = "; ".join(f"{copy} is {first}" for first, copy in self._copies[:_NUM_TOLD])
            rest = f"; and {len(self._copies) - _NUM_TOLD} more" if len(self._copies) > _NUM_TOLD else ""
            runs = "1 run was" if len(self._copies) == 1 else f"{len(self._copies)} runs were"
            told.append(f"{runs} found more than once and counted once: {shown}{rest}.")
        if self.num_logs:
            folders = "1 folder of logs belongs" if self.num_logs == 1 else f"{self.num_logs} folders of logs belong"
            told.append(f"{folders} to Sacred runs, which are counted as such.")
        return told
