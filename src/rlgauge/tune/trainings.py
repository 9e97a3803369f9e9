"""Trainings of one configuration with some seeds, and the returns that they came to."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from rlgauge.core.errors import UserError
from rlgauge.core.execute import Event, Launcher, Limits, execute
from rlgauge.core.files import StoreError
from rlgauge.core.run import Run, Status
from rlgauge.core.store import Store
from rlgauge.tune.base import Base
from rlgauge.tune.trial import Trial

if TYPE_CHECKING:
    from rlgauge.tune.base import Trainings


class View(Protocol):
    """What is told of how far a tuning is."""

    def say(self, text: str) -> None:
        """Tell a sentence."""

    def begin(self, number: int, num_trials: int, values: Mapping[str, Any]) -> None:
        """Tell that a trial begins."""

    def end(self, trial: Trial, trials: Sequence[Trial]) -> None:
        """Tell what a trial came to, beside all others."""

    def running(
        self, workload: Trainings, store: Store, *, rerun_failed: bool
    ) -> contextlib.AbstractContextManager[Callable[[Event], None]]:
        """What is told of every event of some trainings, while they go on."""


class Silent:
    """Tells nothing."""

    def say(self, text: str) -> None:
        """Tell nothing."""

    def begin(self, number: int, num_trials: int, values: Mapping[str, Any]) -> None:
        """Tell nothing."""

    def end(self, trial: Trial, trials: Sequence[Trial]) -> None:
        """Tell nothing."""

    def running(
        self, workload: Trainings, store: Store, *, rerun_failed: bool
    ) -> contextlib.AbstractContextManager[Callable[[Event], None]]:
        """What takes events and tells nothing."""
        del workload, store, rerun_failed
        return contextlib.nullcontext(lambda _event: None)


class Means(msgspec.Struct, frozen=True):
    """The runs by which configurations are trained, wherever they execute, and what is told of them.

    With `rerun_failed` those that failed before are run again.
    """

    store: Store
    launcher: Launcher
    limits: Limits
    view: View
    rerun_failed: bool = False


class Returns(msgspec.Struct, frozen=True):
    """The mean test return of every seed that gave one, and why the others gave none."""

    by_seed: dict[int, float]
    problems: dict[int, str] = {}

    @property
    def reason(self) -> str | None:
        """Why a seed gave none; None where all gave one."""
        return next((f"seed {seed}: {reason}" for seed, reason in self.problems.items()), None)


def returns_of(base: Base, values: Mapping[str, Any], seeds: Sequence[int], means: Means) -> Returns:
    """The returns of a configuration, after what was missing of it has been trained.

    A configuration that can't be trained gives none. Raises StoreError where nothing can be kept.
    """
    try:
        workload = base.configured(values, seeds)
        with means.view.running(workload, means.store, rerun_failed=means.rerun_failed) as listen:
            found = execute(
                workload,
                means.store,
                launcher=means.launcher,
                limits=means.limits,
                rerun_failed=means.rerun_failed,
                on_event=listen,
            )
    except StoreError:
        raise
    except UserError as error:
        return Returns({}, {seeds[0]: str(error)})
    runs = [found[case.id] for case in workload.cases()]
    told = {seed: _return(run, workload.num_tests) for seed, run in zip(seeds, runs, strict=True)}
    return Returns(
        {seed: one for seed, one in told.items() if isinstance(one, float)},
        {seed: one for seed, one in told.items() if isinstance(one, str)},
    )


def _return(run: Run | None, num_tests: int) -> float | str:
    """The mean return of the test episodes, or why there is none."""
    if run is None:
        return "the run never began"
    if run.status is not Status.COMPLETED:
        lines = (run.note or run.file.fail_trace or "").strip().splitlines()
        return f"{run.status}: {lines[-1] if lines else 'nothing says why'} ({run.folder})"
    total = (run.file.totals or {}).get("return")
    if total is None:
        why = (run.file.result or {}).get("actor") or "nothing that it trained could be tested."
        return f"no test return: {why} ({run.folder})"
    if total.n < num_tests:
        return f"only {total.n} of {num_tests} test episodes gave a return ({run.folder})"
    return float(total.mean)
