"""The wrappers around an environment: walked through, and copied with what they have learned.

This module is imported where a script has left an environment of Gymnasium.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import gymnasium

_LEFT_OUT = {
    "gymnasium": {
        *("RecordVideo", "HumanRendering", "RenderCollection"),  # write or show what nobody asked for
        *("PassiveEnvChecker", "Autoreset"),
        *("NumpyToTorch", "ArrayConversion"),  # actors are given tensors where they want them
        "DictInfoToList",  # of vectors
    },
    "stable_baselines3": {
        *("Monitor", "VecMonitor", "VecVideoRecorder", "VecCheckNan"),
        "EpisodicLifeEnv",  # ends episodes before they are over
    },
}
"""Wrappers that change neither what is observed nor what is played, by the library that they come from."""
_NO_MATTER = {"RecordEpisodeStatistics", "NormalizeReward", "TransformReward", "ClipReward", "RecordVideo"}
"""Layers around a vector that change neither what is observed nor what is played."""
_LEARNING = {"NormalizeObservation"}
"""Wrappers that know what they were not made with."""
_WATCHED = {"step", "reset"}
"""Methods that stand on an instance were put there to watch it; a copy has those of its class."""
_OURS = "_rlgauge"
"""How the names of the attributes begin by which we watch it."""


class UnmadeError(Exception):
    """An environment can't be made again. The message continues a sentence that says what follows."""


def stack_of(env: Any) -> list[Any]:  # noqa: ANN401  # an environment and its wrappers have no class in common
    """The environment itself and the wrappers around it, outwards."""
    found = [env]
    while isinstance(found[-1], gymnasium.Wrapper):
        found.append(found[-1].env)
    return found[::-1]


def is_left_out(wrapper: object) -> bool:
    """Whether a wrapper can go without changing what is observed or played; one that plays by itself has to."""
    kind = type(wrapper)
    is_runner = kind.__name__.endswith("Runner") and callable(getattr(kind, "run", None))
    return is_runner or kind.__name__ in _LEFT_OUT.get(library_of(wrapper), ())


def remade(spec: Any, around: Iterable[str]) -> gymnasium.Env[Any, Any]:  # noqa: ANN401  # an EnvSpec
    """The environment of a spec with its wrappers, of one that is gone and stood in a vector within layers `around`.

    Raises UnmadeError where these or the wrappers had learned something, or can't be made again.
    """
    spec = copy.deepcopy(spec)
    spec.additional_wrappers = tuple(
        layer
        for layer in spec.additional_wrappers or ()
        if layer.name not in _LEFT_OUT.get(layer.entry_point.partition(".")[0], ())
    )
    for name in around:
        if name not in _NO_MATTER:
            raise UnmadeError(f"its environment is gone, and so is the {name} around it")
    for layer in spec.additional_wrappers:
        if layer.name in _LEARNING or layer.kwargs is None:
            raise UnmadeError(f"its environment is gone, and with it what its {layer.name} was")
    try:
        return gymnasium.make(spec, disable_env_checker=True)
    except Exception as error:  # an environment is anybody's code and may raise anything
        raise UnmadeError(f"{spec.id} can't be made again ({type(error).__name__}: {error})") from error


def library_of(thing: object) -> str:
    """The package that its class comes from."""
    return type(thing).__module__.partition(".")[0]


def copied(layer: Any, memo: dict[int, Any], *, shared: Iterable[str] = ()) -> Any:  # noqa: ANN401
    """A wrapper, or an environment, with a copy of its state.

    `memo` says what takes the place of what lies below it, by identity. What it has learned stays as it is from now on.
    What can't be copied, such as an open file, is shared with it, and so are the attributes named in `shared`.
    """
    made = object.__new__(type(layer))
    memo[id(layer)] = made
    state = vars(made)
    for name, value in vars(layer).items():
        if name not in _WATCHED and not name.startswith(_OURS):
            state[name] = value if name in shared else _part(value, memo)
    _settle(state)
    return made


def _part(value: Any, memo: dict[int, Any]) -> Any:  # noqa: ANN401
    try:
        return copy.deepcopy(value, memo)
    except Exception:  # noqa: BLE001  # copying calls whatever an object defines for it
        return value


def _settle(state: dict[str, Any]) -> None:
    """No statistics move on, and no episode ends before it is over."""
    fixed = {"_cached_spec": None, "_update_running_mean": False, "terminal_on_life_loss": False}
    state.update({name: value for name, value in fixed.items() if name in state})
