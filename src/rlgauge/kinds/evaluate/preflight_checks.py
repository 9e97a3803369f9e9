"""What can be said of played episodes alone: the environment's rewards and success, the policy's actions.

Arrays: N steps, D numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlgauge.episodes.policies.spaces import Box, Dict, Spec, is_image
from rlgauge.episodes.rollout import SUCCESS_KEYS
from rlgauge.kinds.evaluate.preflight_against import Said
from rlgauge.kinds.evaluate.preflight_play import Plays, action_rows, arrays_of
from rlgauge.kinds.evaluate.preflight_reactions import WHOLE, Reaction

_AT_BOUND = 1e-3
"""Of the range: a tanh that is saturated comes no nearer in single precision than some ten thousandths."""
MOSTLY = 0.9
"""A network that acts at its bounds in 9 of 10 steps hardly decides how much."""
_ALWAYS = 0.99
_BEYOND = 3.0
"""Times half the range: actions that are clipped are a little beyond the bounds, those of another scale far."""
_SOON, _LATER = 2, 10
"""An episode of no more than 2 steps ends at once where one of the references lasts 10 times as long."""
_SUCCESS_LIKE = ("success", "solved", "achieved", "complete")
_SAME, _SAME_AS = 1e-6, 1e-5
"""Of the range, and of an action's own size: a difference that is none."""
_WIDE = 1e4
"""A wider range says nothing of the size of actions."""
_FEWEST = 5
"""Of fewer steps it isn't said that all actions are the same."""


@dataclass(frozen=True)
class Stage:
    """All that was played in one task: by the policy, and by the references."""

    own: Plays
    references: Sequence[Plays]
    observed: Spec
    acted: Spec
    max_steps: int | None
    """Steps after which preflight itself cut an episode; None where it would not have gone on."""
    soon: frozenset[int] = frozenset()
    """The episodes whose first step is a success, whatever is done in it."""

    @property
    def everything(self) -> list[Plays]:
        """The policy's plays first."""
        return [self.own, *self.references]


def of_faults(stage: Stage) -> Iterator[Said]:
    """What raised, was refused or was not finite."""
    own = stage.own
    if own.fault is not None:
        yield Said("wrong", "failure", f"The policy failed at {own.fault}", "Mend the policy.", {})
    for plays in stage.everything:
        broken = [one for one in plays.episodes if one.error is not None]
        if broken and (plays is own or not any(one.error for one in own.episodes)):
            first = str(broken[0].error).splitlines()[0]
            text = f"{len(broken)} of {len(plays.episodes)} episodes of {plays.policy} ended in an error: {first}."
            advice = "See what the message says; such episodes count as failures, or not at all."
            yield Said("wrong", _kind(first), text, advice, {"errors": len(broken), "episodes": len(plays.episodes)})


def _kind(error: str) -> str:
    if "not finite" in error or "NaN" in error:
        return "NaN"
    return "out of bounds" if "outside [" in error else "errors"


def of_actions(stage: Stage) -> Iterator[Said]:
    """NaN among the actions, and numbers that stay at their bounds."""
    done_ND = action_rows(stage.own.actions)
    if done_ND is None:
        return
    if (share := float(np.isnan(done_ND).any(1).mean())) > 0:
        text = f"{share:.0%} of the actions hold NaN."
        yield Said("wrong", "NaN", text, "Look for a division by a deviation of zero, or broken weights.", {})
        return
    if isinstance(stage.acted, Box):
        yield from _at_one_end(stage.acted, done_ND)


def _at_one_end(space: Box, done_ND: NDArray[np.float64]) -> Iterator[Said]:
    at_low, at_high = shares_at_bounds(space, done_ND)
    stuck = np.flatnonzero(np.maximum(at_low, at_high) >= _ALWAYS)
    if len(done_ND) < _FEWEST or len(stuck) == done_ND.shape[1]:
        return  # an action that is always the same is another matter
    for place in stuck:
        share, end = max((float(at_low[place]), "lower"), (float(at_high[place]), "upper"))
        text = f"The action's number {place} is at its {end} bound in {share:.0%} of the steps."
        advice = "Fine where the task never needs it; otherwise look at its sign and scale (a gripper's above all)."
        yield Said("doubtful", "stuck", text, advice, {"place": int(place), "share": share})


