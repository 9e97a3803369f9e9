"""MLflow: a run in the SQLite file of the store, or wherever MLFLOW_TRACKING_URI says."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from rlgauge.core.run import Status
from rlgauge.trackers.reading import OWN, flat
from rlgauge.trackers.tracker import About, End, Row

if TYPE_CHECKING:
    from mlflow.entities import Metric
    from mlflow.tracking import MlflowClient

DATABASE = "mlflow.db"
"""Name of the SQLite file in the store's folder."""
FILES = "mlruns"
"""Name of the folder of weights and videos there."""
TAG = "rlgauge.run"
"""The tag that names the run as it is named here."""
_MOST_METRICS, _MOST_PARAMS, _MOST_TAGS = 1000, 100, 100
"""What MLflow takes at once."""
_LONGEST_NAME, _LONGEST_TEXT = 250, 500
_FORBIDDEN = re.compile(r"[^\w./ -]", re.ASCII)
_ENDS = {Status.COMPLETED: "FINISHED", Status.INTERRUPTED: "KILLED", Status.DIED: "KILLED"}
_VARIABLES = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "GIT_PYTHON_REFRESH": "quiet",
}
"""Unless they are set: nothing is sent to MLflow's makers, and a server that is away is not waited for."""


def open_run(about: About) -> MLflow:
    """The run, begun in the experiment of its script, in the place of one that was made of it before."""
    for name, value in _VARIABLES.items():
        os.environ.setdefault(name, value)
    own = about.store / DATABASE
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{own}"
    with _alone(own):
        client = _client(uri, own)
        experiment = _experiment(client, about, is_own=uri.endswith(f"sqlite:///{own}"))
        for old in client.search_runs([experiment], filter_string=f"tags.`{TAG}` = '{about.id}'"):
            client.delete_run(old.info.run_id)
        tags = {TAG: about.id, "rlgauge.folder": str(about.folder), "rlgauge.script": about.group}
        begun = client.create_run(experiment, int(about.started * 1000), tags, about.name)
    opened = MLflow(client, begun.info.run_id, own)
    opened.describe(about)
    return opened


class MLflow:
    """A run as MLflow shows it: parameters, metrics with their steps, weights and videos as artifacts."""

    def __init__(self, client: MlflowClient, run_id: str, own: Path) -> None:
        """Tell `client` of the run that it calls `run_id`, one process of this machine at a time."""
        self._client = client
        self._run_id = run_id
        self._own = own
        self._metrics, self._params, self._tags = _Names(), _Names(), _Names()
        self._times = _Times()

    def describe(self, about: About) -> None:
        """Tell the configuration, as parameters such as `params.env`."""
        from mlflow.entities import Param

        told = {self._params.of(name): _text(value) for name, value in flat(about.config).items()}
        with _alone(self._own):
            for some in _parts([Param(name, value) for name, value in told.items()], _MOST_PARAMS):
                self._client.log_batch(self._run_id, params=some)

    def log(self, rows: Sequence[Row]) -> None:
        """Tell of numbers."""
        metrics = [self._metric(name, value, row.time, row.step) for row in rows for name, value in row.values.items()]
        for some in _parts(metrics, _MOST_METRICS):
            with _alone(self._own):
                self._client.log_batch(self._run_id, metrics=some)

    def end(self, end: End) -> None:
        """Tell how it ended, and copy its files."""
        from mlflow.entities import RunTag

        at = int(end.time * 1000)
        found = {name: value for name, value in end.summary.items() if isinstance(value, float)}
        numbers = [self._metric(name, value, end.time, 0) for name, value in found.items()]
        texts = {name: value for name, value in end.summary.items() if isinstance(value, str)}
        texts |= {"status": str(end.status)} | ({} if end.reason is None else {"reason": end.reason})
        named = {self._tags.of(f"rlgauge.{name.removeprefix(OWN)}"): _text(text) for name, text in texts.items()}
        tags = [RunTag(name, text) for name, text in named.items()]
        with _alone(self._own):
            for path in (*end.weights, *(film.path for film in end.videos)):
                self._client.log_artifact(self._run_id, str(path), str(path.parent.relative_to(end.artifacts)))
            for some in _parts(numbers, _MOST_METRICS):
                self._client.log_batch(self._run_id, metrics=some)
            for part in _parts(tags, _MOST_TAGS):
                self._client.log_batch(self._run_id, tags=part)
            self._client.set_terminated(self._run_id, _ENDS.get(end.status, "FAILED"), at)

    def _metric(self, name: str, value: float, time: float, step: int) -> Metric:
        """The number as MLflow keeps it, like no other of the run."""
        from mlflow.entities import Metric

        told = self._metrics.of(name)
        return Metric(told, value, self._times.of(told, value, step, int(time * 1000)), step)


