from __future__ import annotations

import numpy as np
import pytest

from rlgauge.kinds.train.script.apart import chance_beyond, told_apart


def test_tests_far_below_all_of_the_last_training_episodes_are_told():
    told = told_apart([9.0, 10.0, 9.0, 8.0, 9.0], [500.0] * 9 + [480.0])
    assert told.startswith(
        "Tests and training are far apart: the mean test return is 9, and the last 10 training episodes had returns "
        "from 480 to 500. 5 of 5 test episodes are below all of these, which is not chance. The tests may not play"
    )


def test_tests_far_above_are_told_in_other_words():
    told = told_apart([500.0] * 25, [20.0, 25.0, 30.0, 22.0, 18.0] * 2)
    assert "25 of 25 test episodes are above all of these" in told
    assert "Exploration" in told


@pytest.mark.parametrize(
    ("tests", "training"),
    [
        ([500.0] * 22 + [100.0] * 3, [500.0] * 10),  # most are as before
        ([9.0] * 4, [500.0] * 10),  # so few tell nothing
        ([9.0] * 5, [500.0] * 8),
        ([480.0] * 25, [500.0] * 10),  # not far
        ([-13.0] * 25, [-20.0, -150.0, -13.5, -60.0, -15.0] * 2),  # not far for a training that varies so much
        ([295.0] * 10, [24.0, 236.0, 100.0, 60.0, 150.0, 110.0, 40.0, 210.0, 90.0, 130.0]),  # as one that still learns
        ([0.7] * 25, [0.0, 1.0] * 5),
        ([1.0], []),
        ([], [1.0]),
    ],
)
def test_what_chance_may_do_or_is_not_far_is_not_told(tests, training):
    assert told_apart(tests, training) is None


def test_returns_of_one_kind_are_hardly_ever_said_to_be_apart():
    random = np.random.default_rng(0)
    samples = [random.exponential(size=35) for _ in range(3000)]
    assert sum(told_apart(list(sample[:25]), list(sample[25:])) is not None for sample in samples) <= 3


def test_the_chance_is_that_of_so_many_tests_at_the_top_of_all_in_random_order():
    assert chance_beyond(1, 1, 1) == 0.5
    assert chance_beyond(2, 2, 2) == pytest.approx(1 / 6)
    random = np.random.default_rng(0)
    orders = np.argsort(random.random((20000, 7)), axis=1)  # of three tests and four training episodes
    share = np.mean((orders[:, -2:] < 3).all(axis=1))
    assert chance_beyond(2, 3, 4) == pytest.approx(share, abs=0.01)
