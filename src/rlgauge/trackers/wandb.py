"""W&B: a run online where somebody is logged in, else offline in the run's folder, to be synced later."""

from __future__ import annotations

import configparser
import netrc
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rlgauge.core.case import slug
from rlgauge.core.run import Status
from rlgauge.kinds.train.spec import WEIGHTS
from rlgauge.trackers.reading import RECORD_AXIS
from rlgauge.trackers.tracker import About, End, Row, Tell

if TYPE_CHECKING:
    import wandb as library

FOLDER = "wandb"
"""Name of W&B's folder in a run's folder of artifacts."""
_PROJECT = "rlgauge"
_HOST = "api.wandb.ai"
_INIT_SECONDS = 30.0
_KEYS = ("WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE")
_NOT_OURS = ("WANDB_RUN_ID", "WANDB_RESUME", "WANDB_NAME", "WANDB_RUN_GROUP", "WANDB_SWEEP_ID", "WANDB_SERVICE")
"""Variables that speak of one run; there are several here."""
_LONGEST_NAME = 128


def open_run(about: About, *, tell: Tell) -> WandB:
    """The run, begun in the project WANDB_PROJECT, else `rlgauge`; offline where nobody is logged in, which is told."""
    stay_inside(about.artifacts / FOLDER)
    mode = os.environ.get("WANDB_MODE") or "online"
    if mode == "online" and not is_logged_in(os.environ, Path.home()):
        tell(f"Nobody is logged in to W&B: its runs are offline. {_how_to_sync(about)}")
        mode = "offline"
    from wandb.errors import Error

    try:
        return WandB(_begin(about, mode))
    except Error as error:
        if mode != "online":
            raise
        tell(f"W&B can't be reached ({first_line(error)}): its runs are offline. {_how_to_sync(about)}")
        return WandB(_begin(about, "offline", mark="-offline"))  # the other id is taken by what did not begin


def is_logged_in(variables: Mapping[str, str], home: Path) -> bool:
    """Whether there is a key for the server that is meant, in a variable or in a netrc file."""
    if any(variables.get(name) for name in _KEYS):
        return True
    host = urlsplit(variables.get("WANDB_BASE_URL") or _base_url(variables, home)).hostname or _HOST
    named = variables.get("NETRC")
    files = [Path(named)] if named else [home / ".netrc", home / "_netrc"]
    return any(_has_key(file, host) for file in files)


def _has_key(file: Path, host: str) -> bool:
    try:
        return host in netrc.netrc(str(file)).hosts
    except (OSError, netrc.NetrcParseError, UnicodeDecodeError):
        return False


def _base_url(variables: Mapping[str, str], home: Path) -> str:
    """The address in the user's settings of W&B; empty where there is none."""
    folder = Path(variables.get("WANDB_CONFIG_DIR") or home / ".config" / "wandb")
    settings = configparser.ConfigParser(interpolation=None)
    try:
        settings.read(folder / "settings")
        return settings.get("default", "base_url", fallback="")
    except (configparser.Error, UnicodeDecodeError, OSError):
        return ""


def _how_to_sync(about: About) -> str:
    return f"To send them: wandb sync {about.store}/*/*/*/artifacts/{FOLDER}/offline-run-*"


def first_line(error: Exception) -> str:
    """What an error of W&B says, in a line."""
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__


def stay_inside(folder: Path) -> None:
    """Have W&B write there and nowhere else, and tell its makers nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in list(os.environ.items()):
        if name in _NOT_OURS or (name.startswith("WANDB_") and not value):  # an empty one is no answer
            del os.environ[name]
    os.environ["WANDB_DIR"] = str(folder.parent)
    for name in ("WANDB_CACHE_DIR", "WANDB_DATA_DIR", "WANDB_ARTIFACT_DIR"):
        os.environ[name] = str(folder / "files")
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    os.environ["WANDB_SILENT"] = "true"


def _begin(about: About, mode: str, *, mark: str = "") -> library.Run:
    """The run, begun; its id ends with `mark`. Raises wandb.errors.Error."""
    import wandb

    return wandb.init(
        project=os.environ.get("WANDB_PROJECT") or _PROJECT,
        id=f"{slug(about.id)}{mark}",
        name=about.name[:_LONGEST_NAME],
        group=about.group[:_LONGEST_NAME],
        config={**about.config, "folder": str(about.folder)},
        dir=str(about.artifacts),
        mode=mode,  # type: ignore[arg-type]  # from a variable; W&B says what is possible
        settings=quiet_settings(),
    )


def quiet_settings() -> library.Settings:
    """Settings by which W&B tells of what it is told of, and of nothing else."""
    import wandb

    return wandb.Settings(
        console="off",
        silent=True,
        disable_code=True,
        disable_git=True,
        disable_job_creation=True,
        init_timeout=_INIT_SECONDS,
        x_disable_machine_info=True,  # here and below: of this process, which is not the run's
        x_disable_meta=True,
        x_disable_stats=True,
        x_save_requirements=False,
    )


class WandB:
    """A run as W&B shows it: every axis a column of its own, so that no number is refused for coming late."""

    def __init__(self, run: library.Run) -> None:
        """Tell of `run`, which is finished by `end`."""
        self._run = run
        self._known: set[str] = set()

    def log(self, rows: Sequence[Row]) -> None:
        """Tell of numbers."""
        for row in rows:
            for name in row.values.keys() - self._known:
                self._known.add(name)
                if "*" not in name:
                    self._run.define_metric(name, step_metric=row.axis)
            self._run.log({**row.values, row.axis: row.step, "_timestamp": row.time})

    def end(self, end: End) -> None:
        """Tell how it ended, with its files, and wait until W&B has it all."""
        import wandb

        for one in end.videos:
            kind = one.path.suffix[1:]
            film = wandb.Video(str(one.path), caption=one.path.name, format=kind)  # type: ignore[arg-type]  # one of them
            self._run.log({"rlgauge/videos": film, RECORD_AXIS: one.index})
        if end.weights:
            self._run.log_artifact(self._weights(end))
        self._run.summary.update(end.summary)
        if end.reason is not None:
            self._run.summary["reason"] = end.reason
        self._run.finish(exit_code=0 if end.status is Status.COMPLETED else 1)

    def _weights(self, end: End) -> library.Artifact:
        """The files as they are: they are not copied first."""
        import wandb

        made = wandb.Artifact(slug(f"weights-{self._run.id}")[:_LONGEST_NAME], type="model")
        for path in end.weights:
            name = str(path.relative_to(end.artifacts / WEIGHTS))
            made.add_file(str(path), name=name, skip_cache=True, policy="immutable")
        return made
