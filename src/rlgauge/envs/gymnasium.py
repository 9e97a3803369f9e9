"""Gymnasium environments, made by id."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from rlgauge.core.errors import UserError, unknown

if TYPE_CHECKING:
    import gymnasium
    from gymnasium.envs.registration import EnvSpec


_OWN = {"rlgauge/": "rlgauge.envs.nchain", "seals/": "rlgauge.envs.seals"}
"""How the ids begin of environments that we register, and the module that does so."""


def make(env_id: str, *, render: bool = False, **kwargs: Any) -> gymnasium.Env[Any, Any]:  # noqa: ANN401  # the environment's own
    """The environment, with frames to be had from `render()` where asked. Raises UserError for what can't be made.

    Its constructor need not know of render modes where no frames are asked for.
    """
    import gymnasium

    find_spec(env_id)
    rendering: dict[str, Any] = {"render_mode": "rgb_array"} if render else {}
    try:
        return gymnasium.make(env_id, **rendering, **kwargs)
    except (gymnasium.error.Error, ImportError, TypeError) as error:
        raise UserError(f"The environment {env_id!r} can't be made: {error}") from error


def find_spec(env_id: str) -> EnvSpec:
    """The registered spec of `[module:]id`. Raises UserError with the nearest known id."""
    import gymnasium

    module, _, name = env_id.rpartition(":")
    for prefix, home in _OWN.items():
        if name.startswith(prefix):
            importlib.import_module(home)
    if module:
        try:
            importlib.import_module(module)
        except ModuleNotFoundError as error:
            raise UserError(f"The environment {env_id!r} needs {error.name!r}, which is not installed.") from error
    try:
        return gymnasium.spec(name)
    except gymnasium.error.Error as error:
        if name in gymnasium.registry:
            raise UserError(f"The environment {env_id!r} can't be made: {error}") from error
        raise _unknown_environment(name, list(gymnasium.registry)) from error


def _unknown_environment(name: str, known: list[str]) -> UserError:
    import difflib

    near = difflib.get_close_matches(name, known, n=5, cutoff=0.5)
    return unknown("environment", name, near or sorted(known)[:10])
