"""The libraries that are asked for, and what they lack, before anything is measured."""

from __future__ import annotations

import importlib.util

from rlgauge.core.errors import UserError, did_you_mean, unknown
from rlgauge.envs.libraries import LIBRARIES, NAMES, library, missing
from rlgauge.envs.own import REFERENCES
from rlgauge.kinds.throughput.measuring import OWN

DEFAULT_LIBRARIES = ("rlgauge", "gymnax", "gymnasium-vector", "gymnasium-serial", "envpool")
"""What is measured where nobody says otherwise, as far as it is installed."""
_GYMNASIUM = tuple(name for name, known in LIBRARIES.items() if known.distribution == "gymnasium")
_OURS = tuple(name for name, known in LIBRARIES.items() if known.distribution == "rlgauge")


def listed(text: str) -> list[str]:
    """The parts of a list, each once. Raises UserError for one without any."""
    found = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not found:
        raise UserError(f"{text!r} is a list of nothing.")
    return found


def libraries_of(environment: str, wanted: str | None) -> list[str]:
    """The libraries that are measured: those that are wanted, else those that have it and are installed.

    Raises UserError.
    """
    if ":" in environment and environment not in NAMES:
        return _own_libraries(environment, wanted)
    if wanted is None:
        known = NAMES.get(environment)
        if known is None:
            raise UserError(f"Say which library has {environment!r}: --library NAME.{did_you_mean(environment, NAMES)}")
        having = [name for name in DEFAULT_LIBRARIES if name in known]
        installed = [name for name in having if missing(name) is None]
        if not installed:
            raise UserError(f"No library that has {environment} is installed. {missing(having[0])}")
        return installed
    names = listed(wanted)
    for name in names:
        library(name)
    return names


def _own_libraries(environment: str, wanted: str | None) -> list[str]:
    """Of `module:Class`, a class to be measured, or of `module:Id`, which a module registers with Gymnasium."""
    names = [OWN] if wanted is None else listed(wanted)
    if wanted is None and not environment.replace(":", ".").replace(".", "_").isidentifier():
        raise UserError(
            f"{environment} is no class path. Where {environment.partition(':')[0]} registers it with Gymnasium, say "
            f"how it is stepped: --library {', '.join(_GYMNASIUM)}."
        )
    others = [name for name in names if name not in {OWN, *_GYMNASIUM}]
    if others:
        raise UserError(
            f"--library {','.join(others)}: {environment} is a class of your own, for which --library is left out, or "
            f"what a module registers with Gymnasium, for {', '.join(_GYMNASIUM)}."
        )
    return names


def check_library(environment: str, name: str, source: str | None = None) -> None:
    """Raise UserError for what every point of a library would fail for: a module or an environment that is not there.

    What is installed in an environment of its own is found there, or tells itself what it lacks.
    """
    _check_module(environment, name)
    if source is not None or name == OWN:
        return
    lacking = missing(name)
    if lacking is not None and library(name).isolated is None:
        raise UserError(lacking)
    if name in _OURS and environment not in {*NAMES, *REFERENCES}:
        raise unknown("environment", environment, [known for known, names in NAMES.items() if name in names])


def _check_module(environment: str, name: str) -> None:
    """Raise UserError where the package of `module:Class`, or of `module:Id`, is not there; it is not imported."""
    package = environment.partition(":")[0].partition(".")[0]
    if ":" not in environment or name not in {OWN, *_GYMNASIUM}:
        return
    if not package:
        raise UserError(f"{environment!r} names no module: write package.module{environment}.")
    if importlib.util.find_spec(package) is None:
        raise UserError(f"There is no module {package!r} (of {environment!r}); is it installed, and on PYTHONPATH?")
