"""What random actions and an expert reach: the 0 and the 1 of normalised scores, the same for all algorithms."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from rlgauge.core.case import fingerprint
from rlgauge.core.errors import UserError
from rlgauge.core.files import cache_folder, plain_errors, read_if_there, write_atomic
from rlgauge.envs.describe import describe_spec
from rlgauge.envs.gymnasium import find_spec, make
from rlgauge.kinds.train.experts.expert import Expert
from rlgauge.kinds.train.experts.playing import play

SEEDS = range(3_000_000, 3_000_050)
"""Of episodes that neither train, choose nor judge an expert."""
_VERSION = 1
"""Raised when the same seeds would give other returns."""


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """The returns of one policy, an episode for each seed, in order. `digest` is None for random actions."""

    policy: str
    digest: str | None
    environment: str
    seeds: list[int]
    returns: list[float]

    @property
    def mean(self) -> float:
        """Of the returns."""
        return float(np.mean(self.returns))


class References(msgspec.Struct, frozen=True, kw_only=True):
    """Of one environment."""

    random: Reference
    expert: Reference

    @property
    def warning(self) -> str | None:
        """A sentence where scores can't be normalised with these; None where they can."""
        if self.expert.mean > self.random.mean:
            return None
        return (
            f"The expert {self.expert.policy} is no better than random in {self.expert.environment}: its mean return "
            f"over {len(self.expert.returns)} episodes is {self.expert.mean:.5g}, that of random actions "
            f"{self.random.mean:.5g}. What imitates it learns nothing, and normalised scores mean nothing: "
            "was it made for another environment, or does it need its statistics (normalize=)?"
        )


def references(env_id: str, expert: Expert, *, seeds: Sequence[int] = SEEDS) -> References:
    """The returns of random actions and of the expert, of the cache where they were played before. Raises UserError."""
    return References(random=random_reference(env_id, seeds=seeds), expert=_of_expert(env_id, expert, seeds))


def random_reference(env_id: str, *, seeds: Sequence[int] = SEEDS) -> Reference:
    """The returns of random actions; a seed is the environment's and that of the actions."""
    kept = _kept(env_id, None, seeds)
    found = _load(kept)
    if found is None:
        returns = [_random_return(env_id, seed) for seed in seeds]
        found = Reference(policy="random", digest=None, environment=env_id, seeds=list(seeds), returns=returns)
        _save(kept, found)
    return found


def _of_expert(env_id: str, expert: Expert, seeds: Sequence[int]) -> Reference:
    digest = expert.digest()
    kept = _kept(env_id, digest, seeds)
    found = _load(kept)
    if found is None:
        played = play(lambda: make(env_id), expert.label(make(env_id)), seeds=seeds)
        returns = [float(value) for value in played.returns]
        found = Reference(policy=expert.name, digest=digest, environment=env_id, seeds=list(seeds), returns=returns)
        _save(kept, found)
    return msgspec.structs.replace(found, policy=expert.name)


def _random_return(env_id: str, seed: int) -> float:
    env = make(env_id)
    space = env.action_space
    space.seed(seed)

    def label(observations: NDArray[Any]) -> NDArray[Any]:
        return np.stack([space.sample() for _ in observations])

    return float(play(lambda: env, label, seeds=[seed]).returns[0])


def _kept(env_id: str, digest: str | None, seeds: Sequence[int]) -> Path:
    environment = describe_spec(find_spec(env_id))
    key = fingerprint({"version": _VERSION, "policy": digest, "environment": environment, "seeds": list(seeds)})
    return cache_folder() / "references" / f"{key}.json"


def _load(path: Path) -> Reference | None:
    """What was kept; None where nothing was, or it is damaged and to be played again."""
    try:
        return msgspec.json.decode(read_if_there(path) or b"", type=Reference)
    except msgspec.DecodeError:
        return None


def _save(path: Path, found: Reference) -> None:
    with plain_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    if not np.isfinite(found.returns).all():
        raise UserError(
            f"Rewards of {found.environment} are not finite: {found.policy} reaches {found.mean}. What is trained "
            "there has no scores."
        )
    write_atomic(path, msgspec.json.format(msgspec.json.encode(found)))
