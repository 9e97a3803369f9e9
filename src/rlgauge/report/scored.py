"""The score of every run that was found, and of every training seed, which is what statistics count."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from rlgauge.compare.phrases import count, some
from rlgauge.compare.quantity import Quantity, Sort, converted, stopped_speeds, untested
from rlgauge.compare.references import Normalisation, References, on_scale, unlike
from rlgauge.compare.seeds import Seed, one_a_seed, score_of
from rlgauge.compare.settings import told_apart
from rlgauge.core.reading import Reading
from rlgauge.core.run import Status
from rlgauge.report.configured import differing, in_what
from rlgauge.report.question import GIVEN, Question, cell_name, group_of

_POOLED = {
    "algorithm": "Algorithms",
    "settings": "Runs with different settings",
    GIVEN: "Runs of several of the paths that were given",
}
"""What is said where runs that differ in a dimension are taken for seeds of one thing."""


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
    given = readings
    if "settings" not in question.by:
        readings = told_apart(readings, by=question.by)
    wanted = [reading for reading in readings if not question.algorithms or reading.algorithm in question.algorithms]
    told += [*converted(wanted, quantity), *_stopped(wanted, quantity), *untested(wanted, quantity)]
    referring = [*readings, *_references_of_all_settings(readings, given, question.normalisation)]
    references = References(referring, quantity, question.normalisation)
    chosen = one_a_seed(wanted, quantity, told, group=lambda reading: group_of(reading, question.by))
    _tell_pooled(sorted((reading for one in chosen for reading in one.used), key=_place), question, told)
    if not quantity.is_ratio:
        _tell_seedless([one.reading for one in chosen], question, told)
    if "settings" in question.by:
        told += _told_of_settings(wanted)
    used = {id(reading) for one in chosen for reading in one.used}
    seeds = [_scored(one.reading, quantity, question, references) for one in chosen]
    found = [_scored(reading, quantity, question, references, is_used=id(reading) in used) for reading in wanted]
    told += references.doubts(wanted)
    if question.normalisation is None and quantity.sort is Sort.SCORE:
        told += unlike(_by_task(chosen))
    return Runs(references.formula, sorted(seeds, key=_order), sorted(found, key=_order))


def _references_of_all_settings(
    readings: Iterable[Reading], given: Iterable[Reading], normalisation: Normalisation | None
) -> Iterator[Reading]:
    """The runs of algorithms that are references, on each task that is named with settings that they do not have."""
    ends = set() if normalisation is None else {normalisation.low, normalisation.high}
    origins = {own.task: first.task for own, first in zip(readings, given, strict=True) if own.task != first.task}
    there = {(reading.algorithm, reading.task) for reading in readings}
    runs = [reading for reading in given if reading.algorithm in ends] if origins else []
    for task, origin in origins.items():
        for run in runs:
            if run.task == origin and (run.algorithm, task) not in there:
                yield msgspec.structs.replace(run, task=task, references={})


def _by_task(seeds: Iterable[Seed]) -> Iterator[list[list[Reading]]]:
    """The runs of each task by algorithm."""
    cells: dict[str, dict[str, list[Reading]]] = defaultdict(lambda: defaultdict(list))
    for seed in seeds:
        cells[seed.reading.task][seed.reading.algorithm].append(seed.reading)
    for own in cells.values():
        yield list(own.values())


def _stopped(readings: Iterable[Reading], quantity: Quantity) -> Iterator[str]:
    """A sentence on runs whose speed is no measurement."""
    number = sum(quantity.name in stopped_speeds(reading) for reading in readings)
    if number:
        yield f"{count(number, 'run')} measured no {quantity.name} above 0: what did nothing counts as unmeasured."


def _tell_pooled(readings: Iterable[Reading], question: Question, told: list[str]) -> None:
    """Say where runs that differ in what `by` does not name are taken for seeds of one thing."""
    readings = list(readings)
    for name, what in _POOLED.items():
        if name in question.by:
            continue
        cells: dict[tuple[str, str], dict[str, Reading]] = defaultdict(dict)
        for reading in readings:
            value = reading.labels.get(GIVEN, "") if name == GIVEN else getattr(reading, name)
            cells[group_of(reading, question.by), reading.task].setdefault(value, reading)
        mixed = {cell_name(*key, question.by): list(own.values()) for key, own in cells.items() if len(own) > 1}
        if mixed:
            names = in_what([one for own in mixed.values() for one in own]) if name == "settings" else ""
            told.append(
                f"{what} are pooled in {some(list(mixed))}{f', which differ in {names}' if names else ''}: tell them "
                f"apart with --by {','.join([*question.by, name])}."
            )


def _tell_seedless(readings: Iterable[Reading], question: Question, told: list[str]) -> None:
    """Say where several results without a seed are taken for one seed each."""
    nums = Counter(
        cell_name(group_of(reading, question.by), reading.task, question.by)
        for reading in readings
        if reading.seed is None and not reading.checkpoint
    )
    names = [f"{name} ({num})" for name, num in nums.items() if num > 1]
    if names:
        told.append(f"Results that name no training seed are taken for one seed each: {some(names)}.")


def _told_of_settings(readings: Sequence[Reading]) -> Iterator[str]:
    """What the checksums stand for."""
    if len({reading.settings for reading in readings}) > 1:
        names = differing(readings)
        which = f"; they differ in {in_what(readings)}: --by algorithm,{names[0]} groups by one" if names else ""
        yield f"settings are checksums of configurations without seed and log folder{which}."


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


def _place(reading: Reading) -> tuple[str, str, str]:
    return reading.algorithm, reading.task, reading.source


def _order(run: Scored) -> tuple[str, str, int, str]:
    reading = run.reading
    return run.group, reading.task, -1 if reading.seed is None else reading.seed, reading.source
