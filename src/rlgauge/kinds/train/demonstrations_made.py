"""Demonstrations of an expert, made once for its content, the environment and the seeds, and kept in the cache."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from rlgauge.core.case import fingerprint
from rlgauge.core.errors import UserError
from rlgauge.core.files import cache_folder
from rlgauge.envs.describe import describe_spec
from rlgauge.envs.gymnasium import find_spec, make
from rlgauge.kinds.train.demonstrations import Demonstrations
from rlgauge.kinds.train.demonstrations_read import Recorded, check_fits, read_npz, record_of, write_npz
from rlgauge.kinds.train.experts.expert import Expert
from rlgauge.kinds.train.experts.playing import play

_VERSION = 1
"""Raised when the same expert, environment and seeds would give other demonstrations."""
_FIRST_SHOWN = 1_000_000
"""The seed of the first episode that an expert shows.

The state of a training that became a shipped expert was chosen by the first eight of them; no other use has such seeds.
"""


def shown_by(expert: Expert, env_id: str, *, num_episodes: int) -> Recorded:
    """The episodes that the expert shows to whoever learns from it, always the same ones. Raises UserError."""
    return made_demonstrations(expert, env_id, seeds=range(_FIRST_SHOWN, _FIRST_SHOWN + num_episodes))


def made_demonstrations(expert: Expert, env_id: str, *, seeds: Sequence[int]) -> Recorded:
    """One whole episode for each seed, of the cache where they were made before. Raises UserError."""
    expert_digest = expert.digest()
    key = fingerprint(
        {
            "version": _VERSION,
            "expert": expert_digest,
            "environment": environment_of(env_id),
            "seeds": list(seeds),
        }
    )
    path = _folder() / f"{key}.npz"
    found = _load(path)
    if found is None:
        env = make(env_id)
        found = check_fits(play(lambda: make(env_id), expert.label(env), seeds=seeds), env, source=expert.name)
        write_npz(path, found, environment=env_id)
    told = record_of(found, source="made", environment=env_id)
    record = msgspec.structs.replace(told, expert=expert.name, expert_digest=expert_digest, seeds=list(seeds))
    return Recorded(found, record)


def _load(path: Path) -> Demonstrations | None:
    """What was kept; None where nothing was, or it is damaged and to be made again."""
    try:
        return read_npz(path) if path.is_file() else None
    except UserError:
        return None


def environment_of(env_id: str) -> dict[str, Any]:
    """What defines the environment, with the versions of its libraries."""
    return describe_spec(find_spec(env_id))


def _folder() -> Path:
    return cache_folder() / "demonstrations"
