"""Where in a script an environment begins, and by which names it is known there."""

from __future__ import annotations

import linecache
import re
from pathlib import Path
from types import FrameType
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
_RESET_ONE = "?"
"""Stands for the environment whose name is to be found: it is the one that the innermost caller resets."""


class Caller(NamedTuple):
    """A function on the way to an environment's first reset, and the line where it was.

    `code` and `line` tell it from others. `function` is its name with that of its class. `env` is what it calls the
    environment that it resets on that line, or hands on to be reset; empty where that does not show.
    """

    code: int
    line: int
    function: str
    env: str


Way = tuple[Caller, ...]
"""All of them, the outermost first."""


def way_to(frame: FrameType | None) -> Way:
    """How the script came to where `frame` is; what is between does not show: neither this package nor what runs it."""
    found: list[Caller] = []
    env, callee = _RESET_ONE, ""
    while frame is not None and len(found) < _DEEPEST:
        code = frame.f_code
        if not code.co_filename.startswith((_OURS, "<frozen ")):
            name = ""
            if env:
                text = linecache.getline(code.co_filename, frame.f_lineno)
                path = _reset_in(text) if env == _RESET_ONE else _handed_in(text, callee)
                name = path.rpartition(".")[2]
                env = path if path in code.co_varnames[: code.co_argcount] else ""
                callee = code.co_name
            found.append(Caller(id(code), frame.f_lineno, code.co_qualname, name))
        frame = frame.f_back
    return tuple(reversed(found))


def name_of_tests(way: Way, other: Way) -> str:
    """The name by which a script calls an environment one that it tests in, and not the other; empty without any.

    What both have in common says nothing: `learn(env, eval_env)` leads to both.
    """
    here, there = _apart(way, other), _apart(other, way)
    names = _names(here, other)
    return next(iter(names), "") if not _names(there, way) else ""


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
    return _CAMEL.sub("_", name).lower().strip("_")
