from __future__ import annotations

import functools
import subprocess
import sys

import numpy as np
import pytest

from rlgauge.core.reading import Curve
from rlgauge.stats import with_numba
from rlgauge.stats.aggregate import aggregates
from rlgauge.stats.difference import difference
from rlgauge.stats.metrics import METRICS, Functionals
from rlgauge.stats.profiles import Shares, performance_profile
from rlgauge.stats.sample_efficiency import sample_efficiency
from rlgauge.stats.strata import Strata, whole

SIZES = [(1,), (2,), (4,), (7,), (3, 3), (5,) * 5, (6,) * 4, (1,) * 6, (10,) * 26]


@pytest.fixture(scope="module", name="kernels")
def compiled_kernels():
    return with_numba.kernels()


def scores_of(kind, sizes, seed=0):
    rng = np.random.default_rng([seed, *sizes])
    match kind:
        case "normal":
            return [rng.normal(0.1 * task, 1, size) for task, size in enumerate(sizes)]
        case "tied":
            return [rng.integers(0, 4, size) / 3 for size in sizes]
        case "huge":
            return [rng.normal(0, 1e200, size) for size in sizes]
        case "tiny":
            return [rng.normal(0, 1e-310, size) for size in sizes]
        case _:
            return [np.full(size, 0.1) for size in sizes]


KINDS = ["normal", "tied", "huge", "tiny", "equal"]


def drawn_of(strata, num=50, seed=0):
    return strata.draw(np.random.default_rng(seed), num)


def functionals_of(strata, kernels):
    return Functionals(strata, METRICS, optimum=0.7, kernels=kernels)


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("kind", KINDS)
def test_metrics_of_resamples_are_numpys_to_the_last_digit(kernels, kind, sizes):
    strata = Strata(scores_of(kind, sizes))
    drawn_BN = drawn_of(strata)
    compiled, numpys = functionals_of(strata, kernels), functionals_of(strata, None)
    assert compiled.kernels is kernels
    assert compiled.of_drawn(drawn_BN).tolist() == numpys.of_drawn(drawn_BN).tolist()


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("kind", KINDS)
def test_tallies_of_profiles_are_numpys(kernels, kind, sizes):
    strata = Strata(scores_of(kind, sizes))
    thresholds = [strata.scores_N[0] - 1, *np.unique(strata.scores_N), strata.scores_N[-1] + 1]
    shares = Shares(strata, thresholds, "runs")
    shape = len(thresholds), strata.num + 1
    ours, theirs = np.full(shape, 5), np.full(shape, 5)
    for part in (drawn_of(strata), drawn_of(strata, num=1, seed=1)):
        shares.count_drawn(part, ours, kernels)
        shares.count_drawn(part, theirs, None)
    assert ours.tolist() == theirs.tolist()
    assert ours.sum() == 51 * len(thresholds) + 5 * ours.size


