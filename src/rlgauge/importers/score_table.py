"""Score tables: CSV files with one row a run, or one a training seed."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from rlgauge.core.errors import UserError, unknown
from rlgauge.core.reading import Reading
from rlgauge.core.run import Status
from rlgauge.importers.findings import Found
from rlgauge.importers.quantities import number, told, units
from rlgauge.importers.tree import Folder, join

SYSTEM = "imported-scores"

GUESSES: Mapping[str, tuple[str, ...]] = {
    "algorithm": ("algorithm", "algo", "policy", "method", "agent", "model"),
    "task": ("task", "task_id", "env", "environment", "env_id", "env_name", "game", "domain"),
    "seed": ("seed", "train_seed", "training_seed", "random_seed"),
    "score": ("score", "return", "mean_reward", "mean_return", "reward", "episodic_return", "success_rate", "success"),
    "status": ("status",),
    "expert_score": ("expert_score", "expert", "expert_return"),
    "random_score": ("random_score", "random", "random_return"),
}
"""What a column can mean, and the titles that are taken for it, the first that is there."""
_NEEDED = ("algorithm", "task", "score")
_PERCENT = 100.0
_FINE = {"", "completed", "ok", "success", "true", "done", "finished"}


def rows(content: bytes) -> tuple[list[str], list[dict[str, str]]]:
    """The titles and the rows of a CSV file; none where it is no table."""
    text = content.decode("utf-8-sig", errors="replace")
    head = text.partition("\n")[0]
    separator = max(",;\t", key=head.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator, restval="")
    try:
        titles = [title.strip() for title in reader.fieldnames or ()]
        reader.fieldnames = titles
        return titles, [{key: value or "" for key, value in row.items() if key is not None} for row in reader]
    except csv.Error:
        return [], []


def check_meanings(columns: Mapping[str, str]) -> None:
    """Raise UserError where something is asked of columns that they can't mean."""
    for meaning in columns:
        if meaning not in GUESSES:
            raise unknown("meaning of a column", meaning, GUESSES)


def find_columns(titles: Sequence[str], columns: Mapping[str, str]) -> dict[str, str]:
    """The title of each meaning: those given, then the first guess that is there."""
    lower = {title.lower(): title for title in reversed(titles)}
    guessed = {
        meaning: next((lower[guess] for guess in guesses if guess in lower), None)
        for meaning, guesses in GUESSES.items()
    }
    return {meaning: title for meaning, title in {**guessed, **columns}.items() if title is not None}


def is_table(found: Mapping[str, str]) -> bool:
    """Whether the columns that were found tell algorithm, task and score."""
    return all(meaning in found for meaning in _NEEDED)


def check(name: str, titles: Sequence[str], found: Mapping[str, str]) -> None:
    """Raise UserError where a table that was asked for lacks a column."""
    missing = [meaning for meaning in _NEEDED if meaning not in found]
    if missing:
        raise UserError(
            f"{name} has no column for {', '.join(missing)}; its columns are {', '.join(titles) or 'none'}. Say "
            f"which is which, as in --columns {missing[0]}=TITLE."
        )


def read(
    folder: Folder,
    name: str,
    table: Sequence[Mapping[str, str]],
    found: Mapping[str, str],
    numbers: Counter[tuple[str, str]],
) -> tuple[list[Found], list[str]]:
    """A reading a row, and what to say of them. Where no seeds are named, `numbers` says how many rows were before."""
    source = join(folder.path, name)
    readings = []
    content = hash(tuple(tuple(row.values()) for row in table))
    scale = _PERCENT if is_percent(table, found) else 1.0
    for index, row in enumerate(table):
        cells = {meaning: row.get(title, "").strip() for meaning, title in found.items()}
        if not cells["algorithm"] and not cells["task"]:
            continue
        key = cells["algorithm"], cells["task"]
        seed = _seed(cells["seed"]) if "seed" in found else numbers[key]
        numbers[key] += "seed" not in found
        readings.append(Found(_reading(cells, seed, found["score"], source, scale), (SYSTEM, content, index)))
    return readings, list(_notes(source, table, found))


def _reading(cells: Mapping[str, str], seed: int | None, title: str, source: str, scale: float) -> Reading:
    score = number(cells["score"])
    status, reason = _status(cells.get("status", ""), cells["score"], score)
    quantity = "success" if is_success(title) else "return"
    measured = told(score / scale) if status is Status.COMPLETED and score is not None else None
    totals = {} if measured is None else {quantity: measured}
    references = {name: number(cells.get(f"{name}_score", "")) for name in ("random", "expert")}
    return Reading(
        algorithm=cells["algorithm"],
        task=cells["task"],
        seed=seed,
        status=status,
        totals=totals,
        units=units(totals),
        references={name: value for name, value in references.items() if value is not None},
        kind=SYSTEM,
        source=source,
        reason=reason,
    )


def _status(text: str, cell: str, score: float | None) -> tuple[Status, str | None]:
    if text.upper() in Status.__members__ and text.upper() != Status.COMPLETED:
        return Status[text.upper()], f"its status is {text}"
    if text.lower() not in _FINE:
        return Status.FAILED, f"its status is {text}"
    if score is None:
        return Status.FAILED, f"its score is {cell}" if cell else "it has no score"
    return Status.COMPLETED, None


def _seed(text: str) -> int | None:
    value = number(text)
    return int(value) if value is not None and value.is_integer() else None


def _notes(source: str, table: Sequence[Mapping[str, str]], found: Mapping[str, str]) -> Iterator[str]:
    if "seed" not in found:
        yield f"{source} names no seeds: its rows of each algorithm and task are numbered from 0 in their order."
    if is_percent(table, found):
        yield f"{source}: {found['score']} goes beyond 1, so it is taken as percent."


def is_success(title: str) -> bool:
    """Whether a column of this title holds success rates."""
    return title.lower().startswith("success")


def is_percent(table: Sequence[Mapping[str, str]], found: Mapping[str, str]) -> bool:
    """Whether it is a table of success rates from 0 to 100."""
    title = found["score"]
    return is_success(title) and any((number(row.get(title, "")) or 0.0) > 1.0 for row in table)
