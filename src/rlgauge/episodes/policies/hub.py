"""Policies in repositories of the Hugging Face hub: `hf:ORGANISATION/NAME@REVISION`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rlgauge.core import hub
from rlgauge.core.errors import UserError
from rlgauge.episodes.policies.schemes import OPTIONS, SCHEMES, SUFFIXES
from rlgauge.episodes.policies.source import PolicySource, parse_source

_FILES = hub.Files(
    ("*.zip", "*.onnx", "*.pt2", "*.safetensors"), ("*.json", "*.pkl", "*.data", "*.bin", "*.model", "*.txt", "*.yaml")
)
_LEROBOT = ("config.json", "model.safetensors")
"""The files of a folder that lerobot's `save_pretrained` wrote."""
_STATISTICS = ("vecnormalize.pkl", "vec_normalize.pkl")


def fetch_policy(source: PolicySource) -> hub.Snapshot:
    """The repository at its revision, from the hub's cache, else over the network. Raises UserError.

    A branch is what it is now: the commit that it points to is what is recorded.
    """
    return hub.fetch(f"{hub.PREFIX}{source.target}", kind="model", files=_FILES)


def source_in_repository(source: PolicySource) -> PolicySource:
    """The policy that the repository holds, with the options of the source. Raises UserError where that is not one."""
    found = fetch_policy(source)
    policies = sorted(set(_policies(found.folder)))
    if len(policies) > 1:  # the zoo of Stable-Baselines3 puts a zip of curves beside the model
        name = found.repository.partition("/")[2]
        policies = [one for one in policies if Path(one.partition(":")[2]).stem == name] or policies
    if len(policies) != 1:
        named = ", ".join(one.replace(f"{found.folder}", found.repository) for one in policies) or "none"
        raise UserError(
            f"{found.repository} must hold one policy (a folder of lerobot, *.zip of Stable-Baselines3, *.onnx or "
            f"*.pt2); it holds {named}."
        )
    return _with_options(policies[0], source, found.folder)


def _policies(folder: Path) -> Iterator[str]:
    """The URIs of what can be opened."""
    for config in folder.rglob("config.json"):
        if all((config.parent / name).is_file() for name in _LEROBOT):
            yield f"lerobot:{config.parent}"
    for suffix in (".zip", ".onnx", ".pt2"):
        for path in folder.rglob(f"*{suffix}"):
            yield f"{SUFFIXES[suffix]}:{path}"


def _with_options(uri: str, source: PolicySource, folder: Path) -> PolicySource:
    """The URI with the options. Raises UserError for one that this kind of policy does not take."""
    scheme = uri.partition(":")[0]
    options = dict(source.options)
    if scheme == "sb3" and "normalize" not in options:
        beside = (folder / name for name in _STATISTICS)
        options["normalize"] = next((str(path) for path in beside if path.is_file()), "none")
    for name in options:
        if name not in SCHEMES[scheme].options:
            raise UserError(f"{source.uri!r} is a policy of {scheme!r}, which does not take the option {name!r}.")
    told = "&".join(f"{name}={value}" for name, value in options.items() if value != OPTIONS[name].default)
    return parse_source(f"{uri}?{told}" if told else uri)
