"""What is written beside an expert: how it was made, and what it reaches."""

from __future__ import annotations

import contextlib
from importlib.metadata import PackageNotFoundError, version

import msgspec

from rlgauge.kinds.train.experts.settings import Algorithm, Settings

MODEL, STATISTICS, POLICY, RECORD = "model.zip", "vecnormalize.pkl", "policy.onnx", "expert.json"
"""Names of the files in an expert's folder: what Stable-Baselines3 saves, and what is made of it."""


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """How far the file acts as the model that it was made of, on `num_steps` observations of the file's episodes."""

    num_steps: int
    largest_difference: float
    """Of one number of an action; of discrete actions 1 where any differs."""
    largest_return_difference: float
    """Of the episodes, each played by both from the same seed."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Of one expert. Its returns are of episodes by which no moment of its training was chosen as the best."""

    environment: str
    algorithm: Algorithm
    command: str
    seed: int
    num_steps: int
    """That were to be trained."""
    num_steps_trained: int
    """Fewer where it was ended from outside."""
    num_steps_of_best: int
    """After which it was what the file holds."""
    num_seconds: float
    settings: Settings
    versions: dict[str, str]
    return_mean: float
    return_deviation: float
    """Of single episodes (n - 1)."""
    num_episodes: int
    first_episode_seed: int
    agreement: Agreement
    num_bytes: int
    sha256: str
    """Of the ONNX file."""

    def as_json(self) -> bytes:
        """The file's content."""
        return msgspec.json.format(msgspec.json.encode(self)) + b"\n"


def read_record(content: bytes) -> Record:
    """The record of a file. Raises msgspec.DecodeError."""
    return msgspec.json.decode(content, type=Record)


def versions() -> dict[str, str]:
    """Of what trains, as far as it is installed."""
    found = {}
    for name in ("rlgauge", "gymnasium", "mujoco", "numpy", "stable_baselines3", "torch"):
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
