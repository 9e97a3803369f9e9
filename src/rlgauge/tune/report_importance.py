"""How much each setting of a space matters, and how sure that is: refits on resampled trials, and what chance gives."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from rlgauge.compare.phrases import count
from rlgauge.core.errors import UserError
from rlgauge.tune.space import Axis, Choice, Space
from rlgauge.tune.study import ENOUGH
from rlgauge.tune.trial import State, Trial

if TYPE_CHECKING:
    import optuna

METHOD = "PED-ANOVA"
REFITS = 200
"""Of each kind: on resampled trials, and on trials whose objectives are shuffled."""
_LEVEL = 0.05
"""How often chance may pass for importance, of all settings together."""
_TAIL = 0.025
_BETTER = 0.5
"""As the study's own importance has it."""


class Importance(msgspec.Struct, frozen=True, kw_only=True):
    """How much of what tells the better half of the trials from all is a setting's doing.

    `share` are parts that sum to 1 over the settings; 95 % of the refits on resampled trials lie from `low` to `high`.
    `chance` is how often the setting came to as much where objectives were shuffled among the trials, a p-value;
    `is_told` whether that is seldom enough for so many settings (Bonferroni, 5 % together).
    """

    setting: str
    share: float
    low: float
    high: float
    chance: float
    is_told: bool


def importances(trials: Sequence[Trial], space: Space) -> list[Importance]:
    """The settings that varied, the most important first; none where `why_not` says why.

    PED-ANOVA (Watanabe, Bansal and Hutter 2023, arXiv:2304.10255), as Optuna has it. Equal for equal trials. Raises
    UserError without Optuna.
    """
    if why_not(trials, space) is not None:
        return []
    complete, varied = _complete(trials), _varied(trials, space)
    frozen = _frozen(complete, {name: space.axes[name] for name in varied})
    study = _study_of(frozen)
    found, values = _evaluated(study, varied), _evaluated(study, varied, is_normal=False)
    rng = random.Random(0)  # noqa: S311  # no secret
    refits = [_evaluated(_study_of(rng.choices(frozen, k=len(frozen))), varied) for _ in range(REFITS)]
    shuffled = list(_shuffled(study, varied, [one.objective or 0.0 for one in complete], rng))
    told = []
    for name in sorted(varied, key=lambda name: (-found[name], name)):
        chance = (1 + sum(one[name] >= values[name] for one in shuffled)) / (1 + len(shuffled))
        low, high = _ends([one[name] for one in refits])
        told.append(
            Importance(
                setting=name,
                share=found[name],
                low=low,
                high=high,
                chance=chance,
                is_told=chance <= _LEVEL / len(varied),
            )
        )
    return told


def why_not(trials: Sequence[Trial], space: Space) -> str | None:
    """Why there is no importance, as a clause; None where there is."""
    complete = _complete(trials)
    if len(complete) < ENOUGH:
        return (
            f"importance is told from {ENOUGH} complete trials on, and there {'is' if len(complete) == 1 else 'are'} "
            f"{len(complete)}: go on with more --trials"
        )
    if len({one.objective for one in complete}) == 1:
        return f"all {count(len(complete), 'complete trial')} came to the same return, so no setting is seen to matter"
    if not _varied(trials, space):
        return "all complete trials have the same values: go on with more --trials"
    return None


def _complete(trials: Sequence[Trial]) -> list[Trial]:
    return [one for one in trials if one.state is State.COMPLETE and one.objective is not None]


def _varied(trials: Sequence[Trial], space: Space) -> list[str]:
    complete = _complete(trials)
    return [name for name in space.axes if len({repr(one.values.get(name)) for one in complete}) > 1]


def _frozen(trials: Sequence[Trial], axes: Mapping[str, Axis]) -> list[optuna.trial.FrozenTrial]:
    try:
        from optuna.trial import create_trial
    except ImportError as error:
        raise UserError(f"The importance of settings needs Optuna: pip install 'rlgauge[tune]' ({error}).") from error
    distributions = {name: _distribution(axis) for name, axis in axes.items()}
    return [
        create_trial(
            params={name: _label(axis, one.values[name]) for name, axis in axes.items()},
            distributions=distributions,
            value=one.objective,
        )
        for one in trials
    ]


def _study_of(trials: Sequence[optuna.trial.FrozenTrial]) -> optuna.Study:
    """A study in memory alone."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        study = optuna.create_study(direction="maximize")
        study.add_trials(trials)
    finally:
        optuna.logging.set_verbosity(before)
    return study


def _evaluated(
    study: optuna.Study,
    names: list[str],
    *,
    target: Callable[[optuna.trial.FrozenTrial], float] | None = None,
    is_normal: bool = True,
) -> dict[str, float]:
    """Of each setting; a `target` is to be low."""
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        evaluator = PedAnovaImportanceEvaluator(target_quantile=_BETTER)
        found = get_param_importances(study, evaluator=evaluator, params=names, target=target, normalize=is_normal)
    return {name: float(value) for name, value in found.items()}


def _shuffled(
    study: optuna.Study, names: list[str], objectives: Sequence[float], rng: random.Random
) -> Iterator[dict[str, float]]:
    """What settings come to, not as parts, where objectives have nothing to do with them."""
    for _ in range(max(REFITS, round(2 * len(names) / _LEVEL))):
        drawn = rng.sample(objectives, k=len(objectives))
        yield _evaluated(study, names, target=lambda one, drawn=drawn: -drawn[one.number], is_normal=False)  # type: ignore[misc]  # an argument that binds


def _ends(values: Sequence[float]) -> tuple[float, float]:
    ordered = sorted(values)
    cut = int(_TAIL * len(ordered))
    return ordered[cut], ordered[-1 - cut]


def _distribution(axis: Axis) -> optuna.distributions.BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(axis, Choice):
        return CategoricalDistribution(axis.labels)
    if axis.is_whole:
        return IntDistribution(int(axis.low), int(axis.high), log=axis.log, step=int(axis.step or 1))
    return FloatDistribution(axis.low, axis.high, log=axis.log, step=axis.step)


def _label(axis: Axis, value: Any) -> Any:  # noqa: ANN401  # a value of a configuration
    return axis.labels[place_of(axis, value)] if isinstance(axis, Choice) else value


def place_of(axis: Choice, value: object) -> int:
    """Which of the values it is: 1 and True are two. Raises StopIteration for one that is none."""
    return next(
        place
        for place, one in enumerate(axis.values)
        if one == value and isinstance(one, bool) == isinstance(value, bool)
    )
