"""A policy served over a websocket, as openpi's clients ask it, and with many rows in one request as ours do.

A client is greeted with metadata. It sends an observation and gets `actions`, a chunk of them (H, ...), with
`server_timing`; or it sends the rows of several environments, and which of them start an episode. Text is an error.
"""

from __future__ import annotations

import asyncio
import contextlib
import http
import signal
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from rlgauge.core.errors import UserError
from rlgauge.episodes.policies.protocol import Action, BatchPolicy, Illegal, WrongActionError
from rlgauge.episodes.policies.spaces import Box, Chunk, Dict, Spec, describe, form, size
from rlgauge.episodes.policies.websocket_dialects import OBSERVATION
from rlgauge.episodes.policies.websocket_wire import MAX_BYTES, PROTOCOL, ROWS, WireError, pack, unpack
from rlgauge.serving.batching import MAX_WAIT, Batcher, FullError, Guest, Request, SharedPassError

if TYPE_CHECKING:
    import gymnasium
    from websockets.asyncio.server import ServerConnection
    from websockets.http11 import Request as HttpRequest
    from websockets.http11 import Response

RESET = "reset"
"""The only key of a message by which a client that knows of no rows starts an episode."""
HEALTH = "/healthz"
"""The path that answers `GET` with 200 while the server runs."""
_PING_SECONDS = 20.0
_PONG_SECONDS = 60.0
"""A client whose simulator holds its interpreter for so long is taken for dead, and its rows are given to others."""
_TRY_AGAIN = 1013


@dataclass(frozen=True, kw_only=True)
class Served:
    """A policy that was opened, for which spaces, and what clients are told of it."""

    policy: BatchPolicy
    observation_space: gymnasium.Space[Any]
    action_space: gymnasium.Space[Any]
    width: int
    remembers: bool
    bit_stable: bool
    digest: str
    name: str
    shares: bool = True
    """Whether requests of several clients go through together."""

    def metadata(self) -> dict[str, Any]:
        """What a client is greeted with."""
        told = {
            "protocol": PROTOCOL,
            "policy": self.name,
            "digest": self.digest,
            "width": self.width,
            "remembers": self.remembers,
            "bit_stable": self.bit_stable,
            "observation_space": describe(self.observation_space).text,
            "action_space": describe(self.action_space).text,
            "spaces": [form(describe(space)) for space in (self.observation_space, self.action_space)],
        }
        return {ROWS: told}


class _Asked(msgspec.Struct):
    """What a request about several rows says besides the observations."""

    rows: list[int]
    begin: list[tuple[int, int]] = []


