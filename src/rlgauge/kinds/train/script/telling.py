"""What an environment in a process of a vector tells the process that steps the vector, at the end of its episodes.

Wrappers there may scale rewards, or end episodes with a life: what the vector returns does not show those of the task.
They go with the step's info, from which they are taken out before the script sees it.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any, NamedTuple

_KEY = "rlgauge_episode"


class Told(NamedTuple):
    """What ended in a part with a step: an episode of the task; where that goes on, nothing has, and all is empty."""

    total: float | None = None
    length: int = 0
    rewards: tuple[float, ...] = ()


def telling(result: Any, told: Told) -> Any:  # noqa: ANN401  # what an environment's step returns
    """The result of a step that tells this besides; as it is where it has no dictionary for that."""
    if not isinstance(result[-1], dict):
        return result
    return (*result[:-1], {**result[-1], _KEY: tuple(told)})


def take(infos: object) -> dict[int, Told]:
    """What the parts of a vector have told with a step, by their place; it is no longer in `infos` then."""
    if isinstance(infos, MutableMapping):
        final = infos.get("final_info")
        inner = _of_columns(final) if isinstance(final, MutableMapping) else _of_rows(final)
        return {**inner, **_of_columns(infos)}
    return _of_rows(infos)


def _of_columns(infos: MutableMapping[Any, Any]) -> dict[int, Told]:
    """From a dictionary with an array of all parts under each name."""
    infos.pop(f"_{_KEY}", None)
    column = infos.pop(_KEY, ())
    return {place: Told(*one) for place, one in enumerate(column) if one is not None}


def _of_rows(infos: object) -> dict[int, Told]:
    """From a dictionary of each part."""
    if not isinstance(infos, Sequence) and not hasattr(infos, "tolist"):
        return {}
    rows: Any = infos
    found = {}
    for place, row in enumerate(rows):
        if isinstance(row, dict) and _KEY in row:
            found[place] = Told(*row.pop(_KEY))
        elif isinstance(row, Mapping) and _KEY in row:
            found[place] = Told(*row[_KEY])
    return found
