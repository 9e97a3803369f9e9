"""Performance over training: a metric of the runs of all tasks, at every step.

Shapes: T tasks, R runs (training seeds) of a task, N runs of all tasks, K steps, B replicates.
"""

from __future__ import annotations

import bisect
import hashlib
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Literal, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from rlgauge.core.reading import Curve
from rlgauge.stats import with_numba
from rlgauge.stats.aggregate import left_out
from rlgauge.stats.bootstrap import Floats, replicate
from rlgauge.stats.estimate import Method, check_method, summarise
from rlgauge.stats.metrics import Functionals, Metric
from rlgauge.stats.strata import Strata
from rlgauge.stats.summary import Summary

StepsOf = Literal["all", "any"]


class SampleEfficiency(msgspec.Struct, frozen=True, kw_only=True):
    """A metric over training: `summaries[i]` is of all runs at `steps[i]`; steps rise, in the unit of the curves.

    Intervals hold at each step by itself. `warnings` says which steps of the curves are not here.
    """

    metric: Metric
    steps: tuple[float, ...]
    summaries: tuple[Summary, ...]
    warnings: tuple[str, ...] = ()


class _Runs(NamedTuple):
    """Values of one task's runs, (R, K), and which of them were measured."""

    values_RK: Floats
    is_there_RK: NDArray[np.bool_]


def sample_efficiency(
    curves_by_task: Sequence[Sequence[Curve]],
    metric: Metric = "iqm",
    *,
    steps_of: StepsOf = "all",
    method: Method = "expanded",
    confidence: float = 0.95,
    replicates: int = 10_000,
    missing: int = 0,
    optimum: float = 1.0,
    threads: int = 1,
) -> SampleEfficiency:
    """The metric at every step, from one curve a run; tasks may have different numbers of runs.

    Whole runs are resampled: a replicate has the same runs at every step. `steps_of="all"` takes the steps that all
    runs have; with "any" those that some run of every task has, where the summary's `n` and `missing` tell how many
    had it, and steps with the same runs share resamples. A run without any value is missing at every step. Values are
    never interpolated; see `on_steps`. Agarwal et al. 2021, arXiv:2108.13264, section 4.3. Raises ValueError where no
    step is left, for a task without runs, steps that don't rise, or a value that is not finite.
    """
    check_method(method)
    steps_K, tasks, num_empty = _read(curves_by_task)
    chosen_K, warnings = _choose(steps_K, tasks, steps_of)
    num_runs = sum(len(runs.values_RK) for runs in tasks)
    summaries: dict[int, Summary] = {}
    for columns, present in _groups(tasks, chosen_K):
        strata = _strata(present)
        found = _resampled(strata, metric, optimum, replicates if method != "t" else 0, threads=threads)
        for column, one, functionals, replicates_B in zip(columns, strata, *found, strict=True):
            summaries[column] = summarise(
                replicates_B,
                float(functionals.point()[0]),
                [one],
                partial(left_out, one, metric, optimum=optimum),
                method=method,
                confidence=confidence,
                missing=missing + num_empty + num_runs - one.num,
                units=one.sizes,
            )
    return SampleEfficiency(
        metric=metric,
        steps=tuple(float(steps_K[column]) for column in sorted(summaries)),
        summaries=tuple(summaries[column] for column in sorted(summaries)),
        warnings=tuple(warnings),
    )


def on_steps(curve: Curve, steps: Iterable[float]) -> Curve:
    """The curve at other steps: what was last measured up to each. Steps before its first or after its last are absent.

    For runs that report at steps of their own, such as the ends of episodes.
    """
    held = [step for step in steps if curve.steps and curve.steps[0] <= step <= curve.steps[-1]]
    return Curve(tuple(held), tuple(curve.values[bisect.bisect_right(curve.steps, step) - 1] for step in held))


def _read(curves_by_task: Sequence[Sequence[Curve]]) -> tuple[Floats, list[_Runs], int]:
    """All steps in rising order, the values task by task, and how many curves have none."""
    given = [[_checked(curve) for curve in curves if curve.steps] for curves in curves_by_task]
    if not given or min(map(len, given)) == 0:
        raise ValueError("every task needs the curve of at least one run; leave out the tasks that have none")
    steps_K = np.unique([step for curves in given for curve in curves for step in curve.steps])
    num_empty = sum(map(len, curves_by_task)) - sum(map(len, given))
    return steps_K, [_values(curves, steps_K) for curves in given], num_empty


