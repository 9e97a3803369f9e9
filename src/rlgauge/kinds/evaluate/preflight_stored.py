"""Statistics of observations and actions that were stored with a policy, or in a file beside it."""

from __future__ import annotations

import json
import struct
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rlgauge.core.errors import UserError
from rlgauge.core.files import plain_errors
from rlgauge.episodes.policies.sb3 import is_sb3, load_normalizer, normalizer_of

if TYPE_CHECKING:
    from stable_baselines3.common.vec_env import VecNormalize

    from rlgauge.episodes.policies.source import PolicySource

Numbers = NDArray[np.float64]
ACTIONS = ("action", "actions")
_STATISTICS = ("mean", "std", "min", "max")
_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4"}
_ALIASES = {
    "observation.state": "agent_pos",
    "observation.environment_state": "environment_state",
    "observation.image": "pixels",
}
_CAMERA = "observation.images."


class Stats(NamedTuple):
    """Of one array: its mean and deviation, of the array's shape or one number a channel; bounds where known."""

    mean: Numbers
    std: Numbers
    low: Numbers | None = None
    high: Numbers | None = None


class Stored(NamedTuple):
    """Statistics by name, '' where there is one array only, and where they are from."""

    origin: str
    observations: dict[str, Stats]
    action: Stats | None = None

    def of(self, name: str, names: Collection[str]) -> Stats | None:
        """Those of what the environment or a mapping calls `name`, of all `names`."""
        found = self.name_of(name, names)
        return None if found is None else self.observations[found]

    def name_of(self, name: str, names: Collection[str]) -> str | None:
        """What the statistics are called that fit `name`, of all `names`; None where none do."""
        for stored in self.observations:
            camera = f"pixels/{stored.removeprefix(_CAMERA)}" if stored.startswith(_CAMERA) else None
            if name in {stored, _ALIASES.get(stored), camera}:
                return stored
        is_only = len(self.observations) == 1 and len(names) == 1
        return next(iter(self.observations)) if is_only else None


def stored_with(source: PolicySource | None, policy: object, *, trust: bool) -> Stored | None:
    """What lies with the policy: a VecNormalize, or the processors of lerobot; None where nothing does.

    `source` is None of a live `policy`.
    """
    if source is None:
        normalizer = normalizer_of(policy) if is_sb3(policy) else None
        return None if normalizer is None else _of_normalizer(normalizer, "the model's VecNormalize")
    if source.normalizer is not None:
        found = load_normalizer(source.normalizer, trust=trust, name=source.uri)
        return _of_normalizer(found, f"'{source.normalizer}'")
    return _of_lerobot(Path(source.target)) if source.scheme == "lerobot" else None


def read_stats(path: Path) -> Stored:
    """The statistics of a JSON file: by name, each with `mean` and `std`, and `min` and `max` where known.

    `action` are those of actions. lerobot's `stats.json` has this form, and what openpi has below `norm_stats`. Raises
    UserError.
    """
    with plain_errors(path, "read"):
        text = path.read_text(encoding="utf-8")
    try:
        content = json.loads(text)
        content = content.get("norm_stats", content)
        tables = {str(name): dict(table) for name, table in content.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError(f"'{path}' holds no statistics: names with {{mean: ..., std: ...}} are needed.") from error
    stored = _stored(tables, f"'{path}'")
    if not stored.observations and stored.action is None:
        raise UserError(f"'{path}' holds no statistics: none of its names has a mean and a std.")
    return stored


def _of_normalizer(normalizer: VecNormalize, origin: str) -> Stored | None:
    """The running statistics, as numbers of what the environment gives."""
    if not normalizer.norm_obs:
        return None
    running: Any = normalizer.obs_rms
    parts = running if isinstance(running, Mapping) else {"": running}
    return Stored(origin, {name: Stats(part.mean, np.sqrt(part.var)) for name, part in parts.items()})


def _of_lerobot(folder: Path) -> Stored | None:
    """The statistics in the files of the normalizer and of what undoes it."""
    tables: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.glob("policy_p*processor*normalizer_processor*.safetensors")):
        for name, value in _tensors(path).items():
            key, _, statistic = name.rpartition(".")
            tables.setdefault(key, {})[statistic] = value
    return _stored(tables, f"'{folder}'") if tables else None


def _tensors(path: Path) -> dict[str, Numbers]:
    """What a file of safetensors holds: the length of a header, the header in JSON, and the bytes."""
    with plain_errors(path, "read"):
        content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header, body = json.loads(content[8 : 8 + length]), content[8 + length :]
    found = {}
    for name, told in header.items():
        if name != "__metadata__" and told["dtype"] in _DTYPES:
            first, last = told["data_offsets"]
            values = np.frombuffer(body[first:last], _DTYPES[told["dtype"]])
            found[name] = values.reshape(told["shape"]).astype(np.float64)
    return found


def _stored(tables: Mapping[str, Mapping[str, Any]], origin: str) -> Stored:
    found: dict[str, Stats] = {}
    for name, table in tables.items():
        numbers = {key: np.asarray(table[key], np.float64) for key in _STATISTICS if key in table}
        if {"mean", "std"} <= numbers.keys():
            found[name] = Stats(numbers["mean"], numbers["std"], numbers.get("min"), numbers.get("max"))
    action = next((found[name] for name in ACTIONS if name in found), None)
    observed = {"" if name == "observation" else name: stats for name, stats in found.items() if name not in ACTIONS}
    return Stored(origin, observed, action)
