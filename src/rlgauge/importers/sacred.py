"""Runs that Sacred's FileStorageObserver wrote: imitation's, and anybody's."""

from __future__ import annotations

import contextlib
import json
import re
import zlib
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from rlgauge.core.reading import Curve, Reading, Total
from rlgauge.core.run import Status
from rlgauge.importers import adoption, plain
from rlgauge.importers.findings import Found
from rlgauge.importers.quantities import curve, is_number, told, units
from rlgauge.importers.tree import Folder

SYSTEM = "imported-sacred"

_BEAT_SECONDS = 60.0
"""A run that says RUNNING and whose heartbeat is older is dead; Sacred's beats every 10 s."""
_UNKNOWN = "unknown"
_TRUE_REWARD = {"bc", "dagger"}
"""Commands whose `return_mean` is the environment's own; GAIL's and AIRL's is the learned reward."""
_NAMELESS = {"main", "run", "train", "my_main", "experiment", "default"}
"""Commands that name no algorithm."""
_Quick = TypeVar("_Quick")
_Any = TypeVar("_Any")
_IMITATION = re.compile("train_(imitation|adversarial|bc|dagger|preference_comparisons)$")
_FOLDER = re.compile(
    rb'"(?:log|save|output|out|run|work)_dir": (?:null|"[^"\n]*"|\{(?:[^{}]|\{[^{}]*\})*\})',
)
"""A setting that says where a run wrote, a path as text or as jsonpickle writes it."""
_GYM_ID = r'"gym_id":\s*"([^"]+)"'
_EMPTY = b"{}\n "
_LOG_PARTS = 3
_NUMPY = b'"numpy.'
"""What jsonpickle writes of a number of NumPy's."""


class _Stats(msgspec.Struct, frozen=True, gc=False):
    """imitation's `rollout_stats`; `monitor_` ones are of the environment's own reward."""

    monitor_return_mean: float | None = None
    monitor_return_std: float | None = None
    monitor_return_len: float | None = None
    return_mean: float | None = None
    return_std: float | None = None
    len_mean: float | None = None
    len_std: float | None = None
    n_traj: float | None = None


class _Imitation(msgspec.Struct, frozen=True, gc=False):
    """`references` are in what `rlgauge export` wrote."""

    imit_stats: _Stats
    expert_stats: _Stats | None = None
    references: dict[str, float] | None = None


class _Experiment(msgspec.Struct, frozen=True, gc=False):
    name: str = ""


class _Host(msgspec.Struct, frozen=True, gc=False):
    hostname: str = ""


class _RunFile(msgspec.Struct, frozen=True):
    experiment: _Experiment = _Experiment()
    host: _Host = _Host()
    command: str | None = None
    status: str = ""
    start_time: str | None = None
    heartbeat: str | None = None
    result: Any = None
    fail_trace: Any = None


class _ImitationRunFile(_RunFile, frozen=True):
    result: _Imitation | None = None


class _Config(msgspec.Struct, frozen=True):
    seed: Any = None
    environment: Any = None
    common: Any = None
    env_name: Any = None
    env_id: Any = None
    env: Any = None
    task: Any = None
    algorithm: Any = None
    algo: Any = None


class _Environment(msgspec.Struct, frozen=True, gc=False):
    gym_id: str


class _ImitationConfig(msgspec.Struct, frozen=True, gc=False):
    seed: int
    environment: _Environment


class _Score(msgspec.Struct, frozen=True):
    """What a result says: totals, scores of the task by name, why there is no return where there is none."""

    totals: dict[str, Total]
    references: dict[str, float] = {}
    reason: str | None = None


_RUN_FILES = msgspec.json.Decoder(_ImitationRunFile), msgspec.json.Decoder(_RunFile)
_CONFIGS = msgspec.json.Decoder(_ImitationConfig), msgspec.json.Decoder(_Config)
"""What is read of run.json and config.json: imitation's, which is the quicker, then anybody's."""


