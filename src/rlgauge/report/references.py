"""Reference scores from a file, by which scores are normalised."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from rlgauge.core.errors import UserError, unknown
from rlgauge.core.reading import Reading

_TASK = ("task", "env", "environment")


def read_references(path: Path) -> dict[str, dict[str, float]]:
    """Scores by task and name, of a CSV file with the columns `task` and one a reference (random, expert, ...).

    A task may have several rows only where they agree. Raises UserError.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file, skipinitialspace=True))
    except FileNotFoundError as error:
        raise UserError(f"There is no references file {path}.") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"Can't read the references file {path}: {error}.") from error
    if not rows:
        raise UserError(f"The references file {path} has no rows: it needs the columns task,random,expert.")
    column = next((name for name in _TASK if name in rows[0]), None)
    if column is None:
        raise UserError(f"The references file {path} has no column 'task': its columns are {', '.join(rows[0])}.")
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        own = found.setdefault(row[column], {})
        for name, text in row.items():
            if name != column and text not in {None, ""}:
                value = _number(text, name, row[column], path)
                if own.setdefault(name, value) != value:
                    raise UserError(f"{path} gives two {name} scores for {row[column]}: {own[name]:g} and {value:g}.")
    return found


def with_references(readings: Iterable[Reading], references: Mapping[str, Mapping[str, float]]) -> list[Reading]:
    """The readings with the reference scores of their tasks, which replace what they said themselves.

    Raises UserError where the references name no task that was run.
    """
    found = [_referred(reading, references) for reading in readings]
    tasks: Sequence[str] = sorted({reading.task for reading in found})
    if references and not set(tasks) & set(references):
        raise unknown("task in the references file", next(iter(references)), tasks)
    return found


def _referred(reading: Reading, references: Mapping[str, Mapping[str, float]]) -> Reading:
    own = references.get(reading.task)
    return reading if own is None else msgspec.structs.replace(reading, references={**reading.references, **own})


def _number(text: str, name: str, task: str, path: Path) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UserError(f"{path}: the {name} score of {task} is no number: {text!r}.")
    return value
