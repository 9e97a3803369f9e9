"""`--resources`: the processors and GPUs that each run is given, in the words of each launcher."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from rlgauge.core import platform
from rlgauge.core.errors import UserError, unknown
from rlgauge.kinds.train.variables import threads_of
from rlgauge.launch import gpus, ray_settings, slurm_settings

OPTION = "--resources"
_NAMES = ("cpu", "gpu")
_SAID_AS = {"cpu": "cpus", "gpu": "gpus"}
"""What settings of Slurm and of Ray call them."""


class Resources(NamedTuple):
    """Of each run, 0.5 for half of one; None is what the launcher gives unasked."""

    cpu: float | None = None
    gpu: float | None = None

    @property
    def said(self) -> dict[str, float]:
        """What is asked for."""
        return {name: amount for name, amount in self._asdict().items() if amount is not None}

    def __str__(self) -> str:
        """As it is typed."""
        return f"{OPTION} {','.join(f'{name}={amount:g}' for name, amount in self.said.items())}"


def read_resources(text: str | None) -> Resources:
    """What `cpu=2,gpu=0.5` says. Raises UserError."""
    found: dict[str, float] = {}
    for part in (text or "").split(",") if text is not None else ():
        name, equals, amount = (one.strip() for one in part.partition("="))
        if not equals:
            raise UserError(f"{OPTION} {text}: write NAME=AMOUNT, such as cpu=2,gpu=0.5.")
        if name not in _NAMES:
            raise unknown(f"name in {OPTION}", name, _NAMES)
        if name in found:
            raise UserError(f"{OPTION} {text}: {name} is given twice.")
        found[name] = _amount(name, amount)
    return Resources(**found)


def as_settings(asked: Resources, launcher: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a launcher, slurm or ray, with what is asked for. Raises UserError for what it can't give."""
    for name, amount in asked.said.items():
        setting = _SAID_AS[name]
        if setting in config:
            raise UserError(f"{OPTION} {name} and {setting} of --launcher-config say the same: give one of them.")
        if launcher == "slurm" and amount != int(amount):
            what, least = ("processors", 1) if name == "cpu" else ("GPUs", 0)
            raise UserError(
                f"{OPTION} {name}={amount:g}: Slurm gives a task whole {what}: ask for {name}={math.ceil(amount)}"
                f"{'' if least else ' or leave it out'}, or take --launcher ray or local, which share them."
            )
    found = {**config, **{_SAID_AS[name]: _plain(amount) for name, amount in asked.said.items()}}
    if asked.cpu is None:
        return found
    threads = threads_of(max(1, int(asked.cpu)), {})  # stronger than the user's own variables, as on this machine
    if launcher == "ray":
        return {**found, "variables": {**threads, **ray_settings.variables("variables", config.get("variables", {}))}}
    exports = [f"export {name}={number}" for name, number in threads.items()]
    return {**found, "setup": [*exports, *slurm_settings.lines("setup", config.get("setup", ""))]}


def num_that_fit(asked: Resources) -> int:
    """How many runs this machine has room for at once. Raises UserError where there is none for one."""
    room = []
    if asked.cpu is not None:
        room.append(_by_processors(asked.cpu))
    if asked.gpu:
        room.append(gpus.room(asked.gpu, gpus.available()))
    return min(room, default=1)


def check_fit(asked: Resources, num_workers: int) -> None:
    """Raise UserError where so many runs do not fit this machine."""
    fit = num_that_fit(asked) if asked.cpu is not None or asked.gpu else num_workers
    if num_workers > fit:
        raise UserError(
            f"--workers {num_workers} with {asked}: this machine has room for {fit} at once. Leave out --workers to "
            "have as many as fit."
        )


def worker_variables(asked: Resources, num_workers: int) -> Sequence[Mapping[str, str]]:
    """The environment variables of so many workers here: as many threads as processors, its GPUs by number."""
    threads = {} if asked.cpu is None else threads_of(max(1, int(asked.cpu)), {})
    shares = [{}] * num_workers if asked.gpu is None else gpus.share_variables(num_workers, asked.gpu)
    return [{**threads, **share} for share in shares]


def _by_processors(cpu: float) -> int:
    num = len(platform.affinity() or ()) or os.cpu_count() or 1
    fit = math.floor(num / cpu + 1e-9)
    if fit < 1:
        processors = f"{num} processor{'' if num == 1 else 's'}"
        raise UserError(f"{OPTION} cpu={cpu:g}: this machine has {processors}, so no run fits. Ask for cpu={num}.")
    return fit


def _amount(name: str, text: str) -> float:
    try:
        amount = float(text)
    except ValueError:
        amount = math.nan
    is_enough = amount > 0 or (name == "gpu" and amount == 0)
    if not is_enough or not math.isfinite(amount) or (amount > 1 and amount != int(amount)):
        raise UserError(f"{OPTION} {name}={text}: give a whole number such as 2, or a share of one such as 0.5.")
    return amount


def _plain(amount: float) -> float:
    return int(amount) if amount == int(amount) else amount