def is_run(run: bytes | None) -> bool:
    """Whether this is the run.json of Sacred, not of a store of ours; of a damaged one, whether it may be."""
    return run is not None and b'"experiment"' in run


def is_cut_off(run: bytes | None) -> bool:
    """Whether this is no whole JSON."""
    try:
        json.loads(run or b"")
    except ValueError:
        return True
    return False


def read_run(folder: Folder, run: bytes | None, config: bytes | None) -> Found:
    """The run of a folder, given its run.json and config.json, each None where missing. Raises OSError."""
    try:
        told_run, told_config = _decode(_RUN_FILES, run, "run.json"), _decode(_CONFIGS, config, "config.json")
    except _DamagedError as error:
        return _damaged(folder, run, config, str(error))
    experiment = told_run.experiment.name
    algorithm = _algorithm(told_run.command, told_config, experiment)
    task, seed, settings = _task(told_config) or experiment or _UNKNOWN, _seed(told_config.seed), _settings(config)
    status, reason = _status(told_run)
    score = _score(told_run.result, algorithm) if status is Status.COMPLETED else _Score({})
    host, start = told_run.host.hostname, told_run.start_time or ""
    reading = Reading(
        algorithm=algorithm,
        task=task,
        seed=seed,
        status=status,
        totals=score.totals,
        units=units(score.totals),
        curves=_curves(folder),
        references=score.references,
        kind=SYSTEM,
        settings=settings,
        labels={"experiment": experiment, "host": host, "start_time": start},
        source=folder.path,
        reason=reason or score.reason,
    )
    identity = (experiment, told_run.command, settings, task, seed, start, host)
    return Found(reading, identity if start else None)


class _DamagedError(Exception):
    """A file is missing, empty, cut off or not what Sacred writes."""


def _decode(
    decoders: tuple[msgspec.json.Decoder[_Quick], msgspec.json.Decoder[_Any]], content: bytes | None, name: str
) -> _Quick | _Any:
    quick, lenient = decoders
    if content is None:
        raise _DamagedError(f"its {name} is missing")
    try:
        return quick.decode(content)
    except msgspec.ValidationError:
        if _NUMPY not in content:
            with contextlib.suppress(msgspec.DecodeError):
                return lenient.decode(content)
    except msgspec.DecodeError:
        pass
    if not content.strip(b"\0\n\t "):
        raise _DamagedError(f"its {name} is empty")
    try:  # Sacred writes NaN and Infinity, which are no JSON, and NumPy's numbers as objects
        cleaned = msgspec.json.encode(plain.decode(content))
        return _either(quick, lenient, cleaned)
    except (ValueError, RecursionError) as error:
        raise _DamagedError(f"its {name} is damaged ({error})") from error


def _either(quick: msgspec.json.Decoder[_Quick], lenient: msgspec.json.Decoder[_Any], content: bytes) -> _Quick | _Any:
    try:
        return quick.decode(content)
    except msgspec.ValidationError:
        return lenient.decode(content)


def _algorithm(command: str | None, config: _Config | _ImitationConfig | None, experiment: str) -> str:
    if command and (_IMITATION.match(experiment) or _IMITATION.match(command)):
        return command.removeprefix("train_")
    named = [config.algorithm, config.algo] if isinstance(config, _Config) else []
    for name in (*named, None if command in _NAMELESS else command, experiment):
        if isinstance(name, str) and name:
            return name
    return command or _UNKNOWN


def _task(config: _Config | _ImitationConfig) -> str | None:
    if isinstance(config, _ImitationConfig):
        return config.environment.gym_id
    inner = [value for value in (config.environment, config.common, config.env) if isinstance(value, dict)]
    nested = [value.get(key) for value in inner for key in ("gym_id", "env_name", "env_id", "id", "name")]
    alone = [config.environment, config.env_name, config.env_id, config.env, config.task]
    return next((value for value in (*nested, *alone) if isinstance(value, str) and value), None)


def _seed(seed: object) -> int | None:
    return seed if isinstance(seed, int) and not isinstance(seed, bool) else None


