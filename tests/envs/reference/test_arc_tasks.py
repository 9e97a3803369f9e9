from __future__ import annotations

import numpy as np
import pytest

from rlgauge.envs.reference import arc_tasks


def test_tasks_are_grids_of_many_sizes_with_colours_inside_and_padding_outside():
    tasks = arc_tasks.generated(0, 300)
    for grids in tasks:
        assert grids.shape == (300, 30, 30)
        sizes = {arc_tasks.shape(grid) for grid in grids}
        assert len(sizes) > 100
        for grid in grids:
            height, width = arc_tasks.shape(grid)
            assert set(np.unique(grid[:height, :width])) <= set(range(10))
            assert (grid == -1).sum() == 900 - height * width
    sides = [arc_tasks.shape(grid) for grid in tasks.inputs]
    assert (np.min(sides), np.max(sides)) == (3, 30)


def test_the_same_seed_makes_the_same_tasks_and_another_seed_others():
    first, again, other = (arc_tasks.generated(seed, 20) for seed in (4, 4, 5))
    assert np.array_equal(first.inputs, again.inputs)
    assert np.array_equal(first.targets, again.targets)
    assert not np.array_equal(first.inputs, other.inputs)


def test_fewer_tasks_are_the_first_of_more():
    assert np.array_equal(arc_tasks.generated(2, 5).targets, arc_tasks.generated(2, 9).targets[:5])


def test_no_tasks_is_an_error():
    with pytest.raises(ValueError, match="at least 1"):
        arc_tasks.generated(0, 0)
