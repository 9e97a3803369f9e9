from __future__ import annotations

import math

import msgspec
import pytest

from rlgauge.stats.summary import Summary


def summary(**changes) -> Summary:
    fields = {"point": 0.5, "low": 0.4, "high": 0.6, "n": 10, "method": "by hand"}
    return Summary(**(fields | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"point": math.nan},
        {"high": math.inf},
        {"point": math.inf, "low": None, "high": None},
        {"low": 0.55},
        {"high": 0.45},
        {"low": None},
        {"high": None},
        {"n": 0},
        {"missing": -1},
    ],
)
def test_what_no_statistic_may_return_is_refused(changes):
    with pytest.raises(ValueError, match=r"finite|between|both ends|n = "):
        summary(**changes)


def test_a_summary_survives_json():
    original = summary(missing=3, confidence=0.9, warnings=("few",))
    assert msgspec.json.decode(msgspec.json.encode(original), type=Summary) == original


def test_a_summary_without_an_interval_says_so_with_null():
    written = msgspec.to_builtins(summary(low=None, high=None))
    assert (written["low"], written["high"]) == (None, None)
