"""Opening a policy in order to serve it."""

from __future__ import annotations

from rlgauge.core.errors import UserError
from rlgauge.episodes.policies.chunks import chunk_space
from rlgauge.episodes.policies.hub import source_in_repository
from rlgauge.episodes.policies.objects import Batched, Rows, StatefulRows
from rlgauge.episodes.policies.onnx import OnnxPolicy
from rlgauge.episodes.policies.torchscript import TorchPolicy
from rlgauge.episodes.policies.zero import ZeroPolicy
from rlgauge.episodes.policy import BatchPolicy, PolicySource, open_policy
from rlgauge.episodes.spec_check import check_policy, row_dependence
from rlgauge.serving.policy_server import Served
from rlgauge.serving.space_files import Spaces

_FORGETFUL = (Batched, OnnxPolicy, Rows, TorchPolicy, ZeroPolicy)
"""Of these it is known that an answer follows from its observation alone; any other is taken to remember."""


def open_served(
    source: PolicySource,
    spaces: Spaces,
    *,
    width: int,
    trust: bool = False,
    forgets: bool = False,
    chunks: bool = False,
) -> Served:
    """The policy, opened and tried on a sample of what it will observe. Raises UserError.

    `forgets` promises that an answer follows from its observation alone, where that is not known. With `chunks` the
    policy answers with several actions at once, and clients know how many of them they execute.
    """
    if width < 1:
        raise UserError(f"A pass has at least one row, not {width}.")
    if forgets:
        _check_promise(source)
    if chunks:
        spaces = Spaces(spaces.observation, chunk_space(spaces.action))
    observed, acted = spaces
    policy = open_policy(source, observation_space=observed, action_space=acted, width=width, trust=trust)
    try:
        is_bit_stable = _tried(policy, spaces, width=width, name=source.uri)
    except BaseException:
        policy.close()
        raise
    return Served(
        policy=policy,
        observation_space=observed,
        action_space=acted,
        width=width,
        remembers=not forgets and not isinstance(policy, _FORGETFUL),
        bit_stable=is_bit_stable,
        digest=source.digest(),
        name=source.uri,
        shares=not isinstance(policy, StatefulRows),
    )


def _check_promise(source: PolicySource) -> None:
    """Raise UserError where it is known that an answer does not follow from its observation alone."""
    found = source_in_repository(source) if source.scheme == "hf" else source
    if found.horizon is not None:
        raise UserError(
            f"The policy {source.uri} executes chunks (horizon={found.horizon}), so that it remembers what is left of "
            "them: serve it without --stateless, or without the horizon and with --chunks, and let the clients write "
            "ws://HOST:PORT?horizon=N."
        )
    known = _known_to_remember(found)
    if known is not None:
        raise UserError(f"The policy {source.uri} {known}: serve it without --stateless.")


def _known_to_remember(source: PolicySource) -> str | None:
    if source.scheme == "random" or (source.scheme == "sb3" and source.option("deterministic") == "false"):
        return "draws its actions from a generator of each episode"
    if source.scheme == "lerobot":
        return "remembers what it saw and what it decided on in each episode"
    return None


def _tried(policy: BatchPolicy, spaces: Spaces, *, width: int, name: str) -> bool:
    """Whether the policy's bits depend on nothing but the row's observation. Raises UserError where it does not fit."""
    observed, acted = spaces
    observed.seed(0)
    observation = observed.sample()
    check_policy(
        policy,
        observation_space=observed,
        action_space=acted,
        observation=observation,
        width=width,
        name=name,
        environment="the environment to serve",
    )
    return policy.bit_stable and not row_dependence(
        policy, observation_space=observed, observation=observation, width=width
    )
