"""Repositories of the Hugging Face hub, at a pinned revision: from its cache on this machine, else over the network."""

from __future__ import annotations

import importlib.util
import os
import re
import threading
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

from rlgauge.core.errors import UserError

Kind = Literal["model", "dataset"]

PREFIX = "hf:"
FORM = f"{PREFIX}ORGANISATION/NAME@REVISION"
_REPOSITORY = r"(?P<repository>[\w.-]+/[\w.-]+)"
_FORM = re.compile(rf"{PREFIX}{_REPOSITORY}(@(?P<revision>(?!.*\.\.)\w[\w./-]*))?")
_BARE = re.compile(rf"{_REPOSITORY}(@[\w./-]+)?")
_PART_OF_COMMIT = re.compile(r"[0-9a-f]{7,40}")
_PATIENCE_SECONDS = 2.0
_TRUE = {"1", "ON", "YES", "TRUE"}
_FIRST_FAULT = 500
"""The lowest status of HTTP with which a server says that it can't answer."""


class Files(NamedTuple):
    """Those of a repository that are read, as patterns: one of the needed must be there.

    `advice` says what else can be done where the repository can't be had.
    """

    needed: tuple[str, ...]
    besides: tuple[str, ...] = ()
    advice: str = ""


class Snapshot(NamedTuple):
    """A repository as it was at one revision."""

    repository: str
    commit: str
    folder: Path


def advice(name: str) -> str:
    """How a name is written that looks like a repository's own; empty for another."""
    is_one = _BARE.fullmatch(name) is not None and not Path(name).exists()
    return f" A repository of the hub is written {PREFIX}{name.partition('@')[0]}@REVISION." if is_one else ""


def fetch(name: str, *, kind: Kind, files: Files) -> Snapshot:
    """The files of `hf:ORGANISATION/NAME@REVISION`. Raises UserError, at once where the hub can't be reached.

    What is in the hub's cache ($HF_HUB_CACHE, $HF_HOME/hub, ~/.cache/huggingface/hub) needs neither the network nor
    the package huggingface_hub.
    """
    repository, revision = pinned(name)
    found = _cached(repository, revision, kind, files) or _downloaded(repository, revision, kind, files)
    return Snapshot(repository, found.name, found)


def pinned(name: str) -> tuple[str, str]:
    """Repository and revision of `hf:ORGANISATION/NAME@REVISION`. Raises UserError where one of them is missing."""
    match = _FORM.fullmatch(name)
    if match is None:
        raise UserError(f"{name!r} names no repository: write {FORM}.")
    if match["revision"] is None:
        raise UserError(f"{name!r} may be another tomorrow: pin the commit that you mean, {name}@COMMIT.")
    return match["repository"], match["revision"]


def cache() -> Path:
    """Where the hub's own library keeps what it downloaded."""
    own = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    home = os.environ.get("HF_HOME")
    if own:
        return Path(os.path.expandvars(own)).expanduser()
    general = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.path.expandvars(home or f"{general}/huggingface")).expanduser() / "hub"


def _cached(repository: str, revision: str, kind: Kind, files: Files) -> Path | None:
    """The folder of the commit, if anything in it is of use: somebody may have had one other file of it only."""
    home = cache() / f"{kind}s--{repository.replace('/', '--')}"
    named = home / "refs" / revision
    commit = named.read_text(encoding="utf-8").strip() if named.is_file() else revision
    folders = [home / "snapshots" / commit]
    if _PART_OF_COMMIT.fullmatch(commit) and not folders[0].is_dir():
        folders = list((home / "snapshots").glob(f"{commit}*"))
    is_whole = len(folders) == 1 and any(_is_needed(path, files) for path in folders[0].rglob("*"))
    return folders[0] if is_whole else None


def _is_needed(path: Path, files: Files) -> bool:
    """Whether it is a file that is needed, and there: what stands in the cache is links."""
    return any(path.match(pattern) for pattern in files.needed) and path.is_file()


def _downloaded(repository: str, revision: str, kind: Kind, files: Files) -> Path:
    where = f"{repository} is not in the hub's cache '{cache()}'"
    remedy = (
        f"Download it where the hub can be reached (hf download {repository} --repo-type {kind} "
        f"--revision {revision}) and copy that cache, or name a file of your own{files.advice}."
    )
    if importlib.util.find_spec("huggingface_hub") is None:
        raise UserError(
            f"{where}, and downloading it needs 'huggingface_hub', which is not installed: "
            f"pip install huggingface_hub. {remedy}"
        )
    if _is_offline():
        raise UserError(f"{where}, and HF_HUB_OFFLINE forbids asking for it. {remedy}")
    endpoint = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
    fault = _fault(f"{endpoint.rstrip('/')}/api/{kind}s/{repository}/revision/{quote(revision, safe='')}")
    if fault is not None:
        raise UserError(f"The hub {endpoint} can't be reached ({fault}), and {where}. {remedy}")
    import huggingface_hub  # type: ignore[import-not-found, import-untyped, unused-ignore]
    from huggingface_hub import errors  # type: ignore[import-not-found, import-untyped, unused-ignore]

    hub: Any = huggingface_hub
    faults: Any = errors.HfHubHTTPError.__bases__  # of whichever library it asks by
    try:
        found = hub.snapshot_download(
            repository,
            revision=revision,
            repo_type=kind,
            cache_dir=cache(),
            allow_patterns=[*files.needed, *files.besides],
            etag_timeout=_PATIENCE_SECONDS,
            endpoint=endpoint.rstrip("/"),
        )
    except (OSError, ValueError, *faults) as error:
        raise UserError(
            f"{repository} at {revision!r} can't be had from {endpoint}: {_reason(error)}. {remedy}"
        ) from error
    return Path(found)


def _reason(error: Exception) -> str:
    """The beginning of what the library says: a status, and where it says so what that means."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    first = lines[:1] if any(line.startswith("For more") for line in lines[:2]) else lines[:2]
    return " ".join(first).rstrip(".") or type(error).__name__


def _is_offline() -> bool:
    return (os.environ.get("HF_HUB_OFFLINE") or "").upper() in _TRUE


def _fault(address: str) -> str | None:
    """Why nothing answers there within seconds; None where something does, whatever it says.

    Looking up a name has no time-out of its own, nor has the hub's library when it asks for this.
    """
    faults: list[str | None] = []

    def ask() -> None:
        faults.append(_asked(address))

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(_PATIENCE_SECONDS)
    return faults[0] if faults else f"no answer within {_PATIENCE_SECONDS:g} s"


def _asked(address: str) -> str | None:
    try:
        with urllib.request.urlopen(address, timeout=_PATIENCE_SECONDS):  # noqa: S310  # of the user's own setting
            return None
    except urllib.error.HTTPError as error:
        return f"it answers {error.code} {error.reason}" if error.code >= _FIRST_FAULT else None
    except urllib.error.URLError as error:
        return str(getattr(error.reason, "strerror", None) or error.reason)
    except (OSError, ValueError, HTTPException) as error:
        return str(error).strip() or type(error).__name__
