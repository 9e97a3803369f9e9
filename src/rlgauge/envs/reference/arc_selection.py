"""What an action selects of a grid, as bits.

Shapes: N environments, R = 32 rows.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from rlgauge.envs.reference import arc_bits as bits
from rlgauge.envs.reference.arc_actions import Kind


class Selection(NamedTuple):
    """Selected cells, (N, 32), the box around them, and how many they are: none, one, or more.

    `top`, `bottom`, `left`, `right` are of no use where nothing is selected. `last` is the rightmost column of the
    bottom row.
    """

    rows: jax.Array
    top: jax.Array
    bottom: jax.Array
    left: jax.Array
    right: jax.Array
    last: jax.Array
    is_empty: jax.Array
    is_single: jax.Array


def selected(kind: Kind, action: jax.Array, height_N: jax.Array, width_N: jax.Array) -> Selection:
    """What an action selects of the grids of such heights and widths."""
    if kind == "mask":
        return _masked(action[:, 1:].astype(jnp.uint32), height_N, width_N)
    corners = jnp.clip(action[:, 1:], 0, bits.SIZE - 1).astype(jnp.int32)
    near, far = corners[:, :2], corners[:, -2:]
    return _boxed(jnp.minimum(near, far), jnp.maximum(near, far), height_N, width_N)


def _boxed(first: jax.Array, last: jax.Array, height_N: jax.Array, width_N: jax.Array) -> Selection:
    top, left = first[:, 0], first[:, 1]
    bottom, right = jnp.minimum(last[:, 0], height_N - 1), jnp.minimum(last[:, 1], width_N - 1)
    is_empty = (top > bottom) | (left > right)
    is_single = (top == bottom) & (left == right) & ~is_empty
    return Selection(bits.box(top, bottom, left, right), top, bottom, left, right, right, is_empty, is_single)


def _masked(rows: jax.Array, height_N: jax.Array, width_N: jax.Array) -> Selection:
    inside = bits.box(jnp.zeros_like(height_N), height_N - 1, jnp.zeros_like(width_N), width_N - 1)
    rows_NR = jnp.pad(rows, ((0, 0), (0, bits.NUM_ROWS - bits.SIZE))) & inside
    top, left = corner(rows_NR)
    bottom = jnp.max(jnp.where(rows_NR != 0, bits.ROWS_R, -1), axis=1)
    right = bits.highest(lax.reduce_or(rows_NR, axes=(1,)))
    last = bits.highest(jnp.max(jnp.where(bottom[:, None] == bits.ROWS_R, rows_NR, 0), axis=1))
    count = jnp.sum(lax.population_count(rows_NR), axis=1)
    return Selection(rows_NR, top, bottom, left, right, last, count == 0, count == 1)


def corner(rows_NR: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The top and the left of the box around the cells, (N,) each; 32 where there are none."""
    top = jnp.min(jnp.where(rows_NR != 0, bits.ROWS_R, bits.NUM_ROWS), axis=1)
    return top, bits.lowest(lax.reduce_or(rows_NR, axes=(1,)))
