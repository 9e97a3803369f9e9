"""The study, which Optuna keeps in a SQLite file in the store: what was tried, and what is to be tried next.

Only drivers hold it. Several may at once: what they decide is decided under a lock. While a driver is at a trial it
touches a heartbeat, by which others tell on which they may count.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import threading
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import msgspec

from rlgauge.core.claim import Driver
from rlgauge.core.errors import UserError, unknown
from rlgauge.core.files import StoreError, plain_errors
from rlgauge.core.seeding import derive
from rlgauge.core.store import BEAT_SECONDS
from rlgauge.tune.curve import Point
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
_DRIVER, _REASON, _RETURNS, _AGAIN = "driver", "reason", "returns", "again"
_COMPARED, _BY_CURVE, _BY_SEED = "compared", "curve", "seed"
_MEANT = "fixed_params"
"""Where Optuna keeps the values that a trial is to have."""
_ENOUGH_TO_PRUNE = 5
"""Complete trials that have a value where the median ends others."""
_LOCK_SECONDS = 60
"""How long one driver waits for another that writes."""
_RUNGS = 2
"""Of ASHA: a trial goes on after the 1st, 2nd, 4th, 8th value where it is in the upper half of what came so far."""


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
                if not one.state.is_finished() and self._is_left(one):
                    place = _num_places(there[: one.number])
                    return self._take(place, left=None if one.state.name == "WAITING" else one)
            place = _num_places(there)
            return None if place >= self.num_possible(num_trials) else self._take(place, left=None)

    def rerun_failed(self) -> int:
        """How many trials that failed are to be run again: each gets a new trial with its values."""
        with _locked(self._folder), _quiet():
            there = self._study.get_trials(deepcopy=False)
            known = {one.user_attrs.get(_AGAIN) for one in there}
            failed = [one for one in there if one.state.name == "FAIL" and one.number not in known]
            for one in failed:
                self._study.enqueue_trial(one.params, user_attrs={_AGAIN: one.number})
            return len(failed)

    def num_possible(self, num_trials: int) -> int:
        """How many trials there will be: no more than those that there are, and the points of a grid that none has."""
        if self._num_points is None:
            return num_trials
        there = self._study.get_trials(deepcopy=False)
        return min(num_trials, _num_places(there) + self._num_points - len(self._tried(there)))

    def num_expected(self, num_trials: int) -> int:
        """How many trials there will be with those that are others run again."""
        there = self._study.get_trials(deepcopy=False)
        return self.num_possible(num_trials) + len(there) - _num_places(there)

    def is_going_elsewhere(self) -> bool:
        """Whether another driver, which lives, runs a trial."""
        with _locked(self._folder):
            going = [one for one in self._study.get_trials(deepcopy=False) if not one.state.is_finished()]
            return any(not self._is_left(one) and not _is_of_this(one) for one in going)

    def trials(self) -> list[Trial]:
        """All trials in their order."""
        there = self._study.get_trials(deepcopy=False)
        later = {one.user_attrs[_AGAIN]: one.number for one in there if _AGAIN in one.user_attrs}
        return [self._told(one, later.get(one.number)) for one in there]

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

    def _is_left(self, one: optuna.trial.FrozenTrial) -> bool:
        """Whether nobody runs a trial that has not ended."""
        told = one.user_attrs.get(_DRIVER)
        return told is None or msgspec.convert(told, Driver).is_gone(_beat_of(self._folder, one.number))

    def _take(self, place: int, *, left: optuna.trial.FrozenTrial | None) -> Going:
        """A trial with all its values, as this driver's own: one that was left or waits, else the new one of a place.

        The places are those of trials that are not others run again: what is sampled there does not depend on failures.
        """
        from optuna.trial import Trial as OptunaTrial

        with _quiet():
            self._study.sampler = _sampler(self._sampler, self._seed, place)
            there = self._study.get_trials(deepcopy=False)
            if left is None and self._sampler == "grid" and not any(one.state.name == "WAITING" for one in there):
                self._study.enqueue_trial(self._untried(there))
            trial = self._study.ask() if left is None else OptunaTrial(self._study, left._trial_id)  # noqa: SLF001  # there is no public way to go on with a trial
            beat = _Beat(_beat_of(self._folder, trial.number))
            trial.set_user_attr(_DRIVER, msgspec.to_builtins(Driver.this()))
            for name, axis in self._space.axes.items():
                if isinstance(axis, Choice):
                    trial.suggest_categorical(name, axis.labels)
                elif axis.is_whole:
                    trial.suggest_int(name, int(axis.low), int(axis.high), step=int(axis.step or 1), log=axis.log)
                else:
                    trial.suggest_float(name, axis.low, axis.high, step=axis.step, log=axis.log)
        return Going(self._study, trial, _values(self._space, trial.params), beat)

    def _untried(self, there: Sequence[optuna.trial.FrozenTrial]) -> dict[str, Any]:
        """The first point of the grid that no trial has."""
        tried = self._tried(there)
        point = self._space.point(next(place for place in itertools.count() if place not in tried))
        return {name: _kept(axis, point[name]) for name, axis in self._space.axes.items()}

    def _tried(self, there: Sequence[optuna.trial.FrozenTrial]) -> set[int]:
        """The places in the grid of all points that trials have, also of those that wait."""
        found = [_values(self._space, {**one.system_attrs.get(_MEANT, {}), **one.params}) for one in there]
        return {self._space.place_of(values) for values in found if len(values) == len(self._space.axes)}

    def _told(self, one: optuna.trial.FrozenTrial, later: int | None) -> Trial:
        returns = {int(seed): float(value) for seed, value in one.user_attrs.get(_RETURNS, {}).items()}
        state = _STATES.get(one.state.name, State.RUNNING)
        return Trial(
            number=one.number,
            state=state,
            values=_values(self._space, one.params),
            returns=returns,
            objective=_objective(one, state, returns),
            reason=_reason(one, later),
        )


class Going:
    """A trial that this driver runs; `is_again` where another one failed with these values, and is run again."""

    def __init__(self, study: optuna.Study, trial: optuna.Trial, values: dict[str, Any], beat: _Beat) -> None:
        """Take the trial, whose values are sampled."""
        self._study = study
        self._trial = trial
        self._beat = beat
        self.number = trial.number
        self.values = values
        self.is_again = _AGAIN in trial.user_attrs

    def keep(self, returns: Mapping[int, float]) -> None:
        """Keep the returns of so many repeats."""
        with self._held() as is_own:
            if is_own:
                self._keep(returns)

    def report(self, returns: Mapping[int, float]) -> bool:
        """Keep the returns of so many repeats; whether the trial is to be pruned."""
        with self._held() as is_own, _quiet():
            if not is_own:
                return False
            self._keep(returns)
            return self._compares(_BY_SEED) and self._is_worse(mean_of(returns.values()), len(returns))

    def is_pruned_at(self, points: Iterable[Point], *, is_over: bool = False) -> bool:
        """Keep what is new of the learning curve; whether the trial was pruned at one of its points, the first.

        One that is over has come to its end, and is not.
        """
        with self._held() as is_own, _quiet():
            last = self._study.get_trials(deepcopy=False)[self.number].last_step or 0
            fresh = [one for one in points if one.place > last]
            if not is_own or not fresh or not self._compares(_BY_CURVE):
                return False
            worse = (one for one in fresh if self._is_worse(one.value, one.place) and not is_over)
            found = next(worse, None)
        if found is not None:
            self.prune(found.text)
        return found is not None

    def complete(self, returns: Mapping[int, float]) -> None:
        """End it with the mean of the returns as its objective."""
        self._tell("COMPLETE", mean_of(returns.values()), returns)

    def prune(self, reason: str | None = None) -> None:
        """End it on its way; a reason says where it was."""
        self._tell("PRUNED", None, reason=reason)

    def fail(self, reason: str, returns: Mapping[int, float]) -> None:
        """End it without an objective; what some of its seeds came to is kept."""
        self._tell("FAIL", None, returns, reason=reason)

    def leave(self) -> None:
        """Leave it for whoever comes next."""
        with self._held() as is_own:
            if is_own:
                self._trial.set_user_attr(_DRIVER, None)
        self._beat.end()

    def _compares(self, what: str) -> bool:
        """Whether trials of the study are compared by this: the first one that reports anything decides for all."""
        kept = self._study.user_attrs.get(_COMPARED)
        if kept is None:
            self._study.set_user_attr(_COMPARED, what)
        return kept in {None, what}

    def _is_worse(self, value: float, place: int) -> bool:
        self._trial.report(value, step=place)
        return self._trial.should_prune()

    def _keep(self, returns: Mapping[int, float]) -> None:
        self._trial.set_user_attr(_RETURNS, {str(seed): value for seed, value in returns.items()})

    def _tell(
        self, state: str, value: float | None, returns: Mapping[int, float] | None = None, *, reason: str | None = None
    ) -> None:
        from optuna.trial import TrialState

        with self._held() as is_own, _quiet():
            if is_own and returns is not None:
                self._keep(returns)
            if is_own and reason is not None:
                self._trial.set_user_attr(_REASON, reason)
            if is_own:
                self._study.tell(self._trial, value, state=TrialState[state])
        self._beat.end()

    @contextlib.contextmanager
    def _held(self) -> Iterator[bool]:
        """Alone; whether the trial still is this driver's: where it stood still, another one may have taken it."""
        with _locked(self._beat.path.parent):
            there = self._study.get_trials(deepcopy=False)[self.number]
            yield not there.state.is_finished() and _is_of_this(there)


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
        return MedianPruner(n_startup_trials=_ENOUGH_TO_PRUNE, n_min_trials=_ENOUGH_TO_PRUNE)
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


