from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from rlgauge.core.reading import Curve
from rlgauge.stats.aggregate import aggregate
from rlgauge.stats.sample_efficiency import on_steps, sample_efficiency
from rlgauge.stats.table import Table


def curves_of(values_TRK, steps=None):
    """A curve a run from values by task, run and step."""
    return [
        [Curve(tuple(steps or range(1, len(values_K) + 1)), tuple(values_K)) for values_K in values_RK]
        for values_RK in values_TRK
    ]


def learning(seed, tasks=4, runs=6, steps=5):
    rng = np.random.default_rng(seed)
    return rng.normal(0, 0.2, (tasks, runs, 1)) + rng.normal(0.2, 0.1, (tasks, runs, steps)).cumsum(axis=2)


def test_at_every_step_it_is_the_metric_of_all_runs():
    values_TRK = learning(0)
    found = sample_efficiency(curves_of(values_TRK, (10.0, 20.0, 30.0, 40.0, 50.0)), replicates=200)
    assert found.steps == (10, 20, 30, 40, 50)
    for place, one in enumerate(found.summaries):
        assert one.point == pytest.approx(stats.trim_mean(values_TRK[:, :, place], 0.25, axis=None), rel=1e-12)
        assert one.low < one.point < one.high
        assert (one.n, one.missing, one.warnings) == (24, 0, ())
    assert (found.metric, found.warnings) == ("iqm", ())


@pytest.mark.parametrize("metric", ["iqm", "mean", "median", "optimality_gap"])
@pytest.mark.parametrize("method", ["expanded", "percentile", "bca", "t"])
def test_whole_runs_are_resampled_the_same_at_every_step(metric, method):
    """What doubles from one step to the next has an interval that doubles to the last digits."""
    values_TR = learning(1)[:, :, 0]
    curves = curves_of(np.stack([values_TR, 2 * values_TR], axis=2))
    first, second = sample_efficiency(curves, metric, method=method, replicates=300, optimum=0.0).summaries
    assert [second.low, second.point, second.high] == pytest.approx([2 * first.low, 2 * first.point, 2 * first.high])


def test_the_interval_at_a_step_is_that_of_the_scores_there():
    """Different random numbers: ends of 20,000 replicates each, within 5 standard errors of a quantile."""
    values_TRK = learning(2)
    found = sample_efficiency(curves_of(values_TRK), method="percentile", replicates=20_000).summaries[2]
    alone = aggregate(values_TRK[:, :, 2], method="percentile", replicates=20_000)
    spread = (alone.high - alone.low) / (2 * 1.96)
    error = np.sqrt(0.025 * 0.975 / 20_000) / stats.norm.pdf(1.96) * spread * np.sqrt(2)
    assert found.point == alone.point
    assert abs(found.low - alone.low) < 5 * error
    assert abs(found.high - alone.high) < 5 * error


def test_neither_the_order_of_tasks_and_runs_nor_threads_change_a_digit():
    curves = curves_of(learning(3))
    once = sample_efficiency(curves, replicates=8_000)
    assert sample_efficiency([runs[::-1] for runs in curves[::-1]], replicates=8_000, threads=2) == once
    assert sample_efficiency(curves_of(learning(4)), replicates=8_000) != once


def test_steps_that_a_run_lacks_are_left_out_and_said():
    curves = curves_of(learning(5))
    curves[0][0] = Curve((1, 2, 3), curves[0][0].values[:3])
    found = sample_efficiency(curves, replicates=100)
    assert found.steps == (1, 2, 3)
    assert found.warnings == ("2 of 5 steps are left out: they were not measured in all 24 runs.",)


def test_with_any_steps_are_kept_as_far_as_every_task_has_a_run_and_n_tells_how_many():
    values_TRK = learning(6)
    curves = curves_of(values_TRK)
    curves[0][0] = Curve((1, 2, 3), curves[0][0].values[:3])
    curves[1] = [Curve((1, 2, 3, 4), curve.values[:4]) for curve in curves[1]]
    found = sample_efficiency(curves, "mean", steps_of="any", replicates=200, missing=2)
    assert found.steps == (1, 2, 3, 4)
    assert [(one.n, one.missing) for one in found.summaries] == [(24, 2)] * 3 + [(23, 3)]
    left = [values_TRK[0, 1:, 3], *values_TRK[1:, :, 3]]
    assert found.summaries[3].point == pytest.approx(np.mean([task.mean() for task in left]))
    assert found.warnings == ("1 of 5 steps are left out: they were not measured in a run of each of 4 tasks.",)


