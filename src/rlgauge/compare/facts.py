"""What runs say of how they were measured: machine, versions, configuration, commit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from rlgauge.core.reading import Reading
from rlgauge.core.run import ConfigFile, RunFile

_MACHINE = ("cpu", "architecture", "num_cores", "affinity", "memory", "gpus")
_GIB = 2**30
_NOT_SPEED = {"SLURM_ARRAY_TASK_ID", "SLURM_JOB_ID", "PYTHONHASHSEED", "CUDA_VISIBLE_DEVICES"}
_LEARNED_FROM = ("expert", "demonstrations")
"""Of what an algorithm learned from, by digests, of which some digits are enough to tell two apart."""
_NUM_DIGITS = 8
_OF_THE_RUN = {"policy", "algorithm", "train_seed", "seed", "first", "last"}
"""Parameters that say which run of a side this is, or whose it is: they are what is compared."""
_File = TypeVar("_File", bound=msgspec.Struct)


class Facts(msgspec.Struct, frozen=True):
    """What a run says of how it was measured: by `what`, then by name; a fact that it does not tell is absent."""

    machine: dict[str, str] = {}
    versions: dict[str, str] = {}
    configuration: dict[str, str] = {}

    @property
    def is_silent(self) -> bool:
        """Whether it says nothing of the machine and the versions."""
        return not self.machine and not self.versions


class Provenance(msgspec.Struct, frozen=True):
    """The commits that runs were measured at, and whether any had changes that were not committed."""

    commits: tuple[str, ...] = ()
    is_dirty: bool = False


def is_foreign(reading: Reading) -> bool:
    """Whether another system measured it, be it read there or imported since; a run out of a zip file tells no more."""
    return not reading.folders or reading.kind.startswith("imported-")


def facts_of(reading: Reading) -> Iterator[Facts]:
    """The facts of each folder of a run; of one of another system, what its file said of the machine."""
    if is_foreign(reading):
        told = _mapping(reading.details.get("machine"))
        yield Facts(machine={name: str(value) for name, value in told.items() if isinstance(value, (str, int))})
        return
    for folder in map(Path, reading.folders):
        run, config = _decoded(folder / "run.json", RunFile), _decoded(folder / "config.json", ConfigFile)
        provenance = {} if run is None else run.provenance
        yield Facts(
            machine={} if run is None else dict(_machine(run.host)),
            versions=dict(_versions(provenance)),
            configuration={
                **({} if config is None else dict(_flat(config.case.params, _OF_THE_RUN))),
                **_variables(provenance),
                **({} if run is None else _tuned(run.result)),
            },
        )


def configuration(reading: Reading) -> dict[str, str]:
    """The parameters of a run's case, nested ones by dotted names, without those that tell one run from another."""
    config = None if is_foreign(reading) else _decoded(Path(reading.folders[0], "config.json"), ConfigFile)
    return {} if config is None else {**dict(_flat(config.case.params, _OF_THE_RUN)), **_of_algorithm(config)}


def algorithm_configuration(reading: Reading) -> dict[str, str]:
    """The settings of the algorithm that a run of ours trained; empty where it tells none, as a script's."""
    config = None if is_foreign(reading) else _decoded(Path(reading.folders[0], "config.json"), ConfigFile)
    return {} if config is None else _of_algorithm(config)


def _of_algorithm(config: ConfigFile) -> dict[str, str]:
    algorithm = _mapping(config.case.params.get("algorithm"))
    shown = {name: str(algorithm[name])[:_NUM_DIGITS] for name in _LEARNED_FROM if algorithm.get(name)}
    return {**dict(_flat(_mapping(algorithm.get("config")), {"environment"})), **shown}


def imported_configuration(reading: Reading) -> dict[str, str]:
    """What the config.json beside a run of another system says, without its seed and log folder.

    It lies where the run was imported from; empty where it is there no more.
    """
    imported_from = [str(file.provenance.get("imported_from")) for file in _run_files([reading])]
    try:
        told = msgspec.json.decode(Path(*imported_from[:1] or [reading.source], "config.json").read_bytes())
    except (OSError, msgspec.DecodeError):
        return {}
    return dict(_flat(_mapping(told), {"seed", "logging"}))


def provenance_of(readings: Iterable[Reading]) -> Provenance:
    """The commits of the working trees in which the runs were measured."""
    found = [_mapping(file.provenance.get("repository")) for file in _run_files(readings)]
    commits = {str(one["commit"]) for one in found if one.get("commit")}
    return Provenance(tuple(sorted(commits)), any(one.get("dirty") is True for one in found))


def _run_files(readings: Iterable[Reading]) -> Iterator[RunFile]:
    for reading in readings:
        for folder in map(Path, reading.folders):
            file = _decoded(folder / "run.json", RunFile)
            if file is not None:
                yield file


def _decoded(path: Path, kind: type[_File]) -> _File | None:
    """The content of a file; None where it is missing or damaged: the run's status says so elsewhere."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError):
        return None


def _machine(host: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in _MACHINE:
        value = host.get("memory_bytes" if name == "memory" else name)
        if value is None:
            continue
        if name == "memory":  # rounded: the same machine tells a few megabytes more or less after an update
            yield name, f"{round(value / _GIB)} GiB"
        elif name == "affinity":
            yield name, str(len(value))
        elif name == "gpus":
            yield name, " and ".join(sorted(str(_mapping(gpu).get("name")) for gpu in value)) or "none"
        else:
            yield name, str(value)


def _versions(provenance: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if provenance.get("python"):
        implementation = provenance.get("python_implementation") or "Python"
        yield "Python", f"{implementation} {provenance['python']}"
    for name, version in _mapping(provenance.get("packages")).items():
        yield name, str(version)


def _variables(provenance: Mapping[str, Any]) -> dict[str, str]:
    """The environment variables on which speed depends."""
    told = _mapping(provenance.get("environment"))
    return {name: str(value) for name, value in told.items() if name not in _NOT_SPEED}


def _tuned(result: Mapping[str, Any] | None) -> dict[str, str]:
    """Whose chunk of steps environments were measured in: one found by measurement is no default."""
    told = _mapping(_mapping(result).get("facts"))
    if "chunk_is_tuned" not in told:
        return {}
    return {"chunk": f"{told.get('scan_chunk_size')}, tuned" if told["chunk_is_tuned"] else "as asked, or the default"}


def _flat(params: Mapping[str, Any], skipped: Iterable[str] = (), before: str = "") -> Iterator[tuple[str, str]]:
    """The parameters, nested ones by dotted names."""
    for name, value in params.items():
        if name in skipped:
            continue
        if isinstance(value, Mapping):
            yield from _flat(value, before=f"{before}{name}.")
        else:
            yield f"{before}{name}", msgspec.json.encode(value).decode() if not isinstance(value, str) else value


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
