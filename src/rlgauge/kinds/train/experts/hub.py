"""Repositories of the Hugging Face hub with experts and demonstrations."""

from __future__ import annotations

from rlgauge.core.hub import FORM, PREFIX, Files, Kind, Snapshot, advice, cache
from rlgauge.core.hub import fetch as fetch_files

__all__ = ["FORM", "ORGANISATION", "PREFIX", "Snapshot", "advice", "cache", "default_repository", "fetch", "whole_name"]

ORGANISATION = "HumanCompatibleAI"
"""Whose experts and demonstrations those are that go by default with an environment."""
_USUAL = f"{PREFIX}@"
"""How a name begins that leaves the repository to the environment."""
_FILES: dict[Kind, Files] = {
    "model": Files(("*.zip",), ("*.pkl",), "; shipped experts (rlgauge expert list) need no hub"),
    "dataset": Files(("*.arrow", "*.parquet")),
}
"""The files that are read."""


def default_repository(env_id: str, algorithm: str = "ppo") -> str:
    """The usual repository of an expert of the environment, and of the data set that it made."""
    return f"{ORGANISATION}/{algorithm}-{env_id.replace('/', '-')}"


def whole_name(name: str, env_id: str) -> str:
    """The same with the environment's usual repository, where it has none: `hf:@REVISION`."""
    return f"{PREFIX}{default_repository(env_id)}{name[len(PREFIX) :]}" if name.startswith(_USUAL) else name


def fetch(name: str, *, kind: Kind) -> Snapshot:
    """The files of `hf:ORGANISATION/NAME@REVISION`. Raises UserError, at once where the hub can't be reached."""
    return fetch_files(name, kind=kind, files=_FILES[kind])
