"""What a script calls at the beginning of an episode so that what acts forgets the one before, such as `agent.reset()`.

A method called `reset` may as well undo all learning. So it is called in tests only where the script calls it beside an
environment's `reset`, and where nothing that was learned changes by it.
"""

from __future__ import annotations

import ast
import copy
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from rlgauge.kinds.train.script import found
from rlgauge.kinds.train.script.callers import is_env_name
from rlgauge.kinds.train.script.found import Thing
from rlgauge.kinds.train.script.weights import is_table

SURE = ("reset_hidden", "reset_hidden_state", "reset_hidden_states", "reset_state", "reset_states", "reset_rnn")
"""Methods by which recurrent policies begin an episode, and which can mean nothing else."""
_BEGINS = re.compile(
    r"reset(_\w+)?|(begin|start|new|init|on)_(new_)?(episode|rollout)\w*|(episode|rollout)_(start|begin|reset)\w*"
)
_DATA = re.compile(r"buffer|memory|replay|log|writer|metric|stat|timer|bar|progress|queue|history", re.IGNORECASE)
"""Names of what a script resets at an episode's beginning, and what no policy asks."""


class Call(NamedTuple):
    """A method of something, by the name that a script has for it, that is called without arguments."""

    owner: str
    method: str


def calls_beside_reset(texts: Iterable[str]) -> list[Call]:
    """The calls by which episodes begin, as the sources of a script show: those beside an environment's `reset`."""
    calls: list[Call] = []
    for text in texts:
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError):  # a notebook's lines, or null bytes
            continue
        calls += [call for body in _bodies(tree) for call in _of_body(body)]
    return list(dict.fromkeys(calls))


def _bodies(tree: ast.Module) -> Iterator[Sequence[ast.stmt]]:
    """Blocks that may run more than once: all but the module's own."""
    for node in ast.walk(tree):
        for name in ("body", "orelse"):
            body = getattr(node, name, None)
            if isinstance(body, list) and not isinstance(node, ast.Module | ast.ClassDef):
                yield body


def _of_body(body: Sequence[ast.stmt]) -> list[Call]:
    if not any(_resets_env(statement) for statement in body):
        return []
    found = [
        Call(ast.unparse(made.func.value), made.func.attr)
        for statement in body
        if isinstance(statement, ast.Expr) and (made := _method_call(statement)) is not None
        if not (made.args or made.keywords) and isinstance(made.func, ast.Attribute)
    ]
    return [
        call
        for call in found
        if _BEGINS.fullmatch(call.method) and not is_env_name(call.owner) and not _DATA.search(call.owner)
    ]


def _resets_env(statement: ast.stmt) -> bool:
    """Whether it resets an environment, by its name, or because what the reset returns is taken apart."""
    made = _method_call(statement)
    if made is None or not isinstance(made.func, ast.Attribute) or made.func.attr != "reset":
        return False
    is_apart = isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Tuple)
    return is_apart or is_env_name(ast.unparse(made.func.value))


def _method_call(statement: ast.stmt) -> ast.Call | None:
    """The method that a plain statement calls."""
    value = statement.value if isinstance(statement, ast.Expr | ast.Assign | ast.AnnAssign) else None
    while isinstance(value, ast.Subscript | ast.Await):  # `env.reset()[0]`
        value = value.value
    return value if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) else None


def beginning_of(value: object, calls: Sequence[Call]) -> Callable[[], object] | None:
    """What has an object that acts forget what it remembers of an episode; None where nothing is known to."""
    names = [*SURE, *(call.method for call in calls)]
    methods = [method for name in dict.fromkeys(names) if (method := _callable(value, name)) is not None]
    return next((method for method in methods if method.__name__ in SURE or _keeps(value, method.__name__)), None)


def others_beginning(things: Sequence[Thing], calls: Sequence[Call]) -> list[Callable[[], object]]:
    """What the script calls, too, by names that it has left: of parts of what acts, or of what that asks."""
    methods = []
    for call in calls:
        owner = _owner(things, call.owner.removeprefix("self."))
        if owner is None or found.is_env(owner):
            continue
        method = _callable(owner, call.method)
        if method is not None and _keeps(owner, call.method):
            methods.append(method)
    return methods


def _owner(things: Sequence[Thing], path: str) -> Any:  # noqa: ANN401  # whatever the script has under that name
    """What a path such as `agent.noise` stands for; None where the names that are left do not tell."""
    parts = path.split(".")
    for num in range(len(parts), 0, -1):
        name = ".".join(parts[:num])
        one = next((thing.value for thing in things if thing.name == name or thing.name.endswith(f".{name}")), None)
        if one is not None:
            for part in parts[num:]:
                one = found.attribute(one, part)
            return one
    return None


def _callable(value: object, name: str) -> Callable[[], object] | None:
    """The method, if it can be called without arguments."""
    method = found.attribute(value, name)
    if not inspect.isroutine(method):
        return None
    try:
        parameters = inspect.signature(method).parameters.values()
    except (TypeError, ValueError):  # built-in functions have no signature to read
        return None
    is_free = all(
        one.default is not one.empty or one.kind in {one.VAR_POSITIONAL, one.VAR_KEYWORD} for one in parameters
    )
    return method if is_free else None


def _keeps(value: object, method: str) -> bool:
    """Whether a copy of an object has all that was learned after the method, too; not of what can't be copied."""
    try:
        other = copy.deepcopy(value)
        before = _learned(other)
        getattr(other, method)()
        return before == _learned(other)
    except Exception:  # noqa: BLE001  # a stranger's objects
        return False


def _learned(value: object) -> dict[str, bytes]:
    """The parameters and tables of an object and of what lies in it, by name."""
    known: dict[str, bytes] = {}
    inside = found.attribute(value, "__dict__") or {}
    for name, part in [("", value), *inside.items()]:
        if found.is_module(part):
            known.update({f"{name}.{own}": _bytes(one) for own, one in part.named_parameters()})
        elif found.is_dict_table(part):
            known[name] = repr(sorted((repr(key), row.tolist()) for key, row in part.items())).encode()
        elif found.is_array(part) and is_table(name, part):
            known[name] = part.tobytes()
    return known


def _bytes(parameter: Any) -> bytes:  # noqa: ANN401  # of torch
    torch = sys.modules["torch"]
    content: bytes = parameter.detach().to("cpu", torch.float32, copy=True).numpy().tobytes()
    return content
