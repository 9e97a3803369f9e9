"""Experts by name: those that are shipped, files, folders of `rlgauge expert train`, repositories of the hub."""

from __future__ import annotations

import importlib.util
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import gymnasium
import msgspec

from rlgauge.core.errors import UserError, unknown
from rlgauge.episodes.policies.schemes import SCHEMES
from rlgauge.episodes.policies.source import PolicySource, parse_source
from rlgauge.kinds.train.experts import hub
from rlgauge.kinds.train.experts.playing import WIDTH, Label, labelling
from rlgauge.kinds.train.experts.record import POLICY, RECORD, Record, read_record

_SHIPPED = Path(__file__).with_name("shipped")
_SCHEMES = {".zip": "sb3", ".onnx": "onnx"}
"""How files of policies end that need no scheme, and what each is opened by."""
_STATISTICS = ("vecnormalize.pkl", "vec_normalize.pkl")
_CLASS = re.compile(rb"<class '([A-Za-z_]\w*)\.")
"""How Stable-Baselines3 names the classes that a model was made with, in the part of its file that is text."""


class Expert(msgspec.Struct, frozen=True, kw_only=True):
    """A policy that can be asked what it would do, described so that another process can open it too.

    `record` is there for those that `rlgauge expert train` made; `commit` for those of the hub. `trust` allows files
    that run code when they are read.
    """

    name: str
    source: PolicySource
    trust: bool = False
    record: Record | None = None
    commit: str | None = None

    def digest(self) -> str:
        """32 hexadecimal digits of its content: the same expert under another name is the same."""
        return self.source.digest()

    def check_trusted(self) -> None:
        """Raise UserError where its file runs code when it is read, which is not allowed; nothing is read."""
        if self.source.scheme == "sb3" and not self.trust:
            from rlgauge.episodes.policies.torchscript import needs_trust

            raise needs_trust(Path(self.source.target))

    def label(self, env: gymnasium.Env[Any, Any]) -> Label:
        """Its actions for observations of the environment. Raises UserError where it was made for another."""
        from rlgauge.episodes.policy import open_policy

        policy = open_policy(
            self.source,
            observation_space=env.observation_space,
            action_space=env.action_space,
            width=WIDTH,
            trust=self.trust,
        )
        return labelling(policy, env.action_space)


def shipped() -> dict[str, Record]:
    """The experts that come with rlgauge, by environment."""
    found = (read_record(path.read_bytes()) for path in sorted(_SHIPPED.glob("*.json")))
    return {record.environment: record for record in found}


def find_expert(name: str, *, trust: bool = False) -> Expert:
    """The expert called so. Raises UserError.

    A shipped one goes by its environment, `seals/Hopper-v1`; others are a policy's URI (`onnx:FILE`, `sb3:FILE`), a
    path of such a file or of a folder that `rlgauge expert train` wrote, or `hf:ORGANISATION/NAME@REVISION`.
    """
    known = shipped()
    if name in known:
        return Expert(name=name, source=parse_source(f"onnx:{_file(name)}"), record=known[name])
    if name.startswith(hub.PREFIX):
        return _of_hub(name, trust=trust)
    path = Path(name)
    if path.is_dir():
        return _of_folder(path)
    if path.is_file() and path.suffix in _SCHEMES:
        _check_libraries(path)
        return Expert(name=name, source=parse_source(f"{_SCHEMES[path.suffix]}:{path}"), trust=trust)
    if ":" not in name and name.partition("?")[0] not in SCHEMES:
        raise _unknown(name, known)
    return Expert(name=name, source=parse_source(name), trust=trust)


def _unknown(name: str, known: Iterable[str]) -> UserError:
    """Of a name that is no URI, whether it was meant for a file or for one that is shipped."""
    path = Path(name)
    if path.suffix in _SCHEMES:
        return UserError(f"There is no file '{name}' with an expert.")
    if path.is_file():
        kinds = " and ".join(f"*{suffix}" for suffix in _SCHEMES)
        return UserError(f"The file '{name}' is no expert: {kinds} can be read, others with the scheme of a policy.")
    return UserError(f"{unknown('expert', name, known)}{hub.advice(name)}")


def _file(env_id: str) -> Path:
    return _SHIPPED / f"{stem(env_id)}.onnx"


def stem(env_id: str) -> str:
    """The name of a shipped expert's files without what follows the dot."""
    return env_id.replace("/", "-")


def _of_folder(folder: Path) -> Expert:
    policy, record = folder / POLICY, folder / RECORD
    if not policy.is_file() or not record.is_file():
        raise UserError(
            f"The folder '{folder}' holds no expert: '{POLICY}' and '{RECORD}' of `rlgauge expert train` are not both "
            "there. A single file is named by its own path."
        )
    try:
        told = read_record(record.read_bytes())
    except msgspec.DecodeError as error:
        raise UserError(f"'{record}' is damaged ({error}): train the expert anew.") from error
    return Expert(name=str(folder), source=parse_source(f"onnx:{policy}"), record=told)


def _of_hub(name: str, *, trust: bool) -> Expert:
    found = hub.fetch(name, kind="model")
    model = _model_in(found)
    _check_libraries(model)
    beside = (found.folder / statistics for statistics in _STATISTICS)
    normalize = next((str(path) for path in beside if path.is_file()), "none")
    source = parse_source(f"sb3:{model}?normalize={normalize}")
    return Expert(name=name, source=source, trust=trust, commit=found.commit)


def _model_in(found: hub.Snapshot) -> Path:
    """The model, which is called as the repository; beside it the zoo of Stable-Baselines3 puts a zip of curves."""
    usual = found.folder / f"{found.repository.partition('/')[2]}.zip"
    archives = sorted(found.folder.glob("*.zip"))
    models = [usual] if usual in archives else [path for path in archives if _told_in(path) is not None]
    if len(models) != 1:
        held = ", ".join(path.name for path in models or archives) or "none"
        raise UserError(
            f"{found.repository} must hold one model of Stable-Baselines3 (*.zip), or '{usual.name}'; it holds {held}."
        )
    return models[0]


def _check_libraries(model: Path) -> None:
    """Raise UserError where a model's classes are of a library that is not installed, before anything is unpickled."""
    if model.suffix != ".zip":
        return
    told = _told_in(model) or b""  # of what is no model, opening it says what it is
    named = sorted({match.decode() for match in _CLASS.findall(told)})
    missing = [name for name in named if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(
            f"The expert '{model}' was made with classes of {', '.join(missing)}, which is not installed: install it, "
            "or take a shipped expert (`rlgauge expert list`)."
        )


def _told_in(model: Path) -> bytes | None:
    """The part of a model's file that is text; None where it is no such file."""
    try:
        with zipfile.ZipFile(model) as archive:
            return archive.read("data")
    except (OSError, zipfile.BadZipFile, KeyError):
        return None
