"""physical-ai's (getiaction's) `results.json`: a policy's episodes, task by task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec

from rlgauge.core.case import fingerprint
from rlgauge.core.reading import Reading, Total
from rlgauge.core.run import Record, Status
from rlgauge.importers import paths, plain, stated
from rlgauge.importers.findings import Found
from rlgauge.importers.quantities import episode, is_number, outcome, present, summed, told, units
from rlgauge.importers.tree import Folder

SYSTEM = "imported-physicalai"
_STATED = {"success_rate": "success", "avg_reward": "return", "avg_episode_length": "length"}
_PERCENT = 100.0
Percent = Annotated[float, msgspec.Meta(ge=0.0, le=_PERCENT)]
"""A rate from 0 to 100."""


class _Task(msgspec.Struct):
    task_id: str
    n_episodes: int
    success_rate: Percent | None = None
    avg_reward: float | None = None
    avg_episode_length: float | None = None
    per_episode_data: list[dict[str, Any]] = []


class _Results(msgspec.Struct):
    task_results: list[_Task]
    metadata: dict[str, Any] = {}


def read(folder: Folder, content: bytes) -> tuple[list[Found], list[str]] | None:
    """A reading a task, and what to say of them; None where the file is something else.

    Raises OSError for one that is damaged.
    """
    if b'"task_results"' not in content:
        return None
    try:
        data = plain.decode(content)
        results = msgspec.convert(data, _Results)
    except ValueError as error:
        raise OSError(f"as results of physical-ai it is damaged ({error})") from error
    metadata = results.metadata
    named = paths.named_by(folder.path, folder.root)
    policy = metadata.get("policy_name") or metadata.get("policy_class") or named.algorithm
    common: dict[str, Any] = {
        "algorithm": str(policy or named.folder),
        "seed": named.number if named.seed is None else named.seed,
        "kind": SYSTEM,
        "settings": fingerprint([metadata.get(key) for key in ("benchmark_class", "max_steps", "seed")]),
        "source": folder.path,
    }
    kept = {"metadata": {key: value for key, value in metadata.items() if key != "failed_tasks"}}
    identity = (SYSTEM, hash(content), common["algorithm"], common["seed"])
    found, differing = [], list[str]()
    for task, raw in zip(results.task_results, data["task_results"], strict=True):
        own = common | {"details": not_empty(kept | {"task": others(raw, _Task)})}
        reading = _reading(task, own)
        found.append(Found(reading, (*identity, task.task_id)))
        differing += stated.differences(task.task_id, raw, reading.episodes, _STATED)
    common["details"] = not_empty(kept)
    for task_id in metadata.get("failed_tasks") or ():
        failed = Reading(task=str(task_id), status=Status.FAILED, reason="its evaluation failed", **common)
        found.append(Found(failed, (*identity, task_id)))
    notes = without_success(folder, [each.reading for each in found], "physical-ai")
    return found, [*notes, *stated.note(folder.path, differing)]


def without_success(folder: Folder, readings: Sequence[Reading], system: str) -> list[str]:
    """That tasks have no success at all, which may mean that nothing measured it, in a sentence."""
    zeros = sum("success" in reading.totals and not reading.totals["success"].mean for reading in readings)
    note = (
        f"{folder.path}: {zeros} of {len(readings)} tasks have no success at all, which {system} also writes of an "
        "environment that reports none."
    )
    return [note] if zeros else []


def _reading(task: _Task, common: dict[str, Any]) -> Reading:
    indices = stated.indices(task.per_episode_data, "episode_idx")
    episodes = stated.ordered(map(_record, indices, task.per_episode_data))
    totals = summed(episodes, ("return", "length", "success"))
    # 0 % is also what is written of an environment that reports no success.
    is_unmeasured = episodes and totals["success"] is None and not task.success_rate
    aggregated = {
        "return": told(task.avg_reward, n=task.n_episodes),
        "length": told(task.avg_episode_length, n=task.n_episodes),
        "success": None if is_unmeasured else rate(task.success_rate, task.n_episodes),
    }
    measured = present({name: totals[name] or aggregated[name] for name in totals})
    how = outcome(episodes, measured)
    return Reading(task=task.task_id, totals=measured, units=units(measured), episodes=episodes, **how, **common)


def rate(percent: float | None, n: int) -> Total | None:
    """The total of n successes and failures, given as 0..100."""
    if percent is None or not is_number(percent):
        return None
    mean = percent / _PERCENT
    return Total(n=n, mean=mean, squares=n * mean * (1 - mean))


def others(told: Mapping[str, Any], kind: type[msgspec.Struct]) -> dict[str, Any]:
    """What a file says beside the fields that are read: kept, so that it can be written again."""
    return {key: value for key, value in told.items() if key not in kind.__struct_fields__ and value is not None}


def not_empty(details: Mapping[str, Any]) -> dict[str, Any]:
    """The details that say something."""
    return {name: value for name, value in details.items() if value}


def _record(index: int, told: dict[str, Any]) -> Record:
    names = {"return": "sum_reward", "length": "episode_length", "success": "success", "seed": "seed"}
    values = {name: told.get(key) for name, key in names.items()}
    values |= {key: told[key] for key in ("max_reward", "fps") if is_number(told.get(key))}
    record = episode(index, values, needed=["return"] if "sum_reward" in told else ())
    return msgspec.structs.replace(record, error=told["error"]) if isinstance(told.get("error"), str) else record
