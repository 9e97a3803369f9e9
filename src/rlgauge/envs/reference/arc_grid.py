"""ARC grids in JAX, for very many environments at once: the operations, rewards and limits of JaxARC 1.0.3.

A grid of up to 30 by 30 cells starts as a task's input and is to become its target (Chollet 2019, arXiv:1911.01547). An
action selects cells and applies one of 35 operations:

- 0 to 9: paint the selection. 10 to 19: paint all that is of one colour around the one selected cell.
- 20 to 23: roll the smallest box around the selection by a cell: down, up, to the right, to the left. 24, 25: rotate
  it, if it is square, clockwise and counterclockwise. 26, 27: flip it from side to side and upside down. Where nothing
  is selected these take the whole grid.
- 28: copy the selection to the clipboard. 29: paste, corner upon corner, where selected. 30: copy and paint black. 31:
  paint the selection black, or all, with none. 32: copy the input. 33: cut or extend the grid to the lowest row of the
  selection and the rightmost cell in that. 34: submit, which ends the episode.

A step's reward is the growth of the similarity (the share of the target's cells that are right) less 0.01, and 10 more
for submitting the target.

What differs from JaxARC, where these look like mistakes of its own. It rotates around the middle of all 30 by 30 cells,
so that most boxes land outside the grid: here they stay where they are. It drops what is selected outside the grid
before it resizes, so that no grid ever grows: here grids grow. `like_jaxarc` undoes these two. It stops flooding 64
steps away from the cell: here all is flooded. It begins with the input of any pair of a task and compares with the
output of another: here a task is one pair. It calls operation 20 up and 22 left, and so on: numbers and effects are the
same here.

Shapes: N environments, P = 4 planes of bits, R = 32 rows (`rlgauge.envs.reference.arc_bits`), T tasks.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from rlgauge.envs.reference import arc_bits as bits
from rlgauge.envs.reference import counters
from rlgauge.envs.reference.arc_actions import (
    CLEAR,
    COPY,
    COPY_INPUT,
    CUT,
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
from rlgauge.envs.reference.arc_operations import flooded, on_few, rotated, turned
from rlgauge.envs.reference.arc_selection import Selection, selected
from rlgauge.envs.reference.arc_tasks import Tasks, generated, shape

MAX_STEPS = 100
STEP_REWARD, SOLVED_REWARD = -0.01, 10.0
FEW, FEW_FLOODED = 16, 8
"""Environments that an operation is applied to at a time: as measured on a CPU. Those flooded wait for the slowest."""


class State(NamedTuple):
    """Of every environment: cells, clipboard, the grid's size, its task, cells right, steps since its start, stream.

    `cells` and `clipboard` are (N, 4, 32) uint32, all others (N,): int32, `stream` uint32. `clock`, uint32, counts the
    steps of all.
    """

    cells: jax.Array
    clipboard: jax.Array
    height: jax.Array
    width: jax.Array
    task: jax.Array
    num_right: jax.Array
    num_steps: jax.Array
    stream: jax.Array
    clock: jax.Array

    @property
    def observation(self) -> jax.Array:
        """The cells, (N, 30, 30) int8: colours 0 to 9, and -1 outside the grid."""
        return bits.unpacked(self.cells)


class Step(NamedTuple):
    """What a step gives, by environment.

    `observation`, (N, 30, 30) int8, is the first of the next episode where one ended; `final_observation` is what it
    was before. `reward` is float32. `terminated` (submitted) and `truncated` (100 steps) are never both true.
    """

    observation: jax.Array
    reward: jax.Array
    terminated: jax.Array
    truncated: jax.Array
    final_observation: jax.Array


class Table(NamedTuple):
    """The tasks, shared by all environments: cells of both grids, (T, 4, 32), and their sizes, (T,).

    `num_right` is how many of the target's cells the input has.
    """

    inputs: jax.Array
    targets: jax.Array
    height: jax.Array
    width: jax.Array
    target_height: jax.Array
    target_width: jax.Array
    num_right: jax.Array


class ArcGrid:
    """The environment: functions of states, to be compiled, mapped and scanned over; a new episode follows at once.

    `kind` is that of its actions (`rlgauge.envs.reference.arc_actions`). There may be up to 65,536 tasks.
    """

    best_block = 1_000
    """Environments that are quickest stepped together, on a CPU."""

    def __init__(self, kind: Kind, tasks: Tasks, *, like_jaxarc: bool = False) -> None:
        self.kind: Kind = kind
        self.like_jaxarc = like_jaxarc
        self.num_tasks = len(tasks.inputs)
        self.table = _table(tasks)

    def reset(self, seed: int, num_envs: int) -> State:
        """The start of an episode in each of so many environments; the same seed starts the same ones."""
        return self.start(counters.streams(jnp, seed, num_envs))

    def start(self, stream: jax.Array) -> State:
        """The start of an episode in an environment for each stream of random numbers, (N,), uint32."""
        clock = jnp.uint32(0)
        task = self._drawn_task(stream, clock)
        cells = self.table.inputs[task]
        height, width = self.table.height[task], self.table.width[task]
        right = self.table.num_right[task]
        none = jnp.zeros(stream.shape, jnp.int32)
        return State(cells, jnp.zeros_like(cells), height, width, task, right, none, stream, clock + 1)

    def sample(self, state: State) -> jax.Array:
        """Random actions, all equally likely: (N, 3), (N, 5) or (N, 31), uint32."""
        actions: jax.Array = drawn_actions(jnp, self.kind, counters.drawn(jnp, state.stream, state.clock))
        return actions

    def selected(self, state: State, action: jax.Array) -> jax.Array:
        """The cells of the grids that an action selects, (N, 30, 30) bool."""
        rows_NR = selected(self.kind, action, state.height, state.width).rows
        return (rows_NR[:, : bits.SIZE, None] >> jnp.arange(bits.SIZE, dtype=jnp.uint32) & 1).astype(jnp.bool_)

    def step(self, state: State, action: Any) -> tuple[State, Step]:  # noqa: ANN401  # an array
        """The next state and what was seen; `action` is one row of numbers an environment, as `sample` gives."""
        action = jnp.asarray(action)
        operation = jnp.clip(action[:, 0], 0, NUM_OPERATIONS - 1).astype(jnp.int32)
        moved = self._moved(state, operation, action)
        num_steps = state.num_steps + 1
        terminated = operation == SUBMIT
        truncated = (num_steps >= MAX_STEPS) & ~terminated
        after = self._restarted(moved._replace(num_steps=num_steps), terminated | truncated)
        reward = self._reward(state, moved.num_right, terminated)
        return after, Step(after.observation, reward, terminated, truncated, moved.observation)

    def _drawn_task(self, stream: jax.Array, clock: jax.Array) -> jax.Array:
        drawn: jax.Array = drawn_tasks(jnp, counters.drawn(jnp, stream, clock), self.num_tasks)
        return drawn.astype(jnp.int32)

    def _moved(self, state: State, operation: jax.Array, action: jax.Array) -> State:
        """The state after the operation, with the steps still to be counted."""
        area = selected(self.kind, action, state.height, state.width)
        cells = _flooded(state.cells, operation, area)
        cells = self._turned(cells, state, operation, area)
        cells = on_few(operation == COPY_INPUT, FEW, lambda _, task: self.table.inputs[task], cells, state.task)
        copied = ((operation == COPY) | (operation == CUT))[:, None, None]
        clipboard = jnp.where(copied, cells & area.rows[:, None], state.clipboard)
        is_resized, height, width = self._resized(state, operation, action)
        cells = _painted(cells, operation, area)
        cells = jnp.where(is_resized[:, None, None], _cut(cells, state, height, width), cells)
        right = _num_right(cells, height, width, self.table, state.task)
        return state._replace(cells=cells, clipboard=clipboard, height=height, width=width, num_right=right)

    def _turned(self, cells: jax.Array, state: State, operation: jax.Array, area: Selection) -> jax.Array:
        is_pasted = operation == PASTE
        is_whole = area.is_empty & ~is_pasted
        area = area._replace(
            top=jnp.where(is_whole, 0, area.top),
            bottom=jnp.where(is_whole, state.height - 1, area.bottom),
            left=jnp.where(is_whole, 0, area.left),
            right=jnp.where(is_whole, state.width - 1, area.right),
        )
        has_clipboard = (bits.either(state.clipboard) != 0).any(axis=1)
        is_turned = (operation >= MOVE) & (operation < COPY) & (operation // 2 != ROTATE // 2)
        is_turned = is_turned | (is_pasted & ~area.is_empty & has_clipboard)
        cells = on_few(is_turned, FEW, turned, cells, state.clipboard, operation, area)
        is_square = area.bottom - area.top == area.right - area.left
        change = partial(rotated, like_jaxarc=self.like_jaxarc)
        return on_few((operation // 2 == ROTATE // 2) & is_square, FEW, change, cells, operation, area)

    def _resized(self, state: State, operation: jax.Array, action: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Which grids get a new size; the height and width of all."""
        if self.like_jaxarc:
            area = selected(self.kind, action, state.height, state.width)
        else:
            most = jnp.full_like(state.height, bits.SIZE)
            area = selected(self.kind, action, most, most)
        is_resized = (operation == RESIZE) & ~area.is_empty
        height = jnp.where(is_resized, area.bottom + 1, state.height)
        return is_resized, height, jnp.where(is_resized, area.last + 1, state.width)

    def _restarted(self, state: State, is_over: jax.Array) -> State:
        """The state, at the start of another episode where the last is over, and with the clock moved on."""
        drawn = self._drawn_task(state.stream, state.clock)
        task = jnp.where(is_over, drawn, state.task)
        cells = on_few(is_over, FEW, lambda _, task: self.table.inputs[task], state.cells, task)
        height = jnp.where(is_over, self.table.height[task], state.height)
        width = jnp.where(is_over, self.table.width[task], state.width)
        clipboard = jnp.where(is_over[:, None, None], jnp.uint32(0), state.clipboard)
        right = jnp.where(is_over, self.table.num_right[task], state.num_right)
        num_steps = jnp.where(is_over, 0, state.num_steps)
        return State(cells, clipboard, height, width, task, right, num_steps, state.stream, state.clock + 1)

    def _reward(self, state: State, num_right: jax.Array, is_submitted: jax.Array) -> jax.Array:
        cells = self.table.target_height[state.task] * self.table.target_width[state.task]
        total = cells.astype(jnp.float32)
        growth = num_right.astype(jnp.float32) / total - state.num_right.astype(jnp.float32) / total
        solved = jnp.where(is_submitted & (num_right == cells), jnp.float32(SOLVED_REWARD), jnp.float32(0))
        reward: jax.Array = growth + jnp.float32(STEP_REWARD) + solved
        return reward


