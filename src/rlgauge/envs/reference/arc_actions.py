"""Actions on ARC grids: an operation and the cells that it is for, in one row of numbers an environment.

`point`: operation, row, column. `box`: operation, row and column of one corner, row and column of the other. `mask`:
operation, then 30 rows of 30 bits, the lowest bit the leftmost cell. All uint32; what is beyond the last operation, row
or column counts as the last.

Written so that JAX and NumPy arrays both do: `xp` is either module.

Shapes: N environments, R rows.
"""

from __future__ import annotations

from typing import Any, Literal

from rlgauge.envs.reference import counters

Kind = Literal["point", "box", "mask"]
NUM_OPERATIONS = 35
NUM_ROWS = 30
FLOOD, MOVE, ROTATE, FLIP = 10, 20, 24, 26
"""The first of ten, of four, of two and of two operations."""
COPY, PASTE, CUT, CLEAR, COPY_INPUT, RESIZE, SUBMIT = 28, 29, 30, 31, 32, 33, 34
_16_BITS = 16


def drawn_actions(xp: Any, kind: Kind, bits_N: Any) -> Any:  # noqa: ANN401  # either module, and an array of it
    """Random actions: any operation, any corners, any mask, all equally likely."""
    if kind == "mask":
        rows = xp.arange(1, NUM_ROWS + 1, dtype=xp.uint32) * xp.uint32(counters.GOLDEN)
        rows_NR = counters.mixed(xp, bits_N[:, None] ^ rows) >> 2
        return xp.concatenate([_below(xp, bits_N, NUM_OPERATIONS)[:, None], rows_NR], axis=1)
    more_N = counters.mixed(xp, bits_N ^ xp.uint32(counters.GOLDEN))
    halves = [bits_N, more_N << _16_BITS, more_N]
    limits = [NUM_OPERATIONS, NUM_ROWS, NUM_ROWS]
    if kind == "box":
        still_N = counters.mixed(xp, more_N ^ xp.uint32(counters.GOLDEN))
        halves, limits = [*halves, still_N << _16_BITS, still_N], [*limits, NUM_ROWS, NUM_ROWS]
    return xp.stack([_below(xp, half, limit) for half, limit in zip(halves, limits, strict=True)], axis=1)


def drawn_tasks(xp: Any, bits_N: Any, num_tasks: int) -> Any:  # noqa: ANN401
    """Random tasks, (N,), below 65,536, of the same bits as an action and as good as independent of it."""
    return _below(xp, counters.mixed(xp, ~bits_N), num_tasks)


def _below(xp: Any, bits: Any, limit: int) -> Any:  # noqa: ANN401
    """The upper 16 bits as a number from 0 to the limit."""
    return (bits >> _16_BITS) * xp.uint32(limit) >> _16_BITS
