"""Whether a policy that is Python code is there, as its source tells: an import may take long, print or need a GPU."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator

from rlgauge.core.errors import UserError
from rlgauge.episodes.policies import code

_UNFORESEEABLE = {"__getattr__", "exec", "globals", "locals", "modules", "setattr", "vars"}
"""Names by whose help a module can have others that its source does not show."""
_LIGHTNING = {"lightning", "pytorch_lightning"}
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def check_name(target: str) -> None:
    """Raise UserError where the module of `MODULE:NAME` is not there, or its source shows that the name is not."""
    module, attribute = code.split(target)
    name = attribute.partition(".")[0]
    known = _names(code.source_bytes(target))
    if known is None or name in known or name.startswith("__") or _is_module(module, name):
        return
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise UserError(f"There is no {name!r} in {module!r} (from py:{target}).{hint}")


def check_weights(target: str) -> None:
    """Raise UserError where the source shows that `MODULE:NAME` is a class of Lightning's modules.

    Without a checkpoint it is nothing to evaluate. What only an import shows is refused where the policy is opened.
    """
    _, name = code.split(target)
    try:
        tree = ast.parse(code.source_bytes(target))
    except (SyntaxError, ValueError):  # which the import says better
        return
    if _is_lightning(name, tree):
        raise UserError(
            f"The class py:{target} is a LightningModule, and without a checkpoint its weights are random: give "
            "--ckpt_path FILE, or name an object that has its weights by py:FILE:NAME."
        )


def _is_lightning(name: str, tree: ast.Module) -> bool:
    """Whether a class of the source derives from LightningModule, by itself or by other classes of the source."""
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    imported = _imported(tree)
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        one = waiting.pop()
        if one in seen or one not in classes:
            continue
        seen.add(one)
        bases = [ast.unparse(base) for base in classes[one].bases]
        for base in bases:
            head, _, rest = base.partition(".")
            whole = f"{imported.get(head, '')}.{rest}".removesuffix(".")
            if whole.partition(".")[0] in _LIGHTNING and whole.endswith(".LightningModule"):
                return True
        waiting += bases
    return False


def _imported(tree: ast.Module) -> dict[str, str]:
    """What the names stand for that a source imports, by their whole paths."""
    found: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                found[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _is_module(module: str, name: str) -> bool:
    """Whether the name is that of a module in a package, which others may have imported."""
    try:
        code.source_bytes(f"{module}.{name}:{name}")
    except UserError:
        return False
    return True


def _names(source: bytes) -> set[str] | None:
    """What a module of this source has; None where that can't be foreseen."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):  # which the import says better
        return None
    if not tree.body or any(_is_unforeseeable(node) for node in ast.walk(tree)):
        return None
    return set(_bound(tree))


def _is_unforeseeable(node: ast.AST) -> bool:
    match node:
        case ast.ImportFrom(names=[ast.alias(name="*")]):
            return True
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.FunctionDef(name=name):
            return name in _UNFORESEEABLE
    return False


def _bound(node: ast.AST) -> Iterator[str]:
    """The names that running a module binds in it, whichever way it takes."""
    for child in ast.walk(node):
        if isinstance(child, ast.Global):
            yield from child.names
    yield from _bound_outside(node)


def _bound_outside(node: ast.AST) -> Iterator[str]:
    """Those that are bound outside functions and classes."""
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                yield from (alias.asname or alias.name.partition(".")[0] for alias in aliases)
            case ast.Name(id=name, ctx=ast.Store()):
                yield name
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                yield name
            case ast.ExceptHandler(name=str(name)):
                yield name
        if not isinstance(child, _SCOPES):
            yield from _bound_outside(child)
