"""`rlgauge compare`: candidate against baseline, with a verdict and an exit code."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from rlgauge.cli import measurements, scaling, sources, tags
from rlgauge.cli.console import say, show_table
from rlgauge.cli.main import FINE
from rlgauge.cli.options import as_list, make_parser, parse
from rlgauge.cli.stopped import with_stopping
from rlgauge.compare.apart import check_apart
from rlgauge.compare.as_json import to_json
from rlgauge.compare.as_junit import to_junit
from rlgauge.compare.as_markdown import to_markdown
from rlgauge.compare.comparison import Comparison
from rlgauge.compare.gate import compare
from rlgauge.compare.measurements import measurements as all_measurements
from rlgauge.compare.measurements import of_size
from rlgauge.compare.question import ALLOWABLE, METRICS, Question
from rlgauge.compare.sides import Side, choose
from rlgauge.compare.tables import legend, notes, tables
from rlgauge.compare.words import names
from rlgauge.core.errors import UserError, unknown
from rlgauge.core.files import write_atomic
from rlgauge.core.reading import Reading

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

_WRITERS: dict[str, Callable[[Comparison], str]] = {"markdown": to_markdown, "json": to_json, "junit": to_junit}
_FORMATS = ("table", *_WRITERS)
_OLD_NAME = "text"
"""Of `table`."""


class _Sides(msgspec.Struct, frozen=True):
    """What was read of either side, all that was read, and what there is to say of that."""

    candidate: list[Reading]
    baseline: list[Reading]
    others: list[Reading]
    notes: list[str]


def main(argv: Sequence[str]) -> int:
    """The exit code of `rlgauge compare`: see `Outcome`. Raises UserError."""
    parser = build_parser()
    options = parse(parser, argv, repeated=("--rename", "--task", "--score", "--tag"))
    if options is None:
        return FINE
    if options.format == _OLD_NAME:
        options.format = _FORMATS[0]
    tags.fill_folder(options)
    kind = sources.output_format(options, _FORMATS)
    tags.check_tags(options)
    question = _question(options)
    if (told := _told_of_one(options, question)) is not None:
        measurements.write(told, kind, options.output)
        return FINE
    comparison = _compared(options, question)
    _write(comparison, _WRITERS.get(kind), options)
    return int(comparison.outcome)


def build_parser() -> ArgumentParser:
    """The options of `rlgauge compare`."""
    parser = make_parser(
        "compare",
        "Compare a candidate with a baseline. Exit code: 0 fine, 1 regression or failed runs, 2 wrong usage or missing "
        "data, 3 inconclusive (with --strict), 4 not comparable. One folder of `rlgauge throughput` alone: its "
        "measurements by time, with their changes.",
    )
    parser.add_argument(
        "candidate",
        nargs="?",
        type=str | None,
        default=None,
        metavar="CANDIDATE",
        help=f"folder, zip file or score table; of measurements of throughput may be left out, for {tags.FOLDER}",
    )
    parser.add_argument(
        "baseline",
        nargs="?",
        type=str | None,
        default=None,
        metavar="BASELINE",
        help="another one; may be left out where the first holds both algorithms or both tags",
    )
    group = parser.add_argument_group("Who is compared")
    group.add_argument("--algo", type=str | None, metavar="NAME", help="the algorithm of the candidate")
    group.add_argument(
        "--baseline-algo", type=str | None, metavar="NAME", help="the algorithm of the baseline, if it is another one"
    )
    group.add_argument("--task", type=list[str] | str, default=[], metavar="NAME", help="only this one; repeatable")
    tags.add_tag_options(parser)
    sources.add_source_options(parser, positional=False)
    _add_what(parser)
    _add_verdict(parser)
    sources.add_output_options(parser, _FORMATS)
    return parser


def _add_what(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("What is compared")
    group.add_argument(
        "--score", type=list[str] | str, default=[], metavar="NAME", help="a quantity, such as return; repeatable"
    )
    group.add_argument(
        "--metric",
        type=str | None,
        metavar="NAME",
        help=f"judge all tasks together by {', '.join(METRICS)}, instead of every line by itself",
    )
    sources.add_normalise_options(group.add_argument)


def _add_verdict(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("How it is judged")
    group.add_argument(
        "--tolerance", type=str, default=tags.TOLERANCE, metavar="PART", help="a change that is no regression"
    )
    group.add_argument("--confidence", type=float, default=tags.CONFIDENCE, metavar="P", help="of a verdict")
    group.add_argument("--strict", action="store_true", help="end with 3 where something is inconclusive")
    group.add_argument("--allow", type=str | None, metavar="NAMES", help=f"what may differ: {', '.join(ALLOWABLE)}")
    group.add_argument(
        "--allow-missing", action="store_true", help="compare what both have; failed runs of the baseline are told only"
    )


def _told_of_one(options: Namespace, question: Question) -> measurements.Told | None:
    """What there is to say of the measurements of one folder, where that is asked; None where two sides are meant."""
    if not options.scaling_only and not tags.is_of_one_side(options):
        return None
    collected = sources.collect(options, [options.candidate])
    sources.check_names("task", as_list(options.task), [reading.task for reading in collected.readings])
    readings = _of_tasks(options, collected.readings)
    if options.scaling_only:
        told = list(collected.notes)
        return scaling.scaling(tags.newest(readings, options, told), told)
    found = all_measurements(readings)
    if not found:
        return None
    number = tags.batch_size(options)
    if number is not None:
        of_size(readings, number)
    told = [*collected.notes, *tags.unlisted(readings, found)]
    return measurements.listed(found, options.candidate, num_envs=number, allowed=question.allowed, notes=told)


def _compared(options: Namespace, question: Question) -> Comparison:
    sides = _read(options)
    candidate, baseline = _chosen(sides, options, needs_one=question.metric is not None)
    return compare(
        candidate=candidate,
        baseline=baseline,
        question=question,
        others=sides.others,
        notes=[*sides.notes, *measurements.noisy_runs([*candidate.readings, *baseline.readings])],
    )


def _chosen(sides: _Sides, options: Namespace, *, needs_one: bool) -> tuple[Side, Side]:
    """The runs meant of either side. Raises UserError where that must be asked, and where they are the same runs."""
    chosen = as_list(options.tag)
    is_of_tags = len(chosen) > 1
    is_one = not is_of_tags and (options.baseline is None or _is_same(options.candidate, options.baseline))
    titles = chosen if is_of_tags else [options.candidate, options.baseline or options.candidate]
    ours, theirs = Side(titles[0], sides.candidate), Side(titles[1], sides.baseline)
    if chosen and is_one and options.baseline_algo is None:
        raise tags.lacks_baseline(sides.others, options)
    if is_one and options.baseline_algo is None:
        same = "" if options.baseline is None else "Candidate and baseline are the same folder. "
        raise UserError(
            f"{same}Name the baseline: another folder, or an algorithm of {ours.source} with --baseline-algo (it holds "
            f"{', '.join(ours.algorithms) or 'none'}){tags.offered(sides.others)}."
        )
    is_named = options.algo is not None or options.baseline_algo is not None
    shared = set(ours.algorithms) & set(theirs.algorithms)
    asks = needs_one or is_one or is_named or not shared
    candidate = choose(ours, options.algo, title="candidate", option="--algo", needs_one=asks)
    wanted = options.baseline_algo
    if wanted is None and not is_one and options.algo in theirs.algorithms:
        wanted = options.algo
    baseline = choose(theirs, wanted, title="baseline", option="--baseline-algo", needs_one=asks)
    check_apart(candidate, baseline)
    return candidate, baseline


def _read(options: Namespace) -> _Sides:
    """The runs of both sides; one folder is read once."""
    ours = sources.collect(options, [options.candidate])
    is_one = options.baseline is None or _is_same(options.candidate, options.baseline)
    theirs = ours if is_one else sources.collect(options, [options.baseline])
    told: list[str] = []
    readings = sources.referred(with_stopping([*ours.readings, *theirs.readings]), options, told)
    num_ours = len(ours.readings)
    sources.check_names("task", as_list(options.task), [reading.task for reading in readings])
    candidate, baseline = (
        tags.tagged(_of_tasks(options, part), options, position, told)
        for position, part in ((0, readings[:num_ours]), (-1, readings[num_ours:]))
    )
    notes = list(dict.fromkeys([*ours.notes, *theirs.notes, *told]))
    return _Sides(candidate, baseline, _of_tasks(options, readings), notes)


def _of_tasks(options: Namespace, readings: Sequence[Reading]) -> list[Reading]:
    """The runs of the tasks asked for."""
    wanted = as_list(options.task)
    return [reading for reading in readings if not wanted or reading.task in wanted]


def _is_same(first: str, second: str) -> bool:
    return Path(first).resolve() == Path(second).resolve()


def _question(options: Namespace) -> Question:
    if not 0.5 < options.confidence < 1:  # noqa: PLR2004  # below, more than every other verdict would be wrong
        raise UserError(f"--confidence must lie between 0.5 and 1, not {options.confidence}.")
    if options.metric is not None and options.metric not in METRICS:
        raise unknown("metric", options.metric, METRICS)
    allowed = [name.strip() for name in (options.allow or "").split(",") if name.strip()]
    for name in allowed:
        if name not in ALLOWABLE:
            raise unknown("difference to allow", name, ALLOWABLE)
    return Question(
        metric=options.metric,
        scores=tuple(as_list(options.score)),
        normalisation=sources.normalisation(options),
        tolerance=_tolerance(options.tolerance),
        confidence=options.confidence,
        allowed=frozenset(allowed),
        allow_missing=options.allow_missing,
        strict=options.strict,
    )


def _tolerance(text: str) -> float:
    """The part that `2%` or `0.02` says. Raises UserError."""
    found = re.fullmatch(r"(\d+\.?\d*|\.\d+)\s*(%?)", text.strip())
    part = math.inf if found is None else float(found[1]) / (100 if found[2] else 1)
    if part < 1:
        return part
    meant = f": write {found[1]}% for percent" if found is not None and not found[2] else ""
    raise UserError(f"--tolerance takes a part below 1, such as 2% or 0.02, not {text!r}{meant}.")


def _write(comparison: Comparison, writer: Callable[[Comparison], str] | None, options: Namespace) -> None:
    """Print it, or write it to a file and print the verdict; without a writer, as tables."""
    if options.output is not None:
        write_atomic(Path(options.output), (writer or _plain)(comparison).encode())
        say(comparison.verdict)
        print(f"Wrote {options.output}.", file=sys.stderr)
    elif writer is None:
        _tell(comparison)
    else:
        print(writer(comparison), end="")


def _tell(comparison: Comparison) -> None:
    ours, theirs = names(comparison)
    say(f"{ours[0].upper()}{ours[1:]} against {theirs}.")
    for table in tables(comparison):
        print()
        show_table(table.header, table.rows, sentences=["quantity"])
    print()
    for text in (*legend(comparison), *notes(comparison)):
        say(text)
    say(comparison.verdict)


def _plain(comparison: Comparison) -> str:
    """The text for a file: tables with their columns aligned."""
    ours, theirs = names(comparison)
    parts = [f"{ours[0].upper()}{ours[1:]} against {theirs}."]
    parts += ["\n".join(sources.aligned(table.header, table.rows)) for table in tables(comparison)]
    parts.append("\n".join([*legend(comparison), *notes(comparison), comparison.verdict]))
    return "\n\n".join(parts) + "\n"
