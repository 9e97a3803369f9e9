"""The score of every run that was found, and of every training seed, which is what statistics count."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from rlgauge.compare.phrases import some
from rlgauge.compare.quantity import Quantity
from rlgauge.compare.references import References, on_scale
from rlgauge.compare.seeds import one_a_seed, score_of
from rlgauge.compare.settings import told_apart
from rlgauge.core.reading import Reading
from rlgauge.core.run import Status
from rlgauge.report.question import Question, group_of


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
    """`seeds` has one run a training seed, `found` every run; both in order of group, task, seed and source.

    `formula` says how they are normalised; None where they are not.
    """

    formula: str | None
    seeds: list[Scored]
    found: list[Scored]


def score_runs(readings: Sequence[Reading], quantity: Quantity, question: Question, told: list[str]) -> Runs:
    """Every run with its score; what is to be said of them goes to `told`. Raises UserError for a lacking reference."""
    readings = [reading for reading in readings if not question.tasks or reading.task in question.tasks]
    if "settings" not in question.by:
        readings = told_apart(readings)
    wanted = [reading for reading in readings if not question.algorithms or reading.algorithm in question.algorithms]
    references = References(readings, quantity, question.normalisation)
    chosen = one_a_seed(wanted, quantity, told, group=lambda reading: group_of(reading, question.by))
    _tell_pooled([one.reading for one in chosen], question, told)
    used = {id(reading) for one in chosen for reading in one.used}
    seeds = [_scored(one.reading, quantity, question, references) for one in chosen]
    found = [_scored(reading, quantity, question, references, is_used=id(reading) in used) for reading in wanted]
    told += references.doubts(wanted)
    return Runs(references.formula, sorted(seeds, key=_order), sorted(found, key=_order))


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
    reading: Reading, quantity: Quantity, question: Question, references: References, *, is_used: bool = True
) -> Scored:
    score = score_of(reading, quantity)
    value = question.failed if score is None else score
    ends = None if value is None else references.of(reading)
    return Scored(
        group=group_of(reading, question.by),
        reading=reading,
        score=value,
        normalised=None if value is None or ends is None else on_scale(value, ends, reading.task),
        low=None if ends is None else ends.low,
        high=None if ends is None else ends.high,
        is_used=is_used,
    )


def _order(run: Scored) -> tuple[str, str, int, str]:
    reading = run.reading
    return run.group, reading.task, -1 if reading.seed is None else reading.seed, reading.source
