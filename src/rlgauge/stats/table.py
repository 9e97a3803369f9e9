"""Scores with named dimensions, so that an episode can't be mistaken for a run."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import numpy as np

from rlgauge.stats.bootstrap import Floats
from rlgauge.stats.normalise import Reference

DIMENSIONS = ("algorithm", "task", "seed", "step", "episode")
"""What a row may be named by: the training seed is the run; steps and episodes are inside a run."""
Key = tuple[object, ...]


class Scores:
    """One score a run: by algorithm, task and training seed. Tasks may have different numbers of seeds, or none."""

    def __init__(
        self, cells: Mapping[tuple[str, str], Mapping[object, float]], missing: Mapping[tuple[str, str], int]
    ) -> None:
        """Take scores by algorithm and task, then seed; and how many runs of each have none."""
        self._cells = {cell: dict(seeds) for cell, seeds in cells.items()}
        self._missing = dict(missing)
        named = [*self._cells, *self._missing]
        self.algorithms = tuple(sorted({algorithm for algorithm, _ in named}))
        self.tasks = tuple(sorted({task for _, task in named}))

    def of(self, algorithm: str) -> tuple[Floats, ...]:
        """One array of scores a task, in the order of `tasks` and of the seeds; empty where there is none."""
        return tuple(np.array(list(self._cell(algorithm, task).values()), np.float64) for task in self.tasks)

    def seeds(self, algorithm: str, task: str) -> tuple[object, ...]:
        """The seeds behind the scores of a task, in their order."""
        return tuple(self._cell(algorithm, task))

    def missing(self, algorithm: str) -> int:
        """How many of its runs have no score."""
        self._check(algorithm)
        return sum(self._missing.get((algorithm, task), 0) for task in self.tasks)

    def paired(self, candidate: str, baseline: str) -> tuple[tuple[Floats, ...], tuple[Floats, ...]]:
        """The scores of both on the seeds that they share, seed by seed in the same order."""
        ours, theirs = [], []
        for task in self.tasks:
            mine, others = self._cell(candidate, task), self._cell(baseline, task)
            shared = [seed for seed in mine if seed in others]
            ours.append(np.array([mine[seed] for seed in shared], np.float64))
            theirs.append(np.array([others[seed] for seed in shared], np.float64))
        return tuple(ours), tuple(theirs)

    def select(self, *, algorithms: Iterable[str] | None = None, tasks: Iterable[str] | None = None) -> Scores:
        """The scores of some algorithms and tasks. Raises ValueError for one that is not there."""
        kept = set(self.algorithms if algorithms is None else algorithms), set(self.tasks if tasks is None else tasks)
        for wanted, known in zip(kept, (self.algorithms, self.tasks), strict=True):
            if unknown := wanted - set(known):
                raise ValueError(f"no scores of {', '.join(sorted(unknown))}; there are {', '.join(known)}")
        own = [cell for cell in {**self._cells, **self._missing} if cell[0] in kept[0] and cell[1] in kept[1]]
        return Scores(
            {cell: self._cells[cell] for cell in own if cell in self._cells},
            {cell: self._missing[cell] for cell in own if cell in self._missing},
        )

    def normalised(self, references: Mapping[str, Reference]) -> Scores:
        """The scores with each task's references at 0 and 1. Raises ValueError for a task without references."""
        if lacking := [task for task in self.tasks if task not in references]:
            raise ValueError(f"no reference scores of {', '.join(lacking)}")
        cells = {
            (algorithm, task): {seed: references[task].normalised(score) for seed, score in seeds.items()}
            for (algorithm, task), seeds in self._cells.items()
        }
        return Scores(cells, self._missing)

    def _cell(self, algorithm: str, task: str) -> dict[object, float]:
        self._check(algorithm)
        return self._cells.get((algorithm, task), {})

    def _check(self, algorithm: str) -> None:
        if algorithm not in self.algorithms:
            raise ValueError(f"no scores of {algorithm!r}; there are {', '.join(self.algorithms)}")


