"""Installing requirements into a fresh Python: by uv where it is found, by pip where it is not or can't."""

from __future__ import annotations

import ast
import collections
import contextlib
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rlgauge.core import platform
from rlgauge.core.errors import UserError
from rlgauge.isolation.folders import Listen

_NUM_TAIL = 15
_TOLD = ("Resolved ", "Downloading ", "Building ", "Prepared ", "Installing collected ", "Installed ")
_MAX_TOLD = 100
_PIP_CONFIG_SECONDS = 30.0
_UV_INDEXES = ("UV_INDEX_URL", "UV_DEFAULT_INDEX")
_UV_EXTRA_INDEXES = ("UV_EXTRA_INDEX_URL", "UV_INDEX")
_ALONE = "--no-deps"
_TRUE = {"1", "true", "yes", "on"}
_FOREIGN = ("PYTHONHOME", "PYTHONPATH", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER", "VIRTUAL_ENV")
"""Variables that would bring in, or install for, another Python."""


class _FailedError(Exception):
    """The installer ended with an error; its last lines."""


def install(
    python: Path, requirements: Sequence[str], *, alone: Sequence[str] = (), listen: Listen, limit_seconds: float
) -> str:
    """The installer that did it, uv or pip; after the requirements come those `alone`, without what they ask for.

    Raises UserError with the last lines of the installer's output and the command to try by hand, or when both
    together take longer than `limit_seconds`.
    """
    deadline = time.monotonic() + limit_seconds
    calls = [list(requirements), *([[_ALONE, *alone]] if alone else [])]
    uv = find_uv()
    if uv is not None:
        told, variables = _ask_pip(), _clean_variables()
        options = ["--python", str(python), "--no-progress", *uv_options(told)]
        variables |= uv_settings(told, variables)
        try:
            for call in calls:
                _run([uv, "pip", "install", *options, *call], variables, listen=listen, deadline=deadline)
        except _FailedError as error:
            listen(f"uv could not install it ({str(error).rpartition(chr(10))[2].strip()}); trying pip.")
        else:
            return "uv"
    try:
        for call in calls:
            _run(_pip_command(python, call), _clean_variables(), listen=listen, deadline=deadline)
    except _FailedError as error:
        named = ", ".join([*requirements, *alone])
        raise UserError(f"pip can't install {named}:\n{error}\n{_advice(calls)}") from None
    return "pip"


def find_uv() -> str | None:
    """The path of uv: $UV (uv sets it for what it runs), on PATH, or beside this Python; None without it."""
    told = os.environ.get("UV")
    beside = Path(sys.executable).with_name("uv")
    return told or shutil.which("uv") or (str(beside) if beside.is_file() else None)


def uv_settings(pip_settings: Mapping[str, str], variables: Mapping[str, str]) -> dict[str, str]:
    """The variables that tell uv what pip is told by its settings, those left out that `variables` set already."""
    found = {}
    if "find-links" in pip_settings and "UV_FIND_LINKS" not in variables:
        found["UV_FIND_LINKS"] = ",".join(pip_settings["find-links"].split())
    if "index-url" in pip_settings and not any(name in variables for name in _UV_INDEXES):
        found["UV_INDEX_URL"] = pip_settings["index-url"]
    if "extra-index-url" in pip_settings and not any(name in variables for name in _UV_EXTRA_INDEXES):
        found["UV_EXTRA_INDEX_URL"] = " ".join(pip_settings["extra-index-url"].split())
        if "UV_INDEX_STRATEGY" not in variables:  # pip takes the best version of all indexes
            found["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    if "cert" in pip_settings and "SSL_CERT_FILE" not in variables:
        found["SSL_CERT_FILE"] = pip_settings["cert"]
    return found


def uv_options(pip_settings: Mapping[str, str]) -> list[str]:
    """What uv can only be told by options: to leave every index alone, where pip does."""
    return ["--no-index"] if pip_settings.get("no-index", "").lower() in _TRUE else []


def pip_settings(listing: str) -> dict[str, str]:
    """The settings in what `pip config list` prints: of its variables before those for install before the global."""
    ranked: dict[str, tuple[int, str]] = {}
    ranks = {"global": 0, "install": 1, ":env:": 2}
    for line in listing.splitlines():
        name, _, quoted = line.partition("=")
        section, _, key = name.rpartition(".")
        if section not in ranks or ranks[section] < ranked.get(key, (0, ""))[0]:
            continue
        try:
            ranked[key] = (ranks[section], str(ast.literal_eval(quoted)))
        except (ValueError, SyntaxError):
            continue
    return {key: value for key, (_, value) in ranked.items()}


def _ask_pip() -> dict[str, str]:
    """The settings of our pip; none where it isn't installed or doesn't answer."""
    if not _has_pip():
        return {}
    try:
        printed = subprocess.run(
            [sys.executable, "-m", "pip", "config", "list"],
            check=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=_clean_variables(),
            timeout=_PIP_CONFIG_SECONDS,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return {}
    return pip_settings(printed)


def _clean_variables() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in _FOREIGN}


def _pip_command(python: Path, arguments: Sequence[str]) -> list[str]:
    """Our own pip where there is one, since installing another takes seconds; the fresh Python's elsewhere."""
    options = ["install", "--no-input", "--disable-pip-version-check", "--progress-bar", "off", *arguments]
    if _has_pip():
        return [sys.executable, "-m", "pip", "--python", str(python), *options]
    bring = f"{shlex.quote(str(python))} -m ensurepip --default-pip"
    return ["/bin/sh", "-c", f"{bring} && exec {shlex.join([str(python), '-m', 'pip', *options])}"]


def _has_pip() -> bool:
    return importlib.util.find_spec("pip") is not None


def _advice(calls: Sequence[Sequence[str]]) -> str:
    make = shlex.join([sys.executable, "-m", "venv", "trial"])
    return " && ".join([f"To try it by hand: {make}", *(f"trial/bin/pip install {shlex.join(one)}" for one in calls)])


def _run(command: Sequence[str], variables: Mapping[str, str], *, listen: Listen, deadline: float) -> None:
    """Run an installer to its end, in a folder with no project whose settings it might take for ours.

    Raises _FailedError where it fails, UserError at the deadline; it is killed with all it started when this ends.
    """
    tail: collections.deque[str] = collections.deque(maxlen=_NUM_TAIL)
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=dict(variables),
            cwd="/",
            start_new_session=True,  # so that what outlives its parent is found and killed too
        )
    except OSError as error:
        raise _FailedError(f"{command[0]}: {error.strerror or error}") from None
    expired = threading.Event()
    with process, _alarm(process, expired, deadline):
        try:
            for line in process.stdout or ():
                tail.append(line.rstrip())
                _tell(line.strip(), listen)
            code = process.wait()
        except BaseException:
            platform.kill_tree(process.pid)
            raise
    text = "\n".join(line for line in tail if line)
    if expired.is_set():
        raise UserError(f"{Path(command[0]).name} was ended since it took too long. Its last lines:\n{text}")
    if code != 0:
        raise _FailedError(text or f"it printed nothing and ended with exit code {code}")


@contextlib.contextmanager
def _alarm(process: subprocess.Popen[str], expired: threading.Event, deadline: float) -> Iterator[None]:
    """Kill the process with all it started at the deadline."""

    def expire() -> None:
        expired.set()
        platform.kill_tree(process.pid)

    timer = threading.Timer(max(0.0, deadline - time.monotonic()), expire)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _tell(line: str, listen: Listen) -> None:
    if line.startswith(_TOLD):
        listen(f"{line}." if len(line) <= _MAX_TOLD else f"{line[:_MAX_TOLD]} ...")
