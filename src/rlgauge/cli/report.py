"""`rlgauge report`: what runs add up to, as one page of HTML."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rlgauge.cli import report_page, sources, summary
from rlgauge.cli.main import FAILED, FINE
from rlgauge.cli.options import make_parser, parse
from rlgauge.core.errors import UserError
from rlgauge.core.files import write_atomic
from rlgauge.report.page.document import document

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

_ENDINGS = (".html", ".htm")


def main(argv: Sequence[str]) -> int:
    """The exit code of `rlgauge report`: 1 where no run has a score. Raises UserError."""
    parser = build_parser()
    options = parse(parser, argv, repeated=("--rename", "--algo", "--task"))
    if options is None:
        return FINE
    path = Path(options.output)
    if path.suffix not in _ENDINGS:
        raise UserError(f"--output {path}: a report is a page: end its name with .html.")
    if not path.parent.is_dir():
        raise UserError(f"--output {path}: there is no folder '{path.parent}'.")
    report, overview = report_page.report_of(summary.asked(options), options)
    page = document(report)
    write_atomic(path, page.encode())
    print(f"Wrote {path}: {len(page.encode()) / 1000:,.0f} kB.")
    return FINE if overview.is_measured else FAILED


def build_parser() -> ArgumentParser:
    """The options of `rlgauge report`."""
    parser = make_parser("report", "Write one page of HTML with all that runs add up to.")
    sources.add_source_options(parser)
    summary.add_question_options(parser)
    parser.add_argument(
        "-o", "--output", type=str, default="report.html", metavar="FILE", help="the page (report.html)"
    )
    return parser
