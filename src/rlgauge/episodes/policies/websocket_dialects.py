"""What is said to policy servers, and how their answers are read.

`Rows` is our own server's: all rows in one round trip. `OneByOne` is openpi's: one observation, one answer; `Anew` is
the same where it remembers: a connection for each episode. `Sessions` is vla-eval's: a connection for each row, which
is told when an episode starts.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from rlgauge.core.errors import UserError
from rlgauge.episodes.policies.protocol import Illegal, Observations, observation_of
from rlgauge.episodes.policies.websocket_link import Link, LostError
from rlgauge.episodes.policies.websocket_wire import PROTOCOL, ROWS, pack

_ACTION_KEYS = ("actions", "action")
OBSERVATION = "observation"
"""The key under which an observation is sent that is no dictionary itself."""


class Known(NamedTuple):
    """What a server says of itself; a policy of which nothing is said is not bit-stable."""

    metadata: dict[str, Any]
    digest: str | None = None
    remembers: bool = False
    bit_stable: bool = False
    spaces: tuple[Mapping[str, Any], Mapping[str, Any]] | None = None
    """What it observes and what it does, as `spaces.form` has it."""


class Answers(NamedTuple):
    """An action, a chunk of them, or Illegal for each row asked; the seconds that the server says it took.

    Actions of the same form may be the rows of one array.
    """

    actions: list[Any] | NDArray[Any]
    inference_seconds: float | None = None
    queue_seconds: float | None = None


class Dialect(Protocol):
    """An open conversation with a server."""

    known: Known

    def ask(self, rows: list[int], begun: Mapping[int, int], observations: Observations) -> Answers:
        """An answer for each of `rows`, whose observations these are; `begun` has the seeds of episodes that start.

        Raises LostError; UserError where the server says that something is wrong.
        """

    def close(self) -> None:
        """End it."""


def open_dialect(address: str, protocol: str, *, timeout: float, remembers: bool = False) -> Dialect:
    """A conversation with the server, by what it says when greeted. Raises LostError, UserError.

    `remembers` is of servers that don't say it themselves.
    """
    if protocol == "vla-eval":
        return Sessions(address, timeout=timeout)
    link = Link(address, timeout=timeout)
    try:
        if ROWS in link.metadata:
            return Rows(link, address)
        return Anew(link, address, timeout=timeout) if remembers else OneByOne(link, address)
    except BaseException:
        link.close()
        raise


class Rows:
    """Our own server."""

    def __init__(self, link: Link, address: str) -> None:
        """Read what it announces. Raises UserError for another version."""
        self._link = link
        self._address = address
        told = link.metadata[ROWS]
        if told.get("protocol") != PROTOCOL:
            raise UserError(
                f"The policy server {address} speaks version {told.get('protocol')!r} of rlgauge's requests, and this "
                f"is version {PROTOCOL}: use the same rlgauge on both sides."
            )
        self.known = Known(
            link.metadata,
            digest=told["digest"],
            remembers=told["remembers"],
            bit_stable=told["bit_stable"],
            spaces=tuple(told["spaces"]) if "spaces" in told else None,
        )

    def ask(self, rows: list[int], begun: Mapping[int, int], observations: Observations) -> Answers:
        """One round trip for all rows."""
        self._link.send({ROWS: {"rows": rows, "begin": list(begun.items())}, "observations": observations})
        reply = self._link.receive()
        actions = _field(reply, ("actions",), self._address)
        for index, fault in reply.get("faults", {}).items():
            actions[index] = Illegal(fault)
        if len(actions) != len(rows):
            raise UserError(f"The policy server {self._address} answered {len(rows)} rows with {len(actions)} actions.")
        return Answers(actions, _seconds(reply, "infer_ms"), _seconds(reply, "queue_ms"))

    def close(self) -> None:
        """End the connection."""
        self._link.close()


class OneByOne:
    """A server as openpi has it, which knows of no rows and of no episodes."""

    def __init__(self, link: Link, address: str) -> None:
        """Its metadata may be anything."""
        self._link = link
        self._address = address
        self.known = Known(link.metadata)

    def ask(self, rows: list[int], begun: Mapping[int, int], observations: Observations) -> Answers:  # noqa: ARG002
        """One round trip a row."""
        actions, seconds = [], []
        for position in range(len(rows)):
            reply = _asked_once(self._link, observation_of(observations, position))
            actions.append(_field(reply, _ACTION_KEYS, self._address))
            seconds.append(_seconds(reply, "infer_ms"))
        return Answers(actions, _sum(seconds))

    def close(self) -> None:
        """End the connection."""
        self._link.close()


class Anew:
    """A server as openpi has it whose policy remembers: each row has a connection, and each episode a new one.

    It knows of no episodes, so that a connection is all by which it can tell them apart.
    """

    def __init__(self, link: Link, address: str, *, timeout: float) -> None:
        """The first episode has the connection that was greeted."""
        self._idle = [link]
        self._links: dict[int, Link] = {}
        self._address = address
        self._timeout = timeout
        self.known = Known(link.metadata, remembers=True)

    def ask(self, rows: list[int], begun: Mapping[int, int], observations: Observations) -> Answers:
        """One round trip a row."""
        actions, seconds = [], []
        for position, row in enumerate(rows):
            reply = _asked_once(self._link_of(row, is_new=row in begun), observation_of(observations, position))
            actions.append(_field(reply, _ACTION_KEYS, self._address))
            seconds.append(_seconds(reply, "infer_ms"))
        return Answers(actions, _sum(seconds))

    def close(self) -> None:
        """End all connections."""
        for link in (*self._links.values(), *self._idle):
            link.close()

    def _link_of(self, row: int, *, is_new: bool) -> Link:
        if is_new and row in self._links:
            self._links.pop(row).close()
        if row not in self._links:
            self._links[row] = self._idle.pop() if self._idle else self._opened()
        return self._links[row]

    def _opened(self) -> Link:
        link = Link(self._address, timeout=self._timeout)
        if pack(link.metadata) != pack(self.known.metadata):
            link.close()
            raise LostError("greets with other metadata than before")  # who connects anew compares it
        return link


class Sessions:
    """A server as vla-eval has it: a connection is a session, and what the model remembers is the session's."""

    def __init__(self, address: str, *, timeout: float) -> None:
        """Greet it once; further connections are made for the rows that need them."""
        self._address = address
        self._timeout = timeout
        self._links: dict[int, Link] = {}
        self._numbers: dict[int, int] = {}
        self._idle = [self._greeted()]
        link = self._idle[0]
        self.known = Known(link.metadata, remembers=True)

    def ask(self, rows: list[int], begun: Mapping[int, int], observations: Observations) -> Answers:
        """All rows are told before the first is heard, so that the server may answer them together."""
        for position, row in enumerate(rows):
            if row not in self._links:
                self._links[row] = self._idle.pop() if self._idle else self._greeted()
            if row in begun:
                if row in self._numbers:
                    self._say(row, "episode_end", {})
                self._say(row, "episode_start", {"action_seed": begun[row]})
            self._say(row, "observation", _as_map(observation_of(observations, position)))
        return Answers([self._heard(row) for row in rows])

    def close(self) -> None:
        """End all sessions."""
        for link in (*self._links.values(), *self._idle):
            link.close()

    def _greeted(self) -> Link:
        link = Link(self._address, timeout=self._timeout, greets=False)
        try:
            link.send(_message("hello", {"harness_version": "rlgauge", "protocol_version": 1}, 0))
            link.metadata = _payload(link.receive(), "hello", self._address)
        except BaseException:
            link.close()
            raise
        return link

    def _say(self, row: int, kind: str, payload: object) -> None:
        self._numbers[row] = self._numbers.get(row, 0) + 1
        self._links[row].send(_message(kind, payload, self._numbers[row]), named=True)

    def _heard(self, row: int) -> Any:  # noqa: ANN401  # whatever the server calls an action
        message = self._links[row].receive()
        return _field(_payload(message, "action", self._address), _ACTION_KEYS, self._address)


