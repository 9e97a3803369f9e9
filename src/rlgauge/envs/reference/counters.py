"""Random numbers that follow from a counter: no state to carry, and the same ones in any batch, block or order.

A number is a hash of an environment's stream and of the clock. Streams differ by environment and seed, clocks by step.
The hash is Wellons' `lowbias32` (github.com/skeeto/hash-prospector): two multiplications, where a threefry key an
environment costs more than the step itself. Written so that JAX and NumPy arrays both do: `xp` is either module.
"""

from __future__ import annotations

from typing import Any

GOLDEN = 0x9E3779B9
_SPREAD = (0x85EBCA6B, 0xC2B2AE35, 0x27D4EB2F, 0x165667B1)
_24_BITS = 1 << 24


def mixed(xp: Any, bits: Any) -> Any:  # noqa: ANN401  # either module, and an array of it
    """A hash of each of the numbers, uint32."""
    bits = bits ^ (bits >> 16)
    bits = bits * xp.uint32(0x7FEB352D)
    bits = bits ^ (bits >> 15)
    bits = bits * xp.uint32(0x846CA68B)
    return bits ^ (bits >> 16)


def streams(xp: Any, seed: int, num: int) -> Any:  # noqa: ANN401
    """A stream for each of so many environments, (num,), uint32."""
    start = mixed(xp, xp.uint32(seed & 0xFFFFFFFF) ^ mixed(xp, xp.uint32((seed >> 32) & 0xFFFFFFFF)))
    return mixed(xp, xp.arange(num, dtype=xp.uint32) * xp.uint32(GOLDEN) ^ start)


def drawn(xp: Any, stream: Any, clock: Any) -> Any:  # noqa: ANN401
    """32 random bits of each stream at a time, uint32.

    The clock is hashed before it meets the stream, so that no two streams are copies of each other, shifted in time.
    """
    return mixed(xp, stream ^ mixed(xp, clock * xp.uint32(GOLDEN)))


def uniforms(xp: Any, bits: Any) -> list[Any]:  # noqa: ANN401
    """Four numbers in [0, 1), float32, of the same bits: points of a lattice of 2 to the 32, 24 bits each."""
    return [((bits * xp.uint32(factor)) >> 8).astype(xp.float32) * xp.float32(1 / _24_BITS) for factor in _SPREAD]


def symmetric(xp: Any, bits: Any) -> list[Any]:  # noqa: ANN401
    """Four numbers in [-1, 1], float32, of the same bits: points of a lattice of 2 to the 32."""
    return [(bits * xp.uint32(factor)).astype(xp.int32).astype(xp.float32) * xp.float32(2**-31) for factor in _SPREAD]
