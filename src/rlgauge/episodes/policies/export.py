"""Policies as programs of torch.export (`.pt2`)."""

from __future__ import annotations

import logging
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rlgauge.core.errors import UserError
from rlgauge.episodes.policies.actions import as_array, network_actions
from rlgauge.episodes.policies.inputs import Input, feeding, is_row_by_row, match
from rlgauge.episodes.policies.protocol import Action, Observations, WrongActionError
from rlgauge.episodes.policies.spaces import Spec, describe
from rlgauge.episodes.policies.torchscript import needs_trust

if TYPE_CHECKING:
    import gymnasium
    import torch

    from rlgauge.episodes.policies.source import PolicySource

_ACTION = ("action", "actions")
_UNSAID = 2
"""The smallest batch that torch notes where nothing was said; one of 1 works, too."""


def load_policy(
    source: PolicySource,
    *,
    observation_space: gymnasium.Space[Any],
    action_space: gymnasium.Space[Any],
    width: int,
    trust: bool,
) -> ExportedPolicy:
    """The program, for these spaces. Raises UserError."""
    path = Path(source.target)
    if not trust:
        raise needs_trust(path)
    return ExportedPolicy(
        _load(path, source.uri),
        observation_space=describe(observation_space),
        action_space=describe(action_space),
        width=width,
        name=source.uri,
    )


class ExportedPolicy:
    """A program on the CPU; `actions.network_actions` reads its output.

    The batch dimension is dynamic, or the width, or 1 (then it is called row by row). Inputs are cast to the program's
    own dtypes. A dictionary of observations goes to inputs of the same names, which are the keys of the one dictionary
    that the program takes, or its arguments. Of several outputs the first is taken, of named ones `action` or
    `actions`.
    """

    bit_stable = True

    def __init__(
        self,
        program: torch.export.ExportedProgram,
        *,
        observation_space: Spec,
        action_space: Spec,
        width: int,
        name: str,
    ) -> None:
        import torch

        self._torch = torch
        self._names = _names(program)
        inputs = _inputs(program, self._names)
        match(inputs, observation_space, name)
        self._rows = 1 if is_row_by_row(inputs, width, name) else width
        _check_range(program, self._rows, name)
        self._feed = feeding(inputs, observation_space)
        self._spec = program.call_spec.in_spec
        self._dtypes = [value.dtype for value in _user_inputs(program)]
        self._module = program.module()
        self._width = width
        try:
            self._actions = network_actions(action_space, self._rows)
        except WrongActionError as error:
            raise UserError(f"The policy {name} {error}.") from error

    def begin(self, row: int, seed: int) -> None:
        """Nothing is remembered."""

    def act(self, observations: Observations, active: Sequence[int]) -> Sequence[Action]:
        """One call for all rows, or one for each where the program takes one. Raises WrongActionError."""
        feed = self._feed(observations)
        if self._rows == self._width:
            return self._call(feed)
        actions: list[Action] = [None] * self._width
        for row in active:
            actions[row] = self._call({key: array[row : row + 1] for key, array in feed.items()})[0]
        return actions

    def close(self) -> None:
        """The program goes with this object."""

    def _call(self, feed: Mapping[str, Any]) -> Sequence[Action]:
        tensors = [
            self._torch.from_numpy(feed[name]).to(dtype) for name, dtype in zip(self._names, self._dtypes, strict=True)
        ]
        arguments, keywords = self._torch.utils._pytree.tree_unflatten(tensors, self._spec)  # noqa: SLF001
        with self._torch.no_grad():
            output = _chosen(self._module(*arguments, **keywords))
        return self._actions(as_array(output.float() if output.dtype == self._torch.bfloat16 else output))


def _chosen(output: Any) -> torch.Tensor:  # noqa: ANN401  # whatever a program returns
    if isinstance(output, Mapping):
        output = next((output[name] for name in _ACTION if name in output), next(iter(output.values())))
    found: torch.Tensor = output[0] if isinstance(output, (tuple, list)) else output
    return found


def _load(path: Path, name: str) -> torch.export.ExportedProgram:
    import torch

    log = logging.getLogger("torch.export")
    level = log.level
    log.setLevel(logging.ERROR)  # it logs the trace of what it then raises
    try:
        return torch.export.load(path)
    except (RuntimeError, zipfile.BadZipFile, KeyError, ValueError) as error:
        raise UserError(
            f"The policy {name} is not a usable program of torch.export ({str(error).strip().splitlines()[0]}): "
            "save it with torch.export.save, by this version of torch or an older one."
        ) from error
    finally:
        log.setLevel(level)


def _user_inputs(program: torch.export.ExportedProgram) -> list[Any]:
    """What the program was exported with, in order: tensors without content, or numbers."""
    values = {node.name: node.meta.get("val") for node in program.graph.nodes if node.op == "placeholder"}
    return [values[str(name)] for name in program.graph_signature.user_inputs]


def _names(program: torch.export.ExportedProgram) -> list[str]:
    """What its inputs are called: keys where it takes one dictionary, else its arguments."""
    import torch

    given = [str(name) for name in program.graph_signature.user_inputs]
    arguments, keywords = torch.utils._pytree.tree_unflatten(list(range(len(given))), program.call_spec.in_spec)  # noqa: SLF001
    keyed = arguments[0] if len(arguments) == 1 and not keywords and isinstance(arguments[0], dict) else keywords
    names = dict(enumerate(given)) | {index: key for key, index in keyed.items() if isinstance(index, int)}
    return [names[index] for index in range(len(given))]


def _inputs(program: torch.export.ExportedProgram, names: Sequence[str]) -> dict[str, Input]:
    return {name: _input(value) for name, value in zip(names, _user_inputs(program), strict=True)}


def _input(value: Any) -> Input:  # noqa: ANN401  # a tensor without content, or a number
    import torch

    if not isinstance(value, torch.Tensor):
        return Input((), None, type(value).__name__)
    shape = tuple(size if type(size) is int else str(size) for size in value.shape)
    return Input(shape, _numpy_dtype(value), str(value.dtype))


def _numpy_dtype(value: torch.Tensor) -> np.dtype[Any] | None:
    """The dtype of arrays for it: what NumPy lacks is cast by torch."""
    import torch

    if value.dtype == torch.bfloat16:
        return np.dtype(np.float32)
    return torch.empty(0, dtype=value.dtype).numpy().dtype


def _check_range(program: torch.export.ExportedProgram, rows: int, name: str) -> None:
    """Raises UserError where the batch may be dynamic, but not of this size."""
    sizes = {str(value.shape[0]) for value in _user_inputs(program) if getattr(value, "ndim", 0)}
    for symbol, bounds in program.range_constraints.items():
        if str(symbol) in sizes and not (bounds.lower if bounds.lower > _UNSAID else 0) <= rows <= bounds.upper:
            raise UserError(
                f"The policy {name} takes batches of {bounds.lower} to {bounds.upper}, but the run has {rows} lanes."
            )
