"""Evaluations as lerobot's `eval_info.json`: a file for each policy and training seed.

In its present form (tasks in groups, lists of episodes); what was imported from the older one (one environment, seeds
of episodes, or means alone) in that.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from rlgauge.core.case import slug
from rlgauge.core.errors import UserError
from rlgauge.core.reading import Reading
from rlgauge.core.run import Record
from rlgauge.exporters.evaluations import (
    LEROBOT,
    UNMEASURED,
    Evaluated,
    Places,
    Written,
    alike,
    bare,
    errors,
    evaluations,
    folders_of,
    kept,
    mean_of,
    named,
    percent_of,
    seed_folder,
    sheets,
    unheld,
    write_all,
)
from rlgauge.importers.findings import shortened

NAME = "eval_info.json"
_SYSTEM = "lerobot"
_NUMBERED = re.compile(r"(?P<group>.+?)_(?P<number>0|[1-9]\d*)(: .*)?")
"""A task of a suite, after which may come in words what is to be done."""
_HELD = {"return", "success", "max_reward", "video"}
_HELD_BY_OLDER = {"return", "success", "max_reward", "seed"}
_FILMS = ("video_paths", "predicted_video_paths")
_TIME = slice(11, 19)
_PERCENT = 100.0


class _Id(NamedTuple):
    """What lerobot calls a task."""

    group: str
    number: int | str

    @property
    def name(self) -> str:
        """What the task is called when it is imported."""
        return f"{self.group}_{self.number}"


def write_lerobot(out: Path, target: Path, *, listen: Callable[[int], None] = lambda _number: None) -> Written:
    """Write the evaluations of the store at `out` into a new folder, which appears whole.

    `listen` is told how many are in it. Raises UserError, StoreError.
    """
    notes: list[str] = []
    found = evaluations(out, notes)
    held = [one for one in found if _has_numbers(one)]
    if len(held) < len(found):
        left = named([one for one in found if not _has_numbers(one)])
        notes.append(
            f"{len(found) - len(held)} of {len(found)} results have no numbers, which {_SYSTEM} can't say, and were "
            f"left out: {left}."
        )
    if not held:
        raise UserError(f"'{out}' holds nothing that {_SYSTEM}'s files can hold. {' '.join(notes)}")
    misread: list[str] = []
    written = write_all(target, NAME, _files(held, Places(target), misread), listen)
    if misread:
        told = shortened(list(dict.fromkeys(misread)), between="; ")
        notes.append(f"{_SYSTEM} has no place for all names and seeds: imported again, {told}.")
    return Written(*written, [*notes, *_told(held)])


def _has_numbers(one: Evaluated) -> bool:
    return not one.is_failed and bool(one.episodes or one.reading.totals)


def _files(held: Sequence[Evaluated], places: Places, misread: list[str]) -> Iterator[tuple[str, dict[str, Any], int]]:
    older, present = _by_form(held)
    for tasks in sheets(present):
        reading, ids = tasks[0].reading, _ids(tasks)
        folders = [folders_of(reading.algorithm), _as_lerobot(reading, ids[0].group)]
        candidates = [seed_folder(folder, reading.seed) for folder in folders]
        folder, odd = places.find(candidates, reading.seed, started=reading.started, algorithm=reading.algorithm)
        misread += odd
        renamed = zip((one.reading.task for one in tasks), (own.name for own in ids), strict=True)
        misread += [f"{task} is called {name}" for task, name in renamed if task != name]
        yield folder, _present(tasks, ids), len(tasks)
    for one in older:
        folder, odd = _older_place(one.reading, places)
        misread += odd
        yield folder, _older(one), 1


def _older_place(reading: Reading, places: Places) -> tuple[str, list[str]]:
    """The folder of a file that does not say its task, and what an import takes otherwise."""
    plain = f"{folders_of(reading.algorithm)}/{folders_of(reading.task)}"
    candidates = [seed_folder(folder, reading.seed) for folder in (_as_lerobot(reading, reading.task), plain)]
    wanted = {"algorithm": reading.algorithm, "task": reading.task}
    return places.find(candidates, reading.seed, started=reading.started, **wanted)


def _by_form(held: Sequence[Evaluated]) -> tuple[list[Evaluated], list[Evaluated]]:
    """Those of the older form, since the present one would lose what they were imported with; and the others."""
    older: list[Evaluated] = []
    present: list[Evaluated] = []
    for one in held:
        has_seeds = one.reading.kind == LEROBOT and any("seed" in record.values for record in one.episodes)
        (older if has_seeds or not one.episodes else present).append(one)
    return older, present


def _as_lerobot(reading: Reading, environment: str) -> str:
    """The folder as lerobot calls it: time, environment and policy."""
    time = reading.started[_TIME].replace(":", "-") or "00-00-00"
    return "_".join([time, slug(environment), slug(reading.algorithm)])


def _ids(tasks: Sequence[Evaluated]) -> list[_Id]:
    """What each task is called, no two alike."""
    found: list[_Id] = []
    for one in tasks:
        group, number = own = _id(one)
        numbers = (_Id(group, other) for other in itertools.count())
        found.append(next(each for each in numbers if each not in found) if own in found else _Id(group, number))
    return found


def _id(one: Evaluated) -> _Id:
    name = one.reading.task
    told = kept(one, LEROBOT, "task")
    if told:
        return _Id(told["task_group"], told["task_id"])
    if match := _NUMBERED.fullmatch(name):
        return _Id(match["group"], int(match["number"]))
    group, divides, own = name.rpartition("_")
    return _Id(group, own) if one.reading.kind == LEROBOT and divides else _Id(name, 0)


def _present(tasks: Sequence[Evaluated], ids: Sequence[_Id]) -> dict[str, Any]:
    metrics = [_metrics(one) for one in tasks]
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for own, each in zip(ids, metrics, strict=True):
        groups.setdefault(own.group, []).append(each)
    beside = {own.group: kept(one, LEROBOT, "group") for own, one in zip(ids, tasks, strict=True)}
    return {
        "per_task": [
            {"task_group": own.group, "task_id": own.number, "metrics": each}
            for own, each in zip(ids, metrics, strict=True)
        ],
        "per_group": {group: _pooled(each) | beside[group] for group, each in groups.items()},
        "overall": _pooled(metrics) | kept(tasks[0], LEROBOT, "overall"),
    }


def _metrics(one: Evaluated) -> dict[str, Any]:
    """An entry an episode; no entries of what none of them measured, but for the returns where nothing else counts."""
    films = [record.values["video"] for record in one.episodes if record.values.get("video") is not None]
    returns, successes = _measured(one, "return"), _measured(one, "success")
    if not successes or any(record.error is not None for record in one.episodes):
        returns = [_number(record, "return") for record in one.episodes]
    told = {
        "sum_rewards": returns,
        "max_rewards": _measured(one, "max_reward"),
        "successes": successes,
        "video_paths": films,
    }
    return told | kept(one, LEROBOT, "metrics")


def _measured(one: Evaluated, name: str) -> list[Any]:
    is_measured = any(record.values.get(name) is not None for record in one.episodes)
    return [_number(record, name) for record in one.episodes] if is_measured else []


def _number(record: Record, name: str) -> Any:  # noqa: ANN401  # a truth value or a number
    value = record.values.get(name)
    return UNMEASURED if value is None else value


def _pooled(metrics: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Of all episodes of some tasks, as lerobot has it: means of what is a number."""
    rewards, highest, successes = (
        [value for each in metrics for value in each[name]] for name in ("sum_rewards", "max_rewards", "successes")
    )
    return {
        "avg_sum_reward": _mean(rewards),
        **({"avg_max_reward": _mean(highest)} if highest else {}),
        "pc_success": _PERCENT * _mean(successes),
        "n_episodes": max(len(rewards), len(successes)),
        **{name: [path for each in metrics for path in each[name]] for name in _FILMS if name in metrics[0]},
    }


