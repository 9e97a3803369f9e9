"""Algorithm, task and seed as folders are named after them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

_CLEANRL = re.compile(r"(?P<task>.+?)__(?P<algorithm>.+?)__(?P<seed>-?\d+)__\d+")
_RL_ZOO = re.compile(r"(?P<task>.+-v\d+)_(?P<number>\d+)")
_SB3 = re.compile(r"(?P<algorithm>[A-Za-z][A-Za-z0-9-]*)_(?P<number>\d+)")
_LEROBOT = re.compile(r"\d\d-\d\d-\d\d_(?P<task>.+)_(?P<algorithm>[^_]+)")
_SEED = re.compile(r"(?:.*[_-])?(?:train_?)?seed[_=-]?(?P<seed>\d+)", re.IGNORECASE)
_TASK = re.compile(r".*-v\d+")
_ALGORITHMS = {
    *("a2c", "ars", "crossq", "ddpg", "dqn", "dreamerv3", "her", "ppg", "ppo", "ppo_lstm", "qrdqn", "rainbow"),
    *("recurrentppo", "sac", "td3", "tqc", "trpo", "airl", "bc", "dagger", "gail", "sqil"),
}


class Named(NamedTuple):
    """What a path tells; None where it does not. `number` is a run's number, which may stand for its seed."""

    algorithm: str | None = None
    task: str | None = None
    seed: int | None = None
    number: int | None = None


def named_by(path: str) -> Named:
    """What the folders of a path tell, the innermost first."""
    folders = [part for part in re.split(r"[/\\]", path) if part]
    found = Named()
    for position in range(len(folders) - 1, -1, -1):
        told = _folder(folders[position], folders[:position])
        found = Named(
            told.algorithm if found.algorithm is None else found.algorithm,
            told.task if found.task is None else found.task,
            told.seed if found.seed is None else found.seed,
            told.number if found.number is None else found.number,
        )
    return found


def _folder(name: str, parents: Sequence[str]) -> Named:
    found = Named(number=int(name)) if name.isdecimal() else Named()
    if match := _CLEANRL.fullmatch(name):
        found = Named(match["algorithm"], match["task"], int(match["seed"]))
    elif match := _RL_ZOO.fullmatch(name):
        found = Named(parents[-1] if parents else None, match["task"], None, int(match["number"]))
    elif match := _LEROBOT.fullmatch(name):
        found = Named(match["algorithm"], match["task"])
    elif match := _SEED.fullmatch(name):
        found = Named(seed=int(match["seed"]))
    elif name.lower() in _ALGORITHMS:
        found = Named(name)
    elif (match := _SB3.fullmatch(name)) and match["algorithm"].lower() in _ALGORITHMS:
        found = Named(match["algorithm"], None, None, int(match["number"]))
    elif _TASK.fullmatch(name):
        found = Named(None, name)
    return found


def folder_name(path: str) -> str:
    """The innermost folder's name, for what nothing else names."""
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1] or "unknown"
