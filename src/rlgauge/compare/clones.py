"""Trainings with several seeds that are one training: the seed did not reach the script."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from pathlib import Path

from rlgauge.core.reading import Reading
from rlgauge.kinds.train.reading import read_trained

_TOLD = ("training_return", "training_length", "num_episodes", "num_steps")
"""What is equal where all episodes are: files are read where these are."""
_FEWEST = 3
"""Different episodes that a training has at least: trainings that fail at once may be equal without being one."""


def clones(readings: Iterable[Reading]) -> list[list[Reading]]:
    """Readings of different seeds whose every training episode has the same return and length, group after group.

    They are trainings of one algorithm on one task with the same settings.
    """
    groups: dict[Hashable, list[Reading]] = defaultdict(list)
    for reading in readings:
        if reading.kind == "train" and reading.seed is not None and len(reading.folders) == 1:
            told = tuple(reading.totals[name].mean if name in reading.totals else None for name in _TOLD)
            if None not in told:
                groups[reading.algorithm, reading.task, reading.settings, told].append(reading)
    return [same for own in groups.values() if len(own) > 1 for same in _same(own)]


def same_episodes(folders: Sequence[str]) -> list[list[int]]:
    """Which of these folders of runs hold the same training episodes, by their places, group after group."""
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for place, folder in enumerate(folders):
        episodes = tuple((one.total, one.length) for one in read_trained(Path(folder) / "artifacts"))
        if len(set(episodes)) >= _FEWEST:
            groups[episodes].append(place)
    return [places for places in groups.values() if len(places) > 1]


def _same(readings: Sequence[Reading]) -> Iterator[list[Reading]]:
    for places in same_episodes([reading.folders[0] for reading in readings]):
        found = [readings[place] for place in places]
        if len({reading.seed for reading in found}) > 1:
            yield found
