"""Asking a script's own code for an action: what it is given, and how what it returns becomes an action."""

from __future__ import annotations

import contextlib
import random
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rlgauge.episodes.policies.actions import one_action
from rlgauge.episodes.policies.protocol import Action, Illegal, Observations, WrongActionError, observation_of
from rlgauge.episodes.policies.spaces import Box, Discrete, Spec

if TYPE_CHECKING:
    from numpy.typing import NDArray

FORMS = {"batch": "a batch of one", "tensor": "a tensor", "tensors": "a batch of one as a tensor"}
"""Forms of an observation beside that of the environment (`array`); `tensor@cuda` is one for a device."""


class Ask(NamedTuple):
    """A way to get an action: `call` is given the observation in one of `forms`, `read` makes an action of the rest.

    `module` is the identity of a module of torch where calling that is all that `call` does. `begins` are to be called
    before each episode. `exploring` is the same call told to explore, where it can be told either.
    """

    text: str
    call: Callable[[Any], Any]
    forms: Sequence[str]
    read: Callable[[Any], Any]
    module: int | None = None
    begins: Sequence[Callable[[], object]] = ()
    exploring: Callable[[Any], Any] | None = None


class Player:
    """Asks for an action for one observation after the other; an episode's own seed is that of all generators."""

    def __init__(self, ask: Ask, form: str, space: Spec) -> None:
        """Put observations into a form, and what is returned into an action of the space."""
        self._ask = ask
        self._forms = [form, *(other for other in ask.forms if other != form)]
        self._convert = converter(space)
        self._legal = one_action(space)

    def reset(self, seed: int) -> None:
        """An episode begins."""
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002  # scripts draw from it
        torch = sys.modules.get("torch")
        if torch is not None:
            torch.manual_seed(seed)
        self.forget()

    def forget(self) -> None:
        """What is remembered of an episode is forgotten."""
        for begin in self._ask.begins:
            begin()

    def act(self, observation: Any) -> Any:  # noqa: ANN401  # of the environment's spaces
        """The action. What explores now and then may not have looked at the observation while it was tried.

        So another form is tried where this one fails; where all fail, the first error is raised.
        """
        try:
            return self.act_on(observation, self._forms[0])
        except Exception:
            for form in self._forms[1:]:
                with contextlib.suppress(Exception):
                    action = self.act_on(observation, form)
                    self._forms = [form]
                    return action
            raise

    def act_on(self, observation: Any, form: str) -> Any:  # noqa: ANN401
        """The action for an observation in this form. Raises WrongActionError for one that is not legal."""
        return self.read(self._ask.call(_former(form)(observation)))

    def read(self, returned: Any) -> Any:  # noqa: ANN401  # by a script's code
        """The action that follows from what was returned. Raises WrongActionError for one that is not legal."""
        action = self._legal(self._convert(self._ask.read(returned)))
        if isinstance(action, Illegal):
            raise WrongActionError(action.fault)
        return action


class Rows:
    """A player as `rlgauge benchmark` asks it: where it raises, that episode ends as an error, and others follow."""

    bit_stable = True

    def __init__(self, player: Player) -> None:
        """Of one row, which the player has to itself."""
        self._player = player

    def begin(self, row: int, seed: int) -> None:
        """An episode begins."""
        del row
        self._player.reset(seed)

    def act(self, observations: Observations, active: Sequence[int]) -> Sequence[Action]:
        """An action, or Illegal with what was raised."""
        return [self._one(observation_of(observations, row)) for row in active]

    def close(self) -> None:
        """The player is the script's."""

    def _one(self, observation: Any) -> Action:  # noqa: ANN401  # as the environment gave it
        try:
            return self._player.act(observation)
        except WrongActionError as error:
            return Illegal(str(error))
        except Exception as error:  # noqa: BLE001  # a stranger's code
            return Illegal(f"raised {type(error).__name__}: {error}")


