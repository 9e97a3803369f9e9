from __future__ import annotations

import numpy as np
import pytest

from rlgauge.stats.bootstrap import blocks, replicate, tally

DIGEST = bytes(range(16))


def uniform(rng, num):
    return rng.random((num, 3))


@pytest.mark.parametrize("num", [1, 7, 1000])
def test_blocks_add_up_to_the_replicates_and_stay_small(num):
    sizes = [count for count, _ in blocks(DIGEST, num, 5_000)]
    assert sum(sizes) == num
    assert max(sizes) * 5_000 <= 1 << 17


def test_a_replicate_larger_than_a_block_is_a_block():
    assert [count for count, _ in blocks(DIGEST, 3, 1 << 20)] == [1, 1, 1]


def test_neither_threads_nor_their_turns_change_a_digit():
    once = replicate(DIGEST, 500, 10_000, uniform)
    for threads in (2, 3):
        assert np.array_equal(replicate(DIGEST, 500, 10_000, uniform, threads=threads), once)


def test_blocks_have_numbers_of_their_own_and_other_data_has_others():
    drawn = replicate(DIGEST, 500, 10_000, uniform)
    assert len(np.unique(drawn)) == drawn.size
    assert not np.isin(replicate(b"x" * 16, 500, 10_000, uniform), drawn).any()


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_a_tally_is_the_sum_over_all_replicates(threads):
    def add(rng, num, counts):
        counts += np.bincount(rng.integers(0, 4, num), minlength=4)

    counts = tally(DIGEST, 1000, 10_000, add, (4,), threads=threads)
    values = replicate(DIGEST, 1000, 10_000, lambda rng, num: rng.integers(0, 4, num))
    assert counts.tolist() == np.bincount(values, minlength=4).tolist()


def test_a_bootstrap_without_replicates_is_refused():
    with pytest.raises(ValueError, match="needs replicates"):
        replicate(DIGEST, 0, 10, uniform)
