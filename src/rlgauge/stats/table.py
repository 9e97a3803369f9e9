"""Scores with named dimensions, so that an episode can't be mistaken for a run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rlgauge.core.errors import unknown
from rlgauge.core.reading import Curve
from rlgauge.stats.normalise import Reference, outside

DIMENSIONS = ("algorithm", "task", "seed", "step", "episode")
"""What a row may be named by: the training seed is the run; steps and episodes are inside a run."""
Key = tuple[object, ...]
Cell = tuple[str, str]
"""An algorithm and a task."""
Floats = NDArray[np.float64]
_OF_A_RUN = DIMENSIONS[:3]
_SCORE = "score"


class Scores:
    """One score a run: by algorithm, task and training seed. Tasks may have different numbers of seeds, or none.

    `doubts` are sentences about the scores, for the warnings of what is computed from them.
    """

    def __init__(
        self, cells: Mapping[Cell, Mapping[object, float]], missing: Mapping[Cell, int], *, doubts: Sequence[str] = ()
    ) -> None:
        """Take scores by algorithm and task, then seed; and how many runs of each failed."""
        self._cells = {cell: dict(seeds) for cell, seeds in cells.items()}
        self._missing = dict(missing)
        self.doubts = tuple(doubts)
        named = [*self._cells, *self._missing]
        self.algorithms = tuple(sorted({algorithm for algorithm, _ in named}))
        self.tasks = tuple(sorted({task for _, task in named}))

    def of(self, algorithm: str) -> tuple[Floats, ...]:
        """One array of scores a task, in the order of `tasks` and of the seeds; empty where there is none."""
        return tuple(np.array(list(self._cell(algorithm, task).values()), np.float64) for task in self.tasks)

    def seeds(self, algorithm: str, task: str) -> tuple[object, ...]:
        """The seeds behind the scores of a task, in their order."""
        _check("task", task, self.tasks)
        return tuple(self._cell(algorithm, task))

    def missing(self, algorithm: str) -> int:
        """How many of its runs failed, whether they are left out or have the declared score."""
        _check("algorithm", algorithm, self.algorithms)
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
        chosen = set(self.algorithms if algorithms is None else algorithms)
        kept = set(self.tasks if tasks is None else tasks)
        for name in chosen:
            _check("algorithm", name, self.algorithms)
        for name in kept:
            _check("task", name, self.tasks)
        own = [cell for cell in {**self._cells, **self._missing} if cell[0] in chosen and cell[1] in kept]
        return Scores(
            {cell: self._cells[cell] for cell in own if cell in self._cells},
            {cell: self._missing[cell] for cell in own if cell in self._missing},
            doubts=self.doubts,
        )

    def normalised(self, references: Mapping[str, Reference]) -> Scores:
        """The scores with each task's references at 0 and 1; `doubts` names tasks whose scores lie far outside.

        Raises ValueError for a task without references.
        """
        if lacking := [task for task in self.tasks if task not in references]:
            raise ValueError(f"no reference scores of {', '.join(lacking)}")
        cells = {
            (algorithm, task): {seed: references[task].normalised(score) for seed, score in seeds.items()}
            for (algorithm, task), seeds in self._cells.items()
        }
        by_task: dict[str, list[float]] = {task: [] for task in self.tasks}
        for (_, task), seeds in cells.items():
            by_task[task] += seeds.values()
        doubts = [outside(task, references[task], normalised) for task, normalised in by_task.items()]
        return Scores(cells, self._missing, doubts=[*self.doubts, *filter(None, doubts)])

    def _cell(self, algorithm: str, task: str) -> dict[object, float]:
        _check("algorithm", algorithm, self.algorithms)
        return self._cells.get((algorithm, task), {})


class Table:
    """Rows of scores, each under a key of named dimensions; a row without a score is a failed run."""

    def __init__(self, dimensions: Sequence[str], rows: Mapping[Key, float | None]) -> None:
        """Take the rows by key; `from_rows` makes them."""
        self.dimensions = tuple(dimensions)
        self._rows = dict(rows)

    @classmethod
    def from_rows(cls, rows: Iterable[Mapping[str, object]]) -> Table:
        """The table of rows that name `algorithm`, `task` and `seed`, perhaps `step` and `episode`, and a `score`.

        The score of what failed is None. Raises ValueError where two rows have the same key: then a dimension is
        missing, most often the episode; and for a row without score, or with one that is not finite.
        """
        given = list(rows)
        if not given:
            raise ValueError("there are no rows")
        names = set().union(*given) - {_SCORE}
        for name in sorted(names):
            _check("dimension", name, (*DIMENSIONS, _SCORE))
        dimensions = [name for name in DIMENSIONS if name in names]
        found: dict[Key, float | None] = {}
        for row in given:
            key = _key(row, dimensions)
            if key in found:
                raise ValueError(_twice(key, dimensions))
            found[key] = _score(row[_SCORE], key)
        return cls(dimensions, found)

    def mean_over(self, dimension: Literal["episode", "step"]) -> Table:
        """The table without the dimension: means of what it told apart, None where one of them is."""
        place = self._place(dimension)
        grouped: dict[Key, list[float | None]] = {}
        for key, score in self._rows.items():
            grouped.setdefault((*key[:place], *key[place + 1 :]), []).append(score)
        return Table(self._without(dimension), {key: _mean(values) for key, values in grouped.items()})

    def at_step(self, step: float) -> Table:
        """The table at one step; a run that has no such step failed to get there.

        Raises ValueError for a step that no run has.
        """
        known = sorted({_number(key[self._place("step")]) for key in self._rows})
        if step not in known:
            near = sorted(sorted(known, key=lambda other: abs(other - step))[:3])
            raise ValueError(f"no row is at step {step:.15g}; the nearest are {', '.join(f'{x:.15g}' for x in near)}")
        return self._at(lambda _: step)

    def last_step(self) -> Table:
        """The table at the last step that an algorithm has on a task; a run that ended before it has failed."""
        place = self._place("step")
        lasts: dict[Key, float] = {}
        for key in self._rows:
            owner = self._named(key, _OF_A_RUN[:2])
            lasts[owner] = max(lasts.get(owner, -math.inf), _number(key[place]))
        return self._at(lambda key: lasts[self._named(key, _OF_A_RUN[:2])])

    def curves(self, algorithm: str) -> tuple[tuple[Curve, ...], ...]:
        """One curve a run, of every task in the order of `Scores.tasks`: what `sample_efficiency` takes.

        A step without a score is not in the curve; one of a run that failed throughout has no steps. Raises ValueError
        for an algorithm that is not there, and where the rows have other dimensions.
        """
        if self.dimensions != (*_OF_A_RUN, "step"):
            told = ", ".join(self.dimensions)
            raise ValueError(f"curves need an algorithm, a task, a seed and a step; these rows have {told}")
        _check("algorithm", algorithm, sorted({str(key[0]) for key in self._rows}))
        found: dict[str, dict[object, dict[float, float]]] = {str(key[1]): {} for key in self._rows}
        for (name, task, seed, step), score in self._rows.items():
            if name == algorithm:
                points = found[str(task)].setdefault(seed, {})
                if score is not None:
                    points[_number(step)] = score
        return tuple(tuple(_curve(points) for points in runs.values()) for _, runs in sorted(found.items()))

    def scores(self, failed: float | Literal["exclude"] = "exclude") -> Scores:
        """One score a run. Failed runs are left out, or have the declared score; either way they are counted.

        Raises ValueError while the table tells steps or episodes apart: they are no runs.
        """
        for dimension in ("episode", "step"):
            if dimension in self.dimensions:
                remedy = 'mean_over("episode")' if dimension == "episode" else "at_step(...) or last_step()"
                raise ValueError(f"rows of {dimension}s are no runs: take {remedy} first")
        if self.dimensions != _OF_A_RUN:
            raise ValueError(f"runs have an algorithm, a task and a seed; these rows have {', '.join(self.dimensions)}")
        cells: dict[tuple[str, str], dict[object, float]] = {}
        missing: dict[tuple[str, str], int] = {}
        floor = None if failed == "exclude" else _declared(failed)
        for (algorithm, task, seed), given in self._rows.items():
            cell = str(algorithm), str(task)
            score = floor if given is None else given
            if given is None:
                missing[cell] = missing.get(cell, 0) + 1
            if score is not None:
                cells.setdefault(cell, {})[seed] = score
        return Scores(cells, missing)

    def _place(self, dimension: str) -> int:
        if dimension not in self.dimensions:
            raise ValueError(f"the rows have no {dimension}; they have {', '.join(self.dimensions)}")
        return self.dimensions.index(dimension)

    def _at(self, step_of: Callable[[Key], float]) -> Table:
        """The table of one step; None for a run that has other steps only."""
        place = self._place("step")
        found: dict[Key, float | None] = {}
        runs: dict[Key, Key] = {}
        reached = set()
        for key, score in self._rows.items():
            rest = (*key[:place], *key[place + 1 :])
            if _number(key[place]) == step_of(key):
                found[rest] = score
                reached.add(self._named(key, _OF_A_RUN))
            runs.setdefault(self._named(key, _OF_A_RUN), rest)
        found |= {rest: None for run, rest in runs.items() if run not in reached}
        return Table(self._without("step"), found)

    def _named(self, key: Key, names: Sequence[str]) -> Key:
        """The key's values under these names, as far as the rows have them."""
        return tuple(value for name, value in zip(self.dimensions, key, strict=True) if name in names)

    def _without(self, dimension: str) -> list[str]:
        return [name for name in self.dimensions if name != dimension]


