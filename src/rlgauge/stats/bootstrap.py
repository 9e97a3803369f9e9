"""Replicates of a bootstrap in blocks: bounded memory, and the same numbers whoever computes which block."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

_CELLS = 1 << 17
"""Cells that a block holds: a megabyte of numbers stays in the cache."""
_KEPT_BYTES = 1 << 24


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
    parts = _parts(digest, num, num_cells, threads)
    if threads == 1:
        return np.concatenate([reduce(rng, count) for count, rng in parts])
    with ThreadPoolExecutor(threads) as pool:
        return np.concatenate(list(pool.map(lambda part: reduce(part[1], part[0]), parts)))


def tally(
    digest: bytes,
    num: int,
    num_cells: int,
    add: Callable[[np.random.Generator, int, Counts], None],
    shape: tuple[int, ...],
    *,
    threads: int = 1,
) -> Counts:
    """What the replicates of all blocks add up to, counts of the given shape: the replicates themselves are not kept.

    `add` is given a generator, a number of replicates and the counts to add them to. Raises ValueError for none.
    """
    parts = _parts(digest, num, num_cells, threads)

    def added(mine: Sequence[tuple[int, np.random.Generator]]) -> Counts:
        counts = np.zeros(shape, np.int64)
        for count, rng in mine:
            add(rng, count, counts)
        return counts

    with ThreadPoolExecutor(threads) as pool:
        shares = pool.map(added, (parts[first::threads] for first in range(threads)))
        return np.asarray(sum(shares, np.zeros(shape, np.int64)))


def _parts(digest: bytes, num: int, num_cells: int, threads: int) -> list[tuple[int, np.random.Generator]]:
    if num < 1:
        raise ValueError(f"a bootstrap needs replicates; {num} were asked for")
    if threads < 1:
        raise ValueError(f"a bootstrap needs a thread; {threads} were asked for")
    # glibc keeps as much freed memory as the largest piece that was given back; with less, it asks the system for every
    # block's arrays again, and paging them in takes as long as all the rest.
    np.empty(_KEPT_BYTES, np.uint8)
    return list(blocks(digest, num, num_cells))
