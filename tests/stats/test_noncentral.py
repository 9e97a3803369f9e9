from __future__ import annotations

import pytest
from scipy import stats

from rlgauge.stats.noncentral import mean_over_deviations, noncentral_t_tail


@pytest.mark.parametrize("df", [2.0, 4.7, 30.0, 1e8])
@pytest.mark.parametrize("shift", [0.0, 1.5, 4.0])
def test_the_mean_over_an_estimated_deviation_gives_the_noncentral_t_distribution(df, shift):
    found = mean_over_deviations(lambda deviation: stats.norm.cdf(shift - 2.0 * deviation), df)
    assert found == pytest.approx(noncentral_t_tail(2.0, df, shift), abs=1e-4)


def test_a_function_with_a_jump_has_its_mean_within_3_hundredths():
    found = mean_over_deviations(lambda deviation: float(deviation < 1.1), 9)
    assert found == pytest.approx(stats.chi2.cdf(1.1**2 * 9, 9), abs=0.03)
