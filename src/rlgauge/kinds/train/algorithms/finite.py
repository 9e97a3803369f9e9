"""Trainings that diverge say so, and at once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.distributions import Distribution


class DivergedError(ArithmeticError):
    """A loss or a weight is no finite number any more: this training is lost, others may go well."""


def check_values(values: Mapping[str, float], *, when: str) -> None:
    """Raise DivergedError naming the first value that is not finite."""
    for name, value in values.items():
        if not math.isfinite(value):
            raise DivergedError(f"The training diverged: {name} is {value} {when}. {_ADVICE}")


def check_weights(module: nn.Module, *, when: str) -> None:
    """Raise DivergedError naming the first parameter or buffer that is not finite."""
    named: Iterable[tuple[str, Tensor]] = module.state_dict().items()
    for name, value in named:
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise DivergedError(f"The training diverged: {name} has values that are not finite {when}. {_ADVICE}")


_ADVICE = "A smaller learning rate may help; runs with other seeds are not concerned."


@contextmanager
def unchecked_distributions() -> Iterator[None]:
    """Let torch's distributions leave out their checks: what is not finite is found here, and not at every call."""
    before = Distribution._validate_args  # noqa: SLF001  # nothing else tells what it is
    Distribution.set_default_validate_args(False)
    try:
        yield
    finally:
        Distribution.set_default_validate_args(before)