def _asked_once(link: Link, observation: Any) -> Any:  # noqa: ANN401  # of the environment's own type, and any answer
    link.send(_as_map(observation))
    return link.receive()


def _sum(seconds: list[float | None]) -> float | None:
    told = [own for own in seconds if own is not None]
    return sum(told) if len(told) == len(seconds) else None


def _message(kind: str, payload: object, number: int) -> dict[str, object]:
    return {"type": kind, "payload": payload, "seq": number, "timestamp": time.time()}


def _payload(message: Any, kind: str, address: str) -> dict[str, Any]:  # noqa: ANN401  # whatever the server sent
    if not isinstance(message, dict) or message.get("type") not in {kind, "error"}:
        raise UserError(f"The policy server {address} does not speak as vla-eval does: it sent {message!r:.60}.")
    payload = message.get("payload")
    if message["type"] == "error" or not isinstance(payload, dict):
        raise UserError(f"The policy server {address} answers: {payload!r:.300}.")
    return payload


def _as_map(observation: Any) -> Any:  # noqa: ANN401  # of the environment's own type
    return observation if isinstance(observation, dict) else {OBSERVATION: observation}


def _field(reply: Any, names: tuple[str, ...], address: str) -> Any:  # noqa: ANN401  # whatever the server sent
    """The entry of the first of these names; a single array needs no name."""
    if isinstance(reply, np.ndarray):
        return reply
    if isinstance(reply, dict):
        for name in names:
            if name in reply:
                return reply[name]
        told = f"a map of {', '.join(map(str, reply)) or 'nothing'}"
    else:
        told = f"{reply!r:.60}"
    raise UserError(f"The policy server {address} answered with {told}, and {names[0]!r} is needed.")


def _seconds(reply: Any, name: str) -> float | None:  # noqa: ANN401
    timing = reply.get("server_timing") if isinstance(reply, dict) else None
    told = timing.get(name) if isinstance(timing, dict) else None
    return float(told) / 1000 if isinstance(told, (int, float)) else None
