"""Seeds derived from seeds: independent for every use, the same in every process and on every machine."""

from __future__ import annotations

import hashlib
import json

_LARGEST = 2**31 - 1
"""What every library that we seed accepts."""


def derive(seed: int, *path: str | int) -> int:
    """A seed in 0 .. 2**31 - 1 for the use that `path` names, by BLAKE2b of the JSON text of [seed, *path].

    The JSON keeps apart what differs: `1` and `"1"`, `("a", 0)` and `("a",)`. Raises TypeError for what is no JSON.
    """
    text = json.dumps([seed, *path], separators=(",", ":"))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") & _LARGEST


def episode_seed(seed: int, task_id: str, index: int) -> int:
    """The seed that the environment is reset with for one episode of a task."""
    return derive(seed, "episode", task_id, index)


def action_seed(seed: int, task_id: str, index: int) -> int:
    """The seed of the policy's own randomness in one episode of a task; independent of the environment's."""
    return derive(seed, "action", task_id, index)
