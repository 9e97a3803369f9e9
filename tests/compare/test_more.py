from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from rlgauge.compare.line import Verdict
from rlgauge.compare.more import PROBABILITY, chance_to_decide, runs_to_decide
from tests.compare.making import compared, processes

SAME = (-math.log(0.95), math.log(1.05))


def share_decided(*, ratio: float, deviation: float, n: int, seed: int, studies: int = 1500) -> float:
    """How often the command decides a study of n processes a side."""
    rng = np.random.default_rng(seed)
    ours_SP = 1000 * ratio * np.exp(deviation * rng.standard_normal((studies, n)))
    theirs_SP = 1000 * np.exp(deviation * rng.standard_normal((studies, n)))
    verdicts = [
        compared(processes(ours), processes(theirs)).lines[0].verdict
        for ours, theirs in zip(ours_SP, theirs_SP, strict=True)
    ]
    return 1 - verdicts.count(Verdict.INCONCLUSIVE) / studies


@pytest.mark.parametrize(("ratio", "deviation"), [(0.96, 0.05), (0.98, 0.03), (1.0, 0.04)])
def test_so_many_more_processes_decide_with_the_probability_that_is_told(ratio, deviation):
    """A share of 80 % of 1500 studies has a standard error of 1 point; the estimate is normal, variances are not."""
    more = runs_to_decide(
        point=math.log(ratio), variances=(deviation**2,) * 2, n=(5, 5), same=SAME, confidence=0.95, num_lines=1
    )
    assert more is not None
    assert share_decided(ratio=ratio, deviation=deviation, n=5 + more, seed=1) >= PROBABILITY - 0.05
    if more > 2:
        assert share_decided(ratio=ratio, deviation=deviation, n=5 + more - 3, seed=1) < PROBABILITY + 0.05


def test_the_number_is_the_least_that_suffices():
    told = {"point": math.log(0.97), "variances": (0.002, 0.001), "same": SAME, "confidence": 0.95, "num_lines": 3}
    more = runs_to_decide(n=(5, 4), **told)
    assert chance_to_decide(n=(5 + more, 4 + more), **told) >= PROBABILITY
    assert chance_to_decide(n=(5 + more - 1, 4 + more - 1), **told) < PROBABILITY


def test_more_lines_need_more_runs():
    told = {"point": math.log(0.93), "variances": (0.004, 0.004), "n": (5, 5), "same": SAME, "confidence": 0.95}
    assert runs_to_decide(num_lines=20, **told) > runs_to_decide(num_lines=1, **told)


def test_what_lies_on_the_edge_of_the_same_is_decided_by_a_test_alone():
    """The chance of a test at a difference, by the noncentral t distribution, where `same` is out of reach."""
    chance = chance_to_decide(
        point=0.5, variances=(1.0, 1.0), n=(20, 20), same=(1e-9, 1e-9), confidence=0.95, num_lines=1
    )
    error = math.sqrt(2 / 20)
    df = 1 / (1 / 38 + 1 / 80 * 2 / 19)  # the share of a side is beta distributed, with a variance of 1 / 80
    limit, shift = stats.t.ppf(0.95, df), 0.5 / error
    assert chance == pytest.approx(stats.nct.sf(limit, 38, shift) + stats.nct.cdf(-limit, 38, shift), abs=1e-6)


@pytest.mark.parametrize(("point", "deviation"), [(0.25, 0.1), (0.35, 0.14), (0.3, 0.12)])
def test_few_runs_decide_with_the_probability_that_is_told(point, deviation):
    """Where the deviation is an estimate of a few: the normal distribution with it known promises one more run."""
    variances = (deviation**2, deviation**2)
    told = {"point": point, "variances": variances, "n": (2, 2), "confidence": 0.95, "num_lines": 1}
    more = runs_to_decide(same=SAME, **told)
    assert more is not None
    share = share_decided(ratio=math.exp(point), deviation=deviation, n=2 + more, seed=3, studies=700)
    assert share >= PROBABILITY - 0.03


def test_without_a_band_and_without_a_difference_nothing_decides():
    """Exactly no difference: a test finds one as often as it errs."""
    told = {"point": 0.0, "variances": (1.0, 1.0), "n": (5, 5), "same": (0.0, 0.0), "confidence": 0.95, "num_lines": 1}
    assert runs_to_decide(**told) is None


def test_constant_runs_need_as_many_as_a_permutation_test():
    told = {"variances": (0.0, 0.0), "n": (1, 1), "same": SAME, "confidence": 0.95, "num_lines": 1}
    assert runs_to_decide(point=0.1, **told) == 2
    assert runs_to_decide(point=0.0, **told) is None
