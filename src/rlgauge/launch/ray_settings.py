"""What a user may say of the launcher ray, checked at the border."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from rlgauge.core.errors import UserError, unknown


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Which cluster, what each of its tasks gets, and how cases are dealt out to them.

    `address` is HOST:PORT, `auto`, or None for a Ray of our own on this machine; `memory` is in bytes, `width` how many
    tasks run at once (None: as many as there is room for), `pack` how many cases a task runs one after the other,
    `python` the interpreter of the workers (None: this one), `variables` what is added to their environment.
    """

    address: str | None = None
    cpus: float = 1.0
    gpus: float = 0.0
    memory: int | None = None
    resources: dict[str, float] = {}
    width: int | None = None
    pack: int = 1
    python: str | None = None
    variables: dict[str, str] = {}

    def most_cpus(self, nodes: Iterable[Mapping[str, float]]) -> float:
        """How many processors the largest of the nodes has on which a task can be."""
        return max((node.get("CPU", 0.0) for node in nodes if has(node, self.per_task())), default=self.cpus)

    def per_task(self) -> dict[str, float]:
        """What a task asks of its node, by Ray's names."""
        asked = {"CPU": self.cpus, "GPU": self.gpus, "memory": float(self.memory or 0), **self.resources}
        return {name: amount for name, amount in asked.items() if amount}


def has(node: Mapping[str, float], asked: Mapping[str, float]) -> bool:
    """Whether there is so much on a node, when nothing else is run there."""
    return all(node.get(name, 0.0) >= amount for name, amount in asked.items())


def read_settings(config: Mapping[str, Any]) -> Settings:
    """The settings. Raises UserError for an unknown name and for an impossible value."""
    for name in config:
        if name not in Settings.__struct_fields__:
            raise unknown("setting of the launcher ray", name, Settings.__struct_fields__)
    given = {name: value for name, value in config.items() if value is not None}
    return Settings(**{name: _READERS[name](name, value) for name, value in given.items()})


def _address(name: str, value: object) -> str:
    text = str(value)
    if text.startswith("ray://"):
        raise UserError(
            f"{name}={text}: this is a port for Ray's clients, which can't follow tasks. Start rlgauge on a machine of "
            "the cluster, with address=auto or the HOST:PORT of the cluster itself (port 6379, unless it was chosen)."
        )
    match = re.fullmatch(r"\[?[^\s/]+?\]?:(\d+)", text)
    if text != "auto" and (match is None or not 0 < int(match[1]) < 2**16):
        raise UserError(
            f"{name}={text}: give HOST:PORT, such as 10.0.0.5:6379, or auto for the cluster of this machine."
        )
    return text


def _whole(name: str, value: object) -> int:
    text = str(value).strip()
    number = int(text) if text.isdecimal() and not isinstance(value, bool) else 0
    if number < 1:
        raise UserError(f"{name}={value}: give a whole number, 1 or more.")
    return number


def _cpus(name: str, value: object) -> float:
    number = _amount(name, value)
    if number <= 0:
        raise UserError(f"{name}={value}: give more than 0, or Ray starts all tasks at once.")
    return number


def _amount(name: str, value: object) -> float:
    """A number as Ray takes it: any share of one, but whole from one upward."""
    try:
        number = math.nan if isinstance(value, bool) else float(str(value))
    except ValueError:
        number = math.nan
    if not (0 <= number < math.inf) or (number > 1 and number != int(number)):
        raise UserError(f"{name}={value}: give a whole number such as 2, or a share such as 0.5.")
    return number


def _memory(name: str, value: object) -> int:
    match = re.fullmatch(r"([1-9]\d*)([KMGT])(?:i?B)?", str(value).strip(), re.IGNORECASE)
    if match is None:
        raise UserError(f"{name}={value}: give a whole number with its unit, such as 4G or 500M.")
    factor: int = 1024 ** ("KMGT".index(match[2].upper()) + 1)
    return int(match[1]) * factor


def _resources(name: str, value: object) -> dict[str, float]:
    given = _pairs(name, value, "tpu:1,fast_disk:1")
    for reserved, own in {"CPU": "cpus", "GPU": "gpus", "memory": "memory"}.items():
        if reserved in given:
            raise UserError(f"{name}: {reserved} has a setting of its own, {own}.")
    return {key: _amount(f"{name}.{key}", amount) for key, amount in given.items()}


def variables(name: str, value: object) -> dict[str, str]:
    """Environment variables, of a mapping or a text such as `a:1,b:2`. Raises UserError."""
    return {key: str(text) for key, text in _pairs(name, value, "MUJOCO_GL:egl").items()}


def _pairs(name: str, value: object, example: str) -> dict[str, object]:
    """A mapping, or a text such as `a:1,b:2`."""
    if isinstance(value, Mapping):
        return {str(key): one for key, one in value.items()}
    parts = [part.partition(":") for part in str(value).split(",")]
    if not isinstance(value, str) or not all(key and colon for key, colon, _ in parts):
        raise UserError(f"{name}={value!r}: give names with values, such as {example}.")
    return {key.strip(): one.strip() for key, _, one in parts}


def _path(name: str, value: object) -> str:
    if Path(str(value)).is_absolute():
        return str(value)
    raise UserError(f"{name}={value}: give the whole path of an interpreter, as it is on the nodes.")


_READERS: dict[str, Callable[[str, object], Any]] = {
    "address": _address,
    "cpus": _cpus,
    "gpus": _amount,
    "memory": _memory,
    "resources": _resources,
    "width": _whole,
    "pack": _whole,
    "python": _path,
    "variables": variables,
}
