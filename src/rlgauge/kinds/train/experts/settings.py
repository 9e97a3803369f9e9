"""How the expert of an environment is trained, as data."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Literal

import msgspec

from rlgauge.core.errors import UserError, unknown

Algorithm = Literal["ppo", "sac"]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of one training; `num_steps` counts those of all `num_envs`, `options` are the algorithm's own.

    `env_options` go to the environment that it trains in, never to that in which it is evaluated.
    """

    num_steps: int
    num_envs: int
    is_normalised: bool
    hidden: tuple[int, ...]
    activation: Literal["tanh", "relu"]
    is_decaying: bool
    log_std_init: float | None = None
    env_options: dict[str, Any] = {}
    options: dict[str, Any]


def settings_for(
    env_id: str, algorithm: str | None = None, *, num_steps: int | None = None
) -> tuple[Algorithm, Settings]:
    """The algorithm, by default the environment's first, and its settings with so many steps. Raises UserError."""
    known = _all()
    if env_id not in known:
        raise unknown("environment with settings for an expert", env_id, known)
    found = known[env_id]
    if algorithm is not None and algorithm not in found:
        raise unknown(f"algorithm with settings for {env_id}", algorithm, found)
    if num_steps is not None and num_steps < 1:
        raise UserError(f"An expert can't be trained for {num_steps} steps: give 1 or more.")
    chosen = next(name for name in found if algorithm in {None, name})
    settings = found[chosen]
    return chosen, settings if num_steps is None else msgspec.structs.replace(settings, num_steps=num_steps)


@cache
def _all() -> dict[str, dict[Algorithm, Settings]]:
    import yaml

    content = yaml.safe_load(Path(__file__).with_name("settings.yaml").read_bytes())
    return msgspec.convert(content, dict[str, dict[Algorithm, Settings]])
