"""Requests that wait at the same time go through the policy together.

The policy is always called with the same number of rows, as it is in an evaluation of so many lanes: what is not asked
is zero or stale. A policy that remembers keeps a row for each row that is asked; of any other the rows are filled anew
in each pass. A pass that takes long is done by another thread, so that the server goes on hearing meanwhile; for a
short one that would cost more than the pass. There are never two passes at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import heapq
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any

from rlgauge.episodes.observations import make_batch
from rlgauge.episodes.policies.protocol import Action, BatchPolicy

if TYPE_CHECKING:
    import gymnasium


MAX_WAIT = 0.001
"""Seconds that a pass waits for those who are likely to ask, where it takes long enough for that to pay."""
_WAIT_SHARE = 0.2
"""Of what a pass takes, so much at most is waited for it to fill."""
_LEAST_WAIT = 0.0005
_SOON = 10
"""Who asked within the time of so many passes is likely to ask again."""
_SHORT_SECONDS = 0.002
"""A pass is handed to the other thread where the one before took longer."""


class FullError(Exception):
    """All rows of a policy that remembers are taken."""


class SharedPassError(Exception):
    """A pass failed that several shared, and nobody knows by whose row; what the policy remembers is not known."""


@dataclass(slots=True)
class Row:
    """One observation that waits for its action; `seed` starts an episode. `place` is None where any row will do."""

    observation: Any
    seed: int | None = None
    place: int | None = None


@dataclass(slots=True, eq=False)
class Guest:
    """Who asks: its rows' places, how many it asked last and when."""

    places: dict[int, int | None] = field(default_factory=dict)
    num_rows: int = 0
    asked: float = 0.0


@dataclass(slots=True)
class Request:
    """Rows that were asked together, and when."""

    rows: Sequence[Row]
    answered: asyncio.Future[None]
    arrived: float = field(default_factory=perf_counter)
    actions: list[Action] = field(default_factory=list)
    infer_seconds: float = 0.0
    queue_seconds: float = 0.0


