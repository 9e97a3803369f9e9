"""False alarms, episodes and coverage of comparisons that are looked at while episodes come in, by simulation.

    python benchmarks/sequential.py [--studies 2000] [--episodes 500] [--json FILE]

Every study is a comparison of two policies on the same episodes, or the measurement of one. Ours is looked at after
every episode, and stops once it is decided; exact McNemar and the paired t test, meant for a number of episodes that is
fixed beforehand, are looked at every 10 episodes for contrast, and once only, after 100 episodes and after all. Seeded:
the same figures come again.
"""

from __future__ import annotations

import argparse
import functools
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rlgauge.stats.confidence_sequence import ConfidenceSequence, Wealth
from rlgauge.stats.paired import mcnemar_exact
from rlgauge.stats.quantiles import student_t_quantile

Floats = NDArray[np.float64]
Pairs = tuple[Floats, Floats]
"""Candidate and baseline, episodes by studies."""
Draw = Callable[[np.random.Generator, tuple[int, int]], Pairs]

ALPHA, EVERY = 0.05, 10


class Row(NamedTuple):
    """Shares of studies in which a difference was found, and episodes played by ours."""

    case: str
    ours: float
    wrong_way: float
    mean_episodes: float
    looked_at: float
    once_100: float
    once: float


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--episodes", type=int, default=500)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    size = (options.episodes, options.studies)
    tables = {
        "no difference (false alarms)": [study(name, draw, size) for name, draw in EQUAL.items()],
        "a difference": [study(name, draw, size) for name, draw in UNEQUAL.items()],
    }
    for title, rows in tables.items():
        print(f"{title}; at most {options.episodes} episodes, {options.studies} studies")
        print(f"{'':34}{'ours':>8}{'wrong way':>11}{'episodes':>10}{'saved':>7}", end="")
        print(f"{'every 10':>10}{'100 once':>10}{'all once':>10}")
        for row in rows:
            saved = 1 - row.mean_episodes / options.episodes
            ours = f"{row.ours:8.1%}{row.wrong_way:11.1%}{row.mean_episodes:10.0f}{saved:7.0%}"
            print(f"{row.case:34}{ours}{row.looked_at:10.1%}{row.once_100:10.1%}{row.once:10.1%}")
        print()
    widths = list(precision(options.studies))
    if options.json is not None:
        options.json.write_text(json.dumps({**tables, "precision": widths}, indent=1) + "\n")


def success(p: float, q: float, *, shared: float = 0.0) -> Draw:
    """Successes with these rates; `shared` is the share of episodes whose difficulty decides for both alike."""

    def draw(rng: np.random.Generator, size: tuple[int, int]) -> Pairs:
        ours, theirs = rng.random(size), rng.random(size)
        theirs = np.where(rng.random(size) < shared, ours, theirs)
        return (ours < p).astype(float), (theirs < q).astype(float)

    return draw


def normal(difference: float, deviation: float) -> Draw:
    """Returns around 0.5, cut to 0..1, that share the difficulty of the episode."""

    def draw(rng: np.random.Generator, size: tuple[int, int]) -> Pairs:
        level = 0.5 + deviation * rng.standard_normal(size)
        ours, theirs = (level + sign * difference / 2 + deviation * rng.standard_normal(size) for sign in (1, -1))
        return np.clip(ours, 0, 1), np.clip(theirs, 0, 1)

    return draw


def skewed(rng: np.random.Generator, size: tuple[int, int]) -> Pairs:
    """Returns of 0, and 1 now and then, against a constant one with the same mean."""
    return (rng.random(size) < 0.05).astype(float), np.full(size, 0.05)  # noqa: PLR2004


EQUAL: dict[str, Draw] = {
    "success .5 / .5": success(0.5, 0.5),
    "success .1 / .1": success(0.1, 0.1),
    "success .5 / .5, half shared": success(0.5, 0.5, shared=0.5),
    "success .9 / .9, most shared": success(0.9, 0.9, shared=0.9),
    "return in 0..1, deviation .1": normal(0.0, 0.1),
    "return in 0..1, deviation .3": normal(0.0, 0.3),
    "return, rare ones / constant": skewed,
}
UNEQUAL: dict[str, Draw] = {
    "success .95 / .5": success(0.95, 0.5),
    "success .8 / .5": success(0.8, 0.5),
    "success .7 / .5": success(0.7, 0.5),
    "success .7 / .5, half shared": success(0.7, 0.5, shared=0.5),
    "success .6 / .5": success(0.6, 0.5),
    "return +.05, deviation .1": normal(0.05, 0.1),
    "return +.1, deviation .3": normal(0.1, 0.3),
}


