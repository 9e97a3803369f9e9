"""The parser's errors in one plain sentence."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Sequence

from rlgauge.core.errors import UserError
from rlgauge.core.workload import import_object

_TYPES = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "list": "a list",
    "dict": "a mapping",
    "str": "a text",
}
_ROOT = "rlgauge.Benchmark"


def plain(message: str, command: str, argv: Sequence[str], known: Sequence[str]) -> UserError:
    """The sentence for an error of the parser: what was given, the nearest of what is possible."""
    if found := re.search(r"unrecognized arguments: (\S+)", message):
        if "given class_path" not in message:
            return _unknown_option(found[1], command, argv, known)
    if found := re.match(r"argument ([\w./-]+).*: expected (one|at least one) argument", message):
        return UserError(f"{found[1].partition('/--')[0]} needs a value.")
    if '"benchmark"' in message.partition("\n")[0]:
        return _benchmark(message)
    if found := re.match(r'Parser key "config": (.*)', message, re.DOTALL):
        return UserError(f"--config: {_last_line(found[1])}")
    if found := re.match(r"Option '([\w.]+)' is not accepted", message):
        near = _near(found[1], [name[2:].replace("-", "_") for name in known])
        return UserError(f"The configuration file has an unknown entry {found[1]!r}.{near} See `{command} --help`.")
    if found := re.match(r'Parser key "([\w.]+)"', message):
        key = found[1]
        spelled = next((name for name in known if name[2:].replace("-", "_") == key), f"--{key}")
        return UserError(_wrong_value(spelled, message))
    if found := re.match(r"Problems parsing config: (.*)", message, re.DOTALL):
        return UserError(f"The configuration file is no YAML: {' '.join(found[1].split())}")
    return UserError(" ".join(message.split()))


def _unknown_option(given: str, command: str, argv: Sequence[str], known: Sequence[str]) -> UserError:
    name = given.partition("=")[0]
    typed = next((a for a in argv if a.partition("=")[0].replace("-", "_") == name.replace("-", "_")), name)
    typed = typed.partition("=")[0]
    what = "Unknown option" if typed.startswith("-") else "Unexpected argument"
    return UserError(f"{what} {typed!r}.{_near(typed, known)} See `{command} --help`.")


def _benchmark(message: str) -> UserError:
    """What is wrong with --benchmark CLASS_PATH or with one of its arguments."""
    given = re.search(r"given class_path '([^']+)'", message) or re.search(r"Given value: ([\w.:]+)$", message)
    if given is None:
        return UserError(f"--benchmark: {_innermost(message)}")
    path = given[1]
    if path == _ROOT:
        return UserError("The options --benchmark.NAME go with --benchmark CLASS_PATH: say which benchmark is meant.")
    if "No module named" in message or "has no attribute" in message or "dot import path" in message:
        return _not_importable(path)
    if re.search(r"Given value: [\w.:]+$", message) and "does not correspond" not in message:
        module = path.rpartition(".")[0]
        return UserError(
            f"--benchmark {path} can't be imported: {_innermost(message)} See `python -c 'import {module}'`."
        )
    kind = import_object(path)
    if "does not correspond to a subclass" in message or not isinstance(kind, type):
        return UserError(f"{path} is no benchmark: --benchmark takes the class path of a subclass of {_ROOT}.")
    if found := re.search(r"Option '([\w.]+)' is not accepted|unrecognized arguments: --([\w.]+)", message):
        name = found[1] or found[2]
        near = _near(f"--benchmark.{name}", [f"--benchmark.{known}" for known in _arguments(kind)])
        return UserError(f"{path} takes no argument {name!r}.{near}")
    if found := re.search(r"arguments are required: (\S+)", message):
        return UserError(f"{path} needs --benchmark.{found[1]}.")
    if found := re.search(r'Parser key "([\w.]+)":\n(?!.*Parser key).*', message.partition("\n")[2], re.DOTALL):
        return UserError(_wrong_value(f"--benchmark.{found[1]}", found[0]))
    return UserError(f"--benchmark {path}: {_innermost(message)}")


def _not_importable(path: str) -> UserError:
    try:
        import_object(path)
    except UserError as error:
        return error
    return UserError(f"--benchmark {path} can't be imported.")


def _arguments(kind: type) -> list[str]:
    names = [name for each in kind.__mro__ for name in inspect.signature(each.__init__).parameters]  # type: ignore[misc]
    return sorted({*names} - {"self", "args", "kwargs", "gyms"})


def _wrong_value(option: str, message: str) -> str:
    expected = re.search(r"Expected a <class '(\w+)'>", message)
    value = re.search(r"Got value: (.*)", message) or re.search(r"Given value: (.*)", message)
    if expected and value:
        return f"{option} takes {_TYPES.get(expected[1], expected[1])}, not {value[1].strip()!r}."
    return f"{option}: {_innermost(message)}"


def _innermost(message: str) -> str:
    """The line that says most: the first of the listed reasons, else the last line."""
    reasons = re.findall(
        r"^\s*- (?!Expected a (?:path|<class 'NoneType'>)|Does not validate)(.+?)$", message, re.MULTILINE
    )
    return _last_line(reasons[0] if reasons else message)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].removesuffix(".") + "."


def _near(given: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(given, known, n=1, cutoff=0.5)
    return f" Did you mean {near[0]!r}?" if near else ""
