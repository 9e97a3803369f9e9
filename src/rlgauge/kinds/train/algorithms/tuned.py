"""The tuned configurations of `imitation`, by name: 4 algorithms in 5 environments."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from rlgauge.core.errors import unknown
from rlgauge.kinds.train.algorithms.config import Config
from rlgauge.kinds.train.algorithms.reading import read


class Tuned(NamedTuple):
    """A configuration as plain data, to be changed or read, and whose it is."""

    algorithm: str
    env_id: str
    data: dict[str, Any]

    @property
    def config(self) -> Config:
        """It, read."""
        return read(self.algorithm, self.data)


def names() -> list[str]:
    """Of all tuned configurations, such as `bc_seals_ant`."""
    return sorted(_all())


def tuned(name: str) -> Tuned:
    """The configuration of that name. Raises UserError."""
    known = _all()
    if name not in known:
        raise unknown("configuration", name, known)
    data = known[name]
    return Tuned(name.partition("_")[0], data["environment"]["gym_id"], data)


def name_for(algorithm: str, env_id: str) -> str | None:
    """Of the configuration that was tuned for the pair; None where there is none."""
    return next(
        (name for name in names() if tuned(name)[:2] == (algorithm, env_id)),
        None,
    )


@cache
def _all() -> dict[str, dict[str, Any]]:
    import yaml

    found: dict[str, dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("tuned.yaml").read_bytes())
    return found