class Table:
    """Rows of scores, each under a key of named dimensions; a row without a score is a failed run."""

    def __init__(self, dimensions: Sequence[str], rows: Mapping[Key, float | None]) -> None:
        """Take the rows by key; `from_rows` makes them."""
        self.dimensions = tuple(dimensions)
        self._rows = dict(rows)

    @classmethod
    def from_rows(cls, rows: Iterable[Mapping[str, object]]) -> Table:
        """The table of rows that name `algorithm`, `task` and `seed`, perhaps `step` and `episode`, and a `score`.

        Raises ValueError where two rows have the same key: then a dimension is missing, most often the episode.
        """
        given = list(rows)
        if not given:
            raise ValueError("there are no rows")
        names = set().union(*given) - {"score"}
        if unknown := names - set(DIMENSIONS):
            raise ValueError(f"unknown dimensions {', '.join(sorted(unknown))}; known: {', '.join(DIMENSIONS)}")
        dimensions = [name for name in DIMENSIONS if name in names]
        found: dict[Key, float | None] = {}
        for row in given:
            key = _key(row, dimensions)
            if key in found:
                raise ValueError(_twice(key, dimensions))
            found[key] = _score(row.get("score"), key)
        return cls(dimensions, found)

    def mean_over(self, dimension: Literal["episode", "step"]) -> Table:
        """The table without the dimension: means of what it told apart, None where one of them is."""
        place = self._place(dimension)
        grouped: dict[Key, list[float | None]] = {}
        for key, score in self._rows.items():
            grouped.setdefault((*key[:place], *key[place + 1 :]), []).append(score)
        return Table(self._without(dimension), {key: _mean(values) for key, values in grouped.items()})

    def at_step(self, step: float) -> Table:
        """The table at one step. Raises ValueError where no row has it."""
        place = self._place("step")
        rows = {(*key[:place], *key[place + 1 :]): score for key, score in self._rows.items() if key[place] == step}
        if not rows:
            raise ValueError(f"no row is at step {step}")
        return Table(self._without("step"), rows)

    def last_step(self) -> Table:
        """The table at the last step of every run."""
        place = self._place("step")
        last: dict[Key, tuple[float, float | None]] = {}
        for key, score in self._rows.items():
            step, rest = float(str(key[place])), (*key[:place], *key[place + 1 :])
            if rest not in last or step > last[rest][0]:
                last[rest] = (step, score)
        return Table(self._without("step"), {key: score for key, (_, score) in last.items()})

    def scores(self, failed: float | Literal["exclude"] = "exclude") -> Scores:
        """One score a run. Failed runs are left out and counted, or score the declared floor.

        Raises ValueError while the table tells steps or episodes apart: they are no runs.
        """
        for dimension in ("episode", "step"):
            if dimension in self.dimensions:
                remedy = 'mean_over("episode")' if dimension == "episode" else "at_step(...) or last_step()"
                raise ValueError(f"rows of {dimension}s are no runs: take {remedy} first")
        if self.dimensions != DIMENSIONS[:3]:
            raise ValueError(f"runs have an algorithm, a task and a seed; these rows have {', '.join(self.dimensions)}")
        cells: dict[tuple[str, str], dict[object, float]] = {}
        missing: dict[tuple[str, str], int] = {}
        for (algorithm, task, seed), given in self._rows.items():
            cell = str(algorithm), str(task)
            score = failed if given is None and failed != "exclude" else given
            if isinstance(score, (int, float)):
                cells.setdefault(cell, {})[seed] = float(score)
            else:
                missing[cell] = missing.get(cell, 0) + 1
        return Scores(cells, missing)

    def _place(self, dimension: str) -> int:
        if dimension not in self.dimensions:
            raise ValueError(f"the rows have no {dimension}; they have {', '.join(self.dimensions)}")
        return self.dimensions.index(dimension)

    def _without(self, dimension: str) -> list[str]:
        return [name for name in self.dimensions if name != dimension]


def _key(row: Mapping[str, object], dimensions: Sequence[str]) -> Key:
    if lacking := [name for name in dimensions if name not in row]:
        raise ValueError(f"a row lacks {', '.join(lacking)}, which others have: {dict(row)}")
    return tuple(row[name] for name in dimensions)


def _twice(key: Key, dimensions: Sequence[str]) -> str:
    told = ", ".join(f"{name} {value}" for name, value in zip(dimensions, key, strict=True))
    absent = [name for name in ("seed", "step", "episode") if name not in dimensions]
    remedy = f": give the rows their {' or '.join(absent)}" if absent else ""
    return f"two rows of {told}{remedy}; rows that are not told apart would count as runs"


def _score(value: object, key: Key) -> float | None:
    if value is None:
        return None
    score = float(str(value))
    if not math.isfinite(score):
        raise ValueError(f"the score of {key} is {score}; a failed run has the score None")
    return score


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if len(known) == len(values) else None
