"""Every run: what became of it, its score, and where it lies."""

from __future__ import annotations

from collections.abc import Sequence

from rlgauge.core.run import Status
from rlgauge.report.content import Block, Folded, Section
from rlgauge.report.numbers import fixed, places
from rlgauge.report.overview import Overview
from rlgauge.report.scored import Scored
from rlgauge.report.table import Table
from rlgauge.report.tables import tables

_MOST_PLACES = 5_000
"""Of more runs scores are short, and only those that did not complete are told with where they lie: else this were most
of the page."""


def section(overview: Overview) -> Section:
    """What became of the runs, and each of them."""
    fates = next((one for one in tables(overview) if one.name == "runs"), None)
    return Section(name="runs", title="Runs", body=_runs(overview, fates))


def _runs(overview: Overview, fates: Table | None) -> list[Block]:
    parts = [fates] if fates is not None else []
    return [*parts, Folded(f"Every run ({len(overview.found):,})", _every_run(overview.found))]


def _every_run(found: Sequence[Scored]) -> Table:
    has_places = len(found) <= _MOST_PLACES
    rows = [
        [
            run.group,
            run.reading.task,
            "-" if run.reading.seed is None else str(run.reading.seed),
            str(run.reading.status).lower(),
            "-" if run.score is None else f"{run.score:.6g}" if has_places else _short(run.score),
            (run.reading.reason or "").partition("\n")[0],
            run.reading.source if has_places or run.reading.status is not Status.COMPLETED else "",
        ]
        for run in found
    ]
    left_out = (
        f"Of so many runs scores have four digits, and only those that did not complete are told with where they lie; "
        f"`rlgauge summary --format csv` tells all of all {len(found):,}."
    )
    header = ["group", "task", "seed", "status", "score", "reason", "where"]
    notes = [] if has_places else [left_out]
    return Table(name="every_run", title="Every run", header=header, rows=rows, num_text=2, notes=notes)


def _short(score: float) -> str:
    return fixed(score, places(score, None) + 1)
