"""What a user may say of a Slurm launcher, checked at the border."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from rlgauge.core.errors import UserError, unknown

POLL_SECONDS = 20.0
"""How often `squeue` is asked unless the user says otherwise."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What the tasks of an array get, and how cases are dealt out to them.

    `time` is the minutes of a task, `memory` that of a task with its unit, `width` how many tasks run at once (None: as
    many as Slurm lets), `pack` how many cases a task runs one after the other, `setup` lines of shell before the
    worker, `python` the interpreter of the tasks (None: this one), `poll` the seconds between two calls of squeue.
    """

    time: int
    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    memory: str | None = None
    cpus: int = 1
    gpus: int = 0
    width: int | None = None
    pack: int = 1
    setup: tuple[str, ...] = ()
    python: str | None = None
    poll: float = POLL_SECONDS


_LEAST = {"time": 1, "cpus": 1, "gpus": 0, "width": 1, "pack": 1}
_MOST_MINUTES = 366 * 24 * 60


def read_settings(config: Mapping[str, Any]) -> Settings:
    """The settings. Raises UserError for an unknown name, an impossible value, and where `time` is not given."""
    for name in config:
        if name not in Settings.__struct_fields__:
            raise unknown("setting of the launcher slurm", name, Settings.__struct_fields__)
    given = {name: value for name, value in config.items() if value is not None}
    if "time" not in given:
        raise UserError("The launcher slurm must know how many minutes a task may take: give time=60, for example.")
    return Settings(**{name: _read(name, value) for name, value in given.items()})


def _read(name: str, value: object) -> Any:  # noqa: ANN401  # whatever type the setting has
    if name in _LEAST:
        return _whole(name, value)
    if name == "poll":
        return _seconds(value)
    if name == "setup":
        return lines(name, value)
    if name == "memory":
        return _memory(value)
    return _word(name, value)


def _whole(name: str, value: object) -> int:
    text = str(value).strip()
    number = int(text) if text.isdecimal() and not isinstance(value, bool) else None
    if number is None or number < _LEAST[name]:
        meant = " of minutes, such as time=90 for an hour and a half" if name == "time" else f", {_LEAST[name]} or more"
        raise UserError(f"{name}={value}: give a whole number{meant}.")
    if name == "time" and number > _MOST_MINUTES:
        raise UserError(f"time={value}: that is more than a year; `time` is in minutes.")
    return number


def _seconds(value: object) -> float:
    try:
        seconds = float(str(value))
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds <= 3600:  # noqa: PLR2004  # as the sentence says
        raise UserError(f"poll={value}: give the seconds between two calls of squeue, 1 to 3600.")
    return seconds


def lines(name: str, value: object) -> tuple[str, ...]:
    """Lines of shell, of a text or a list of texts. Raises UserError."""
    if isinstance(value, str):
        return tuple(value.splitlines())
    if isinstance(value, (list, tuple)) and all(isinstance(line, str) for line in value):
        return tuple(value)
    raise UserError(f"{name}={value!r}: give lines of shell, as a text or as a list of texts.")


def _memory(value: object) -> str:
    if re.fullmatch(r"[1-9]\d*[KMGT]B?", str(value), re.IGNORECASE):
        return str(value).upper()
    raise UserError(f"memory={value}: give a whole number with its unit, such as 4G or 500M.")


def _word(name: str, value: object) -> str:
    text = str(value)
    if isinstance(value, (str, int)) and text and text.isprintable():
        return text
    raise UserError(f"{name}={value!r}: give a name.")
