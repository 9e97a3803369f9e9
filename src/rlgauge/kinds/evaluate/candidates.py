"""The policies to be evaluated: named, and families of training seeds spread out."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from rlgauge.core.errors import UserError
from rlgauge.episodes.policy import PolicySource, parse_source
from rlgauge.kinds.evaluate.gyms import unique

_NAMED = re.compile(r"([\w.+-]+)=(.+)", re.DOTALL)


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A policy by its display name. `uri` may hold {task}; one of several training seeds knows its own."""

    name: str
    uri: str
    ckpt_path: str | None = None
    train_seed: int | None = None

    def source(self, task_id: str) -> PolicySource:
        """Where the policy for a task comes from. Raises UserError."""
        return parse_source(self.uri.replace("{task}", task_id), self.ckpt_path)


class Live:
    """A policy that exists in this process only."""

    def __init__(self, name: str, policy: object) -> None:
        """Name the object."""
        self.name = name
        self.policy = policy
        self.train_seed: int | None = None
        self._digest: str | None = None

    def digest(self) -> str:
        """A hash of its parameters where it has a `state_dict()`, else a name that no other process will ever give."""
        if self._digest is None:
            state = getattr(self.policy, "state_dict", None)
            self._digest = uuid.uuid4().hex if state is None else _hash_state(type(self.policy), state())
        return self._digest


def parse_candidates(policy: object, train_seeds: Sequence[int] | None = None) -> list[Candidate | Live]:
    """One or several policies as a person gives them: URI, `NAME=URI`, object, list, or mapping of names. Raises UserError."""
    named = list(_named(policy))
    if not named:
        raise UserError("No policy was given.")
    candidates: list[Candidate | Live] = []
    for (name, given), distinct in zip(named, unique([name for name, _ in named]), strict=True):
        if isinstance(given, Candidate):
            candidates.extend(_family(msgspec.structs.replace(given, name=distinct), train_seeds))
        else:
            candidates.append(Live(distinct, given))
        del name
    return candidates


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
        yield type(policy).__name__, policy


def _family(candidate: Candidate, train_seeds: Sequence[int] | None) -> list[Candidate]:
    if "{seed}" not in candidate.uri:
        return [candidate]
    if not train_seeds:
        raise UserError(f"The policy {candidate.uri!r} holds {{seed}}: say which ones with --train-seeds, such as 0..4.")
    return [
        msgspec.structs.replace(candidate, uri=candidate.uri.replace("{seed}", str(seed)), train_seed=seed)
        for seed in train_seeds
    ]


def short_name(uri: str) -> str:
    """What a policy is called where nobody named it: the file's or the object's own name."""
    scheme, _, target = uri.partition("?")[0].partition(":")
    if not target:
        return scheme
    if "/" in target or "{task}" in target:
        stem = Path(target).stem
        return scheme if stem == "{task}" else stem
    return Path(target).stem if Path(target).suffix in {".onnx", ".zip", ".pt", ".pth"} else re.split(r"[.:]", target)[-1]


def _hash_state(kind: type, state: Mapping[str, Any]) -> str:
    content = hashlib.blake2b(f"{kind.__module__}:{kind.__qualname__}".encode(), digest_size=16)
    for name in sorted(state):
        content.update(name.encode())
        content.update(repr(state[name].detach().cpu().numpy().tobytes()).encode() if hasattr(state[name], "detach") else repr(state[name]).encode())
    return content.hexdigest()
