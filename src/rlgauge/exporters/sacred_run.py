"""One run in the files of Sacred's FileStorageObserver, as the scripts of the library imitation fill them."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

from rlgauge.core.case import Case
from rlgauge.core.run import Run, Status
from rlgauge.kinds.train.journal import Scalars, read_scalars
from rlgauge.kinds.train.reading import TRAINING
from rlgauge.kinds.train.spec import SPEC

SOURCES = "_sources"
"""The folder beside those of the runs with what they ran, each content once."""
_ENDED = {Status.COMPLETED: "COMPLETED", Status.INTERRUPTED: "INTERRUPTED", Status.TIMEOUT: "TIMEOUT"}
_RUNNING = {Status.RUNNING, Status.DIED, Status.QUEUED}
"""What Sacred says to be running for ever: nobody wrote an end."""


def is_learner(case: Case) -> bool:
    """Whether the case trains an algorithm that learns from demonstrations in an environment with a name."""
    environment = case.params.get("environment")
    return (
        case.workload == "train"
        and isinstance(case.params.get("algorithm"), Mapping)
        and "script" not in case.params["algorithm"]
        and isinstance(environment, Mapping)
        and isinstance(environment.get("gym_id"), str)
        and "algorithm" in case.labels
    )


def base_of(case: Case) -> str:
    """The algorithm's own name, whatever it was called."""
    return str(case.params["algorithm"].get("train", ""))


def scored(run: Run) -> bool:
    """Whether a completed run says all that imitation's scripts read of such."""
    return bool(_tested(run)) and "monitor_return_mean" in _expert_stats(run)


def write_run(run: Run, folder: Path, *, script: str, logs: Path) -> None:
    """Write the files of the run; `logs` is where its logs are, as its configuration tells. Raises OSError."""
    folder.mkdir(parents=True)
    config = _config(run.case, logs)
    sources = _keep_source(run, folder.parent)
    _write(folder / "config.json", config)
    _write(folder / "run.json", _run(run, script, sources))
    _write(folder / "metrics.json", _metrics(run))
    (folder / "cout.txt").write_bytes(_content(run.folder / "cout.txt"))


def _write(path: Path, content: object) -> None:
    """As Sacred writes it: indented by two, keys sorted."""
    path.write_text(json.dumps(content, sort_keys=True, indent=2))


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def _keep_source(run: Run, folder: Path) -> list[list[str]]:
    """Keep what the run was told to train, named by its content, as Sacred keeps sources."""
    spec = run.folder / "artifacts" / SPEC
    if not spec.is_file():
        return []
    digest = hashlib.md5(spec.read_bytes(), usedforsecurity=False).hexdigest()
    kept = folder / SOURCES / f"{spec.stem}_{digest}{spec.suffix}"
    if not kept.exists():
        shutil.copyfile(spec, kept)
    return [[SPEC, f"{SOURCES}/{kept.name}"]]


def _config(case: Case, logs: Path) -> dict[str, Any]:
    """The configuration by the library's names; what it learned from, and in how many episodes it was tested, too."""
    algorithm = case.params["algorithm"]
    own = algorithm.get("config")
    config: dict[str, Any] = dict(own) if isinstance(own, Mapping) else {}
    config["environment"] = _mapping(config.get("environment")) | {"gym_id": case.params["environment"]["gym_id"]}
    told = {name: algorithm[name] for name in ("expert", "demonstrations") if name in algorithm}
    for name, digest in told.items():
        config[name] = _mapping(config.get(name)) | {"digest": digest}
    evaluation = {"n_episodes_eval": case.params.get("tests")}
    config["policy_evaluation"] = _mapping(config.get("policy_evaluation")) | evaluation
    return config | {"logging": {"log_dir": logs.as_posix()}, "seed": case.seed}


def _mapping(value: object) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}


def _run(run: Run, script: str, sources: Sequence[Sequence[str]]) -> dict[str, Any]:
    file, labels = run.file, run.case.labels
    told: dict[str, Any] = {
        "artifacts": [],
        "command": labels["algorithm"],
        "experiment": {
            "base_dir": "",
            "dependencies": [
                f"{name}=={version}" for name, version in _mapping(file.provenance.get("packages")).items()
            ],
            "mainfile": SPEC,
            "name": script,
            "repositories": _repositories(file.provenance),
            "sources": sources,
        },
        "heartbeat": _heartbeat(run),
        "host": _host(file.host, file.provenance),
        "meta": {
            "command": labels["algorithm"],
            "command_line": file.command,
            "named_configs": [labels["config_name"]] if "config_name" in labels else [],
            "options": {},
        },
        "resources": [],
        "result": _result(run) if run.status is Status.COMPLETED else None,
        "start_time": file.start_time,
        "status": "RUNNING" if run.status in _RUNNING else _ENDED.get(run.status, "FAILED"),
    }
    if run.status not in _RUNNING:
        told["stop_time"] = file.stop_time
    if run.status is not Status.COMPLETED and file.fail_trace:
        told["fail_trace"] = file.fail_trace.splitlines(keepends=True)
    return told


