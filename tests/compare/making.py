"""Readings made by hand, with numbers that are known."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

import numpy as np

from rlgauge.compare.comparison import Comparison
from rlgauge.compare.gate import compare
from rlgauge.compare.question import Question
from rlgauge.compare.sides import Side
from rlgauge.core.reading import Reading, Total
from rlgauge.core.run import Record, Status

UNITS = {"steps_per_second": "steps/s", "peak_bytes": "bytes", "seconds": "s", "return": "reward", "success": "success"}


def total(values: Sequence[float]) -> Total:
    mean = statistics.fmean(values)
    squares = sum((value - mean) ** 2 for value in values)
    return Total(n=len(values), mean=mean, squares=squares, median=statistics.median(values))


def reading(name: str, values: Sequence[float], *, task: str = "CartPole-v1", **fields) -> Reading:
    """A run that measured one quantity."""
    fields = {"algorithm": "toy", "source": "here", **fields}
    return Reading(task=task, totals={name: total(values)}, units={name: UNITS[name]}, **fields)


def processes(medians: Iterable[float], name: str = "steps_per_second", **fields) -> list[Reading]:
    """A process a median."""
    return [reading(name, [median], seed=seed, **fields) for seed, median in enumerate(medians)]


def seeds(scores: Iterable[float], name: str = "return", **fields) -> list[Reading]:
    """A training seed a score."""
    return processes(scores, name, **fields)


def checkpoint(episodes: Sequence[float | None], name: str = "return", *, first_seed: int = 100, **fields) -> Reading:
    """One run with its episodes, of the episode seeds `first_seed`, `first_seed` + 1 ...; None was not measured."""
    records = tuple(
        Record(index, {name: value, "seed": first_seed + index}, None if value is not None else "it broke")
        for index, value in enumerate(episodes)
    )
    measured = [float(value) for value in episodes if value is not None]
    return reading(name, measured, episodes=records, **fields)


def failed(*, task: str = "CartPole-v1", **fields) -> Reading:
    fields = {"algorithm": "toy", "status": Status.FAILED, "reason": "ValueError: it broke", **fields}
    return Reading(task=task, **fields)


def compared(candidate: list[Reading], baseline: list[Reading], **asked) -> Comparison:
    return compare(candidate=side(candidate, "new"), baseline=side(baseline, "old"), question=Question(**asked))


def side(readings: list[Reading], source: str) -> Side:
    names = {one.algorithm for one in readings}
    return Side(source, readings, names.pop() if len(names) == 1 else None)


def draw_medians(rng: np.random.Generator, studies: int, *, ratio: float = 1.0, deviation: float = 0.03) -> np.ndarray:
    """S studies of 5 processes each, every one with 20 samples that deviate by 2 %, as their medians."""
    process_SP = 1000 * ratio * np.exp(deviation * rng.standard_normal((studies, 5)))
    samples_SPN = process_SP[..., None] * np.exp(0.02 * rng.standard_normal((studies, 5, 20)))
    return np.median(samples_SPN, axis=2)
