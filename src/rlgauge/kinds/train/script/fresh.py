"""The environment that a script trained in, made afresh: the same layers around it, with what they have learned.

The environment itself is made again from its spec, or copied where it has none. Rewards are the environment's own,
whatever the layers make of them. This module is imported where a script has left an environment of Gymnasium.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Sequence
from typing import Any

import gymnasium

from rlgauge.kinds.train.script.found import Thing, is_env, is_sb3_model
from rlgauge.kinds.train.script.labels import is_same
from rlgauge.kinds.train.script.layers import chain, counted
from rlgauge.kinds.train.script.many import EndedError, as_registered, single_of, with_rows
from rlgauge.kinds.train.script.witness import Stepped, Witness
from rlgauge.kinds.train.script.wrappers import UnmadeError, copied, is_left_out, remade, stack_of

Env = gymnasium.Env[Any, Any]
_USUAL = ("env", "envs", "train_env", "train_envs", "venv", "vec_env", "environment")
"""What scripts call their environments."""


class Recipe:
    """How the environment of a script is made again, as often as needed."""

    def __init__(self, env: Any, name: str, *, wanted: str | None = None) -> None:  # noqa: ANN401  # one, or a vector
        """Read it from a live one, which the script calls `name`; it is of the id `wanted`. Raises UnmadeError."""
        self.name = name
        self.notes: list[str] = []
        try:
            self.single = single_of(env)
        except EndedError:
            if wanted is None:
                raise
            self.single = as_registered(env, wanted)
            self.notes.append(
                f"The processes of `{name}` have ended: tests were played in {wanted} as it is, which has the same "
                "spaces; a wrapper that changed observations all the same is not there."
            )
        self.is_many = self.single is not env
        self.id = self.single.spec.id if self.single.spec is not None else type(self.single.unwrapped).__name__
        self.has_other_rewards = False
        self.env = env

    @property
    def has_limit(self) -> bool:
        """Whether its episodes end after some number of steps, whatever is played."""
        spec = self.single.spec
        if spec is not None and spec.max_episode_steps is not None:
            return True
        return any(type(layer).__name__ == "TimeLimit" for layer in stack_of(self.single))

    def make(self, *, films: bool, deadline: float = math.inf) -> Env:
        """A new one, of which frames may be had with `films`. A step after `deadline` raises OutOfTimeError.

        Raises UnmadeError where it comes out with other observations than the script's.
        """
        single, earned = _again(self.single, films=films)
        env = with_rows(self.env, single)
        seen = self.env.single_observation_space if _is_vector(self.env) else self.env.observation_space
        if _form(seen) != _form(env.observation_space):
            raise UnmadeError(f"`{self.name}` observes {seen}, and what was made again {env.observation_space}")
        return _Paid(env, earned, recipe=self, deadline=deadline)


class OutOfTimeError(BaseException):
    """The run's time is almost over. Not an Exception, so that it ends more than one episode."""


class _Earned(gymnasium.Wrapper[Any, Any, Any, Any]):
    """The environment itself, with the sum of its rewards."""

    def __init__(self, env: Env) -> None:
        super().__init__(env)
        self.total = 0.0

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:  # noqa: ANN401
        observation, reward, terminated, truncated, info = self.env.step(action)
        self.total += float(reward)
        return observation, reward, terminated, truncated, info


class _Paid(gymnasium.Wrapper[Any, Any, Any, Any]):
    """All layers, with the reward of the environment itself: of all steps that it takes in one of theirs."""

    def __init__(self, env: Env, earned: _Earned, *, recipe: Recipe, deadline: float) -> None:
        super().__init__(env)
        self._earned = earned
        self._recipe = recipe
        self._deadline = deadline

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:  # noqa: ANN401
        if time.monotonic() > self._deadline:
            raise OutOfTimeError
        self._earned.total = 0.0
        observation, reward, terminated, truncated, info = self.env.step(action)
        own = self._earned.total
        is_same = math.isnan(own) or math.isclose(own, float(reward), rel_tol=1e-5, abs_tol=1e-6)  # float32 of vectors
        if not is_same:
            self._recipe.has_other_rewards = True
        return observation, own, terminated, truncated, info


def recipe_of(things: Sequence[Thing], wanted: str | None, witness: Witness | None = None) -> Recipe:
    """How to make the script's environment again: its model's where one has it, else the one that it stepped.

    Of several that it stepped, or where none is known, it is the first by the usual names; one that it stepped through
    a layer around it has that layer. It has the id `wanted`, or none of its own. Where no name stands for one it is the
    last that was stepped, or `wanted` as it is registered. Raises UnmadeError where none can be made again.
    """
    witness = witness or Witness()
    reasons: list[str] = []
    recipes: list[Recipe] = []
    is_lost = False
    own = _of_models(things)
    for thing in [*own, *_of_script(things, witness)]:
        try:
            recipes.append(Recipe(thing.value, thing.name, wanted=wanted))
        except UnmadeError as error:
            reasons.append(f"`{thing.name}` can't be made again: {error}")
            is_lost = is_lost or witness.was_stepped(thing.value)
    for fits in (_is_wanted, _is_nameless):
        found = next((recipe for recipe in recipes if fits(recipe, wanted)), None)
        if found is not None and any(found.env is thing.value for thing in own):
            return found
        if found is not None and (not is_lost or witness.was_stepped(found.env)):
            return _as_stepped(found, wanted, witness)
    if reasons:
        raise UnmadeError(reasons[0])
    if (unnamed := _unnamed(witness.stepped, wanted)) is not None:
        return unnamed
    if recipes:
        raise UnmadeError(f"of the script's environments there is only {recipes[0].id} left, and not {wanted}")
    if wanted is None:
        raise UnmadeError("the script left no environment by which to make another")
    return _as_told(wanted)


