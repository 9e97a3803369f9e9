"""What the files of a damaged run no longer tell, as the runs beside it have it: most often it was given again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from rlgauge.core.reading import Reading

UNTOLD = "untold"
"""In the details of a damaged reading: the names of the fields that its files do not tell."""


class _What(NamedTuple):
    """What was measured, whichever seed it was."""

    algorithm: str
    task: str
    settings: str


def adopted(readings: Sequence[Reading]) -> list[Reading]:
    """The readings, the damaged ones with what is untold as in the others, where only one can be meant.

    That is of one system, and agrees in all that is told; of several, the one that has a run of the same seed.
    """
    if not any(UNTOLD in reading.details for reading in readings):
        return list(readings)
    seeds = {(r.kind, _what(r), r.seed) for r in readings if UNTOLD not in r.details}
    known = {(kind, what) for kind, what, _ in seeds}
    return [_adopting(reading, known, seeds) if UNTOLD in reading.details else reading for reading in readings]


def _adopting(reading: Reading, known: set[tuple[str, _What]], seeds: set[tuple[str, _What, int | None]]) -> Reading:
    untold = reading.details[UNTOLD]
    told = {name: value for name, value in _what(reading)._asdict().items() if name not in untold}
    meant = [w for kind, w in known if kind == reading.kind and told.items() <= w._asdict().items()]
    if len(meant) > 1:
        meant = [what for what in meant if (reading.kind, what, reading.seed) in seeds]
    details = {name: value for name, value in reading.details.items() if name != UNTOLD}
    return msgspec.structs.replace(reading, details=details, **(meant[0]._asdict() if len(meant) == 1 else {}))


def _what(reading: Reading) -> _What:
    return _What(reading.algorithm, reading.task, reading.settings)
