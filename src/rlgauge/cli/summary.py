"""`rlgauge summary`: what many runs add up to."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rlgauge.cli.console import say, show_table
from rlgauge.cli.main import FAILED, FINE
from rlgauge.cli.options import as_list, make_parser, parse
from rlgauge.cli.sources import add_source_options, collect
from rlgauge.core.errors import UserError, unknown
from rlgauge.core.files import write_atomic
from rlgauge.core.reading import Reading
from rlgauge.report.as_json import to_json
from rlgauge.report.latex import to_latex
from rlgauge.report.markdown import to_markdown
from rlgauge.report.overview import Overview, make_overview, num_failed
from rlgauge.report.question import Normalisation, Question
from rlgauge.report.references import read_references, with_references
from rlgauge.report.runs_csv import to_csv
from rlgauge.report.tables import footnotes, tables
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
_ENDINGS = {".csv": "csv", ".md": "markdown", ".tex": "latex", ".json": "json"}
_PAIR = 2


def main(argv: Sequence[str]) -> int:
    """The exit code of `rlgauge summary`: 1 where no run has a score. Raises UserError."""
    parser = build_parser()
    options = parse(parser, argv, repeated=("--rename", "--algo", "--task"))
    if options is None:
        return FINE
    kind = _format(options)
    question = _question(options)
    collected = collect(options)
    readings = _selected(collected.readings, options)
    if options.references is not None:
        readings = with_references(readings, read_references(Path(options.references)))
    overview = make_overview(readings, question, notes=collected.notes)
    _write(overview, kind, options)
    return FINE if any(run.score is not None for run in overview.runs) else FAILED


def build_parser() -> ArgumentParser:
    """The options of `rlgauge summary`."""
    parser = make_parser("summary", "Summarise runs: per algorithm and task, and over all tasks, with intervals.")
    add_source_options(parser)
    parser.add_argument("--algo", type=list[str] | str, default=[], metavar="NAME", help="only this one; repeatable")
    parser.add_argument("--task", type=list[str] | str, default=[], metavar="NAME", help="only this one; repeatable")
    group = parser.add_argument_group("What is summarised")
    group.add_argument("--score", type=str | None, metavar="NAME", help="the quantity, such as return or success")
    group.add_argument(
        "--by",
        type=str,
        default="algorithm",
        metavar="DIMENSIONS",
        help="what tells groups apart, such as algorithm,settings",
    )
    group.add_argument(
        "--normalise",
        type=str | None,
        metavar="LOW,HIGH",
        help="reference scores by name or number, such as random,expert or 0,expert",
    )
    group.add_argument("--references", type=str | None, metavar="FILE", help="CSV file of task,random,expert")
    group.add_argument(
        "--failed", type=str, default="exclude", metavar="SCORE", help="what a failed run scores, or exclude"
    )
    group.add_argument("--metrics", type=str, default=",".join(METRICS), metavar="NAMES", help="over all tasks")
    group.add_argument("--method", type=str, default="expanded", metavar="NAME", help=f"interval: {', '.join(METHODS)}")
    group.add_argument("--confidence", type=float, default=0.95, metavar="P", help="of the intervals")
    group.add_argument("--resample-tasks", action="store_true", help="take the tasks for a sample of more tasks")
    group = parser.add_argument_group("Where it goes")
    group.add_argument("--format", type=str | None, metavar="NAME", help=f"table, {', '.join(_WRITERS)} (table)")
    group.add_argument("-o", "--output", type=str | None, metavar="FILE", help="write it there instead of printing it")
    group.add_argument("--json", action="store_true", help="the same as --format json")
    return parser


def _format(options: Namespace) -> str:
    """The format asked for, or the one that the file's ending says."""
    named = "json" if options.json else options.format
    if named is not None and named not in {*_WRITERS, "table"}:
        raise unknown("format", named, ["table", *_WRITERS])
    if options.json and options.format not in {None, "json"}:
        raise UserError(f"--json and --format {options.format} contradict each other.")
    if options.output is None:
        return named or "table"
    ending = Path(options.output).suffix
    if named is None and ending not in _ENDINGS:
        raise UserError(
            f"--output {options.output}: say what to write with --format, or end it with {', '.join(_ENDINGS)}."
        )
    if not Path(options.output).parent.is_dir():
        raise UserError(f"--output {options.output}: there is no folder '{Path(options.output).parent}'.")
    return named or _ENDINGS[ending]