def _mean(values: Sequence[float]) -> float:
    numbers = [float(value) for value in values if not math.isnan(value)]
    return fmean(numbers) if numbers else UNMEASURED


def _older(one: Evaluated) -> dict[str, Any]:
    totals = one.reading.totals
    highest = _measured(one, "max_reward")
    aggregated = {
        "avg_sum_reward": mean_of(totals.get("return")),
        **({"avg_max_reward": _mean(highest)} if highest else {}),
        "pc_success": percent_of(totals.get("success")),
    }
    if not one.episodes and one.num_episodes > 1:
        aggregated["n_episodes"] = one.num_episodes
    told = {"aggregated": aggregated | kept(one, LEROBOT, "aggregated")}
    episodes = {"per_episode": [_episode(record) for record in one.episodes]} if one.episodes else {}
    return {**episodes, **told, **kept(one, LEROBOT, "file")}


def _episode(record: Record) -> dict[str, Any]:
    names = {"return": "sum_reward", "max_reward": "max_reward", "success": "success"}
    told = {key: _number(record, name) for name, key in names.items() if name in record.values}
    return {"episode_ix": record.index, **told, "seed": record.values.get("seed")}


def _told(held: Sequence[Evaluated]) -> Iterator[str]:
    for name, quantity in (("pc_success", "success"), ("avg_sum_reward", "return")):
        number = sum(quantity not in one.reading.totals for one in held)
        if number:
            yield f"{quantity} was not measured in {number} of {len(held)} results: {name} is of the others, or NaN."
    yield from bare(held, LEROBOT, "max_rewards, video_paths, eval_s")
    yield from alike(held, lambda _one: "", _SYSTEM)
    yield from errors(held, "the return of each is NaN")
    older, present = _by_form(held)
    yield from unheld(older, _HELD_BY_OLDER, f"the older form of {_SYSTEM}'s file")
    yield from unheld(present, _HELD, _SYSTEM)
