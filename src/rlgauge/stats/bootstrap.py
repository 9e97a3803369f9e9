"""Replicates of a bootstrap in blocks: bounded memory, and the same numbers whoever computes which block."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_CELLS = 1 << 18
"""Cells that a block holds: its arrays stay in the cache, whatever the number of replicates."""


def blocks(digest: bytes, num: int, num_cells: int) -> Iterator[tuple[int, np.random.Generator]]:
    """Sizes and random numbers of the blocks that make up `num` replicates of so many cells each.

    A block's numbers follow from the data and the block's place alone, so neither threads nor their order change them.
    """
    size = max(1, min(num, _CELLS // max(1, num_cells)))
    entropy = int.from_bytes(digest, "big")
    for place, first in enumerate(range(0, num, size)):
        seed = np.random.SeedSequence(entropy, spawn_key=(place,))
        yield min(size, num - first), np.random.Generator(np.random.SFC64(seed))


def replicate(
    digest: bytes,
    num: int,
    num_cells: int,
    reduce: Callable[[np.random.Generator, int], Floats],
    *,
    threads: int = 1,
) -> Floats:
    """The replicates of all blocks, (num, ...), block after block.

    `reduce` is given a generator and a number of replicates; it returns as many rows. Raises ValueError for none.
    """
    if num < 1:
        raise ValueError(f"a bootstrap needs replicates; {num} were asked for")
    parts = blocks(digest, num, num_cells)
    if threads == 1:
        return np.concatenate([reduce(rng, count) for count, rng in parts])
    with ThreadPoolExecutor(threads) as pool:
        return np.concatenate(list(pool.map(lambda part: reduce(part[1], part[0]), parts)))


def harmonic_mean(sizes: Sequence[int]) -> float:
    """Of the seeds per task."""
    return len(sizes) / math.fsum(1 / size for size in sizes)
