from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
import pytest
from scipy import stats

from rlgauge.stats import coverage
from rlgauge.stats.coverage import (
    KINDS,
    aggregates_covered,
    improvement_covered,
    main,
    mean_covered,
    population,
    rate_covered,
    success_covered,
)
from rlgauge.stats.summary import Summary


def test_the_populations_are_what_they_are_called():
    normal, lognormal = population("normal", 0.4), population("lognormal", 0.4)
    assert (normal.mean(), normal.std()) == pytest.approx((0.4, 0.1), rel=1e-3)
    assert np.log(lognormal).mean() == pytest.approx(math.log(0.4))
    assert np.log(lognormal).std() == pytest.approx(0.5, rel=1e-3)
    bimodal = population("bimodal", 0.4)
    assert (bimodal < 0.3).mean() == pytest.approx(0.3)
    assert (bimodal.mean(), bimodal[bimodal > 0.3].mean()) == pytest.approx((0.38, 0.5), abs=1e-4)


@pytest.mark.parametrize("location", [0.3, 0.5, 0.7])
def test_the_success_rates_are_beta_binomial(location):
    scores = population("success", location)
    concentration = location * (1 - location) / 0.01 - 1
    reference = stats.betabinom(50, location * concentration, (1 - location) * concentration)
    shares = np.bincount((scores * 50).round().astype(int), minlength=51) / len(scores)
    assert shares == pytest.approx(reference.pmf(range(51)), abs=1e-4)


def test_the_truth_is_that_of_the_whole_population():
    populations = coverage._populations("lognormal", 3)
    assert coverage._metric("iqm", populations) == pytest.approx(stats.trim_mean(populations, 0.25, axis=None))
    assert coverage._metric("mean", populations) == pytest.approx(np.mean([0.3, 0.5, 0.7]) * math.exp(0.125), rel=1e-3)
    assert coverage._metric("median", populations) == np.median(populations.mean(axis=1))
    gap = np.mean([max(0, 1 - score) for score in populations.ravel()])
    assert coverage._metric("optimality_gap", populations) == pytest.approx(gap)
    normal = coverage._populations("normal", 2)
    expected = stats.norm.cdf(0.12 / (0.1 * math.sqrt(2)))
    assert coverage._improvement(normal + 0.12, normal) == pytest.approx(expected, abs=1e-4)


def test_scores_moved_up_by_fiftieths_tie_with_the_others():
    (found,) = improvement_covered("success", 0.75, tasks=1, studies=1, methods=("logit-t",))
    rates = np.arange(51) / 50
    reference = stats.betabinom(50, 12, 12).pmf(range(51))
    truths = [
        sum(
            p * q * ((x + step / 50 - y > 1e-6) + (abs(x + step / 50 - y) < 1e-6) / 2)
            for x, p in zip(rates, reference, strict=True)
            for y, q in zip(rates, reference, strict=True)
        )
        for step in (3, 4, 5, 6)
    ]
    assert min(abs(found.truth - truth) for truth in truths) < 1e-4


def test_the_default_interval_covers_where_plain_percentiles_fall_short():
    """400 studies of each kind, 1,600 in all: three standard errors of a coverage of .95 are .016."""
    shares = defaultdict(list)
    for kind in KINDS:
        for cell in aggregates_covered(
            kind, studies=400, replicates=500, metrics=("iqm", "optimality_gap"), methods=("expanded", "percentile")
        ):
            shares[cell.what, cell.method].append(cell.share)
    for metric in ("iqm", "optimality_gap"):
        assert min(shares[metric, "expanded"]) > 0.91
        assert 0.934 < np.mean(shares[metric, "expanded"]) < 0.966
        assert np.mean(shares[metric, "percentile"]) < 0.925


@pytest.mark.parametrize("probability", [0.5, 0.95, 0.99])
def test_the_probability_of_improvement_is_covered_also_near_1(probability):
    """500 studies: two standard errors of a coverage of .95 are .019; these are near .98."""
    for kind in ("normal", "bimodal"):
        (cell,) = improvement_covered(kind, probability, studies=500, methods=("logit-t",))
        assert cell.share >= 0.95
        assert cell.truth == pytest.approx(probability, abs=0.02)


def test_students_interval_covers_the_mean_of_one_task_of_normal_scores():
    """1,000 studies: three standard errors are .021."""
    by_method = {cell.method: cell.share for cell in mean_covered("normal", studies=1_000, replicates=200)}
    assert by_method["Student t"] == pytest.approx(0.95, abs=0.021)
    assert by_method["percentile"] < 0.9


def test_episodes_pooled_over_seeds_pretend_to_know_more_than_they_do():
    """1,000 studies: three standard errors are .021."""
    over_seeds, pooled = success_covered(0.5, deviation=0.1, seeds=10, studies=1_000)
    assert over_seeds.share == pytest.approx(0.95, abs=0.025)
    assert pooled.share < 0.8


def test_coverage_of_a_rate_is_summed_over_all_outcomes():
    for n, rate in ((20, 0.3), (50, 0.97)):
        cells = {cell.method: cell.share for cell in rate_covered(n, [rate])}
        scipys = [stats.binomtest(k, n).proportion_ci(method="exact") for k in range(n + 1)]
        held = [ci.low <= rate <= ci.high for ci in scipys]
        assert cells["Clopper-Pearson"] == pytest.approx(stats.binom.pmf(range(n + 1), n, rate)[held].sum())
        assert cells["Clopper-Pearson"] >= 0.95 - 1e-12
        assert len(cells) == 3


def test_the_same_simulation_gives_the_same_figures():
    arguments = {"studies": 5, "replicates": 50}
    assert aggregates_covered("normal", **arguments) == aggregates_covered("normal", **arguments)
    assert improvement_covered("normal", 0.9, **arguments) == improvement_covered("normal", 0.9, **arguments)


def test_an_interval_that_is_not_given_does_not_hold_the_truth():
    nothing = Summary(point=1.0, low=None, high=None, n=1, method="none")
    wrong = Summary(point=1.0, low=0.5, high=2.0, n=1, method="none")
    (cell,) = coverage._tally({"mean": 3.0}, [[("mean", "none", nothing)], [("mean", "none", wrong)]])
    assert (cell.share, cell.studies, cell.truth) == (0.0, 2, 3.0)


def test_an_unknown_kind_of_scores_is_refused():
    with pytest.raises(ValueError, match="Unknown scores 'cauchy'"):
        population("cauchy", 0.5)


def test_the_command_writes_tables(capsys):
    main(["--studies", "20", "--quick", "--replicates", "30", "--seeds", "3", "--tasks", "2"])
    written = capsys.readouterr().out
    assert written.startswith("Shares of 2 studies")
    assert written.count("**") == 2 * 6
    for table in written.split("**")[2::2]:
        widths = {line.count("|") for line in table.splitlines() if line.startswith("|")}
        assert len(widths) == 1
    assert written.count("| success | 3 |") == 3 + 4 + 1
