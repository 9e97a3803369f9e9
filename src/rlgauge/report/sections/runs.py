"""Every run: what became of it, its score, and where it lies."""

from __future__ import annotations

from collections.abc import Iterable

from rlgauge.report.content import Block, Folded, Section
from rlgauge.report.overview import Overview
from rlgauge.report.scored import Scored
from rlgauge.report.table import Table
from rlgauge.report.tables import tables


def section(overview: Overview) -> Section:
    """What became of the runs, and each of them."""
    fates = next((one for one in tables(overview) if one.name == "runs"), None)
    return Section(name="runs", title="Runs", body=_runs(overview, fates))


def _runs(overview: Overview, fates: Table | None) -> list[Block]:
    parts = [fates] if fates is not None else []
    return [*parts, Folded(f"Every run ({len(overview.found):,})", _every_run(overview.found))]


def _every_run(found: Iterable[Scored]) -> Table:
    rows = [
        [
            run.group,
            run.reading.task,
            "-" if run.reading.seed is None else str(run.reading.seed),
            str(run.reading.status).lower(),
            "-" if run.score is None else f"{run.score:.6g}",
            (run.reading.reason or "").partition("\n")[0],
            run.reading.source,
        ]
        for run in found
    ]
    header = ["group", "task", "seed", "status", "score", "reason", "where"]
    return Table(name="every_run", title="Every run", header=header, rows=rows, num_text=2)
