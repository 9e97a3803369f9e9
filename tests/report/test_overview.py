"""The overviews of real data, every number computed again with pandas, NumPy, SciPy and rliable."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from msgspec.structs import replace
from rliable import metrics

from rlgauge.compare.references import Normalisation
from rlgauge.core.errors import UserError
from rlgauge.core.run import Status
from rlgauge.importers import read
from rlgauge.report.content import Figure
from rlgauge.report.overview import Overview, make_overview
from rlgauge.report.question import Question
from rlgauge.report.sections.compared import improvements
from tests.compare.making import failed, seeds

DATA = Path(__file__).parents[1] / "data"
PUBLISHED = DATA / "imitation_published_scores.csv"
SACRED = DATA / "sacred_sample"


def overview(path: Path, **asked) -> Overview:
    collected = read([path])
    return make_overview(collected.readings, Question(**asked), notes=collected.notes)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    table = pd.read_csv(PUBLISHED)
    table["normalised"] = table["score"] / table["expert_score"]
    return table


@pytest.fixture(scope="module")
def published() -> Overview:
    return overview(PUBLISHED, normalisation=Normalisation(0.0, "expert"))


def test_means_and_deviations_of_the_published_scores_are_those_of_pandas(table, published):
    cells = table.groupby(["algo", "env"])
    assert len(published.lines) == len(cells) == 20
    for line in published.lines:
        cell = cells.get_group((line.group, line.task))
        assert line.score.point == pytest.approx(cell["score"].mean(), rel=1e-12)
        assert line.sd == pytest.approx(cell["score"].std(), rel=1e-12)
        assert line.normalised.point == pytest.approx(cell["normalised"].mean(), rel=1e-12)
        assert line.normalised_sd == pytest.approx(cell["normalised"].std(), rel=1e-12)
        assert (line.num_runs, line.num_missing) == (len(cell), 0)


def test_intervals_of_the_published_scores_are_those_of_scipy(table, published):
    cells = table.groupby(["algo", "env"])
    for line in published.lines:
        cell = cells.get_group((line.group, line.task))
        for summary, values in ((line.score, cell["score"]), (line.normalised, cell["normalised"])):
            expected = scipy.stats.t.interval(0.95, len(values) - 1, values.mean(), scipy.stats.sem(values))
            assert (summary.low, summary.high) == pytest.approx(expected, rel=1e-10)


def test_aggregates_of_the_published_scores_are_those_of_rliable(table, published):
    functions = {
        "iqm": metrics.aggregate_iqm,
        "mean": metrics.aggregate_mean,
        "median": metrics.aggregate_median,
        "optimality_gap": metrics.aggregate_optimality_gap,
    }
    for one in published.overall:
        own = table[table["algo"] == one.group]
        scores_RT = np.stack([cell["normalised"].to_numpy() for _, cell in own.groupby("env")], axis=1)
        assert scores_RT.shape == (5, 5)
        for name, function in functions.items():
            assert one.metrics[name].point == pytest.approx(function(scores_RT), rel=1e-12)


def test_the_intervals_of_the_mean_are_near_to_those_of_the_stratified_standard_error(table, published):
    for one in published.overall:
        cells = table[table["algo"] == one.group].groupby("env")["normalised"]
        error = np.sqrt((cells.var() / cells.size()).sum()) / cells.ngroups
        half = scipy.stats.t.ppf(0.975, 20) * error
        found = one.metrics["mean"]
        assert found.high - found.low == pytest.approx(2 * half, rel=0.15)


def test_the_expert_scores_that_differ_between_the_published_algorithms_are_told(table, published):
    spans = table.groupby("env")["expert_score"].agg(["min", "max"])
    (told,) = (note for note in published.notes if note.startswith("The expert scores"))
    low, high = spans.loc["seals/Hopper-v0"]
    assert f"seals/Hopper-v0 ({low:.4g} to {high:.4g})" in told
    assert "and 2 more" in told


def test_the_scores_of_the_sacred_sample_are_those_in_its_files():
    found = overview(SACRED)
    expected = {}
    for path in SACRED.glob("*/*/run.json"):
        run = json.loads(path.read_text())
        if run["status"] == "COMPLETED":
            config = json.loads((path.parent / "config.json").read_text())
            statistics = run["result"]["imit_stats"]
            key = (run["command"], config["environment"]["gym_id"])
            expected[key] = statistics["monitor_return_mean"], statistics["monitor_return_std"], statistics["n_traj"]
    assert len(expected) == 4
    measured = {(line.group, line.task): line.score for line in found.lines if line.score is not None}
    assert set(measured) == set(expected)
    for key, (mean, deviation, num) in expected.items():
        half = scipy.stats.t.ppf(0.975, num - 1) * deviation / np.sqrt(num - 1)
        assert measured[key].point == pytest.approx(mean)
        assert (measured[key].low, measured[key].high) == pytest.approx((mean - half, mean + half))


def test_every_run_of_the_sacred_sample_is_counted_with_its_status():
    found = overview(SACRED)
    assert found.statuses == {"COMPLETED": 4, "DIED": 1, "FAILED": 1, "INTERRUPTED": 1}
    assert len(found.found) == 7
    assert found.num_failed == 3
    fates = {(fate.group, fate.task): fate.statuses for fate in found.fates}
    assert fates["gail", "seals/CartPole-v0"] == {"DIED": 1, "INTERRUPTED": 1}
    assert fates["bc", "seals/CartPole-v0"] == {"FAILED": 1}


def test_the_sacred_sample_can_be_grouped_by_what_its_runs_say(tmp_path):
    found = overview(SACRED, by=("experiment", "algorithm"))
    assert {line.group for line in found.lines} == {
        "experiment=train_adversarial, airl",
        "experiment=train_adversarial, gail",
        "experiment=train_imitation, bc",
        "experiment=train_imitation, dagger",
    }


def test_where_nothing_has_a_score_the_runs_are_shown_all_the_same():
    found = make_overview([failed(), failed(status=Status.DIED, seed=1)], Question())
    assert not found.is_measured
    assert [(line.num_runs, line.num_missing, line.unmeasured) for line in found.lines] == [
        (0, 2, {"died": 1, "failed": 1})
    ]
    assert found.overall == []


def test_no_runs_are_refused():
    with pytest.raises(UserError, match="There are no runs to summarise"):
        make_overview([], Question())


def test_episodes_that_ended_in_an_error_are_told():
    runs = seeds([1.0, 2.0], num_errors=3) + seeds([5.0, 6.0], algorithm="b")
    told = make_overview(runs, Question()).notes
    assert "6 episodes ended in an error or a timeout and are in no mean: toy on CartPole-v1 (6)." in told


def test_the_same_warning_of_several_groups_is_one_sentence():
    runs = seeds([1.0, 2.0]) + seeds([5.0, 6.0], algorithm="b")
    (told,) = (note for note in make_overview(runs, Question()).notes if "Only 2 values" in note)
    assert told.startswith("b on CartPole-v1, toy on CartPole-v1: ")


def test_normalising_by_a_smaller_expert_makes_more_of_less():
    runs = [
        run
        for name, scale in (("fast", 1.0), ("slow", 5.0))
        for run in seeds([scale, scale * 1.1, scale * 1.2, scale * 1.3], "seconds", algorithm=name)
    ]
    for ends, best in (((10.0, 1.0), "fast"), ((0.0, 1.0), "fast")):
        found = make_overview(runs, Question(normalisation=Normalisation(*ends), metrics=("iqm",)))
        assert [one.group for one in found.overall if one.best.get("iqm")] == [best]


@pytest.mark.parametrize(("ends", "less"), [((10.0, 1.0), False), (None, True)])
def test_what_is_shown_as_better_is_less_unless_the_normalisation_turned_it(ends, less):
    runs = [*seeds([1.0, 1.1], "seconds", algorithm="fast"), *seeds([5.0, 5.5], "seconds", algorithm="slow")]
    found = make_overview(runs, Question(normalisation=None if ends is None else Normalisation(*ends)))
    assert found.less_is_shown_better is less
    (section,) = improvements(found)
    (figure,) = (block for block in section.body if isinstance(block, Figure))
    assert [(row.label, row.point) for row in figure.chart.rows] == [("fast > slow", 1.0)]


def test_the_better_of_a_pair_comes_first_on_an_axis_of_all_probabilities():
    runs = [*seeds([1.0, 1.1], algorithm="a"), *seeds([5.0, 5.5], algorithm="b"), *seeds([3.0, 5.2], algorithm="c")]
    (section,) = improvements(make_overview(runs, Question()))
    (figure,) = section.body
    shown = [(row.label, row.point, row.series) for row in figure.chart.rows]
    assert shown == [("b > a", 1.0, 1), ("c > a", 1.0, 2), ("b > c", 0.75, 1)]  # the surest first
    assert figure.chart.within == (0.0, 1.0)


def test_single_runs_tell_no_probability_of_improvement():
    runs = [*seeds([1.0], algorithm="a"), *seeds([5.0], algorithm="b")]
    assert list(improvements(make_overview(runs, Question()))) == []


def test_no_interval_of_success_rates_over_all_tasks_holds_what_no_rate_can_be(tmp_path):
    rows = "".join(
        f"{name},{task},{rate}\n"
        for name, rates in (("a", (0, 1, 0.5)), ("b", (0.4, 0.6, 0.8)))
        for rate in rates
        for task in "TU"
    )
    (tmp_path / "s.csv").write_text(f"algo,env,success_rate\n{rows}")
    found = overview(tmp_path / "s.csv").overall
    ends = [(one.low, one.high) for group in found for one in group.metrics.values()]
    assert len(ends) == 8
    assert all(0 <= low < high <= 1 for low, high in ends)
    assert ends[0] == (0.0, 1.0)


def test_warnings_of_runs_that_differ_in_numbers_alone_are_told_once() -> None:
    far = [replace(one, warnings=(f"It is {one.seed + 0.5} off.",)) for one in seeds([1.0, 2.0, 3.0])]
    other = [replace(one, warnings=("It is odd.",)) for one in seeds([1.0, 2.0], algorithm="other")[:1]]
    notes = make_overview([*far, *other], Question()).notes
    told = "3 runs of toy on CartPole-v1 warned with different numbers; the first: It is 0.5 off."
    assert [note for note in notes if "It is" in note] == [told, "other on CartPole-v1: It is odd."]


def test_a_run_that_warns_twice_is_one_and_names_are_no_numbers() -> None:
    one, two = seeds([1.0, 2.0])
    twice = replace(one, warnings=("2 of 10 tests failed.", "3 of 20 tests failed."))
    named = replace(two, warnings=("PPO2 on Ant-v2 is far.", "PPO3 on Ant-v4 is far."))
    assert [note for note in make_overview([twice, named], Question()).notes if "tests" in note or "far" in note] == [
        "1 run of toy on CartPole-v1 warned with different numbers; the first: 2 of 10 tests failed.",
        "toy on CartPole-v1: PPO2 on Ant-v2 is far.",
        "toy on CartPole-v1: PPO3 on Ant-v4 is far.",
    ]


def test_of_many_kinds_of_warnings_the_rest_is_counted() -> None:
    (one,) = seeds([1.0])
    many = replace(one, warnings=tuple(f"Warning {letter}." for letter in "abcdefghij"))
    notes = make_overview([many], Question()).notes
    assert sum("Warning" in note for note in notes) == 8
    assert "Runs have 2 more kinds of warnings: the run.json of each has its own." in notes
