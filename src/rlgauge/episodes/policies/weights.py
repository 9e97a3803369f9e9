"""Files of torch weights, and why they do not fit."""

from __future__ import annotations

import pickle
import re
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rlgauge.core.errors import UserError

if TYPE_CHECKING:
    import torch

STATE = "state_dict"
"""Under which name checkpoints keep the weights among other things."""
_UNREADABLE = (
    *(pickle.UnpicklingError, RuntimeError, EOFError, OSError),
    *(AssertionError, AttributeError, LookupError, TypeError, ValueError, struct.error),
)
"""What torch raises of files that are none of its own, such as texts."""
_KEYS = re.compile(r"(Missing|Unexpected) key\(s\) in state_dict: (.+?)\. *$", re.MULTILINE)
_SIZES = re.compile(r"size mismatch for (.+?): .*?torch\.Size\((\[.*?\]).*?torch\.Size\((\[.*?\])", re.DOTALL)


def with_weights(module: torch.nn.Module, file: Path, class_path: str) -> torch.nn.Module:
    """The module with the weights of a file that `torch.save(module.state_dict(), file)` wrote, in eval mode.

    Nothing but weights and plain values is read. Raises UserError.
    """
    state = _read(file, class_path)
    try:
        module.load_state_dict(state)
    except (RuntimeError, TypeError) as error:
        raise UserError(why_not(error, class_path, file)) from error
    return module.eval()


def _read(file: Path, class_path: str) -> Mapping[str, torch.Tensor]:
    import torch

    try:
        found = torch.load(file, map_location="cpu", weights_only=True)
    except _UNREADABLE as error:
        raise _no_weights(file, class_path) from error
    found = found.get(STATE, found) if isinstance(found, Mapping) else found
    if not isinstance(found, Mapping) or not all(
        isinstance(name, str) and isinstance(part, torch.Tensor) for name, part in found.items()
    ):
        raise _no_weights(file, class_path)
    return found


def _no_weights(file: Path, class_path: str) -> UserError:
    return UserError(
        f"'{file}' holds no weights for {class_path}, whose constructor takes no file: write them by "
        "torch.save(module.state_dict(), FILE), or read the file in a constructor that takes its path."
    )


def why_not(error: Exception, class_path: str, file: Path) -> str:
    """Why a module could not be made of its file."""
    text = str(error)
    told = [f"{file} {_lacks_or_holds(found[1], found[2], class_path)}" for found in _KEYS.finditer(text)]
    told += [f"{found[1]} is {found[2]} in {file} and {found[3]} in {class_path}" for found in _SIZES.finditer(text)]
    if told:
        return f"The weights do not fit, so this is a checkpoint of another class or of other settings: {told[0]}."
    return f"{class_path} could not be made of '{file}': {type(error).__name__}: {first_line(error)}"


def _lacks_or_holds(which: str, quoted: str, class_path: str) -> str:
    names = re.findall(r'"(.+?)"', quoted)
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    if which == "Missing":
        return f"lacks {names[0]}{more} of {class_path}"
    return f"holds {names[0]}{more}, which {class_path} has not"


def first_line(error: BaseException) -> str:
    """The first line of what an error says, as a sentence."""
    lines = str(error).splitlines() or ["it said nothing"]
    return lines[0].removesuffix(".") + "."
