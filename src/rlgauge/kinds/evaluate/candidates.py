"""The policies to be evaluated: named, and families of training seeds spread out."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING

import msgspec

from rlgauge.core.case import fingerprint
from rlgauge.core.errors import UserError
from rlgauge.envs.contents import UntoldError, contents
from rlgauge.envs.describe import describe_class
from rlgauge.episodes.policies.torchscript import is_module
from rlgauge.episodes.policy import PolicySource, parse_source
from rlgauge.kinds.evaluate.gyms import unique

if TYPE_CHECKING:
    import torch

_ADDRESSES = ("ws", "wss")
_LIGHTNING = "lightning"
_LAST = "pretrained_model"
"""The last part of every path of lerobot's."""
_NAMED = re.compile(r"([\w.+-]+)=(.+)", re.DOTALL)


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A policy by its display name. Its paths may hold {task}; one of several training seeds knows its own."""

    name: str
    uri: str
    ckpt_path: str | None = None
    train_seed: int | None = None

    @property
    def identity(self) -> object:
        """What it shares with another that is the same policy."""
        return self.uri, self.ckpt_path

    def source(self, task_id: str) -> PolicySource:
        """Where the policy for a task comes from. Raises UserError."""
        ckpt_path = self.ckpt_path and self.ckpt_path.replace("{task}", task_id)
        return parse_source(self.uri.replace("{task}", task_id), ckpt_path)


class Live:
    """A policy that exists in this process only."""

    def __init__(self, name: str, policy: object) -> None:
        """Name the object."""
        self.name = name
        self.policy = policy
        self.train_seed: int | None = None
        self._digest: str | None = None

    @property
    def identity(self) -> object:
        """What it shares with another that is the same policy."""
        return id(self.policy)

    def digest(self) -> str:
        """A hash of a torch module that says all of itself, else a name that no other process will ever give."""
        if self._digest is None:
            self._digest = (_hash_module(self.policy) if is_module(self.policy) else None) or uuid.uuid4().hex
        return self._digest


def parse_candidates(policy: object, train_seeds: Sequence[int] | None = None) -> list[Candidate | Live]:
    """One or several policies as a person gives them: URI, `NAME=URI`, object, list, or mapping of names to these.

    Raises UserError.
    """
    if train_seeds is not None and not _are_seeds(train_seeds):
        raise UserError(f"train_seeds={train_seeds!r}: a list of seeds is needed, or None.")
    named = list(_named(policy))
    if not named:
        raise UserError("No policy was given.")
    candidates: list[Candidate | Live] = []
    for name, (_, given) in zip(unique([name for name, _ in named]), named, strict=True):
        if isinstance(given, Candidate):
            candidates.extend(_family(msgspec.structs.replace(given, name=name), train_seeds))
        else:
            candidates.append(Live(name, given))
    if train_seeds and all(candidate.train_seed is None for candidate in candidates):
        raise UserError("Training seeds were given, but no policy has {seed} in its URI, such as sb3:ppo_{seed}.zip.")
    return candidates


def check_apart(policies: Sequence[Candidate | Live]) -> None:
    """Raise UserError where another policy is the first one: which of them fares better is never decided."""
    first, *others = policies
    same = next((policy.name for policy in others if policy.identity == first.identity), None)
    if same is not None:
        raise UserError(
            f"{first.name} and {same} are the same policy: which of them fares better is never decided, however many "
            "episodes are played. Give another one."
        )


def _are_seeds(value: object) -> bool:
    return isinstance(value, (Sequence, range)) and len(value) > 0


def _named(policy: object) -> Iterable[tuple[str, object]]:
    if isinstance(policy, Mapping):
        for name, value in policy.items():
            yield str(name), Candidate(name=str(name), uri=value) if isinstance(value, str) else value
    elif isinstance(policy, (list, tuple)):
        for part in policy:
            yield from _named(part)
    elif isinstance(policy, Candidate):
        yield policy.name or short_name(policy.uri), policy
    elif isinstance(policy, str):
        match = _NAMED.fullmatch(policy)
        name, uri = match.groups() if match else (short_name(policy), policy)
        yield name, Candidate(name=name, uri=uri)
    else:
        named = policy if isinstance(policy, (type, FunctionType)) else type(policy)
        yield named.__name__, policy


def _family(candidate: Candidate, train_seeds: Sequence[int] | None) -> list[Candidate]:
    if "{seed}" not in f"{candidate.uri} {candidate.ckpt_path}":
        return [candidate]
    if not train_seeds:
        raise UserError(
            f"The policy {candidate.uri!r} holds {{seed}}: say which with train_seeds=[0, 1, 2] (--train-seeds 0..2)."
        )
    return [
        msgspec.structs.replace(
            candidate,
            uri=candidate.uri.replace("{seed}", str(seed)),
            ckpt_path=candidate.ckpt_path and candidate.ckpt_path.replace("{seed}", str(seed)),
            train_seed=seed,
        )
        for seed in dict.fromkeys(train_seeds)
    ]


def short_name(uri: str) -> str:
    """What a policy is called where nobody named it: the file's or the object's own name."""
    scheme, _, target = uri.partition("?")[0].partition(":")
    if not target:
        return scheme.rpartition(".")[2]
    if scheme in _ADDRESSES:
        return target.removeprefix("//")
    if scheme == _LIGHTNING:
        return re.split(r"[.:]", target.partition("@")[0])[-1]
    if "/" in target or "{task}" in target:
        path = Path(target)
        stem = path.parent.name if path.name == _LAST else path.stem
        return scheme if stem == "{task}" else stem
    is_file = Path(target).suffix in {".onnx", ".zip", ".pt", ".pth"}
    return Path(target).stem if is_file else re.split(r"[.:]", target)[-1]


def _hash_module(module: torch.nn.Module) -> str | None:
    """A hash of all that the module holds, weights included; None where that can't be told.

    Not whether it is in training: it is evaluated as `eval()` leaves it.
    """
    try:
        return fingerprint(contents(module, describe_class, passed_over={"training"}))
    except UntoldError:
        return None
