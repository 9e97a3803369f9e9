"""The score of every run that was found, and of every training seed, which is what statistics count."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from rlgauge.core.errors import UserError
from rlgauge.core.reading import Reading, Total
from rlgauge.core.run import Status
from rlgauge.report.numbers import plural, some
from rlgauge.report.question import Question, group_of
from rlgauge.report.references import References

_LARGEST = 1e100
"""Scores beyond it can't be squared and summed."""


class Scored(msgspec.Struct, frozen=True, kw_only=True):
    """One run with its score, None where it did not measure it. `is_used` says whether the tables rest on it.

    `low` and `high` are the reference scores by which it is normalised.
    """

    group: str
    reading: Reading
    score: float | None
    normalised: float | None
    low: float | None
    high: float | None
    is_used: bool = True

    @property
    def why_not(self) -> str | None:
        """Why it did not measure the score, in a word; None where it did."""
        if self.reading.status is not Status.COMPLETED:
            return self.reading.status.lower()
        return "unmeasured" if self.score is None else None


class Runs(msgspec.Struct, frozen=True):
    """`seeds` has one run a training seed, `found` every run; both in order of group, task, seed and source."""

    seeds: list[Scored]
    found: list[Scored]


def score_runs(readings: Sequence[Reading], score: str, question: Question, told: list[str]) -> Runs:
    """Every run with its score; what is to be said of them goes to `told`. Raises UserError for a lacking reference.

    A run that was repeated is replaced by the repetition, and several runs of one seed by their mean.
    """
    wanted = [reading for reading in readings if question.asks_for(reading)]
    references = References(readings, score, question.normalisation)
    chosen = list(_one_a_seed(wanted, score, question, told))
    _tell_pooled([one.reading for one in chosen], question, told)
    used = {id(reading) for one in chosen for reading in one.used}
    seeds = [_scored(one.reading, score, question, references) for one in chosen]
    found = [_scored(reading, score, question, references, is_used=id(reading) in used) for reading in wanted]
    told += references.doubts(wanted)
    return Runs(sorted(seeds, key=_order), sorted(found, key=_order))


class _Chosen(msgspec.Struct, frozen=True):
    """What stands for a training seed, and the readings that it was made of."""

    reading: Reading
    used: Sequence[Reading]


def _one_a_seed(readings: Iterable[Reading], score: str, question: Question, told: list[str]) -> Iterator[_Chosen]:
    by_seed: dict[tuple[str, str, str, str, int | None], list[Reading]] = defaultdict(list)
    for reading in readings:
        if reading.seed is None and not reading.checkpoint:
            yield _Chosen(reading, [reading])
        else:
            group = group_of(reading, question.by)
            by_seed[group, reading.algorithm, reading.task, reading.settings, reading.seed].append(reading)
    for found in by_seed.values():
        yield _one_of(found, score, told)


def _one_of(found: Sequence[Reading], score: str, told: list[str]) -> _Chosen:
    """A finished run before the failed ones; several finished ones averaged; of several checkpoints the latest."""
    first = found[0]
    name = f"{first.algorithm} on {first.task}" + ("" if first.seed is None else f", seed {first.seed}")
    latest = max(found, key=lambda reading: reading.started).checkpoint
    present = [reading for reading in found if reading.checkpoint == latest]
    if len(present) < len(found):
        num = len({reading.checkpoint for reading in found})
        told.append(f"{name} was measured with {num} different checkpoints: the one measured last counts.")
    if len(present) == 1:
        return _Chosen(present[0], present)
    measured = [reading for reading in present if reading.status is Status.COMPLETED and score in reading.totals]
    if not measured:
        told.append(f"{name} was tried {len(present)} times and has no score: it is one missing seed.")
        return _Chosen(present[-1], present[-1:])
    if len(measured) < len(present):
        failed = len(present) - len(measured)
        told.append(f"{name}: {plural(failed, 'run')} without a score {'was' if failed == 1 else 'were'} repeated.")
    if len(measured) == 1:
        return _Chosen(measured[0], measured)
    if latest:
        told.append(f"{name} was evaluated {len(measured)} times with one checkpoint: the most episodes count.")
        longest = max(measured, key=lambda reading: reading.totals[score].n)
        return _Chosen(longest, [longest])
    told.append(f"{name} was run {len(measured)} times: their mean is the score of that one seed.")
    means = [reading.totals[score].mean for reading in measured]
    total = Total(n=sum(reading.totals[score].n for reading in measured), mean=statistics.fmean(means))
    joint = msgspec.structs.replace(measured[-1], totals={**measured[-1].totals, score: total})
    return _Chosen(joint, measured)


def _tell_pooled(readings: Iterable[Reading], question: Question, told: list[str]) -> None:
    """Say where runs that differ in what `by` does not name are taken for seeds of one thing."""
    for name, what in (("algorithm", "Algorithms"), ("settings", "Runs with different settings")):
        if name in question.by:
            continue
        values: dict[tuple[str, str], set[str]] = defaultdict(set)
        for reading in readings:
            values[group_of(reading, question.by), reading.task].add(getattr(reading, name))
        mixed = [f"{group} on {task}" for (group, task), found in values.items() if len(found) > 1]
        if mixed:
            told.append(
                f"{what} are pooled in {some(mixed)}: tell them apart with --by {','.join([*question.by, name])}."
            )


def _scored(
    reading: Reading, score: str, question: Question, references: References, *, is_used: bool = True
) -> Scored:
    total = reading.totals.get(score) if reading.status is Status.COMPLETED else None
    value = question.failed if total is None else total.mean
    if value is not None and not abs(value) < _LARGEST:
        raise UserError(f"The {score} of {reading.source} is {value:g}, too large for anything to be made of it.")
    ends = None if value is None else references.of(reading)
    normalised = None
    if value is not None and ends is not None:
        normalised = (value - ends.low) / (ends.high - ends.low)
        if not math.isfinite(normalised):
            raise UserError(f"The reference scores of {reading.task}, {ends.low} and {ends.high}, are too close.")
    return Scored(
        group=group_of(reading, question.by),
        reading=reading,
        score=value,
        normalised=normalised,
        low=None if ends is None else ends.low,
        high=None if ends is None else ends.high,
        is_used=is_used,
    )


def _order(run: Scored) -> tuple[str, str, int, str]:
    reading = run.reading
    return run.group, reading.task, -1 if reading.seed is None else reading.seed, reading.source