NUM_TASKS = 128


def with_points() -> ArcGrid:
    """An environment with 128 generated tasks, whose actions select a cell."""
    return ArcGrid("point", generated(0, NUM_TASKS))


def with_boxes() -> ArcGrid:
    """The same with actions that select a box."""
    return ArcGrid("box", generated(0, NUM_TASKS))


def with_masks() -> ArcGrid:
    """The same with actions that select any cells."""
    return ArcGrid("mask", generated(0, NUM_TASKS))


def _table(tasks: Tasks) -> Table:
    inputs, targets = (jnp.asarray(bits.packed(grids)) for grids in tasks)
    (height, width), (target_height, target_width) = (
        jnp.array([shape(grid) for grid in grids], jnp.int32).T for grids in tasks
    )
    none = jnp.zeros_like(height)
    table = Table(inputs, targets, height, width, target_height, target_width, none)
    return table._replace(num_right=_num_right(inputs, height, width, table, jnp.arange(len(height))))


def _flooded(cells: jax.Array, operation: jax.Array, area: Selection) -> jax.Array:
    needs = (operation >= FLOOD) & (operation < MOVE) & area.is_single
    return on_few(needs, FEW_FLOODED, flooded, cells, area.rows, operation - FLOOD)


def _painted(cells: jax.Array, operation: jax.Array, area: Selection) -> jax.Array:
    """The cells with the selection in a colour where the operation is to paint, cut or clear."""
    is_painted = (operation < FLOOD) | (operation == CUT) | (operation == CLEAR)
    is_cleared = (operation == CLEAR) & area.is_empty
    painted = jnp.where(is_cleared[:, None], bits.WHOLE_R, jnp.where(is_painted[:, None], area.rows, jnp.uint32(0)))
    colour = bits.bits_of(jnp.where(operation < FLOOD, operation, 0))
    return (cells & ~painted[:, None]) | (colour & painted[:, None])


def _cut(cells: jax.Array, before: State, height: jax.Array, width: jax.Array) -> jax.Array:
    """The cells of grids of a new size: black where the grid was not before, padding where it is not now."""
    kept = _inside(jnp.minimum(height, before.height), jnp.minimum(width, before.width))
    return (cells & kept[:, None]) | (bits.WHOLE_R & ~_inside(height, width))[:, None]


def _inside(height: jax.Array, width: jax.Array) -> jax.Array:
    none = jnp.zeros_like(height)
    return bits.box(none, height - 1, none, width - 1)


def _num_right(cells: jax.Array, height: jax.Array, width: jax.Array, table: Table, task: jax.Array) -> jax.Array:
    """The number of the target's cells that the grid has in the same colour."""
    shared = _inside(jnp.minimum(height, table.target_height[task]), jnp.minimum(width, table.target_width[task]))
    same = ~bits.either(cells ^ table.targets[task]) & shared
    num_right: jax.Array = jnp.sum(lax.population_count(same), axis=1, dtype=jnp.uint32)
    return num_right.astype(jnp.int32)
