"""Score tables: CSV files with one row a run, or one a training seed."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from rlgauge.core.errors import UserError, unknown
from rlgauge.core.reading import Reading
from rlgauge.core.run import Status
from rlgauge.importers import myriad
from rlgauge.importers.findings import Found
from rlgauge.importers.quantities import number, told, units
from rlgauge.importers.table_settings import checksum, labels_of
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
SETTINGS = "settings"
"""The meaning that several columns can have, their titles joined by `+`."""
Numbers = Counter[tuple[str, str, str]]
"""How many rows there were of each algorithm, task and settings."""
PERCENT = "percent"
"""In the details of a reading whose success rate is taken for one of 0 to 100, as others of its table go beyond 1."""
_NEEDED = ("algorithm", "task", "score")
_PERCENT = 100.0
_ROUNDING = 1e-6
_UNREAD = "its score is "
_NO_RATE = "no success rate is "
_NOT_FINITE = {"nan", "inf", "infinity", "na", "n/a", "none", "null", "-"}
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
        if meaning not in GUESSES and meaning != SETTINGS:
            raise unknown("meaning of a column", meaning, [*GUESSES, SETTINGS])


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
    if not is_table(found):
        missing = next(meaning for meaning in _NEEDED if meaning not in found)
        raise UserError(f"{name} has {lacking(titles, found)}. Say which is which, as in --columns {missing}=TITLE.")


def lacking(titles: Sequence[str], found: Mapping[str, str]) -> str:
    """What a table needs to be one of scores, and the columns that it has, after `it has`."""
    missing = [meaning for meaning in _NEEDED if meaning not in found]
    if "num_envs" in titles or any("throughput" in title for title in titles):
        return f"the columns {', '.join(titles)}; a table of Myriad has num_envs, and {' or '.join(myriad.TITLES)}"
    return f"no column for {', '.join(missing)}; its columns are {', '.join(titles) or 'none'}"


def read(
    folder: Folder,
    name: str,
    table: Sequence[Mapping[str, str]],
    found: Mapping[str, str],
    numbers: Numbers,
    *,
    settings: Sequence[str] = (),
) -> list[Found]:
    """A reading a row. Where no seeds are named, `numbers` says how many rows were before; `settings` are titles."""
    source = join(folder.path, name)
    readings = []
    content = hash((_meanings(table, found), tuple(tuple(row.values()) for row in table)))
    scale = _PERCENT if is_percent(table, found) else 1.0
    for index, row in enumerate(table):
        cells = {meaning: row.get(title, "").strip() for meaning, title in found.items()}
        if not cells["algorithm"] and not cells["task"]:
            continue
        labels = labels_of(row, settings)
        key = cells["algorithm"], cells["task"], checksum(labels) if labels else ""
        seed = _seed(cells["seed"]) if "seed" in found else numbers[key]
        numbers[key] += "seed" not in found
        reading = _reading(cells, seed, found["score"], source, scale)
        if scale == _PERCENT:
            reading = msgspec.structs.replace(reading, details={PERCENT: True})
        if labels:
            reading = msgspec.structs.replace(reading, labels=labels, settings=key[-1])
        readings.append(Found(reading, (SYSTEM, content, index)))
    return readings


def _meanings(table: Sequence[Mapping[str, str]], found: Mapping[str, str]) -> tuple[str, ...]:
    """What the columns are taken for, in their order, else their titles: equal tables of equal meanings are copies."""
    meanings = {title: meaning for meaning, title in found.items()} | {found["score"]: _quantity(found["score"])}
    return tuple(meanings.get(title, title) for title in (table[0] if table else ()))


def _reading(cells: Mapping[str, str], seed: int | None, title: str, source: str, scale: float) -> Reading:
    quantity = _quantity(title)
    score, lack = _score(cells["score"], scale, quantity)
    status, reason = _status(cells.get("status", ""), lack)
    measured = told(score) if status is Status.COMPLETED else None
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


def _score(cell: str, scale: float, quantity: str) -> tuple[float | None, str | None]:
    """The score that a cell tells, rates as shares of 1, or why it is none."""
    score = number(cell)
    if score is None:
        return None, f"{_UNREAD}{cell}" if cell else "it has no score"
    if quantity == "return":
        return score, None
    rate = score / scale
    if not -_ROUNDING <= rate <= 1.0 + _ROUNDING:
        return None, f"{_NO_RATE}{cell}"
    return min(max(rate, 0.0), 1.0), None


def _status(text: str, lack: str | None) -> tuple[Status, str | None]:
    """Where the run stands by its cell, which may say so, and by what its score lacks; and why."""
    if text.upper() in Status.__members__ and text.upper() != Status.COMPLETED:
        return Status[text.upper()], f"its status is {text}"
    if text.lower() not in _FINE:
        return Status.FAILED, f"its status is {text}"
    return (Status.COMPLETED, None) if lack is None else (Status.FAILED, lack)


def unread(reading: Reading) -> str | None:
    """What is written where a row's score should be, and is neither a number nor NaN; None where that is not so."""
    cell = _after(_UNREAD, reading)
    return None if cell is None or cell.lower().lstrip("+-") in _NOT_FINITE else cell


def impossible(reading: Reading) -> str | None:
    """The number that a row has where a success rate should be, and that can't be one; None where that is not so."""
    return _after(_NO_RATE, reading)


def _after(start: str, reading: Reading) -> str | None:
    reason = reading.reason or ""
    return reason.removeprefix(start) if reason.startswith(start) else None


def _seed(text: str) -> int | None:
    value = number(text)
    return int(value) if value is not None and value.is_integer() else None


def _quantity(title: str) -> str:
    """The quantity that a column of scores of this title holds."""
    return "success" if is_success(title) else "return"


def is_success(title: str) -> bool:
    """Whether a column of this title holds success rates."""
    return title.lower().startswith("success")


def is_percent(table: Sequence[Mapping[str, str]], found: Mapping[str, str]) -> bool:
    """Whether it is a table of success rates from 0 to 100."""
    title = found["score"]
    return is_success(title) and any((number(row.get(title, "")) or 0.0) > 1.0 + _ROUNDING for row in table)
