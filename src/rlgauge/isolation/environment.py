"""Environments by name, by requirements or by revision, built when first asked for."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import re
import subprocess
import time
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import msgspec

from rlgauge.core.errors import UserError, unknown
from rlgauge.core.files import read_if_there, write_atomic
from rlgauge.isolation import definitions, pythons, revisions
from rlgauge.isolation.definitions import Definition, names
from rlgauge.isolation.folders import Listen, discard, environments_folder, make_once
from rlgauge.isolation.installers import install

__all__ = ["Environment", "environment", "environment_of", "environment_of_revision", "installed", "names", "remove"]

LIMIT_SECONDS = 1800.0
"""How long a build may take, and how long another process's is waited for."""
_IMPORT_SECONDS = 300.0
_NUM_TAIL = 10
_MAX_SLUG = 40


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """A Python that imports one rlgauge and some libraries.

    `source` holds that rlgauge; `packages` are the installed libraries as "name==version", None where they are this
    interpreter's own; `commit` is None where rlgauge is this very one.
    """

    name: str
    python: Path
    source: Path
    requirements: tuple[str, ...] = ()
    packages: tuple[str, ...] | None = None
    commit: str | None = None

    def variables(self) -> dict[str, str]:
        """This process's environment variables as a process of that Python needs them."""
        return pythons.variables(self.source)


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """What `environment.json` says of installed libraries."""

    name: str
    requirements: tuple[str, ...]
    packages: tuple[str, ...]
    installer: str
    seconds: float
    version: int = 1


def environment(name: str, *, listen: Listen | None = None, limit_seconds: float = LIMIT_SECONDS) -> Environment:
    """The environment called `name` (see `names`), built where it isn't yet.

    Raises UserError for an unknown name, and as `environment_of` does.
    """
    found = definitions.definition(name)
    return _environment(name, found, listen=listen, limit_seconds=limit_seconds)


def environment_of(
    requirements: Sequence[str], *, listen: Listen | None = None, limit_seconds: float = LIMIT_SECONDS
) -> Environment:
    """An environment of these requirements, such as ["gymnax==0.0.8"], built where it isn't yet.

    It is known by their text: one without a version stays at the version that was found when it was built.
    Raises UserError where it can't be built, or not within `limit_seconds`; StoreError where the cache can't be
    written.
    """
    asked = definitions.tidy(requirements)
    return _environment(", ".join(asked), Definition(asked, ()), listen=listen, limit_seconds=limit_seconds)


def environment_of_revision(
    repo: Path, revision: str, *, listen: Listen | None = None, limit_seconds: float = LIMIT_SECONDS
) -> Environment:
    """An environment with rlgauge as it was at a git revision of `repo`, and the libraries of this interpreter.

    What isn't committed is not in it. Raises UserError for an unknown revision, or one without rlgauge.
    """
    tell = listen or _ignore
    commit = revisions.commit_of(repo, revision)
    home = environments_folder() / f"revision-{commit}"
    if make_once(home, partial(_export, repo, commit), listen=tell, limit_seconds=limit_seconds):
        tell(f"Exported revision {commit[:12]} of {repo}.")
    source = pythons.source_in(home / "files")
    python = _python(home, source, pythons.own_libraries(), listen=tell, limit_seconds=limit_seconds)
    return Environment(name=f"revision {commit[:12]}", python=python, source=source, commit=commit)


def installed(name: str) -> Environment | None:
    """The environment called `name`; None where it isn't built, as its definition is now. Raises UserError."""
    found = definitions.definition(name)
    home = _home(name, _everything(found.requirements), found.alone)
    return _assemble(home, listen=_ignore, limit_seconds=LIMIT_SECONDS) if home.is_dir() else None


def remove(name: str) -> int:
    """How many environments called `name` were removed: one for each definition and Python it was built for.

    `name` is of `names()`, or an Environment's. Raises UserError for one that is neither known nor built.
    """
    homes = [home for home, called in _built() if called == name]
    if not homes and name not in names():
        raise unknown("environment", name, {*names(), *(called for _, called in _built())})
    for home in homes:
        discard(home, listen=_ignore, limit_seconds=LIMIT_SECONDS)
    return len(homes)


def _environment(name: str, asked: Definition, *, listen: Listen | None, limit_seconds: float) -> Environment:
    tell = listen or _ignore
    everything = _everything(asked.requirements)
    home = _home(name, everything, asked.alone)
    build = partial(_build, name, asked, everything, listen=tell, limit_seconds=limit_seconds)
    make_once(home, build, listen=tell, limit_seconds=limit_seconds)
    return _assemble(home, listen=tell, limit_seconds=limit_seconds)