def _curve(points: Mapping[float, float]) -> Curve:
    steps = sorted(points)
    return Curve(tuple(steps), tuple(points[step] for step in steps))


def _key(row: Mapping[str, object], dimensions: Sequence[str]) -> Key:
    if lacking := [name for name in (*dimensions, _SCORE) if name not in row]:
        raise ValueError(f"a row lacks {', '.join(lacking)}, which all rows have: {dict(row)}")
    return tuple(str(row[name]) if name in _OF_A_RUN[:2] else _told_apart(name, row[name]) for name in dimensions)


def _told_apart(name: str, value: object) -> object:
    """The value; of seeds, steps and episodes none may be unequal to itself, nor a step be text."""
    if name == "step" and isinstance(value, str):
        value = _number(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"the {name} of a row is {value}: rows that are not told apart would count as runs")
    return value


def _twice(key: Key, dimensions: Sequence[str]) -> str:
    told = ", ".join(f"{name} {value}" for name, value in zip(dimensions, key, strict=True))
    absent = [name for name in ("seed", "step", "episode") if name not in dimensions]
    remedy = f": give the rows their {' or '.join(absent)}" if absent else ""
    return f"two rows of {told}{remedy}; rows that are not told apart would count as runs"


def _score(value: object, key: Key) -> float | None:
    if value is None:
        return None
    score = _number(value)
    if not math.isfinite(score):
        raise ValueError(f"the score of {key} is {score}; a failed run has the score None")
    return score


def _number(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        raise ValueError(f"{value!r} is no number") from None


def _declared(failed: float | str) -> float:
    """The score of failed runs."""
    if isinstance(failed, str) or not math.isfinite(failed):
        raise ValueError(f'failed={failed!r}: give "exclude", or a finite score that failed runs count with')
    return float(failed)


def _check(what: str, name: str, known: Sequence[str]) -> None:
    if name not in known:
        raise ValueError(str(unknown(what, name, known)))


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if len(known) == len(values) else None
