"""Repositories of the Hugging Face hub, at a pinned revision: from its cache on this machine, else over the network."""

from __future__ import annotations

import os
import re
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Literal, NamedTuple

from rlgauge.core.errors import UserError

Kind = Literal["model", "dataset"]

PREFIX = "hf:"
ORGANISATION = "HumanCompatibleAI"
"""Whose experts and demonstrations those are that go by default with the environments of seals."""
_FORM = re.compile(r"hf:(?P<repository>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+))?")
_PATIENCE_SECONDS = 4.0


class Snapshot(NamedTuple):
    """A repository as it was at one revision."""

    repository: str
    commit: str
    folder: Path


def default_repository(env_id: str, algorithm: str = "ppo") -> str:
    """The usual repository of an expert of the environment, and of the data set that it made."""
    return f"{ORGANISATION}/{algorithm}-{env_id.replace('/', '-')}"


def fetch(name: str, *, kind: Kind) -> Snapshot:
    """The files of `hf:ORGANISATION/NAME@REVISION`. Raises UserError, at once where the hub can't be reached.

    What is in the hub's cache ($HF_HUB_CACHE, $HF_HOME/hub, ~/.cache/huggingface/hub) needs neither the network nor
    the package huggingface_hub.
    """
    match = _FORM.fullmatch(name)
    if match is None:
        raise UserError(f"{name!r} names no repository: write hf:ORGANISATION/NAME@REVISION.")
    repository, revision = match["repository"], match["revision"]
    if revision is None:
        raise UserError(f"{name!r} may be another tomorrow: pin the commit that you mean, {name}@COMMIT.")
    found = _cached(repository, revision, kind) or _downloaded(repository, revision, kind)
    return Snapshot(repository, found.name, found)


def cache() -> Path:
    """Where the hub's own library keeps what it downloaded."""
    own, home = os.environ.get("HF_HUB_CACHE"), os.environ.get("HF_HOME")
    if own:
        return Path(own).expanduser()
    general = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return (Path(home) if home else Path(general) / "huggingface").expanduser() / "hub"


def _cached(repository: str, revision: str, kind: Kind) -> Path | None:
    home = cache() / f"{kind}s--{repository.replace('/', '--')}"
    named = home / "refs" / revision
    commit = named.read_text(encoding="utf-8").strip() if named.is_file() else revision
    folder = home / "snapshots" / commit
    return folder if folder.is_dir() and any(folder.iterdir()) else None


def _downloaded(repository: str, revision: str, kind: Kind) -> Path:
    advice = (
        f"Download it where the hub can be reached (`hf download {repository} --repo-type {kind} "
        f"--revision {revision}`), and copy that cache, or name the files' own folder; shipped experts need no hub."
    )
    try:
        import huggingface_hub  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ModuleNotFoundError:
        raise UserError(
            f"{repository} is not in the hub's cache '{cache()}', and downloading it needs 'huggingface_hub', which "
            f"is not installed: pip install huggingface_hub. {advice}"
        ) from None
    endpoint = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
    if not _answers(endpoint):
        raise UserError(f"The hub {endpoint} can't be reached, and {repository} is not in '{cache()}'. {advice}")
    hub: Any = huggingface_hub
    try:
        found = hub.snapshot_download(
            repository, revision=revision, repo_type=kind, cache_dir=cache(), etag_timeout=_PATIENCE_SECONDS
        )
    except (OSError, ValueError, hub.errors.HfHubHTTPError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"{repository} at {revision!r} can't be had from {endpoint}: {reason} {advice}") from error
    return Path(found)


def _answers(endpoint: str) -> bool:
    """Whether anything answers there within seconds; looking up a name has no time-out of its own."""
    answers: list[bool] = []

    def ask() -> None:
        try:
            request = urllib.request.Request(endpoint, method="HEAD")  # noqa: S310  # of the user's own setting
            with urllib.request.urlopen(request, timeout=_PATIENCE_SECONDS):  # noqa: S310
                answers.append(True)
        except urllib.error.HTTPError:
            answers.append(True)
        except (OSError, ValueError):
            answers.append(False)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(_PATIENCE_SECONDS)
    return bool(answers and answers[0])
