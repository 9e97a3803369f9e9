"""The order in which a report names things, and the number by which each has its colour."""

from __future__ import annotations

import re

import msgspec

from rlgauge.report.overview import Overview


def in_order(overview: Overview) -> Overview:
    """The same with names as one counts: step 500 before step 1000."""
    return msgspec.structs.replace(
        overview,
        lines=sorted(overview.lines, key=lambda line: (natural(line.group), natural(line.task))),
        overall=sorted(overview.overall, key=lambda one: natural(one.group)),
        fates=sorted(overview.fates, key=lambda fate: (natural(fate.group), natural(fate.task))),
        runs=sorted(overview.runs, key=lambda run: (natural(run.group), natural(run.reading.task))),
        found=sorted(overview.found, key=lambda run: (natural(run.group), natural(run.reading.task))),
    )


def natural(name: str) -> list[tuple[int, str]]:
    """A key by which numbers in names sort by their size."""
    parts = [part.lstrip("0") if place % 2 else part for place, part in enumerate(re.split(r"(\d+)", name))]
    return [(len(part) if place % 2 else 0, part) for place, part in enumerate(parts)] + [(0, name)]


def numbers(overview: Overview) -> dict[str, int]:
    """The number of each group, by which it has the same colour in all figures."""
    return {group: place for place, group in enumerate(dict.fromkeys(line.group for line in overview.lines))}
