"""Optimisers without torch's compiler, which torch imports as soon as one is made, and again when it steps.

It does so to tell the compiler to leave them alone. Nothing is compiled here, and that import takes as long as all else
until training begins.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.optim import Optimizer

_MARK = "__dynamo_disable"
"""Where torch keeps, on a method that is not to be compiled, what it calls instead."""
_METHODS = ("add_param_group", "load_state_dict", "state_dict", "zero_grad")


@contextmanager
def uncompiled() -> Iterator[None]:
    """Let torch's optimisers be made without its compiler; what another version of torch does otherwise stays so."""
    methods = [getattr(getattr(Optimizer, name), "__wrapped__", None) for name in _METHODS]
    marked = [one for one in methods if one is not None and not hasattr(one, _MARK)]
    for one in marked:
        setattr(one, _MARK, one)
    try:
        yield
    finally:
        for one in marked:
            delattr(one, _MARK)


def step_uncompiled(optimizer: Optimizer) -> None:
    """Have one of torch's optimisers step without its compiler; the steps are the same, and hooks are not called."""
    step = type(optimizer).step
    if not step.__module__.startswith("torch.optim.") or optimizer.defaults.get("differentiable"):
        return
    plain: Callable[..., Any] = inspect.unwrap(step)

    def stepped(closure: Callable[[], float] | None = None) -> Any:  # noqa: ANN401  # what the optimiser returns
        with torch.no_grad():
            return plain(optimizer, closure)

    optimizer.step = stepped  # type: ignore[method-assign]  # of this one alone
