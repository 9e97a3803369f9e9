"""ARC grids in NumPy, cell by cell, as plain as they can be written: what the ones in JAX are checked against.

Same operations, same random numbers, same tasks; see `rlgauge.envs.reference.arc_grid` for what they mean.

Shapes: N environments; grids are 30 by 30, -1 beyond the grid's own height and width.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rlgauge.envs.reference import counters
from rlgauge.envs.reference.arc_actions import (
    CLEAR,
    COPY,
    COPY_INPUT,
    CUT,
    FLIP,
    FLOOD,
    MOVE,
    NUM_OPERATIONS,
    PASTE,
    RESIZE,
    ROTATE,
    SUBMIT,
    Kind,
    drawn_actions,
    drawn_tasks,
)
from rlgauge.envs.reference.arc_tasks import PADDING, SIZE, Tasks, shape

Cells = NDArray[np.int8]
Selection = NDArray[np.bool_]
MAX_STEPS = 100


class Board(NamedTuple):
    """One environment: cells, the grid's height and width, the clipboard; all operations make a new one."""

    cells: Cells
    height: int
    width: int
    clipboard: Cells

    @property
    def inside(self) -> Selection:
        """Which cells are the grid's, (30, 30)."""
        inside = np.zeros((SIZE, SIZE), bool)
        inside[: self.height, : self.width] = True
        return inside


class State(NamedTuple):
    """Boards and the tasks they are to solve; steps since the start; streams; the clock."""

    boards: list[Board]
    task: NDArray[np.int64]
    num_steps: NDArray[np.int64]
    stream: NDArray[np.uint32]
    clock: np.uint32

    @property
    def observation(self) -> Cells:
        """The cells, (N, 30, 30)."""
        return np.stack([board.cells for board in self.boards])


class Step(NamedTuple):
    """See `rlgauge.envs.reference.arc_grid.Step`."""

    observation: Cells
    reward: NDArray[np.float32]
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    final_observation: Cells


class ArcGrid:
    """The environment, with the methods of the one in JAX."""

    def __init__(self, kind: Kind, tasks: Tasks, *, like_jaxarc: bool = False) -> None:
        self.kind: Kind = kind
        self.tasks = tasks
        self.like_jaxarc = like_jaxarc

    @np.errstate(over="ignore")
    def reset(self, seed: int, num_envs: int) -> State:
        """The start of an episode in each of so many environments."""
        stream = counters.streams(np, seed, num_envs)
        clock = np.uint32(0)
        task = np.asarray(drawn_tasks(np, counters.drawn(np, stream, clock), len(self.tasks.inputs))).astype(np.int64)
        boards = [self._start(index) for index in task]
        return State(boards, task, np.zeros(num_envs, np.int64), stream, clock + np.uint32(1))

    @np.errstate(over="ignore")
    def sample(self, state: State) -> NDArray[np.uint32]:
        """Random actions."""
        return np.asarray(drawn_actions(np, self.kind, counters.drawn(np, state.stream, state.clock)))

    @np.errstate(over="ignore")
    def step(self, state: State, action: ArrayLike) -> tuple[State, Step]:
        """The next state and what was seen."""
        actions = np.asarray(action)
        before, operations = state.boards, np.clip(actions[:, 0].astype(np.int64), 0, NUM_OPERATIONS - 1)
        moved = [self._after(*own) for own in zip(before, operations, actions, state.task, strict=True)]
        terminated = operations == SUBMIT
        num_steps = state.num_steps + 1
        truncated = (num_steps >= MAX_STEPS) & ~terminated
        is_over = terminated | truncated
        reward = [
            _reward(*(similarity(board, self.tasks.targets[task]) for board in (old, new)), is_submitted=submitted)
            for old, new, task, submitted in zip(before, moved, state.task, terminated, strict=True)
        ]
        drawn = drawn_tasks(np, counters.drawn(np, state.stream, state.clock), len(self.tasks.inputs))
        task = np.where(is_over, np.asarray(drawn).astype(np.int64), state.task)
        boards = [
            self._start(index) if over else board for board, index, over in zip(moved, task, is_over, strict=True)
        ]
        after = State(boards, task, np.where(is_over, 0, num_steps), state.stream, state.clock + np.uint32(1))
        final = np.stack([board.cells for board in moved])
        return after, Step(after.observation, np.array(reward, np.float32), terminated, truncated, final)

    def _start(self, task: int) -> Board:
        cells = self.tasks.inputs[task]
        return Board(cells, *shape(cells), np.zeros_like(cells))

    def _after(self, board: Board, operation: int, action: NDArray[np.uint32], task: int) -> Board:
        wanted = wanted_selection(self.kind, action)
        if operation == RESIZE:
            return _resized(board, wanted & board.inside if self.like_jaxarc else wanted)
        if operation == COPY_INPUT:
            return board._replace(cells=self.tasks.inputs[task])
        return applied(board, operation, wanted & board.inside, like_jaxarc=self.like_jaxarc)


