"""Policies that decide on several actions at once, of which the first few are executed before they are asked again."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rlgauge.core.errors import UserError
from rlgauge.episodes.latency import Elsewhere, Latency
from rlgauge.episodes.policies.protocol import Action, BatchPolicy, Illegal, Observations

if TYPE_CHECKING:
    import gymnasium


def chunk_space(action_space: gymnasium.Space[Any]) -> gymnasium.Space[Any]:
    """The space of sequences of such actions."""
    from gymnasium import spaces

    return spaces.Sequence(action_space)


class ChunkedPolicy:
    """Executes the first `horizon` actions of each chunk of another policy, without looking, row by row.

    The other policy's actions are sequences. It is asked for those rows that have nothing left to execute.
    """

    def __init__(self, policy: BatchPolicy, *, horizon: int, width: int, name: str) -> None:
        self._policy = policy
        self._horizon = horizon
        self._name = name
        self._left: list[deque[Action]] = [deque() for _ in range(width)]
        self.bit_stable = policy.bit_stable
        self.num_calls = 0

    def begin(self, row: int, seed: int) -> None:
        """What is left of the row's chunk is forgotten."""
        self._left[row].clear()
        self._policy.begin(row, seed)

    def act(self, observations: Observations, active: Sequence[int]) -> Sequence[Action]:
        """The next action of each active row. Raises UserError for a chunk that is shorter than the horizon."""
        asked = [row for row in active if not self._left[row]]
        if asked:
            chunks = self._policy.act(observations, asked)
            self.num_calls += 1
            for row in asked:
                self._left[row].extend(self._executed(chunks[row]))
        actions: list[Action] = [None] * len(self._left)
        for row in active:
            actions[row] = self._left[row].popleft()
        return actions

    def note_in(self, latency: Latency) -> None:
        """The other policy's own parts of its calls, where it knows them."""
        if isinstance(self._policy, Elsewhere):
            self._policy.note_in(latency)

    def close(self) -> None:
        """Close the other policy."""
        self._policy.close()

    def _executed(self, chunk: Any) -> Sequence[Action]:  # noqa: ANN401  # a sequence of actions, or Illegal
        if isinstance(chunk, Illegal):
            return [chunk]
        if len(chunk) < self._horizon:
            raise UserError(
                f"The policy {self._name} decides on {len(chunk)} actions at once, fewer than horizon={self._horizon}."
            )
        return list(chunk[: self._horizon])
