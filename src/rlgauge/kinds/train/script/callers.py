"""Where in a script an environment begins, and by which names it is known there."""

from __future__ import annotations

import ast
import linecache
import re
from itertools import islice
from pathlib import Path
from types import CodeType, FrameType
from typing import NamedTuple

_OURS = str(Path(__file__).parent)
_DEEPEST = 100
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_TESTING = re.compile(
    r"(?:.*_)?(?:evals?|evaluat(?:e|es|ed|or|ing|ions?)|test(?:s|er|ed|ing)?|val|valid(?:ate|ation)?)(?:_.*|\d*)"
)
_TRAINING = re.compile(r"(?:.*_)?(?:train(?:er|ing)?|learn(?:er|ing)?|fit)(?:_.*|\d*)")
_ENV = re.compile(r"(?:.*_)?envs?(?:_.*|\d*)")
_RESET = re.compile(r"([A-Za-z_][\w.]*)(?:\[[^\]]*\])?\s*\.\s*reset\s*\(")
_GIVEN = re.compile(r"\s*(?:envs?\s*=\s*)?([A-Za-z_][\w.]*)\s*")
_COMPREHENSIONS = ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>")
"""Functions, most of them before Python 3.12 only, which are handed nothing and know the names where they stand."""
_UNIT = 2
"""An instruction of Python's, in bytes."""
_RESET_ONE = "?"
"""Stands for the environment whose name is to be found: it is the one that the innermost caller resets."""


class Caller(NamedTuple):
    """A function on the way to an environment's first reset, and the call in which it was.

    `code` and `place`, that of the call in the code, tell it from others. `function` is its name with that of its
    class. `env` is what it calls the environment that it resets in that call, or hands on to be reset; empty where that
    does not show.
    """

    code: int
    place: int
    function: str
    env: str


Way = tuple[Caller, ...]
"""All of them, the outermost first."""


def way_to(frame: FrameType | None) -> Way:
    """How the script came to where `frame` is; what is between does not show: neither this package nor what runs it."""
    found: list[Caller] = []
    env, callee = _RESET_ONE, None
    while frame is not None and len(found) < _DEEPEST:
        code = frame.f_code
        if not code.co_filename.startswith((_OURS, "<frozen ")):
            path = _path_in(frame, env, callee) if env else ""
            found.append(Caller(id(code), frame.f_lasti, code.co_qualname, path.rpartition(".")[2]))
            is_handed_on = path in _parameters(code) or (code.co_name in _COMPREHENSIONS and path in code.co_freevars)
            env, callee = path if is_handed_on else "", code
        frame = frame.f_back
    return tuple(reversed(found))


def _path_in(frame: FrameType, env: str, callee: CodeType | None) -> str:
    """What a function calls the environment that it resets, or that it hands to `callee`, which calls it `env`."""
    if callee is not None and callee.co_name in _COMPREHENSIONS:
        return env if env in frame.f_code.co_cellvars + frame.f_code.co_freevars else ""
    call = _call_of(frame)
    if call is not None:
        return _reset_by(call) if callee is None else _handed_by(call, env, callee)
    line = linecache.getline(frame.f_code.co_filename, frame.f_lineno)
    return _reset_in(line) if callee is None else _handed_in(line, callee.co_name)