def shares_at_bounds(space: Box, done_ND: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of each number the share of steps at its lower and at its upper bound; 0 where there is none."""
    low, high = space.low.reshape(-1).astype(np.float64), space.high.reshape(-1).astype(np.float64)
    with np.errstate(invalid="ignore"):
        reach = np.where(np.isfinite(high - low), _AT_BOUND * (high - low), 0.0)
        return (done_ND <= low + reach).mean(0), (done_ND >= high - reach).mean(0)


def of_saturation(stage: Stage, raw_ND: NDArray[np.float64] | None) -> Iterator[Said]:
    """Numbers at either bound nearly always; `raw_ND` are actions as the policy gives them, before any clipping."""
    done_ND = action_rows(stage.own.actions)
    if not isinstance(stage.acted, Box) or done_ND is None or len(done_ND) < _FEWEST:
        return
    at_low, at_high = shares_at_bounds(stage.acted, done_ND)
    both = at_low + at_high
    places = np.flatnonzero(both >= MOSTLY)
    if not len(places):
        return
    numbers: dict[str, Any] = {"at_low": np.round(at_low, 3).tolist(), "at_high": np.round(at_high, 3).tolist()}
    worst = int(places[np.argmax(both[places])])
    text = f"{len(places)} of {len(both)} numbers of the action are at their bounds in {both[worst]:.0%} of the steps"
    if raw_ND is not None:
        low, high = stage.acted.low.reshape(-1), stage.acted.high.reshape(-1)
        beyond = np.median(np.abs(raw_ND - (low + high) / 2), axis=0) / ((high - low) / 2)
        worst = int(places[np.argmax(beyond[places])])
        numbers["beyond"] = np.round(beyond, 3).tolist()
        if beyond[worst] > _BEYOND:
            text += f"; before clipping, number {worst} is typically {beyond[worst]:.3g} times as large as its bounds."
            advice = "Is it on another scale, or are observations not normalised? See a mapping's `unnormalize`."
            yield Said("doubtful", "saturation", text, advice, numbers)
            return
    yield Said("note", "saturation", text + ".", "Fine of a policy that switches between extremes.", numbers)


def of_reactions(stage: Stage, found: Mapping[str, Reaction] | None, *, is_network: bool) -> Iterator[Said]:
    """Actions that are always the same, and parts of what is seen that change nothing."""
    actions = stage.own.actions
    is_constant = len(actions) >= _FEWEST and _is_constant(actions, stage.acted)
    if found is None:
        text = "Asked the same twice, the policy answers differently: what it reacts to can't be told."
        yield Said("note", "reaction", text, "Take its randomness from the episode's seed.", {})
        found = {}
    whole = found.get(WHOLE)
    is_blind = whole is not None and not whole.changed
    if is_constant:
        text = f"All {len(actions)} actions are the same: {actions[0]!r:.60}"
        text += ", whatever the policy sees." if is_blind else ", though others are possible." if whole else "."
        advice = "Is it the right checkpoint, and are observations on the scale of training?"
        yield Said("wrong" if is_blind else "doubtful", "constant actions", text, advice, {"steps": len(actions)})
    elif is_blind and whole is not None:
        text = f"None of {whole.num} actions changed when all observations were exchanged for others."
        yield Said("doubtful", "reaction", text, "Is it meant to act blindly?", {"actions": whole.num})
    for name, reaction in found.items() if not is_blind else ():
        if name != WHOLE and not reaction.changed:
            text = f"The policy does not react to {name!r}: with others, none of {reaction.num} actions changed."
            advice = "A network that was trained with it should: look at its scale and at the mapping."
            yield Said("doubtful" if is_network else "note", "reaction", text, advice, {"actions": reaction.num})
        if reaction.flipped is not None and not is_blind:
            what = "the image" if name == WHOLE else repr(name)
            text = f"With {what} upside down, {reaction.flipped} of {reaction.num} actions are others."
            advice = (
                "Where they are none, it does not look at the image; which way up is right can't be told from this."
            )
            yield Said("note", "orientation", text, advice, {"changed": reaction.flipped, "actions": reaction.num})


def of_success(stage: Stage) -> Iterator[Said]:
    """Success that is true at reset, is never reported, or is everybody's."""
    yield from _of_start(stage)
    told = [success for plays in stage.everything for success in plays.successes]
    ended = [one for plays in stage.everything for one in plays.episodes if not _is_cut(one.length, stage)]
    if ended and all(success is None for success in told):
        like = sorted({str(key) for one in ended for key in one.info if _is_like_success(str(key))})
        advice = "Give --success-return X, or override is_success(played) of the benchmark."
        if like:
            text = f"Success is never reported: info has {', '.join(map(repr, like))}, but neither of {SUCCESS_KEYS}."
            yield Said("doubtful", "success unreported", text, advice, {"keys": like})
        else:
            text = "Success is never reported: there will be returns, and no success rate."
            yield Said("note", "success unreported", text, advice, {})
    references = [success for plays in stage.references for success in plays.successes]
    if references and all(references):
        text = f"Zero and random actions succeed in all of {len(references)} episodes."
        yield Said("doubtful", "success for all", text, "Success says nothing of a policy here.", {})


def _of_start(stage: Stage) -> Iterator[Said]:
    """Success that is there before anything is done, or whatever is done."""
    at_reset: set[int] = set()
    for plays in stage.everything:
        own = {one.index for one in plays.episodes if one.success_at_reset}
        at_reset |= own
        if own and len(own) == len(plays.episodes):
            text = f"Success is true at reset already in {len(own)} of {len(own)} episodes of {plays.policy}."
            yield Said("wrong", "success at reset", text, _START, {"episodes": len(own)})
            return
    found = at_reset | stage.soon
    if found:
        num = max(len(plays.episodes) for plays in stage.everything)
        text = (
            f"Success is true at the start or one step later in {len(found)} of {num} episodes, whatever is done: "
            f"at reset in {len(at_reset)}, after any first step in {len(stage.soon - at_reset)} more."
        )
        yield Said("doubtful", "success at reset", text, _START, {"episodes": len(found), "at_reset": len(at_reset)})


_START = "Look at the success rule and the initial states; such episodes tell nothing of a policy."


def _is_like_success(key: str) -> bool:
    return key not in SUCCESS_KEYS and any(part in key.lower() for part in _SUCCESS_LIKE)


def of_episodes(stage: Stage) -> Iterator[Said]:
    """Episodes that end at once, and returns that are always the same."""
    lengths = stage.own.lengths
    others = [length for plays in stage.references for length in plays.lengths]
    if lengths and max(lengths) <= _SOON and not any(stage.own.successes):
        numbers = {"longest": max(lengths), "references": max(others, default=None)}
        if others and max(others) <= _SOON:
            text = f"All episodes end within {max(lengths + others)} steps, those of zero and random actions too."
            yield Said("doubtful", "ends at once", text, "Look at what ends an episode, and at the reset.", numbers)
        elif others and max(others) >= _LATER * max(lengths):
            text = (
                f"The policy's episodes end within {max(lengths)} steps without success; "
                f"zero or random actions last up to {max(others)}."
            )
            advice = "Look at the scale and the order of its actions."
            yield Said("doubtful", "ends at once", text, advice, numbers)
    returns = [one for plays in stage.everything for one in plays.returns]
    has_success = len({success for plays in stage.everything for success in plays.successes}) > 1
    if len(returns) > 1 and len(set(returns)) == 1 and not has_success:
        text = f"Every episode returns {returns[0]:g}, of the policy and of zero and random actions alike."
        cut = f" Preflight cut episodes after {stage.max_steps} steps." if _all_cut(stage) else ""
        advice = "Are rewards given at all, and is anything the policy does seen by the environment?"
        yield Said("note" if cut else "doubtful", "rewards", text + cut, advice, {"return": returns[0]})


def of_observations(stage: Stage) -> Iterator[Said]:
    """Values that the environment's own space does not hold, and cameras that show nothing."""
    seen: dict[str, list[NDArray[Any]]] = {}
    for one in stage.own.observations or [one for plays in stage.references for one in plays.observations]:
        for name, array in arrays_of(one).items():
            seen.setdefault(name, []).append(array)
    for name, arrays in seen.items():
        space = _part(stage.observed, name)
        what = f"The observation {name!r}" if name else "The observation"
        if not isinstance(space, Box):
            continue
        values = np.stack(arrays)
        if is_image(space.shape) or is_image((*space.shape[1:], *space.shape[:1])):
            yield from _of_image(space, values, what)
        outside = float(((values < space.low - _slack(space)) | (values > space.high + _slack(space))).mean())
        if outside > _OUTSIDE:
            text = (
                f"{what} is outside its declared bounds in {outside:.0%} of its numbers: "
                f"from {values.min():.4g} to {values.max():.4g}."
            )
            advice = "Is it 0..255 where 0..1 is declared, or in other units?"
            yield Said("doubtful", "bounds", text, advice, {"share": outside})


_OUTSIDE = 0.01
"""An observation that leaves its bounds now and then is the physics'; one that does so often is on another scale."""


def _of_image(space: Box, values: NDArray[Any], what: str) -> Iterator[Said]:
    most = float(values.max())
    flat = values.reshape(len(values), -1)
    same = float((flat.max(1) == flat.min(1)).mean())
    if same > 0.5:  # noqa: PLR2004  # more often than not
        text = f"{what} is an image of one colour in {same:.0%} of the steps."
        advice = "Is rendering set up (MUJOCO_GL), and does the camera look at anything?"
        yield Said("wrong", "blank image", text, advice, {"share": same})
    elif float(space.high.max()) > _UNIT and most <= _UNIT:
        text = f"{what} is an image of 0..1 (at most {most:.3g}), where 0..{space.high.max():g} is declared."
        advice = "As bytes it is black: multiply by 255, or declare 0..1."
        yield Said("wrong", "image scale", text, advice, {"most": most})
    elif float(space.high.max()) <= _UNIT and most > _BYTES:
        text = f"{what} is an image of 0..255 (up to {most:.4g}), where 0..{space.high.max():g} is declared."
        yield Said("wrong", "image scale", text, "Divide by 255, or declare 0..255.", {"most": most})


_UNIT, _BYTES = 1.5, 10.0


def of_references(stage: Stage) -> Iterator[Said]:
    """Whether the policy is any better than doing nothing, or anything."""
    own, rate = stage.own.returns, _rate(stage.own.successes)
    for plays in stage.references:
        theirs = _rate(plays.successes)
        if rate is not None and theirs is not None and rate <= theirs and rate < 1:
            text = f"The policy succeeds in {rate:.0%} of the episodes, {plays.policy} actions in {theirs:.0%}."
        elif rate is None and own and plays.returns and np.mean(own) <= np.mean(plays.returns):
            theirs = float(np.mean(plays.returns))
            text = f"The policy returns {np.mean(own):.4g} on average, {plays.policy} actions {theirs:.4g}."
        else:
            continue
        yield Said("note", "no better", text, "Few episodes were played: more would tell.", {})


def _rate(successes: Sequence[bool | None]) -> float | None:
    told = [success for success in successes if success is not None]
    return sum(told) / len(told) if told else None


def _slack(space: Box) -> NDArray[np.float64]:
    """What single precision may be off."""
    reach = np.maximum(
        np.abs(np.nan_to_num(space.low, posinf=0, neginf=0)), np.abs(np.nan_to_num(space.high, posinf=0))
    )
    return np.asarray(1e-5 * np.minimum(reach.astype(np.float64), 1e30) + 1e-6)


def _part(space: Spec, name: str) -> Spec | None:
    """The space of a name, whose nested ones are joined by slashes."""
    for key in name.split("/") if name else ():
        if not isinstance(space, Dict) or key not in space.spaces:
            return None
        space = space.spaces[key]
    return space


def _is_cut(length: int, stage: Stage) -> bool:
    return stage.max_steps is not None and length >= stage.max_steps


def _all_cut(stage: Stage) -> bool:
    return all(_is_cut(length, stage) for plays in stage.everything for length in plays.lengths)


def _is_constant(actions: Sequence[Any], space: Spec) -> bool:
    """Whether actions are the same, up to what single precision is off in a network."""
    if len({_bits(action) for action in actions}) == 1:
        return True
    done_ND = action_rows(actions) if isinstance(space, Box) else None
    if done_ND is None or not isinstance(space, Box):
        return False
    reach = space.high.reshape(-1).astype(np.float64) - space.low.reshape(-1).astype(np.float64)
    least = np.maximum(_SAME * np.where(reach < _WIDE, reach, 0.0), _SAME_AS * np.abs(done_ND.mean(0)))
    return bool((np.ptp(done_ND, axis=0) <= least).all())


def _bits(action: Any) -> bytes:  # noqa: ANN401  # of the environment's own type
    array = np.asarray(action)
    return repr(action).encode() if array.dtype.hasobject else array.tobytes()
