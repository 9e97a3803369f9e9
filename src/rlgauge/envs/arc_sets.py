"""Sets of ARC tasks for libraries of others: made by rule, or MiniARC from where arcle is installed.

Kim et al. 2022, "Playgrounds for Abstraction and Reasoning", for MiniARC: 149 tasks of 5 by 5 cells.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast, get_args

import numpy as np

from rlgauge.core.errors import UserError, unknown
from rlgauge.envs.reference.arc_tasks import SIZE, Grids, generated, shape

Kind = Literal["point", "box", "mask"]
"""What an action selects: a cell, a rectangle, or any cells."""
NUM_GENERATED = 128
"""As many as our own environment has where it is measured."""
_MINI = "mini-"
_MINI_SIZE, _BLACK = 5, 0
_MINI_FOLDER = Path("arcs", "Mini-ARC", "data", "MiniARC")


class Pair(NamedTuple):
    """Where an episode starts and what it should make of it: grids of their own heights and widths."""

    start: Grids
    target: Grids


class Task(NamedTuple):
    """What it is shown by, and what it is tested with."""

    examples: tuple[Pair, ...]
    tests: tuple[Pair, ...]


class TaskSet(NamedTuple):
    """Tasks of which no grid is higher or wider than `size`."""

    size: int
    tasks: tuple[Task, ...]


def names() -> list[str]:
    """What environments of such tasks are called: a kind of actions, after `mini-` for MiniARC."""
    return [f"{prefix}{kind}" for prefix in ("", _MINI) for kind in get_args(Kind)]


def find(name: str, *, of: str) -> tuple[Kind, TaskSet]:
    """The kind of actions and the tasks that a name of `names()` stands for. Raises UserError."""
    if name not in names():
        raise unknown(f"{of} environment", name, names())
    tasks = mini_arc() if name.startswith(_MINI) else generated_set()
    return cast("Kind", name.removeprefix(_MINI)), tasks


def generated_set() -> TaskSet:
    """Tasks made by rule, of one pair each, with which it is tested, too."""
    pairs = [Pair(_cut(start), _cut(target)) for start, target in zip(*generated(0, NUM_GENERATED), strict=True)]
    return TaskSet(SIZE, tuple(Task((pair,), (pair,)) for pair in pairs))


def mini_arc() -> TaskSet:
    """MiniARC, from the files that arcle brings. Raises UserError where it is not installed.

    Cells are whole numbers there, digits in quotation marks, or null for black, as arcle reads them.
    """
    found = importlib.util.find_spec("arcle")
    if found is None or found.origin is None:
        raise UserError("MiniARC comes with arcle, which is not installed: pip install arcle.")
    paths = sorted((Path(found.origin).parent / _MINI_FOLDER).glob("*.json"))
    if not paths:
        raise UserError(f"This arcle brings no MiniARC: there is none in {Path(found.origin).parent / _MINI_FOLDER}.")
    return TaskSet(_MINI_SIZE, tuple(_task(json.loads(path.read_text(encoding="utf-8"))) for path in paths))


def _cut(grid: Grids) -> Grids:
    """The grid without its padding."""
    height, width = shape(grid)
    return grid[:height, :width]


def _task(content: Any) -> Task:  # noqa: ANN401  # as a file has it
    return Task(*(tuple(_pair(pair) for pair in content[part]) for part in ("train", "test")))


def _pair(content: Any) -> Pair:  # noqa: ANN401
    return Pair(*(_grid(content[part]) for part in ("input", "output")))


def _grid(rows: Any) -> Grids:  # noqa: ANN401
    return np.array([[_BLACK if cell is None else int(cell) for cell in row] for row in rows], np.int8)
