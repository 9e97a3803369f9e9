"""Environments in JAX by name, `LIBRARY:NAME` or a class path, in which policies are evaluated on the device."""

from __future__ import annotations

import difflib
import importlib.metadata
import importlib.util
from typing import Any, NamedTuple, get_args

from rlgauge.core.errors import UserError
from rlgauge.core.workload import import_object
from rlgauge.envs.jax_env import Evaluable
from rlgauge.envs.libraries import LIBRARIES, Kind, missing, own_name

OWN = "py"
"""The library of a class that is given by its path, which is its name."""
_NEEDED = ("uses_keys", "init", "sample", "step", "actions", "reset", "advance")
"""What `Evaluable` has beside its kind: of these, the last three are for policies alone."""


class Named(NamedTuple):
    """An environment: a library of `rlgauge.envs.libraries` or OWN, and what the environment is called there."""

    library: str
    name: str

    @property
    def id(self) -> str:
        """What people call it."""
        return self.name if self.library == OWN else f"{self.library}:{self.name}"


def named(text: object) -> Named | None:
    """The environment that a text names; None for anything else, such as an id of Gymnasium.

    A class path is imported. Raises UserError for a library or a class whose environments are not in JAX, and for a
    library that is misspelled.
    """
    library, colon, name = text.partition(":") if isinstance(text, str) else ("", "", "")
    if not colon:
        return None
    if library not in LIBRARIES:
        _check_spelling(library, name)
        return _own(library, name)
    known = ", ".join(_in_jax())
    if LIBRARIES[library].kind != "jax":
        raise UserError(
            f"{text!r}: environments of {library} are not in JAX, and have a name here for `rlgauge throughput` alone; "
            f"these libraries' are: {known}. One that is registered with Gymnasium goes by its id."
        )
    if not name:
        raise UserError(f"{text!r} names no environment: write {library}:NAME, such as rlgauge:cartpole.")
    return Named(library, own_name(name, library))


def make(env: Named) -> Evaluable:
    """The environment. Raises UserError where the library is missing or has no such environment."""
    if env.library == OWN:
        return _made(env.name)
    if missing(env.library) is not None:
        raise UserError(_not_installed(env))
    made = import_object(LIBRARIES[env.library].make)(env.name)
    if not isinstance(made, Evaluable):
        raise UserError(f"{env.id} can be measured by `rlgauge throughput`, but policies can't be evaluated in it yet.")
    return made


def describe(env: Named) -> dict[str, Any]:
    """What defines the environment, as JSON: its name and the version of its library."""
    if env.library == OWN:
        from rlgauge.envs.describe import describe_class

        return {"gym_id": env.id, "library": OWN, **describe_class(import_object(env.name))}
    distribution = LIBRARIES[env.library].distribution
    try:
        versions = {distribution: importlib.metadata.version(distribution)}
    except importlib.metadata.PackageNotFoundError:  # which making it will say
        versions = {}
    return {"gym_id": env.id, "library": env.library, "name": env.name, "versions": versions}


def _in_jax() -> list[str]:
    return [name for name, library in LIBRARIES.items() if library.kind == "jax"]


def _check_spelling(library: str, name: str) -> None:
    """Raise UserError for the name of no module, which is nearly that of a library."""
    near = difflib.get_close_matches(library, _in_jax(), n=1, cutoff=0.6)
    if near and library.isidentifier() and importlib.util.find_spec(library) is None:
        raise UserError(f"There is no library {library!r}. Did you mean '{near[0]}:{name}'?")


def _own(module: str, name: str) -> Named | None:
    """The class of that path; None for what is no environment of throughput, such as `module:id` of Gymnasium."""
    if not all(part.isidentifier() for part in [*module.split("."), *name.split(".")]):
        return None
    found = _class(module, name)
    kind = getattr(found, "kind", None)
    if kind == "jax":
        return Named(OWN, f"{module}:{name}")
    if kind in get_args(Kind):
        raise UserError(
            f"{module}:{name} has kind = {kind!r}, which `rlgauge throughput` measures; policies are evaluated in "
            "classes with kind = 'jax', and in environments that are registered with Gymnasium."
        )
    lacking = _lacking(found)
    if "advance" not in lacking or "init" not in lacking:  # which environments of Gymnasium have not
        raise UserError(_lacks(f"{module}:{name}", ["kind = 'jax'", *lacking]))
    return None


def _class(module: str, name: str) -> object:
    """What the path names; None where there is no such thing. Raises UserError for a module that fails."""
    path = f"{module}:{name}"
    try:
        if importlib.util.find_spec(module) is None:
            return None
        return getattr(importlib.import_module(module), name, None)
    except ModuleNotFoundError:  # of a package above it, or of what it needs, which whoever makes it will say
        return None
    except Exception as error:  # anybody's code may raise anything
        raise UserError(f"The module of {path} can't be imported: {type(error).__name__}: {error}") from error


def _made(path: str) -> Evaluable:
    """The environment of a class path. Raises UserError for what it lacks."""
    made = import_object(path)()
    if not isinstance(made, Evaluable):
        raise UserError(_lacks(path, _lacking(made)))
    return made


def _lacking(found: object) -> list[str]:
    return [name for name in _NEEDED if not hasattr(found, name)]


def _lacks(path: str, lacking: list[str]) -> str:
    return (
        f'Policies can\'t be evaluated in {path}: it lacks {", ".join(lacking)}; see "Environments in JAX" in '
        "docs/evaluate.md."
    )


def _not_installed(env: Named) -> str:
    """What to do where the library is missing."""
    found = LIBRARIES[env.library]
    text = f"{env.id} needs {found.module!r} in the same environment as RLGauge, where it is not installed: "
    if found.install:
        return f"{text}pip install '{found.install}'."
    return (
        f"{text}pip install {found.distribution}, in a new environment if you can, since the versions that it asks for "
        "may conflict with those of other libraries. (`rlgauge throughput` has an environment of its own for it.)"
    )
