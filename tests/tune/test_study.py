from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest

from rlgauge.core.claim import STALE_SECONDS
from rlgauge.core.errors import UserError
from rlgauge.core.files import StoreError
from rlgauge.tune.curve import Point
from rlgauge.tune.space import find_space, read_space
from rlgauge.tune.study import ENOUGH, open_study
from rlgauge.tune.trial import State, best
from tests.driving import wait_for

SPACE = read_space(
    {"a.b": [1, "x", {"kind": "linear", "n": 2}, None], "n": {"low": 1, "high": 4}, "x": {"low": 0.0, "high": 1.0}},
    where="here",
)
LEFT = """
import pathlib, sys, time
from rlgauge.core import platform
from rlgauge.tune.space import read_space
from rlgauge.tune.study import open_study
space = read_space({space!r}, where="here")
if {elsewhere!r}:
    platform.machine_id = lambda: "another machine"
with open_study(pathlib.Path({out!r}), space) as study:
    going = study.next(99)
    going.report({{0: 1.5}})
    print(going.number, flush=True)
    sys.stdin.readline()
    going.complete({{0: 9.0}})
"""


@contextlib.contextmanager
def another(out, *, elsewhere=False):
    """A driver that is at trial 0 until it is given a line; `elsewhere`, it takes itself to be on another machine."""
    program = LEFT.format(space=SPACE.data, out=str(out), elsewhere=elsewhere)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", program], text=True, **pipes) as process:
        assert process.stdout.readline() == "0\n"
        yield process


def age(path, seconds=STALE_SECONDS + 1):
    os.utime(path, (time.time() - seconds, time.time() - seconds))


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


def at(place, value):
    return Point(place, value, 100 * place, 1)


def test_a_curve_is_compared_with_others_at_the_same_place_and_each_point_once(tmp_path):
    with open_study(tmp_path, SPACE, pruner="asha") as study:
        first = asked(study)
        assert not first.is_pruned_at([at(1, 10.0), at(2, 20.0)])
        second = asked(study)
        assert not second.is_pruned_at([at(1, 15.0)])
        assert not second.is_pruned_at([at(1, 5.0)]), "what was kept before a kill stays"
        assert second.is_pruned_at([at(1, 5.0), at(2, 15.0), at(3, 99.0)])
        third = asked(study)
        assert not third.is_pruned_at([at(1, 1.0), at(2, 1.0)], is_over=True)
        third.complete({0: 7.0})
        found = study.trials()
    assert (found[1].state, found[1].objective) == (State.PRUNED, 15.0)
    assert found[1].reason == "after 200 steps of its seed, with a training return of 15"
    assert (found[2].state, found[2].objective) == (State.COMPLETE, 7.0)


def test_what_the_first_trial_is_compared_by_is_what_all_of_a_study_are(tmp_path):
    with open_study(tmp_path / "curves", SPACE, pruner="asha") as study:
        asked(study).is_pruned_at([at(1, 10.0)])
        assert not asked(study).report({0: 1.0}), "a test return is no training return"
        assert asked(study).is_pruned_at([at(1, 1.0)])
    with open_study(tmp_path / "seeds", SPACE, pruner="asha") as study:
        asked(study).report({0: 10.0})
        assert not asked(study).is_pruned_at([at(1, 1.0)])
        assert asked(study).report({0: 1.0})


def test_without_a_pruner_nothing_is_pruned(tmp_path):
    with open_study(tmp_path, SPACE) as study:
        assert not any(asked(study).report({0: -float(value)}) for value in range(10))


def test_a_trial_whose_driver_was_killed_is_run_again_with_the_same_values(tmp_path):
    with another(tmp_path) as other, open_study(tmp_path, SPACE) as study:
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


def test_a_driver_of_another_machine_lives_while_its_heartbeat_is_fresh_and_a_minute_longer(tmp_path):
    with another(tmp_path, elsewhere=True) as other, open_study(tmp_path, SPACE) as study:
        beat = tmp_path / "studies" / "heartbeat-0"
        asked(study).complete({0: 1.0})
        other.send_signal(signal.SIGKILL)
        other.wait()
        age(beat, STALE_SECONDS - 10)
        assert study.next(2) is None
        assert study.is_going_elsewhere(), "of another machine's process nothing but its heartbeat is known"
        age(beat)
        assert not study.is_going_elsewhere()
        values = study.trials()[0].values
        again = asked(study, 2)
        assert (again.number, again.values) == (0, values)
        assert time.time() - beat.stat().st_mtime < STALE_SECONDS
        again.complete({0: 2.5})
        assert not beat.exists()
        assert [one.objective for one in study.trials()] == [2.5, 1.0]


