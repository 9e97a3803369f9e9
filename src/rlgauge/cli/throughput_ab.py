"""`rlgauge throughput ab`: two libraries, versions or revisions, measured in turns."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from rlgauge.cli.console import say, show_table
from rlgauge.cli.interruption import code_of, word_for
from rlgauge.cli.main import FAILED, FINE
from rlgauge.cli.options import make_parser, parse
from rlgauge.cli.pythons import REVISION, Pythons
from rlgauge.cli.throughput_files import check_tag, path_in, write_json
from rlgauge.cli.throughput_libraries import check_library
from rlgauge.cli.throughput_progress import Progress, report, silent
from rlgauge.cli.throughput_table import same_work
from rlgauge.cli.units import count_text, parse_count
from rlgauge.core.errors import UserError, unknown
from rlgauge.core.execute import execute
from rlgauge.core.store import Store
from rlgauge.envs.libraries import LIBRARIES
from rlgauge.kinds.throughput.pairs import Ratio, ratio_of
from rlgauge.kinds.throughput.point import Point
from rlgauge.kinds.throughput.results import Measured, results_of
from rlgauge.kinds.throughput.timer import Settings
from rlgauge.kinds.throughput.workload import ThroughputWorkload
from rlgauge.launch.by_python import ByPython
from rlgauge.report.numbers import short_count

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

_FEWEST = 2
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")


def main(argv: Sequence[str]) -> int:
    """The exit code of `rlgauge throughput ab`. Raises UserError."""
    options = parse(build_parser(), argv)
    if options is None:
        return FINE
    workload = _workload(options)
    if not options.json:
        say(
            f"{count_text(options.pairs, 'pair')} of fresh processes, in the order ABBA; each "
            f"{count_text(options.repeats, 'repetition')} of {options.min_seconds:g} s or more."
        )
    try:
        runs = execute(
            workload,
            Store(options.out),
            launcher=ByPython(Pythons(report)),
            on_event=silent if options.json else Progress(workload),
        )
    except KeyboardInterrupt as error:
        print(f"{word_for(error)}. What was measured is in {options.out}.", file=sys.stderr)
        return code_of(error)
    found = results_of(workload, runs)
    write_json(workload, found, path_in(options.out, workload))
    return _finish(found, options)


def build_parser() -> ArgumentParser:
    """The options of `rlgauge throughput ab`."""
    parser = make_parser(
        "throughput ab", "Measure two libraries, versions or revisions in turns, and say which is faster."
    )
    for name in ("candidate", "baseline"):
        parser.add_argument(
            name,
            type=str,
            help=f"a library, a requirement such as gymnax==0.0.8, or {REVISION}REVISION of this package",
        )
    parser.add_argument("--env", type=str, default="cartpole", metavar="NAME", help="the environment")
    parser.add_argument("--library", type=str | None, metavar="NAME", help="the library that a requirement is of")
    parser.add_argument("--num-envs", type=str, default="1k", metavar="NUMBERS", help="environments")
    parser.add_argument("--pairs", type=int, default=6, metavar="N", help="processes of either side")
    parser.add_argument("--repeats", type=int, default=5, metavar="N", help="repetitions in each process")
    parser.add_argument("--warmup", type=int, default=1, metavar="N", help="repetitions that don't count, before them")
    parser.add_argument("--min-seconds", type=float, default=0.2, metavar="S", help="the least that a repetition takes")
    parser.add_argument("--out", type=str, default="out/throughput", metavar="DIR", help="folder of runs and results")
    parser.add_argument("-t", "--tag", type=str, default="", metavar="TEXT", help="a name for this measurement")
    parser.add_argument("-d", "--description", type=str, default="", metavar="TEXT", help="what it is for")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    return parser


def _workload(options: Namespace) -> ThroughputWorkload:
    """Both sides at each number. Raises UserError."""
    if options.pairs < _FEWEST:
        raise UserError(f"--pairs {options.pairs}: an interval needs two pairs at least.")
    sides = [side_of(options[name], options.library) for name in ("candidate", "baseline")]
    if sides[0] == sides[1]:
        raise UserError(f"Candidate and baseline are the same: {options.candidate}.")
    check_tag(options.tag)
    for library, source in sides:
        check_library(options.env, library, source)
    return ThroughputWorkload(
        [
            Point(environment=options.env, num_envs=number, library=library, source=source)
            for number in map(parse_count, options.num_envs.split(","))
            for library, source in sides
        ],
        settings=Settings(min_seconds=options.min_seconds, repeats=options.repeats, warmup=options.warmup),
        processes=options.pairs,
        tag=options.tag,
        description=options.description,
    )


def side_of(text: str, given: str | None) -> tuple[str, str | None]:
    """The library of a side and where it comes from, None for as it is installed. Raises UserError."""
    if text in LIBRARIES:
        return text, None
    if text.startswith(REVISION):
        return given or "rlgauge", text
    match = _NAME.match(text)
    package = match[0] if match else ""
    named = [name for name, library in LIBRARIES.items() if library.distribution == package]
    library = given or (named[0] if len(named) == 1 else None)
    if library is None and named:
        raise UserError(f"{text} is of several libraries here: say which with --library ({', '.join(named)}).")
    if library is None or (match is not None and match[0] == text):
        raise unknown("library", text, LIBRARIES)
    return library, text


def _finish(found: Sequence[Measured], options: Namespace) -> int:
    ratios: list[Ratio] = []
    code = FINE
    for candidate, baseline in zip(found[::2], found[1::2], strict=True):
        ratio = ratio_of(candidate, baseline)
        if ratio is not None:
            ratios.append(ratio)
            continue
        code = FAILED
        for one in (candidate, baseline):
            if one.reason is not None:
                print(f"{one.point.name}, {one.task}: {one.reason}", file=sys.stderr)
    if options.json:
        print(json.dumps([{**msgspec.to_builtins(ratio), "verdict": ratio.verdict} for ratio in ratios], indent=1))
    elif ratios:
        _tell(ratios)
    return code


def _tell(ratios: Sequence[Ratio]) -> None:
    names = [f"{one.point.name} ({one.version})" for one in (ratios[0].candidate, ratios[0].baseline)]
    say(f"\nCandidate {names[0]} against baseline {names[1]}.\n")
    header = ("task", "candidate", "baseline", "ratio", "verdict", "pairs", "noise")
    show_table(header, [_row(ratio) for ratio in ratios])
    say(
        "\nSteps per second; the ratio is that of pairs, above 1 where the candidate is faster, with its 95 % interval."
    )
    for one in (side for ratio in ratios for side in (ratio.candidate, ratio.baseline)):
        for warning in one.warnings:
            say(f"{one.point.name}, {one.task}: {warning}")
    baseline = ratios[0].baseline.point
    if baseline.library != ratios[0].candidate.point.library:
        say(f"Work: {same_work([one for ratio in ratios for one in (ratio.candidate, ratio.baseline)])}")


def _row(ratio: Ratio) -> tuple[str, ...]:
    ours, theirs = ratio.candidate, ratio.baseline
    return (
        ours.task,
        short_count(ours.steps_per_second or 0.0),
        short_count(theirs.steps_per_second or 0.0),
        f"{ratio.ratio:.3f} [{ratio.low:.3f}, {ratio.high:.3f}]",
        ratio.verdict,
        str(ratio.num_pairs),
        "/".join(dict.fromkeys(str(one.noise) for one in (ours, theirs))),
    )


__all__ = ["build_parser", "main", "side_of"]
