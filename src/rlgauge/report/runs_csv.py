"""The runs of an overview as CSV: one row a run, failed ones included."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from rlgauge.report.overview import Overview, Scored

COLUMNS = (
    "algo",
    "env",
    "seed",
    "score",
    "expert_score",
    "random_score",
    "normalised_score",
    "status",
    "episodes",
    "group",
    "settings",
    "reason",
    "source",
)
"""The header."""


def to_csv(overview: Overview) -> str:
    """One row a run; a cell without a value is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(list(_cells(run, overview.score)) for run in overview.runs)
    return text.getvalue()


def _cells(run: Scored, score: str) -> Iterator[object]:
    reading = run.reading
    total = reading.totals.get(score)
    yield from (reading.algorithm, reading.task, reading.seed, run.score)
    yield from (reading.references.get("expert"), reading.references.get("random"), run.normalised)
    yield from (reading.status, None if total is None else total.n, run.group, reading.settings)
    yield from (_one_line(reading.reason), reading.source)


def _one_line(text: str | None) -> str | None:
    return None if text is None else " ".join(text.split())
