"""The overview of many runs: every algorithm on every task, and over all tasks.

Shapes: T tasks, R runs (training seeds) of a task.
"""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
import numpy as np

from rlgauge.core.errors import UserError
from rlgauge.core.reading import Reading, Total
from rlgauge.core.run import Status
from rlgauge.report.best import mark_best
from rlgauge.report.question import Normalisation, Question, choose_score, group_of, is_better_less
from rlgauge.stats.aggregate import aggregates
from rlgauge.stats.intervals import student_t, wilson
from rlgauge.stats.metrics import Metric
from rlgauge.stats.quantiles import student_t_quantile
from rlgauge.stats.summary import Summary

_SEVERAL = 2
_NAMED = 3
_ROUNDING = 1e-6


class Scored(msgspec.Struct, frozen=True, kw_only=True):
    """One run with its score; both None where it failed or did not measure it."""

    group: str
    reading: Reading
    score: float | None
    normalised: float | None
    low: float | None
    high: float | None


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """An algorithm (or other group) on one task. `sd` is between its runs; `score` is their mean with its interval.

    `num_missing` counts runs without a score. `is_best` says that nothing shows another one to be better; None where
    that could not be tested.
    """

    group: str
    task: str
    num_runs: int
    num_missing: int
    score: Summary | None
    sd: float | None
    normalised: Summary | None = None
    normalised_sd: float | None = None
    is_best: bool | None = None


class Overall(msgspec.Struct, frozen=True, kw_only=True):
    """An algorithm (or other group) over all its tasks: one summary a metric."""

    group: str
    num_tasks: int
    num_runs: int
    num_missing: int
    metrics: dict[str, Summary]


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """All that the tables show. `formula` is None where scores are not normalised."""

    score: str
    unit: str
    less_is_better: bool
    formula: str | None
    lines: list[Line]
    overall: list[Overall]
    runs: list[Scored]
    statuses: dict[str, int]
    notes: list[str]

    @property
    def groups(self) -> list[str]:
        """Names of the groups, in the order of the lines."""
        return list(dict.fromkeys(line.group for line in self.lines))

    @property
    def tasks(self) -> list[str]:
        """Names of the tasks, in the order of the lines."""
        return list(dict.fromkeys(line.task for line in self.lines))


def make_overview(readings: Sequence[Reading], question: Question, *, notes: Iterable[str] = ()) -> Overview:
    """The overview of the readings. Raises UserError where they hold no score, or lack a reference asked for."""
    if not readings:
        raise UserError("There are no runs to summarise.")
    score = choose_score(readings, question.score)
    unit = next((reading.units[score] for reading in readings if score in reading.units), "")
    told = list(notes)
    runs = _scored(readings, score, question, told)
    by_cell: dict[tuple[str, str], list[Scored]] = defaultdict(list)
    for run in runs:
        by_cell[run.group, run.reading.task].append(run)
    lines = [_line(group, task, score, by_cell[group, task], question) for group, task in sorted(by_cell)]
    less = is_better_less(unit)
    lines, doubts = mark_best(lines, _values(by_cell), less_is_better=less)
    overall = list(_overall(by_cell, question, told))
    told += [*doubts, *_warnings(lines, overall)]
    return Overview(
        score=score,
        unit=unit,
        less_is_better=less,
        formula=None if question.normalisation is None else question.normalisation.formula,
        lines=lines,
        overall=overall,
        runs=runs,
        statuses=dict(sorted(Counter(str(reading.status) for reading in readings).items())),
        notes=list(dict.fromkeys(told)),
    )


def _scored(readings: Sequence[Reading], score: str, question: Question, told: list[str]) -> list[Scored]:
    """Every run once: what was tried again is replaced, and runs of one seed are averaged."""
    by_seed: dict[tuple[str, str, str, int | None], list[Reading]] = defaultdict(list)
    alone: list[Reading] = []
    for reading in readings:
        if reading.seed is None and not reading.checkpoint:
            alone.append(reading)
        else:
            key = (group_of(reading, question.by), reading.task, reading.settings, reading.seed)
            by_seed[key].append(reading)
    kept = [*alone, *(_one_of(found, score, told) for found in by_seed.values())]
    _tell_settings(kept, question, told)
    references = _References(readings, score, question.normalisation)
    order = sorted(kept, key=lambda r: (group_of(r, question.by), r.task, -1 if r.seed is None else r.seed, r.source))
    return [_score(reading, score, question, references) for reading in order]