def _settings(config: bytes | None) -> str:
    """A checksum of the configuration without what differs between the seeds of an experiment: seed and log folder."""
    if not config:
        return ""
    checksum = position = 0
    for key in (b'\n  "logging":', b'\n  "seed":'):  # in the order in which Sacred sorts them, indented by two spaces
        start = config.rfind(key, position)
        if start >= 0:
            checksum = zlib.crc32(_without_folders(config[position:start]), checksum)
            position = config.find(b'\n  "', start + 1)
            if position < 0:  # it was the last key
                position = len(config)
    return f"{zlib.crc32(_without_folders(config[position:]), checksum):08x}"


def _without_folders(config: bytes) -> bytes:
    """Without where a run wrote, which often bears the time: a run that was given again has the same settings."""
    return _FOLDER.sub(b"", config) if b"_dir" in config else config


def _status(run: _RunFile) -> tuple[Status, str | None]:
    """Where the run stands, and why where that is not the end of a run that went well."""
    if run.status == "COMPLETED":
        return Status.COMPLETED, None
    if run.status == "RUNNING":
        return _liveness(run)
    trace = run.fail_trace if isinstance(run.fail_trace, list) else str(run.fail_trace or "").splitlines()
    lines = [line for part in trace for line in str(part).splitlines() if line.strip()]
    reason = lines[-1].strip() if lines else None
    if run.status.startswith("TIMEOUT"):
        return Status.TIMEOUT, reason or "it took too long"
    if run.status in {"INTERRUPTED", "QUEUED"}:
        return Status(run.status), reason or f"it was {run.status.lower()}"
    return Status.FAILED, reason or f"its status is {run.status or 'missing'}"


def _liveness(run: _RunFile) -> tuple[Status, str | None]:
    beat = run.heartbeat or run.start_time
    try:
        last = datetime.fromisoformat(beat or "").replace(tzinfo=UTC)
    except ValueError:
        return Status.DIED, "it says RUNNING and has no heartbeat"
    if (datetime.now(UTC) - last).total_seconds() < _BEAT_SECONDS:
        return Status.RUNNING, None
    return Status.DIED, f"it says RUNNING, but its last heartbeat is of {beat}"


def _score(result: object, algorithm: str) -> _Score:
    if not isinstance(result, _Imitation):
        return _general_score(result)
    expert = result.expert_stats
    references = dict(result.references or {})
    if expert is not None and not references:  # the demonstrations were recorded with the environment's own reward
        mean = expert.return_mean if expert.monitor_return_mean is None else expert.monitor_return_mean
        references |= {} if mean is None else {"expert": mean}
    return _returns(result.imit_stats, algorithm, references)


def _returns(stats: _Stats, algorithm: str, references: dict[str, float]) -> _Score:
    measured = told(
        stats.monitor_return_mean, n=stats.monitor_return_len or stats.n_traj, deviation=stats.monitor_return_std
    )
    if measured is None and algorithm in _TRUE_REWARD:
        measured = told(stats.return_mean, n=stats.n_traj, deviation=stats.return_std)
    length = told(stats.len_mean, n=stats.n_traj, deviation=stats.len_std)
    totals = {} if measured is None else {"return": measured}
    if length is not None:
        totals["length"] = length
    if measured is not None:
        return _Score(totals, references)
    return _Score(
        totals, references, "its result has no monitor_return_mean, and its return_mean may be a learned reward's"
    )


def _general_score(result: object) -> _Score:
    """What anybody's experiment returned: a number, or numbers by name."""
    values = {name: value for name, value in _flat(result, "") if is_number(value)}
    if is_number(values.get("monitor_return_mean")):  # imitation's train_rl
        return _returns(
            msgspec.convert({k: v for k, v in values.items() if k in _Stats.__struct_fields__}, _Stats), "", {}
        )
    totals = {name: Total(n=1, mean=float(value)) for name, value in values.items()}
    return _Score(totals, {}, None if totals else "its result holds no number")