def study(name: str, draw: Draw, size: tuple[int, int]) -> Row:
    """One row: ours after every pair, the fixed test every 10 pairs and once at the end."""
    ours_NS, theirs_NS = draw(np.random.default_rng(1), size)
    differences_NS = ours_NS - theirs_NS
    decided_S, side_S = decide(differences_NS)
    is_success = name.startswith("success")
    naive_LS = (mcnemar if is_success else paired_t)(differences_NS)
    return Row(
        case=name,
        ours=float((decided_S > 0).mean()),
        wrong_way=float((side_S < 0).mean()),
        mean_episodes=float(np.where(decided_S > 0, decided_S, len(differences_NS)).mean()),
        looked_at=float(naive_LS.any(axis=0).mean()),
        once_100=float(naive_LS[100 // EVERY - 1].mean()),
        once=float(naive_LS[-1].mean()),
    )


def decide(differences_NS: Floats) -> tuple[NDArray[np.int64], Floats]:
    """After how many pairs each study is decided (0: never) and for which side, as `PairedTest` decides."""
    num = differences_NS.shape[1]
    wealth = Wealth(np.full(num, 0.5))
    decided_S, side_S = np.zeros(num, np.int64), np.zeros(num)
    for n, differences_S in enumerate(differences_NS, 1):
        wealth.bet((differences_S + 1) / 2)
        above_S, below_S = wealth.above, wealth.below
        now_S = (decided_S == 0) & (np.maximum(above_S, below_S) / 2 >= 1 / ALPHA)
        decided_S[now_S], side_S[now_S] = n, np.sign(above_S - below_S)[now_S]
    return decided_S, side_S


def mcnemar(differences_NS: Floats) -> NDArray[np.bool_]:
    """Whether McNemar's exact test finds a difference, every 10 pairs."""
    more_LS = (differences_NS > 0).cumsum(axis=0)[EVERY - 1 :: EVERY]
    less_LS = (differences_NS < 0).cumsum(axis=0)[EVERY - 1 :: EVERY]
    found = np.frompyfunc(lambda more, less: mcnemar_p(int(more), int(less)) <= ALPHA, 2, 1)(more_LS, less_LS)
    return found.astype(bool)  # type: ignore[no-any-return]


@functools.cache
def mcnemar_p(more: int, less: int) -> float:
    """McNemar's exact p-value; without a discordant pair it is 1."""
    if more + less == 0:
        return 1.0
    return mcnemar_exact(candidate=[True] * more + [False] * less, baseline=[False] * more + [True] * less).p_value


def paired_t(differences_NS: Floats) -> NDArray[np.bool_]:
    """Whether the paired t test finds a difference, every 10 pairs."""
    counts_L = np.arange(EVERY, len(differences_NS) + 1, EVERY)
    sums_LS = differences_NS.cumsum(axis=0)[EVERY - 1 :: EVERY]
    squares_LS = (differences_NS**2).cumsum(axis=0)[EVERY - 1 :: EVERY]
    counts_L1 = counts_L[:, None]
    means_LS = sums_LS / counts_L1
    errors_LS = np.sqrt(np.maximum(squares_LS / counts_L1 - means_LS**2, 0) / (counts_L1 - 1))
    limits_L1 = np.array([student_t_quantile(1 - ALPHA / 2, int(n) - 1) for n in counts_L])[:, None]
    return np.abs(means_LS) > limits_L1 * errors_LS


def precision(studies: int) -> Iterator[dict[str, float]]:
    """Rows for one policy: episodes until the interval is so narrow, how often it misses, and Wilson looked at."""
    print(f"one policy, {studies} studies of 1,000 episodes: the rate is outside at some time, in")
    print(f"{'rate':>6}{'ours':>8}{'Wilson':>8}   episodes until 0.2 and 0.1 wide (10 studies)")
    for rate in (0.05, 0.2, 0.5, 0.9):
        successes_NS = (np.random.default_rng(2).random((1000, studies)) < rate).astype(float)
        row = {
            "rate": rate,
            "ours": ever_outside(successes_NS, rate),
            "wilson": wilson_outside(successes_NS, rate),
            "until 0.2": until(rate, 0.2),
            "until 0.1": until(rate, 0.1),
        }
        print(f"{rate:6.2f}{row['ours']:8.1%}{row['wilson']:8.1%}{row['until 0.2']:8.0f}{row['until 0.1']:8.0f}")
        yield row


def ever_outside(values_NS: Floats, mean: float) -> float:
    """The share of studies whose confidence sequence leaves out the mean at some time."""
    wealth = Wealth(np.full(values_NS.shape[1], mean))
    outside_S = np.zeros(values_NS.shape[1], bool)
    for values_S in values_NS:
        wealth.bet(values_S)
        outside_S |= np.maximum(wealth.above, wealth.below) >= 2 / ALPHA
    return float(outside_S.mean())


def wilson_outside(successes_NS: Floats, rate: float) -> float:
    """The share of studies whose Wilson interval leaves out the rate at some look, every 10 episodes."""
    counts_L1 = np.arange(EVERY, len(successes_NS) + 1, EVERY)[:, None]
    rates_LS = successes_NS.cumsum(axis=0)[EVERY - 1 :: EVERY] / counts_L1
    error_L1 = np.sqrt(rate * (1 - rate) / counts_L1)
    return float((np.abs(rates_LS - rate) > 1.959964 * error_L1).any(axis=0).mean())


def until(rate: float, width: float, studies: int = 10) -> float:
    """The mean number of episodes until the interval is so narrow."""
    rng = np.random.default_rng(3)
    counts = []
    for _ in range(studies):
        sequence = ConfidenceSequence(alpha=ALPHA)
        while not sequence.is_within(width):
            sequence.add(float(rng.random() < rate))
        counts.append(sequence.n)
    return math.fsum(counts) / studies


if __name__ == "__main__":
    main()
