"""How long a training is meant to be, as its arguments or its source say: for the time that is left, and no more."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

_STEPS = (
    *("total_timesteps", "total_steps", "num_timesteps", "timesteps", "n_timesteps", "max_timesteps"),
    *("total_env_steps", "num_env_steps", "max_env_steps", "train_steps", "training_steps"),
    *("total_frames", "num_frames"),
)
_EPISODES = (
    *("total_episodes", "num_episodes", "n_episodes", "max_episodes", "episodes", "train_episodes"),
    *("training_episodes", "num_train_episodes", "num_training_episodes", "n_training_episodes"),
)
_KNOWN = {**dict.fromkeys(_STEPS, "steps"), **dict.fromkeys(_EPISODES, "episodes")}
"""What scripts call how many steps or episodes they train for."""
_LARGEST_POWER = 12


class Length(NamedTuple):
    """So many steps, or episodes: `unit` says which."""

    number: int
    unit: str


def length_of(args: Sequence[str], script: Path | None) -> Length | None:
    """How long the arguments say that the training is, else the defaults in the script; None where neither does."""
    found = [*_of_args(args), *([] if script is None else _of_source(script))]
    return next((length for length in found if length.number > 0), None)


def _of_args(args: Sequence[str]) -> Iterator[Length]:
    for place, argument in enumerate(args):
        name, equals, value = argument.partition("=")
        if not equals:
            value = args[place + 1] if place + 1 < len(args) else ""
        if re.fullmatch(r"\d[\d_]*(\.\d*)?(e\+?\d+)?", value, re.IGNORECASE):
            yield from _named(name, int(float(value.replace("_", ""))))


def _of_source(script: Path) -> list[Length]:
    """Steps before episodes, since a script that names both ends with its steps."""
    try:
        tree = ast.parse(script.read_bytes())
    except (SyntaxError, ValueError, OSError, RecursionError):
        return []
    return sorted(_assigned(tree), key=lambda length: length.unit != "steps")


def _assigned(tree: ast.AST) -> Iterator[Length]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            yield from (length for name in names for length in _named(name, _number(node.value)))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield from _named(node.target.id, _number(node.value))
        elif isinstance(node, ast.keyword) and node.arg:
            yield from _named(node.arg, _number(node.value))
        elif isinstance(node, ast.Call):
            yield from _option(node)
        elif isinstance(node, ast.arguments):
            yield from _defaults(node)


def _defaults(signature: ast.arguments) -> Iterator[Length]:
    """Of `def main(total_steps=1000)`."""
    named = [*signature.posonlyargs, *signature.args][::-1]
    for argument, value in zip(named, signature.defaults[::-1], strict=False):
        yield from _named(argument.arg, _number(value))
    for argument, default in zip(signature.kwonlyargs, signature.kw_defaults, strict=True):
        yield from _named(argument.arg, _number(default))


def _option(call: ast.Call) -> Iterator[Length]:
    """Of `add_argument("--total-timesteps", default=1000)` and its like."""
    default = next((keyword.value for keyword in call.keywords if keyword.arg == "default"), None)
    names = (one.value for one in call.args if isinstance(one, ast.Constant) and isinstance(one.value, str))
    yield from (length for name in names for length in _named(name, _number(default)))


def _named(name: str, number: int | None) -> Iterator[Length]:
    unit = _KNOWN.get(name.lstrip("-").replace("-", "_").lower())
    if unit is not None and number is not None:
        yield Length(number, unit)


def _number(node: ast.expr | None) -> int | None:
    """The whole number that an expression of constants is, such as 1_000, 1e6, int(1e6) or 10 * 10**3."""
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
        return int(node.value) if float(node.value).is_integer() else None
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "int" and len(node.args) == 1:
        return _number(node.args[0])
    if isinstance(node, ast.BinOp):
        left, right = _number(node.left), _number(node.right)
        if left is None or right is None:
            return None
        if isinstance(node.op, ast.Mult):
            return left * right
        if isinstance(node.op, ast.Pow) and right <= _LARGEST_POWER:
            return int(left**right)
    return None