def test_a_run_without_values_is_missing_everywhere_and_takes_no_step_away():
    curves = curves_of(learning(7))
    curves[2][1] = Curve((), ())
    found = sample_efficiency(curves, replicates=100)
    assert len(found.steps) == 5
    assert {(one.n, one.missing) for one in found.summaries} == {(23, 1)}


def test_one_run_a_task_has_points_and_no_interval():
    found = sample_efficiency(curves_of(learning(8, runs=1)))
    assert all(one.low is None and "One seed a task" in one.warnings[0] for one in found.summaries)


def test_where_all_runs_begin_alike_the_interval_without_width_is_warned_of():
    values_TRK = learning(9)
    values_TRK[:, :, 0] = 0.0
    start = sample_efficiency(curves_of(values_TRK), replicates=100).summaries[0]
    assert (start.low, start.high) == (0, 0)
    assert any("no width" in warning for warning in start.warnings)


def test_curves_come_from_a_table_and_scores_that_were_not_measured_are_not_in_them():
    rows = [
        {"algorithm": "ppo", "task": task, "seed": seed, "step": step, "score": seed + step if step < 30 else None}
        for task in ("b", "a")
        for seed in range(3)
        for step in (20, 10, 30)
    ]
    curves = Table.from_rows(rows).curves("ppo")
    assert curves == ((Curve((10, 20), (10, 20)), Curve((10, 20), (11, 21)), Curve((10, 20), (12, 22))),) * 2
    assert [one.point for one in sample_efficiency(curves, replicates=50).summaries] == [11, 21]


@given(
    st.lists(st.integers(0, 30), unique=True, min_size=1).map(sorted),
    st.lists(st.integers(-5, 35), unique=True).map(sorted),
)
def test_on_other_steps_a_curve_has_what_was_last_measured_and_nothing_before_or_after(own, steps):
    curve = Curve(tuple(own), tuple(100.0 + step for step in own))
    found = on_steps(curve, steps)
    assert list(found.steps) == [step for step in steps if own[0] <= step <= own[-1]]
    assert list(found.values) == [100.0 + max(before for before in own if before <= step) for step in found.steps]


def test_a_curve_without_values_stays_without():
    assert on_steps(Curve((), ()), [1, 2]) == Curve((), ())


@pytest.mark.parametrize(
    ("curves", "options", "message"),
    [
        ([], {}, "at least one run"),
        ([[]], {}, "at least one run"),
        ([[Curve((), ())]], {}, "at least one run"),
        ([[Curve((1,), (1.0,)), Curve((2,), (1.0,))]], {}, "all 2 runs: put the curves on common steps"),
        ([[Curve((1,), (1.0,))], [Curve((2,), (1.0,))]], {"steps_of": "any"}, "a run of each of 2 tasks"),
        ([[Curve((1, 2), (1.0,))]], {}, "2 steps and 1 values"),
        ([[Curve((2, 1), (1.0, 2.0))]], {}, "must rise"),
        ([[Curve((1, 1), (1.0, 2.0))]], {}, "must rise"),
        ([[Curve((1,), (float("nan"),))]], {}, "not finite"),
        ([[Curve((float("inf"),), (1.0,))]], {}, "not finite"),
        ([[Curve((1,), (1.0,))]], {"steps_of": "some"}, "Known: all, any"),
        ([[Curve((1,), (1.0,))]], {"metric": "best"}, "Unknown metric"),
        ([[Curve((1,), (1.0,))]], {"method": "basic"}, "Unknown method"),
    ],
)
def test_what_is_no_set_of_curves_is_refused(curves, options, message):
    with pytest.raises(ValueError, match=message):
        sample_efficiency(curves, **options)
