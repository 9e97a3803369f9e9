"""What a function takes by its `**kwargs`, as its source tells."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence

from rlgauge.kinds.train.script.rewriting import Function, parameters_of

_ASKING = frozenset({"get", "pop", "setdefault"})


def taken(function: Function, names: Sequence[str], functions: Mapping[str, Function]) -> str | None:
    """The first of the names that it asks its `**kwargs` for, or hands on with them; None where it does neither.

    They are handed on to one of the `functions`, or to a class whose `__init__` is among them, that has the name.
    """
    rest = function.args.kwarg
    if rest is None:
        return None
    found = {*_asked(function, rest.arg), *_handed_on(function, rest.arg, functions)}
    return next((name for name in names if name in found), None)


def _asked(function: Function, rest: str) -> Iterator[str]:
    """The names in `kwargs["env"]`, `kwargs.get("env")` and `"env" in kwargs`."""
    for node in ast.walk(function):
        key: ast.expr | None = None
        if isinstance(node, ast.Subscript) and _is(node.value, rest):
            key = node.slice
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            key = node.args[0] if node.func.attr in _ASKING and _is(node.func.value, rest) else None
        elif isinstance(node, ast.Compare) and _is(node.comparators[0], rest):
            key = node.left
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            yield key.value


def _handed_on(function: Function, rest: str, functions: Mapping[str, Function]) -> Iterator[str]:
    """The names that what is called with `**kwargs` has, but for those that it is given besides."""
    for call in (node for node in ast.walk(function) if isinstance(node, ast.Call)):
        name = call.func.id if isinstance(call.func, ast.Name) else ""
        other = functions.get(name) or functions.get(f"{name}.__init__")
        if other is None or not any(one.arg is None and _is(one.value, rest) for one in call.keywords):
            continue
        given = {one.arg for one in call.keywords}
        yield from (one.arg for one in parameters_of(other) if one.arg not in given)
        if other.args.kwarg is not None:
            yield from _asked(other, other.args.kwarg.arg)


def _is(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name