def test_a_driver_that_stood_still_and_lost_its_trial_does_not_end_it(tmp_path):
    with another(tmp_path, elsewhere=True) as other, open_study(tmp_path, SPACE) as study:
        age(tmp_path / "studies" / "heartbeat-0")
        taken = asked(study)
        other.communicate("\n")
        assert (taken.number, other.returncode) == (0, 0)
        assert study.trials()[0].state is State.RUNNING
        taken.complete({0: 2.5})
        assert study.trials()[0].returns == {0: 2.5}
        assert not taken.report({0: 7.0})
        taken.fail("too late", {0: 7.0})
        assert (study.trials()[0].state, study.trials()[0].returns) == (State.COMPLETE, {0: 2.5})


def test_the_heart_beats_while_a_trial_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr("rlgauge.tune.study.BEAT_SECONDS", 0.01)
    beat = tmp_path / "studies" / "heartbeat-0"
    with open_study(tmp_path, SPACE) as study:
        going = asked(study)
        age(beat)
        wait_for(lambda: time.time() - beat.stat().st_mtime < STALE_SECONDS)
        going.leave()
        assert not beat.exists()


def test_a_trial_that_failed_is_run_again_once_as_a_further_one_with_its_values(tmp_path):
    with open_study(tmp_path, SPACE, seed=3) as study:
        first = asked(study)
        assert not first.is_again
        first.fail("seed 0: it broke", {})
        assert study.next(1) is None
        assert study.rerun_failed() == 1
        assert study.rerun_failed() == 0, "another tuner that is asked to do so, too, finds it done"
        again = asked(study, 1)
        assert (again.number, again.values, again.is_again) == (1, first.values, True)
        again.leave()
        assert study.num_expected(1) == 2
        again = asked(study, 1)
        assert (again.number, again.is_again) == (1, True)
        again.complete({0: 1.0})
        assert study.next(1) is None
        failed, complete = study.trials()
        assert (failed.state, failed.reason) == (State.FAILED, "seed 0: it broke (run again as trial 1)")
        assert (complete.state, complete.objective) == (State.COMPLETE, 1.0)
        third = asked(study, 2).values
    with open_study(tmp_path / "whole", SPACE, seed=3) as study:
        asked(study).complete({0: 1.0})
        assert asked(study, 2).values == third, "a failure changes nothing of what is sampled later"


def test_a_grid_some_points_of_which_failed_has_each_point_once_more_where_that_is_asked_for(tmp_path):
    space = read_space({"a": [{"k": 1}, None, 3]}, where="here")
    with open_study(tmp_path, space, sampler="grid") as study:
        asked(study).fail("it broke", {})
        assert study.rerun_failed() == 1
        found = []
        while (going := study.next(64)) is not None:
            found.append(going.values["a"])
            going.complete({0: 1.0})
    assert found == [{"k": 1}, None, 3]


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
    assert found == [space.point(place) for place in range(6)]


def test_a_grid_in_a_study_that_another_sampler_began_has_the_points_that_no_trial_had(tmp_path):
    space = read_space({"a": [{"k": 1}, None], "b": [1, 2], "x": {"low": 0.0, "high": 0.3, "step": 0.1}}, where="here")
    with open_study(tmp_path, space, sampler="random", seed=3) as study:
        for _ in range(12):
            asked(study).complete({0: 1.0})
        before = [space.place_of(one.values) for one in study.trials()]
        left = study.next(13)
        before.append(space.place_of(left.values))
        left.leave()
    assert len(set(before)) < len(before), "some points were drawn twice"
    with open_study(tmp_path, space, sampler="grid") as study:
        assert study.num_possible(64) == len(before) + 16 - len(set(before))
        while (going := study.next(64)) is not None:
            going.complete({0: 1.0})
        places = [space.place_of(one.values) for one in study.trials()]
    after = places[len(before) :]
    assert after == [place for place in range(16) if place not in before]


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
