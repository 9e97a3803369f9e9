"""lerobot's `eval_info.json`, in its older form (one environment) and its present one (suites of tasks)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from rlgauge.core.reading import Reading
from rlgauge.core.run import Record
from rlgauge.importers import paths, plain, stated
from rlgauge.importers.findings import Found
from rlgauge.importers.physicalai import Percent, not_empty, others, rate, without_success
from rlgauge.importers.quantities import episode, is_number, outcome, present, summed, told, units
from rlgauge.importers.tree import Folder

SYSTEM = "imported-lerobot"
_STATED = {"pc_success": "success", "avg_sum_reward": "return", "avg_max_reward": "max_reward"}


class _Metrics(msgspec.Struct):
    sum_rewards: list[Any] | float | None = None
    max_rewards: list[Any] | float | None = None
    successes: list[Any] | float | None = None


class _Task(msgspec.Struct):
    task_group: str
    task_id: int | str
    metrics: _Metrics


class _Aggregate(msgspec.Struct):
    avg_sum_reward: float | None = None
    avg_max_reward: float | None = None
    pc_success: Percent | None = None
    n_episodes: int | None = None


class _Info(msgspec.Struct):
    per_task: list[_Task] = []
    overall: _Aggregate | None = None
    per_episode: list[dict[str, Any]] = []
    aggregated: _Aggregate | None = None


def read(folder: Folder, content: bytes) -> tuple[list[Found], list[str]] | None:
    """A reading a task, and what to say of them; None where the file is something else.

    Raises OSError for one that is damaged.
    """
    if b'"pc_success"' not in content or (b'"overall"' not in content and b'"aggregated"' not in content):
        return None
    try:
        data = plain.decode(content)
        info = msgspec.convert(data, _Info)
    except ValueError as error:
        raise OSError(f"as an eval_info.json of lerobot it is damaged ({error})") from error
    readings = list(_readings(folder, info, data))
    found = [Found(own, (SYSTEM, hash(content), own.algorithm, own.task, own.seed)) for own in readings]
    differing = list(_differences(info, data, readings))
    return found, [*without_success(folder, readings, "lerobot"), *stated.note(folder.path, differing)]


def _differences(info: _Info, data: Mapping[str, Any], readings: Sequence[Reading]) -> Iterator[str]:
    """What groups and the whole state and their episodes are not."""
    groups = data.get("per_group")
    for name, told_of in groups.items() if isinstance(groups, Mapping) else ():
        own = [reading for task, reading in zip(info.per_task, readings, strict=False) if task.task_group == name]
        if isinstance(told_of, Mapping):
            yield from stated.differences(name, told_of, _all(own), _STATED)
    for name in ("overall", "aggregated"):
        if isinstance(data.get(name), Mapping):
            yield from stated.differences(name, data[name], _all(readings), _STATED)


def _all(readings: Iterable[Reading]) -> list[Record]:
    return [record for reading in readings for record in reading.episodes]


def _readings(folder: Folder, info: _Info, data: Mapping[str, Any]) -> Iterator[Reading]:
    named = paths.named_by(folder.path, folder.root)
    common: dict[str, Any] = {
        "algorithm": named.algorithm or named.folder,
        "seed": named.number if named.seed is None else named.seed,
        "kind": SYSTEM,
        "source": folder.path,
    }
    groups = data.get("per_group")
    for task, raw in zip(info.per_task, data.get("per_task", ()), strict=True):
        episodes = tuple(_record(index, entry) for index, entry in enumerate(_entries(task.metrics)))
        details = {
            "task": {"task_group": task.task_group, "task_id": task.task_id},
            "metrics": others(raw["metrics"], _Metrics),
            "group": _scalars(groups.get(task.task_group) if isinstance(groups, Mapping) else None),
            "overall": _scalars(data.get("overall")),
        }
        name = f"{task.task_group}_{task.task_id}"
        yield _reading(name, episodes, None, common | {"details": not_empty(details)})
    if not info.per_task and (whole := info.aggregated or info.overall) is not None:
        indices = stated.indices(info.per_episode, "episode_ix")
        episodes = stated.ordered(map(_record, indices, info.per_episode))
        aggregated = _scalars(data.get("aggregated") or data.get("overall"))
        details = {"aggregated": aggregated, "file": others(data, _Info)}
        yield _reading(named.task or "unknown", episodes, whole, common | {"details": not_empty(details)})


def _scalars(told: object) -> dict[str, Any]:
    """What an aggregate says beside what is read, but for the lists of all its tasks."""
    found = others(told, _Aggregate) if isinstance(told, Mapping) else {}
    return {key: value for key, value in found.items() if not isinstance(value, list)}


def _entries(metrics: _Metrics) -> Iterator[dict[str, Any]]:
    """What each episode has, by the older form's names; a number in place of a list is that of one."""
    lists = {
        key: value if isinstance(value, list) else [] if value is None else [value]
        for key, value in (
            ("sum_reward", metrics.sum_rewards),
            ("max_reward", metrics.max_rewards),
            ("success", metrics.successes),
        )
    }
    for index in range(max(len(lists["sum_reward"]), len(lists["success"]))):
        entry = {key: values[index] for key, values in lists.items() if index < len(values)}
        yield {"success": None, **entry}


def _reading(task: str, episodes: tuple[Record, ...], whole: _Aggregate | None, common: Mapping[str, Any]) -> Reading:
    totals = summed(episodes, ("return", "success"))
    if whole is not None and not episodes:
        n = whole.n_episodes or 1
        totals = {"return": told(whole.avg_sum_reward, n=n), "success": rate(whole.pc_success, n)}
    measured = present(totals)
    how = outcome(episodes, measured)
    return Reading(task=task, totals=measured, units=units(measured), episodes=episodes, **how, **common)


def _record(index: int, told: Mapping[str, Any]) -> Record:
    names = {"return": "sum_reward", "success": "success", "seed": "seed"}
    values = {name: told[key] for name, key in names.items() if key in told}
    if is_number(told.get("max_reward")):
        values["max_reward"] = told["max_reward"]
    return episode(index, values, needed=["return"] if "sum_reward" in told else ())
