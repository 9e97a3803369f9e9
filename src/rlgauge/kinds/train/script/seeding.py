"""The seeds of a script: of every library that draws, before the script is imported."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable
from numbers import Integral
from pathlib import Path
from types import ModuleType

from rlgauge.kinds.train.script.hooks import after_import
from rlgauge.kinds.train.script.rewriting import SEED
from rlgauge.kinds.train.spec import Spec

_LARGEST = 2**32 - 1
"""What `numpy.random.seed` accepts."""


def install(spec: Spec) -> None:
    """Seed `random` now, and NumPy and torch as soon as the script imports them.

    What is made without a seed in NumPy, such as `default_rng()` or an action space of Gymnasium, draws its seed from
    the run's, too.
    """
    random.seed(spec.seed)
    after_import("numpy.random", lambda module: module.seed(spec.seed & _LARGEST))
    after_import("numpy.random.bit_generator", _Entropy(spec.seed).install)
    after_import("torch", lambda module: module.manual_seed(spec.seed))


def offset_jax(spec: Spec) -> None:
    """Have JAX add the seed to those that the script gives to its keys: for scripts that take no seed themselves."""
    after_import("jax", lambda module: module.config.update("jax_random_seed_offset", spec.seed))


def seed_of_reset(spec: Spec, number: int) -> int:
    """The seed that an environment is first reset with where the script gives none; `number` counts them from 0."""
    return (spec.seed + number) & (2**31 - 1)


def instead_of(seed: int) -> Callable[[object], object]:
    """A function that gives the seed in place of a value that is a seed, and any other value as it is."""

    def given(value: object) -> object:
        return seed if value is None or _is_seed(value) else value

    return given


def overwrite(seed: int, folder: Path) -> None:
    """Overwrite the global `SEED` of all modules that come from the script's folder."""
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if not file or not Path(file).is_relative_to(folder) or "site-packages" in file:
            continue
        if _is_seed(vars(module).get(SEED)):
            setattr(module, SEED, seed)


def _is_seed(value: object) -> bool:
    return not isinstance(value, bool) and isinstance(value, Integral)


class _Entropy:
    """Where NumPy takes the seed of a generator that is given none: the run's own stream, another in each fork."""

    def __init__(self, seed: int) -> None:
        self._place = [seed]
        self._num_forks = 0
        self._random = random.Random(seed)  # noqa: S311  # to be repeated, not to be secret
        os.register_at_fork(before=self._count, after_in_child=self._part)

    def install(self, module: ModuleType) -> None:
        """Take the place of the operating system's entropy in NumPy."""
        module.randbits = self._random_bits  # type: ignore[attr-defined]  # what NumPy took from `secrets`

    def _random_bits(self, number: int) -> int:
        return self._random.getrandbits(number)

    def _count(self) -> None:
        self._num_forks += 1

    def _part(self) -> None:
        self._place = [*self._place, self._num_forks]
        self._num_forks = 0
        self._random = random.Random(repr(self._place))  # noqa: S311  # as above
