"""`rlgauge summary`: what many runs add up to."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from rlgauge.cli import sources
from rlgauge.cli.console import say, show_table
from rlgauge.cli.main import FAILED, FINE
from rlgauge.cli.options import as_list, make_parser, parse
from rlgauge.cli.stopped import with_stopping
from rlgauge.compare.phrases import count
from rlgauge.core.errors import UserError, unknown
from rlgauge.core.files import write_atomic
from rlgauge.core.reading import Reading
from rlgauge.report.as_json import to_json
from rlgauge.report.judged import Judged
from rlgauge.report.latex import tables_to_latex, to_latex
from rlgauge.report.markdown import tables_to_markdown, to_markdown
from rlgauge.report.overview import Overview, make_overview
from rlgauge.report.question import GIVEN, Question, given_by
from rlgauge.report.runs_csv import to_csv
from rlgauge.report.table import Table
from rlgauge.report.tables import tables
from rlgauge.report.targets import targets_csv, targets_table
from rlgauge.stats.estimate import METHODS, Method
from rlgauge.stats.metrics import METRICS, Metric

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

_WRITERS: dict[str, Callable[[Overview], str]] = {
    "csv": to_csv,
    "markdown": to_markdown,
    "latex": to_latex,
    "json": to_json,
}
_FORMATS = ("table", *_WRITERS)


def main(argv: Sequence[str]) -> int:
    """The exit code of `rlgauge summary`: 1 where no run has a score. Raises UserError."""
    parser = build_parser()
    options = parse(parser, argv, repeated=("--rename", "--algo", "--task"))
    if options is None:
        return FINE
    kind = sources.output_format(options, _FORMATS)
    if options.targets:
        return _show_targets(kind, options)
    overview = overview_of(asked(options), options)
    _write(overview, kind, options)
    return FINE if overview.is_measured else FAILED


class Asked(NamedTuple):
    """What the sources hold, what was asked of it, and what there is to say of the reading."""

    readings: list[Reading]
    question: Question
    notes: list[str]


def asked(options: Namespace) -> Asked:
    """What the sources hold. Raises UserError, also for names that are not there."""
    question = question_of(options)
    collected = sources.collect(options)
    told = list(collected.notes)
    readings = sources.referred(with_stopping(collected.readings), options, told)
    if len(options.source) > 1 or GIVEN in question.by:
        readings = given_by(readings, options.source)
    sources.check_names("algorithm", question.algorithms, [reading.algorithm for reading in readings])
    sources.check_names("task", question.tasks, [reading.task for reading in readings])
    return Asked(readings, question, told)


def overview_of(found: Asked, options: Namespace) -> Overview:
    """The overview, with the targets that lie beside the runs. Raises UserError."""
    overview = make_overview(found.readings, found.question, notes=found.notes)
    return msgspec.structs.replace(overview, targets=targets_of(options))


def build_parser() -> ArgumentParser:
    """The options of `rlgauge summary`."""
    parser = make_parser("summary", "Summarise runs: per algorithm and task, and over all tasks, with intervals.")
    sources.add_source_options(parser)
    add_question_options(parser)
    parser.add_argument("--targets", action="store_true", help="only the targets of suites, and what was measured")
    sources.add_output_options(parser, _FORMATS)
    return parser


def add_question_options(parser: ArgumentParser) -> None:
    """Add what is asked of the sources."""
    parser.add_argument("--algo", type=list[str] | str, default=[], metavar="NAME", help="only this one; repeatable")
    parser.add_argument("--task", type=list[str] | str, default=[], metavar="NAME", help="only this one; repeatable")
    group = parser.add_argument_group("What is summarised")
    group.add_argument("--score", type=str | None, metavar="NAME", help="the quantity, such as return or success")
    group.add_argument(
        "--by",
        type=str,
        default="algorithm",
        metavar="DIMENSIONS",
        help="what tells groups apart, such as algorithm,settings or algorithm,given",
    )
    sources.add_normalise_options(group.add_argument)
    group.add_argument(
        "--failed", type=str, default="exclude", metavar="SCORE", help="what a failed run scores, or exclude"
    )
    group.add_argument("--metrics", type=str, default=",".join(METRICS), metavar="NAMES", help="over all tasks")
    group.add_argument("--method", type=str, default="expanded", metavar="NAME", help=f"interval: {', '.join(METHODS)}")
    group.add_argument("--confidence", type=float, default=0.95, metavar="P", help="of the intervals")
    group.add_argument("--resample-tasks", action="store_true", help="take the tasks for a sample of more tasks")


def question_of(options: Namespace) -> Question:
    """What is asked of the sources. Raises UserError."""
    if not 0 < options.confidence < 1:
        raise UserError(f"--confidence must lie between 0 and 1, not {options.confidence}.")
    return Question(
        score=options.score,
        algorithms=frozenset(as_list(options.algo)),
        tasks=frozenset(as_list(options.task)),
        by=_names(options.by, "--by"),
        normalisation=sources.normalisation(options),
        failed=_failed(options.failed),
        metrics=_metrics(options.metrics),
        method=_method(options.method),
        confidence=options.confidence,
        resample_tasks=options.resample_tasks,
    )


def _metrics(text: str) -> tuple[Metric, ...]:
    by_name: dict[str, Metric] = {name: name for name in METRICS}
    names = _names(text, "--metrics")
    for name in names:
        if name not in by_name:
            raise unknown("metric", name, METRICS)
    return tuple(by_name[name] for name in names)


def _method(text: str) -> Method:
    for name in METHODS:
        if name == text:
            return name
    raise unknown("method", text, METHODS)


def _names(text: str, option: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not names:
        raise UserError(f"{option} needs at least one name.")
    return names


def _failed(text: str) -> float | None:
    if text == "exclude":
        return None
    if not sources.NUMBER.fullmatch(text.strip()):
        raise UserError(f"--failed takes a score, or exclude, not {text!r}.")
    return sources.number(text)


def _write(overview: Overview, kind: str, options: Namespace) -> None:
    text = _plain(overview) if kind == "table" else _WRITERS[kind](overview)
    if options.output is not None:
        write_atomic(Path(options.output), text.encode())
        print(f"Wrote {options.output}.", file=sys.stderr)
    elif kind == "table":
        _tell(overview)
    else:
        print(text, end="")
    if kind == "csv":  # which has no place for these
        for note in overview.notes:
            print(f"note: {note}", file=sys.stderr)
        if overview.targets:
            print("note: the targets of suites are not runs: --targets writes them.", file=sys.stderr)


def targets_of(options: Namespace) -> list[Judged]:
    """The targets that lie beside the runs; the module that judges them is only imported where there are some."""
    from rlgauge.importers.release import folder_of

    stores = [folder_of(source) or Path(source) for source in options.source]
    folders = [path for path in stores if next(path.glob("targets_*.json"), None) is not None]
    if not folders:
        return []
    from rlgauge.cli import targets

    return targets.judged(folders)


def _show_targets(kind: str, options: Namespace) -> int:
    """Tell of the targets alone; the exit code. Raises UserError where there are none."""
    found = targets_of(options)
    if not found:
        raise UserError(f"{', '.join(options.source)} holds no targets: `rlgauge suite run` keeps those of its suite.")
    told = [targets_table(found)]
    writers: dict[str, Callable[[], str]] = {
        "table": lambda: _aligned(told),
        "csv": lambda: targets_csv(found),
        "markdown": lambda: tables_to_markdown(told),
        "latex": lambda: tables_to_latex(told),
        "json": lambda: (
            msgspec.json.format(msgspec.json.encode({"format": 1, "targets": found}), indent=1).decode() + "\n"
        ),
    }
    if options.output is not None:
        write_atomic(Path(options.output), writers[kind]().encode())
        print(f"Wrote {options.output}.", file=sys.stderr)
    elif kind == "table":
        _tell_tables(told)
    else:
        print(writers[kind](), end="")
    return FINE


def _tell(overview: Overview) -> None:
    _tell_tables(tables(overview))
    for text in _remarks(overview):
        say(text)


def _tell_tables(told: Sequence[Table]) -> None:
    for table in told:
        print(table.title)
        show_table(table.header, table.starred())
        for text in table.explained("*"):
            say(text)
        print()


def _remarks(overview: Overview) -> list[str]:
    told = [f"note: {note}" for note in overview.notes]
    if failed := overview.num_failed:
        did = "did not complete; --format csv lists each with its reason"
        told.append(f"{failed} of {count(len(overview.found), 'run')} {did}.")
    return told


def _plain(overview: Overview) -> str:
    """The tables as text for a file."""
    return _aligned(tables(overview), _remarks(overview))


def _aligned(told: Sequence[Table], remarks: Sequence[str] = ()) -> str:
    parts = []
    for table in told:
        lines = sources.aligned(table.header, table.starred())
        parts.append("\n".join([table.title, *lines, *table.explained("*")]))
    if remarks:
        parts.append("\n".join(remarks))
    return "\n\n".join(parts) + "\n"
