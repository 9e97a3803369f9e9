"""Where a number comes from: code, versions and machine, and nothing that is secret."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import os
import platform as system
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from rlgauge.core import platform

PACKAGES = (
    "rlgauge",
    "ale-py",
    "av",
    "gymnasium",
    "jax",
    "jaxlib",
    "msgspec",
    "mujoco",
    "numpy",
    "onnxruntime",
    "pygame",
    "stable-baselines3",
    "torch",
)
"""Their versions are recorded where they are installed, whether or not the run imports them."""
VARIABLES = (
    "CUDA_VISIBLE_DEVICES",
    "JAX_DEFAULT_PRNG_IMPL",
    "JAX_ENABLE_X64",
    "JAX_PLATFORMS",
    "JAX_THREEFRY_PARTITIONABLE",
    "MKL_NUM_THREADS",
    "MUJOCO_GL",
    "NPROC",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "PYTHONHASHSEED",
    "SLURM_ARRAY_TASK_ID",
    "SLURM_JOB_ID",
    "XLA_FLAGS",
)
"""The only environment variables that are recorded: others may hold secrets."""
MASK = "***"
_TIMEOUT_SECONDS = 5.0
_STATUS = ("--porcelain=v2", "--branch", "--no-renames", "--untracked-files=normal", "-z")
_DIFF = (  # whatever the user's configuration says, the same text for the same changes
    *("--no-color", "--no-ext-diff", "--no-textconv", "--no-renames", "--full-index", "--unified=0"),
    *("--diff-algorithm=myers", "--src-prefix=a/", "--dst-prefix=b/"),
)
_PRIVATE = r"(?<![\w.\-])[\w.\-]*(?:token|secret|passw|passphrase|credential|key|auth)[\w.\-]*"
_OPTION = re.compile(rf"(?=-){_PRIVATE}", re.IGNORECASE)
_ASSIGNED = re.compile(rf"({_PRIVATE}=).*", re.IGNORECASE | re.DOTALL)
_SEPARATOR = r"""(?:["']?\s*=\s*|["']\s*:\s*|:\s+)"""  # of JSON, YAML and queries; not the colon of py:module:name
_VALUE = r"""(?:"[^"]*"|'[^']*'|[^\s,;&"'}]+)"""
_INSIDE = re.compile(rf"({_PRIVATE}{_SEPARATOR}){_VALUE}", re.IGNORECASE)
_FOLLOWED = re.compile(rf"((?<!\S)(?=-){_PRIVATE}\s+)(?!-){_VALUE}", re.IGNORECASE)
"""An option and its value in a command that is one word."""
_LOGIN = re.compile(r"(?<=://)[^/@\s]+(?=@)")


class Repository(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a git working tree; all None where there is none, and `reason` says why."""

    commit: str | None = None
    dirty: bool | None = None
    num_changed: int | None = None
    num_untracked: int | None = None
    diff_hash: str | None = None
    reason: str | None = None


class Gpu(msgspec.Struct, frozen=True):
    """A GPU as its driver describes it; `memory_bytes` is None where it shares the machine's."""

    name: str
    driver_version: str
    memory_bytes: int | None


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """What ran: `packages` holds those that are installed, `environment` the named variables that are set."""

    repository: Repository
    argv: list[str]
    python: str
    python_implementation: str
    packages: dict[str, str]
    environment: dict[str, str]


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """Where it ran. `gpus` is None where the driver's tool gave no answer; None elsewhere is what isn't told."""

    hostname: str
    os: str
    architecture: str
    cpu: str | None
    num_cores: int | None
    affinity: list[int] | None
    memory_bytes: int | None
    gpus: list[Gpu] | None
    load_average_start: tuple[float, float, float] | None


def collect(
    *, packages: Iterable[str] = (), source: Path | None = None, argv: Sequence[str] | None = None
) -> dict[str, Any]:
    """`Provenance` as JSON: of the repository that holds `source` (else the current folder) and of this process.

    `packages` are recorded beside PACKAGES; `argv` replaces this process's own, where another one was given the
    command. What can't change while a process runs is asked for once.
    """
    found = Provenance(
        repository=repository((source or Path.cwd()).resolve()),
        argv=masked(sys.argv if argv is None else argv),
        python=system.python_version(),
        python_implementation=system.python_implementation(),
        packages=_versions((*PACKAGES, *packages)),
        environment={name: os.environ[name] for name in VARIABLES if name in os.environ},
    )
    return _json(found)


def host() -> dict[str, Any]:
    """`Host` as JSON: this machine, and how busy it is now."""
    found = Host(
        hostname=socket.gethostname(),
        os=f"{system.system()} {system.release()}",
        architecture=system.machine(),
        cpu=_cpu_model(),
        num_cores=os.cpu_count(),
        affinity=platform.affinity(),
        memory_bytes=platform.memory_bytes(),
        gpus=_gpus(),
        load_average_start=platform.load_average(),
    )
    return _json(found)


def masked(arguments: Iterable[str]) -> list[str]:
    """The command line with the values of secrets masked: of options named like one, and logins in URLs."""
    return list(_mask(arguments))


def masked_within(value: Any) -> Any:  # noqa: ANN401  # JSON
    """The same JSON with every text, and every list of texts, masked as command lines are."""
    if isinstance(value, dict):
        return {name: masked_within(one) for name, one in value.items()}
    if isinstance(value, str):
        return masked([value])[0]
    if isinstance(value, (list, tuple)):
        is_words = all(isinstance(one, str) for one in value)
        return masked(value) if is_words else [masked_within(one) for one in value]
    return value


@functools.cache
def repository(source: Path) -> Repository:
    """The repository that holds a file or folder, as it was when this process first asked.

    `diff_hash` is of the changes to tracked files and the names of untracked ones; None where there are none.
    """
    folder = source if source.is_dir() else source.parent
    try:
        status = _git(folder, "status", *_STATUS).decode(errors="replace")
        lines = status.split("\0")
        commit = next(line.split()[-1] for line in lines if line.startswith("# branch.oid "))
        if commit == "(initial)":
            return Repository(reason="the repository has no commit yet")
        changed = [line for line in lines if line[:2] in {"1 ", "2 ", "u "}]
        untracked = [line for line in lines if line[:2] == "? "]
        return Repository(
            commit=commit,
            dirty=bool(changed or untracked),
            num_changed=len(changed),
            num_untracked=len(untracked),
            diff_hash=_diff_hash(folder, changed, untracked),
        )
    except FileNotFoundError:
        return Repository(reason="git is not installed")
    except (OSError, subprocess.SubprocessError) as error:
        return Repository(reason=_reason(error))


def _diff_hash(folder: Path, changed: list[str], untracked: list[str]) -> str | None:
    if not changed and not untracked:
        return None
    diff = _git(folder, "diff", *_DIFF, "HEAD") if changed else b""
    return hashlib.blake2b(diff + b"\0" + "\0".join(untracked).encode(), digest_size=16).hexdigest()


def _git(folder: Path, *arguments: str) -> bytes:
    """What git prints; it is told to leave no lock behind and to speak English."""
    return subprocess.run(
        ["git", "-C", str(folder), *arguments],
        check=True,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_TIMEOUT_SECONDS,
        env={**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
    ).stdout


def _reason(error: Exception) -> str:
    if isinstance(error, subprocess.TimeoutExpired):
        return f"git took longer than {_TIMEOUT_SECONDS:g} s"
    if isinstance(error, subprocess.CalledProcessError):
        first = error.stderr.decode(errors="replace").strip().partition("\n")[0]
        return "not in a git repository" if "not a git repository" in first else first.removeprefix("fatal: ")
    return str(error)


def _mask(arguments: Iterable[str]) -> Iterator[str]:
    is_secret = False
    for argument in arguments:
        if is_secret and not argument.startswith("--"):
            is_secret = False
            yield MASK
            continue
        is_secret = _OPTION.fullmatch(argument) is not None
        whole = _ASSIGNED.fullmatch(argument)
        text = f"{whole[1]}{MASK}" if whole else _FOLLOWED.sub(rf"\1{MASK}", _INSIDE.sub(rf"\1{MASK}", argument))
        yield _LOGIN.sub(MASK, text)


@functools.cache
def _versions(names: tuple[str, ...]) -> dict[str, str]:
    """Versions of those that are installed, without importing them."""
    found = {}
    for name in dict.fromkeys(names):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


@functools.cache
def _cpu_model() -> str | None:
    return platform.cpu_model()


@functools.cache
def _gpus() -> list[Gpu] | None:
    """The GPUs that NVIDIA's driver knows; none where it is not installed."""
    if shutil.which("nvidia-smi") is None:
        return []
    command = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader,nounits"]
    try:
        printed = subprocess.run(
            command, check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS
        ).stdout
        rows = [[cell.strip() for cell in line.split(",")] for line in printed.splitlines() if line.strip()]
        return [
            Gpu(name, driver, int(mebibytes) * 2**20 if mebibytes.isdecimal() else None)
            for name, driver, mebibytes in rows
        ]
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def _json(found: msgspec.Struct) -> dict[str, Any]:
    built: dict[str, Any] = msgspec.to_builtins(found)
    return built
