"""What a report holds, from what was asked of runs; and the page of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rlgauge.cli import report_curves, summary
from rlgauge.report.content import Report
from rlgauge.report.order import in_order, numbers
from rlgauge.report.overview import Overview
from rlgauge.report.page.document import document
from rlgauge.report.sections import reproduce, scores

if TYPE_CHECKING:
    from jsonargparse import Namespace


def report_of(found: summary.Asked, options: Namespace) -> tuple[Report, Overview]:
    """The report, and the overview on which it rests. Raises UserError."""
    overview = in_order(summary.overview_of(found, options))
    series = numbers(overview)
    *first, runs = scores.sections(overview, series)
    used = [run.reading for run in overview.found]
    parts = [*first, *report_curves.sections(found, series), runs, *reproduce.section(used)]
    title = ", ".join(Path(source).resolve().name for source in options.source)
    return Report(title=title, intro=f"{overview.score} of {', '.join(options.source)}", sections=parts), overview


def page_of(found: summary.Asked, options: Namespace) -> str:
    """The page as text. Raises UserError."""
    return document(report_of(found, options)[0])
