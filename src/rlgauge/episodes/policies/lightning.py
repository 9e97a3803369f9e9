"""Policies that are modules of Lightning: `lightning:CLASS@FILE`, a class and a checkpoint of it."""

from __future__ import annotations

import inspect
import pickle
import re
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlgauge.core.errors import UserError
from rlgauge.episodes.policies import code, objects
from rlgauge.episodes.policies.protocol import Action, BatchPolicy, Observations
from rlgauge.episodes.policies.source import PolicySource
from rlgauge.episodes.policies.torchscript import check_device, needs_trust
from rlgauge.episodes.policies.weights import STATE, first_line, why_not

if TYPE_CHECKING:
    import gymnasium
    import torch

_HOMES = ("lightning.pytorch", "pytorch_lightning")
"""The two names that the library is installed under; their modules are not of the same class."""
_HYPER_PARAMETERS, _NAME = "hyper_parameters", "hparams_name"
_CLASS_PATH, _INSTANTIATOR = "_class_path", "_instantiator"
_INSTANTIATORS = tuple(f"{home}.cli.instantiate_module" for home in _HOMES)


def load_policy(
    source: PolicySource,
    *,
    observation_space: gymnasium.Space[Any],
    action_space: gymnasium.Space[Any],
    width: int,
    trust: bool,
) -> BatchPolicy:
    """The module with the weights and hyper-parameters of its checkpoint, in eval mode and without gradients.

    It acts as a live module does: by `act`, `predict` or `select_action`, or else by `forward`. A source of Python code
    names the class, and its checkpoint beside it. Raises UserError.
    """
    from rlgauge.episodes.policy import wrap_policy

    class_path, file = source.checkpoint if source.ckpt_path is None else (source.target, Path(source.ckpt_path))
    device = source.option("device") if source.ckpt_path is None else "cpu"
    check_device(device, source.uri)
    spaces = {"observation_space": observation_space, "action_space": action_space}
    module = load_module(class_path, file, spaces=spaces, device=device, trust=trust)
    if not _can_act(module):
        raise UserError(
            f"{class_path} has no way to act: give it act(observation), predict(observation), "
            "select_action(observation) or forward(observations)."
        )
    policy = wrap_policy(
        module, observation_space=observation_space, action_space=action_space, width=width, name=source.uri
    )
    return WithoutGradients(policy, is_bit_stable=device == "cpu")


class WithoutGradients:
    """A policy that torch records nothing of."""

    def __init__(self, policy: BatchPolicy, *, is_bit_stable: bool) -> None:
        import torch

        self._policy = policy
        self._no_grad = torch.no_grad
        self.bit_stable = policy.bit_stable and is_bit_stable
        self.begin = policy.begin
        self.close = policy.close

    def act(self, observations: Observations, active: Sequence[int]) -> Sequence[Action]:
        """What the policy does."""
        with self._no_grad():
            return self._policy.act(observations, active)


def load_module(
    class_path: str, file: Path, *, spaces: Mapping[str, object], device: str, trust: bool
) -> torch.nn.Module:
    """The module, in eval mode; its constructor is given those of the `spaces` that it names. Raises UserError.

    Without `trust` only files are read that hold nothing but weights and plain values.
    """
    kind = _module_class(class_path)
    checkpoint = _read(file, trust=trust)
    given: dict[str, Any] = {}
    if _is_lightnings_own(kind, "load_from_checkpoint"):
        given = _missing(kind, checkpoint, spaces, class_path=class_path, file=file, trust=trust)
    options = {"map_location": device, "weights_only": not trust}
    known = inspect.signature(kind.load_from_checkpoint).parameters
    given |= {name: value for name, value in options.items() if name in known}
    try:
        module: torch.nn.Module = kind.load_from_checkpoint(str(file), **given)
    except Exception as error:  # a constructor is anybody's code and may raise anything
        raise UserError(why_not(error, class_path, file)) from error
    return module.to(device).eval()


def is_module_class(found: object) -> bool:
    """True for a class of Lightning's modules, under either of its names; nothing is imported for the question."""
    homes = [sys.modules[home] for home in _HOMES if home in sys.modules]
    return isinstance(found, type) and any(issubclass(found, home.LightningModule) for home in homes)