def _repositories(provenance: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = _mapping(provenance.get("repository"))
    if not found.get("commit"):
        return []
    return [{"url": None, "commit": found["commit"], "dirty": bool(found.get("dirty"))}]


def _host(host: Mapping[str, Any], provenance: Mapping[str, Any]) -> dict[str, Any]:
    name = str(host.get("os", ""))
    return {
        "ENV": {},
        "cpu": host.get("cpu"),
        "hostname": host.get("hostname", ""),
        "os": [name.partition(" ")[0], name],
        "python_version": provenance.get("python"),
    }


def _heartbeat(run: Run) -> str:
    """The end; of a run without one the last time that it was seen alive."""
    if run.file.stop_time:
        return run.file.stop_time
    beat = run.folder / "heartbeat"
    if not beat.is_file():
        return run.file.start_time
    return datetime.fromtimestamp(beat.stat().st_mtime, UTC).replace(tzinfo=None).isoformat()


def _result(run: Run) -> dict[str, Any]:
    """Returns by the library's names, of the test episodes as the run's records have them."""
    tested = _tested(run)
    returns = [float(values["return"]) for values in tested]
    lengths = [float(values["length"]) for values in tested if values.get("length") is not None]
    stats = {**_of_monitor(returns), **_stats("len", lengths), "n_traj": len(returns)}
    told: dict[str, Any] = {"imit_stats": stats, "expert_stats": _expert_stats(run)}
    references = _mapping((run.file.result or {}).get("references"))
    return {**told, "references": references} if references else told


def _tested(run: Run) -> list[dict[str, Any]]:
    """What the test episodes measured that ended without an error."""
    records = [record for record in run.records if record.index > TRAINING and record.error is None]
    return [record.values for record in records if record.values.get("return") is not None]


def _expert_stats(run: Run) -> dict[str, Any]:
    """Of the expert's episodes; where none were played, of those that were learned from."""
    result = run.file.result or {}
    stats = _mapping(result.get("expert_stats"))
    if "return_mean" not in stats:
        shown, known = _mapping(result.get("demonstrations")), _mapping(result.get("references"))
        mean = shown.get("return_mean") if "expert" not in known else known["expert"]
        stats = {} if mean is None else {"return_mean": mean}
        if mean is not None and "expert" not in known:
            stats["n_traj"] = shown.get("num_episodes")
    monitored = {f"monitor_{name}": value for name, value in stats.items() if name.startswith("return_")}
    return {**monitored, **stats}


def _of_monitor(returns: Sequence[float]) -> dict[str, Any]:
    """Of returns of the task's own rewards, which are what imitation's monitor sees."""
    return {
        **_stats("return", returns),
        **_stats("monitor_return", returns),
        "monitor_return_len": len(returns),
    }


def _stats(name: str, values: Sequence[float]) -> dict[str, float]:
    if not values:
        return {}
    told = {"mean": fmean(values), "min": min(values), "max": max(values), "std": pstdev(values)}
    return {f"{name}_{which}": value for which, value in told.items()}


def _metrics(run: Run) -> dict[str, Any]:
    """The scalars that were logged, as Sacred keeps metrics."""
    start = datetime.fromisoformat(run.file.start_time) if run.file.start_time else datetime.fromtimestamp(0, UTC)
    metrics: dict[str, Any] = {}
    for one in read_scalars(run.folder / "artifacts"):
        _add(metrics, one, start)
    return metrics


def _add(metrics: dict[str, Any], one: Scalars, start: datetime) -> None:
    for name, value in one.values.items():
        if value is not None:
            metric = metrics.setdefault(name, {"steps": [], "timestamps": [], "values": []})
            metric["steps"].append(len(metric["steps"]) if one.step is None else one.step)
            metric["timestamps"].append((start + timedelta(seconds=one.seconds)).replace(tzinfo=None).isoformat())
            metric["values"].append(value)
