from __future__ import annotations

import numpy as np
import pytest
from gymnasium import spaces

from rlgauge.core.errors import UserError
from rlgauge.envs.spaces import sampler


@pytest.mark.parametrize(
    "space",
    [
        spaces.Discrete(3, start=-1),
        spaces.MultiDiscrete([2, 5, 3]),
        spaces.Box(np.float32([-1, 0]), np.float32([1, 4])),
        spaces.Box(-2.0, 2.0, (2, 3)),
    ],
)
def test_actions_are_the_spaces_own_and_all_of_them_come(space):
    drawn = sampler(space)(np.random.default_rng(0), 2_000)
    assert drawn.shape == (2_000, *space.shape)
    assert drawn.dtype == space.dtype
    assert all(space.contains(action) for action in drawn)
    if isinstance(space, spaces.Box):
        np.testing.assert_allclose(drawn.mean(0), (space.low + space.high) / 2, atol=0.2)
    else:
        cells = drawn.reshape(2_000, -1)
        assert [len(np.unique(column)) for column in cells.T] == np.atleast_1d(
            space.n if isinstance(space, spaces.Discrete) else space.nvec
        ).tolist()


@pytest.mark.parametrize("space", [spaces.Box(-np.inf, np.inf, (2,)), spaces.Text(3)])
def test_spaces_without_uniform_actions_are_refused(space):
    with pytest.raises(UserError):
        sampler(space)
