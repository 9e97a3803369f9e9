"""A comparison in sentences; they say who is better than whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from rlgauge.compare.comparison import Comparison, Missing, Outcome, Overall, Party
from rlgauge.compare.figures import of_metric, of_side, percent, with_p
from rlgauge.compare.line import Line, Verdict
from rlgauge.compare.more import MOST, PROBABILITY
from rlgauge.compare.phrases import METRICS, count, numbered, plural, some
from rlgauge.compare.sides import Failed

_HEADLINES = {
    Outcome.MISSING: "data is missing",
    Outcome.INCONCLUSIVE: "inconclusive",
    Outcome.NOT_COMPARABLE: "not comparable",
}


def names(comparison: Comparison) -> tuple[str, str]:
    """The two sides: `candidate new (3f2a1c9)` and `baseline old (a1b2c3d)`, with algorithms where these differ."""
    ours, theirs = comparison.candidate, comparison.baseline
    differ = ours.algorithms != theirs.algorithms
    return (
        f"candidate {_named(ours, differ=differ, is_one_source=ours.source == theirs.source)}",
        f"baseline {_named(theirs, differ=differ, is_one_source=ours.source == theirs.source)}",
    )


def _named(party: Party, *, differ: bool, is_one_source: bool) -> str:
    name = party.source
    if differ and len(party.algorithms) == 1:
        name = party.algorithms[0] if is_one_source else f"{party.algorithms[0]} of {party.source}"
    if party.commit is None:
        return name
    return f"{name} ({party.commit[:7]}{', with changes' if party.is_dirty else ''})"


def headline(comparison: Comparison) -> str:
    """The outcome in a few words: `no regression`, `nothing decided`, `worse`, `a run failed`."""
    if comparison.outcome is Outcome.FINE:
        return _fine(comparison)
    if comparison.outcome is not Outcome.WORSE:
        return _HEADLINES[comparison.outcome]
    number = len(comparison.counted)
    failed = ["a run failed" if number == 1 else f"{number:,} runs failed"] if number else []
    return ", and ".join([*(["worse"] if comparison.is_regression else []), *failed])


def _fine(comparison: Comparison) -> str:
    """What is inconclusive is no proof that nothing got worse."""
    verdicts = _verdicts(comparison)
    number = verdicts.count(Verdict.INCONCLUSIVE)
    if number == len(verdicts):
        return "nothing decided"
    return "no regression" + (f", {number} of {len(verdicts)} lines inconclusive" if number else "")


def _verdicts(comparison: Comparison) -> list[Verdict]:
    if comparison.overall is not None:
        return [comparison.overall.verdict]
    return [line.verdict for line in comparison.lines]


def verdict_sentence(comparison: Comparison) -> str:
    """The outcome in one sentence, or two where runs failed or data is missing besides."""
    if comparison.outcome is Outcome.NOT_COMPARABLE:
        whats = ",".join(dict.fromkeys(one.what for one in comparison.refused))
        return f"{not_comparable(comparison)} If that is meant, allow it by name: --allow {whats}."
    judged = [_judged(comparison)] if comparison.overall is not None or comparison.lines else []
    lacking = list(_lacking(comparison))
    is_lacking = comparison.outcome in {Outcome.WORSE, Outcome.MISSING} and not comparison.is_regression
    return " ".join([*lacking, *judged] if is_lacking else [*judged, *lacking])


def not_comparable(comparison: Comparison) -> str:
    """In what the two sides differ, of which a comparison was refused."""
    ours, theirs = names(comparison)
    whats = list(dict.fromkeys(one.what for one in comparison.refused))
    return f"Not comparable: {ours} and {theirs} differ in {_and(whats)}."


def _judged(comparison: Comparison) -> str:
    if comparison.overall is not None:
        return overall_sentence(comparison, comparison.overall)
    ours, theirs = names(comparison)
    regressions = [line for line in comparison.lines if line.is_regression]
    if regressions:
        words = _and(list(dict.fromkeys(line.word for line in regressions)))
        where = "" if len(comparison.lines) == 1 else f" in {len(regressions)} of {len(comparison.lines)} lines"
        return f"Regression: {ours} is {words} than {theirs}{where}: {_lines(regressions)}."
    is_open = set(_verdicts(comparison)) == {Verdict.INCONCLUSIVE}
    begin = "Nothing decided" if is_open else "No regression"
    if len(comparison.lines) == 1:
        return f"{begin}: {ours} {_relation(comparison.lines[0])} {theirs}: {_lines(comparison.lines)}."
    if is_open:
        return (
            f"{begin}: {ours} is shown to be neither better nor worse than {theirs}, nor the same, in any of "
            f"{len(comparison.lines)} lines."
        )
    counts = Counter(verdict(line).replace(",", "") for line in comparison.lines)
    told = ", ".join(f"{count} {word}" for word, count in counts.most_common())
    return (
        f"{begin}: {ours} is nowhere shown to be worse than {theirs} by more than {percent(comparison.tolerance)}; of "
        f"{len(comparison.lines)} lines {told}."
    )


def _relation(line: Line) -> str:
    if line.verdict is Verdict.SAME:
        return "is the same as"
    if line.verdict is Verdict.INCONCLUSIVE:
        return "is not shown to differ from"
    return f"is {line.word}, within the tolerance, than" if line.is_within_tolerance else f"is {line.word} than"


def _lines(lines: Sequence[Line]) -> str:
    return some([f"{place(line)} {with_p(line)}" for line in lines], between="; ")


def verdict(line: Line) -> str:
    """`faster`, `REGRESSION: slower`, `slower, within tolerance`, `same`, `inconclusive`."""
    if line.is_regression:
        return f"REGRESSION: {line.word}"
    return f"{line.word}, within tolerance" if line.is_within_tolerance else line.word


def place(line: Line) -> str:
    """What a line is about: `return on Ant-v5`, `return of PPO on Ant-v5` where both sides ran that algorithm."""
    of = f" of {line.algorithm}" if line.algorithm and line.algorithm == line.baseline_algorithm else ""
    return f"{line.quantity}{of} on {line.task}"


def overall_sentence(comparison: Comparison, overall: Overall) -> str:
    """What the metric says of all tasks together."""
    ours, theirs = _short_names(comparison)
    tasks = overall.tasks
    runs = sum(task.num_candidate for task in tasks), sum(task.num_baseline for task in tasks)
    over = f"over {count(len(tasks), 'task')} ({count(runs[0], 'run')} against {runs[1]})"
    value = of_metric(overall, overall.summary)
    if overall.metric == "improvement":
        told = f"Probability that {ours} is better than {theirs}: {value} {over}"
    elif overall.candidate is None or overall.baseline is None:
        told = f"{METRICS[overall.metric]} of {ours} minus that of {theirs}: {value} {over}"
    else:
        told = (
            f"{METRICS[overall.metric]} of {ours} {of_side(overall, overall.candidate)}, of {theirs} "
            f"{of_side(overall, overall.baseline)}, difference {value} {over}"
        )
    return f"{told}: {_conclusion(overall, ours, theirs)}."


def _conclusion(overall: Overall, ours: str, theirs: str) -> str:
    if overall.verdict in {Verdict.BETTER, Verdict.WORSE}:
        within = ", within the tolerance" if overall.is_within_tolerance else ""
        return f"{ours} is {overall.verdict} than {theirs}{within}"
    if overall.verdict is Verdict.SAME:
        return f"{ours} and {theirs} are the same"
    return "neither is shown to be better"


def _short_names(comparison: Comparison) -> tuple[str, str]:
    """The algorithms, with their folders where both have the same name."""
    ours, theirs = comparison.candidate, comparison.baseline
    if len(ours.algorithms) == len(theirs.algorithms) == 1 and ours.algorithms != theirs.algorithms:
        return ours.algorithms[0], theirs.algorithms[0]
    candidate, baseline = names(comparison)
    return candidate, baseline


def _lacking(comparison: Comparison) -> Iterator[str]:
    by_side = Counter(run.side for run in comparison.failed)
    if by_side:
        told = _and([f"{count(number, 'run')} of the {side}" for side, number in by_side.items()])
        yield f"{told[0].upper()}{told[1:]} failed or measured nothing."
    if comparison.missing:
        yield f"Missing: {missing_sentence(comparison.missing)}."


def missing_sentence(missing: Sequence[Missing]) -> str:
    """What is missing and on which side."""
    parts = []
    for side in dict.fromkeys(one.side for one in missing):
        cases = [_case(one) for one in missing if one.side == side]
        who = "both sides have" if side == "both" else f"the {side} has"
        parts.append(f"{who} no {some(cases, between=', no ')}")
    return "; ".join(parts)


def _case(one: Missing) -> str:
    what = f"{one.algorithm} on {one.task}" if one.algorithm else one.task
    if one.seeds:
        return f"{what} with {numbered(one.noun, one.seeds)}"
    return what if one.quantity is None else f"{one.quantity} of {what}"


def failure(run: Failed) -> str:
    """A failed run in a line."""
    seed = "" if run.seed is None else f", {run.noun} {run.seed}"
    return f"{run.side}: {run.algorithm} on {run.task}{seed} is {run.status}: {run.reason}"


def deciding(lines: Iterable[Line]) -> Iterator[str]:
    """How many more runs would decide what is inconclusive, the nearest first."""
    undecided = [line for line in lines if line.verdict is Verdict.INCONCLUSIVE]
    known = sorted((line for line in undecided if line.more is not None), key=lambda line: line.more or 0)
    if known:
        yield _more(known)
    unknown = [line for line in undecided if line.more is None]
    single = [place(line) for line in unknown if line.noun == "episode"]
    if single:
        yield f"{some(single)}: more episodes, or several training seeds, would decide it."
    hopeless = [line for line in unknown if line.noun != "episode" and min(line.num_candidate, line.num_baseline) > 1]
    if hopeless:
        where = some([place(line) for line in hopeless])
        yield f"{where}: not even {MOST:,} {plural(hopeless[0].noun)} a side would decide it."


def _more(lines: Sequence[Line]) -> str:
    """A sentence on inconclusive lines that so many more would decide, the fewest first."""
    kinds = {"ratio" if line.is_ratio else "difference" for line in lines}
    if_so = f"with a probability of {PROBABILITY:g}, if {' or '.join(sorted(kinds))} and deviations are as measured"
    nouns = [count(line.more or 0, f"more {line.noun}") for line in lines]
    if len(lines) == 1:
        return f"{place(lines[0])}: {nouns[0]} a side would decide it {if_so}."
    told = [f"{place(line)} ({noun})" for line, noun in zip(lines, nouns, strict=True)]
    most = f" (up to {nouns[-1]})" if some(told) != ", ".join(told) else ""
    return f"What would be decided by so many a side, {if_so}: {some(told)}{most}."


def warnings(lines: Iterable[Line]) -> Iterator[str]:
    """What the lines' statistics say of themselves; the same of several lines once."""
    said: dict[str, list[str]] = {}
    for line in lines:
        for text in line.warnings:
            said.setdefault(text, []).append(place(line))
    for text, where in said.items():
        yield f"{some(where)}: {text}"


def _and(parts: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))
