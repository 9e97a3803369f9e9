"""What a report holds beside scores: measurements of throughput, their history, and studies; with runs or without."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rlgauge.cli import report_asked, report_history, report_study, report_throughput, summary
from rlgauge.cli.units import count_text
from rlgauge.core.reading import Reading
from rlgauge.importers import NothingKnownError
from rlgauge.report.content import Report, Section, Warnings
from rlgauge.report.sections import reproduce
from rlgauge.report.targets import targets_table

if TYPE_CHECKING:
    from jsonargparse import Namespace


def asked(options: Namespace) -> summary.Asked:
    """What the sources hold, without those that have measurements or a study and no run. Raises UserError."""
    wanted = options.clone()
    while wanted.source:
        try:
            return summary.asked(wanted)
        except NothingKnownError as error:
            if not _is_measured(Path(error.path)):
                raise
            wanted.source = [source for source in wanted.source if source != error.path]
    return summary.Asked([], summary.question_of(options), [])


def sections(readings: Sequence[Reading], sources: Sequence[str]) -> list[Section]:
    """What was measured, and what was tuned."""
    paths = [Path(source) for source in sources]
    return [
        *report_throughput.sections(paths),
        *report_history.sections(readings, ", ".join(sources)),
        *report_study.sections(paths),
    ]


def scored(readings: Sequence[Reading], sources: Sequence[str]) -> list[Reading]:
    """The runs whose scores may be averaged: no speeds of a measurement, and no trials of a study.

    Where there are no files of measurements to tell of them, speeds count, too.
    """
    paths = [Path(source) for source in sources]
    has_files = bool(report_throughput.read(paths).files)
    studies = [path.resolve() for path in report_study.folders(paths)]
    return [
        reading
        for reading in readings
        if not (has_files and report_throughput.is_of_throughput(reading)) and not _is_below(reading, studies)
    ]


def alone(found: summary.Asked, options: Namespace) -> Report | None:
    """The report of sources that hold measurements and studies alone; None where other runs have scores.

    Raises UserError where something is asked of scores.
    """
    if scored(found.readings, options.source):
        return None
    parts = sections(found.readings, options.source)
    if not parts:
        return None
    report_asked.check_no_scores(options)
    judged = summary.targets_of(options)
    parts += [Section(name="targets", title=table.title, body=[table]) for table in [targets_table(judged)] if judged]
    told = [Section(name="notes", title="Notes", body=[Warnings(found.notes)])] if found.notes else []
    runs = f" ({count_text(len(found.readings), 'run')})" if found.readings else ""
    return Report(
        title=", ".join(Path(source).resolve().name for source in options.source),
        intro=f"what was measured in {', '.join(options.source)}{runs}{reproduce.dates(found.readings)}",
        sections=[*told, *parts, *reproduce.section(found.readings, report_asked.command(options))],
    )


def _is_measured(source: Path) -> bool:
    paths = [source]
    first = next(itertools.chain(report_study.folders(paths), report_throughput.read(paths).files), None)
    return first is not None


def _is_below(reading: Reading, folders: Iterable[Path]) -> bool:
    return any(Path(own).resolve().is_relative_to(folder) for folder in folders for own in reading.folders)
