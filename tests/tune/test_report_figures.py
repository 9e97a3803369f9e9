from __future__ import annotations

import matplotlib as mpl
import matplotlib.pyplot as plt
import msgspec
import pytest

from rlgauge.stats.intervals import student_t
from rlgauge.tune import report_figures
from rlgauge.tune.report_importance import Importance
from rlgauge.tune.report_phases import Phases, phases
from rlgauge.tune.report_study import read_report
from rlgauge.tune.space import read_space
from rlgauge.tune.trial import State
from tests.studied import FAILED, FRESH, LEFT, PRUNED, asked, finished, searched

mpl.use("Agg")
DEFAULT = {"bc.batch_size": 16, "bc.optimizer_kwargs.lr": 0.0004, "bc.ent_weight": None}


@pytest.fixture
def axes():
    figure, axes = plt.subplots(layout="constrained")
    yield axes
    plt.close(figure)


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


def points(axes, marker):
    """The places of the markers of a kind."""
    return [place for line in axes.lines if line.get_marker() == marker for place in zip(*line.get_data(), strict=True)]


def labels(legend):
    return [text.get_text() for text in legend.get_texts()]


def ticks(axes):
    return [label.get_text() for label in axes.get_xticklabels()]


def test_no_trial_is_missing_in_the_history(axes, half):
    note = report_figures.history(axes, half)
    complete = [one for one in half.trials if one.state is State.COMPLETE]
    assert points(axes, "o") == [(one.number, one.objective) for one in complete]
    assert points(axes, "D") == [(PRUNED, half.trials[PRUNED].objective)]
    assert [x for x, _ in points(axes, "x") + points(axes, "+")] == [FAILED, LEFT]
    assert labels(axes.get_legend()) == ["complete", "pruned", "failed", "running", "best so far"]
    assert "Hollow: 1 pruned, with what they had. Below the line: 1 failed and 1 running, without a return." in note
    assert "The default configuration is trained in phase 2, which has not been." in note


def test_the_seeds_of_a_trial_are_a_bar_from_the_lowest_to_the_highest(axes, half):
    report_figures.history(axes, half)
    bars = [bar.tolist() for part in axes.collections for bar in part.get_segments()]
    returns = list(half.trials[0].returns.values())
    assert bars[0] == [[0, min(returns)], [0, max(returns)]]


def test_what_has_no_return_stands_below_all_that_has_one(axes, half):
    report_figures.history(axes, half)
    axes.figure.canvas.draw()
    edge = axes.transAxes.transform((0, report_figures._STRIP))[1]
    lowest = min(min(one.returns.values()) for one in half.trials if one.objective is not None)
    assert axes.transData.transform((0, lowest))[1] > edge
    (failed,) = (line for line in axes.lines if line.get_marker() == "x" and len(line.get_xdata()))
    assert failed.get_transform().transform((FAILED, failed.get_ydata()[0]))[1] < edge
    assert min(axes.get_yticks()) > axes.get_ylim()[0]


def test_the_default_is_a_line_with_its_interval(axes, whole):
    note = report_figures.history(axes, whole)
    (line,) = (line for line in axes.lines if line.get_label() == "default")
    assert set(line.get_ydata()) == {whole.default.mean.point}
    band = axes.patches[0].get_extents().transformed(axes.transData.inverted())
    assert (band.y0, band.y1) == pytest.approx((whole.default.mean.low, whole.default.mean.high))
    assert "Dashed: the default configuration on 3 fresh seeds, and its 95 % interval." in note


def test_importance_is_hollow_where_chance_gives_as_much(axes, half):
    sure = Importance(setting="a.b", share=0.9, low=0.5, high=0.95, chance=0.005, is_told=True)
    unsure = Importance(setting="c", share=0.1, low=0.0, high=0.4, chance=0.5, is_told=False)
    note = report_figures.importance(axes, [sure, unsure], half.trials)
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    assert [(line.get_xdata()[0], line.get_markerfacecolor() == "white") for line in dots] == [
        (0.9, False),
        (0.1, True),
    ]
    assert [bar.tolist() for part in axes.collections for bar in part.get_segments()] == [
        [[0.5, 0], [0.95, 0]],
        [[0.0, 1], [0.4, 1]],
    ]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a.b", "c"]
    assert "6 complete trials" in note
    assert note.endswith("Trials that are not complete are not in it.")
    assert "Hollow: no more than chance gives" in note
    assert "Hollow" not in report_figures.importance(axes, [sure], half.trials)


