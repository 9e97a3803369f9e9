from __future__ import annotations

import itertools

import msgspec
import pytest

from rlgauge.report.charts import Intervals, Key, Lines, Manner
from rlgauge.stats.intervals import student_t
from rlgauge.tune import report_figures
from rlgauge.tune.report_importance import Importance
from rlgauge.tune.report_phases import Phases, phases
from rlgauge.tune.report_study import read_report
from rlgauge.tune.space import read_space
from rlgauge.tune.trial import State
from tests.studied import FAILED, FRESH, LEFT, PRUNED, asked, finished, searched

NAME = "bc in seals/CartPole-v0"


@pytest.fixture(scope="module")
def half(tmp_path_factory):
    """A study half-way."""
    out = tmp_path_factory.mktemp("half")
    searched(out)
    return read_report(out)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A study with both phases."""
    out = tmp_path_factory.mktemp("whole")
    finished(out)
    return read_report(out)


def of_state(chart, state):
    """The places of the trials of a state."""
    return [place for line in chart.lines if line.name == state for place in zip(line.xs, line.ys, strict=True)]


def test_the_history_has_each_trial_where_it_is_and_those_without_a_return_at_the_edge(half):
    figure = report_figures.history(half)
    chart = figure.chart
    known = {one.number: one.objective for one in half.trials}
    complete = [one.number for one in half.trials if one.state is State.COMPLETE]
    assert of_state(chart, "complete") == [(number, known[number]) for number in complete]
    assert of_state(chart, "pruned") == [(PRUNED, known[PRUNED])]
    assert [line.lost for line in chart.lines if line.lost] == [[FAILED, LEFT]]
    assert [line.name for line in chart.lines if line.is_named] == ["complete", "pruned"]
    assert (figure.kind, figure.of) == ("study_history", NAME)
    best = next(line for line in chart.lines if line.name == "best so far")
    assert chart.keys == [Key(name="best so far", manner=best.manner, series=best.series)]
    assert "Crosses at the lower edge: 1 failed and 1 running, without a return." in figure.captions
    assert "Hollow: 1 pruned, with what they had." in figure.captions
    assert figure.captions[1] == "The default configuration is trained in phase 2, which has not been."


def test_bars_reach_from_the_lowest_seed_to_the_highest(half):
    first = half.trials[0]
    line = report_figures.history(half).chart.lines[0]
    assert (line.lows, line.highs) == ([min(first.returns.values())], [max(first.returns.values())])


def test_the_best_so_far_rises_in_steps_to_the_last_trial(half):
    (best,) = (line for line in report_figures.history(half).chart.lines if line.manner is Manner.BOUND)
    complete = [one for one in half.trials if one.state is State.COMPLETE]
    assert (best.xs[0], best.xs[-1]) == (complete[0].number, half.trials[-1].number)
    assert best.ys == sorted(best.ys)
    assert best.ys[-1] == max(one.objective for one in complete)
    places = itertools.pairwise(zip(best.xs, best.ys, strict=True))
    assert all(before[0] == after[0] or before[1] == after[1] for before, after in places)


def test_the_default_is_a_line_across_once_it_was_judged(half, whole):
    assert report_figures.history(half).chart.marks == []
    figure = report_figures.history(whole)
    assert [(mark.value, mark.name) for mark in figure.chart.marks] == [(25.0, "default")]
    assert figure.captions[1].startswith("Across: the default configuration on 3 fresh seeds, with a 95 % interval")


def test_importance_is_hollow_where_chance_gives_as_much(half):
    sure = Importance(setting="a.b", share=0.9, low=0.5, high=0.95, chance=0.005, is_told=True)
    unsure = Importance(setting="c", share=0.1, low=0.2, high=0.4, chance=0.4, is_told=False)
    figure = report_figures.importance(half, [sure, unsure])
    assert [(row.label, row.point, row.is_doubtful) for row in figure.chart.rows] == [
        ("a.b", 0.9, False),
        ("c", 0.1, True),
    ]
    assert figure.chart.rows[1].low == 0.1  # a share that no refit came to
    assert "Trials that are not complete are not in it." in figure.captions
    assert "Hollow" not in " ".join(report_figures.importance(half, [sure]).captions)


def test_each_setting_is_a_slice_on_the_axis_of_the_space(whole):
    default = {"bc.batch_size": 16, "bc.optimizer_kwargs.lr": 0.0004}
    found = {one.of: one for one in report_figures.slices(whole, asked().axes, default=default)}
    assert list(found) == [f"{NAME}, {name}" for name in asked().axes.axes]
    size, rate, weight, _ = found.values()
    assert isinstance(size.chart, Intervals)
    assert [row.label for row in size.chart.rows] == ["8", "32", "64"]
    assert size.captions[-1] == "The default configuration has 16."
    assert isinstance(rate.chart, Lines)
    assert (rate.chart.is_x_log, weight.chart.is_x_log, rate.chart.is_markers_only) == (True, False, True)
    places = {(one.values["bc.optimizer_kwargs.lr"], one.objective) for one in whole.trials}
    assert set(of_state(rate.chart, "complete")) <= places
    assert [line.is_doubtful for line in rate.chart.lines if line.name == "pruned"] == [[True]]
    assert len(next(line.lost for line in rate.chart.lines if line.lost)) == 2


def test_a_category_is_the_mean_of_its_trials_and_has_them_as_dots(whole):
    figure = next(report_figures.slices(whole, asked().axes, default={}))
    row = figure.chart.rows[0]
    own = [one.objective for one in whole.trials if one.values["bc.batch_size"] == 8 and one.objective is not None]
    assert row.others == own
    assert row.point == pytest.approx(sum(own) / len(own))


def test_values_that_are_mappings_are_categories_by_their_text(half):
    values = [{"a": 1}, None, [2]]
    trials = [
        msgspec.structs.replace(one, values={"net": values[one.number % 3]})
        for one in half.trials
        if one.objective is not None
    ]
    space = read_space({"net": values}, where="here")
    (figure,) = report_figures.slices(msgspec.structs.replace(half, trials=trials), space, default={})
    assert [row.label for row in figure.chart.rows] == ['{"a": 1}', "null", "[2]"]


def test_both_phases_stand_below_one_another_with_their_seeds(whole):
    found = phases(whole.final, whole.trials)
    figure = report_figures.two_phases(found, seeds=FRESH, of=NAME)
    rows = figure.chart.rows
    assert [(row.group, row.label) for row in rows[:3]] == [
        ("default", "phase 2, 3 fresh seeds"),
        (found[1].name, "phase 1, the search"),
        (found[1].name, "phase 2, 3 fresh seeds"),
    ]
    assert rows[1].others == found[1].searched_returns
    assert (rows[2].point, rows[2].low) == (found[1].judged.point, found[1].judged.low)
    assert figure.captions[0].endswith("On fresh seeds they came to 40 less, on average.")


def test_a_configuration_without_a_return_on_fresh_seeds_has_its_search_alone():
    alone = Phases(
        name="trial 1",
        number=1,
        searched=student_t([1.0, 2.0], confidence=0.95),
        judged=None,
        searched_returns=[1.0, 2.0],
        judged_returns=[],
    )
    figure = report_figures.two_phases([alone], seeds=[9], of=NAME)
    assert [row.label for row in figure.chart.rows] == ["phase 1, the search"]
    assert "On fresh seeds" not in figure.captions[0]