def _one_of(found: Sequence[Reading], score: str, told: list[str]) -> Reading:
    """The one reading of a training seed: a finished run before the failed ones; several finished ones averaged."""
    first = found[0]
    name = f"{first.algorithm} on {first.task}" + ("" if first.seed is None else f", seed {first.seed}")
    latest = max(found, key=lambda reading: reading.started).checkpoint
    present = [reading for reading in found if reading.checkpoint == latest]
    if len(present) < len(found):
        num = len({reading.checkpoint for reading in found})
        told.append(f"{name} was measured with {num} different checkpoints: the one measured last counts.")
    found = present
    if len(found) == 1:
        return found[0]
    measured = [reading for reading in found if reading.status is Status.COMPLETED and score in reading.totals]
    if not measured:
        told.append(f"{name} was tried {len(found)} times and has no score.")
        return found[-1]
    if len(measured) < len(found):
        told.append(f"{name}: {len(found) - len(measured)} failed runs were repeated, and the repetition counts.")
    if len(measured) == 1:
        return measured[0]
    told.append(f"{name} was run {len(measured)} times: their mean is the score of that one seed.")
    means = [reading.totals[score].mean for reading in measured]
    total = Total(n=sum(reading.totals[score].n for reading in measured), mean=statistics.fmean(means))
    return msgspec.structs.replace(measured[-1], totals={**measured[-1].totals, score: total})


def _tell_settings(readings: Iterable[Reading], question: Question, told: list[str]) -> None:
    if "settings" in question.by:
        return
    settings: dict[tuple[str, str], set[str]] = defaultdict(set)
    for reading in readings:
        settings[group_of(reading, question.by), reading.task].add(reading.settings)
    mixed = [f"{group} on {task}" for (group, task), found in settings.items() if len(found) > 1]
    if mixed:
        names = ", ".join(mixed[:_NAMED]) + (" and others" if len(mixed) > _NAMED else "")
        apart = ",".join([*question.by, "settings"])
        told.append(f"Runs with different settings are pooled in {names}: tell them apart with --by {apart}.")


class _References:
    """The reference scores of a run: what it says itself, else the mean of the algorithm of that name on its task."""

    def __init__(self, readings: Iterable[Reading], score: str, normalisation: Normalisation | None) -> None:
        self._normalisation = normalisation
        self._means: dict[tuple[str, str], list[float]] = defaultdict(list)
        self._known: set[str] = set()
        for reading in readings:
            self._known.update(reading.references, [reading.algorithm])
            if score in reading.totals:
                self._means[reading.algorithm, reading.task].append(reading.totals[score].mean)

    def of(self, reading: Reading) -> tuple[float, float] | None:
        """Low and high; None without a normalisation. Raises UserError where one is not known."""
        if self._normalisation is None:
            return None
        low, high = (self._value(name, reading) for name in (self._normalisation.low, self._normalisation.high))
        if low == high:
            raise UserError(
                f"The reference scores of {reading.task} are both {low:g}: nothing can be normalised by them."
            )
        return low, high

    def _value(self, name: str | float, reading: Reading) -> float:
        if not isinstance(name, str):
            return name
        if name in reading.references:
            return reading.references[name]
        means = self._means.get((name, reading.task))
        if means:
            return statistics.fmean(means)
        raise UserError(
            f"The {name} score of {reading.task} is not known: give it with --references FILE (a CSV file with the "
            f"columns task,{name}), or runs of an algorithm called {name}."
        )


def _score(reading: Reading, score: str, question: Question, references: _References) -> Scored:
    total = reading.totals.get(score) if reading.status is Status.COMPLETED else None
    value = question.failed if total is None else total.mean
    ends = references.of(reading)
    low, high = (None, None) if ends is None else ends
    normalised = None
    if value is not None and low is not None and high is not None:
        normalised = (value - low) / (high - low)
    return Scored(
        group=group_of(reading, question.by), reading=reading, score=value, normalised=normalised, low=low, high=high
    )


def _line(group: str, task: str, score: str, runs: Sequence[Scored], question: Question) -> Line:
    values = [run.score for run in runs if run.score is not None]
    scaled = [run.normalised for run in runs if run.normalised is not None]
    missing = len(runs) - len(values)
    return Line(
        group=group,
        task=task,
        num_runs=len(values),
        num_missing=missing,
        score=_mean(values, runs, score, question, missing=missing),
        sd=statistics.stdev(values) if len(values) >= _SEVERAL else None,
        normalised=student_t(scaled, confidence=question.confidence, missing=missing) if scaled else None,
        normalised_sd=statistics.stdev(scaled) if len(scaled) >= _SEVERAL else None,
    )


