"""What the columns of a score table are that say neither who was measured nor how well: settings, or nothing of use."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rlgauge.core.case import fingerprint
from rlgauge.importers.quantities import number

SEPARATOR = "+"
"""What stands between the titles of several columns that are settings."""

_MEASURED = re.compile(
    r"(?!max|min|target)(.*[_ ./-])?"
    r"(scores?|returns?|rewards?|success(es)?|success_rate|len|length|steps_per_second|fps|sps|"
    r"mean|median|iqm|std|sd|stdev|sem|stderr|se|var|variance|low|high|lower|upper|"
    r"seconds|duration|time|walltime|runtime|memory|loss|episodes|errors)",
    re.IGNORECASE,
)
"""Titles of what comes out of a run."""
_OF_THE_RUN = re.compile(
    r"|unnamed: \d+|index|id|uuid|(run|exp|job|trial)([_ ]?(id|number|index))?|rep|repeat|repetition|replicate|fold|"
    r"group|used|reason|source|kind|host|hostname|date|start_time|timestamp|url|path|commit|comment|notes?",
    re.IGNORECASE,
)
"""Titles of what says which run it was."""
_OWN = {"group", "used", "normalised_score"}
"""Titles by which a table is known that `rlgauge summary --format csv` wrote: what it says beside is in them twice."""


class Columns(NamedTuple):
    """The titles of settings, and of what is not used."""

    settings: list[str]
    unused: list[str]


def sort_columns(
    rows: Sequence[Mapping[str, str]], titles: Sequence[str], found: Mapping[str, str], named: Sequence[str] | None
) -> Columns:
    """What the columns are that have no meaning in `found`; `named` are the settings where somebody said so.

    Else everything is a setting but what by its title was measured or tells runs apart, and numbers that differ in
    every row, which were likely measured: unless nothing else tells two rows of one seed apart.
    """
    rest = [title for title in titles if title not in found.values()]
    if named is not None:
        settings = [title for title in rest if title in named]
    else:
        likely = [title for title in rest if not _MEASURED.fullmatch(title) and not _OF_THE_RUN.fullmatch(title)]
        repeated = [title for title in likely if not _is_unique(rows, title)]
        settings = repeated if _are_told_apart(rows, found, repeated) else likely
    is_own = set(titles) >= _OWN
    return Columns(settings, [] if is_own else [title for title in rest if title and title not in settings])


def labels_of(row: Mapping[str, str], settings: Sequence[str]) -> dict[str, str]:
    """What a row says of its settings."""
    return {title: text for title in settings if (text := row.get(title, "").strip())}


def checksum(labels: Mapping[str, str]) -> str:
    """What is equal for rows of equal settings; of a column that holds checksums, what it says."""
    if set(labels) == {"settings"}:
        return labels["settings"]
    return fingerprint(dict(labels))[:8] if labels else ""


def _is_unique(rows: Sequence[Mapping[str, str]], title: str) -> bool:
    """Whether there is a different number in every row."""
    numbers = [number(row.get(title, "")) for row in rows]
    return len(rows) > 1 and None not in numbers and len(set(numbers)) == len(rows)


def _are_told_apart(rows: Sequence[Mapping[str, str]], found: Mapping[str, str], settings: Sequence[str]) -> bool:
    """Whether no two rows are of one seed with the same settings; where no seeds are named, they may be."""
    if "seed" not in found:
        return True
    titles = [*(found[meaning] for meaning in ("algorithm", "task", "seed")), *settings]
    return max(Counter(tuple(row.get(title, "") for title in titles) for row in rows).values(), default=1) == 1
