"""The study, which Optuna keeps in a SQLite file in the store: what was tried, and what is to be tried next.

Only drivers hold it. Several may at once on one machine: what they decide is decided under a lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import msgspec

from rlgauge.core.claim import Driver
from rlgauge.core.errors import UserError, unknown
from rlgauge.core.files import StoreError, plain_errors
from rlgauge.core.seeding import derive
from rlgauge.tune.question import STUDIES
from rlgauge.tune.space import Choice, Space
from rlgauge.tune.trial import State, Trial, mean_of

if TYPE_CHECKING:
    import optuna

Sampler = Literal["tpe", "random", "grid"]
Pruner = Literal["none", "median", "asha"]

ENOUGH = 10
"""Complete trials from which on the importance of settings is told."""
_BETTER = 0.5
"""Which part of the trials counts as good: Optuna's tenth is one or two of those that there usually are."""
_NAME = "study"
_DRIVER, _REASON, _RETURNS = "driver", "reason", "returns"
_LOCK_SECONDS = 60
"""How long one driver waits for another that writes."""
_RUNGS = 2
"""Of ASHA: a trial goes on after a repeat where it is in the upper half of what came so far."""


class Study:
    """The trials of a question; `with open_study(...)`."""

    def __init__(self, found: optuna.Study, folder: Path, space: Space, *, sampler: Sampler, seed: int) -> None:
        """Take the study as it is. Raises UserError for a sampler that can't serve the space."""
        self._study = found
        self._folder = folder
        self._space = space
        self._sampler = sampler
        self._seed = seed
        self._num_points = space.num_points if sampler == "grid" else None

    def next(self, num_trials: int) -> Going | None:
        """A trial to run: one whose driver has died, else a new one; None where there are so many already."""
        with _locked(self._folder):
            there = self._study.get_trials(deepcopy=False)
            for one in there:
                if not one.state.is_finished() and _is_left(one):
                    return self._take(one.number, left=None if one.state.name == "WAITING" else one)
            return None if len(there) >= self.num_possible(num_trials) else self._take(len(there), left=None)

    def num_possible(self, num_trials: int) -> int:
        """How many trials there will be: a grid has so many points and no more."""
        return num_trials if self._num_points is None else min(num_trials, self._num_points)

    def is_going_elsewhere(self) -> bool:
        """Whether another driver, which lives, runs a trial."""
        this = msgspec.to_builtins(Driver.this())
        with _locked(self._folder):
            going = [one for one in self._study.get_trials(deepcopy=False) if not one.state.is_finished()]
        return any(not _is_left(one) and one.user_attrs[_DRIVER] != this for one in going)

    def trials(self) -> list[Trial]:
        """All trials in their order."""
        return [self._told(one) for one in self._study.get_trials(deepcopy=False)]

    def importance(self) -> dict[str, float]:
        """How much of what tells the better half from all trials each setting is, the largest first; empty for too few.

        PED-ANOVA (Watanabe, Bansal and Hutter 2023, arXiv:2304.10255); they sum to 1.
        """
        complete = [one for one in self.trials() if one.state is State.COMPLETE]
        varied = [name for name in self._space.axes if len({repr(one.values[name]) for one in complete}) > 1]
        if len(complete) < ENOUGH or not varied or len({one.objective for one in complete}) == 1:
            return {}
        from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

        with _quiet():
            evaluator = PedAnovaImportanceEvaluator(target_quantile=_BETTER)
            found = get_param_importances(self._study, evaluator=evaluator, params=varied)
        return {name: float(value) for name, value in found.items()}

    def _take(self, number: int, *, left: optuna.trial.FrozenTrial | None) -> Going:
        """The trial of a number, a new one or one that was left, with all its values, as this driver's own."""
        from optuna.trial import Trial as OptunaTrial

        with _quiet():
            self._study.sampler = _sampler(self._sampler, self._seed, number)
            if left is None and self._sampler == "grid" and len(self._study.get_trials(deepcopy=False)) == number:
                self._study.enqueue_trial(self._point(number))
            trial = self._study.ask() if left is None else OptunaTrial(self._study, left._trial_id)  # noqa: SLF001  # there is no public way to go on with a trial
            trial.set_user_attr(_DRIVER, msgspec.to_builtins(Driver.this()))
            for name, axis in self._space.axes.items():
                if isinstance(axis, Choice):
                    trial.suggest_categorical(name, axis.labels)
                elif axis.is_whole:
                    trial.suggest_int(name, int(axis.low), int(axis.high), step=int(axis.step or 1), log=axis.log)
                else:
                    trial.suggest_float(name, axis.low, axis.high, step=axis.step, log=axis.log)
        return Going(self._study, trial, _values(self._space, trial.params))

    def _point(self, place: int) -> dict[str, Any]:
        point = next(itertools.islice(self._space.points(), place, None))
        return {name: _kept(axis, point[name]) for name, axis in self._space.axes.items()}

    def _told(self, one: optuna.trial.FrozenTrial) -> Trial:
        returns = {int(seed): float(value) for seed, value in one.user_attrs.get(_RETURNS, {}).items()}
        state = _STATES.get(one.state.name, State.RUNNING)
        has_objective = returns and state in {State.COMPLETE, State.PRUNED}
        return Trial(
            number=one.number,
            state=state,
            values=_values(self._space, one.params),
            returns=returns,
            objective=mean_of(returns.values()) if has_objective else None,
            reason=one.user_attrs.get(_REASON),
        )


