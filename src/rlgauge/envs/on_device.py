"""Environments in JAX by name, `LIBRARY:NAME`, in which policies are evaluated on the device."""

from __future__ import annotations

import difflib
import importlib.metadata
import importlib.util
from typing import Any, NamedTuple

from rlgauge.core.errors import UserError
from rlgauge.core.workload import import_object
from rlgauge.envs.jax_env import Evaluable
from rlgauge.envs.libraries import LIBRARIES, missing, own_name


class Named(NamedTuple):
    """An environment: a library of `rlgauge.envs.libraries`, and what the environment is called there."""

    library: str
    name: str

    @property
    def id(self) -> str:
        """What people call it."""
        return f"{self.library}:{self.name}"


def named(text: object) -> Named | None:
    """The environment that a text names; None for anything else, such as an id of Gymnasium.

    Raises UserError for a library whose environments are not in JAX, and for one that is misspelled.
    """
    library, colon, name = text.partition(":") if isinstance(text, str) else ("", "", "")
    if not colon:
        return None
    if library not in LIBRARIES:
        _check_spelling(library, name)
        return None
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
    lacking = missing(env.library)
    if lacking is not None:
        raise UserError(
            f"The environment {env.id!r} can't be made: {lacking} Policies are evaluated in it where it is installed "
            "beside RLGauge."
        )
    made = import_object(LIBRARIES[env.library].make)(env.name)
    if not isinstance(made, Evaluable):
        raise UserError(f"{env.id} can be measured by `rlgauge throughput`, but policies can't be evaluated in it yet.")
    return made


def describe(env: Named) -> dict[str, Any]:
    """What defines the environment, as JSON: its name and the version of its library."""
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
