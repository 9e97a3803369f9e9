"""Tuning: phase 1 searches, phase 2 judges what it found on fresh seeds."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from rlgauge.core.errors import UserError
from rlgauge.core.execute import Launcher, Limits
from rlgauge.core.files import StoreError
from rlgauge.core.store import Store
from rlgauge.kinds.train.workload import checked_seeds
from rlgauge.launch.local import Local
from rlgauge.tune import question as questions
from rlgauge.tune import reports
from rlgauge.tune.base import Base
from rlgauge.tune.curve import Milestones, milestones_of
from rlgauge.tune.early import check_thread
from rlgauge.tune.phase2 import Final, nothing_to_choose, reevaluate
from rlgauge.tune.question import Question
from rlgauge.tune.space import Space, find_space, read_space
from rlgauge.tune.study import Going, Pruner, Sampler, Study, check_names, open_study
from rlgauge.tune.trainings import Means, Silent, View
from rlgauge.tune.trial import State, Trial
from rlgauge.tune.trying import in_turn, side_by_side

if TYPE_CHECKING:
    from rlgauge.tune.base import Trainings

REPEATS, EVAL_SEEDS, TOP = 3, 5, 3
"""Seeds of a trial, seeds of phase 2, and how many configurations come so far."""
_POLL_SECONDS = 0.5
Attempt = Callable[[Going, Base, list[int], Means], None]
"""Runs a trial with some seeds."""


class NothingToChooseError(UserError):
    """No trial reported an objective; `tuned` has what there is."""

    def __init__(self, tuned: Tuned) -> None:
        """Say why."""
        super().__init__(nothing_to_choose(tuned.trials))
        self.tuned = tuned


class Tuned(msgspec.Struct, frozen=True, kw_only=True):
    """What a tuning came to.

    `importance` is how much each setting matters, empty for too few trials; `best` the winning configuration as a
    suite's file. Of `final` and `best` None is what was not reached, or why no suite can say it stands in `unsaid`.
    """

    out: Path
    trials: list[Trial]
    importance: dict[str, float]
    final: Final | None = None
    best: Path | None = None
    unsaid: str | None = None


def tune(  # noqa: PLR0913  # each is one thing that a user says
    workload: Trainings,
    *,
    out: str | Path,
    space: str | Path | Mapping[str, Any] | None = None,
    fixed: Mapping[str, Any] | None = None,
    trials: int | None = None,
    repeats: int = REPEATS,
    eval_seeds: int = EVAL_SEEDS,
    top: int = TOP,
    sampler: Sampler = "tpe",
    pruner: Pruner = "none",
    seed: int = 0,
    launcher: Launcher | None = None,
    workers: int = 1,
    limits: Limits | None = None,
    rerun_failed: bool = False,
    view: View | None = None,
) -> Tuned:
    """The best configurations of a workload, judged on fresh seeds; what is in the folder `out` is not done again.

    The workload is one algorithm, or script, in one environment; its own seeds do not matter. `space` is a name, a file
    or a mapping, by default that of the algorithm; `fixed` are settings that all configurations have, the default one,
    too. A trial is trained with the seeds `seed` .. `seed + repeats - 1`. With `rerun_failed` trials that failed before
    are run again as further ones, and so are runs of phase 2. Raises UserError for what can't be tuned,
    NothingToChooseError where no trial came to a return.
    """
    for name, number in (("trials", trials), ("repeats", repeats), ("eval_seeds", eval_seeds), ("top", top)):
        if number is not None and number < 1:
            raise UserError(f"{name}={number}: at least one is needed.")
    check_seeds(range(seed, seed + repeats), eval_seeds)
    check_names(sampler, pruner)
    base = Base.of(workload, fixed)
    milestones = None if pruner == "none" else _milestones(base, pruner, repeats)
    question = Question.of(base, _space(base, space), seeds=range(seed, seed + repeats))
    if sampler == "grid":
        _ = question.axes.num_points  # a grid that is too large is refused before anything is made
    means = _means(out, launcher or Local(workers), limits, view, rerun_failed=rerun_failed)
    with open_study(means.store.root, question.axes, sampler=sampler, pruner=pruner, seed=seed) as study:
        questions.keep(question, means.store.root)
        if rerun_failed and (number := study.rerun_failed()):
            means.view.say(f"Trials that failed before and are run again: {number}.")
        attempt = side_by_side if pruner == "none" else functools.partial(in_turn, milestones=milestones)
        _search(study, question, means, num_trials=question.trials if trials is None else trials, attempt=attempt)
        found = _told(study, means.store.root)
    return _finish(question, found, means, top=top, eval_seeds=eval_seeds)


def retune(
    source: str | Path,
    *,
    workload: Trainings | None = None,
    fixed: Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    eval_seeds: int = EVAL_SEEDS,
    top: int = TOP,
    launcher: Launcher | None = None,
    workers: int = 1,
    limits: Limits | None = None,
    rerun_failed: bool = False,
    view: View | None = None,
) -> Tuned:
    """Phase 2 alone, of the study in the folder `source`; its runs go to `out`, by default there, too.

    With `rerun_failed` runs of it that failed before are run again. A `workload` that is given must be the one that was
    tuned. Raises UserError.
    """
    for name, number in (("eval_seeds", eval_seeds), ("top", top)):
        if number < 1:
            raise UserError(f"{name}={number}: at least one is needed.")
    question = questions.read(Path(source))
    base = question.base if workload is None else Base.of(workload, question.fixed if fixed is None else fixed)
    now = msgspec.structs.replace(question, identity=base.identity, fixed=base.fixed)
    questions.check_same(now, question, Path(source))
    check_seeds(question.seeds, eval_seeds)
    means = _means(source if out is None else out, launcher or Local(workers), limits, view, rerun_failed=rerun_failed)
    questions.keep(question, means.store.root)  # what another study came to is not replaced
    with open_study(Path(source), question.axes) as study:
        found = _told(study, means.store.root)
    return _finish(question, found, means, top=top, eval_seeds=eval_seeds)


def check_seeds(searched: Sequence[int], eval_seeds: int) -> None:
    """Raise UserError where the seeds of the search, or the fresh ones that follow, are none that can be used."""
    try:
        checked_seeds([searched[0], searched[-1] + eval_seeds])
    except UserError as error:
        raise UserError(
            f"{error} A trial has the seeds {searched[0]} to {searched[-1]}, and phase 2 the next {eval_seeds}: choose "
            "other ones by --seed (seed)."
        ) from error


def _means(
    out: str | Path, launcher: Launcher, limits: Limits | None, view: View | None, *, rerun_failed: bool
) -> Means:
    if not str(out).strip():
        raise UserError("The folder of results (out) has no name.")
    store = Store(out)
    store.make()
    return Means(store, launcher, limits or Limits(), view or Silent(), rerun_failed)


def _space(base: Base, said: str | Path | Mapping[str, Any] | None) -> Space:
    if said is None:
        return base.own_space()
    return read_space(said, where="the space") if isinstance(said, Mapping) else find_space(str(said))


def _milestones(base: Base, pruner: Pruner, repeats: int) -> Milestones | None:
    """Where learning curves are compared; None where trials are compared between their seeds. Raises UserError."""
    found = milestones_of(base)
    if found is None and repeats == 1:
        raise UserError(
            f"No learning curve tells how good a trial of {base.algorithm} is, so the pruner {pruner} compares trials "
            "between their seeds, and repeats=1 is a single one: ask for more, or leave the pruner out."
        )
    if found is not None:
        check_thread(pruner)
    return found


def _search(
    study: Study,
    question: Question,
    means: Means,
    *,
    num_trials: int,
    attempt: Attempt,
) -> None:
    """Run trials until there are so many; those of other drivers that live are waited for."""
    base = question.base
    possible = study.num_possible(num_trials)
    if possible < num_trials:
        means.view.say(f"With all points of the grid there will be {possible} trials, and not {num_trials}.")
    is_waiting = False
    while True:
        going = study.next(num_trials)
        if going is not None:
            means.view.begin(going.number, study.num_expected(num_trials), going.values)
            own = msgspec.structs.replace(means, rerun_failed=going.is_again)
            try:
                attempt(going, base, question.seeds, own)
            except BaseException:
                going.leave()
                raise
            trials = _told(study, means.store.root).trials
            means.view.end(trials[going.number], trials)
            continue
        if not study.is_going_elsewhere():
            return
        if not is_waiting:
            means.view.say("Another tuner is at the last trials; they are waited for.")
        is_waiting = True
        time.sleep(_POLL_SECONDS)


def _told(study: Study, out: Path) -> Tuned:
    found = Tuned(out=out, trials=study.trials(), importance=study.importance())
    reports.write_search(found.trials, found.importance, out)
    return found


def _finish(question: Question, found: Tuned, means: Means, *, top: int, eval_seeds: int) -> Tuned:
    if not any(one.state is State.COMPLETE for one in found.trials):
        raise NothingToChooseError(found)
    final = reevaluate(question, found.trials, means, top=top, eval_seeds=eval_seeds)
    found = msgspec.structs.replace(found, final=final)
    try:
        return msgspec.structs.replace(found, best=reports.write_final(question, final, found.out))
    except StoreError:
        raise
    except UserError as error:
        return msgspec.structs.replace(found, unsaid=str(error))