def _as_stepped(recipe: Recipe, wanted: str | None, witness: Witness) -> Recipe:
    """The environment with the layers through which the script stepped it. Raises UnmadeError where these are gone."""
    env, stepped = recipe.env, witness.stepped
    if witness.was_stepped(env):
        return recipe
    around = witness.around(env)
    if around is not None:
        return Recipe(around, recipe.name, wanted=wanted)
    is_gone = stepped is not None and stepped.env() is None and stepped.base() is chain(env)[-1]
    return (_unnamed(stepped, wanted) if is_gone else None) or recipe


def _unnamed(stepped: Stepped | None, wanted: str | None) -> Recipe | None:
    """The environment that the script stepped, if it is still there or its spec says how it was made."""
    if stepped is None:
        return None
    env = stepped.env()
    if env is not None:
        recipe = Recipe(env, "env", wanted=wanted)
        return recipe if _is_wanted(recipe, wanted) or _is_nameless(recipe, wanted) else None
    if stepped.spec is None:
        return None
    recipe = Recipe(remade(stepped.spec, stepped.around), "env")
    if not _is_wanted(recipe, wanted):
        return None
    recipe.is_many = stepped.is_many
    names = " in ".join(layer.name for layer in reversed(recipe.single.spec.additional_wrappers or ()))  # type: ignore[union-attr]  # it was made from one
    recipe.notes.append(
        f"The environment that the script stepped is gone: tests were played in {recipe.id}, made again as it was"
        f"{', in ' + names if names else ', without wrappers'}."
    )
    return recipe


def _as_told(wanted: str) -> Recipe:
    """The environment of an id as it is registered, of which nothing says that it is what the script trained in."""
    try:
        recipe = Recipe(gymnasium.make(wanted), "env")
    except Exception as error:
        raise UnmadeError(
            f"the script left no environment by which to make another, and {wanted} can't be made "
            f"({type(error).__name__}: {error})"
        ) from error
    recipe.notes.append(
        f"The script left no environment: tests were played in {wanted} as it is registered; wrappers that the script "
        "may have had are not there."
    )
    return recipe


def _of_models(things: Sequence[Thing]) -> list[Thing]:
    """The environments of models of Stable-Baselines3."""
    models = [(thing.name, thing.value.get_env()) for thing in things if is_sb3_model(thing.value)]
    return [Thing(f"{name}.env", env) for name, env in models if env is not None]


def _of_script(things: Sequence[Thing], witness: Witness) -> list[Thing]:
    """Those that were stepped, then others that may have been; the usual names first."""
    named = sorted((thing for thing in things if is_env(thing.value)), key=_rank)
    return sorted(named, key=lambda thing: not witness.was_stepped(thing.value))


def _rank(thing: Thing) -> int:
    last = thing.name.rpartition(".")[2]
    return _USUAL.index(last) if last in _USUAL else len(_USUAL)


def _is_wanted(recipe: Recipe, wanted: str | None) -> bool:
    """Whether it is of the id, or of one that the script was told a part of."""
    return wanted is None or is_same(wanted, recipe.id) or wanted.casefold() in recipe.id.casefold()


def _is_nameless(recipe: Recipe, wanted: str | None) -> bool:
    del wanted
    return recipe.single.spec is None


def _again(env: Env, *, films: bool) -> tuple[Env, _Earned]:
    """The environment with all wrappers, and around the part whose rewards count what sums these up."""
    stack = stack_of(env)
    made = _base(stack[0], films=films)
    own = stack_of(made)
    memo: dict[int, Any] = {id(old): new for old, new in zip(stack, own, strict=False)}
    rewarding = counted(chain(env))
    earned: _Earned | None = None
    for layer in stack:
        if id(layer) not in memo:
            made = memo[id(layer)] = made if is_left_out(layer) else copied(layer, memo)
        if layer is rewarding:
            earned = made = memo[id(layer)] = _Earned(memo[id(layer)])
    if earned is None:
        earned = made = _Earned(made)
    return made, earned


def _base(base: Any, *, films: bool) -> Env:  # noqa: ANN401
    """The environment without layers: made again from its spec, else copied. Raises UnmadeError."""
    try:
        if base.spec is None:
            return copied(base, {})  # type: ignore[no-any-return]  # of the class of `base`
        spec = copy.deepcopy(base.spec)
        spec.kwargs.pop("render_mode", None)
        if _has_frames(base, films=films):
            spec.kwargs["render_mode"] = "rgb_array"
        return gymnasium.make(spec, disable_env_checker=True)
    except Exception as error:  # an environment is anybody's code and may raise anything
        name = base.spec.id if base.spec is not None else type(base).__name__
        raise UnmadeError(f"{name} can't be made again ({type(error).__name__}: {error})") from error


def _has_frames(base: Any, *, films: bool) -> bool:  # noqa: ANN401
    """Whether it renders frames: where they are wanted, or the script had them, and may observe them."""
    return "rgb_array" in base.metadata.get("render_modes", ()) and (films or base.render_mode == "rgb_array")


def _is_vector(env: object) -> bool:
    return isinstance(env, gymnasium.vector.VectorEnv)


def _form(space: Any) -> object:  # noqa: ANN401  # any space
    """What tells spaces apart; not their types of numbers, which scripts set to what their buffers hold."""
    return type(space).__name__, space.shape
