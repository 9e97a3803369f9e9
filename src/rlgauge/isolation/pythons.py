"""Pythons of a few small files: an interpreter that imports one rlgauge first, then the libraries of some folders."""

from __future__ import annotations

import os
import re
import sys
import sysconfig
import venv
from collections.abc import Sequence
from pathlib import Path

from rlgauge.core.errors import UserError
from rlgauge.isolation.definitions import own_requirements

_VERSION = re.compile(r"""^__version__(?:\s*:\s*str)?\s*=\s*["']([^"']+)["']""", re.MULTILINE)


def own_source() -> Path:
    """The folder that holds this very rlgauge."""
    import rlgauge

    return Path(rlgauge.__file__).resolve().parents[1]


def source_in(checkout: Path) -> Path:
    """The folder of a checkout that holds rlgauge. Raises UserError where none does."""
    for folder in (checkout / "src", checkout):
        if (folder / "rlgauge" / "__init__.py").is_file():
            return folder
    raise UserError("That revision holds no rlgauge, neither in src/ nor at its top; name a revision of rlgauge.")


def site_packages(prefix: Path) -> Path:
    """Where a virtual environment keeps its libraries."""
    places = {"base": str(prefix), "platbase": str(prefix)}
    return Path(sysconfig.get_path("purelib", "venv", vars=places))


def executable(prefix: Path) -> Path:
    """The interpreter of a virtual environment."""
    return prefix / "bin" / "python"


def make_bare(prefix: Path) -> None:
    """Make a virtual environment with nothing in it."""
    venv.EnvBuilder(symlinks=True, with_pip=False).create(prefix)


def make_python(prefix: Path, *, source: Path, libraries: Sequence[Path], version: str) -> None:
    """Make a virtual environment that imports rlgauge from `source`, then what is in `libraries`, in their order.

    A folder that holds other libraries too (as where rlgauge is installed and not in development) is not made
    importable as a whole: rlgauge alone is linked.
    """
    make_bare(prefix)
    site = site_packages(prefix)
    lines = [f"import site; site.addsitedir({str(folder)!r})" for folder in libraries]  # their .pth files count too
    if is_shared(source):
        (site / "rlgauge").symlink_to(source / "rlgauge", target_is_directory=True)
    else:
        lines.insert(0, str(source))
    (site / "rlgauge.pth").write_text("\n".join([*lines, ""]), encoding="utf-8")
    _describe(site, source, version)


def is_shared(source: Path) -> bool:
    """Whether other distributions are installed in the folder as well."""
    return any(source.glob("*.dist-info"))


def version_in(source: Path) -> str:
    """The version that the rlgauge in `source` gives itself. Raises UserError where it gives none."""
    found = _VERSION.search((source / "rlgauge" / "__init__.py").read_text(encoding="utf-8"))
    if found is None:
        raise UserError(f"The rlgauge in {source} has no __version__; name a revision that has one.")
    return found[1]


def base() -> tuple[str, ...]:
    """What tells Pythons apart whose compiled libraries differ: implementation, version and platform."""
    return (sys.implementation.name, sys.version.split()[0], sysconfig.get_platform())


def base_folder() -> str:
    """Where the Python is installed that this interpreter stands on."""
    return str(Path(sys.base_prefix).resolve())


def own_libraries() -> list[Path]:
    """The folders of this interpreter's libraries."""
    import site

    found = [*site.getsitepackages(), *([site.getusersitepackages()] if site.ENABLE_USER_SITE else [])]
    paths = [Path(folder) for folder in found]
    return [path for path in dict.fromkeys(paths) if path.is_dir()]


def variables(source: Path) -> dict[str, str]:
    """This process's variables for a Python that shall import rlgauge from `source`, whatever PYTHONPATH names."""
    found = {name: value for name, value in os.environ.items() if name not in {"PYTHONHOME", "VIRTUAL_ENV"}}
    if found.get("PYTHONPATH"):
        found["PYTHONPATH"] = os.pathsep.join([str(source), found["PYTHONPATH"]])
    return found


def _describe(site: Path, source: Path, version: str) -> None:
    """Let importlib.metadata know of rlgauge."""
    folder = site / f"rlgauge-{version}.dist-info"
    folder.mkdir()
    needs = [f"Requires-Dist: {one}" for one in own_requirements(source)]
    text = "\n".join(["Metadata-Version: 2.1", "Name: rlgauge", f"Version: {version}", *needs, ""])
    (folder / "METADATA").write_text(text, encoding="utf-8")
