from __future__ import annotations

import numpy as np
import pytest
from gymnasium import spaces

from rlgauge.episodes.observations import make_batch

BOX = spaces.Box(-1, 1, (2, 3), np.float32)
SPACES = {
    "box": (BOX, (4, 2, 3), np.float32),
    "image": (spaces.Box(0, 255, (8, 8, 3), np.uint8), (4, 8, 8, 3), np.uint8),
    "double": (spaces.Box(-1, 1, (), np.float64), (4,), np.float64),
    "discrete": (spaces.Discrete(5, start=-2), (4,), np.int64),
    "multi_discrete": (spaces.MultiDiscrete([3, 4]), (4, 2), np.int64),
    "multi_binary": (spaces.MultiBinary(6), (4, 6), np.int8),
}
NESTED = spaces.Tuple((spaces.Text(9), spaces.Dict({"deep": BOX})))


@pytest.mark.parametrize(("space", "shape", "dtype"), SPACES.values(), ids=SPACES)
def test_a_row_holds_what_was_put_there_and_the_others_stay(space, shape, dtype):
    batch = make_batch(space, 4)
    space.seed(1)
    first, second = space.sample(), space.sample()
    batch.put(1, first)
    batch.put(3, second)
    assert (batch.value.shape, batch.value.dtype) == (shape, dtype)
    np.testing.assert_array_equal(batch.value[1], first)
    np.testing.assert_array_equal(batch.value[3], second)
    assert not batch.value[[0, 2]].any()
    batch.clear(1)
    assert not batch.value[1].any()
    np.testing.assert_array_equal(batch.value[3], second)


def test_the_arrays_are_reused_in_place():
    batch = make_batch(BOX, 2)
    before = batch.value
    batch.put(0, np.ones((2, 3)))
    assert batch.value is before


def test_what_is_put_is_copied():
    batch = make_batch(BOX, 2)
    own = np.ones((2, 3), np.float32)
    batch.put(0, own)
    own[:] = 7
    assert batch.value[0].max() == 1


def test_a_dictionary_has_a_batch_for_each_part():
    batch = make_batch(spaces.Dict({"a": BOX, "b": spaces.Discrete(3)}), 4)
    batch.put(2, {"b": 2, "a": np.ones((2, 3)), "unknown": None})
    assert {key: value.shape for key, value in batch.value.items()} == {"a": (4, 2, 3), "b": (4,)}
    assert batch.value["b"].tolist() == [0, 0, 2, 0]
    batch.clear(2)
    assert not batch.value["a"].any()


@pytest.mark.parametrize("space", [spaces.Text(9), NESTED, spaces.Dict({"words": spaces.Text(9)})])
def test_what_is_no_array_is_kept_as_it_is(space):
    batch = make_batch(space, 3)
    observation = space.sample()
    batch.put(1, observation)
    assert batch.value[1] is observation
    assert batch.is_finite()
    batch.clear(1)
    assert batch.value == [None, None, None]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("row", [0, 3])
def test_one_number_that_is_not_finite_is_found_with_its_row(bad, row):
    array = np.zeros((2, 3), np.float32)
    array[1, 2] = bad
    cases = {
        "box": (BOX, array),
        "dict": (spaces.Dict({"a": spaces.Discrete(2), "b": BOX}), {"a": 1, "b": array}),
        "list": (NESTED, ("text", {"deep": array})),
        "number": (spaces.Tuple((spaces.Text(9),)), ("text", float(bad))),
    }
    for space, observation in cases.values():
        batch = make_batch(space, 4)
        assert batch.is_finite()
        batch.put(row, observation)
        assert not batch.is_finite()
        assert [batch.is_row_finite(index) for index in range(4)] == [index != row for index in range(4)]
        batch.clear(row)
        assert batch.is_finite()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_largest_numbers_are_finite(dtype):
    batch = make_batch(spaces.Box(-np.inf, np.inf, (1000,), dtype), 4)
    for row in range(4):
        batch.put(row, np.full(1000, np.finfo(dtype).max * (-1) ** row, dtype))
    assert batch.is_finite()


@pytest.mark.parametrize("wrong", [np.zeros(4), np.zeros((3, 3)), "text"])
def test_an_observation_that_does_not_fit_raises(wrong):
    with pytest.raises((ValueError, TypeError)):
        make_batch(BOX, 2).put(0, wrong)
