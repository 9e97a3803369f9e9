"""The libraries whose environments can be measured by a short name, and what an environment is called in each."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Literal

import msgspec

from rlgauge.core.errors import UserError, unknown

Kind = Literal["jax", "vector", "single", "native"]
MANY: tuple[Kind, ...] = ("vector", "native")
"""Kinds of which one object holds many environments."""


class Library(msgspec.Struct, frozen=True, kw_only=True):
    """`make` is the path of a function of an environment's name, and of how many where one object holds many.

    `module` is what must be importable, `install` what brings it; `isolated` names the environment that is built for it
    where it is not installed. `distribution` is the package whose version tells what was measured. Where `is_chaotic`,
    the rounding of another compiled width leads to other episodes. `threads` of XLA were quicker than one a core, on a
    processor; None where they were not, or where it was not tried.
    """

    make: str
    distribution: str
    kind: Kind
    module: str = ""
    install: str = ""
    isolated: str | None = None
    is_chaotic: bool = False
    threads: int | None = None


LIBRARIES: Mapping[str, Library] = {
    "rlgauge": Library(
        make="rlgauge.envs.own:make",
        kind="jax",
        distribution="rlgauge",
        module="jax",
        install="rlgauge[jax]",
        threads=1,
    ),
    "rlgauge-native": Library(
        make="rlgauge.envs.native:make",
        kind="jax",
        distribution="rlgauge",
        module="jax",
        install="rlgauge[jax]",
        threads=1,
    ),
    "gymnax": Library(
        make="rlgauge.envs.gymnax:make",
        kind="jax",
        distribution="gymnax",
        module="gymnax",
        install="rlgauge[gymnax]",
        threads=1,
    ),
    "gymnasium-serial": Library(
        make="rlgauge.envs.gymnasium_vector:make_serial",
        kind="single",
        distribution="gymnasium",
        module="gymnasium",
        install="rlgauge[gym]",
    ),
    "gymnasium-vector": Library(
        make="rlgauge.envs.gymnasium_vector:make_vector",
        distribution="gymnasium",
        kind="vector",
        module="gymnasium",
        install="rlgauge[gym]",
    ),
    "gymnasium-sync": Library(
        make="rlgauge.envs.gymnasium_vector:make_sync",
        distribution="gymnasium",
        kind="vector",
        module="gymnasium",
        install="rlgauge[gym]",
    ),
    "gymnasium-async": Library(
        make="rlgauge.envs.gymnasium_vector:make_async",
        distribution="gymnasium",
        kind="vector",
        module="gymnasium",
        install="rlgauge[gym]",
    ),
    "envpool": Library(
        make="rlgauge.envs.envpool:make",
        distribution="envpool",
        kind="vector",
        module="envpool",
        install="rlgauge[envpool]",
        isolated="envpool",
    ),
    "myriad": Library(
        make="rlgauge.envs.myriad:make",
        kind="jax",
        distribution="myriad-jax",
        module="myriad",
        isolated="myriad",
        threads=1,
    ),
    "jaxarc": Library(
        make="rlgauge.envs.jaxarc:make",
        kind="jax",
        distribution="jaxarc",
        module="jaxarc",
        isolated="jaxarc",
    ),
    "brax": Library(
        make="rlgauge.envs.brax:make",
        kind="jax",
        distribution="brax",
        module="brax",
        isolated="brax",
        is_chaotic=True,  # physics with contacts
        threads=1,
    ),
    "jumanji": Library(
        make="rlgauge.envs.jumanji:make", kind="jax", distribution="jumanji", module="jumanji", isolated="jumanji"
    ),
    "arcle": Library(
        make="rlgauge.envs.arcle:make", kind="single", distribution="arcle", module="arcle", isolated="arcle"
    ),
}

_CARTPOLE = "CartPole-v1"
NAMES: Mapping[str, Mapping[str, str]] = {
    "cartpole": {
        "rlgauge": "cartpole",
        "rlgauge-native": "cartpole",
        "gymnax": _CARTPOLE,
        "gymnasium-serial": _CARTPOLE,
        "gymnasium-vector": _CARTPOLE,
        "gymnasium-sync": _CARTPOLE,
        "gymnasium-async": _CARTPOLE,
        "envpool": _CARTPOLE,
        "myriad": "cartpole-control",
    },
    "gene-circuit": {"rlgauge": "gene-circuit", "myriad": "ccasr-gfp-control"},
    "arc-point": {"rlgauge": "arc-point", "jaxarc": "point", "arcle": "point"},
    "arc-box": {"rlgauge": "arc-box", "jaxarc": "box", "arcle": "box"},
    "arc-mask": {"rlgauge": "arc-mask", "jaxarc": "mask", "arcle": "mask"},
}
"""What an environment that several libraries have is called in each."""


class Expectation(msgspec.Struct, frozen=True, kw_only=True):
    """What random actions must come to, wherever the environment is the same: the mean length of episodes, steps.

    `deviation` is that of the lengths.
    """

    low: float
    high: float
    deviation: float


EXPECTED: Mapping[str, Expectation] = {"cartpole": Expectation(low=22.2, high=22.6, deviation=12.0)}
"""Of environments by their common name."""


def library(name: str) -> Library:
    """The library of that name. Raises UserError."""
    if name not in LIBRARIES:
        raise unknown("library", name, LIBRARIES)
    return LIBRARIES[name]


def own_name(environment: str, name: str) -> str:
    """What the library calls the environment; a name that is not one of ours is the library's own.

    Raises UserError where the library does not have an environment that others do.
    """
    names = NAMES.get(environment)
    if names is None:
        return environment
    if name not in names:
        raise UserError(f"{name} has no {environment}; these have it: {', '.join(names)}.")
    return names[name]


def common_name(environment: str, name: str) -> str:
    """What we call an environment that is given as we or as the library call it; else the name itself."""
    own = (common for common, names in NAMES.items() if names.get(name) == environment)
    return next(own, environment)


def missing(name: str) -> str | None:
    """A sentence that says what this Python lacks of a library; None where nothing is missing."""
    found = library(name)
    if not found.module or importlib.util.find_spec(found.module) is not None:
        return None
    if not found.install:
        return f"{name} needs {found.module!r}, which is installed in an environment of its own."
    return f"{name} needs {found.module!r}, which is not installed: pip install '{found.install}'."
