"""Which runs the commands of a suite ask for: its targets are judged by these, and by no others of the folder."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from contextvars import ContextVar

import msgspec

from rlgauge.core.case import Case
from rlgauge.core.reading import Reading


class Ran(msgspec.Struct, frozen=True):
    """What was run where, with which settings; of policies, which one. Seeds are not told apart."""

    actor: str
    task: str
    settings: str = ""
    checkpoint: str = ""

    def is_of(self, reading: Reading) -> bool:
        """Whether it is what the reading measured."""
        known = (reading.algorithm, reading.task, reading.settings)
        return known == (self.actor, self.task, self.settings) and self.checkpoint in {"", reading.checkpoint}


_NOTED: ContextVar[dict[Ran, None] | None] = ContextVar("runs that were asked for", default=None)


@contextlib.contextmanager
def noted() -> Iterator[dict[Ran, None]]:
    """Fills while it lasts with what commands of this thread ask for, in order."""
    found: dict[Ran, None] = {}
    before = _NOTED.set(found)
    try:
        yield found
    finally:
        _NOTED.reset(before)


def note(cases: Iterable[Case]) -> None:
    """Note what is asked for, where somebody wants to know."""
    found = _NOTED.get()
    if found is None:
        return
    for case in cases:
        told = case.labels
        actor = told.get("algorithm") or told.get("policy") or ""
        ran = Ran(actor, told.get("task", ""), told.get("settings", ""), told.get("checkpoint", ""))
        found.setdefault(ran)


def renewed(before: Sequence[Ran], new: Iterable[Ran]) -> list[Ran]:
    """What was asked for, the new in the place of what was asked for before of the same on the same task."""
    asked = list(new)
    again = {(one.actor, one.task) for one in asked}
    return [*(one for one in before if (one.actor, one.task) not in again), *asked]
