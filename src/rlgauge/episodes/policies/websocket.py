"""Policies behind a websocket: `ws://HOST:PORT` and `wss://HOST:PORT`, in the protocol of openpi and in our own.

What a server does not answer is asked again on a new connection. A policy that remembers is first told again all that
it was asked in the episodes being played, and must answer as it did: so nothing is lost, and nothing is made up.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterable, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rlgauge.core.errors import UserError
from rlgauge.episodes.latency import Latency
from rlgauge.episodes.policies.actions import Quick, one_action, ready_actions
from rlgauge.episodes.policies.protocol import Action, Illegal, Observations, observation_of
from rlgauge.episodes.policies.source import PolicySource
from rlgauge.episodes.policies.spaces import Box, Chunk, Spec, describe, difference, form
from rlgauge.episodes.policies.websocket_dialects import Answers, Dialect, Known, open_dialect
from rlgauge.episodes.policies.websocket_link import LostError
from rlgauge.episodes.policies.websocket_tape import Tape
from rlgauge.episodes.policies.websocket_wire import pack

if TYPE_CHECKING:
    import gymnasium

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0
_LOG = logging.getLogger(__name__)


def load_policy(
    source: PolicySource,
    *,
    observation_space: gymnasium.Space[Any],
    action_space: gymnasium.Space[Any],
    width: int,
    trust: bool = False,  # noqa: ARG001  # no message can run code
) -> RemotePolicy:
    """The policy that the server serves, asked for `width` rows. Raises UserError."""
    asked = Asked(describe(observation_space), describe(action_space), is_mapped=source.file("mapping") is not None)
    return RemotePolicy(Server.of(source.uri), asked, width=width)


def identity(uri: str) -> str:
    """What tells the policy behind the address from others. Raises UserError where no server answers.

    Our own server tells a hash of the policy's content; of another it is the address and the metadata.
    """
    server = Server.of(uri)
    dialect = server.opened()
    dialect.close()
    return server.identity_of(dialect.known)


class Server:
    """An address, and how long to wait for it."""

    def __init__(self, address: str, *, timeout: float, patience: float, remembers: bool | None, protocol: str) -> None:
        """Nothing is connected yet. `remembers` is None where the server is to say it."""
        self.address = address
        self.protocol = protocol
        self.remembers = remembers
        self.waiting = Waiting(self.address, patience)
        self._timeout = timeout

    @classmethod
    def of(cls, uri: str) -> Server:
        """As the options after the `?` say."""
        source = PolicySource(uri)
        return cls(
            uri.partition("?")[0],
            timeout=float(source.option("timeout")),
            patience=float(source.option("patience")),
            remembers={"auto": None, "true": True, "false": False}[source.option("remembers")],
            protocol=source.option("protocol"),
        )

    def connect(self) -> Dialect:
        """Connected, without waiting. Raises LostError; UserError for what waiting would not change."""
        return open_dialect(self.address, self.protocol, timeout=self._timeout, remembers=self.remembers is True)

    def opened(self) -> Dialect:
        """Connected, if need be after waiting. Raises UserError."""
        while True:
            try:
                dialect = self.connect()
            except LostError as error:
                self.waiting.wait(error)
            else:
                self.waiting.end()
                return dialect

    def identity_of(self, known: Known) -> str:
        """See `identity`."""
        if known.digest is not None:
            return f"rlgauge {known.digest}"
        told = pack([self.address, known.metadata])
        return f"{self.protocol} {hashlib.blake2b(told, digest_size=16).hexdigest()}"


class Asked(NamedTuple):
    """The spaces for which a server is asked; `is_mapped` where a mapping makes them."""

    observation: Spec
    action: Spec
    is_mapped: bool = False

    def check(self, server: Server, known: Known) -> None:
        """Raise UserError where the server tells of other spaces. Bounds of observations may differ.

        A mapping casts and brings its own bounds for actions.
        """
        if known.spaces is None:
            return
        seen, acted = known.spaces
        bounds = ("low", "high")
        found = difference(form(self.observation), seen, ignored=(*bounds, "dtype") if self.is_mapped else bounds)
        if found is not None:
            raise self._refusal(server, "observations", found)
        own = form(self.action)
        if own["kind"] != acted["kind"] and Chunk.__name__ in {own["kind"], acted["kind"]}:
            return  # which its first answer shows, and what to do about it is said then
        found = difference(own, acted, ignored=(*bounds, "dtype") if self._maps_actions() else ())
        if found is not None:
            raise self._refusal(server, "actions", found)

    def _maps_actions(self) -> bool:
        """A mapping of actions has no bounds on this side."""
        one = self.action.of if isinstance(self.action, Chunk) else self.action
        return self.is_mapped and isinstance(one, Box) and not np.isfinite(one.low).any()

    def _refusal(self, server: Server, what: str, found: str) -> UserError:
        return UserError(
            f"The policy server {server.address} was started for other {what}: here they are {found}. Start it with "
            "the spaces of this environment (--env or --spaces); where a mapping makes the one of the other, give "
            "?mapping=FILE."
        )


class Waiting:
    """Waits for a server that is gone, longer and longer, and not for ever."""

    def __init__(self, address: str, seconds: float) -> None:
        """Be ready to wait so long in all."""
        self._address = address
        self._seconds = seconds
        self._since: float | None = None
        self._pause = _FIRST_PAUSE

    def wait(self, error: LostError) -> None:
        """Wait a little. Raises UserError where the time is over."""
        now = time.monotonic()
        if self._since is None:
            self._since, self._pause = now, _FIRST_PAUSE
            _LOG.warning("The policy server %s %s; waiting up to %g s for it.", self._address, error, self._seconds)
        left = self._since + self._seconds - now
        if left <= 0:
            raise UserError(
                f"The policy server {self._address} {error}, and waiting {self._seconds:g} s for it did not help. "
                "Episodes that were stored are kept: start it, and give the same command again."
            ) from error
        time.sleep(min(self._pause, left))
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)

    def end(self) -> None:
        """The server has answered."""
        if self._since is not None:
            seconds = time.monotonic() - self._since
            _LOG.warning("The policy server %s is back after %.1f s.", self._address, seconds)
            self._since = None


class RemotePolicy:
    """A policy elsewhere, whose answers are converted to the action space."""

    def __init__(self, server: Server, asked: Asked, *, width: int) -> None:
        """Connect. Raises UserError, also for a server of other spaces."""
        self._server = server
        self._spaces = asked
        self._dialect: Dialect | None = server.opened()
        known = self._dialect.known
        self._check_spaces(self._dialect)
        self._identity = server.identity_of(known)
        self._remembers = known.remembers if server.remembers is None else server.remembers
        self.bit_stable = known.bit_stable
        self._width = width
        self._action_space = asked.action
        self._convert = one_action(asked.action)
        self._ready: dict[int, Quick] = {}
        self._latency: Latency | None = None
        self._begun: dict[int, int] = {}
        """The action seeds of rows whose episode the server does not know of yet."""
        self._tapes: dict[int, Tape] = {}
        self._spoilt: set[int] = set()
        """Rows whose policy did not answer again as it had."""

    def note_in(self, latency: Latency) -> None:
        """From now on the parts of each call are noted there: inference, queue, network."""
        self._latency = latency

    def begin(self, row: int, seed: int) -> None:
        """The row's episode starts; the server hears of it with the first observation."""
        self._begun[row] = seed
        self._spoilt.discard(row)
        if self._remembers:
            self._forget(row)
            self._tapes[row] = Tape(seed)

    def act(self, observations: Observations, active: Sequence[int]) -> Sequence[Action]:
        """One request for all active rows, or one for each where the server takes one. Raises UserError."""
        rows, answered = self._answered(observations, list(active))
        actions: list[Action] = [None] * self._width
        for row in self._spoilt.intersection(active):
            actions[row] = Illegal(
                "lost its server and did not answer again as it had, when its episode was told to it once more"
            )
        for row, action, own in zip(rows, self._converted(answered), answered, strict=True):
            if row in self._tapes and not isinstance(own, Illegal):
                self._tapes[row].append(observation_of(observations, row), own)
            actions[row] = action
        return actions

    def close(self) -> None:
        """The connection ends, and what was kept for asking again goes."""
        self._drop()
        for row in list(self._tapes):
            self._forget(row)

    def _answered(self, observations: Observations, active: list[int]) -> tuple[list[int], list[Any] | NDArray[Any]]:
        """The rows that were asked, and what was answered; a new connection as often as need be."""
        while True:
            try:
                dialect = self._dialect or self._connected(observations, active)
                rows = [row for row in active if row not in self._spoilt]
                answered = self._asked(dialect, rows, observations) if rows else []
            except LostError as error:
                self._drop()
                self._server.waiting.wait(error)
            else:
                self._server.waiting.end()
                return rows, answered

    def _asked(self, dialect: Dialect, rows: list[int], observations: Observations) -> list[Any] | NDArray[Any]:
        begun = {row: self._begun[row] for row in rows if row in self._begun}
        start = perf_counter()
        answers = dialect.ask(rows, begun, _chosen(observations, rows))
        self._note(answers, perf_counter() - start)
        for row in begun:
            del self._begun[row]
        return answers.actions

    def _connected(self, observations: Observations, active: Iterable[int]) -> Dialect:
        """A new connection, on which the server knows what it knew. Raises LostError; UserError for another policy."""
        dialect = self._server.connect()
        if self._server.identity_of(dialect.known) != self._identity:
            dialect.close()
            raise UserError(
                f"The policy server {self._server.address} came back with another policy. Episodes that were stored "
                "are kept: serve the one from before."
            )
        self._check_spaces(dialect)
        self._dialect = dialect
        tapes = {row: self._tapes[row] for row in active if row in self._tapes and row not in self._begun}
        self._tell_again(dialect, {row: tape for row, tape in tapes.items() if row not in self._spoilt}, observations)
        return dialect

    def _check_spaces(self, dialect: Dialect) -> None:
        try:
            self._spaces.check(self._server, dialect.known)
        except UserError:
            dialect.close()
            raise

    def _tell_again(self, dialect: Dialect, tapes: dict[int, Tape], like: Observations) -> None:
        """Ask everything once more, all rows side by side; rows that answer something else are spoilt."""
        begun = {row: tape.seed for row, tape in tapes.items()}
        told = {row: tape.steps() for row, tape in tapes.items()}
        while told:
            steps = {row: step for row, own in told.items() if (step := next(own, None)) is not None}
            if not steps:
                return
            rows = list(steps)
            answers = dialect.ask(rows, begun, _stacked([observation for observation, _ in steps.values()], like))
            begun = {}
            for row, action in zip(rows, answers.actions, strict=True):
                if isinstance(action, Illegal) or pack(action) != pack(steps[row][1]):
                    self._spoilt.add(row)
            told = {row: told[row] for row in rows if row not in self._spoilt}

    def _converted(self, answered: list[Any] | NDArray[Any]) -> Sequence[Action]:
        """Each answer as the action space has it; all at once where they have its very form."""
        num = len(answered)
        if isinstance(answered, np.ndarray) and num:
            if num not in self._ready:
                self._ready[num] = ready_actions(self._action_space, num)
            if (quick := self._ready[num](answered)) is not None:
                return quick
        return [own if isinstance(own, Illegal) else self._convert(own) for own in answered]

    def _note(self, answers: Answers, seconds: float) -> None:
        if self._latency is None:
            return
        told = {"inference": answers.inference_seconds, "queue": answers.queue_seconds}
        for name, own in told.items():
            if own is not None:
                self._latency.part(name).append(own)
        if answers.inference_seconds is not None:
            at_server = answers.inference_seconds + (answers.queue_seconds or 0.0)
            self._latency.part("network").append(seconds - at_server)

    def _drop(self) -> None:
        if self._dialect is not None:
            self._dialect.close()
            self._dialect = None

    def _forget(self, row: int) -> None:
        if row in self._tapes:
            self._tapes.pop(row).close()


def _chosen(observations: Observations, rows: list[int]) -> Observations:
    """These rows only."""
    if isinstance(observations, dict):
        return {key: array[rows] for key, array in observations.items()}
    if isinstance(observations, np.ndarray):
        return observations[rows]
    return [observations[row] for row in rows]


def _stacked(single: list[Any], like: Observations) -> Observations:
    """Single observations as rows, in the form that the environment's have."""
    if isinstance(like, dict):
        return {key: np.stack([own[key] for own in single]) for key in like}
    return np.stack(single) if isinstance(like, np.ndarray) else single
