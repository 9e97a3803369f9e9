"""Whether the two sides are different runs at all."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from rlgauge.compare.phrases import count, some
from rlgauge.compare.quantity import measured
from rlgauge.compare.sides import Pair, Side
from rlgauge.core.errors import UserError
from rlgauge.core.reading import Reading

_SEVERAL = 2


def check_apart(candidate: Side, baseline: Side) -> None:
    """Raise UserError where runs, or copies of them, are on both sides: they would be compared with themselves."""
    theirs = {_identity(reading) for reading in baseline.readings}
    both = [reading for reading in candidate.readings if _identity(reading) in theirs]
    if not both:
        return
    if os.path.realpath(candidate.source) != os.path.realpath(baseline.source):
        raise UserError(
            f"{len(both)} of {count(len(candidate.readings), 'run')} of the candidate {candidate.source} are the same "
            f"as in the baseline {baseline.source}, or copies of them, and would be compared with themselves: give a "
            "folder that was measured anew, or name other algorithms with --algo and --baseline-algo."
        )
    algorithms = sorted({reading.algorithm for reading in both})
    raise UserError(
        f"Runs of {', '.join(algorithms)} are on both sides and would be compared with themselves: name another "
        "algorithm with --baseline-algo, or another folder."
    )


def _identity(reading: Reading) -> tuple[object, ...]:
    """Of a run of a store its attempts, whose names a copy of the store keeps; of others where and what they are."""
    if reading.folders:
        return tuple(Path(folder).parts[-3:] for folder in reading.folders)
    return os.path.realpath(reading.source), reading.algorithm, reading.task, reading.seed, _content(reading)


def alike(pairs: Iterable[Pair]) -> Iterator[str]:
    """A sentence on the tasks on which both sides measured the same to the last digit, run by run, unless by nature."""
    found = [f"{pair.algorithm} on {pair.task}" for pair in pairs if _is_alike(pair)]
    if found:
        yield (
            f"Both sides measured the same to the last digit, run by run: {some(found)}. Either nothing changed and "
            "nothing is random, or one is a copy of the other."
        )


def _is_alike(pair: Pair) -> bool:
    """Whether several runs of either side, that differ among each other, measured the same."""
    ours, theirs = (sorted(map(_content, side)) for side in (pair.candidate, pair.baseline))
    return ours == theirs and len(set(ours)) >= _SEVERAL


def _content(reading: Reading) -> str:
    return repr(sorted(measured(reading).items()))