def _mean(
    values: Sequence[float], runs: Sequence[Scored], score: str, question: Question, *, missing: int
) -> Summary | None:
    """The mean over runs; of a single checkpoint, over its episodes, which the method says."""
    if not values:
        return None
    totals = [run.reading.totals[score] for run in runs if score in run.reading.totals]
    if len(values) == len(totals) == 1 and totals[0].n > 1:
        unit = runs[0].reading.units.get(score, "")
        return over_episodes(totals[0], is_rate=unit == "success", confidence=question.confidence)
    return student_t(values, confidence=question.confidence, missing=missing)


def over_episodes(total: Total, *, is_rate: bool, confidence: float) -> Summary:
    """One checkpoint's mean over its episodes, with an interval that speaks of that checkpoint alone."""
    warnings: tuple[str, ...] = (
        "One run: the interval is over its episodes and says nothing of other training seeds.",
    )
    successes = round(total.mean * total.n)
    if is_rate and abs(successes - total.mean * total.n) < _ROUNDING * total.n:
        summary = wilson(successes, total.n, confidence=confidence)
        return msgspec.structs.replace(summary, method="Wilson over episodes", warnings=warnings)
    error = (total.squares / (total.n - 1) / total.n) ** 0.5
    half = student_t_quantile(0.5 + confidence / 2, total.n - 1) * error
    low, high = (total.mean - half, total.mean + half) if half > 0 else (None, None)
    if low is None:
        warnings += ("All its episodes gave the same value: nothing is known of their spread.",)
    return Summary(
        point=total.mean,
        low=low,
        high=high,
        n=total.n,
        method="Student t over episodes",
        confidence=confidence,
        warnings=warnings,
    )


def _values(by_cell: Mapping[tuple[str, str], Sequence[Scored]]) -> dict[tuple[str, str], list[float]]:
    return {cell: [run.score for run in runs if run.score is not None] for cell, runs in by_cell.items()}


def _overall(
    by_cell: Mapping[tuple[str, str], Sequence[Scored]], question: Question, told: list[str]
) -> Iterator[Overall]:
    """Each group over its tasks: normalised scores, or plain ones where there is one task."""
    groups = sorted({group for group, _ in by_cell})
    tasks = sorted({task for _, task in by_cell})
    if question.normalisation is None and len(tasks) > 1:
        told.append(
            "Scores of several tasks are not averaged without normalisation: give --normalise LOW,HIGH, such as "
            "random,expert."
        )
        return
    for group in groups:
        own = {task: by_cell[group, task] for task in tasks if (group, task) in by_cell}
        found = {task: _numbers(runs, question) for task, runs in own.items()}
        scores_by_task = [np.asarray(values) for values in found.values() if values]
        if len(scores_by_task) < len(tasks):
            lacking = [task for task in tasks if not found.get(task)]
            told.append(f"{group} has no score on {', '.join(lacking)}: it is summarised over the other tasks.")
        if not scores_by_task:
            continue
        num_runs = sum(map(len, scores_by_task))
        missing = sum(map(len, own.values())) - num_runs
        yield Overall(
            group=group,
            num_tasks=len(scores_by_task),
            num_runs=num_runs,
            num_missing=missing,
            metrics=aggregates(
                scores_by_task,
                metrics=_metrics(question),
                method=question.method,
                confidence=question.confidence,
                resample_tasks=question.resample_tasks,
                missing=missing,
            ),
        )


def _numbers(runs: Iterable[Scored], question: Question) -> list[float]:
    values = [run.score if question.normalisation is None else run.normalised for run in runs]
    return [value for value in values if value is not None]


def _metrics(question: Question) -> tuple[Metric, ...]:
    """The optimality gap is a distance from 1, which only a normalised score has."""
    if question.normalisation is not None:
        return question.metrics
    return tuple(name for name in question.metrics if name != "optimality_gap")


def _warnings(lines: Iterable[Line], overall: Iterable[Overall]) -> Iterator[str]:
    """What the summaries say of themselves; the same of several groups in one sentence."""
    said: dict[str, list[str]] = defaultdict(list)
    for one in overall:
        for text in dict.fromkeys(text for summary in one.metrics.values() for text in summary.warnings):
            said[text].append(one.group)
    for line in lines:
        for text in line.score.warnings if line.score is not None else ():
            said[text].append(f"{line.group} on {line.task}")
    for text, names in said.items():
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        yield f"{', '.join(names[:_NAMED])}{more}: {text}"


def num_failed(overview: Overview) -> int:
    """How many runs have no score because they did not complete."""
    return sum(run.reading.status is not Status.COMPLETED and run.score is None for run in overview.runs)
