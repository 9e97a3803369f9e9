"""`rlgauge report`: what runs add up to, as a page of HTML, or the same content for other readers."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rlgauge.cli import report_page, sources, summary
from rlgauge.cli.console import say
from rlgauge.cli.main import FAILED, FINE
from rlgauge.cli.options import make_parser, parse
from rlgauge.cli.report_films import linked
from rlgauge.cli.units import count_text
from rlgauge.core.errors import UserError
from rlgauge.core.files import write_atomic
from rlgauge.report.content import Report
from rlgauge.report.formats import github
from rlgauge.report.formats.latex import to_latex
from rlgauge.report.formats.markdown import to_markdown
from rlgauge.report.formats.plain_json import to_json
from rlgauge.report.formats.tidy import to_csv
from rlgauge.report.page.document import document
from rlgauge.trackers import kinds

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

_PAGE = "html"
_WRITERS: Mapping[str, Callable[[Report], str]] = {
    _PAGE: document,
    "markdown": to_markdown,
    "csv": to_csv,
    "latex": to_latex,
    "json": to_json,
}
FILE = "report.html"
"""The page where no other name is given."""


def main(argv: Sequence[str]) -> int:
    """The exit code of `rlgauge report`: 1 where no run has a score. Raises UserError."""
    parser = build_parser()
    options = parse(parser, argv, repeated=("--rename", "--algo", "--task"))
    if options is None:
        return FINE
    is_sent = options.github or options.wandb is not None
    if options.wandb is not None:
        kinds.check("wandb")
    if options.output is None and options.format is None and not options.json and not is_sent:
        options.output = FILE
    kind = sources.output_format(options, tuple(_WRITERS))
    _check_ending(options, kind)
    step_summary = _step_summary() if options.github else None
    report, is_measured = made(options)
    if options.output is not None:
        write(report, Path(options.output), kind, embed_megabytes=options.embed_videos)
        print(f"Wrote {options.output}: {Path(options.output).stat().st_size / 1000:,.0f} kB.")
    elif options.format is not None or options.json:
        sys.stdout.write(_text(report, Path(FILE), kind, options.embed_videos))
    if step_summary is not None:
        num_bytes = github.append(report, step_summary)
        print(f"Appended to the summary of the job: {num_bytes / 1000:,.0f} kB.")
    if options.wandb is not None:
        _send(report, options.wandb)
    return FINE if is_measured else FAILED


def _check_ending(options: Namespace, kind: str) -> None:
    """Raise UserError for a file that would hold another format than its ending says."""
    if options.output is None:
        return
    by_ending = options.clone()
    by_ending.format, by_ending.json = None, False
    try:
        own = sources.output_format(by_ending, tuple(_WRITERS))
    except UserError:  # of an ending that says nothing
        return
    if own != kind:
        asked = "--json" if options.json else f"--format {kind}"
        raise UserError(f"{asked} and --output {options.output}, which is {own} by its ending, contradict each other.")


def made(options: Namespace) -> tuple[Report, bool]:
    """The report of what was asked for, and whether anything has a score or was measured. Raises UserError."""
    found = report_page.asked(options)
    with _said(f"Making the report of {count_text(len(found.readings), 'run')} ..."):
        report, overview = report_page.report_of(found, options)
    return report, overview is None or overview.is_measured


@contextlib.contextmanager
def _said(doing: str) -> Iterator[None]:
    """Say on a terminal, and nowhere else, what is being done, until it is done."""
    if not sys.stderr.isatty():
        yield
        return
    print(doing, end="", file=sys.stderr, flush=True)
    try:
        yield
    finally:
        print(f"\r{' ' * len(doing)}\r", end="", file=sys.stderr, flush=True)


def write(report: Report, path: Path, kind: str = _PAGE, *, embed_megabytes: float | None = None) -> None:
    """Write the report; nobody ever sees a part of it. A page has films beside it, or up to so much of them in it."""
    with _said(f"Writing {path.name} ..."):
        write_atomic(path, _text(report, path, kind, embed_megabytes).encode())


def _text(report: Report, path: Path, kind: str, embed_megabytes: float | None) -> str:
    if kind == _PAGE:
        return document(linked(report, path, embed_megabytes=embed_megabytes))
    if embed_megabytes is not None:
        raise UserError(f"--embed-videos puts films into a page, and {kind} holds none: end the name with .html.")
    return _WRITERS[kind](report)


def _send(report: Report, project: str) -> None:
    """Send the report to W&B. Raises UserError where it takes none."""
    from wandb.errors import Error

    from rlgauge.report.formats.tracked import send

    try:
        send(report, _text(report, Path(FILE), _PAGE, None), project=project, tell=say)
    except Error as error:
        raise UserError(f"--wandb {project}: {str(error).strip()}") from error


def _step_summary() -> Path:
    """The file to which a job on GitHub appends what it has to tell. Raises UserError."""
    path = os.environ.get(github.VARIABLE)
    if not path:
        raise UserError(
            f"--github appends to the file that {github.VARIABLE} names, as in a job on GitHub, and that is not set: "
            "-o report.md writes the same to a file."
        )
    if not Path(path).parent.is_dir():
        raise UserError(f"{github.VARIABLE}: there is no folder '{Path(path).parent}'.")
    return Path(path)


def build_parser() -> ArgumentParser:
    """The options of `rlgauge report`."""
    parser = make_parser("report", "Write one page with all that runs add up to, or the same in another format.")
    sources.add_source_options(parser)
    summary.add_question_options(parser)
    group = parser.add_argument_group("Where it goes")
    group.add_argument(
        "-o", "--output", type=str | None, metavar="FILE", help=f"the file, its format by its ending ({FILE})"
    )
    group.add_argument(
        "--format", type=str | None, metavar="NAME", help=f"{', '.join(_WRITERS)}; printed where no file is named"
    )
    group.add_argument("--json", action="store_true", help="the same as --format json")
    group.add_argument(
        "--embed-videos", type=float | None, metavar="MB", help="put films into the page, so many megabytes of them"
    )
    group.add_argument("--github", action="store_true", help="append Markdown to the summary of a job on GitHub")
    group.add_argument(
        "--wandb", type=str | None, metavar="PROJECT", help="send its tables and the page to W&B, as a run of a project"
    )
    return parser
