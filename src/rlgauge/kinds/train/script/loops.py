"""Loops over environments or seeds, of which a run is one: one turn of each is run."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence

ONE_TURN = "__rlgauge_turn__"
"""The name, among a script's globals, of `one_turn`."""
_MOST = 10_000
"""So many turns are looked at: a loop may have no end."""

Loop = ast.For | ast.AsyncFor | ast.comprehension


def one_turn(turns: Iterable[object], *wanted: object) -> list[object]:
    """Of the turns of a loop the first that is for one of the wanted values, else the first; none of none."""
    found = list(itertools.islice(turns, _MOST))
    return [next((one for one in found if _holds(one, wanted)), found[0])] if found else []


def shorten(tree: ast.Module, entry: str, places: Mapping[str, int | None], given: Mapping[str, str | int]) -> bool:
    """Whether there were loops that hand their turns to `entry` as parameters that are given otherwise; they now end.

    `places` are those of the parameters, None of one that goes by name only. What loops over anything else is left.
    """
    found = False
    for statement in tree.body:
        if getattr(statement, "name", None) == entry:
            continue
        for body, loop in _loops(statement):
            wanted = _handed(body, loop, entry, places, given)
            if wanted:
                found = True
                constants: list[ast.expr] = [ast.Constant(value) for value in wanted]
                loop.iter = ast.copy_location(
                    ast.Call(ast.Name(ONE_TURN, ast.Load()), [loop.iter, *constants], []), loop.iter
                )
    return found


def _loops(statement: ast.stmt) -> Iterator[tuple[ast.AST, ast.For | ast.comprehension]]:
    """The loops of a statement, each with what it repeats."""
    for node in ast.walk(statement):
        if isinstance(node, ast.For):
            yield node, node
        elif isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            yield from ((node, one) for one in node.generators if not one.is_async)


def _handed(
    body: ast.AST, loop: Loop, entry: str, places: Mapping[str, int | None], given: Mapping[str, str | int]
) -> list[str | int]:
    """The values that are given in place of what the loop hands to the entry."""
    names = _derived(body, {node.id for node in ast.walk(loop.target) if isinstance(node, ast.Name)})
    calls = [node for node in ast.walk(body) if isinstance(node, ast.Call) and _name(node.func) == entry]
    return [
        given[parameter]
        for parameter, place in places.items()
        if any(_mentions(value, names) for call in calls for value in _values(call, parameter, place))
    ]


def _values(call: ast.Call, parameter: str, place: int | None) -> Sequence[ast.expr]:
    """What a call hands as a parameter."""
    named = [one.value for one in call.keywords if one.arg == parameter or one.arg is None]
    starred = [one for one in call.args if isinstance(one, ast.Starred)]
    return [*named, *starred, *(call.args[place : place + 1] if place is not None else [])]


def _derived(body: ast.AST, names: set[str]) -> set[str]:
    """The names, and those that are made of them by assignments in the loop."""
    for node in ast.walk(body):
        if isinstance(node, ast.Assign) and _mentions(node.value, names):
            names = names | {one.id for target in node.targets for one in ast.walk(target) if isinstance(one, ast.Name)}
    return names


def _mentions(value: ast.AST, names: set[str]) -> bool:
    return any(isinstance(node, ast.Name) and node.id in names for node in ast.walk(value))


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _holds(turn: object, wanted: Sequence[object]) -> bool:
    """Whether one of the values is the turn, or in it."""
    parts = turn if isinstance(turn, tuple | list) else [turn]
    return any(type(part) is type(value) and part == value for part in parts for value in wanted)