def test_slices_have_the_axes_of_the_space(axes, whole):
    report_figures.slices(axes, whole, asked().axes, default=DEFAULT)
    panels = axes.figure.axes
    assert [panel.get_xlabel() for panel in panels] == [
        "bc.batch_size",
        "bc.optimizer_kwargs.lr",
        "bc.ent_weight",
        "policy.activation_fn",
    ]
    assert [panel.get_xscale() for panel in panels] == ["linear", "log", "linear", "linear"]
    low, high = panels[1].get_xlim()
    assert low < 1e-5, "the whole range is shown"
    assert high > 1e-2
    assert ticks(panels[3]) == ["tanh", "relu"]
    rates = [one.values["bc.optimizer_kwargs.lr"] for one in whole.trials if one.state is State.COMPLETE]
    assert [x for x, _ in points(panels[1], "o")] == rates


def test_no_trial_is_missing_in_a_slice(axes, half):
    report_figures.slices(axes, half, asked().axes, default={})
    for panel in axes.figure.axes:
        assert sum(len(points(panel, marker)) for marker in "oDx+") == len(half.trials)
    (legend,) = axes.figure.legends
    assert set(labels(legend)) == {"running", "complete", "pruned", "failed"}


def test_the_default_is_marked_at_its_value_where_that_is_known(axes, whole):
    report_figures.slices(axes, whole, asked().axes, default=DEFAULT)
    sizes, rates, weights, activations = axes.figure.axes
    mean = whole.default.mean.point
    assert ticks(sizes) == ["8", "32", "64", "16"], "a value that the space has not is one more"
    assert points(sizes, "*") == [(3.0, mean)]
    assert points(rates, "*") == [(0.0004, mean)]
    assert points(weights, "*") == points(activations, "*") == []
    assert all(any(line.get_linestyle() == "--" for line in panel.lines) for panel in axes.figure.axes)


def test_trials_of_a_category_stand_beside_each_other(axes, whole):
    report_figures.slices(axes, whole, asked().axes, default={})
    sizes = axes.figure.axes[0]
    xs = [x for marker in "oDx+" for x, _ in points(sizes, marker)]
    assert len(set(xs)) == len(whole.trials)
    assert all(abs(x - round(x)) <= report_figures._SPREAD + 1e-9 for x in xs)


def test_mappings_and_long_settings_are_lines_of_a_label(axes, half):
    name = "a.setting.with.very.many.parts.in.its.name"
    space = read_space({name: [{"kind": "linear", "n": 1}, {"kind": "exponential with more"}]}, where="here")
    trials = [msgspec.structs.replace(one, values={name: {"kind": "linear", "n": 1}}) for one in half.trials]
    report_figures.slices(axes, msgspec.structs.replace(half, trials=trials), space, default={})
    assert ticks(axes) == ["kind=linear\nn=1", "kind=exponent..."]
    assert axes.get_xlabel().replace("\n", "") == name
    assert "\n" in axes.get_xlabel()


def test_both_means_of_a_configuration_are_joined_and_the_default_is_alone(axes, whole):
    found = phases(whole.final, whole.trials)
    note = report_figures.two_phases(axes, found, seeds=FRESH, searched=3)
    lines = {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}
    assert list(lines) == [one.name for one in found]
    assert list(lines["default"].get_ydata()) == [25.0]
    for one in found[1:]:
        assert list(lines[one.name].get_ydata()) == [one.searched.point, one.judged.point]
        assert lines[one.name].get_linestyle() != "None"
    assert len({line.get_color() for line in lines.values()}) == 4
    bars = [bar.tolist() for part in axes.collections for bar in part.get_segments()]
    assert [[y for _, y in bar] for bar in bars[:1]] == [[found[0].judged.low, found[0].judged.high]]
    assert len(bars) == 1 + 2 * 3
    assert ticks(axes) == ["phase 1, the search\n(3 seeds)", "phase 2\n(3 fresh seeds)"]
    assert note.endswith("On fresh seeds they came to 40 less, on average.")


def test_seeds_are_dots_beside_their_mean(axes, whole):
    found = phases(whole.final, whole.trials)
    report_figures.two_phases(axes, found, seeds=FRESH, searched=3)
    assert sorted(y for _, y in points(axes, ".")) == sorted(
        y for one in found for y in [*one.searched_returns, *one.judged_returns]
    )


def test_a_single_seed_has_no_bar(axes):
    means = {"searched": student_t([3.0]), "judged": student_t([1.0])}
    alone = Phases(name="trial 0", number=0, searched_returns=[3.0], judged_returns=[1.0], **means)
    report_figures.two_phases(axes, [alone], seeds=[9], searched=1)
    assert not axes.collections
    assert ticks(axes) == ["phase 1, the search\n(1 seed)", "phase 2\n(1 fresh seed)"]
