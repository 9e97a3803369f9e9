"""Random selections for ARCLE; its environments are checked by `benchmarks/adapters.py`, where it is installed."""

from __future__ import annotations

import numpy as np
import pytest

from rlgauge.envs.arcle import SELECT

SIZE = 3, 4
RNG = np.random.default_rng(0)


def _drawn(kind, num=6000):
    return np.stack([SELECT[kind](RNG, SIZE) for _ in range(num)])


def test_a_point_is_any_cell():
    drawn = _drawn("point")
    assert (drawn.sum(axis=(1, 2)) == 1).all()
    np.testing.assert_allclose(drawn.mean(axis=0), 1 / 12, atol=0.02)


def test_a_box_is_all_between_two_cells_in_both_directions():
    drawn = _drawn("box")
    rows, columns = drawn.any(axis=2), drawn.any(axis=1)
    np.testing.assert_array_equal(drawn, rows[:, :, None] & columns[:, None, :])
    assert (np.abs(np.diff(np.pad(rows, ((0, 0), (1, 1))).astype(int), axis=1)).sum(axis=1) == 2).all()
    # Two of three rows and two of four columns: it is between them, or on one, with these chances.
    np.testing.assert_allclose(rows.mean(axis=0), [5 / 9, 7 / 9, 5 / 9], atol=0.03)
    np.testing.assert_allclose(columns.mean(axis=0), [7 / 16, 11 / 16, 11 / 16, 7 / 16], atol=0.03)


def test_a_mask_is_every_cell_or_not():
    drawn = _drawn("mask")
    np.testing.assert_allclose(drawn.mean(axis=0), 0.5, atol=0.04)
    assert set(drawn.ravel().tolist()) == {0, 1}


@pytest.mark.parametrize("kind", SELECT)
def test_selections_are_what_the_actions_of_arcle_hold(kind):
    assert SELECT[kind](RNG, (30, 30)).dtype == np.int8
    assert SELECT[kind](RNG, (5, 6)).shape == (5, 6)