def _call_of(frame: FrameType) -> ast.Call | None:
    """The call in which a frame is, whatever else is on its lines; None where Python does not tell, or it is none."""
    places = islice(frame.f_code.co_positions(), frame.f_lasti // _UNIT, None)
    first, last, start, end = next(places, (None, None, None, None))
    if first is None or last is None or start is None or end is None:
        return None
    lines = [line.encode() for line in linecache.getlines(frame.f_code.co_filename)[first - 1 : last]]
    if len(lines) != last - first + 1:
        return None
    lines[-1] = lines[-1][:end]  # before the start, which may be on the same line
    lines[0] = lines[0][start:]
    try:
        found = ast.parse(b"(" + b"".join(lines) + b")", mode="eval").body
    except (SyntaxError, ValueError):  # the file has changed since it was read
        return None
    found = found.value if isinstance(found, ast.Await) else found
    return found if isinstance(found, ast.Call) else None


def _reset_by(call: ast.Call) -> str:
    """What a call resets, such as `self.env`."""
    is_reset = isinstance(call.func, ast.Attribute) and call.func.attr == "reset"
    return _path(call.func.value) if is_reset and isinstance(call.func, ast.Attribute) else ""


def _handed_by(call: ast.Call, env: str, callee: CodeType) -> str:
    """What a call hands to a function as its `env`.

    Where it calls something else, through which it came to that function, it is the only environment by its name.
    """
    if any(isinstance(one, ast.Starred) for one in call.args):
        return ""
    named = {one.arg: one.value for one in call.keywords}
    called = _path(call.func).rpartition(".")[2]
    if called == callee.co_name or callee.co_name in ("__init__", "__call__"):
        is_bound = callee.co_varnames[:1] in (("self",), ("cls",))
        number = callee.co_varnames.index(env) - is_bound
        given = call.args[number] if 0 <= number < len(call.args) else named.get(env)
        return _path(given) if given is not None else ""
    envs = {path for one in [*call.args, *named.values()] if (path := _path(one)) and is_env_name(path)}
    return envs.pop() if len(envs) == 1 else ""


def _path(node: ast.expr) -> str:
    """How a script calls a thing, such as `self.env` or `envs['eval']`; empty where that is no name."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{_path(node.value)}.{node.attr}"
    if not isinstance(node, ast.Subscript):
        return ""
    key = node.slice.value if isinstance(node.slice, ast.Constant) else None
    path = _path(node.value)
    return f"{path}[{key!r}]" if path and isinstance(key, str) and key.isidentifier() else path


def _parameters(code: CodeType) -> tuple[str, ...]:
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def name_of_tests(way: Way, other: Way) -> str:
    """The name by which a script calls an environment one that it tests in, and not the other; empty without any.

    What both have in common says nothing: `learn(env, eval_env)` leads to both.
    """
    here, there = _apart(way, other), _apart(other, way)
    names = _names(here, other)
    return next(iter(names), "") if not _names(there, way) else ""


def is_told_by_its_own_name(way: Way, other: Way) -> bool:
    """Whether a script calls an environment itself one for tests, and the other something else, where it steps both.

    A function that is called so tells less: training may go through `evaluate`.
    """
    here = [one.env for one in _apart(way, other) if one.env]
    there = [one.env for one in _apart(other, way) if one.env]
    is_named = any(_is_of_tests(_snake(name)) for name in here)
    return is_named and bool(there) and not any(_is_of_tests(_snake(name)) for name in there)


def _apart(way: Way, other: Way) -> Way:
    """The part of a way that is not the other's, too."""
    place = 0
    for one, two in zip(way, other, strict=False):
        if one[:2] != two[:2]:
            break
        place += 1
    return way[place:]


def _names(way: Way, other: Way) -> list[str]:
    """Those that speak of tests, the innermost first; functions that are on the other way, too, are passed over."""
    common = {name for one in other for name in _parts(one)}
    found = []
    for one in reversed(way):
        names = [one.env, *(name for name in _parts(one) if name not in common)]
        found += [name for name in names if _is_of_tests(_snake(name))]
    return found


def _is_of_tests(name: str) -> bool:
    """Whether it speaks of tests, and of nothing else: `train_and_evaluate` does both."""
    return bool(_TESTING.fullmatch(name)) and not _TRAINING.fullmatch(name)


def _parts(caller: Caller) -> list[str]:
    """The name of a function, and that of its class or of the function that it is in."""
    return caller.function.replace(".<locals>", "").split(".")[:-3:-1]


def _reset_in(line: str) -> str:
    """What a line resets, such as `self.env`; empty where it resets several things."""
    found = set(_RESET.findall(line))
    return str(found.pop()) if len(found) == 1 else ""


def _handed_in(line: str, function: str) -> str:
    """The only environment, by its name, that a line hands to a function."""
    call = re.search(rf"\b{re.escape(function)}\s*\(([^()]*)", line)
    given = (_GIVEN.fullmatch(text) for text in call[1].split(",")) if call else ()
    envs = {one[1] for one in given if one and _ENV.fullmatch(_snake(one[1].rpartition(".")[2]))}
    return str(envs.pop()) if len(envs) == 1 else ""


def is_env_name(path: str) -> bool:
    """Whether a script would call an environment so, such as `self.train_env`, by its last part."""
    return bool(_ENV.fullmatch(_snake(path.rpartition(".")[2])))


def _snake(name: str) -> str:
    return re.sub(r"\W+", "_", _CAMEL.sub("_", name)).lower().strip("_")
