from __future__ import annotations

import pytest

from rlgauge.stats.intervals import student_t
from rlgauge.tune.report_phases import mean_drop, phases
from tests.studied import finished


def test_both_means_of_a_configuration_are_beside_each_other(tmp_path):
    trials, final = finished(tmp_path, less=40.0)
    default, *others = phases(final, trials)
    assert (default.name, default.searched, default.drop) == ("default", None, None)
    assert default.judged == student_t([20.0, 25.0, 30.0])
    for one in others:
        assert one.searched == student_t(list(trials[one.number].returns.values()))
        assert one.searched_returns == list(trials[one.number].returns.values())
        assert one.drop == pytest.approx(40.0)
    assert mean_drop([default, *others]) == pytest.approx(40.0)


def test_without_a_return_on_fresh_seeds_there_is_no_drop(tmp_path):
    trials, final = finished(tmp_path, default=())
    default = phases(final, trials)[0]
    assert (default.judged, default.judged_returns) == (None, [])
    assert mean_drop([default]) is None
    assert phases(final, [])[1].searched is None, "phase 1 is elsewhere"


def test_a_configuration_that_lacks_fresh_seeds_tells_of_no_drop(tmp_path):
    trials, final = finished(tmp_path, fresh=(-9, 2))
    assert [one.drop for one in phases(final, trials)] == [None] * 4
