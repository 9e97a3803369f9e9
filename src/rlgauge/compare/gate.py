"""Candidate against baseline: from the runs of two sides to an outcome."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from rlgauge.compare.apart import alike
from rlgauge.compare.comparable import Difference, differences, num_silent, told_differences
from rlgauge.compare.comparison import Comparison, Missing, Outcome, Overall, Party
from rlgauge.compare.facts import provenance_of
from rlgauge.compare.judge import judge
from rlgauge.compare.lacking import lacking_seeds, unequal_seeds
from rlgauge.compare.line import Line, Measured, Verdict, measure
from rlgauge.compare.overall import overall
from rlgauge.compare.phrases import some
from rlgauge.compare.quantity import Quantity, Sort, check_wanted, converted, only, quantities, untested
from rlgauge.compare.question import ALLOWABLE, Question
from rlgauge.compare.references import References, unlike
from rlgauge.compare.scales import check_scales
from rlgauge.compare.seeds import STOPPED, present, score_of
from rlgauge.compare.sides import Failed, Pair, Side, failed_runs, pairs, pooled
from rlgauge.compare.words import headline, verdict_sentence
from rlgauge.core.errors import UserError
from rlgauge.core.reading import Reading


def compare(
    *, candidate: Side, baseline: Side, question: Question, others: Iterable[Reading] = (), notes: Iterable[str] = ()
) -> Comparison:
    """The comparison of two sides. `others` are runs of neither that may be references; `notes` are handed on.

    Raises UserError where they have nothing in common, and for what was asked and can't be answered.
    """
    told = list(notes)
    check_wanted([*candidate.readings, *baseline.readings], question.scores)
    every = pairs(candidate, baseline)
    found = [pair._replace(candidate=present(pair.candidate), baseline=present(pair.baseline)) for pair in every]
    _check_overlap(found, candidate, baseline)
    both = [pair for pair in found if pair.candidate and pair.baseline]
    check_scales(both)
    told += alike(both)
    told += pooled(both)
    chosen = [
        (pair, quantity)
        for pair, own in zip(every, found, strict=True)
        if own.candidate and own.baseline
        for quantity in quantities([*own.candidate, *own.baseline], question.scores)
    ]
    if question.metric is not None:
        chosen = _of_one_quantity(chosen, question)
    told += [
        sentence for pair, quantity in chosen for sentence in converted((*pair.candidate, *pair.baseline), quantity)
    ]
    told += _untested(chosen)
    refused = _refused(both, question, told, is_speed=any(quantity.is_ratio for _, quantity in chosen))
    failed = [
        *failed_runs("candidate", (reading for pair in found for reading in pair.candidate)),
        *failed_runs("baseline", (reading for pair in found for reading in pair.baseline)),
    ]
    missing = [*_missing_cases(found), *lacking_seeds(found)]
    told += unequal_seeds(both)
    lines: list[Line] = []
    whole: Overall | None = None
    known = [*candidate.readings, *baseline.readings, *others]
    references = {quantity: _references(known, quantity, question) for _, quantity in chosen}
    told += _not_normalised(references, question)
    shown = [reading for pair in both for reading in (*pair.candidate, *pair.baseline)]
    told += [sentence for own in references.values() for sentence in own.doubts(shown)]
    if question.normalisation is None and any(quantity.sort is Sort.SCORE for quantity in references):
        told[:0] = unlike((pair.candidate, pair.baseline) for pair in both)
    told += [str(reading.details[STOPPED]) for reading in shown if STOPPED in reading.details]
    if not refused and question.metric is None:
        lines, lacking = _lines(chosen, question, references, told)
        missing += lacking
    elif not refused and chosen:
        quantity = chosen[0][1]
        whole = overall([pair for pair, _ in chosen], quantity, question, references=references[quantity], notes=told)
    return _conclude(
        (_party(candidate, found, 0), _party(baseline, found, 1)),
        question,
        lines=lines,
        whole=whole,
        missing=missing,
        failed=failed,
        refused=refused,
        notes=told,
    )


def _untested(chosen: Iterable[tuple[Pair, Quantity]]) -> Iterator[str]:
    """What is said of trainings without test episodes, for each quantity that is compared."""
    by_quantity: dict[Quantity, list[Reading]] = defaultdict(list)
    for pair, quantity in chosen:
        by_quantity[quantity] += [*pair.candidate, *pair.baseline]
    for quantity, readings in by_quantity.items():
        yield from untested(readings, quantity)


def _check_overlap(found: Sequence[Pair], candidate: Side, baseline: Side) -> None:
    """Raise UserError where no task was run by both."""
    if any(pair.candidate and pair.baseline for pair in found):
        return
    ours = sorted({_case(pair) for pair in found if pair.candidate})
    theirs = sorted({_case(pair) for pair in found if pair.baseline})
    raise UserError(
        f"Candidate {candidate.source} and baseline {baseline.source} have nothing in common: {some(ours)} against "
        f"{some(theirs)}. Name the algorithms with --algo and --baseline-algo, or give them and the tasks the same "
        "names with --rename OLD=NEW."
    )


def _case(pair: Pair) -> str:
    algorithm = pair.algorithm if pair.candidate else pair.baseline_algorithm
    return f"{algorithm} on {pair.task}"


def _of_one_quantity(chosen: Sequence[tuple[Pair, Quantity]], question: Question) -> list[tuple[Pair, Quantity]]:
    """What a metric is of: one quantity."""
    if len(question.scores) > 1:
        raise UserError(f"--metric is of one quantity, not of {', '.join(question.scores)}: name one with --score.")
    readings = [reading for pair, _ in chosen for reading in (*pair.candidate, *pair.baseline)]
    meant = {found.name: found for found in map(only, filter(None, [quantities(readings, question.scores)]))}
    return [(pair, meant[quantity.name]) for pair, quantity in chosen if quantity.name in meant]


def _references(known: Sequence[Reading], quantity: Quantity, question: Question) -> References:
    """What a quantity is normalised by; a line of a ratio by nothing."""
    is_ratio = quantity.is_ratio and question.metric is None
    return References(known, quantity, None if is_ratio else question.normalisation)


def _not_normalised(asked: Iterable[Quantity], question: Question) -> Iterator[str]:
    """A sentence on the quantities that a normalisation does not change."""
    names = [quantity.name for quantity in asked if quantity.is_ratio]
    if names and question.normalisation is not None and question.metric is None:
        yield f"{', '.join(names)}: speeds, times and sizes are compared by their ratio, not normalised."


def _refused(both: Sequence[Pair], question: Question, told: list[str], *, is_speed: bool) -> list[Difference]:
    """What differs and forbids a comparison; what differs and does not is told.

    Speed, time and memory depend on all three. A return depends on what was played: on the configuration. Versions are
    told, and so is the machine, which changes no return.
    """
    readings = [reading for pair in both for reading in (*pair.candidate, *pair.baseline)]
    number = num_silent(readings)
    if number:
        told.append(
            f"{number} of {len(readings)} runs say nothing of the machine and versions they were measured with."
        )
    told += told_differences(both)
    refused = []
    for one in differences(both, whats=ALLOWABLE):
        forbids = is_speed or one.what == "configuration"
        if forbids and one.what not in question.allowed:
            refused.append(one)
        else:
            told.append(one.sentence)
    return refused


def _missing_cases(found: Iterable[Pair]) -> list[Missing]:
    lacking = []
    for pair in found:
        if not pair.candidate:
            lacking.append(Missing(side="candidate", algorithm=pair.algorithm, task=pair.task))
        elif not pair.baseline:
            lacking.append(Missing(side="baseline", algorithm=pair.baseline_algorithm, task=pair.task))
    return lacking


def _lines(
    chosen: Iterable[tuple[Pair, Quantity]],
    question: Question,
    references: Mapping[Quantity, References],
    notes: list[str],
) -> tuple[list[Line], list[Missing]]:
    """The lines, judged together, and the quantities that one side did not measure."""
    found: list[Measured] = []
    lacking = []
    for pair, quantity in chosen:
        one = measure(pair, quantity, question, references=references[quantity], notes=notes)
        if one is not None:
            found.append(one)
            continue
        sides = (
            ("candidate", pair.algorithm, pair.candidate),
            ("baseline", pair.baseline_algorithm, pair.baseline),
        )
        without = [(side, name) for side, name, readings in sides if not _has_measured(readings, quantity)]
        if len(without) == 1:  # else both measured 0, which has no ratio and is told
            side, name = without[0]
            lacking.append(Missing(side=side, algorithm=name, task=pair.task, quantity=quantity.name))
    return judge(found, question), lacking


def _has_measured(readings: Iterable[Reading], quantity: Quantity) -> bool:
    """Whether any of the runs measured it; of what is compared by its ratio, more than 0."""
    scores = (score_of(reading, quantity) for reading in readings)
    return any(score is not None and (score > 0 or not quantity.is_ratio) for score in scores)


def _party(side: Side, found: Iterable[Pair], position: int) -> Party:
    readings = [reading for pair in found for reading in (pair.candidate, pair.baseline)[position]]
    provenance = provenance_of(readings)
    return Party(
        source=side.source,
        algorithms=sorted({reading.algorithm for reading in readings}),
        commit=provenance.commits[0] if len(provenance.commits) == 1 else None,
        is_dirty=provenance.is_dirty,
        num_runs=len(readings),
    )


def _conclude(
    parties: tuple[Party, Party],
    question: Question,
    *,
    lines: list[Line],
    whole: Overall | None,
    missing: list[Missing],
    failed: list[Failed],
    refused: list[Difference],
    notes: list[str],
) -> Comparison:
    found = Comparison(
        outcome=Outcome.FINE,
        headline="",
        verdict="",
        candidate=parties[0],
        baseline=parties[1],
        lines=lines,
        overall=whole,
        missing=missing,
        failed=failed,
        refused=refused,
        tolerance=question.tolerance,
        confidence=question.confidence,
        allow_missing=question.allow_missing,
        notes=list(dict.fromkeys(notes)),
    )
    judged = msgspec.structs.replace(found, outcome=_outcome(found, is_strict=question.strict))
    return msgspec.structs.replace(judged, headline=headline(judged), verdict=verdict_sentence(judged))


def _outcome(found: Comparison, *, is_strict: bool) -> Outcome:
    """The gravest of what was found: what was shown before what is not known."""
    if found.refused:
        return Outcome.NOT_COMPARABLE
    if found.is_regression or found.counted:
        return Outcome.WORSE
    nothing = found.overall is None and not found.lines
    if nothing or (found.missing and not found.allow_missing):
        return Outcome.MISSING
    verdicts = [line.verdict for line in found.lines] + ([] if found.overall is None else [found.overall.verdict])
    is_open = is_strict and Verdict.INCONCLUSIVE in verdicts
    return Outcome.INCONCLUSIVE if is_open else Outcome.FINE