@pytest.mark.parametrize("sizes", SIZES)
def test_sums_are_those_of_whole_numbers(kernels, sizes):
    """Against Python's, which have no bounds."""
    strata = Strata(scores_of("normal", sizes))
    drawn_BN = drawn_of(strata, num=20)
    levels_NP = whole(strata.scores_N).levels_NP
    of_seed = [[int(level) for level in levels_NP[place]] for place in strata.place_N]
    sums = [[sum(of_seed[seed][part] for seed in row) for part in (0, 1)] for row in drawn_BN]
    assert kernels.sums(drawn_BN, strata.place_N, levels_NP).tolist() == sums
    by_task = kernels.task_sums(drawn_BN, levels_NP[strata.place_N], sizes[0])
    assert by_task.shape == (20, len(sizes), 2)
    for row, found_TP in zip(drawn_BN, by_task, strict=True):
        tasks = np.split(row, len(sizes))
        assert found_TP.tolist() == [[sum(of_seed[seed][part] for seed in own) for part in (0, 1)] for own in tasks]


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("cut", [0, 1, 3])
def test_middle_sums_clip_how_many_were_drawn_below_each_step(kernels, sizes, cut):
    strata = Strata(scores_of("tied", sizes))
    drawn_BN = drawn_of(strata, num=20)
    steps_NP = whole(strata.scores_N).steps()
    cut = min(cut, strata.num // 2)
    found_BP = kernels.middle_sums(drawn_BN, strata.place_N, steps_NP, cut)
    for row, found_P in zip(drawn_BN, found_BP, strict=True):
        places = strata.place_N[row]
        kept = [min(max(int((places <= place).sum()), cut), strata.num - cut) for place in range(strata.num)]
        steps = [[int(step) for step in steps_P] for steps_P in steps_NP]
        assert found_P.tolist() == [sum(k * step[part] for k, step in zip(kept, steps, strict=True)) for part in (0, 1)]


def test_more_seeds_than_16_bits_count_are_summed_as_numpy_does(kernels):
    strata = Strata([np.random.default_rng(0).normal(size=70_000)])
    drawn_BN = drawn_of(strata, num=2)
    assert drawn_BN.dtype == np.uint32
    compiled, numpys = functionals_of(strata, kernels), functionals_of(strata, None)
    assert compiled.of_drawn(drawn_BN).tolist() == numpys.of_drawn(drawn_BN).tolist()


def curves_of(tasks):
    return [[Curve((1, 2, 3), (score, score + 0.1, 2 * score)) for score in task] for task in tasks]


QUESTIONS = {
    "aggregates": lambda tasks, others, options: aggregates(tasks, **options),
    "BCa": lambda tasks, others, options: aggregates(tasks, method="bca", **options),
    "tasks resampled": lambda tasks, others, options: aggregates(tasks, resample_tasks=True, **options),
    "difference": lambda tasks, others, options: difference(candidate=tasks, baseline=others, **options),
    "paired": lambda tasks, others, options: difference(candidate=tasks, baseline=others, paired=True, **options),
    "profile": lambda tasks, others, options: performance_profile(tasks, [0.1, 0.4, 0.9], **options),
    "profile of tasks": lambda tasks, others, options: performance_profile(tasks, [0.1], average="tasks", **options),
    "curve": lambda tasks, others, options: sample_efficiency(curves_of(tasks), "iqm", **options),
}


@pytest.mark.parametrize("sizes", [(5,) * 4, (3, 7, 4)])
@pytest.mark.parametrize("question", QUESTIONS)
def test_every_answer_is_the_same_to_the_last_digit_with_numba_or_without_on_one_thread_or_two(
    kernels, monkeypatch, question, sizes
):
    tasks, others = scores_of("normal", sizes), scores_of("normal", sizes, seed=1)
    answers = []
    for given in (kernels, None):
        monkeypatch.setattr(with_numba, "kernels", lambda num_draws, given=given: given)
        answers += [QUESTIONS[question](tasks, others, {"replicates": 8_000, "threads": threads}) for threads in (1, 2)]
    assert answers[1:] == answers[:1] * 3


def test_kernels_are_used_where_tasks_have_equally_many_seeds_and_not_elsewhere(kernels):
    assert functionals_of(Strata([[1.0, 2.0], [3.0, 4.0]]), kernels).kernels is kernels
    assert functionals_of(Strata([[1.0, 2.0], [3.0]]), kernels).kernels is None


def test_a_run_that_diverged_needs_more_parts_than_kernels_know_and_numpy_answers(kernels):
    far, near = (Strata([[0.1, 0.2, 0.3, 0.7, outlier]]) for outlier in (1e200, 100.0))
    assert functionals_of(far, kernels).kernels is None
    assert functionals_of(near, kernels).kernels is kernels
    drawn_BN = drawn_of(near)
    in_middle_B = (drawn_BN == drawn_BN.max()).sum(1) <= 1  # of five scores one is cut at either end
    iqm_B = [functionals_of(strata, kernels).of_drawn(drawn_BN)[in_middle_B, 0] for strata in (far, near)]
    assert iqm_B[0] == pytest.approx(iqm_B[1], rel=1e-12)


@pytest.fixture(name="starts")
def starts_counted(monkeypatch):
    """How often Numba was started, by kernels that are none."""
    starts = []

    @functools.cache
    def compiled():
        starts.append(1)
        return with_numba.Kernels(*[len] * 4)

    monkeypatch.setattr(with_numba, "_compiled", compiled)
    return starts


def test_numba_starts_for_work_that_is_worth_it_and_serves_all_that_follows(starts):
    assert with_numba.kernels(1_000_000) is None
    assert starts == []
    first = with_numba.kernels(1 << 28)
    assert first is not None
    assert with_numba.kernels(1) is first
    assert starts == [1]


def test_without_numba_there_are_no_kernels(starts, monkeypatch):
    monkeypatch.setattr(with_numba.importlib.util, "find_spec", lambda name: None)
    assert with_numba.kernels() is None
    assert starts == []


def test_importing_statistics_and_a_small_bootstrap_leave_numba_alone():
    program = (
        "import sys; from rlgauge.stats.aggregate import aggregate; from rlgauge.stats.profiles import *; "
        "aggregate([[0.1, 0.2, 0.4]] * 3, replicates=1000); performance_profile([[0.1, 0.2, 0.4]] * 3, [0.2]); "
        "sys.exit('numba' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