class Totals:
    """What was done since the start."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.requests = 0
        self.rows = 0
        self.passes = 0
        self.infer_seconds = 0.0

    def to_json(self) -> dict[str, float]:
        """The sums by name."""
        return dict(vars(self))


class Batcher:
    """Asks one policy, opened for `width` rows, on behalf of many."""

    def __init__(
        self,
        policy: BatchPolicy,
        observation_space: gymnasium.Space[Any],
        *,
        width: int,
        remembers: bool,
        shares: bool = True,
        wait_seconds: float = MAX_WAIT,
        thread: ThreadPoolExecutor,
    ) -> None:
        """Nothing is asked yet; `run` must be running.

        Without `shares` each request has a pass of its own, so that an error is told to who is at fault and nobody
        else: for policies that are asked row by row anyway, which gain nothing by sharing.
        """
        self.width = width
        self._shares = shares
        self.remembers = remembers
        self.totals = Totals()
        self._policy = policy
        self._batch = make_batch(observation_space, width)
        self._wait_seconds = wait_seconds
        self._thread = thread
        self._pass_seconds = 0.0
        self._guests: set[Guest] = set()
        self._free = list(range(width))
        self._waiting: deque[Request] = deque()
        self._has_come = asyncio.Event()
        self._is_idle = asyncio.Event()
        self._is_idle.set()

    @contextlib.contextmanager
    def guest(self) -> Iterator[Guest]:
        """Somebody who asks, and whose places are free for others afterwards."""
        guest = Guest()
        self._guests.add(guest)
        try:
            yield guest
        finally:
            self._guests.discard(guest)
            for row in list(guest.places):
                self.forget(guest, row)

    def row(self, guest: Guest, row: int, observation: Any, seed: int | None) -> Row:  # noqa: ANN401
        """What is asked of a guest's row, whose first request starts an episode in any case. Raises FullError."""
        if row not in guest.places:
            guest.places[row] = self._take_place()
            seed = 0 if seed is None else seed
        return Row(observation, seed, guest.places[row])

    def forget(self, guest: Guest, row: int) -> None:
        """A guest's row begins anew when it is asked next, and until then is free for others."""
        place = guest.places.pop(row, None)
        if place is not None:
            heapq.heappush(self._free, place)

    def _take_place(self) -> int | None:
        if not self.remembers:
            return None
        if not self._free:
            raise FullError
        return heapq.heappop(self._free)

    async def ask(self, guest: Guest, rows: Sequence[Row]) -> Request:
        """The request, answered. Raises what the policy raises."""
        request = Request(rows, asyncio.get_running_loop().create_future())
        guest.num_rows, guest.asked = len(rows), request.arrived
        self._waiting.append(request)
        self._is_idle.clear()
        self._has_come.set()
        await request.answered
        return request

    async def idle(self) -> None:
        """Come back when nothing waits."""
        await self._is_idle.wait()

    async def run(self) -> None:
        """Pass after pass, for ever."""
        while True:
            await self._has_come.wait()
            await self._gather()
            await self._pass(self._taken())
            if not self._waiting:
                self._has_come.clear()
                self._is_idle.set()

    async def _gather(self) -> None:
        """Wait a little for those who are likely to ask: else two who take turns would never share a pass."""
        longest = min(self._wait_seconds, _WAIT_SHARE * self._pass_seconds) if self._shares else 0.0
        until = perf_counter() + longest
        while longest >= _LEAST_WAIT and self._num_waiting() < self._num_likely():
            self._has_come.clear()
            try:
                await asyncio.wait_for(self._has_come.wait(), until - perf_counter())
            except TimeoutError:
                return

    def _num_waiting(self) -> int:
        return sum(len(request.rows) for request in self._waiting)

    def _num_likely(self) -> int:
        """Rows that will soon wait, as far as a pass holds them."""
        since = perf_counter() - _SOON * self._pass_seconds
        return min(self.width, sum(guest.num_rows for guest in self._guests if guest.asked > since))

    def _taken(self) -> list[Request]:
        """Whole requests that fit into one pass together; one that is larger than a pass comes alone."""
        taken = [self._waiting.popleft()]
        room = self.width - len(taken[0].rows)
        while self._shares and self._waiting and len(self._waiting[0].rows) <= room:
            taken.append(self._waiting.popleft())
            room -= len(taken[-1].rows)
        return taken

    async def _pass(self, requests: list[Request]) -> None:
        try:
            await self._answer(requests)
        except Exception as error:  # noqa: BLE001  # a policy is anybody's code and may raise anything
            if len(requests) == 1:
                _fail(requests, error)
                return
            if self.remembers:  # so that it has gone on in some rows by now
                _fail(requests, SharedPassError(f"{type(error).__name__}: {error}"))
                return
            for request in requests:  # so that only who is at fault hears of it
                await self._pass([request])

    async def _answer(self, requests: list[Request]) -> None:
        start = perf_counter()
        rows = [row for request in requests for row in request.rows]
        if 0 < self._pass_seconds < _SHORT_SECONDS:
            actions = self._infer(rows)
        else:
            actions = await asyncio.get_running_loop().run_in_executor(self._thread, self._infer, rows)
        seconds = perf_counter() - start
        self._pass_seconds = seconds
        self.totals.requests += len(requests)
        self.totals.rows += len(rows)
        self.totals.infer_seconds += seconds
        for request in requests:
            request.actions, actions = actions[: len(request.rows)], actions[len(request.rows) :]
            request.infer_seconds = seconds
            request.queue_seconds = start - request.arrived
            if not request.answered.done():  # who asked may have gone
                request.answered.set_result(None)

    def _infer(self, rows: Sequence[Row]) -> list[Action]:
        actions: list[Action] = []
        for first in range(0, len(rows), self.width):
            actions.extend(self._forward(rows[first : first + self.width]))
        return actions

    def _forward(self, rows: Sequence[Row]) -> list[Action]:
        """One call of the policy."""
        places = [position if row.place is None else row.place for position, row in enumerate(rows)]
        for place, row in zip(places, rows, strict=True):
            if row.seed is not None:
                self._policy.begin(place, row.seed)
            self._batch.put(place, row.observation)
        actions = self._policy.act(self._batch.value, sorted(places))
        self.totals.passes += 1
        return [copy.deepcopy(actions[place]) for place in places]  # which the next call may overwrite


def _fail(requests: list[Request], error: Exception) -> None:
    for request in requests:
        if not request.answered.done():
            request.answered.set_exception(error)
