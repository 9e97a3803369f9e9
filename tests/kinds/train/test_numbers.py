from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from rlgauge.kinds.train.numbers import number, numbers_in, whole


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (1, 1.0),
        (True, 1.0),
        (np.float32(0.5), 0.5),
        (np.array(2), 2.0),
        (np.array([[3.0]]), 3.0),
        (np.array([1.0, 2.0]), None),
        ("4", None),
        (None, None),
        ([1.0], None),
        ({}, None),
        (np.bool_(True), 1.0),
        (np.str_("4"), None),
        (1j, None),
        (np.complex64(1), None),
        (Fraction(1, 4), 0.25),
        (Decimal("0.5"), 0.5),
        (10**400, float("inf")),
        (-(10**400), float("-inf")),
        (2**60, 2.0**60),
    ],
)
def test_a_number_is_what_stands_for_one(value, found):
    assert number(value) == found


@pytest.mark.parametrize(
    ("step", "found"),
    [
        (3, 3),
        (None, None),
        (np.int32(4), 4),
        (np.array(4), 4),
        (np.int64(2**53 + 1), 2**53 + 1),
        (True, 1),
        (5.0, 5),
        (5.7, 5),
        ("6", None),
        (np.nan, None),
        (float("inf"), None),
        (-1, -1),
        (2**63, None),
        (10**400, None),
    ],
)
def test_a_step_is_a_whole_number_or_none(step, found):
    assert whole(step) == found


def test_numbers_in_mappings_have_names_with_slashes():
    values = {"loss": {"actor": 1, "deep": {3: np.float32(0.5)}}, "text": "x", 7: True, "none": None}
    assert numbers_in(values) == {"loss/actor": 1.0, "loss/deep/3": 0.5, "7": 1.0}
