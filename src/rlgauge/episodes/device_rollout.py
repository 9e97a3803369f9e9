"""Playing a list of episodes on a device: which lane plays which, and what came of each.

An episode's lane follows from its index alone, and the policy is always called for all lanes: an episode's outcome
depends neither on how many there are, nor on which of them were played before.

Shapes: L lanes; Q rows of a queue; T chunks of a call.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import numpy as np
from numpy.typing import NDArray

from rlgauge.core import platform
from rlgauge.core.errors import UserError
from rlgauge.episodes import device_ends
from rlgauge.episodes.device_loop import NO_LIMIT, NUM_CHUNKS, NUM_ROWS, Ended, Lanes, Program, Queue
from rlgauge.episodes.rollout import Episode, Played

LONGEST = 1_000_000
"""Steps after which an episode without a limit is given up."""


class Sheet(NamedTuple):
    """Episodes to be played by L lanes: by row and lane, and their queue."""

    episodes: list[list[Episode | None]]
    queue: Queue


class Task(NamedTuple):
    """What is played: its name, its limit of steps, and what a policy may do there, in words."""

    id: str
    max_steps: int | None
    allowed: str

    @property
    def limit(self) -> NDArray[np.int32]:
        """Of steps, as compiled code takes it."""
        return np.asarray(self.max_steps or NO_LIMIT, np.int32)


def sheets(episodes: Sequence[Episode], *, num_lanes: int, num_parts: int = 1) -> list[Sheet]:
    """The episodes by rows of lanes, in so many parts or more, which may be played at once.

    An episode is played in the lane of its index modulo L, so that it has the same row of a batch in every evaluation.
    """
    columns: list[list[Episode]] = [[] for _ in range(num_lanes)]
    for episode in sorted(episodes, key=lambda episode: episode.index):
        columns[episode.index % num_lanes].append(episode)
    rows = list(itertools.zip_longest(*columns))
    size = min(NUM_ROWS, -(-len(rows) // num_parts))
    return [_sheet([list(row) for row in rows[first : first + size]]) for first in range(0, len(rows), size)]


def _sheet(rows: list[list[Episode | None]]) -> Sheet:
    """A column may be empty, or shorter than others; nothing is missing within."""
    shape = (NUM_ROWS, len(rows[0]))
    seeds, action_seeds = np.zeros(shape, np.uint32), np.zeros(shape, np.uint32)
    num = np.zeros(shape[1], np.int32)
    for row, episodes in enumerate(rows):
        for lane, episode in enumerate(episodes):
            if episode is not None:
                seeds[row, lane], action_seeds[row, lane] = episode.seed, episode.action_seed
                num[lane] = row + 1
    return Sheet(rows, Queue(seeds, action_seeds, num))


def example(lanes: Lanes) -> tuple[Queue, NDArray[np.int32]]:
    """A queue and a limit of the shapes that these lanes are given."""
    sheet = _sheet([[None] * len(lanes.row)])
    return sheet.queue, Task("", None, "").limit


@dataclass(frozen=True)
class Compiled:
    """An environment and a policy in one program, with the lanes that it starts from and the policy's parameters."""

    program: Program
    params: Any
    lanes: Lanes

    def play(self, episodes: Sequence[Episode], task: Task) -> Iterator[Played]:
        """Every episode of the list, in the order in which they end. Raises UserError for one that does not end."""
        num_at_once = _num_processors()
        waiting = iter(sheets(episodes, num_lanes=len(self.lanes.row), num_parts=num_at_once))
        flying = [self._launched(sheet, self.lanes, task) for sheet in itertools.islice(waiting, num_at_once)]
        while flying:
            flight = flying.pop(0)
            num_chunks = int(flight.num_chunks)
            ended = Ended(*(np.asarray(rows)[:num_chunks] for rows in flight.ended))
            if num_chunks == NUM_CHUNKS:
                check_ends(flight.lanes, task)
                flying.append(self._launched(flight.sheet, flight.lanes, task))
            else:
                flying += [self._launched(sheet, self.lanes, task) for sheet in itertools.islice(waiting, 1)]
            yield from told(ended, flight.sheet, task)

    def _launched(self, sheet: Sheet, lanes: Lanes, task: Task) -> _Flight:
        """A call that is being computed while the host goes on."""
        return _Flight(sheet, *self.program(self.params, lanes, sheet.queue, task.limit))


class _Flight(NamedTuple):
    sheet: Sheet
    lanes: Lanes
    ended: Ended
    num_chunks: Any


def _num_processors() -> int:
    """How many programs the device can run at once."""
    return len(platform.affinity() or (0,)) if jax.default_backend() == "cpu" else 1


def check_ends(lanes: Lanes, task: Task) -> None:
    """Raise UserError where an episode goes on for ever, as far as anybody can tell."""
    lengths = np.asarray(lanes.length)[np.asarray(lanes.end) == device_ends.PLAYING]
    if task.max_steps is None and lengths.max(initial=0) > LONGEST:
        raise UserError(
            f"An episode of {task.id} has not ended after {LONGEST:,} steps, and nothing limits it: give --max-steps "
            "(max_steps)."
        )


def told(ended: Ended, sheet: Sheet, task: Task) -> Iterator[Played]:
    """The episodes that ended, from arrays (T, L)."""
    at, lanes = np.nonzero(ended.end)
    totals = ended.total[at, lanes].astype(np.float64) - ended.lost[at, lanes]
    columns = (lanes, ended.row[at, lanes], ended.end[at, lanes], totals, ended.length[at, lanes])
    for lane, row, end, total, length in zip(*(column.tolist() for column in columns), strict=True):
        episode = sheet.episodes[row][lane]
        if episode is not None:
            yield _one(episode, task, end=end, total=total, length=length)


def _one(episode: Episode, task: Task, *, end: int, total: float, length: int) -> Played:
    fault = device_ends.fault(end, length, task.allowed)
    return Played(
        task_id=task.id,
        index=episode.index,
        seed=episode.seed,
        total_return=total if fault is None else None,
        length=length,
        terminated=device_ends.is_terminated(end),
        truncated=device_ends.is_truncated(end),
        success_at_end=None,
        success_ever=None,
        success_at_reset=False,
        environment_seconds=None,
        info={},
        error=fault,
    )
