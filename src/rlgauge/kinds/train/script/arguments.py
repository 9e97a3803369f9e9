"""The options of a script that take its environment and its seed, guessed from its source."""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rlgauge.kinds.train.script.rewriting import Function, functions_of, parameters_of, statements_of

ENV_NAMES = (
    *("env_id", "env", "gym_id", "env_name", "environment", "environment_id", "environment_name"),
    *("gym_env", "gymenv", "gym_name", "gym", "task_id", "task_name", "task", "game"),
)
SEED_NAMES = ("seed", "random_seed", "rng_seed", "global_seed", "train_seed")
"""What options and parameters that take an environment or a seed are called, the likelier first."""

PARSERS = frozenset(
    {
        *("absl", "argparse", "click", "clize", "configargparse", "cyclopts", "defopt", "docopt", "draccus"),
        *("fire", "getopt", "hydra", "jsonargparse", "optparse", "plac", "pyrallis", "sacred", "simple_parsing"),
        *("tap", "transformers", "typer", "tyro"),
    }
)
"""Modules that read a command line."""
_READING = {
    "absl": frozenset({"app", "flags"}),
    "argparse": frozenset({"ArgumentParser"}),
    "click": frozenset({"Argument", "Command", "Group", "Option", "argument", "command", "group", "option"}),
    "hydra": frozenset({"main"}),
    "transformers": frozenset({"HfArgumentParser"}),
    "typer": frozenset({"Argument", "Option", "Typer", "run"}),
}
"""What of such a module reads one, where much of it does other things; of the rest all does."""
_PARSING = frozenset({"parse_args", "parse_known_args", "parse_args_into_dataclasses"})
"""Methods of parsers that may have been made elsewhere."""
_FROM_SIGNATURE = frozenset(
    {
        *("cli", "CLI", "auto_cli", "Fire", "run", "HfArgumentParser", "add_arguments", "parse", "wrap"),
        *("ArgumentParser", "call", "extras", "overridable_config_cli"),
    }
)
"""Functions that make options of the parameters of a function, or of the fields of a class."""
_COMMANDS = frozenset({"command", "main", "automain", "wrap", "autohelp", "option", "argument", "callback", "default"})
"""Decorators, of modules that read a command line, that leave no function to be called with values."""
_FLATTENING = frozenset({"simple_parsing", "transformers"})
_HYPHENATING = frozenset({"tyro", "typer", "defopt", "cyclopts", "clize"})
_DEFINING = frozenset({"add_argument", "add_option", "option", "argument"})
_SWITCHES = frozenset({"store_true", "store_false", "store_const", "count", "help", "version"})
_DEEPEST = 3
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
"""Where a word begins in one such as `envName`."""


@dataclass(frozen=True)
class Option:
    """A place in a command line for a value: after a word such as `--env-id` or `env=`, or alone.

    One alone may be the first of several, which stands before all else.
    """

    word: str
    is_positional: bool = False
    is_first: bool = False

    def words(self, value: str | int) -> list[str]:
        """What is added to the command line."""
        if self.is_positional:
            return [str(value)]
        if self.word.endswith("="):
            return [f"{self.word}{value}"]
        return [self.word, str(value)]


def given(word: str) -> Option:
    """The option that the user named, with its dashes or without."""
    return Option(word if word.startswith("-") or word.endswith("=") else f"--{word}")


def guessed(trees: Sequence[ast.Module], names: Sequence[str]) -> Option | None:
    """The option of the first of the names that the sources define; None where they define none.

    The trees come in the order in which they are asked: the script's own first.
    """
    for tree in trees:
        defined = list(_defined([tree, *trees]))
        found = dict(reversed(defined))
        one = next((found[name] for name in names if name in found), None)
        if one is not None:
            alone = [option for _, option in defined if option.is_positional]
            is_first = len(alone) > 1 and alone[0] == one and not _has_commands(tree)
            return dataclasses.replace(one, is_first=is_first)
    return next((one for tree in trees if (one := _written(tree, names)) is not None), None)


