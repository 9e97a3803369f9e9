"""What modules of torch were given, while somebody looks: those that were called by no other module."""

from __future__ import annotations

import sys
from collections import deque
from typing import Any, NamedTuple

_MOST = 16
"""How many of the last calls are known."""
_LARGEST = 1 << 17
"""Of larger inputs none is kept."""


class Given(NamedTuple):
    """The identity of a module, what it was given for one observation, flat, and what it returned, if one array."""

    module: int
    numbers: Any
    returned: Any = None


class Inputs:
    """The last inputs of modules, from `open` to `close`. While it is closed modules are as fast as ever."""

    def __init__(self) -> None:
        """Closed."""
        self._calls: deque[_Call] = deque(maxlen=_MOST)
        self._open: _Call | None = None
        self._depth = 0
        self._hooks: list[Any] = []

    def open(self) -> None:
        """Look, where there is torch and it has compiled nothing: that is compiled anew where hooks come and go."""
        torch = sys.modules.get("torch")
        if torch is None or self._hooks or _has_compiled():
            return
        modules = torch.nn.modules.module
        self._depth = 0
        self._hooks = [
            modules.register_module_forward_pre_hook(self._enter),
            modules.register_module_forward_hook(self._leave, always_call=True),
        ]

    def close(self) -> None:
        """Look no longer."""
        for hook in self._hooks:
            hook.remove()
        self._hooks = []
        self._calls.clear()

    def clear(self) -> None:
        """Forget what came before."""
        self._calls.clear()

    def of_one(self, size: int) -> list[Given]:
        """What was given for one observation of that size: a batch of one, or no more numbers than it has."""
        calls = [call for call in self._calls if call.given.shape[:1] == (1,) or call.given.numel() <= size]
        return [_given(call, 0 if call.given.shape[:1] == (1,) and call.given.ndim > 1 else None) for call in calls]

    def of_row(self, row: int, num_rows: int) -> list[Given]:
        """What was given for an observation of several that were given together."""
        return [_given(call, row) for call in self._calls if call.given.shape[:1] == (num_rows,)]

    def _enter(self, module: Any, given: tuple[Any, ...]) -> None:  # noqa: ANN401  # a torch module
        self._depth += 1
        if self._depth == 1 and given and hasattr(given[0], "detach") and given[0].numel() <= _LARGEST:
            self._open = _Call(id(module), given[0].detach())
            self._calls.append(self._open)

    def _leave(self, module: object, given: object, returned: Any) -> None:  # noqa: ANN401, ARG002  # torch gives these
        self._depth = max(0, self._depth - 1)
        if self._depth == 0 and self._open is not None and hasattr(returned, "detach"):
            self._open.returned = returned.detach()
            self._open = None


class _Call:
    """A call of a module, with tensors as they are."""

    __slots__ = ("given", "module", "returned")

    def __init__(self, module: int, given: Any) -> None:  # noqa: ANN401  # a tensor
        self.module = module
        self.given = given
        self.returned: Any = None


def _given(call: _Call, row: int | None) -> Given:
    returned = call.returned
    if row is not None and returned is not None:
        returned = returned[row] if returned.shape[:1] == call.given.shape[:1] else None
    numbers = _array(call.given if row is None else call.given[row]).reshape(-1)
    return Given(call.module, numbers, None if returned is None else _array(returned))


def _array(tensor: Any) -> Any:  # noqa: ANN401  # from torch's to NumPy's
    torch = sys.modules["torch"]
    return tensor.to("cpu", torch.float32, copy=True).numpy()


def _has_compiled() -> bool:
    counters = getattr(sys.modules.get("torch._dynamo.utils"), "counters", None)
    return bool(counters and counters.get("frames"))
