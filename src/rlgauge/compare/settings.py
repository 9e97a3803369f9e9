"""Runs of one algorithm and task with different settings: what they are called, and when they must not be pooled."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from rlgauge.compare.facts import configuration, imported_configuration, is_foreign
from rlgauge.core.reading import Reading

_LONGEST = 60
"""The longest name of a configuration; longer ones are called by their hashes."""

_TRAIN = "train"
"""The kind of runs whose settings are those of what is measured, and not of where."""
_NAME = "config_name"
"""The label of a configuration that has a name."""

_OF_THE_RUN = {"experiment", "host", "start_time", "uri", "given", "algorithm", "policy", "task", "train_seed"}
_OF_THE_RUN |= {"tag", "description", "stamp"}  # of a measurement that may be made again
"""Labels that say which run it was, or of what, and not how it was measured."""


def setting_names(readings: Iterable[Reading], *, without: Sequence[str] = ()) -> dict[str, str]:
    """The name of each of the configurations: the parameters or labels in which they differ, its own, else its hash.

    Those named in `without` are told elsewhere: configurations that differ in them alone have one name.
    """
    whole = {reading.settings: configuration_of(reading) for reading in readings}
    told = {
        settings: {name: text for name, text in own.items() if name not in without} for settings, own in whole.items()
    }
    differing = [
        name for name in sorted(set().union(*told.values())) if len({own.get(name) for own in told.values()}) > 1
    ]
    names = {
        settings: ", ".join(f"{name}={own[name]}" for name in differing if name in own) or _without(differing)
        for settings, own in told.items()
    }
    num_told = len({tuple(sorted(own.items())) for own in told.values()}) if without else len(names)
    labelled = {settings: own.get(_NAME, "") for settings, own in told.items()}
    for found in (names, labelled):
        if len(set(found.values())) == num_told and all(map(_is_short, found.values())):
            return found
    return {settings: settings[:8] or "none" for settings in names}


def configuration_of(reading: Reading) -> Mapping[str, str]:
    """How a run was configured, as far as it says so: nested parameters by dotted names."""
    labels = {name: text for name, text in reading.labels.items() if name not in _OF_THE_RUN}
    return {**labels, **(imported_configuration(reading) if is_foreign(reading) else configuration(reading))}


def _without(names: Sequence[str]) -> str:
    """The name of a configuration that says nothing of what the others say."""
    return ", ".join(f"{name}=none" for name in names)


def _is_short(name: str) -> bool:
    return 0 < len(name) <= _LONGEST


def told_apart(readings: Sequence[Reading], *, by: Sequence[str] = ()) -> list[Reading]:
    """The readings, their tasks named with the settings where an algorithm was measured with several on one seed.

    Those are different measurements, not seeds of one. What was trained with several settings is several algorithms in
    one task. Settings that only differ between seeds, such as a folder of data of each, stay together. Labels in `by`
    tell runs apart already.
    """
    by_task: dict[str, list[Reading]] = defaultdict(list)
    for reading in readings:
        by_task[reading.task].append(reading)
    names = {task: setting_names(own, without=by) for task, own in by_task.items() if _is_measured_twice(own, by)}
    return [
        _named(reading, names[reading.task][reading.settings]) if reading.task in names else reading
        for reading in readings
    ]


def _named(reading: Reading, name: str) -> Reading:
    if reading.kind == _TRAIN:
        return msgspec.structs.replace(reading, algorithm=f"{reading.algorithm} ({name})")
    return msgspec.structs.replace(reading, task=f"{reading.task} ({name})")


def _is_measured_twice(readings: Iterable[Reading], by: Sequence[str]) -> bool:
    """Whether one training seed of an algorithm, or a checkpoint that has none, has results with several settings."""
    settings: dict[tuple[object, ...], set[str]] = defaultdict(set)
    for reading in readings:
        if reading.totals:
            labels = (reading.labels.get(name) for name in by)
            settings[reading.algorithm, reading.seed, *labels].add(reading.settings)
    return any(len(found) > 1 for found in settings.values())
