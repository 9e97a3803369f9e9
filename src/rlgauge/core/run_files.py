"""The files of a run, read: what may have been cut off, damaged or written by a newer version."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

from rlgauge.core.claim import lives, number_of
from rlgauge.core.files import DamagedError, StoreError, read_if_there
from rlgauge.core.run import FORMAT, ConfigFile, Run, RunFile, Status

_File = TypeVar("_File", bound=msgspec.Struct)


def read_run(case_folder: Path, name: str) -> Run | None:
    """The attempt as its files tell; None where it never began. Raises DamagedError; StoreError for a newer format."""
    folder = case_folder / name
    path = folder / "config.json"
    try:
        config = decode_file(path, ConfigFile)
    except msgspec.DecodeError as error:
        if _is_lost_start(folder):
            return None
        raise DamagedError(str(path), error) from error
    if config is None:
        return None
    file, note = _read_run_file(folder / "run.json")
    status = file.status
    if status is Status.RUNNING and not lives(case_folder, number_of(name), name):
        file, note = _read_run_file(folder / "run.json")  # it may have ended since
        status = Status.DIED if file.status is Status.RUNNING else file.status
    return Run(case=config.case, attempt=name, status=status, folder=folder, file=file, units=config.units, note=note)


def _is_lost_start(folder: Path) -> bool:
    """Whether the power was cut at the start of an attempt: neither file was synced, and nothing is lost."""
    contents = [read_if_there(folder / name) or b"" for name in ("config.json", "run.json")]
    return not any(content.strip(b"\0") for content in contents)


def _read_run_file(path: Path) -> tuple[RunFile, str | None]:
    """run.json, or one of a run that died where it is missing or damaged, with a note that says so."""
    try:
        file, problem = decode_file(path, RunFile), "missing"
    except msgspec.DecodeError as error:
        file, problem = None, f"damaged ({error})"
    if file is not None:
        return file, None
    note = f"its run.json is {problem}; it counts as died, its records are kept"
    return RunFile(status=Status.DIED, start_time="", host={}), note


class _Format(msgspec.Struct, frozen=True):
    format: int = FORMAT


def decode_file(path: Path, kind: type[_File]) -> _File | None:
    """The content of a JSON file; None where it is missing. Raises DecodeError, and StoreError for a newer format."""
    content = read_if_there(path)
    if content is None:
        return None
    version = msgspec.json.decode(content, type=_Format).format
    if version > FORMAT:
        raise StoreError(f"{path} was written by a newer RLGauge (format {version}); this one reads up to {FORMAT}.")
    return msgspec.json.decode(content, type=kind)


def has_ended(folder: Path) -> bool:
    """Whether an attempt, which may be damaged, says that it ended."""
    return _read_run_file(folder / "run.json")[0].status not in {Status.RUNNING, Status.DIED}
