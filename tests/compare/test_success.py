from __future__ import annotations

import numpy as np
import pytest

from rlgauge.compare.comparison import Comparison, Outcome
from rlgauge.core.reading import Reading, Total
from tests.compare.making import checkpoint, compared, processes, seeds

STUDIES = 700
"""A share of 5.5 % of them has a standard error of 0.9 points, one of 2 % of 0.5."""
EPISODES = 10


def rate(successes: int, episodes: int, *, seed: int = 0, **fields) -> Reading:
    """A training seed that tells how many of its episodes succeeded, and not which."""
    mean = successes / episodes
    total = Total(n=episodes, mean=mean, squares=episodes * mean * (1 - mean))
    fields = {"algorithm": "toy", "source": "here", "units": {"success": "success"}, **fields}
    return Reading(task="T", seed=seed, totals={"success": total}, **fields)


def drawn(rng: np.random.Generator, num_seeds: int, success: float) -> list[Reading]:
    wins = rng.binomial(EPISODES, success, num_seeds)
    return [rate(int(own), EPISODES, seed=seed) for seed, own in enumerate(wins)]


def share_of_regressions(num_seeds: tuple[int, int], success: tuple[float, float]) -> float:
    rng = np.random.default_rng(1)
    found = [compared(*map(drawn, (rng, rng), num_seeds, success)).outcome is Outcome.WORSE for _ in range(STUDIES)]
    return sum(found) / STUDIES


@pytest.mark.parametrize(
    ("num_seeds", "success"), [((30, 3), 0.95), ((20, 5), 0.97), ((10, 3), 0.95), ((5, 3), 0.95), ((5, 5), 0.95)]
)
def test_what_did_not_change_is_called_worse_in_at_most_5_percent_of_studies(num_seeds, success):
    """Few seeds that all succeed show no deviation; by Welch's test alone the first is called worse in every fifth."""
    assert share_of_regressions(num_seeds, (success, success)) <= 0.055


def test_seeds_that_differ_raise_no_more_alarms():
    """Thirty against three of 50 episodes, beta distributed with a deviation of 0.1: 17 % by Welch's test alone."""
    rng = np.random.default_rng(4)

    def differing(num_seeds: int) -> list[Reading]:
        return [rate(int(rng.binomial(50, rng.beta(8.1, 0.9))), 50, seed=seed) for seed in range(num_seeds)]

    found = [compared(differing(30), differing(3)).outcome is Outcome.WORSE for _ in range(STUDIES)]
    assert sum(found) / STUDIES <= 0.055


def test_it_costs_equal_numbers_of_seeds_hardly_any_power():
    """Welch's test alone finds 83 % of these, 20,000 studies each."""
    assert share_of_regressions((5, 5), (0.75, 0.95)) >= 0.78


def line_of(comparison: Comparison):
    (line,) = comparison.lines
    return line


@pytest.mark.parametrize(("ours", "theirs"), [(0.84, 0.5), (0.49, 0.5), (1.0, 0.0)])
def test_a_rate_of_untold_episodes_is_no_count_of_one_and_is_not_tested(ours, theirs):
    line = line_of(compared(seeds([ours], "success"), seeds([theirs], "success")))
    assert line.difference == pytest.approx(ours - theirs)
    assert (line.p_worse, line.p_better, line.low, line.high) == (None, None, None, None)
    assert any("no count of episodes" in warning for warning in line.warnings)
    assert not any("over their episodes" in warning for warning in line.warnings)


def test_two_rates_of_known_episodes_are_tested():
    line = line_of(compared([rate(84, 100)], [rate(50, 100)]))
    assert (line.method.split(",")[0], line.word, line.num_candidate) == ("Boschloo", "better", 100)


def test_the_mean_of_two_trainings_of_a_seed_has_no_episodes():
    """1 of 1 and 0 of 99 are no 50 of 100."""
    line = line_of(compared([rate(1, 1), rate(0, 99)], [rate(20, 100)]))
    assert (line.candidate, line.baseline) == (0.5, 0.2)
    assert (line.p_worse, line.low, line.verdict) == (None, None, "inconclusive")


def test_seeds_of_untold_episodes_are_tested_by_their_own_deviation():
    ours, theirs = [0.80, 0.81, 0.79], [0.90, 0.91, 0.89]
    untold = line_of(compared(seeds(ours, "success"), seeds(theirs, "success")))
    told = line_of(
        compared(*([rate(round(20 * own), 20, seed=seed) for seed, own in enumerate(side)] for side in (ours, theirs)))
    )
    assert untold.word == "worse"
    assert told.verdict == "inconclusive"


def test_seeds_that_all_succeed_on_both_sides_are_the_same_where_their_episodes_are_enough():
    for episodes, verdict in ((5, "inconclusive"), (50, "same")):
        side = [rate(episodes, episodes, seed=seed) for seed in range(5)]
        other = [rate(episodes, episodes, seed=seed, source="there") for seed in range(5)]
        assert line_of(compared(side, other)).verdict == verdict


def test_few_returns_that_do_not_deviate_raise_no_alarm():
    """Three seeds at the most that there is, against thirty of which some fell short."""
    rng = np.random.default_rng(2)
    short = [500.0 if rng.random() < 0.8 else 480.0 for _ in range(30)]
    assert compared(seeds(short), seeds([500.0] * 3), tolerance=0.0).outcome is Outcome.FINE


def test_pairs_of_large_returns_that_differ_by_the_same_have_no_interval():
    theirs = [100_000.0, 1_000.0, 0.0]
    ours = [own + 0.1 for own in theirs]
    assert line_of(compared([checkpoint(ours)], [checkpoint(theirs)])).low is None


def test_processes_of_unequal_numbers_are_tested_by_the_deviation_of_all():
    """Two that agree by chance say little: Welch's test alone has a p-value under 0.01."""
    many = [1000.0 * factor for factor in (0.9, 0.93, 0.96, 0.99, 1.0, 1.01, 1.02, 1.03, 0.91, 0.95)]
    line = line_of(compared(processes(many), processes([1030.0, 1031.0])))
    assert line.p_worse > 0.05
