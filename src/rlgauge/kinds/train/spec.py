"""What the process of a script is told, and what it tells: two JSON files in the run's folder of artifacts."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

SPEC, TRAINED, OUTCOME = "spec.json", "trained.json", "outcome.json"
"""Names of the files with a `Spec` and with an `Outcome` in the run's folder of artifacts.

`trained.json` is that of the script itself, before what it left is tested: tests may bring the process down.
"""
SOURCE, WORK, WEIGHTS, VIDEOS = "source", "work", "weights", "videos"
"""Names of the folders there: the script as it was, where it ran, and what it left."""
_ARGS_VARIABLE = "RLGAUGE_ARGS"
"""Holds the script's arguments as they are, where their secrets are masked in the file."""


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    """What is to run, and what is to be done with it.

    `script` is an absolute path, or `package.module:function`. Of `env_flag` and `seed_flag` None is a guess, and an
    empty text none. `folder` is the run's folder of artifacts, absolute. After `limit_seconds` the process will be
    killed, and had better say where it stands before.
    """

    script: str
    env: str | None
    seed: int
    args: list[str]
    folder: str
    env_flag: str | None = None
    seed_flag: str | None = None
    num_test_episodes: int = 25
    num_videos: int = 5
    keep_rewards: bool = False
    limit_seconds: float | None = None

    @property
    def artifacts(self) -> Path:
        """The run's folder of artifacts."""
        return Path(self.folder)


def as_file(spec: Spec) -> bytes:
    """The spec as it is kept: JSON, with secrets among the arguments masked."""
    from rlgauge.core.provenance import masked

    return msgspec.json.format(msgspec.json.encode(msgspec.structs.replace(spec, args=masked(spec.args))))


def secrets_of(spec: Spec) -> dict[str, str]:
    """The variables that tell the script's process what the file does not; none where nothing is masked."""
    from rlgauge.core.provenance import masked

    return {} if masked(spec.args) == spec.args else {_ARGS_VARIABLE: msgspec.json.encode(spec.args).decode()}


def read_spec(path: Path) -> Spec:
    """The spec of this process, whole: once, for what it starts is not told its secrets."""
    spec = msgspec.json.decode(path.read_bytes(), type=Spec)
    told = os.environ.pop(_ARGS_VARIABLE, None)
    return spec if told is None else msgspec.structs.replace(spec, args=msgspec.json.decode(told, type=list[str]))


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How the script ended, as its process tells; one that told nothing has crashed, or was killed.

    `error` is a sentence, None where it came to its end; `trace` shows the script's own lines. `is_usage` marks a
    mistake in the command, which would fail every run. `environments` are the ids that the script made, `saved` the
    files of weights, relative to the folder, by name. `actor` says what was tested, or why nothing was. `warnings`
    are sentences for whoever reads the run.
    """

    error: str | None = None
    trace: str | None = None
    is_usage: bool = False
    exit_code: int | None = None
    environments: list[str] = []
    saved: dict[str, str] = {}
    actor: str | None = None
    warnings: list[str] = []
    train_seconds: float | None = None
    facts: dict[str, object] = {}