def _everything(asked: Iterable[str]) -> tuple[str, ...]:
    """The requirements, what they forget to ask for, and rlgauge's own: resolved together, their versions agree."""
    tidy = definitions.tidy(asked)
    return definitions.tidy([*tidy, *definitions.unsaid(tidy), *definitions.own_requirements(pythons.own_source())])


def _home(name: str, everything: Sequence[str], alone: Sequence[str]) -> Path:
    slug = re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-.")[:_MAX_SLUG]
    return environments_folder() / f"{slug}-{_hash(everything, pythons.base(), *([alone] if alone else []))}"


def _build(
    name: str,
    asked: Definition,
    everything: tuple[str, ...],
    part: Path,
    *,
    listen: Listen,
    limit_seconds: float,
) -> None:
    start = time.monotonic()
    listen(f"Building the environment of {name}; it is kept, and built only once.")
    prefix = part / "libraries"
    pythons.make_bare(prefix)
    python = pythons.executable(prefix)
    installer = install(python, everything, alone=asked.alone, listen=listen, limit_seconds=limit_seconds)
    _try_imports(name, python, asked.imports)
    seconds = time.monotonic() - start
    made = Made(
        name=name,
        requirements=(*asked.requirements, *asked.alone),
        packages=_packages(prefix),
        installer=installer,
        seconds=round(seconds, 3),
    )
    write_atomic(part / "environment.json", msgspec.json.encode(made))
    listen(f"Built the environment of {name} with {installer} in {seconds:.0f} s.")


def _assemble(home: Path, *, listen: Listen, limit_seconds: float) -> Environment:
    made = _made(home)
    if made is None:
        raise UserError(f"{home} is damaged; remove this folder and give the same command again.")
    source = pythons.own_source()
    libraries = [pythons.site_packages(home / "libraries")]
    python = _python(home, source, libraries, listen=listen, limit_seconds=limit_seconds)
    return Environment(
        name=made.name,
        python=python,
        source=pythons.site_packages(python.parents[1]) if pythons.is_shared(source) else source,
        requirements=made.requirements,
        packages=made.packages,
    )


def _python(home: Path, source: Path, libraries: Sequence[Path], *, listen: Listen, limit_seconds: float) -> Path:
    """The interpreter for a source of rlgauge and libraries, made where it isn't yet."""
    version = pythons.version_in(source)
    # A Python that was removed leaves a dangling link: another base, another interpreter.
    base = [*pythons.base(), pythons.base_folder()]
    prefix = home / f"python-{_hash([str(source), version], [str(folder) for folder in libraries], base)}"
    make = partial(pythons.make_python, source=source, libraries=libraries, version=version)
    make_once(prefix, make, listen=listen, limit_seconds=limit_seconds)
    return pythons.executable(prefix)


def _export(repo: Path, commit: str, part: Path) -> None:
    revisions.export(repo, commit, part / "files")
    pythons.version_in(pythons.source_in(part / "files"))


def _try_imports(name: str, python: Path, imports: Sequence[str]) -> None:
    """Raise UserError where what was installed can't be imported."""
    if not imports:
        return
    command = [str(python), "-P", "-c", "\n".join(f"import {module}" for module in imports)]
    clean = {key: value for key, value in os.environ.items() if key not in {"PYTHONPATH", "PYTHONHOME"}}
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, errors="replace", timeout=_IMPORT_SECONDS, env=clean
        )
    except subprocess.TimeoutExpired:
        raise UserError(f"Importing {', '.join(imports)} took longer than {_IMPORT_SECONDS:g} s.") from None
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-_NUM_TAIL:])
        raise UserError(f"What the environment of {name} needs was installed, but can't be imported:\n{tail}")


def _packages(prefix: Path) -> tuple[str, ...]:
    found = importlib.metadata.distributions(path=[str(pythons.site_packages(prefix))])
    return tuple(sorted({f"{one.metadata['Name'].lower()}=={one.version}" for one in found}))


def _built() -> list[tuple[Path, str]]:
    """The folders of whole environments and what these are called."""
    found = []
    for home in sorted(environments_folder().glob("[!.]*")):
        made = _made(home)
        if made is not None:
            found.append((home, made.name))
        elif home.name.startswith("revision-"):
            found.append((home, f"revision {home.name.removeprefix('revision-')[:12]}"))
    return found


def _made(home: Path) -> Made | None:
    try:
        return msgspec.json.decode(read_if_there(home / "environment.json") or b"", type=Made)
    except msgspec.DecodeError:
        return None


def _hash(*parts: Sequence[str]) -> str:
    return hashlib.blake2b(msgspec.json.encode(parts), digest_size=8).hexdigest()


def _ignore(_sentence: str) -> None:
    """Nobody listens."""
