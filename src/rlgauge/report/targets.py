"""Targets beside what was measured, per tag."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence

from rlgauge.report.judged import Judged
from rlgauge.report.numbers import short_count
from rlgauge.report.table import Table

_LARGE = 1000
_FEWEST, _MOST = 3, 15
"""Digits of a number."""
_LONGEST = 60
"""Characters of a reason that still stand in a row."""
_COLUMNS = (
    *("suite", "tag", "of", "quantity", "ratio_to", "at_least", "at_most", "measured", "low", "high", "n"),
    *("verdict", "is_certain", "noise", "reason"),
)


def targets_table(judged: Sequence[Judged]) -> Table:
    """A row a target and tag."""
    suites = list(dict.fromkeys(one.suite for one in judged))
    return Table(
        name="targets",
        title=f"Targets of {', '.join(suites)}",
        header=[*(["suite"] if len(suites) > 1 else []), "tag", "of", "quantity", "target", "measured", "verdict"],
        rows=[[*([one.suite] if len(suites) > 1 else []), *_cells(one)] for one in judged],
        num_text=4 + (len(suites) > 1),
        notes=_notes(judged),
    )


def targets_csv(judged: Iterable[Judged]) -> str:
    """The same as CSV; a cell without a value is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows(_row(one) for one in judged)
    return text.getvalue()


def _cells(one: Judged) -> list[str]:
    ratio = "" if one.target.ratio_to is None else f", ratio to {one.target.ratio_to}"
    bound = "at most" if one.target.at_least is None else "at least"
    return [
        one.tag or "-",
        one.of,
        f"{one.target.quantity}{ratio}",
        f"{bound} {_number(one.target.bound, one.unit, _digits(one))}",
        _measured(one),
        _verdict(one),
    ]


def _measured(one: Judged) -> str:
    if one.measured is None:
        return "-"
    digits = _digits(one)
    point = _number(one.measured.point, one.unit, digits)
    low, high, missing = one.measured.low, one.measured.high, one.measured.missing
    lacking = f", without {missing} seed{'s' * (missing > 1)}" if missing and one.target.actor else ""
    if low is None or high is None:
        return f"{point}{lacking}"
    return f"{point} [{_number(low, one.unit, digits)}, {_number(high, one.unit, digits)}]{lacking}"


def _digits(one: Judged) -> int:
    """As many as tell what was measured from the target, three at least."""
    if one.measured is None or one.measured.point == one.target.bound:
        return _FEWEST
    values = one.measured.point, one.target.bound
    found = (digits for digits in range(_FEWEST, _MOST) if len({f"{value:.{digits}g}" for value in values}) > 1)
    return next(found, _MOST)


def _number(value: float, unit: str, digits: int = 3) -> str:
    if not math.isfinite(value):
        return f"{value:g}"
    if unit == "success":
        return f"{100 * value:.{digits}g} %"
    if digits == _FEWEST and abs(value) >= _LARGE:
        return f"{'-' if value < 0 else ''}{short_count(abs(value))}"
    return f"{value:,.{digits}g}" if abs(value) < _LARGE else f"{value:,.{max(0, digits - len(str(int(abs(value)))))}f}"


def _verdict(one: Judged) -> str:
    if one.reason is not None and len(one.reason) <= _LONGEST:
        return f"{one.verdict}: {one.reason.removesuffix('.')}"
    doubt = ", uncertain" if one.is_certain is False else ""
    return f"{one.verdict}{doubt}{f' (noise: {one.noise})' if one.noise else ''}"


def _notes(judged: Sequence[Judged]) -> list[str]:
    notes = []
    if any(one.is_certain is not None for one in judged):
        notes.append("The estimate decides; uncertain: its 95 % interval holds the target, too.")
    slopes = [one for one in judged if one.target.quantity.endswith("_per_env") and one.measured is not None]
    if any(one.is_certain is False for one in slopes):
        notes.append("A slope is uncertain, too, where its interval holds 0; a ratio where those of both allow it.")
    if any(one.is_certain is None for one in slopes):
        notes.append("Slopes of two numbers of environments have no interval.")
    if any(one.target.actor is not None and one.tag and one.measured is not None for one in judged):
        notes.append("Of policies and trainings, the runs count that the suite last asked for under the tag.")
    speeds = [one.measured for one in judged if one.measured is not None and one.target.quantity.startswith("steps_")]
    if any(speed.low is None for speed in speeds):
        notes.append("Without an interval, one process measured: the next may come out otherwise (--full has three).")
    if any(one.noise for one in judged):
        notes.append("Noise: what else the machine did; speeds are then too low by an unknown amount.")
    missing: dict[str, list[str]] = {}
    for one in judged:
        if one.reason is not None and len(one.reason) > _LONGEST:
            missing.setdefault(one.reason, []).append(one.of)
    notes += [f"Not measured: {'; '.join(dict.fromkeys(names))}: {reason}" for reason, names in missing.items()]
    return notes


def _row(one: Judged) -> list[object]:
    target, found = one.target, one.measured
    return [
        one.suite,
        one.tag,
        one.of,
        target.quantity,
        target.ratio_to,
        target.at_least,
        target.at_most,
        *((None, None, None, None) if found is None else (found.point, found.low, found.high, found.n)),
        str(one.verdict),
        one.is_certain,
        one.noise,
        one.reason,
    ]
