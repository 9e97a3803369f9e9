"""Why a file that looks like one of results is none: which keys, arrays or tags it lacks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rlgauge.importers import plain

NEEDED = {
    "physical-ai": "task_results, a list of tasks with task_id and n_episodes",
    "lerobot": "pc_success, in overall (beside per_task) or in aggregated (beside per_episode)",
    "JaxARC": "steps_per_second or sps, in throughput, speed, batch_scaling or single_environment",
}
"""The keys by which JSON files of each system are known."""
_OWN = {"results", "metadata", "format"}
_SPEEDS = b'"steps_per_second"', b'"sps"'
_MOST_NAMED = 8


def of_json(name: str, content: bytes, *, is_asked: bool) -> str | None:
    """What a JSON file lacks, after its name and a colon; None where it does not look like results at all.

    Raises OSError for a file of a known name that is cut off.
    """
    is_known = name in {"results.json", "eval_info.json"}
    if not is_known and not is_asked and not any(key in content for key in _SPEEDS):
        return None
    try:
        data = plain.decode(content)
    except ValueError as error:
        if is_known or is_asked:
            raise OSError("it is empty" if not content.strip() else f"it is no whole JSON ({error})") from error
        return None
    if isinstance(data, dict) and set(data) >= _OWN:
        return "rlgauge wrote it beside its runs: give its folder instead"
    return f"{_has(data)}; {_needs(name, content)}"


def named(names: Iterable[str]) -> str:
    """The names; of many the first, and how many more."""
    told = [str(name) for name in names]
    more = f" and {len(told) - _MOST_NAMED} more" if len(told) > _MOST_NAMED else ""
    return (", ".join(told[:_MOST_NAMED]) or "none") + more


def _has(data: Any) -> str:  # noqa: ANN401  # any JSON
    return f"its keys are {named(data)}" if isinstance(data, dict) else "it is no JSON object"


def _needs(name: str, content: bytes) -> str:
    """What the system would have written that the file seems to be of; without a sign of it, what each would have."""
    speaks_of_speed = any(key in content for key in _SPEEDS)
    guess = {"results.json": "physical-ai", "eval_info.json": "lerobot"}.get(
        name, "JaxARC" if speaks_of_speed else None
    )
    whose = NEEDED if guess is None else (guess,)
    return "; ".join(f"{system} has {NEEDED[system]}" for system in whose)