def wanted_selection(kind: Kind, action: NDArray[np.uint32]) -> Selection:
    """The cells that an action names, inside the grid or not, (30, 30)."""
    selection = np.zeros((SIZE, SIZE), bool)
    if kind == "mask":
        for row in range(SIZE):
            for column in range(SIZE):
                selection[row, column] = int(action[1 + row]) >> column & 1
        return selection
    corners = np.clip(action[1:].astype(np.int64), 0, SIZE - 1)
    (top, bottom), (left, right) = (sorted((corners[axis], corners[axis - 2])) for axis in (0, 1))
    selection[top : bottom + 1, left : right + 1] = True
    return selection


def similarity(board: Board, target: Cells) -> np.float32:
    """The share of the target's cells that the grid has, and has in the same colour."""
    wanted = target != PADDING
    return np.float32((board.inside & wanted & (board.cells == target)).sum()) / np.float32(wanted.sum())


def applied(board: Board, operation: int, selection: Selection, *, like_jaxarc: bool) -> Board:
    """The board after any operation but copying the input and resizing."""
    if operation < FLOOD:
        return board._replace(cells=np.where(selection, np.int8(operation), board.cells))
    if operation < MOVE:
        return board._replace(cells=_flooded(board.cells, selection, operation - FLOOD))
    if operation < COPY:
        return board._replace(cells=_turned(board, operation, selection, like_jaxarc=like_jaxarc))
    if operation == PASTE:
        return board._replace(cells=_pasted(board, selection))
    if operation == CLEAR:
        cleared = np.where(selection, np.int8(0), board.cells) if selection.any() else np.zeros_like(board.cells)
        return board._replace(cells=cleared)
    if operation in {COPY, CUT}:
        board = board._replace(clipboard=np.where(selection, board.cells, np.int8(0)))
    if operation == CUT:
        board = board._replace(cells=np.where(selection, np.int8(0), board.cells))
    return board


def _flooded(cells: Cells, selection: Selection, colour: int) -> Cells:
    if selection.sum() != 1:
        return cells
    start = tuple(np.argwhere(selection)[0])
    reached, waiting = {start}, deque([start])
    while waiting:
        row, column = waiting.popleft()
        for near in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
            is_on = 0 <= near[0] < SIZE and 0 <= near[1] < SIZE
            if is_on and near not in reached and cells[near] == cells[start]:
                reached.add(near)
                waiting.append(near)
    flooded = cells.copy()
    flooded[tuple(np.array(list(reached)).T)] = colour
    return flooded


def _turned(board: Board, operation: int, selection: Selection, *, like_jaxarc: bool) -> Cells:
    """Moves, rotations and flips of the smallest box around the selection, or of the grid where nothing is selected."""
    rows, columns = np.nonzero(selection if selection.any() else board.inside)
    box = slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)
    cells = board.cells.copy()
    coloured = np.maximum(cells[box], 0)
    if operation in {ROTATE, ROTATE + 1}:
        times = -1 if operation == ROTATE else 1
        if coloured.shape[0] != coloured.shape[1]:
            return cells
        if like_jaxarc:
            whole = np.zeros_like(cells)
            whole[box] = coloured
            cells[box] = 0
            whole = np.rot90(whole, times)
            return np.where(whole > 0, whole, cells)
        cells[box] = np.rot90(coloured, times)
    elif operation < ROTATE:
        by, axis = ((1, 0), (-1, 0), (1, 1), (-1, 1))[operation - MOVE]
        cells[box] = np.roll(coloured, by, axis)
    else:
        cells[box] = coloured[:, ::-1] if operation == FLIP else coloured[::-1]
    return cells


def _pasted(board: Board, selection: Selection) -> Cells:
    full = np.argwhere(board.clipboard != 0)
    if not len(full) or not selection.any():
        return board.cells
    offset = np.argwhere(selection).min(axis=0) - full.min(axis=0)
    cells = board.cells.copy()
    for row, column in np.argwhere(selection):
        source = (row - offset[0], column - offset[1])
        is_on = all(0 <= index < SIZE for index in source)
        cells[row, column] = board.clipboard[source] if is_on else 0
    return cells


def _resized(board: Board, selection: Selection) -> Board:
    if not selection.any():
        return board
    row, column = np.argwhere(selection)[-1]
    cells = np.full_like(board.cells, PADDING)
    cells[: row + 1, : column + 1] = 0
    kept = slice(min(row + 1, board.height)), slice(min(column + 1, board.width))
    cells[kept] = board.cells[kept]
    return board._replace(cells=cells, height=int(row) + 1, width=int(column) + 1)


def _reward(before: np.float32, after: np.float32, *, is_submitted: bool) -> np.float32:
    return after - before + np.float32(-0.01) + np.float32(10 if is_submitted and after >= 1 else 0)
