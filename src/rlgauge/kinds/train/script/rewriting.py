"""A script's syntax tree changed before it is compiled: its lines, and what they cost, stay as they were."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from rlgauge.kinds.train.script.left import KEEP, KEEP_RETURNED

SEED = "SEED"
"""The global that is overwritten with the run's seed wherever a module binds it."""
RESEED, OVERWRITE, FILL = "__rlgauge_seed__", "__rlgauge_overwrite__", "__rlgauge_fill__"
"""Names, among a script's globals, of what gives the seed in place of a value, of what overwrites it elsewhere, and of
what gives values to a function that is made by a call, or imported."""

Function = ast.FunctionDef | ast.AsyncFunctionDef
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


@dataclass(frozen=True)
class Changes:
    """What is to be changed.

    `kept` names the functions (`main`, `Trainer.train`) whose locals are kept when they end. `given` holds values that
    parameters have whatever their caller passed. `entry` is the function at whose start other modules' seeds are
    overwritten; it may be one inside of another. `filled` is a name by which no function of the file is defined, and
    which gets its values where it is bound. Without `runs_block`, `__name__ == "__main__"` is false.
    """

    kept: Collection[str] = ()
    given: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    entry: str | None = None
    filled: str | None = None
    runs_block: bool = True


def rewritten(tree: ast.Module, changes: Changes) -> ast.Module:
    """The tree with the changes made; the given one is spent."""
    if not changes.runs_block:
        tree = _Imported().visit(tree)
    functions = functions_of(tree)
    inner = [one for one in ast.walk(tree) if isinstance(one, Function) and one.name == changes.entry]
    chosen = [(name, function) for name, function in functions.items() if name in {*changes.kept, *changes.given}]
    if changes.entry not in functions:
        chosen += [(one.name, one) for one in inner]
    for name, function in chosen:
        _rewrite(function, name, changes)
    _reseed(tree.body)
    if changes.filled is not None:
        _fill(tree.body, changes.filled)
    return ast.fix_missing_locations(tree)


def functions_of(tree: ast.Module) -> dict[str, Function]:
    """The functions of a module by name and the methods of its classes by `Class.name`, those of branches too."""
    found: dict[str, Function] = {}
    for statement in statements_of(tree.body):
        if isinstance(statement, Function):
            found[statement.name] = statement
        elif isinstance(statement, ast.ClassDef):
            methods = (one for one in statement.body if isinstance(one, Function))
            found.update((f"{statement.name}.{method.name}", method) for method in methods)
    return found