def _question(options: Namespace) -> Question:
    if not 0 < options.confidence < 1:
        raise UserError(f"--confidence must lie between 0 and 1, not {options.confidence}.")
    return Question(
        score=options.score,
        by=_names(options.by),
        normalisation=_normalisation(options.normalise),
        failed=_failed(options.failed),
        metrics=_metrics(options.metrics),
        method=_method(options.method),
        confidence=options.confidence,
        resample_tasks=options.resample_tasks,
    )


def _metrics(text: str) -> tuple[Metric, ...]:
    by_name: dict[str, Metric] = {name: name for name in METRICS}
    for name in _names(text):
        if name not in by_name:
            raise unknown("metric", name, METRICS)
    return tuple(by_name[name] for name in _names(text))


def _method(text: str) -> Method:
    for name in METHODS:
        if name == text:
            return name
    raise unknown("method", text, METHODS)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _normalisation(text: str | None) -> Normalisation | None:
    if text is None:
        return None
    ends = _names(text)
    if len(ends) != _PAIR:
        raise UserError(f"--normalise takes two reference scores, such as random,expert, not {text!r}.")
    low, high = (float(end) if re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", end) else end for end in ends)
    return Normalisation(low, high)


def _failed(text: str) -> float | None:
    if text == "exclude":
        return None
    try:
        return float(text)
    except ValueError as error:
        raise UserError(f"--failed takes a score, or exclude, not {text!r}.") from error


def _selected(readings: Sequence[Reading], options: Namespace) -> list[Reading]:
    """The readings of the algorithms and tasks asked for. Raises UserError for one that was not run."""
    for what, wanted, known in (
        ("algorithm", as_list(options.algo), {reading.algorithm for reading in readings}),
        ("task", as_list(options.task), {reading.task for reading in readings}),
    ):
        for name in wanted:
            if name not in known:
                raise unknown(what, name, sorted(known))
    algorithms, tasks = set(as_list(options.algo)), set(as_list(options.task))
    return [r for r in readings if (not algorithms or r.algorithm in algorithms) and (not tasks or r.task in tasks)]


def _write(overview: Overview, kind: str, options: Namespace) -> None:
    text = None if kind == "table" else _WRITERS[kind](overview)
    if options.output is not None:
        content = _plain(overview) if text is None else text
        write_atomic(Path(options.output), content.encode())
        print(f"Wrote {options.output}.", file=sys.stderr)
    elif text is None:
        _tell(overview)
    else:
        print(text, end="")


def _tell(overview: Overview) -> None:
    for table in tables(overview):
        print(table.title)
        show_table(table.header, table.starred())
        print()
    for text in _remarks(overview):
        say(text)
    if failed := num_failed(overview):
        say(f"{failed} of {len(overview.runs)} runs have no score; --format csv lists each with its reason.")


def _remarks(overview: Overview) -> list[str]:
    return [*footnotes(overview, mark="*"), *(f"note: {note}" for note in overview.notes)]


def _plain(overview: Overview) -> str:
    """The tables as text for a file."""
    parts = []
    for table in tables(overview):
        lines_of_cells = (table.header, *table.starred())
        widths = [max(map(len, column)) for column in zip(*lines_of_cells, strict=True)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in lines_of_cells
        ]
        parts.append("\n".join([table.title, lines[0], "-" * max(map(len, lines)), *lines[1:]]))
    parts.append("\n".join(_remarks(overview)))
    return "\n\n".join(parts) + "\n"