def _flat(value: object, name: str) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        inner = [pair for key, item in value.items() for pair in _flat(item, f"{name}.{key}" if name else key)]
        return [pair for pair in inner if "py/" not in pair[0]]
    return [(name or "result", value)]


def _curves(folder: Folder) -> dict[str, Curve]:
    """The scalars that the run logged with Sacred's metrics, by name."""
    if folder.size("metrics.json") <= len(_EMPTY):
        return {}
    try:
        logged = plain.decode(folder.read("metrics.json") or b"{}")
    except ValueError:
        return {}
    found = {}
    for name, metric in logged.items() if isinstance(logged, dict) else ():
        if isinstance(metric, dict):
            made = curve(metric.get("steps") or (), metric.get("values") or ())
            if made is not None:
                found[name] = made
    return found


def _damaged(folder: Folder, run: bytes | None, config: bytes | None, reason: str) -> Found:
    """The reading of a run whose files can't be read whole, with what can be seen of it."""
    text, settings = ((content or b"").decode(errors="replace") for content in (run, config))
    head = (folder.read("cout.txt") or b"").decode(errors="replace")
    experiment = _seen(r'"name":\s*"([^"]+)"', text.partition('"experiment"')[2])
    command = _seen(r'"command":\s*"([^"]+)"', text) or _seen(r"Running command '([^']+)'", head)
    whole = _config_of(config)
    task = _task(whole) or experiment if whole else _seen(_GYM_ID, settings) or _seen(_GYM_ID, text)
    seed = _seen(r'\n  "seed":\s*(\d+)', settings) or _seen(r'"seed":\s*(\d+)', text)
    told = {"algorithm": command or experiment, "task": task, "settings": whole}
    untold = [name for name, value in told.items() if value is None]
    reading = Reading(
        algorithm=_algorithm(command, whole, experiment or "".join(folder.path.split("/")[-2:-1])),
        task=task or _UNKNOWN,
        seed=_seed(whole.seed) if whole else None if seed is None else int(seed),
        status=Status.DIED if "run.json" in reason else _end(text),
        kind=SYSTEM,
        settings=_settings(config) if whole else "",
        labels={"experiment": experiment or "", "host": _seen(r'"hostname":\s*"([^"]+)"', text) or ""},
        source=folder.path,
        reason=reason,
        details={adoption.UNTOLD: untold} if untold else {},
    )
    return Found(reading, (reading.algorithm, reading.task, reading.seed, run, config, head) if run or config else None)


def _config_of(content: bytes | None) -> _Config | _ImitationConfig | None:
    """A config.json; None where it can't be read whole."""
    try:
        return _decode(_CONFIGS, content, "config.json")
    except _DamagedError:
        return None


def log_folder(folder: Folder) -> str | None:
    """The end of the path of imitation's log folder: algorithm, task, time. None where it can't be told."""
    try:
        config = json.loads(folder.read("config.json") or b"null")
    except (ValueError, OSError):
        return None
    parents = [config, *(config.get(key) for key in ("logging", "common"))] if isinstance(config, dict) else []
    found = next((p["log_dir"] for p in parents if isinstance(p, dict) and p.get("log_dir")), None)
    if isinstance(found, str):
        parts = found.split("/")
    else:  # a pathlib.Path as jsonpickle writes it
        parts = re.findall(r'"([^"]+)"', json.dumps(found).partition('"py/tuple"')[2])
    return "/".join(parts[-_LOG_PARTS:]) if len(parts) >= _LOG_PARTS else None


def _end(run: str) -> Status:
    """How a run ended whose config.json can't be read: what it measured can't be told, so it has failed at best."""
    named = _seen(r'"status":\s*"(\w+)"', run)
    return Status.INTERRUPTED if named == "INTERRUPTED" else Status.DIED if named == "RUNNING" else Status.FAILED


def _seen(pattern: str, text: str) -> str | None:
    match = re.search(pattern, text)
    return match[1] if match else None