def _checked(curve: Curve) -> Curve:
    if len(curve.steps) != len(curve.values):
        raise ValueError(f"a curve has {len(curve.steps)} steps and {len(curve.values)} values")
    if not np.isfinite(curve.steps).all() or not np.isfinite(curve.values).all():
        raise ValueError("a value of a curve is not finite; a step that was not measured is left out")
    if not (np.diff(curve.steps) > 0).all():
        raise ValueError("the steps of a curve must rise")
    return curve


def _values(curves: Sequence[Curve], steps_K: Floats) -> _Runs:
    runs = _Runs(np.zeros((len(curves), len(steps_K))), np.zeros((len(curves), len(steps_K)), np.bool_))
    for row, curve in enumerate(curves):
        columns = np.searchsorted(steps_K, curve.steps)
        runs.values_RK[row, columns] = curve.values
        runs.is_there_RK[row, columns] = True
    return runs


def _choose(steps_K: Floats, tasks: Sequence[_Runs], steps_of: StepsOf) -> tuple[NDArray[np.bool_], list[str]]:
    """Which steps are used, and what is said of the others. Raises ValueError for none."""
    if steps_of not in {"all", "any"}:
        raise ValueError(f"Unknown steps_of {steps_of!r}. Known: all, any.")
    counts_TK = np.stack([runs.is_there_RK.sum(0) for runs in tasks])
    sizes_T1 = np.array([[len(runs.values_RK)] for runs in tasks])
    chosen_K = np.all(counts_TK == sizes_T1 if steps_of == "all" else counts_TK > 0, axis=0)
    owners = f"all {int(sizes_T1.sum())} runs" if steps_of == "all" else f"a run of each of {len(tasks)} tasks"
    if not chosen_K.any():
        raise ValueError(f"no step was measured in {owners}: put the curves on common steps with on_steps")
    num_cut = int(np.count_nonzero(~chosen_K))
    told = f"{num_cut} of {len(steps_K)} steps are left out: they were not measured in {owners}."
    return np.asarray(chosen_K), [told] if num_cut else []


def _groups(tasks: Sequence[_Runs], chosen_K: NDArray[np.bool_]) -> list[tuple[list[int], list[Floats]]]:
    """Steps that the same runs have, and these runs' values there, (R, steps), task by task."""
    groups: dict[bytes, list[int]] = {}
    is_there_NK = np.concatenate([runs.is_there_RK for runs in tasks])
    for column in np.flatnonzero(chosen_K).tolist():
        groups.setdefault(is_there_NK[:, column].tobytes(), []).append(column)
    return [
        (columns, [runs.values_RK[runs.is_there_RK[:, columns[0]]][:, columns] for runs in tasks])
        for columns in groups.values()
    ]


def _strata(present: Sequence[Floats]) -> list[Strata]:
    """The strata of every step, all with the same runs in the same order, which follows from their values alone."""
    ordered = sorted(
        (values_RK[np.lexsort(values_RK.T[::-1])] for values_RK in present),
        key=lambda values_RK: (len(values_RK), values_RK.tolist()),
    )
    return [
        Strata([values_RK[:, column] for values_RK in ordered], keep_order=True)
        for column in range(ordered[0].shape[1])
    ]


def _resampled(
    strata: Sequence[Strata], metric: Metric, optimum: float, replicates: int, *, threads: int
) -> tuple[list[Functionals], Floats]:
    """The metric of every step, and its replicates, (K, B): none for one run a task."""
    first = strata[0]
    kernels = with_numba.kernels(replicates * first.num * len(strata))
    functionals = [Functionals(one, (metric,), optimum=optimum, kernels=kernels) for one in strata]
    if not replicates or max(first.sizes) == 1:
        return functionals, np.empty((len(strata), 0))

    def reduce(rng: np.random.Generator, num: int) -> Floats:
        drawn_BN = first.draw(rng, num)
        return np.concatenate([one.of_drawn(drawn_BN) for one in functionals], axis=1)

    digest = hashlib.blake2b(b"".join(one.digest() for one in strata), digest_size=16).digest()
    return functionals, replicate(digest, replicates, first.num, reduce, threads=threads).T
