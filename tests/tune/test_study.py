from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from rlgauge.core.errors import UserError
from rlgauge.core.files import StoreError
from rlgauge.tune.space import find_space, read_space
from rlgauge.tune.study import ENOUGH, open_study
from rlgauge.tune.trial import State, best

SPACE = read_space(
    {"a.b": [1, "x", {"kind": "linear", "n": 2}, None], "n": {"low": 1, "high": 4}, "x": {"low": 0.0, "high": 1.0}},
    where="here",
)
LEFT = """
import pathlib, sys, time
from rlgauge.tune.space import read_space
from rlgauge.tune.study import open_study
space = read_space({space!r}, where="here")
with open_study(pathlib.Path({out!r}), space) as study:
    going = study.next(99)
    going.report({{0: 1.5}})
    print(going.number, flush=True)
    time.sleep(600)
"""


def asked(study, number=99):
    going = study.next(number)
    assert going is not None
    return going


def test_values_come_as_the_space_says_them_and_are_kept(tmp_path):
    with open_study(tmp_path, SPACE) as study:
        for number in range(12):
            going = asked(study)
            assert going.values["a.b"] in [1, "x", {"kind": "linear", "n": 2}, None]
            assert going.values["n"] in range(1, 5)
            assert 0 <= going.values["x"] <= 1
            going.complete({0: float(number), 1: 1.0 + number})
        told = study.trials()
    with open_study(tmp_path, SPACE) as study:
        assert study.trials() == told
        assert study.next(12) is None
    assert [one.objective for one in told] == [number + 0.5 for number in range(12)]
    assert told[3].returns == {0: 3.0, 1: 4.0}
    assert best(told, 2) == [told[11], told[10]]


def test_trials_that_fail_or_are_pruned_are_kept_with_their_reason_and_count(tmp_path):
    with open_study(tmp_path, SPACE) as study:
        asked(study).fail("seed 0: it broke", {1: 3.0})
        going = asked(study)
        going.report({0: 2.0})
        going.prune()
        failed, pruned = study.trials()
        assert study.next(2) is None
    assert (failed.state, failed.objective, failed.reason) == (State.FAILED, None, "seed 0: it broke")
    assert failed.returns == {1: 3.0}
    assert (pruned.state, pruned.objective, pruned.returns) == (State.PRUNED, 2.0, {0: 2.0})
    assert best([failed, pruned], 3) == []


def test_the_median_prunes_what_is_worse_than_half_of_the_others(tmp_path):
    with open_study(tmp_path, SPACE, pruner="median") as study:
        for value in range(5):
            going = asked(study)
            assert not going.report({0: float(value)})
            going.complete({0: float(value)})
        assert asked(study).report({0: 1.0})
        assert not asked(study).report({0: 3.0})


def test_asha_lets_the_better_half_go_on(tmp_path):
    with open_study(tmp_path, SPACE, pruner="asha") as study:
        assert not asked(study).report({0: 1.0})
        assert asked(study).report({0: 0.5})
        assert not asked(study).report({0: 2.0})


def test_without_a_pruner_nothing_is_pruned(tmp_path):
    with open_study(tmp_path, SPACE) as study:
        assert not any(asked(study).report({0: -float(value)}) for value in range(10))


def test_a_trial_whose_driver_was_killed_is_run_again_with_the_same_values(tmp_path):
    program = LEFT.format(space=SPACE.data, out=str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "0\n"
        with open_study(tmp_path, SPACE) as study:
            own = asked(study)
            assert own.number == 1, "what another driver runs is its own while it lives"
            assert study.is_going_elsewhere()
            own.complete({0: 1.0})
            assert study.next(2) is None
            values = study.trials()[0].values
            other.send_signal(signal.SIGKILL)
            other.wait()
            again = asked(study, 2)
            assert (again.number, again.values) == (0, values)
            assert not study.is_going_elsewhere()
            again.report({0: 2.5})
            again.complete({0: 2.5})
            assert [one.objective for one in study.trials()] == [2.5, 1.0]
            assert study.next(2) is None


def test_a_trial_that_was_left_is_taken_up(tmp_path):
    with open_study(tmp_path, SPACE) as study:
        first = asked(study)
        first.leave()
        again = asked(study)
        assert (again.number, again.values) == (first.number, first.values)


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_a_study_that_goes_on_samples_what_it_would_have_sampled(tmp_path, sampler):
    def sampled(out, stops):
        found = []
        for number in stops:
            with open_study(out, SPACE, sampler=sampler, seed=3) as study:
                for _ in range(number):
                    going = asked(study)
                    found.append(going.values)
                    going.complete({0: float(going.values["n"])})
        return found

    assert sampled(tmp_path / "once", [14]) == sampled(tmp_path / "often", [3, 9, 2])


def test_a_grid_has_each_point_once_and_ends(tmp_path):
    space = read_space({"a": [{"k": 1}, None], "b": [1, 2, 3]}, where="here")
    found = []
    with open_study(tmp_path, space, sampler="grid") as study:
        assert study.num_possible(64) == 6
        while (going := study.next(64)) is not None:
            found.append(going.values)
            going.complete({0: 1.0})
    assert found == list(space.points())


def test_a_grid_of_a_continuous_range_and_unknown_names_are_refused(tmp_path):
    with pytest.raises(UserError, match="infinitely many"), open_study(tmp_path, find_space("bc"), sampler="grid"):
        pass
    with pytest.raises(UserError, match="Did you mean 'random'"), open_study(tmp_path, SPACE, sampler="randm"):
        pass
    with pytest.raises(UserError, match="Did you mean 'median'"), open_study(tmp_path, SPACE, pruner="medain"):
        pass


def test_importance_tells_the_setting_that_matters_where_there_are_enough_trials(tmp_path):
    space = read_space({"good": {"low": 0.0, "high": 1.0}, "idle": {"low": 0.0, "high": 1.0}}, where="here")
    with open_study(tmp_path, space, sampler="random") as study:
        for _ in range(ENOUGH - 1):
            going = asked(study)
            going.complete({0: going.values["good"]})
        assert study.importance() == {}
        for _ in range(40):
            going = asked(study)
            going.complete({0: going.values["good"]})
        found = study.importance()
    assert list(found) == ["good", "idle"]
    assert found["good"] > 0.8
    assert sum(found.values()) == pytest.approx(1)


def test_a_damaged_study_is_told_in_a_sentence(tmp_path):
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies" / "study.db").write_bytes(b"no database at all" * 100)
    with (
        pytest.raises(StoreError, match=r"The study .*study\.db can't be read or written"),
        open_study(tmp_path, SPACE),
    ):
        pass
