"""The answer of `rlgauge power --pilot`: the deviation between seeds is measured in runs that exist."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from rlgauge.cli import sources
from rlgauge.cli.options import as_list
from rlgauge.cli.power_answers import Answer, SeedPlan, number_text
from rlgauge.compare.quantity import Sort, quantity_of
from rlgauge.core.errors import UserError
from rlgauge.report.question import Question
from rlgauge.stats.power import FEWEST, pilot_deviation

if TYPE_CHECKING:
    from jsonargparse import Namespace

_ALL = "all tasks"
CONFIDENCE = 0.9
"""With which the upper limit of the deviation is stated, one-sided."""


class _Pilot(msgspec.Struct, frozen=True, kw_only=True):
    """The scores of the seeds by algorithm and task, and what they are.

    `is_normalised` says whether reference scores were used, `is_one_scale` whether tasks can be pooled.
    """

    samples: Mapping[tuple[str, str], Sequence[float]]
    score: str
    is_normalised: bool
    is_one_scale: bool
    notes: list[str]


class PilotLine(msgspec.Struct, frozen=True, kw_only=True):
    """What the runs of a task say: of `runs` in all, `seeds` the fewest of an algorithm, or as many as were asked for.

    The figures without `_at_limit` take the deviation for what was measured, the others for its upper limit.
    """

    task: str
    runs: int
    deviation: float | None = None
    deviation_limit: float | None = None
    seeds: int | None = None
    smallest_difference: float | None = None
    smallest_difference_at_limit: float | None = None
    seeds_needed: int | None = None
    seeds_needed_at_limit: int | None = None


def about_pilot(options: Namespace) -> Answer:
    """What the runs of a pilot study say of studies to come. Raises UserError."""
    pilot = _read(options)
    samples = pilot.samples
    tasks = list(dict.fromkeys(task for _, task in samples))
    lines = [_line(task, [v for (_, own), v in samples.items() if own == task], options) for task in tasks]
    if pilot.is_one_scale and len(tasks) > 1:
        lines.append(_line(_ALL, list(samples.values()), options, tasks=len(tasks)))
    if all(line.deviation is None for line in lines):
        raise UserError("No algorithm has two seeds of a task that scored differently: the runs show no deviation.")
    difference = options.difference
    return Answer(
        header=_header(difference, options.power),
        rows=[_row(line, difference) for line in lines],
        sentences=[
            _told(lines, options),
            _basis(pilot, options),
            *(f"note: {note}" for note in pilot.notes),
        ],
        data={
            "score": pilot.score,
            "normalised": options.normalise if pilot.is_normalised else None,
            "power": options.power,
            "alpha": options.alpha,
            "difference": difference,
            "confidence_of_limit": CONFIDENCE,
            "table": [msgspec.structs.asdict(line) for line in lines],
            "notes": pilot.notes,
        },
    )


def _read(options: Namespace) -> _Pilot:
    """The scores of the runs. Raises UserError."""
    from rlgauge.report.overview import make_overview

    collected = sources.collect(options, as_list(options.pilot))
    wanted = as_list(options.algo)
    sources.check_names("algorithm", wanted, [reading.algorithm for reading in collected.readings])
    question = Question(
        score=options.score,
        algorithms=frozenset(wanted),
        normalisation=sources.normalisation(options),
        metrics=("mean",),
    )
    notes = list(collected.notes)
    overview = make_overview(sources.referred(collected.readings, options, notes), question, notes=notes)
    is_normalised = overview.formula is not None
    samples: dict[tuple[str, str], list[float]] = defaultdict(list)
    for run in overview.runs:
        value = run.normalised if is_normalised else run.score
        if value is not None:
            samples[run.group, run.reading.task].append(value)
    return _Pilot(
        samples=dict(sorted(samples.items())),
        score=overview.score,
        is_normalised=is_normalised,
        is_one_scale=is_normalised or quantity_of(overview.score, overview.unit).sort is Sort.SUCCESS,
        notes=overview.notes,
    )


def _line(task: str, samples: Sequence[Sequence[float]], options: Namespace, *, tasks: int = 1) -> PilotLine:
    runs = sum(map(len, samples))
    pilot = pilot_deviation(samples, confidence=CONFIDENCE)
    if pilot is None:
        return PilotLine(task=task, runs=runs)
    likely, worst = (_plan(deviation, options, tasks) for deviation in (pilot.deviation, pilot.limit))
    seeds = options.seeds or max(FEWEST, min(len(sample) for sample in samples if len(sample) > 1))
    difference = options.difference
    return PilotLine(
        task=task,
        runs=runs,
        deviation=pilot.deviation,
        deviation_limit=pilot.limit,
        seeds=seeds,
        smallest_difference=likely.detectable(seeds),
        smallest_difference_at_limit=worst.detectable(seeds),
        seeds_needed=None if difference is None else likely.needed(difference),
        seeds_needed_at_limit=None if difference is None else worst.needed(difference),
    )


def _plan(deviation: float, options: Namespace, tasks: int) -> SeedPlan:
    return SeedPlan(deviation=deviation, power=options.power, alpha=options.alpha, tasks=tasks)


def _header(difference: float | None, power: float) -> list[str]:
    header = [
        "task",
        "runs",
        "deviation",
        "at most",
        "seeds of each",
        f"smallest difference, {power:.0%} power",
        "at most",
    ]
    return header if difference is None else [*header, f"seeds needed for {difference:g}", "at most"]


def _row(line: PilotLine, difference: float | None) -> list[str]:
    if line.deviation is None:
        return [line.task, str(line.runs), *["-"] * (5 if difference is None else 7)]
    numbers = (line.deviation, line.deviation_limit, line.seeds, line.smallest_difference)
    cells = [*numbers, line.smallest_difference_at_limit]
    if difference is not None:
        cells += [line.seeds_needed, line.seeds_needed_at_limit]
    return [line.task, str(line.runs), *map(_cell, cells)]


def _cell(value: float | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else number_text(value)


def _told(lines: Sequence[PilotLine], options: Namespace) -> str:
    """The answer in a sentence: of all tasks where they are pooled, or of the only one."""
    if len(lines) > 1 and lines[-1].task != _ALL:
        return "For an answer over all tasks, give --normalise LOW,HIGH, such as random,expert."
    line = lines[-1]
    where = f"the mean of {line.task}" if line.task == _ALL else line.task
    if options.difference is None:
        return (
            f"{line.seeds} seeds of each algorithm show a difference of {_cell(line.smallest_difference)} or more on "
            f"{where} with {options.power:.0%} power; {_cell(line.smallest_difference_at_limit)} at most."
        )
    return (
        f"{_cell(line.seeds_needed)} seeds of each algorithm are needed to show a difference of {options.difference:g} "
        f"on {where} with {options.power:.0%} power; {_cell(line.seeds_needed_at_limit)} at most."
    )


def _basis(pilot: _Pilot, options: Namespace) -> str:
    what = f"{pilot.score}, normalised by {options.normalise}" if pilot.is_normalised else pilot.score
    return (
        f"Student's two-sample test, two-sided at {options.alpha:.2g}; {what}, its deviation between seeds pooled over "
        f"algorithms. At most: if the true deviation is as large as such runs leave possible with {CONFIDENCE:.0%} "
        "confidence."
    )