def _num_places(trials: Sequence[optuna.trial.FrozenTrial]) -> int:
    """How many of them are not others run again."""
    return sum(_AGAIN not in one.user_attrs for one in trials)


def _objective(one: optuna.trial.FrozenTrial, state: State, returns: Mapping[int, float]) -> float | None:
    """What it came to; of one that was pruned the last value that it was compared by."""
    if state is State.PRUNED:
        return None if one.values is None else one.values[0]
    return mean_of(returns.values()) if returns and state is State.COMPLETE else None


def _is_of_this(one: optuna.trial.FrozenTrial) -> bool:
    """Whether this driver runs the trial."""
    return bool(one.user_attrs.get(_DRIVER) == msgspec.to_builtins(Driver.this()))


def _reason(one: optuna.trial.FrozenTrial, later: int | None) -> str | None:
    """Why it failed, and which trial is the same once more."""
    told = one.user_attrs.get(_REASON)
    return told if later is None else f"{told or 'nothing says why'} (run again as trial {later})"


def _beat_of(folder: Path, number: int) -> Path:
    """The heartbeat of whoever is at a trial."""
    return folder / f"heartbeat-{number}"


class _Beat:
    """Touches a file while a trial goes on, from when it is made."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ended = threading.Event()
        with plain_errors(path):
            path.touch()
        self._thread = threading.Thread(target=self._go_on, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Touch it no more, and remove it."""
        self._ended.set()
        self._thread.join()
        with plain_errors(self.path):
            self.path.unlink(missing_ok=True)

    def _go_on(self) -> None:
        while not self._ended.wait(BEAT_SECONDS):
            with contextlib.suppress(OSError):  # a full disk ends no trial: what is written next tells of it
                self.path.touch()


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
