"""Candidate against baseline: from the runs of two sides to an outcome."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from rlgauge.compare.comparable import Difference, differences, imported_differences, num_silent
from rlgauge.compare.comparison import Comparison, Missing, Outcome, Overall, Party
from rlgauge.compare.facts import provenance_of
from rlgauge.compare.judge import judge
from rlgauge.compare.line import Line, Measured, Verdict, measure
from rlgauge.compare.overall import overall
from rlgauge.compare.quantity import Quantity, check_wanted, quantities
from rlgauge.compare.question import ALLOWABLE, Question
from rlgauge.compare.scale import References
from rlgauge.compare.sides import Failed, Pair, Side, failed_runs, pairs, pooled, without_repeated
from rlgauge.compare.words import verdict_sentence
from rlgauge.core.errors import UserError
from rlgauge.core.reading import Reading

_NAMED = 5


def compare(
    *, candidate: Side, baseline: Side, question: Question, others: Iterable[Reading] = (), notes: Iterable[str] = ()
) -> Comparison:
    """The comparison of two sides. `others` are runs of neither that may be references; `notes` are handed on.

    Raises UserError where they have nothing in common, and for what was asked and can't be answered.
    """
    told = list(notes)
    check_wanted([*candidate.readings, *baseline.readings], question.scores)
    found = [
        pair._replace(candidate=without_repeated(pair.candidate), baseline=without_repeated(pair.baseline))
        for pair in pairs(candidate, baseline)
    ]
    _check_overlap(found, candidate, baseline)
    both = [pair for pair in found if pair.candidate and pair.baseline]
    told += filter(None, map(pooled, both))
    chosen = [(pair, quantity) for pair in both for quantity in _quantities(pair, question)]
    refused = _refused(both, question, told, is_speed=any(quantity.is_ratio for _, quantity in chosen))
    failed = [
        *failed_runs("candidate", (reading for pair in found for reading in pair.candidate)),
        *failed_runs("baseline", (reading for pair in found for reading in pair.baseline)),
    ]
    missing = _missing_cases(found)
    lines: list[Line] = []
    whole: Overall | None = None
    references = _references([*candidate.readings, *baseline.readings, *others], question)
    if not refused and question.metric is None:
        lines, lacking = _lines(chosen, question, references, told)
        missing += lacking
    elif not refused:
        whole = overall(both, _one_quantity(chosen, question), question, references=references, notes=told)
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


def _check_overlap(found: Sequence[Pair], candidate: Side, baseline: Side) -> None:
    """Raise UserError where no task was run by both."""
    if any(pair.candidate and pair.baseline for pair in found):
        return
    ours = sorted({_case(pair) for pair in found if pair.candidate})
    theirs = sorted({_case(pair) for pair in found if pair.baseline})
    raise UserError(
        f"Candidate {candidate.source} and baseline {baseline.source} have nothing in common: {_listed(ours)} against "
        f"{_listed(theirs)}. Name the algorithms with --algo and --baseline-algo, or give them and the tasks the same "
        "names with --rename OLD=NEW."
    )


def _case(pair: Pair) -> str:
    algorithm = pair.algorithm if pair.candidate else pair.baseline_algorithm
    return f"{algorithm} on {pair.task}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _quantities(pair: Pair, question: Question) -> list[Quantity]:
    return quantities([*pair.candidate, *pair.baseline], question.scores)


def _one_quantity(chosen: Iterable[tuple[Pair, Quantity]], question: Question) -> Quantity:
    """The quantity of a metric over all tasks: the only one, else the first of return, score and success."""
    found = {quantity.name: quantity for _, quantity in chosen}
    if not found:
        raise UserError("No run of either side measured anything that both could be compared in.")
    first = next(iter(found.values()))
    if len(found) > 1 and (question.scores or first.is_ratio):
        raise UserError(f"--metric is of one quantity, not of {', '.join(found)}: name it with --score NAME.")
    return first


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
    told += imported_differences(both)
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
            lacking.append(Missing(side="candidate", algorithm=pair.baseline_algorithm, task=pair.task))
        elif not pair.baseline:
            lacking.append(Missing(side="baseline", algorithm=pair.algorithm, task=pair.task))
    return lacking


def _lines(
    chosen: Iterable[tuple[Pair, Quantity]], question: Question, references: References | None, notes: list[str]
) -> tuple[list[Line], list[Missing]]:
    """The lines, judged together, and the quantities that one side did not measure."""
    measured: list[Measured] = []
    lacking = []
    for pair, quantity in chosen:
        one = measure(pair, quantity, question, references=references, notes=notes)
        if one is not None:
            measured.append(one)
            continue
        has_ours = any(quantity.name in reading.totals for reading in pair.candidate)
        side, name = ("baseline", pair.baseline_algorithm) if has_ours else ("candidate", pair.algorithm)
        lacking.append(Missing(side=side, algorithm=name, task=pair.task, quantity=quantity.name))
    return judge(measured, question), lacking


def _references(readings: Sequence[Reading], question: Question) -> References | None:
    return None if question.scale is None else References(readings, question.scale)


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
    outcome = _outcome(question, lines=lines, whole=whole, missing=missing, failed=failed, refused=refused)
    comparison = Comparison(
        outcome=outcome,
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
        notes=list(dict.fromkeys(notes)),
    )
    return msgspec.structs.replace(comparison, verdict=verdict_sentence(comparison))


def _outcome(
    question: Question,
    *,
    lines: Sequence[Line],
    whole: Overall | None,
    missing: Sequence[Missing],
    failed: Sequence[Failed],
    refused: Sequence[Difference],
) -> Outcome:
    """The gravest of what was found: what was shown before what is not known."""
    if refused:
        return Outcome.NOT_COMPARABLE
    is_worse = any(line.is_regression for line in lines) or (whole is not None and whole.is_regression)
    counted = [run for run in failed if run.side == "candidate" or not question.allow_missing]
    if is_worse or counted:
        return Outcome.WORSE
    nothing = whole is None and not lines
    if nothing or (missing and not question.allow_missing):
        return Outcome.MISSING
    verdicts = [line.verdict for line in lines] + ([] if whole is None else [whole.verdict])
    is_open = question.strict and Verdict.INCONCLUSIVE in verdicts
    return Outcome.INCONCLUSIVE if is_open else Outcome.FINE
