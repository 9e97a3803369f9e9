"""Tables of thousands of rows as data, a column at a time: the script of the page shows them a hundred at a time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from rlgauge.report.page.markup import Markup, tag
from rlgauge.report.printable import printable

SHOWN = 100
"""So many rows stand in the page itself, for whoever reads it without a script."""
_SEPARATORS = ",;|~"


def data(rows: Sequence[Sequence[str]], *, num_columns: int, name: str) -> Markup:
    """All rows for the script, in an element that nothing runs."""
    columns = [_column([printable(row[place]) for row in rows]) for place in range(num_columns)]
    told = json.dumps({"n": len(rows), "columns": columns}, ensure_ascii=False, separators=(",", ":"))
    return tag("script", Markup(told.replace("<", "\\u003c")), type="application/json", id=name)


def _column(values: Sequence[str]) -> dict[str, Any]:
    """The shorter of two: the values joined, or the different ones with how their numbers step from row to row."""
    separator = next((one for one in _SEPARATORS if not any(one in value for value in values)), None)
    joined = {"values": list(values)} if separator is None else {"by": separator, "joined": separator.join(values)}
    places = {value: place for place, value in enumerate(dict.fromkeys(values))}
    stepped = {"names": list(places), "steps": _steps(places[value] for value in values)}
    return min(joined, stepped, key=lambda told: len(json.dumps(told, separators=(",", ":"))))


def _steps(places: Iterable[int]) -> list[int]:
    """How far each place is from the one before, and how many times in a row: `step, times, step, times, ...`."""
    given = list(places)
    steps = [after - before for before, after in zip([0, *given], given, strict=False)]
    return [number for step, run in groupby(steps) for number in (step, len(list(run)))]
