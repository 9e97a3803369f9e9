from __future__ import annotations

import pytest

from rlgauge.compare.apart import alike, check_apart
from rlgauge.compare.sides import Side, pairs
from rlgauge.core.errors import UserError
from tests.compare.making import seeds


def stored(root: str, attempt: str = "1-0a1b2c"):
    return seeds(
        [1.0], source=f"{root}/speed/case-0123456789ab", folders=(f"{root}/speed/case-0123456789ab/{attempt}",)
    )


def test_a_copy_of_a_store_is_the_same_runs_and_another_attempt_at_the_same_case_is_not():
    check_apart(Side("new", stored("new")), Side("old", stored("old", "1-ffffff")))
    with pytest.raises(
        UserError, match=r"^1 of 1 run of the candidate new are the same as in the baseline old, or copi"
    ):
        check_apart(Side("new", stored("new")), Side("old", stored("old")))


def test_two_files_of_one_folder_are_two_sides_unless_they_say_the_same():
    check_apart(Side("a.json", seeds([1.0])), Side("b.json", seeds([2.0])))
    with pytest.raises(UserError, match="are the same as in the baseline"):
        check_apart(Side("a.json", seeds([1.0])), Side("b.json", seeds([1.0])))


def told(candidate, baseline) -> list[str]:
    return list(alike(pairs(Side("new", candidate), Side("old", baseline))))


def test_what_two_sides_measured_alike_run_by_run_is_told():
    (sentence,) = told(seeds([1.0, 2.0], source="here"), seeds([2.0, 1.0], source="there"))
    assert sentence.startswith("Both sides measured the same to the last digit, run by run: toy on CartPole-v1. Either")
    assert told(seeds([1.0, 2.0]), seeds([1.0, 2.0 + 1e-12])) == []


def test_that_all_runs_have_the_best_score_is_no_sign_of_a_copy():
    assert told(seeds([500.0, 500.0]), seeds([500.0, 500.0])) == []