def statements_of(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a body and of its branches, loops and such, but of no function or class in it."""
    for statement in body:
        yield statement
        for inner in _bodies(statement):
            yield from statements_of(inner)


def parameters_of(function: Function) -> list[ast.arg]:
    """The parameters that can be given by name."""
    return [*function.args.args, *function.args.kwonlyargs]


def defaults_of(function: Function) -> dict[str, ast.expr | None]:
    """The defaults of the parameters that can be given by name; None where one has none."""
    plain = [*function.args.posonlyargs, *function.args.args]
    without = [None] * (len(plain) - len(function.args.defaults))
    found = dict(zip((one.arg for one in plain), [*without, *function.args.defaults], strict=True))
    named = zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)
    found.update((one.arg, default) for one, default in named)
    return {one.arg: found[one.arg] for one in parameters_of(function)}


def _bodies(statement: ast.stmt) -> list[list[ast.stmt]]:
    """The lists of statements right inside one, in its own scope."""
    if isinstance(statement, _SCOPES):
        return []
    own = [getattr(statement, name, []) for name in ("body", "orelse", "finalbody")]
    handlers = [one.body for one in getattr(statement, "handlers", [])]
    cases = [one.body for one in getattr(statement, "cases", [])]
    return [body for body in (*own, *handlers, *cases) if body]


class _Imported(ast.NodeTransformer):
    """Answers the question whether the module is `__main__` with no."""

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        """A constant in place of the comparison of `__name__` with `"__main__"`."""
        if is_main_test(node):
            return ast.copy_location(ast.Constant(isinstance(node.ops[0], ast.NotEq)), node)
        return node


def is_main_test(node: ast.AST) -> bool:
    """Whether it compares `__name__` with `"__main__"`."""
    if not isinstance(node, ast.Compare) or len(node.ops) != 1 or not isinstance(node.ops[0], ast.Eq | ast.NotEq):
        return False
    sides = (node.left, node.comparators[0])
    has_name = any(isinstance(side, ast.Name) and side.id == "__name__" for side in sides)
    return has_name and any(isinstance(side, ast.Constant) and side.value == "__main__" for side in sides)


def _rewrite(function: Function, name: str, changes: Changes) -> None:
    """Put the given values at the function's head, and what keeps its locals round its body."""
    start = 1 if ast.get_docstring(function, clean=False) is not None else 0
    head, body = function.body[:start], function.body[start:] or [ast.Pass()]
    head += [_assignment(function, parameter, value) for parameter, value in changes.given.get(name, {}).items()]
    if name == changes.entry:
        head.append(ast.Expr(_call(OVERWRITE)))
    if name in changes.kept:
        if not _is_generator(function):
            body = [_Returns(name).visit(one) for one in body]
        body = [ast.Try(body, [], [], [ast.Expr(_call(KEEP, ast.Constant(name), _call("locals")))])]
    for added in (*head[start:], *body):
        _place(added, at=function.body[0])
    function.body = head + body


def _place(node: ast.AST, *, at: ast.stmt) -> None:
    """Give it and what it holds the line of another statement, where they have none of their own."""
    for one in ast.walk(node):
        if not hasattr(one, "lineno"):
            ast.copy_location(one, at)


class _Returns(ast.NodeTransformer):
    """Has what a function returns remembered on its way; functions inside it return as they did."""

    def __init__(self, name: str) -> None:
        self._name = name

    def visit_Return(self, node: ast.Return) -> ast.Return:
        """The statement with its value passed through."""
        if node.value is not None:
            call = _call(KEEP_RETURNED, ast.Constant(self._name), node.value)
            node.value = ast.copy_location(call, node.value)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        """As it is."""
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AsyncFunctionDef:
        """As it is."""
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        """As it is."""
        return node


def _is_generator(function: Function) -> bool:
    pending: list[ast.AST] = list(function.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Yield | ast.YieldFrom):
            return True
        if not isinstance(node, _SCOPES):
            pending.extend(ast.iter_child_nodes(node))
    return False


def _reseed(body: list[ast.stmt]) -> None:
    """After each statement of a module that binds the global seed, bind it to the run's."""
    for index in reversed(range(len(body))):
        statement = body[index]
        for inner in _bodies(statement):
            _reseed(inner)
        after: ast.stmt | None = None
        if binds(statement, SEED):
            after = ast.Assign([ast.Name(SEED, ast.Store())], _call(RESEED, ast.Name(SEED, ast.Load())))
        elif isinstance(statement, ast.ImportFrom) and statement.names[0].name == "*":  # nobody knows what it binds
            after = ast.Expr(_call(OVERWRITE))
        if after is not None:
            _place(after, at=statement)
            body.insert(index + 1, after)


def binds(statement: ast.stmt, name: str) -> bool:
    """Whether the statement itself, and not one inside it, binds the name by an import or an assignment."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return any((alias.asname or alias.name) == name for alias in statement.names)
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        targets = [statement.target]
    else:
        return False
    names = (node for target in targets for node in ast.walk(target) if isinstance(node, ast.Name))
    return any(node.id == name and isinstance(node.ctx, ast.Store) for node in names)


def _fill(body: list[ast.stmt], name: str) -> None:
    """After each statement of a module that binds the name, have what it stands for be given its values."""
    for index in reversed(range(len(body))):
        statement = body[index]
        for inner in _bodies(statement):
            _fill(inner, name)
        if binds(statement, name):
            after = ast.Assign([ast.Name(name, ast.Store())], _call(FILL, ast.Name(name, ast.Load())))
            _place(after, at=statement)
            body.insert(index + 1, after)


def _assignment(function: Function, name: str, value: object) -> ast.stmt:
    """The value for a parameter; for one that has no name of its own, among those that have none."""
    known = {one.arg for one in parameters_of(function)}
    target: ast.expr = ast.Name(name, ast.Store())
    if name not in known and function.args.kwarg is not None:
        target = ast.Subscript(ast.Name(function.args.kwarg.arg, ast.Load()), ast.Constant(name), ast.Store())
    if isinstance(value, str | int | float):
        return ast.Assign([target], ast.Constant(value))
    return ast.Assign([target], ast.parse(repr(value), mode="eval").body)


def _call(name: str, *args: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load()), list(args), [])
