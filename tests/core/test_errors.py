"""The error for an unknown name."""

from __future__ import annotations

from rlgauge.core.errors import unknown


def test_an_unknown_name_is_told_with_the_nearest_and_all_known_ones() -> None:
    error = unknown("suite", "libero_100", ["libero_90", "libero_10", "spinup"])
    expected = "Unknown suite 'libero_100'. Did you mean 'libero_10'? Known: libero_10, libero_90, spinup."
    assert str(error) == expected


def test_nothing_is_suggested_where_nothing_is_near() -> None:
    assert str(unknown("suite", "zzz", ["libero_10"])) == "Unknown suite 'zzz'. Known: libero_10."


def test_capitals_do_not_make_a_name_another() -> None:
    assert "Did you mean 'GAIL'?" in str(unknown("algorithm", "gail", ["AIRL", "GAIL", "??exp_command=bc"]))
