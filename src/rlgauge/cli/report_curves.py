"""The learning curves of a report: a figure for each task, a line for each algorithm."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rlgauge.cli.plot_curves import figures
from rlgauge.cli.summary import Asked
from rlgauge.report.content import Heading, Section


def sections(found: Asked, numbers: Mapping[str, int]) -> Iterator[Section]:
    """One, where there are trainings with curves; groups have the colours of these numbers, others the next ones."""
    asked = [reading for reading in found.readings if found.question.asks_for(reading)]
    drawn = [part for figure in figures(asked, numbers) for part in (Heading(figure.of), figure)]
    if drawn:
        yield Section(name="curves", title="Learning curves", body=drawn)
