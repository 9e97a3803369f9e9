"""Environments inside environments: what wraps what, and whose rewards are those of the task.

A script may put wrappers round an environment that scale or clip its rewards, or end its episodes with a life. What is
counted is the task's: the returns of scripts that shape rewards differently can be compared, with each other and with
those of their test episodes, which are played in the plain environment.
"""

from __future__ import annotations

import re
from typing import Any

Env = Any
"""An environment of somebody's, or a wrapper."""

MADE = "_rlgauge_is_made"
"""Name of the attribute that marks what `make` returned."""
OURS = ("gymnasium.", "gym.", "stable_baselines3.", "shimmy.")
"""Where wrappers come from that are known: those of them that change rewards or ends are named below."""
CHANGING = {
    "RewardWrapper",
    "VectorRewardWrapper",
    "NormalizeReward",
    "EpisodicLifeEnv",
    "Autoreset",
    "AutoResetWrapper",
}
"""Wrappers, by the name of their class or of one that it inherits from, that change rewards or ends of episodes."""
_LIFE = re.compile(r"[Ll]i(?:fe|ves)(?![a-z])")
COUNTING = {"RecordEpisodeStatistics", "Monitor"}
"""Wrappers with which a script says that what they see is what it counts."""


def attribute(env: Env, name: str) -> Any:  # noqa: ANN401  # a stranger's attribute
    """An attribute that is an environment's or its class's, not one of what it wraps; None where there is none.

    Asking for `__dict__` instead would have Python keep the attributes of that object in a dictionary from then on, and
    its methods slow down by a tenth. What is put there is put by `object.__setattr__`, for the same reason.
    """
    try:
        return object.__getattribute__(env, name)
    except AttributeError:
        return None


def chain(env: Env) -> list[Env]:
    """`env` and what it wraps, outermost first."""
    layers = [env]
    while _is_wrapper(layers[-1]):
        inner = attribute(layers[-1], "env")
        if not hasattr(inner, "step") or not hasattr(inner, "reset"):
            break
        layers.append(inner)
    return layers


def counted(layers: list[Env]) -> Env:
    """The environment among `layers` whose steps are counted: the outermost that shows rewards and ends as they are.

    From what `make` returned outward, up to the first wrapper that changes them. Of a stranger's wrapper with a `step`
    of its own that is assumed, except where the environment was built without `make`: then wrappers may well be a part
    of the task, unless something beneath them counts.
    """
    made = next((index for index, layer in enumerate(layers) if attribute(layer, MADE)), None)
    place = len(layers) - 1 if made is None else made
    trusts = made is None and not any(type(layer).__name__ in COUNTING for layer in layers)
    while place and _is_faithful(layers[place - 1], trusts_strangers=trusts):
        place -= 1
    return layers[place]


def ends_lives(wrappers: list[Env]) -> bool:
    """Whether one of them ends episodes with a life, by its name: the reset that follows only goes on with the game."""
    return any(_LIFE.search(name) for one in wrappers for name in _names(one))


def is_vector(env: Env) -> bool:
    """Whether it is by its class a vector of environments."""
    return bool({"VectorEnv", "VecEnv"} & _names(env))


def parts_in_process(env: Env) -> list[Env]:
    """The environments that a vector steps one by one in this process; none where it steps them otherwise."""
    parts = attribute(env, "envs")
    if is_vector(env) and isinstance(parts, list | tuple) and all("Env" in _names(part) for part in parts):
        return list(parts)
    return []


def name_of(env: Env) -> str:
    """The id of an environment, empty where it has none."""
    spec = attribute(chain(env)[-1], "spec")
    return str(getattr(spec, "id", None) or "")


def _is_wrapper(env: Env) -> bool:
    return bool({"Wrapper", "VectorWrapper", "VectorEnvWrapper"} & _names(env))


def _is_faithful(wrapper: Env, *, trusts_strangers: bool) -> bool:
    if CHANGING & _names(wrapper):
        return False
    owner = next((cls for cls in type(wrapper).__mro__ if "step" in vars(cls)), None)
    return trusts_strangers or owner is None or owner.__module__.startswith(OURS)


def _names(env: Env) -> set[str]:
    return {cls.__name__ for cls in type(env).__mro__}
