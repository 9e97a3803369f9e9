"""Grids as bits: a row of cells is a number, and a grid four planes of them, a bit of the colour each.

The lowest bit of a row is its leftmost cell. A cell of padding has all four bits, as -1 has in two's complement. There
are 32 rows of 32 bits to a plane, for the sake of vector instructions; those beyond the 30 by 30 of a grid stay 0.

Shapes: N environments, P = 4 planes, R = 32 rows.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

NUM_PLANES = 4
NUM_ROWS = 32
SIZE = 30
LAST = NUM_ROWS - 1
ALL = np.uint32(0xFFFFFFFF)
ROWS_R = np.arange(NUM_ROWS, dtype=np.int32)
WHOLE_R = np.where(ROWS_R < SIZE, ALL >> np.uint32(2), 0).astype(np.uint32)
"""All cells of a grid."""


def packed(grids: np.ndarray[Any, np.dtype[np.int8]]) -> np.ndarray[Any, np.dtype[np.uint32]]:
    """The planes, (..., 4, 32), of grids, (..., 30, 30)."""
    planes = np.zeros((*grids.shape[:-2], NUM_PLANES, NUM_ROWS), np.uint32)
    for plane in range(NUM_PLANES):
        bits = (grids >> plane & 1).astype(np.uint32)
        planes[..., plane, :SIZE] = (bits << np.arange(SIZE, dtype=np.uint32)).sum(axis=-1)
    return planes


def unpacked(cells_NPR: jax.Array) -> jax.Array:
    """The grids, (..., 30, 30), int8, -1 for padding."""
    bits = cells_NPR[..., :SIZE, None] >> jnp.arange(SIZE, dtype=jnp.uint32) & 1
    weights = jnp.array([[[1 << plane]] for plane in range(NUM_PLANES)], jnp.int8)
    colours = jnp.sum(bits.astype(jnp.int8) * weights, axis=-3, dtype=jnp.int8)
    return jnp.where(colours == 2**NUM_PLANES - 1, jnp.int8(-1), colours)


def once(array: jax.Array) -> jax.Array:
    """The same; it is computed once, and not again in each of the places that use it."""
    computed: jax.Array = lax.optimization_barrier(array)  # type: ignore[no-untyped-call]
    return computed


def bits_of(colour_N: jax.Array) -> jax.Array:
    """Rows full of a colour in each plane, (N, 4, 1)."""
    bits = colour_N[:, None].astype(jnp.uint32) >> np.arange(NUM_PLANES, dtype=np.uint32) & 1
    return jnp.where(bits == 1, ALL, jnp.uint32(0))[..., None]


def either(cells_NPR: jax.Array) -> jax.Array:
    """Cells with any bit, (N, 32): those that are not black."""
    return cells_NPR[:, 0] | cells_NPR[:, 1] | cells_NPR[:, 2] | cells_NPR[:, 3]


def padding(cells_NPR: jax.Array) -> jax.Array:
    """Cells of padding, (N, 32); the two upper bits are enough to tell, as no colour is above 9."""
    return cells_NPR[:, 2] & cells_NPR[:, 3]


def stretch(first_N: jax.Array, last_N: jax.Array) -> jax.Array:
    """Bits from the first to the last of 0 to 31, (N,); none where the first is beyond the last."""
    bits = (ALL << first_N.astype(jnp.uint32)) & (ALL >> (LAST - last_N).astype(jnp.uint32))
    return jnp.where(first_N > last_N, jnp.uint32(0), bits)


def box(top_N: jax.Array, bottom_N: jax.Array, left_N: jax.Array, right_N: jax.Array) -> jax.Array:
    """The cells of a box, its sides included, (N, 32)."""
    is_row = (top_N[:, None] <= ROWS_R) & (bottom_N[:, None] >= ROWS_R)
    return jnp.where(is_row, stretch(left_N, right_N)[:, None], jnp.uint32(0))


def lowest(bits: jax.Array) -> jax.Array:
    """The index of the lowest bit, int32; 32 where there is none."""
    return lax.population_count(~bits & (bits - 1)).astype(jnp.int32)


def highest(bits: jax.Array) -> jax.Array:
    """The index of the highest bit, int32; -1 where there is none."""
    return LAST - lax.clz(bits).astype(jnp.int32)


def shifted(rows: jax.Array, by: jax.Array) -> jax.Array:
    """The rows' cells moved to the right by -31 to 31 columns."""
    right = jnp.clip(by, 0, LAST).astype(jnp.uint32)
    left = jnp.clip(-by, 0, LAST).astype(jnp.uint32)
    return (rows << right) >> left


def reversed_bits(rows: jax.Array) -> jax.Array:
    """The rows from right to left: column 0 becomes 31."""
    for by, mask in ((1, 0x55555555), (2, 0x33333333), (4, 0x0F0F0F0F), (8, 0x00FF00FF)):
        rows = (rows >> by & np.uint32(mask)) | (rows & np.uint32(mask)) << by
    return rows >> 16 | rows << 16


def transposed(rows_R: jax.Array) -> jax.Array:
    """Rows as columns, (..., 32)."""
    rows = ROWS_R.astype(np.uint32)
    bits = (rows_R[..., None, :] >> rows[:, None] & 1) << rows
    return jnp.sum(bits, axis=-1, dtype=jnp.uint32)
