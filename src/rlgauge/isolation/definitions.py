"""The named environments: `environments/NAME.toml`, data."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

import msgspec

from rlgauge.core.errors import UserError, unknown

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_FOLDER = Path(__file__).with_name("environments")


class Definition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a named environment holds; `imports` are the modules that a whole one can import.

    `alone` are installed without what they ask for: of a library whose own requirements are older than it needs them
    to be, those that it works with stand among the `requirements`.
    """

    requirements: tuple[str, ...]
    imports: tuple[str, ...]
    alone: tuple[str, ...] = ()


def names() -> list[str]:
    """The names of the defined environments, sorted."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def definition(name: str) -> Definition:
    """The definition called `name`. Raises UserError for an unknown one."""
    if name not in names():
        raise unknown("environment", name, names())
    return msgspec.toml.decode((_FOLDER / f"{name}.toml").read_bytes(), type=Definition)


def requirements_of(name: str) -> tuple[str, ...]:
    """All that the environment called `name` is made of, without what rlgauge needs. Raises UserError."""
    found = definition(name)
    return (*found.requirements, *found.alone)


def tidy(requirements: Iterable[str]) -> tuple[str, ...]:
    """The requirements sorted, each once, relative paths made absolute. Raises UserError for what is none."""
    found = sorted({_absolute(one.strip()) for one in requirements})
    for one in found:
        if not one or one.startswith("-"):
            raise UserError(f"{one!r} is no requirement; write it as 'gymnax==0.0.8', options are not possible.")
    if not found:
        raise UserError("An environment needs at least one requirement, such as 'gymnax==0.0.8'.")
    return tuple(found)


def unsaid(requirements: Iterable[str]) -> list[str]:
    """What these distributions import without asking for it."""
    known = msgspec.toml.decode(_FOLDER.with_name("unsaid.toml").read_bytes(), type=dict[str, list[str]])
    return [one for requirement in requirements for one in known.get(_distribution(requirement), ())]


def own_requirements(source: Path) -> tuple[str, ...]:
    """What the rlgauge in `source` needs itself: of its pyproject.toml, else of its installation."""
    project = source.parent / "pyproject.toml"
    if project.is_file():
        told = tomllib.loads(project.read_text(encoding="utf-8")).get("project", {})
        if told.get("name") == "rlgauge":
            return tuple(sorted(told.get("dependencies", ())))
    try:
        found = importlib.metadata.requires("rlgauge") or []
    except importlib.metadata.PackageNotFoundError:
        raise UserError(f"What rlgauge in {source} needs is not known; install it with `pip install`.") from None
    return tuple(sorted(one for one in found if "extra ==" not in one))


def _absolute(requirement: str) -> str:
    return str(Path(requirement).resolve()) if requirement.startswith(("./", "../")) else requirement


def _distribution(requirement: str) -> str:
    """The name in a requirement, as the packaging standard normalises it."""
    found = _NAME.match(requirement)
    return re.sub(r"[-_.]+", "-", found[0]).lower() if found else ""
