"""The checkpoints of a training as `rlgauge benchmark --watch` evaluated them, in a report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rlgauge.cli import plot_watched
from rlgauge.cli.summary import Asked
from rlgauge.report.content import Block, Heading, Section

_EVALUATE = "evaluate"
_ABOVE = 3
"""How many folders above that of an attempt the store is."""


def sections(found: Asked, series: Mapping[str, int]) -> Iterator[Section]:
    """One, where checkpoints of a training were watched; groups have the colours of these numbers."""
    drawn = [block for root in _stores(found) for block in _of(root, found.question.tasks, series)]
    if drawn:
        yield Section(name="checkpoints", title="Checkpoints of trainings", body=drawn)


def _stores(found: Asked) -> Sequence[Path]:
    readings = (one for one in found.readings if one.kind == _EVALUATE and found.question.asks_for(one))
    roots = dict.fromkeys(Path(folder).parents[_ABOVE - 1] for one in readings for folder in one.folders)
    return [root for root in roots if plot_watched.is_watched(root)]


def _of(root: Path, tasks: frozenset[str], series: Mapping[str, int]) -> Iterator[Block]:
    heading = ""
    for figure in plot_watched.figures(root, series):
        if tasks and figure.of not in tasks:
            continue
        if figure.of != heading:
            heading = figure.of
            yield Heading(heading)
        yield figure
