"""What a report holds, from what was asked of runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rlgauge.cli import (
    report_asked,
    report_curves,
    report_efficiency,
    report_films,
    report_history,
    report_latency,
    report_measured,
    report_watched,
    summary,
)
from rlgauge.cli.options import as_list
from rlgauge.core.reading import Reading
from rlgauge.report.content import Report, Section
from rlgauge.report.order import in_order, numbers
from rlgauge.report.overview import Overview
from rlgauge.report.sections import failures, reproduce, scores, success

if TYPE_CHECKING:
    from jsonargparse import Namespace


def asked(options: Namespace) -> summary.Asked:
    """What the sources hold, and what is asked of it. Raises UserError."""
    return report_measured.asked(options)


def report_of(found: summary.Asked, options: Namespace) -> tuple[Report, Overview | None]:
    """The report, and the overview of its scores, None where there are speeds and studies alone. Raises UserError."""
    alone = report_measured.alone(found, options)
    if alone is not None:
        return alone, None
    scored = found._replace(readings=report_measured.scored(found.readings, options.source))
    overview = in_order(summary.overview_of(scored, options))
    title = ", ".join(Path(source).resolve().name for source in options.source)
    parts = list(_sections(scored, overview, found.readings, options))
    of = f"{overview.score} of {', '.join(options.source)}{reproduce.dates(one.reading for one in overview.found)}"
    return Report(title=title, intro=of, sections=parts), overview


def _sections(
    found: summary.Asked, overview: Overview, readings: Sequence[Reading], options: Namespace
) -> Iterator[Section]:
    """The parts in their order: scores, how they came about, what went wrong, what else was measured, and every run."""
    series = numbers(overview)
    *first, runs = scores.sections(overview, series)
    yield from first
    used = [run.reading for run in overview.found]
    if found.question.failed is None:  # a comparison leaves out what failed
        yield from report_history.between(used, overview.score, source=", ".join(options.source))
    yield from success.sections(found.readings, found.question, series, is_score=overview.score == "success")
    yield from _of_runs(found, overview, series, as_list(options.rename))
    yield from report_measured.sections(readings, options.source)
    yield runs
    others = {id(reading) for reading in found.readings}
    every = [*used, *(reading for reading in readings if id(reading) not in others)]
    yield from reproduce.section(every, report_asked.command(options))


def _of_runs(
    found: summary.Asked, overview: Overview, series: Mapping[str, int], renamed: Sequence[str]
) -> Iterator[Section]:
    yield from report_curves.sections(found, series)
    yield from report_efficiency.sections(overview, series)
    yield from report_watched.sections(found, series)
    yield from report_latency.sections(overview, series)
    yield from failures.sections(overview)
    yield from report_films.sections(found, renamed)
