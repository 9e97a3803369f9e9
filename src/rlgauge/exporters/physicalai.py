"""Evaluations as physical-ai's (getiaction's) `results.json`: a file for each policy and training seed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from rlgauge.core.case import fingerprint
from rlgauge.core.run import Record
from rlgauge.exporters.evaluations import (
    PHYSICALAI,
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

NAME = "results.json"
_SYSTEM = "physical-ai"
_HELD = {"return", "length", "success", "seed", "max_reward", "fps"}
_MEANS = ("success_rate", "avg_reward", "avg_episode_length")
_SPEED = "avg_fps"
_LANGUAGE = re.compile(r"[^:]+: (?P<language>.+)")
"""How a task is called whose name tells in words what is to be done, as LIBERO's are."""


def write_physicalai(out: Path, target: Path, *, listen: Callable[[int], None] = lambda _number: None) -> Written:
    """Write the evaluations of the store at `out` into a new folder, which appears whole.

    `listen` is told how many are in it. Raises UserError, StoreError.
    """
    notes: list[str] = []
    evaluated = evaluations(out, notes)
    misread: list[str] = []
    written = write_all(target, NAME, _files(evaluated, Places(target), misread), listen)
    if misread:
        notes.append(f"{_SYSTEM} has no place for training seeds: imported again, {'; '.join(dict.fromkeys(misread))}.")
    return Written(*written, [*notes, *_told(evaluated)])


def _files(
    evaluated: Sequence[Evaluated], places: Places, misread: list[str]
) -> Iterator[tuple[str, dict[str, Any], int]]:
    for tasks in sheets(evaluated):
        reading = tasks[0].reading
        folders = [folders_of(reading.algorithm), f"policy-{fingerprint(reading.algorithm)}"]
        candidates = [seed_folder(folder, reading.seed) for folder in folders]
        folder, odd = places.find(candidates, reading.seed, started=reading.started)
        misread += odd
        yield folder, _content(tasks), len(tasks)


def _content(tasks: Sequence[Evaluated]) -> dict[str, Any]:
    results = [_task(one) for one in tasks if not one.is_failed]
    names = [*_MEANS, _SPEED] if all(_SPEED in result for result in results) else _MEANS
    means = {name: fmean(result[name] for result in results) for name in names} if results else {}
    counts = {"n_tasks": len(results), "n_episodes": sum(result["n_episodes"] for result in results)}
    return {"metadata": _metadata(tasks), "aggregate": {**counts, **means}, "task_results": results}


def _metadata(tasks: Sequence[Evaluated]) -> dict[str, Any]:
    first = tasks[0]
    metadata = kept(first, PHYSICALAI, "metadata") or _own_metadata(tasks)
    name = metadata.get("policy_name") or metadata.get("policy_class")
    if name != first.reading.algorithm:
        metadata["policy_name"] = first.reading.algorithm
    return {**metadata, "failed_tasks": [one.reading.task for one in tasks if one.is_failed]}


def _own_metadata(tasks: Sequence[Evaluated]) -> dict[str, Any]:
    """What our own runs tell of the fields that physical-ai writes; those of other imports tell nothing."""
    first = tasks[0]
    if first.config is None:
        return {}
    case = first.config.case
    benchmark = case.params.get("benchmark") or {}
    told = {
        "benchmark_class": re.split("[.:]", str(benchmark.get("class_path", "")))[-1],
        "policy_name": first.reading.algorithm,
        "num_episodes": max(one.num_episodes for one in tasks),
        "max_steps": case.params.get("max_steps"),
        "seed": case.seed,
        "num_gyms": len(tasks),
    }
    started = min(one.reading.started for one in tasks)
    return {**told, "timestamp": started if "+" in started else f"{started}+00:00"}


def _settings(one: Evaluated) -> str:
    """What an import takes for the settings of a result."""
    own = _own_metadata([one])
    read = [own.get(name) for name in ("benchmark_class", "max_steps", "seed")]
    return fingerprint(read) if own else one.reading.settings


def _task(one: Evaluated) -> dict[str, Any]:
    """The task's entry, its fields in physical-ai's order; what was not measured is NaN in those it always writes."""
    reading, totals = one.reading, one.reading.totals
    language = _LANGUAGE.fullmatch(reading.task)
    told = {
        "task_id": reading.task,
        "task_name": language["language"] if language else "",
        "n_episodes": one.num_episodes,
        "success_rate": percent_of(totals.get("success")),
        "avg_reward": mean_of(totals.get("return")),
        "avg_episode_length": mean_of(totals.get("length")),
    }
    own = kept(one, PHYSICALAI, "task")
    is_theirs = reading.kind == PHYSICALAI
    return {**told, **own, "per_episode_data": [_episode(record, is_theirs=is_theirs) for record in one.episodes]}


def _episode(record: Record, *, is_theirs: bool) -> dict[str, Any]:
    """What was measured; of an episode that is an error, no number but theirs, that no other may count it."""
    values = record.values
    error = {} if record.error is None else {"error": record.error}
    told: dict[str, Any] = {"episode_idx": record.index, **({"sum_reward": UNMEASURED} if error else {})}
    if error and not is_theirs:
        return {**told, "seed": values.get("seed"), **error}
    names = {"return": "sum_reward", "max_reward": "max_reward", "length": "episode_length", "fps": "fps"}
    told |= {key: values[name] for name, key in names.items() if values.get(name) is not None}
    told["seed"] = values.get("seed")
    if values.get("success") is not None:
        told["success"] = values["success"]
    return told | error


def _told(evaluated: Sequence[Evaluated]) -> Iterator[str]:
    failed = [one for one in evaluated if one.is_failed]
    held = [one for one in evaluated if not one.is_failed]
    if failed:
        yield (
            f"{len(failed)} of {len(evaluated)} results failed: {_SYSTEM} holds the names of their tasks alone "
            f"(failed_tasks), not why, nor what was measured: {named(failed)}."
        )
    for name, quantity in (("success_rate", "success"), ("avg_reward", "return"), ("avg_episode_length", "length")):
        number = sum(quantity not in one.reading.totals for one in held)
        if number:
            yield f"{name} is NaN in {number} of {len(held)} results, in which {quantity} was not measured."
    yield from bare(held, PHYSICALAI, "metadata, task_name, max_reward, fps")
    yield from alike(held, _settings, _SYSTEM)
    yield from errors(held, f"each has an `error`, which {_SYSTEM} does not know, and no numbers")
    yield from unheld(held, _HELD, _SYSTEM)
