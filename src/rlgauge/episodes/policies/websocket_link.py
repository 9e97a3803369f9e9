"""One connection to a policy server."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from rlgauge.core.errors import UserError
from rlgauge.episodes.policies.websocket_wire import MAX_BYTES, WireError, pack, unpack

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

API_KEY = "RLGAUGE_API_KEY"
"""The environment variable that holds the key which a server asks for; an address would show it in the results."""
_OPEN_SECONDS = 10.0
_TOO_BIG, _TRY_AGAIN = 1009, 1013
_REFUSED = range(400, 500)
"""HTTP answers that waiting does not change."""


class LostError(Exception):
    """The connection could not be made, or broke: waiting may help. The message continues `The policy server ...`."""


class Link:
    """A connection that is asked and answers, one request after the other."""

    def __init__(self, address: str, *, timeout: float, greets: bool = True) -> None:
        """Connect. A server that `greets` sends its metadata first. Raises LostError; UserError for a refusal."""
        self._address = address
        self._timeout = timeout
        self._stack = contextlib.ExitStack()
        self._connection = _connect(address, self._stack)
        self._gone = _gone()
        self.metadata: dict[str, Any] = {}
        if greets:
            try:
                self.metadata = self._metadata()
            except BaseException:
                self.close()
                raise

    def _metadata(self) -> dict[str, Any]:
        try:
            content = self.receive()
        except LostError as error:
            raise LostError(f"{error} (it greets nobody; one of vla-eval needs ?protocol=vla-eval)") from error
        if not isinstance(content, dict):
            raise UserError(f"The policy server {self._address} greets with {content!r:.60}, not with its metadata.")
        return content

    def send(self, message: object, *, named: bool = False) -> None:
        """Hand a request over, packed as `pack` says. Raises LostError; UserError for what can't be sent."""
        try:
            self._connection.send(self._packed(message, named=named))
        except self._gone as error:
            raise self._lost(error) from error

    def receive(self) -> Any:  # noqa: ANN401  # whatever the server says
        """The next answer. Raises LostError; UserError where the server answers that something is wrong."""
        try:
            answer = self._connection.recv(timeout=self._timeout)
        except TimeoutError as error:
            raise LostError(f"has not answered for {self._timeout:g} s") from error
        except self._gone as error:
            raise self._lost(error) from error
        if isinstance(answer, str):
            raise self._said(answer)
        try:
            return unpack(answer)
        except WireError as error:
            raise UserError(f"The policy server {self._address} {error}.") from error

    def close(self) -> None:
        """End the connection, whatever state it is in."""
        self._stack.close()

    def _packed(self, message: object, *, named: bool) -> bytes:
        try:
            return pack(message, named=named)
        except WireError as error:
            raise UserError(f"The observations can't be sent to {self._address}: the environment {error}.") from error

    def _said(self, text: str) -> Exception:
        """An answer in words is an error; a full server's may be another one later."""
        lines = text.strip().splitlines() or ["an error without words"]
        try:
            self._connection.recv(timeout=0.05)
        except (TimeoutError, OSError):
            pass
        except Exception as error:  # noqa: BLE001  # only how it was closed matters
            if _code(error) == _TRY_AGAIN:
                return LostError(f"answers: {lines[-1].rstrip('.')}")
        return UserError(f"The policy server {self._address} answers: {lines[-1]}")

    def _lost(self, error: Exception) -> Exception:
        if _code(error) == _TOO_BIG:
            return UserError(
                f"The policy server {self._address} refuses observations of this size ({error}): let it take longer "
                "messages (rlgauge serve-policy --max-bytes), or send less."
            )
        return LostError(f"has ended the connection ({error})")


def check_installed(what: str) -> None:
    """Raise UserError where the library is missing that `what` needs."""
    try:
        import websockets  # noqa: F401  # asked for no more than to be there
    except ModuleNotFoundError as error:
        raise UserError(f"{what} needs 'websockets', which is not installed: pip install 'rlgauge[remote]'.") from error


def _connect(address: str, stack: contextlib.ExitStack) -> ClientConnection:
    """A connection that ends with the stack. Raises LostError, UserError."""
    check_installed(f"The policy {address}")
    from websockets.exceptions import InvalidHandshake, InvalidStatus, InvalidURI
    from websockets.sync.client import connect

    key = os.environ.get(API_KEY)
    try:
        opening = connect(
            address,
            compression=None,
            additional_headers={"Authorization": f"Api-Key {key}"} if key else None,
            proxy=None if _is_here(address) else True,
            open_timeout=_OPEN_SECONDS,
            ping_interval=None,  # a server that compiles answers no ping; the timeout of the answer is what bounds it
            close_timeout=1,
            max_size=MAX_BYTES,
        )
        return stack.enter_context(opening)
    except InvalidURI as error:
        raise UserError(f"The policy {address} is no address: write ws://HOST:PORT.") from error
    except InvalidStatus as error:
        if error.response.status_code in _REFUSED:
            raise UserError(f"The policy server {address} refuses the connection: {error}.") from error
        raise LostError(f"is not ready ({error})") from error
    except (InvalidHandshake, EOFError) as error:
        raise LostError(f"is no websocket server just now ({error})") from error
    except (OSError, TimeoutError) as error:
        raise LostError(f"is not there ({error})") from error


def _gone() -> tuple[type[Exception], ...]:
    """What is raised where the other side has gone."""
    from websockets.exceptions import ConnectionClosed

    return ConnectionClosed, OSError


def _is_here(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    return host in {"localhost", "::1"} or host.startswith("127.")


def _code(error: Exception) -> int | None:
    """The code with which the other side closed the connection; None where it did not, or is not known to have."""
    received = getattr(error, "rcvd", None)
    return None if received is None else int(received.code)
