"""How modules of torch behave while they are tested: without dropout, and without learning statistics of batches."""

from __future__ import annotations

import contextlib
import gc
import sys
from collections.abc import Iterator
from typing import Any

from rlgauge.kinds.train.script.found import attribute


@contextlib.contextmanager
def evaluating() -> Iterator[None]:
    """Have all modules of torch that there are evaluate, wherever a script keeps them; then as they were."""
    changed = [module for module in _modules() if _is_training(module)]
    for module in changed:
        _put(module, is_training=False)
    try:
        yield
    finally:
        for module in changed:
            _put(module, is_training=True)


def _modules() -> list[Any]:
    torch = sys.modules.get("torch.nn")
    if torch is None:
        return []
    return [found for found in gc.get_objects() if issubclass(type(found), torch.Module)]


def _is_training(module: Any) -> bool:  # noqa: ANN401  # a torch module, which may be compiled and allow nothing
    return attribute(module, "training") is True


def _put(module: Any, *, is_training: bool) -> None:  # noqa: ANN401  # as above
    """The module's own mode alone: each of its parts is asked for itself."""
    with contextlib.suppress(Exception):  # a stranger's class
        module.training = is_training
