"""The operations on ARC grids that take more than painting: filling to the edge, and moving, turning and pasting.

Shapes: N environments, P = 4 planes, R = 32 rows.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
from jax import lax

from rlgauge.envs.reference import arc_bits as bits
from rlgauge.envs.reference.arc_actions import FLIP, MOVE, PASTE, ROTATE
from rlgauge.envs.reference.arc_selection import Selection, corner

_STRIDES = (1, 2, 4, 8, 16)


class Change(Protocol):
    """What an operation does to the cells of a few environments."""

    def __call__(self, cells_NPR: jax.Array, /, *more: Any) -> jax.Array:  # noqa: ANN401  # arrays, or tuples of them
        """The cells after it."""


def on_few(needs_N: jax.Array, num_few: int, change: Change, cells_NPR: jax.Array, *more: Any) -> jax.Array:  # noqa: ANN401
    """The cells, changed where that is needed: of so many environments at a time, at next to no cost for the others.

    `change` is given these environments' part of the cells and of each of `more`.
    """
    num_few = min(num_few, needs_N.shape[0])
    ranks_N = jnp.cumsum(needs_N.astype(jnp.int32))

    def changed(progress: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        num_done, cells = progress
        ranks = num_done + jnp.arange(1, num_few + 1, dtype=jnp.int32)
        lanes = jnp.searchsorted(ranks_N, ranks, method="scan_unrolled")
        few = jax.tree.map(lambda leaf: bits.once(leaf.at[lanes].get(mode="clip")), (cells, *more))
        return num_done + num_few, cells.at[lanes].set(change(*few), mode="drop")

    return lax.while_loop(lambda progress: progress[0] < ranks_N[-1], changed, (jnp.int32(0), cells_NPR))[1]


def flooded(cells_NPR: jax.Array, start_NR: jax.Array, colour_N: jax.Array) -> jax.Array:
    """The cells with all of one colour that hang together with the start, by their sides, in the new colour."""
    seen_NP1 = (cells_NPR & start_NR[:, None] != 0).any(axis=-1, keepdims=True)
    unlike_NR = bits.either(cells_NPR ^ jnp.where(seen_NP1, bits.ALL, jnp.uint32(0)))
    reached_N1R = _reached(start_NR, ~unlike_NR & bits.WHOLE_R)[:, None]
    return (cells_NPR & ~reached_N1R) | (bits.bits_of(colour_N) & reached_N1R)


def _reached(start_NR: jax.Array, open_NR: jax.Array) -> jax.Array:
    """The open cells that can be walked to from the start.

    A round goes as far as it can down, then up, then left, in strides of 1 to 16 over cells known to be open
    (Kogge and Stone 1973, doi:10.1109/TC.1973.5009159), and to the right as the carry of an addition does; so there are
    as many rounds as the way has bends, at most.
    """
    down, up, left = ([open_NR], [open_NR], [open_NR])
    for stride in _STRIDES[:-1]:
        down.append(down[-1] & _down(down[-1], stride))
        up.append(up[-1] & _up(up[-1], stride))
        left.append(left[-1] & left[-1] >> stride)

    def spread(progress: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        before = now = progress[0]
        for stride, is_open in zip(_STRIDES, down, strict=True):
            now = now | (is_open & _down(now, stride))
        for stride, is_open in zip(_STRIDES, up, strict=True):
            now = now | (is_open & _up(now, stride))
        for stride, is_open in zip(_STRIDES, left, strict=True):
            now = now | (is_open & now >> stride)
        return now | (open_NR & ((open_NR + now) ^ open_NR)), before

    def is_spreading(progress: tuple[jax.Array, jax.Array]) -> jax.Array:
        return (progress[0] != progress[1]).any()

    return lax.while_loop(is_spreading, spread, (start_NR, jnp.zeros_like(start_NR)))[0]


def _down(rows_NR: jax.Array, by: int) -> jax.Array:
    return jnp.pad(rows_NR[:, :-by], ((0, 0), (by, 0)))


def _up(rows_NR: jax.Array, by: int) -> jax.Array:
    return jnp.pad(rows_NR[:, by:], ((0, 0), (0, by)))


class Turn(NamedTuple):
    """Where the cells of a box or of the clipboard go, (N,) each.

    They are turned upside down and from right to left where so said, then moved down by both of `down` and to the right
    by both of `right`, of which the second differs from the first only where cells come in again on the other side.
    """

    is_upturned: jax.Array
    is_mirrored: jax.Array
    down: tuple[jax.Array, jax.Array]
    right: tuple[jax.Array, jax.Array]


def turned(cells_NPR: jax.Array, clipboard_NPR: jax.Array, operation_N: jax.Array, area: Selection) -> jax.Array:
    """The cells with the box moved or flipped, or with the clipboard pasted over the selection.

    `area` is what is selected, or the whole grid where nothing is and the operation is not to paste.
    """
    is_pasted = (operation_N == PASTE)[:, None]
    box_NR = bits.box(area.top, area.bottom, area.left, area.right)
    source = jnp.where(is_pasted[..., None], clipboard_NPR, _coloured(cells_NPR, box_NR))
    cleared_NR = jnp.where(is_pasted, area.rows, box_NR)
    turn = _turn(operation_N, area, corner(bits.either(clipboard_NPR)))
    return _over(cells_NPR, cleared_NR, _moved(source, turn) & cleared_NR[:, None])


def rotated(cells_NPR: jax.Array, operation_N: jax.Array, area: Selection, *, like_jaxarc: bool) -> jax.Array:
    """The cells with the box, a square, rotated; `like_jaxarc`, around the middle of the 30 by 30 cells."""
    box_NR = bits.box(area.top, area.bottom, area.left, area.right)
    source = bits.transposed(_coloured(cells_NPR, box_NR))
    is_clockwise = operation_N == ROTATE
    if like_jaxarc:
        down = right = jnp.full_like(area.top, bits.SIZE - 1 - bits.LAST)
        other = jnp.zeros_like(down)
        limit_NR: Any = bits.WHOLE_R
    else:
        down, right = area.top + area.right - bits.LAST, area.left + area.bottom - bits.LAST
        other = area.left - area.top
        limit_NR = box_NR
    down, right = jnp.where(is_clockwise, -other, down), jnp.where(is_clockwise, right, other)
    moved = _moved(source, Turn(~is_clockwise, is_clockwise, (down, down), (right, right)))
    return _over(cells_NPR, box_NR, moved & limit_NR[..., None, :])


def _coloured(cells_NPR: jax.Array, box_NR: jax.Array) -> jax.Array:
    """The cells of the box, those of padding black."""
    return cells_NPR & (box_NR & ~bits.padding(cells_NPR))[:, None]


def _over(cells_NPR: jax.Array, cleared_NR: jax.Array, moved_NPR: jax.Array) -> jax.Array:
    """The cells, some made black, and over them those moved that are not."""
    moved_NPR = bits.once(moved_NPR)
    return moved_NPR | (cells_NPR & ~(cleared_NR | bits.either(moved_NPR))[:, None])


def _turn(operation_N: jax.Array, area: Selection, clipped: tuple[jax.Array, jax.Array]) -> Turn:
    is_pasted = operation_N == PASTE
    is_mirrored, is_upturned = operation_N == FLIP, operation_N == FLIP + 1
    down = jnp.where(is_pasted, area.top - clipped[0], 0)
    right = jnp.where(is_pasted, area.left - clipped[1], 0)
    down = jnp.where(is_upturned, area.top + area.bottom - bits.LAST, down)
    right = jnp.where(is_mirrored, area.left + area.right - bits.LAST, right)
    step_down = (operation_N == MOVE).astype(jnp.int32) - (operation_N == MOVE + 1)
    step_right = (operation_N == MOVE + 2).astype(jnp.int32) - (operation_N == MOVE + 3)
    back_up, back_left = step_down * (area.top - area.bottom), step_right * (area.left - area.right)
    return Turn(is_upturned, is_mirrored, (down + step_down, down + back_up), (right + step_right, right + back_left))


def _moved(source_NPR: jax.Array, turn: Turn) -> jax.Array:
    """The source's cells where they go, and 0 elsewhere."""
    rows = jnp.where(turn.is_upturned[:, None, None], source_NPR[..., ::-1], source_NPR)
    apart = bits.once(jnp.pad(rows, ((0, 0), (0, 0), (bits.NUM_ROWS, bits.NUM_ROWS))))
    rows = _window(apart, turn.down[0]) | _window(apart, turn.down[1])
    rows = jnp.where(turn.is_mirrored[:, None, None], bits.reversed_bits(rows), rows)
    return bits.shifted(rows, turn.right[0][:, None, None]) | bits.shifted(rows, turn.right[1][:, None, None])


def _window(apart: jax.Array, down_N: jax.Array) -> jax.Array:
    """The 32 rows of each environment that begin so many above those in the middle of 96."""

    def window(rows: jax.Array, down: jax.Array) -> jax.Array:
        return lax.dynamic_slice_in_dim(rows, bits.NUM_ROWS - down, bits.NUM_ROWS, axis=1)

    return jax.vmap(window)(apart, down_N)
