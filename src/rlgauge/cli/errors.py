"""The parser's errors in one plain sentence."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Mapping, Sequence

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
    if message.startswith('Parser key "benchmark"'):
        return UserError(_benchmark(message))
    text = _of_options(message, argv, known) or _of_configuration(message, known) or " ".join(message.split())
    return UserError(text.replace("COMMAND", command))


def in_options(error: UserError, spelled: Mapping[str, str]) -> UserError:
    """The error with options where Python's arguments are named: `--alpha 2.0: ...` of `alpha=2.0: ...`."""
    text = str(error)
    if (found := re.match(r"(\w+)=(.+?): ", text, re.DOTALL)) and found[1] in spelled:
        text = f"{spelled[found[1]]} {found[2]}: {text[found.end() :]}"
        text = re.sub(r"\((-?[\w.]+), (-?[\w.]+)\)", r"\1 \2", text)
    names = "|".join(spelled)
    return UserError(re.sub(rf"(?<=\()({names})(?=[,)])", lambda found: spelled[found[1]], text))


def _of_options(message: str, argv: Sequence[str], known: Sequence[str]) -> str | None:
    """What is wrong with an option or its value."""
    if found := re.search(r"unrecognized arguments: (\S+)", message):
        return _unknown_option(found[1].partition("=")[0], argv, known)
    if found := re.match(r"argument ([\w./-]+).*: expected (one|at least one) argument", message):
        return f"{found[1].partition('/--')[0]} needs a value."
    if found := re.match(r"argument ([\w./-]+).*: expected (\d+) arguments", message):
        return f"{found[1].partition('/--')[0]} needs {found[2]} values."
    if found := re.search(r"arguments are required: (.+)", message):
        names = [name.strip() for name in found[1].split(",")]
        told = ", ".join(name if name.startswith("-") else name.upper() for name in names)
        return f"COMMAND needs {told}. See `COMMAND --help`."
    if (found := re.match(r'Parser key "([\w.]+)"', message)) and found[1] != "config":
        return _wrong_value(_spelled(found[1], known), message)
    return None


def _of_configuration(message: str, known: Sequence[str]) -> str | None:
    """What is wrong with --config FILE or with what is in it."""
    if found := re.match(r'Parser key "config": (.*)', message, re.DOTALL):
        return f"--config: {_last_line(found[1])}"
    if found := re.match(r"Option '([\w.]+)' is not accepted", message):
        near = _near(found[1], [name[2:].replace("-", "_") for name in known])
        return f"The configuration file has an unknown entry {found[1]!r}.{near} See `COMMAND --help`."
    if message.endswith("object is not iterable"):
        return "The configuration file gives one value where several are needed: write a list, such as [0, 500]."
    if found := re.match(r"Problems parsing config: (.*)", message, re.DOTALL):
        return f"The configuration file is no YAML: {' '.join(found[1].split())}."
    return None


def _spelled(key: str, known: Sequence[str]) -> str:
    """The option of this key, or the argument without a name."""
    called = key.upper() if key.isidentifier() else f"--{key}"
    return next((name for name in known if name[2:].replace("-", "_") == key), called)


def _unknown_option(name: str, argv: Sequence[str], known: Sequence[str]) -> str:
    """The option as it was typed, which the parser no longer knows."""
    typed = (argument.partition("=")[0] for argument in argv)
    given = next((option for option in typed if option.replace("-", "_") == name.replace("-", "_")), name)
    if not given.startswith("-"):
        return f"Unexpected argument {given!r}. See `COMMAND --help`."
    return f"Unknown option {given!r}.{_near(given, known)} See `COMMAND --help`."


def _benchmark(message: str) -> str:
    """What is wrong with --benchmark CLASS_PATH or with one of its arguments."""
    given = re.search(r"given class_path '([^']+)'", message) or re.search(r"Given value: ([\w.:]+)$", message)
    if given is None:
        return f"--benchmark: {_innermost(message)}"
    path = given[1]
    if path == _ROOT:
        return "The options --benchmark.NAME go with --benchmark CLASS_PATH: say which benchmark is meant."
    return _of_import(path, message) or _of_arguments(path, message) or f"--benchmark {path}: {_innermost(message)}"


def _of_import(path: str, message: str) -> str | None:
    """What is wrong with the class path."""
    if re.search("No module named|has no attribute|dot import path", message):
        try:
            import_object(path)
        except UserError as error:
            return str(error)
    if "does not correspond to a subclass" in message:
        return f"{path} is no benchmark: --benchmark takes the class path of a subclass of {_ROOT}."
    if re.search(r"Given value: [\w.:]+$", message):
        module = path.rpartition(".")[0]
        return f"--benchmark {path} can't be imported: {_innermost(message)} See `python -c 'import {module}'`."
    return None


def _of_arguments(path: str, message: str) -> str | None:
    """What is wrong with an argument of the benchmark."""
    if found := re.search(r"Option '([\w.]+)' is not accepted|unrecognized arguments: --([\w.]+)", message):
        name = found[1] or found[2]
        known = [f"--benchmark.{known}" for known in _arguments(import_object(path))]
        return f"{path} takes no argument {name!r}.{_near(f'--benchmark.{name}', known)}"
    if found := re.search(r"arguments are required: (\S+)", message):
        return f"{path} needs --benchmark.{found[1]}."
    inner = message.partition("\n")[2]
    if found := re.search(r'Parser key "([\w.]+)":\n(?!.*Parser key).*', inner, re.DOTALL):
        return _wrong_value(f"--benchmark.{found[1]}", found[0])
    return None


def _arguments(kind: type) -> list[str]:
    names = inspect.signature(kind).parameters
    return sorted({*names} - {"args", "kwargs", "gyms"})


def _wrong_value(option: str, message: str) -> str:
    expected = re.search(r"Expected a <class '(?!NoneType)(\w+)'>", message)
    choices = re.search(r"Expected a typing\.Literal\[(.+?)\]$", message, re.MULTILINE)
    value = re.search(r"Got value: (.*)", message) or re.search(r"Given value: (.*)", message)
    if expected and value:
        return f"{option} takes {_TYPES.get(expected[1], expected[1])}, not {value[1].strip()!r}."
    if choices and value:
        possible = " or ".join(text.strip("'\"") for text in choices[1].split(", "))
        return f"{option} takes {possible}, not {value[1].strip()!r}."
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
