"""Policies as torch modules: TorchScript files, pickled modules, live ones."""

from __future__ import annotations

import sys
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from rlgauge.core.errors import UserError
from rlgauge.episodes.policies.actions import as_array, network_actions
from rlgauge.episodes.policies.protocol import Action, Observations, WrongActionError
from rlgauge.episodes.policies.spaces import Spec

if TYPE_CHECKING:
    import torch


class TorchPolicy:
    """A torch module, called with float32 tensors at the fixed width; `actions.network_actions` reads its output.

    A dictionary of observations is passed as a dictionary of tensors. Of several outputs the first is taken.
    """

    def __init__(self, module: torch.nn.Module, *, action_space: Spec, width: int, device: str, name: str) -> None:
        import torch

        self._module = module.to(device).eval()
        self._device = device
        self._torch = torch
        self.bit_stable = device == "cpu"
        try:
            self._actions = network_actions(action_space, width)
        except WrongActionError as error:
            raise UserError(f"The policy {name} {error}.") from error

    def begin(self, row: int, seed: int) -> None:
        """Nothing is remembered."""

    def act(self, observations: Observations, active: Sequence[int]) -> Sequence[Action]:  # noqa: ARG002
        """One call for all rows. Raises WrongActionError."""
        with self._torch.no_grad():
            output = self._module(self._tensors(observations))
        return self._actions(as_array(output[0] if isinstance(output, tuple) else output))

    def close(self) -> None:
        """The module goes with this object, or belongs to who made it."""

    def _tensors(self, observations: Observations) -> Any:  # noqa: ANN401  # a tensor or a dictionary of them
        if isinstance(observations, dict):
            return {key: self._tensors(array) for key, array in observations.items()}
        tensor = self._torch.from_numpy(np.asarray(observations, np.float32))
        return tensor if self._device == "cpu" else tensor.to(self._device)


def is_module(policy: object) -> TypeGuard[torch.nn.Module]:
    """True for a torch module; torch is not imported for the question."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(policy, torch.nn.Module)


def load_module(path: Path, *, device: str, trust: bool, name: str) -> torch.nn.Module:
    """The module in a TorchScript file or, if trusted, in a pickle. Raises UserError."""
    check_device(device, name)
    if _is_torchscript(path):
        return _load_torchscript(path, device, name)
    if not zipfile.is_zipfile(path):
        raise UserError(
            f"The policy {name} is not a TorchScript file: save it with torch.jit.save or torch.export to ONNX."
        )
    if not trust:
        raise needs_trust(path)
    return _unpickle(path, device, name)


def needs_trust(path: Path) -> UserError:
    """The error for a file that may run code when it is read."""
    return UserError(
        f"Loading '{path}' runs code stored in the file; pass --trust (in Python trust=True) if you know where it "
        "comes from."
    )


def check_device(device: str, name: str) -> None:
    """Raises UserError unless torch has this device."""
    import torch

    kind, _, index = device.partition(":")
    if kind == "cuda" and int(index or 0) >= torch.cuda.device_count():
        raise UserError(
            f"The policy {name} asks for the device {device!r}, but torch sees {torch.cuda.device_count()} GPUs."
        )
    if kind == "mps" and not torch.backends.mps.is_available():
        raise UserError(f"The policy {name} asks for the device 'mps', which torch does not have here.")


def _is_torchscript(path: Path) -> bool:
    """True for the archive of torch.jit.save, told from a pickle by the file that only it has."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(member.endswith("/constants.pkl") for member in archive.namelist())


def _load_torchscript(path: Path, device: str, name: str) -> torch.nn.Module:
    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # torch would rather have us use torch.export
            module: torch.nn.Module = torch.jit.load(str(path), map_location=device)  # type: ignore[no-untyped-call]
    except RuntimeError as error:
        raise UserError(f"The policy {name} is not a usable TorchScript file: {str(error).splitlines()[0]}") from error
    return module


def _unpickle(path: Path, device: str, name: str) -> torch.nn.Module:
    import pickle

    import torch

    try:
        module = torch.load(path, map_location=device, weights_only=False)
    except (pickle.UnpicklingError, ImportError, AttributeError, RuntimeError) as error:
        raise UserError(f"The policy {name} could not be loaded: {type(error).__name__}: {error}") from error
    if not isinstance(module, torch.nn.Module):
        raise UserError(
            f"The policy {name} holds a {type(module).__name__}, not a module (weights alone say not how to act): "
            "save the module with torch.jit.save."
        )
    return module