def first(returned: Any) -> Any:  # noqa: ANN401
    """The action itself, or the first of several things; one out of a distribution."""
    value = returned[0] if isinstance(returned, tuple) and returned else returned
    return value.sample() if _is_distribution(value) else value


def drawn(returned: Any) -> Any:  # noqa: ANN401
    """One out of a distribution. Raises WrongActionError where there is none."""
    value = returned[0] if isinstance(returned, tuple) and returned else returned
    if not _is_distribution(value):
        raise WrongActionError("returned no distribution")
    return value.sample()


def _is_distribution(value: object) -> bool:
    return callable(getattr(value, "sample", None)) and callable(getattr(value, "log_prob", None))


def whole(returned: Any) -> Any:  # noqa: ANN401
    """The action itself. Raises WrongActionError for several things."""
    if isinstance(returned, (tuple, list, dict)):
        raise WrongActionError("returned several things")
    return returned


def greedy(space: Discrete) -> Callable[[Any], Any]:
    """A function from n values to the action of the largest; of several things, the first are the values.

    It raises WrongActionError for what are no n values.
    """

    def read(returned: Any) -> Any:  # noqa: ANN401
        values = _array(returned[0] if isinstance(returned, tuple) and returned else returned)
        if values.dtype.kind != "f" or values.size != space.n or values.shape[-1:] != (space.n,) or space.n == 1:
            raise WrongActionError(f"returned {values.shape}, and there are {space.n} actions")
        if np.isnan(values).any():
            raise WrongActionError("returned NaN")
        return int(values.reshape(-1).argmax()) + space.start

    return read


def _array(value: Any) -> NDArray[Any]:  # noqa: ANN401
    return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)


def converter(space: Spec) -> Callable[[Any], Any]:
    """From what was returned to an action: out of its batch of one, and within the bounds."""
    if not isinstance(space, Box):
        return lambda value: _unbatched(_array(value), space)

    def convert(value: Any) -> Any:  # noqa: ANN401
        array = _array(value).astype(space.dtype)
        if array.size != np.prod(space.shape, dtype=int):
            raise WrongActionError(f"returned {array.shape}, and an action is {space.shape}")
        return np.clip(array.reshape(space.shape), space.low, space.high)

    return convert


def _unbatched(array: NDArray[Any], space: Spec) -> Any:  # noqa: ANN401
    if isinstance(space, Discrete):
        return array.item() if array.size == 1 else array
    return array[0] if array.shape[:1] == (1,) and array.ndim > 1 else array


def _former(form: str) -> Callable[[Any], Any]:
    """A function that puts an observation into the form. Raises KeyError for tensors without torch."""
    name, _, device = form.partition("@")
    if name == "array":
        return lambda observation: observation
    if name == "batch":
        return lambda observation: _mapped(observation, lambda part: np.asarray(part)[None])
    torch = sys.modules["torch"]

    def tensor(part: Any) -> Any:  # noqa: ANN401
        array = np.asarray(part)
        kind = torch.int64 if array.dtype.kind in "iu" and array.ndim == 0 else torch.get_default_dtype()
        made = torch.as_tensor(array, dtype=kind, device=device or None)
        return made[None] if name == "tensors" else made

    return lambda observation: _mapped(observation, tensor)


def _mapped(observation: Any, function: Callable[[Any], Any]) -> Any:  # noqa: ANN401
    if isinstance(observation, dict):
        return {key: _mapped(part, function) for key, part in observation.items()}
    return function(observation)


def of_device(forms: Sequence[str], modules: Sequence[Any]) -> Sequence[str]:
    """The forms with the device of the first module that has one, where that is not the CPU."""
    devices = [str(parameter.device) for module in modules for parameter in module.parameters()]
    device = next(iter(devices), "cpu")
    return [form if device == "cpu" or "tensor" not in form else f"{form}@{device}" for form in forms]
