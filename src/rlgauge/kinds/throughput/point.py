"""A point of a measurement: one environment of one library, at one number of environments, in one way."""

from __future__ import annotations

from typing import Any, Literal, get_args

import msgspec

from rlgauge.core.errors import UserError, unknown

Policy = Literal["random", "fixed", "predrawn"]
Emit = Literal["drop", "write"]
Rng = Literal["threefry2x32", "rbg", "unsafe_rbg"]
POLICIES: tuple[Policy, ...] = get_args(Policy)
EMITS: tuple[Emit, ...] = get_args(Emit)
RNGS: tuple[Rng, ...] = get_args(Rng)

_CHUNKS = ((9_999, 256), (100_000, 128), (1_000_000, 32), (2_000_000, 16))
_NARROWEST_CHUNK = 8
BLOCK = 10_000
"""Environments whose state stays in a core's cache; it must divide their number."""
_MOST_ENVS = 10**12
_ODD = 4
"""How many times the best block a block may be, or the best one it, before steps take notably longer."""


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """What is measured. None leaves a choice to the runner, which records what it chose.

    `policy`: random draws actions in every step, predrawn has drawn those of a chunk before the clock starts, fixed
    repeats the first. `rng` is JAX's generator of random numbers. `emit` says whether observations, rewards and ends
    are written to memory, a chunk of steps at a time. `devices` share the environments. `source` is where the library
    comes from, if not as it is installed: a requirement (`gymnax==0.0.8`) or a revision of this package (`git:v0.1`).
    """

    environment: str
    library: str
    num_envs: int
    scan_chunk_size: int | None = None
    block: int | None = None
    devices: int = 1
    policy: Policy = "random"
    rng: Rng | None = None
    emit: Emit = "drop"
    source: str | None = None

    def __post_init__(self) -> None:
        """Raise UserError for what can't be measured."""
        for name in ("num_envs", "scan_chunk_size", "block", "devices"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UserError(f"{name}={value}: there must be at least one.")
        if self.num_envs > _MOST_ENVS:
            raise UserError(f"num_envs={self.num_envs:,}: no machine holds more than {_MOST_ENVS:,} environments.")
        for name, known in (("policy", POLICIES), ("emit", EMITS), ("rng", RNGS)):
            value = getattr(self, name)
            if value is not None and value not in known:
                raise unknown(name, value, known)
        if self.num_envs % self.devices:
            raise UserError(f"{self.num_envs} environments can't be shared evenly by {self.devices} devices.")
        if self.block is not None and (self.num_envs // self.devices) % self.block:
            raise UserError(
                f"block={self.block} does not divide {self.num_envs // self.devices} environments"
                f"{' a device' if self.devices > 1 else ''}; try {_nearest_divisor(self)}."
            )

    @property
    def name(self) -> str:
        """The library, and where it comes from."""
        if self.source is None:
            return self.library
        return self.source if self.source.startswith(self.library) else f"{self.library} {self.source}"

    @property
    def params(self) -> dict[str, Any]:
        """As parameters of a case: what is left to the runner is left out."""
        return {name: value for name, value in msgspec.structs.asdict(self).items() if value is not None}


def default_chunk(num_envs: int) -> int:
    """Steps in one scan where nobody says how many: fewer, the more environments there are."""
    return next((chunk for most, chunk in _CHUNKS if num_envs <= most), _NARROWEST_CHUNK)


def default_block(num_envs: int, best: int = BLOCK) -> int:
    """Environments that are stepped together for a chunk: the divisor that is nearest to `best`, by their ratio."""
    below = largest_divisor(num_envs, best)
    above = num_envs // largest_divisor(num_envs, num_envs // best or 1)
    return below if best * best <= below * above else above


def is_odd_block(num_envs: int, block: int, best: int = BLOCK) -> bool:
    """Whether a block is far from the best one, so that steps take longer than those of other numbers."""
    return not best / _ODD <= block <= best * _ODD and num_envs > best


def largest_divisor(number: int, most: int) -> int:
    """The largest divisor of a number that is no more than `most`."""
    if number <= most:
        return number
    small = [divisor for divisor in range(1, int(number**0.5) + 1) if number % divisor == 0]
    return max(divisor for one in small for divisor in (one, number // one) if divisor <= most)


def _nearest_divisor(point: Point) -> int:
    return largest_divisor(point.num_envs // point.devices, point.block or 1)