def _module_class(class_path: str) -> Any:  # noqa: ANN401  # a class of LightningModule, of either library
    found = code.resolve(class_path)
    if not is_module_class(found):
        what = "another class" if isinstance(found, type) else f"an object of type {type(found).__name__!r}"
        raise UserError(
            f"{class_path} is no LightningModule, but {what}: 'lightning:' takes a subclass of LightningModule. Other "
            f"Python code is named by 'py:{class_path}'."
        )
    return found


def _read(file: Path, *, trust: bool) -> Mapping[str, Any]:
    """What the file holds. Raises UserError for a file that is no checkpoint, or that is not trusted."""
    import torch

    if file.is_dir():
        raise UserError(f"'{file}' is a folder: a checkpoint of Lightning is one file. Which one in it is meant?")
    if not zipfile.is_zipfile(file):
        raise _no_checkpoint(file)
    try:
        found = torch.load(file, map_location="cpu", weights_only=not trust, mmap=True)
    except pickle.UnpicklingError as error:
        if trust:
            raise _no_checkpoint(file) from error
        raise _untrusted(file, error) from error
    except RuntimeError as error:  # another archive
        raise _no_checkpoint(file) from error
    except (ImportError, AttributeError) as error:
        raise UserError(f"'{file}' could not be read: {first_line(error)}") from error
    if not isinstance(found, Mapping) or STATE not in found:
        raise _no_checkpoint(file)
    return found


def _no_checkpoint(file: Path) -> UserError:
    return UserError(
        f"'{file}' is no checkpoint of Lightning: a trainer writes these as it fits, or by save_checkpoint(FILE)."
    )


def _untrusted(file: Path, error: Exception) -> UserError:
    held = re.search(r"GLOBAL (\S+)|class (\S+)", str(error))
    named = f" It holds {held[1] or held[2]}." if held else ""
    return UserError(f"{needs_trust(file)}{named}")


def _missing(
    kind: Any,  # noqa: ANN401
    checkpoint: Mapping[str, Any],
    spaces: Mapping[str, object],
    *,
    class_path: str,
    file: Path,
    trust: bool,
) -> dict[str, Any]:
    """What the constructor needs and the checkpoint does not hold: spaces, and where the class is. Raises UserError."""
    stored = dict(checkpoint.get(_HYPER_PARAMETERS) or {})
    found: dict[str, Any] = {}
    if stored.get(_INSTANTIATOR) not in (None, *_INSTANTIATORS) and not trust:
        raise _untrusted(file, Exception(f"GLOBAL {stored[_INSTANTIATOR]}"))
    if (named := stored.get(_CLASS_PATH)) is not None:
        found |= _renamed(kind, str(named), class_path=class_path, file=file)
    parameters = inspect.signature(kind).parameters
    as_one = checkpoint.get(_NAME)
    held = {str(as_one)} if as_one in parameters else set(stored)
    found |= {name: space for name, space in spaces.items() if name in parameters and name not in held}
    lacking = [name for name in _required(parameters) if name not in held and name not in found]
    if lacking and _CLASS_PATH not in found:
        told = " and ".join(map(repr, lacking))
        raise UserError(
            f"{class_path} needs {told}, which '{file}' does not hold: call self.save_hyperparameters() in its "
            "constructor and fit it anew, or give the arguments defaults."
        )
    return found


def _renamed(kind: type, stored: str, *, class_path: str, file: Path) -> dict[str, Any]:
    """Where the class is now, if it was elsewhere when it was fitted, as in a script. Raises UserError for another."""
    module, _, name = stored.rpartition(".")
    known = getattr(sys.modules.get(module), name, None)
    if isinstance(known, type) and issubclass(known, kind):
        return {}
    if name != kind.__name__:
        raise UserError(f"'{file}' is a checkpoint of {stored}, not of {class_path}.")
    return {_CLASS_PATH: f"{kind.__module__}.{kind.__qualname__}"}


def _required(parameters: Mapping[str, inspect.Parameter]) -> Iterator[str]:
    for name, parameter in parameters.items():
        if parameter.default is parameter.empty and parameter.kind not in {
            parameter.VAR_POSITIONAL,
            parameter.VAR_KEYWORD,
        }:
            yield name


def _can_act(module: torch.nn.Module) -> bool:
    return objects.acts(module) or not _is_lightnings_own(type(module), "forward")


def _is_lightnings_own(kind: type, method: str) -> bool:
    """Whether the method is what Lightning gives each module."""
    owner = next(one for one in kind.__mro__ if method in vars(one))
    return owner.__module__.partition(".")[0] in {"lightning", "pytorch_lightning", "torch"}
