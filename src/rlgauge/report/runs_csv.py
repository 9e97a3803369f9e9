"""The runs of an overview as CSV: one row a run, failed ones included."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from rlgauge.compare.quantity import measured
from rlgauge.report.overview import Overview
from rlgauge.report.scored import Scored

COLUMNS = (
    "algo",
    "env",
    "seed",
    "score",
    "expert_score",
    "random_score",
    "normalised_score",
    "status",
    "used",
    "episodes",
    "errors",
    "group",
    "settings",
    "reason",
    "source",
)
"""The header."""


def to_csv(overview: Overview) -> str:
    """One row a run that was found; a cell without a value is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(list(_cells(run, overview.score)) for run in overview.found)
    return text.getvalue()


def _cells(run: Scored, score: str) -> Iterator[object]:
    reading = run.reading
    total = measured(reading).get(score)
    yield from (reading.algorithm, reading.task, reading.seed, run.score)
    yield from (reading.references.get("expert"), reading.references.get("random"), run.normalised)
    yield from (reading.status, "yes" if run.is_used else "no", None if total is None else total.n, reading.num_errors)
    yield from (run.group, reading.settings, _one_line(reading.reason), reading.source)


def _one_line(text: str | None) -> str | None:
    return None if text is None else " ".join(text.split())