class PolicyServer:
    """Answers clients on one port, while `running` lasts."""

    def __init__(
        self,
        served: Served,
        *,
        thread: ThreadPoolExecutor,
        host: str = "127.0.0.1",
        port: int = 0,
        wait_seconds: float = MAX_WAIT,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        """Nothing is open yet; `thread` is for passes that take long."""
        self._served = served
        self._observed = describe(served.observation_space)
        self._gives_chunks = isinstance(describe(served.action_space), Chunk)
        self._greeting = pack(served.metadata())
        self._host = host
        self._port = port
        self._max_bytes = max_bytes
        self.batcher = Batcher(
            served.policy,
            served.observation_space,
            width=served.width,
            remembers=served.remembers,
            shares=served.shares,
            wait_seconds=wait_seconds,
            thread=thread,
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """The address, while clients are answered. At the end what waits is answered first. Raises UserError."""
        from websockets.asyncio.server import serve

        passes = asyncio.create_task(self.batcher.run())
        try:
            server = await serve(
                self._converse,
                self._host,
                self._port,
                compression=None,
                max_size=self._max_bytes,
                origins=[None],  # no page in a browser may ask a policy on this machine
                process_request=_answer_health,
                ping_interval=_PING_SECONDS,
                ping_timeout=_PONG_SECONDS,
            )
        except OSError as error:
            passes.cancel()
            raise UserError(
                f"Nothing can be served on {self._host}:{self._port}: {error.strerror or error}."
            ) from error
        try:
            yield _address(server.sockets)
            await self.batcher.idle()
        finally:
            server.close()
            await server.wait_closed()
            passes.cancel()

    async def _converse(self, connection: ServerConnection) -> None:
        """All that is said on one connection."""
        from websockets.exceptions import ConnectionClosed

        with self.batcher.guest() as guest, contextlib.suppress(ConnectionClosed):  # who may go at any time
            await connection.send(self._greeting)
            async for message in connection:
                try:
                    await connection.send(await self._answer(message, guest))
                except FullError:
                    await connection.send(self._full())
                    await connection.close(_TRY_AGAIN)

    def _full(self) -> str:
        return (
            f"The policy {self._served.name} remembers, and its {self._served.width} rows are taken: "
            "start the server with a larger --width."
        )

    async def _answer(self, message: str | bytes, guest: Guest) -> str | bytes:
        """The reply to one message: text where something is wrong with it. Raises FullError."""
        try:
            asked = unpack(message) if isinstance(message, bytes) else None
            if isinstance(asked, dict) and ROWS in asked:
                return await self._answer_rows(asked, guest)
            return await self._answer_one(asked, guest)
        except FullError:
            raise
        except Exception as error:  # noqa: BLE001  # a policy is anybody's code and may raise anything
            return self._in_words(error)

    def _in_words(self, error: Exception) -> str:
        name = self._served.name
        match error:
            case WireError():
                return f"The client {error}."
            case WrongActionError():
                return f"The policy {name} {error}."
            case UserError():
                return str(error)
            case SharedPassError():
                return (
                    f"The policy {name} failed in a pass that this client shared with others, maybe by another "
                    f"client's observation, and what it remembers is lost to all of them: {error}"
                )
            case _:
                return f"The policy {name} failed: {type(error).__name__}: {error}"

    async def _answer_rows(self, asked: dict[Any, Any], guest: Guest) -> bytes:
        try:
            told = msgspec.convert(asked[ROWS], _Asked)
        except msgspec.ValidationError as error:
            raise WireError(f"sent a request that says nothing clear of its rows: {error}") from error
        single = _split(asked.get("observations"), len(told.rows))
        if len(set(told.rows)) < len(told.rows):
            raise WireError(f"asked twice for one of the rows {told.rows}")
        seeds = dict(told.begin)
        rows = []
        for row, observation in zip(told.rows, single, strict=True):
            _check(observation, self._observed, "an observation")
            rows.append(self.batcher.row(guest, row, observation, seeds.get(row)))
        return self._reply(await self.batcher.ask(guest, rows))

    async def _answer_one(self, asked: Any, guest: Guest) -> str | bytes:  # noqa: ANN401
        """As openpi's server does, which knows of no episodes: the first request starts one, and one after a reset."""
        if isinstance(asked, dict) and asked.keys() == {RESET}:
            self.batcher.forget(guest, 0)
            return pack({})
        observation = _observation(asked, self._observed)
        _check(observation, self._observed, "an observation")
        request = await self.batcher.ask(guest, [self.batcher.row(guest, 0, observation, None)])
        action = request.actions[0]
        if isinstance(action, Illegal):
            return f"The policy {self._served.name} {action.fault}."
        chunk = list(action) if self._gives_chunks else [action]
        return pack({"actions": _joined(chunk), "server_timing": _timing(request)})

    def _reply(self, request: Request) -> bytes:
        faults = {index: own.fault for index, own in enumerate(request.actions) if isinstance(own, Illegal)}
        content: dict[str, Any] = {"actions": _joined(request.actions), "server_timing": _timing(request)}
        if faults:
            content["actions"] = [None if index in faults else own for index, own in enumerate(request.actions)]
            content["faults"] = faults
        return pack(content)


def serve_until_ended(server: PolicyServer, on_start: Callable[[str], None]) -> None:
    """Answer clients until SIGTERM or Ctrl-C; `on_start` is called with the address. Raises UserError."""
    asyncio.run(_until_ended(server, on_start))


async def _until_ended(server: PolicyServer, on_start: Callable[[str], None]) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    async with server.running() as address:
        on_start(address)
        await ended.wait()


def _answer_health(connection: ServerConnection, request: HttpRequest) -> Response | None:
    return connection.respond(http.HTTPStatus.OK, "OK\n") if request.path == HEALTH else None


def _address(sockets: Iterable[Any]) -> str:
    host, port = next(iter(sockets)).getsockname()[:2]
    return f"ws://[{host}]:{port}" if ":" in host else f"ws://{host}:{port}"


def _timing(request: Request) -> dict[str, float]:
    return {"infer_ms": request.infer_seconds * 1e3, "queue_ms": request.queue_seconds * 1e3}


def _joined(actions: list[Action]) -> Any:  # noqa: ANN401  # an array, or the list
    """One array where all actions are numbers or arrays of the same form; so are the actions of chunks."""
    parts = [_joined(own) if isinstance(own, list) else own for own in actions]
    if not parts or not all(isinstance(own, (np.ndarray, np.generic, int, float)) for own in parts):
        return parts
    is_same = len({(np.shape(own), np.asarray(own).dtype) for own in parts}) == 1
    return np.stack(parts) if is_same else parts


def _split(observations: Any, num: int) -> list[Any]:  # noqa: ANN401  # whatever the client sent
    """Single observations out of rows of them. Raises WireError for another number."""
    if isinstance(observations, dict):
        parts = {key: _split(rows, num) for key, rows in observations.items()}
        return [{key: rows[index] for key, rows in parts.items()} for index in range(num)]
    is_rows = isinstance(observations, list) or (isinstance(observations, np.ndarray) and observations.ndim > 0)
    if is_rows and len(observations) == num:
        return list(observations)
    raise WireError(f"sent no observations for its {num} rows")


def _observation(asked: Any, space: Spec) -> Any:  # noqa: ANN401  # whatever the client sent
    """The observation in a message of openpi's form, whatever it holds besides. Raises WireError."""
    if isinstance(space, Dict):
        missing = sorted(space.spaces.keys() - asked.keys()) if isinstance(asked, dict) else sorted(space.spaces)
        if missing:
            raise WireError(f"sent an observation without {', '.join(missing)}")
        return {key: asked[key] for key in space.spaces}
    if not isinstance(asked, dict):
        return asked
    if OBSERVATION in asked or len(asked) != 1:
        return asked.get(OBSERVATION)
    return next(iter(asked.values()))


def _check(observation: Any, space: Spec, what: str) -> None:  # noqa: ANN401  # whatever the client sent
    """Raise WireError where an observation can't be one of the space."""
    if isinstance(space, Dict):
        if not isinstance(observation, dict) or observation.keys() != space.spaces.keys():
            raise WireError(f"sent {what} that has not the parts {', '.join(sorted(space.spaces))}")
        for key, part in space.spaces.items():
            _check(observation[key], part, f"{what}'s {key!r}")
        return
    shape = size(space)
    if shape is None:
        return
    if not isinstance(observation, (np.ndarray, np.generic, int, float)) or np.shape(observation) != shape:
        given = f"of shape {np.shape(observation)}" if isinstance(observation, np.ndarray) else f"{observation!r:.40}"
        raise WireError(f"sent {what} {given}, and the policy takes {space.text}")
    dtype = np.asarray(observation).dtype
    if isinstance(space, Box) and not np.can_cast(dtype, space.dtype, "same_kind"):
        raise WireError(f"sent {what} of {dtype}, and the policy takes {space.text}")