class Going:
    """A trial that this driver runs."""

    def __init__(self, study: optuna.Study, trial: optuna.Trial, values: dict[str, Any]) -> None:
        """Take the trial, whose values are sampled."""
        self._study = study
        self._trial = trial
        self.number = trial.number
        self.values = values

    def report(self, returns: Mapping[int, float]) -> bool:
        """Keep the returns of so many repeats; whether the trial is to be pruned."""
        self._keep(returns)
        with _quiet():
            self._trial.report(mean_of(returns.values()), step=len(returns))
            return self._trial.should_prune()

    def complete(self, returns: Mapping[int, float]) -> None:
        """End it with the mean of the returns as its objective."""
        self._keep(returns)
        self._tell("COMPLETE", mean_of(returns.values()))

    def prune(self) -> None:
        """End it on its way."""
        self._tell("PRUNED", None)

    def fail(self, reason: str, returns: Mapping[int, float]) -> None:
        """End it without an objective; what some of its seeds came to is kept."""
        self._keep(returns)
        self._trial.set_user_attr(_REASON, reason)
        self._tell("FAIL", None)

    def leave(self) -> None:
        """Leave it for whoever comes next."""
        self._trial.set_user_attr(_DRIVER, None)

    def _keep(self, returns: Mapping[int, float]) -> None:
        self._trial.set_user_attr(_RETURNS, {str(seed): value for seed, value in returns.items()})

    def _tell(self, state: str, value: float | None) -> None:
        from optuna.trial import TrialState

        with _quiet():
            self._study.tell(self._trial, value, state=TrialState[state])


@contextlib.contextmanager
def open_study(
    out: Path, space: Space, *, sampler: Sampler = "tpe", pruner: Pruner = "none", seed: int = 0
) -> Iterator[Study]:
    """The study in a folder, made where there is none. Raises UserError."""
    check_names(sampler, pruner)
    optuna = _optuna()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    folder = out / STUDIES
    with plain_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{_NAME}.db"
    storage = None
    try:
        with _locked(folder), _quiet():
            storage = optuna.storages.RDBStorage(
                f"sqlite:///{path.resolve()}", engine_kwargs={"connect_args": {"timeout": _LOCK_SECONDS}}
            )
            found = optuna.create_study(
                study_name=_NAME, storage=storage, direction="maximize", pruner=_pruner(pruner), load_if_exists=True
            )
        yield Study(found, folder, space, sampler=sampler, seed=seed)
    except _database_errors() as error:
        text = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise StoreError(f"The study {path} can't be read or written: {text}. What was trained stays.") from error
    finally:
        if storage is not None:
            storage.remove_session()
            storage.engine.dispose()


def check_names(sampler: str, pruner: str) -> None:
    """Raise UserError for a sampler or a pruner that there is not."""
    for what, given, known in (("sampler", sampler, get_args(Sampler)), ("pruner", pruner, get_args(Pruner))):
        if given not in known:
            raise unknown(what, given, known)


_STATES = {"COMPLETE": State.COMPLETE, "PRUNED": State.PRUNED, "FAIL": State.FAILED}


def _optuna() -> Any:  # noqa: ANN401  # a module
    try:
        import optuna
    except ImportError as error:
        raise UserError(f"Tuning needs Optuna: pip install 'rlgauge[tune]' ({error}).") from error
    return optuna


def _database_errors() -> tuple[type[Exception], ...]:
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    return StorageInternalError, SQLAlchemyError


def _sampler(name: str, seed: int, place: int) -> optuna.samplers.BaseSampler:
    """One whose randomness follows from the trial's number: a study that was killed goes on as it would have."""
    from optuna.samplers import RandomSampler, TPESampler

    own = derive(seed, "trial", place)
    return TPESampler(seed=own, constant_liar=True) if name == "tpe" else RandomSampler(seed=own)


def _pruner(name: Pruner) -> optuna.pruners.BasePruner:
    from optuna.pruners import MedianPruner, NopPruner, SuccessiveHalvingPruner

    if name == "median":
        return MedianPruner()
    if name == "asha":
        return SuccessiveHalvingPruner(min_resource=1, reduction_factor=_RUNGS)
    return NopPruner()


def _values(space: Space, params: Mapping[str, Any]) -> dict[str, Any]:
    """The values of what was sampled, in the order of the space."""
    return {name: _meant(axis, params[name]) for name, axis in space.axes.items() if name in params}


def _meant(axis: object, kept: Any) -> Any:  # noqa: ANN401  # a value of an axis
    if not isinstance(axis, Choice):
        return kept
    labels = axis.labels
    place = next(place for place, label in enumerate(labels) if label == kept and type(label) is type(kept))
    return axis.values[place]


def _kept(axis: object, value: Any) -> Any:  # noqa: ANN401  # a value of an axis
    return axis.labels[axis.values.index(value)] if isinstance(axis, Choice) else value


def _is_left(one: optuna.trial.FrozenTrial) -> bool:
    """Whether nobody runs a trial that has not ended."""
    told = one.user_attrs.get(_DRIVER)
    return told is None or msgspec.convert(told, Driver).is_dead


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Alone among the drivers of this machine."""
    path = folder / "lock"
    with plain_errors(path):
        file = path.open("w")
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without warnings of what Optuna calls experimental."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
