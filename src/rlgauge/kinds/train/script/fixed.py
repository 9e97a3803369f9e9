"""Seeds that a script gives itself, whatever seed it is asked to run with: read from its source."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from rlgauge.kinds.train.script.rewriting import Function, defaults_of

_SEEDERS = frozenset({"seed", "manual_seed", "default_rng", "set_seed", "set_random_seed", "seed_everything"})
"""Functions whose first argument is a seed."""


class Fixed(NamedTuple):
    """A seed, and the line in which something is given it."""

    seed: int
    line: int


def seeds(tree: ast.Module) -> list[Fixed]:
    """The seeds that stand in the source, as a number or under a name that always stands for one, by line."""
    bound = _bound(tree)
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    found = ((call, _number(given, bound)) for call in calls for given in _given(call))
    return sorted({Fixed(seed, call.lineno) for call, seed in found if seed is not None}, key=lambda one: one.line)


def warning(script: str, found: Iterable[Fixed]) -> list[str]:
    """What to know of them, as one sentence; none where there are none."""
    told = [f"{one.seed} in line {one.line}" for one in found]
    if not told:
        return []
    more = ", and more" if len(told) > 1 else ""
    text = (
        f"{script} seeds what it draws by itself ({told[0]}{more}) and takes no seed that is known of: runs of several "
        "seeds may all be the same. Name the option that takes it with --seed-flag, give main a parameter seed, or "
        "have the script read a global SEED or the variable BENCH_SEED."
    )
    return [text]


def _given(call: ast.Call) -> Iterator[ast.expr]:
    """What a call is given as a seed."""
    yield from (one.value for one in call.keywords if one.arg == "seed")
    if _last(call.func) in _SEEDERS and call.args:
        yield call.args[0]


def _number(value: ast.expr, bound: dict[str, int | None]) -> int | None:
    """The number that a value is, or that its name stands for; None where that may be another one."""
    if isinstance(value, ast.Constant):
        return value.value if type(value.value) is int else None
    return bound.get(_last(value))


def _bound(tree: ast.Module) -> dict[str, int | None]:
    """Names, attributes and parameters by the number that they stand for, the first of several; None for any other."""
    found: dict[str, int | None] = {}
    for name, value in _bindings(tree):
        if not name:
            continue
        number = value.value if isinstance(value, ast.Constant) and type(value.value) is int else None
        found[name] = number if number is None else found.get(name, number)
    return found


def _bindings(tree: ast.Module) -> Iterator[tuple[str, ast.expr | None]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            yield from ((_last(target), node.value) for target in node.targets)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            yield _last(node.target), node.value
        elif isinstance(node, ast.For):
            given = node.iter.elts if isinstance(node.iter, ast.List | ast.Tuple) else [None]
            yield from ((_last(node.target), one) for one in given)
        elif isinstance(node, ast.keyword) and node.arg is not None and isinstance(node.value, ast.Constant):
            yield node.arg, node.value
        elif isinstance(node, Function):
            yield from defaults_of(node).items()


def _last(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
