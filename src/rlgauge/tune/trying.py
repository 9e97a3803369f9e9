"""Running one trial: all its seeds side by side, or one after the other until it is seen to be worse than others."""

from __future__ import annotations

from collections.abc import Sequence

from rlgauge.core.errors import UserError
from rlgauge.tune.base import Base
from rlgauge.tune.curve import Following, Milestones, Values, points
from rlgauge.tune.early import run_until
from rlgauge.tune.study import Going
from rlgauge.tune.trainings import Means, Returns, returns_of


def side_by_side(going: Going, base: Base, seeds: Sequence[int], means: Means) -> None:
    """Run a trial to its end."""
    found = returns_of(base, going.values, seeds, means)
    if found.reason is None:
        going.complete(found.by_seed)
    else:
        going.fail(found.reason, found.by_seed)


def in_turn(going: Going, base: Base, seeds: Sequence[int], means: Means, milestones: Milestones | None) -> None:
    """Run a trial seed after seed, until the pruner ends it: at a milestone, or, without learning curves, after one."""
    returns: dict[int, float] = {}
    curves: list[Values] = []
    for seed in seeds:
        found = _trained(going, base, seed, means, milestones, curves)
        if found is None:
            return
        if found.reason is not None:
            going.fail(found.reason, {**returns, **found.by_seed})
            return
        returns |= found.by_seed
        if _is_pruned(going, returns, curves, milestones, is_last=len(returns) == len(seeds)):
            return
    if milestones is not None and len(seeds) == 1 and not curves[0]:
        means.view.say(f"Trial {going.number} showed no learning curve by which it could have been pruned.")
    going.complete(returns)


def _trained(
    going: Going, base: Base, seed: int, means: Means, milestones: Milestones | None, curves: list[Values]
) -> Returns | None:
    """What a seed came to, whose curve is with the others then; None where the trial was pruned on its way."""
    if milestones is None:
        return returns_of(base, going.values, [seed], means)
    try:
        (case,) = base.cases(going.values, [seed])
    except UserError as error:
        return Returns({}, {seed: str(error)})
    following = Following(means.store, case, milestones)
    found = run_until(
        lambda: returns_of(base, going.values, [seed], means),
        lambda: going.is_pruned_at(points([*curves, following.look()], milestones)),
    )
    curves.append(following.whole())
    return found


def _is_pruned(
    going: Going,
    returns: dict[int, float],
    curves: list[Values],
    milestones: Milestones | None,
    *,
    is_last: bool,
) -> bool:
    """Whether a trial is pruned after so many seeds; where those were all, it has come to its end."""
    going.keep(returns)
    if milestones is not None and all(curves):
        return going.is_pruned_at(points(curves, milestones), is_over=is_last)
    is_worse = going.report(returns) and not is_last
    if is_worse:
        going.prune()
    return is_worse