def reads_arguments(tree: ast.Module) -> bool:
    """Whether it reads a command line: by something that it imports and uses, or by `sys.argv`."""
    return names_argv(tree) or _uses_parser(tree)


def names_argv(tree: ast.Module) -> bool:
    """Whether it asks for `sys.argv` itself."""
    taken = (one.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for one in node.names)
    return "argv" in taken or any(isinstance(node, ast.Attribute) and node.attr == "argv" for node in ast.walk(tree))


def _uses_parser(tree: ast.Module) -> bool:
    """Whether it uses what reads a command line, and not only imports it, or names it in an annotation."""
    paths = dict(_parser_names(tree))
    if not paths:
        return False
    if "*" in paths:
        return True
    noted = [one for node in ast.walk(tree) for one in _annotations(node)]
    aside = {id(one) for annotation in noted for one in ast.walk(annotation)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in _PARSING:
            return True
        if id(node) not in aside and _reads(_path(node), paths):
            return True
    return False


def _parser_names(tree: ast.Module) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The names by which it knows modules that read a command line, and parts of them, with what these are."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                path = tuple(alias.name.split("."))
                if path[0] in PARSERS:
                    yield (path[0], path[:1]) if alias.asname is None else (alias.asname, path)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            path = tuple(node.module.split("."))
            if path[0] in PARSERS:
                yield from ((alias.asname or alias.name, (*path, alias.name)) for alias in node.names)


def _reads(path: tuple[str, ...], paths: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether a dotted name stands for what reads a command line."""
    if not path or path[0] not in paths:
        return False
    module, *parts = (*paths[path[0]], *path[1:])
    return module not in _READING or not _READING[module].isdisjoint(parts)


def _path(node: ast.AST) -> tuple[str, ...]:
    """The parts of a dotted name that is asked for; none of anything else."""
    if isinstance(node, ast.Attribute):
        inner = _path(node.value)
        return (*inner, node.attr) if inner else ()
    return (node.id,) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) else ()


def _annotations(node: ast.AST) -> list[ast.expr]:
    """The annotations right at it."""
    found = [getattr(node, name, None) for name in ("annotation", "returns")]
    return [one for one in found if isinstance(one, ast.expr)]


def is_command(function: Function, tree: ast.Module) -> bool:
    """Whether it is decorated to read a command line, so that it can't be called with values."""
    roots = imported(tree) & PARSERS
    for decorator in function.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        if isinstance(called, ast.Attribute) and called.attr in _COMMANDS and roots:
            return True
        if isinstance(called, ast.Name) and called.id in _COMMANDS and roots:
            return True
    return False


def imported(tree: ast.Module) -> set[str]:
    """The top-level names of the modules that it imports, wherever."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names


def _has_commands(tree: ast.Module) -> bool:
    """Whether its command line begins with the name of a command."""
    return any(isinstance(node, ast.Call) and _called(node) in {"add_subparsers", "group"} for node in ast.walk(tree))


def _defined(trees: Sequence[ast.Module]) -> Iterator[tuple[str, Option]]:
    """The options that the first of the sources defines, by name; the others hold classes that it imports."""
    tree = trees[0]
    modules = imported(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = _called(node)
            words = [one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
            if name in _DEFINING:
                yield from _literal(node, words)
            elif name.startswith("DEFINE_") and words:
                yield _normal(words[0]), Option(f"--{words[0]}")
            elif name in _FROM_SIGNATURE and modules & PARSERS:
                yield from _of_signature(node, trees, modules)
        elif isinstance(node, Function) and is_command(node, tree) and modules & PARSERS - {"click"}:
            yield from _parameters(node, trees, modules)


def _literal(call: ast.Call, words: list[str]) -> Iterator[tuple[str, Option]]:
    """What `add_argument("--env-id", dest="env")` and `click.option("--env-id", "env")` define."""
    keywords = {one.arg: one.value.value for one in call.keywords if isinstance(one.value, ast.Constant)}
    dashed = [word for word in words if word.startswith("-")]
    if not words or keywords.get("action") in _SWITCHES or keywords.get("is_flag"):
        return
    if not dashed:
        yield _normal(words[0]), Option(words[0], is_positional=True)
        return
    longest = next((word for word in dashed if word.startswith("--")), dashed[0])
    for word in words:
        yield _normal(word), Option(word if word.startswith("--") else longest)
    if isinstance(keywords.get("dest"), str):
        yield _normal(str(keywords["dest"])), Option(longest)


def _of_signature(call: ast.Call, trees: Sequence[ast.Module], modules: set[str]) -> Iterator[tuple[str, Option]]:
    """What the parameters of a function, or the fields of a class, that the call is given define."""
    handed = [*call.args, *(one.value for one in call.keywords)]
    names = [node.id for value in handed for node in _flat(value) if isinstance(node, ast.Name)]
    for name in names:
        function = next((found[name] for tree in trees if name in (found := functions_of(tree))), None)
        if function is not None:
            yield from _parameters(function, trees, modules)
        else:
            yield from _fields(name, trees, modules)


def _flat(value: ast.expr) -> list[ast.expr]:
    return list(value.elts) if isinstance(value, ast.Tuple | ast.List) else [value]


def _parameters(function: Function, trees: Sequence[ast.Module], modules: set[str]) -> Iterator[tuple[str, Option]]:
    """The options that are made of a function's parameters."""
    num_required = len(function.args.args) - len(function.args.defaults)
    for index, parameter in enumerate(parameters_of(function)):
        if "typer" in modules and index < num_required:
            yield _normal(parameter.arg), Option(parameter.arg, is_positional=True)
            continue
        yield _normal(parameter.arg), _option_of(parameter.arg, modules)
        if isinstance(parameter.annotation, ast.Name):
            is_wrapped = bool(modules & {"draccus", "pyrallis"})  # they flatten their one argument
            path = () if is_wrapped else (parameter.arg,)
            yield from _fields(parameter.annotation.id, trees, modules, path)


def _fields(
    name: str, trees: Sequence[ast.Module], modules: set[str], path: tuple[str, ...] = ()
) -> Iterator[tuple[str, Option]]:
    """The options that are made of the fields of a class, and of classes in them."""
    for one in _class(name, trees) if len(path) < _DEEPEST else ():
        for base in one.bases:
            if isinstance(base, ast.Name) and base.id != name:
                yield from _fields(base.id, trees, modules, path)
        for statement in one.body:
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                inside = () if modules & _FLATTENING else path
                yield _normal(statement.target.id), _option_of(".".join((*inside, statement.target.id)), modules)
                if isinstance(statement.annotation, ast.Name):
                    inner = (*path, statement.target.id)
                    yield from _fields(statement.annotation.id, trees, modules, inner)


def _class(name: str, trees: Iterable[ast.Module]) -> list[ast.ClassDef]:
    every = (one for tree in trees for one in statements_of(tree.body))
    return [one for one in every if isinstance(one, ast.ClassDef) and one.name == name][:1]


def _option_of(name: str, modules: set[str]) -> Option:
    return Option("--" + (name.replace("_", "-") if modules & _HYPHENATING else name))


def _written(tree: ast.Module, names: Sequence[str]) -> Option | None:
    """The option of the first of the names that stands in the source as a text of its own, or in its usage."""
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and _called(node) in _DEFINING)
    defining = {id(word) for call in calls for word in call.args}
    constants = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in defining)
    texts = {node.value for node in constants if isinstance(node.value, str)}
    usage = ast.get_docstring(tree) if "docopt" in imported(tree) else None
    texts.update(re.findall(r"--[\w-]+", usage or ""))
    wanted = [f"--{spelled}" for name in names for spelled in (name.replace("_", "-"), name)]
    return next((Option(word) for word in wanted if word in texts), None)


def _called(call: ast.Call) -> str:
    """The last name of what is called."""
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _normal(word: str) -> str:
    """The word as names are compared: `--env-name`, `envName` and `ENV_NAME` are one."""
    return _HUMP.sub("_", word.lstrip("-").replace("-", "_")).casefold()
