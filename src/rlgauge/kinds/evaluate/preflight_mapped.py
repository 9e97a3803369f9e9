"""What stands behind a mapping: what the policy itself sees, and the actions that it gives before they are changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rlgauge.episodes.observations import make_batch
from rlgauge.episodes.policies.mapping import read_mapping
from rlgauge.episodes.policies.protocol import Action, BatchPolicy, Illegal, Observations, observation_of
from rlgauge.episodes.policies.source import PolicySource
from rlgauge.episodes.policy import open_policy

if TYPE_CHECKING:
    import gymnasium


class Heard:
    """A policy whose actions are kept in `actions`."""

    def __init__(self, policy: BatchPolicy) -> None:
        """Keep nothing yet."""
        self._policy = policy
        self.bit_stable = policy.bit_stable
        self.actions: list[Action] = []

    def begin(self, row: int, seed: int) -> None:
        """The policy's row begins."""
        self._policy.begin(row, seed)

    def act(self, observations: Observations, active: Sequence[int]) -> Sequence[Action]:
        """The policy's actions."""
        actions = self._policy.act(observations, active)
        self.actions += [actions[row] for row in active if not isinstance(actions[row], Illegal)]
        return actions

    def close(self) -> None:
        """Close the policy."""
        self._policy.close()


class _Seer:
    """A policy that only keeps what it sees."""

    bit_stable = True

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def begin(self, row: int, seed: int) -> None:
        """Nothing is remembered."""

    def act(self, observations: Observations, active: Sequence[int]) -> list[Any]:
        """No actions."""
        self.seen += [observation_of(observations, row) for row in active]
        return [Illegal("only looks") for _ in active]

    def close(self) -> None:
        """Nothing is held."""


def open_heard(
    source: PolicySource,
    *,
    observation_space: gymnasium.Space[Any],
    action_space: gymnasium.Space[Any],
    width: int,
    trust: bool,
) -> tuple[BatchPolicy, Heard | None]:
    """The policy, and the same one before its mapping where that changes actions. Raises UserError.

    Chunks are taken apart before the mapping rather than behind it, which makes the same actions.
    """
    mapping = read_mapping(source)
    if mapping is None or mapping.action is None:
        opened = open_policy(
            source, observation_space=observation_space, action_space=action_space, width=width, trust=trust
        )
        return opened, None
    adapted = mapping.between(observation_space, action_space)
    inner = open_policy(
        _unmapped(source),
        observation_space=adapted.observation_space,
        action_space=adapted.action_space,
        width=width,
        trust=trust,
    )
    heard = Heard(inner)
    return adapted.wrap(heard, width=width), heard


def seen_of(
    source: PolicySource | None,
    observations: Sequence[Any],
    *,
    observation_space: gymnasium.Space[Any],
    action_space: gymnasium.Space[Any],
) -> list[Any]:
    """What the policy itself sees of them."""
    mapping = None if source is None else read_mapping(source)
    if mapping is None:
        return list(observations)
    seer = _Seer()
    adapted = mapping.between(observation_space, action_space).wrap(seer, width=1)
    batch = make_batch(observation_space, 1)
    for observation in observations:
        batch.put(0, observation)
        adapted.act(batch.value, [0])
    return seer.seen


def _unmapped(source: PolicySource) -> PolicySource:
    """The source without its mapping."""
    head, _, query = source.uri.partition("?")
    kept = [option for option in query.split("&") if option.partition("=")[0] != "mapping"]
    return PolicySource(head + ("?" + "&".join(kept) if kept else ""), source.ckpt_path)
