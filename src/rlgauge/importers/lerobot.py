"""lerobot's `eval_info.json`, in its older form (one environment) and its present one (suites of tasks)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from rlgauge.core.reading import Reading
from rlgauge.core.run import Record
from rlgauge.importers import paths, plain
from rlgauge.importers.findings import Found
from rlgauge.importers.physicalai import Percent, rate, without_success
from rlgauge.importers.quantities import episode, outcome, present, summed, told, units
from rlgauge.importers.tree import Folder

SYSTEM = "imported-lerobot"


class _Metrics(msgspec.Struct):
    sum_rewards: list[Any] | float | None = None
    successes: list[Any] | float | None = None


class _Task(msgspec.Struct):
    task_group: str
    task_id: int | str
    metrics: _Metrics


class _Aggregate(msgspec.Struct):
    avg_sum_reward: float | None = None
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
        info = msgspec.convert(plain.decode(content), _Info)
    except ValueError as error:
        raise OSError(f"as an eval_info.json of lerobot it is damaged ({error})") from error
    readings = list(_readings(folder, info))
    found = [Found(own, (SYSTEM, hash(content), own.algorithm, own.task, own.seed)) for own in readings]
    return found, without_success(folder, readings, "lerobot")


def _readings(folder: Folder, info: _Info) -> Iterator[Reading]:
    named = paths.named_by(folder.path, folder.root)
    common: dict[str, Any] = {
        "algorithm": named.algorithm or named.folder,
        "seed": named.number if named.seed is None else named.seed,
        "kind": SYSTEM,
        "source": folder.path,
    }
    for task in info.per_task:
        episodes = tuple(
            _record(index, {"sum_reward": summed, "success": success})
            for index, (summed, success) in enumerate(_pairs(task.metrics))
        )
        yield _reading(f"{task.task_group}_{task.task_id}", episodes, None, common)
    if not info.per_task and (whole := info.aggregated or info.overall) is not None:
        episodes = tuple(_record(index, episode) for index, episode in enumerate(info.per_episode))
        yield _reading(named.task or "unknown", episodes, whole, common)


def _pairs(metrics: _Metrics) -> Iterator[tuple[Any, Any]]:
    """Return and success of each episode; a number in place of a list is that of one."""
    rewards, successes = (
        value if isinstance(value, list) else [] if value is None else [value]
        for value in (metrics.sum_rewards, metrics.successes)
    )
    for index in range(max(len(rewards), len(successes))):
        yield (
            rewards[index] if index < len(rewards) else None,
            successes[index] if index < len(successes) else None,
        )


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
    return episode(index, {name: told[key] for name, key in names.items() if key in told})