class _Names:
    """Names as MLflow takes them, of different names different ones: `loss(0)` and `loss[0]` stay two."""

    def __init__(self) -> None:
        self._told: dict[str, str] = {}
        self._taken: set[str] = set()

    def of(self, name: str) -> str:
        """The name; with a number behind it where another was told under it before."""
        if name not in self._told:
            own = found = _name(name)
            number = 1
            while found in self._taken:
                number += 1
                end = f"_{number}"
                found = f"{own[: _LONGEST_NAME - len(end)]}{end}"
            self._told[name] = found
            self._taken.add(found)
        return self._told[name]


class _Times:
    """Milliseconds that tell apart what MLflow would take for one number: same name, step, value and time."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[int, set[tuple[int, float]]]] = {}

    def of(self, name: str, value: float, step: int, time: int) -> int:
        """The time, or one a little later where the same was told at it before."""
        at, told = self._last.get(name, (time, set()))
        if time > at or (step, value) in told:
            at, told = max(time, at + 1), set()
        told.add((step, value))
        self._last[name] = at, told
        return at


def _client(uri: str, own: Path) -> MlflowClient:
    """A client of the place; the store's own file is made first, whole or not at all."""
    from mlflow.tracking import MlflowClient

    if uri == f"sqlite:///{own}" and not own.exists():
        part = own.with_name(f".{own.name}.part")
        part.unlink(missing_ok=True)
        MlflowClient(f"sqlite:///{part}").search_experiments(max_results=1)
        part.rename(own)
    return MlflowClient(uri)


def _experiment(client: MlflowClient, about: About, *, is_own: bool) -> str:
    """The id of the experiment: MLFLOW_EXPERIMENT_NAME, else the script's name; made where it is not there."""
    from mlflow.exceptions import MlflowException

    name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or about.group
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    place = (about.store / FILES).as_uri() if is_own else None
    try:
        return str(client.create_experiment(name, artifact_location=place))
    except MlflowException:  # somebody has just made it, on a server
        found = client.get_experiment_by_name(name)
        if found is None:
            raise
        return str(found.experiment_id)


@contextlib.contextmanager
def _alone(database: Path) -> Iterator[None]:
    """While it lasts no other tracker of this machine writes: SQLite gives up on a file that is locked for long."""
    with database.with_name(f".{database.name}.lock").open("w") as file:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


T = TypeVar("T")


def _parts(all_of_them: Sequence[T], most: int) -> Iterator[Sequence[T]]:
    for begin in range(0, len(all_of_them), most):
        yield all_of_them[begin : begin + most]


def _name(name: str) -> str:
    """The name as MLflow takes it: letters, digits, `_-. /`, and no empty parts."""
    parts = [part for part in _FORBIDDEN.sub("_", name).split("/") if part.strip(". ")]
    return "/".join(parts)[:_LONGEST_NAME] or "_"


def _text(value: float | str) -> str:
    """The value as people write it: 42, not 42.0."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)[:_LONGEST_TEXT]
