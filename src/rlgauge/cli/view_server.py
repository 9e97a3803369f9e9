"""Serves a page, what is live in it, and films beside it: to this machine alone, and to who has the token."""

from __future__ import annotations

import contextlib
import hmac
import os
import re
import secrets
import stat
import threading
from collections.abc import Iterator, Mapping, Sequence
from email.utils import formatdate
from functools import partial
from http import HTTPStatus
from http.client import LineTooLong
from http.server import BaseHTTPRequestHandler
from io import BufferedIOBase
from pathlib import Path
from socket import SHUT_RDWR, socket
from socketserver import TCPServer, ThreadingMixIn
from typing import Any, BinaryIO, NamedTuple, Protocol
from urllib.parse import quote, unquote

HOST = "127.0.0.1"
LIVE = "live.json"
"""The path of what is live, beside the page."""
ONCE = "once"
"""The path of the address that a browser is started with: others on this machine may see it, and it works once."""
_NAMES = frozenset({HOST, "localhost"})
"""What a browser of this machine, or at the end of a tunnel, calls it: another site's name that leads here is none."""
_KINDS = {
    ".mp4": "video/mp4",
    ".webm": "video/webm",
    ".gif": "image/gif",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
}
"""Films and pictures."""
_LOG, _PLAIN = "cout.txt", "text/plain; charset=utf-8"
"""What runs printed is shown, and as text."""
_SEALED = "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'"
"""The policy of all but the page: nothing in it runs."""
_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_SECONDS = 60.0
"""So long nothing is waited for: neither a request, nor that a film is taken."""
_SEATS = 64
"""So many connections at once."""
_HEAD_BYTES = 1 << 16
"""So long the headers of a request are at the most."""
_PATIENCE_SECONDS = 1.0
"""So long a seat is waited for that has been taken from somebody."""
_TOKEN_BYTES = 24
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_MISS = "There is nothing here: take the address that `rlgauge view` printed."


class Page(NamedTuple):
    """A page with its version and its content security policy."""

    content: bytes
    version: str
    policy: str


class Site(Protocol):
    """What is served. Both may be asked by several threads at once."""

    def page(self) -> Page:
        """The page as it is now."""

    def live(self) -> bytes:
        """What is live in it, as JSON."""


class Span(NamedTuple):
    """Bytes of a file: from `first` up to and without `end`."""

    first: int
    end: int


class ViewServer(ThreadingMixIn, TCPServer):
    """Answers each connection in a thread of its own; none of them is waited for at the end."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = _SEATS

    def __init__(self, site: Site, root: Path, *, port: int) -> None:
        """Listen on the port, 0 for any that is free. Raises OSError, and OverflowError for what is no port."""
        self.site = site
        self.root = root.resolve()
        self.token = secrets.token_urlsafe(_TOKEN_BYTES)
        self._once = secrets.token_urlsafe(_TOKEN_BYTES)
        self._lock = threading.Lock()
        self._seats = threading.BoundedSemaphore(_SEATS)
        self._strangers: dict[socket, None] = {}
        super().__init__((HOST, port), _Answer)

    @property
    def address(self) -> str:
        """Where the page is."""
        return f"http://{HOST}:{self.server_address[1]}/{self.token}/"

    @property
    def address_once(self) -> str:
        """Where a browser is led to the page, the first time that it is asked for."""
        return f"http://{HOST}:{self.server_address[1]}/{ONCE}/{self._once}"

    def takes_once(self, given: str) -> bool:
        """Whether it is the key of that address, which is used up by this."""
        with self._lock:
            is_it = bool(self._once) and same(given, self._once)
            self._once = "" if is_it else self._once
            return is_it

    def knows(self, link: socket) -> None:
        """Note that somebody has shown the token, and keeps the seat."""
        with self._lock:
            self._strangers.pop(link, None)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401  # as the base class has it
        """Give the connection a thread: where too many are open, that of who has shown no token for longest."""
        if self._seats.acquire(blocking=False) or self._frees_seat():
            with self._lock:
                self._strangers[request] = None
            try:
                super().process_request(request, client_address)
            except BaseException:  # there is no thread that would give the seat back
                self.knows(request)
                self._seats.release()
                raise
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:  # noqa: ANN401  # see above
        """Answer all requests of a connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.knows(request)
            self._seats.release()

    def _frees_seat(self) -> bool:
        """Whether there is a seat after all, since a stranger was sent away."""
        with self._lock:
            link = next(iter(self._strangers), None)
            if link is None:
                return False
            del self._strangers[link]
            with contextlib.suppress(OSError):  # it has just gone by itself
                link.shutdown(SHUT_RDWR)
        return self._seats.acquire(timeout=_PATIENCE_SECONDS)


class _Lines:
    """The lines of a head, no longer than so many bytes together."""

    def __init__(self, file: BufferedIOBase, num_bytes: int) -> None:
        self._file = file
        self._left = num_bytes

    def readline(self, size: int = -1) -> bytes:
        """The next line. Raises LineTooLong, as the base class expects it of one that is too long by itself."""
        line = self._file.readline(size)
        self._left -= len(line)
        if self._left < 0:
            raise LineTooLong("header")
        return line


class _Answer(BaseHTTPRequestHandler):
    """Answers the requests of one connection."""

    server: ViewServer
    connection: socket
    protocol_version = "HTTP/1.1"
    default_request_version = "HTTP/1.0"  # of what can't be understood: its answer has headers, too
    timeout = _SECONDS

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # the reader went away, and misses nothing
            super().handle()

    def parse_request(self) -> bool:
        """Whether it is a request that can be answered; else it was refused."""
        file = self.rfile
        self.rfile = _Lines(file, _HEAD_BYTES)  # type: ignore[assignment]  # of which only lines are read here
        try:
            is_one = super().parse_request()
        finally:
            self.rfile = file
        if is_one and ("Content-Length" in self.headers or "Transfer-Encoding" in self.headers):
            self.close_connection = True  # what it sends besides is not read, and is no next request
        return is_one

    def do_GET(self) -> None:  # the base class looks for this name
        parts = self._parts()
        if parts is None:
            return
        head, *rest = parts
        is_known = same(head, self.server.token)
        if is_known:
            self.server.knows(self.connection)
        if self.command == "GET" and head == ONCE and len(rest) == 1 and self.server.takes_once(rest[0]):
            self._lead(f"/{self.server.token}/")
        elif not is_known:
            self._refuse(HTTPStatus.FORBIDDEN, _MISS)
        elif not rest:
            self._lead(f"/{self.server.token}/")
        elif rest == [""]:
            self._send_page(self.server.site.page())
        elif rest == [LIVE]:
            self._send(self.server.site.live(), {"Content-Type": "application/json", "Cache-Control": "no-store"})
        else:
            self._send_file(rest)

    do_HEAD = do_GET  # `_send` leaves out what a HEAD does not ask for

    def _refuse_method(self) -> None:
        self.close_connection = True
        self._refuse(HTTPStatus.METHOD_NOT_ALLOWED, "Only GET and HEAD are answered here.", {"Allow": "GET, HEAD"})

    do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_TRACE = do_CONNECT = _refuse_method

    def _parts(self) -> list[str] | None:
        """The parts of the path; None where the request was refused."""
        names = self.headers.get_all("Host", [])
        if len(names) != 1 or _host_of(names[0]) not in _NAMES:
            self._refuse(HTTPStatus.FORBIDDEN, f"This is reached as {HOST} or localhost, and by no other name.")
            return None
        if not self.path.startswith("/"):
            self._refuse(HTTPStatus.BAD_REQUEST, "A path begins with a slash.")
            return None
        try:
            return [unquote(part, errors="strict") for part in self.path.partition("?")[0][1:].split("/")]
        except UnicodeDecodeError:
            self._refuse(HTTPStatus.BAD_REQUEST, "The path is not valid UTF-8.")
            return None

    def _send_page(self, page: Page) -> None:
        tag = f'"{page.version}"'
        headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Content-Security-Policy": page.policy}
        if self._has(tag):
            self._send(b"", headers, status=HTTPStatus.NOT_MODIFIED)
        else:
            self._send(page.content, {"Content-Type": "text/html; charset=utf-8", **headers})

    def _send_file(self, parts: list[str]) -> None:
        opened = open_within(self.server.root, parts)
        if opened is None:
            self._refuse(HTTPStatus.NOT_FOUND, _MISS)
            return
        with opened as file:
            told = os.fstat(file.fileno())
            tag = f'"{told.st_mtime_ns:x}-{told.st_size:x}"'
            headers = {
                "ETag": tag,
                "Last-Modified": formatdate(told.st_mtime, usegmt=True),
                "Cache-Control": "private, no-cache",
                "Accept-Ranges": "bytes",
            }
            if self._has(tag):
                self._send(b"", headers, status=HTTPStatus.NOT_MODIFIED)
                return
            headers["Content-Type"] = _kind(parts[-1]) or _PLAIN
            self._send_span(file, told.st_size, headers)

    def _send_span(self, file: BinaryIO, size: int, headers: dict[str, str]) -> None:
        """Send what the request asks for of an open file."""
        is_same = self.headers.get("If-Range", headers["ETag"]) == headers["ETag"]
        span = span_of(self.headers.get("Range", ""), size) if is_same else None
        if span is None:
            self._send_bytes(file, Span(0, size), headers, status=HTTPStatus.OK)
        elif span.first < span.end:
            told = {"Content-Range": f"bytes {span.first}-{span.end - 1}/{size}"}
            self._send_bytes(file, span, {**headers, **told}, status=HTTPStatus.PARTIAL_CONTENT)
        else:
            told = {"Content-Range": f"bytes */{size}"}
            self._refuse(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, f"It has {size} bytes.", told)

    def _send_bytes(self, file: BinaryIO, span: Span, headers: dict[str, str], *, status: HTTPStatus) -> None:
        number = span.end - span.first
        self._send_head(status, {**headers, "Content-Length": str(number)})
        if self.command != "HEAD" and number and self.connection.sendfile(file, span.first, number) < number:
            self.close_connection = True  # the file has become shorter, and less came than was said

    def _has(self, tag: str) -> bool:
        """Whether who asks has it as it is."""
        return tag in re.split(r",\s*", self.headers.get("If-None-Match", ""))

    def _lead(self, path: str) -> None:
        self._send(b"", {"Location": path, "Cache-Control": "no-store"}, status=HTTPStatus.SEE_OTHER)

    def _refuse(self, status: HTTPStatus, text: str, headers: Mapping[str, str] | None = None) -> None:
        told = {"Content-Type": _PLAIN, "Cache-Control": "no-store", **(headers or {})}
        self._send(f"{text}\n".encode(), told, status=status)

    def _send(self, content: bytes, headers: dict[str, str], *, status: HTTPStatus = HTTPStatus.OK) -> None:
        length = {} if status is HTTPStatus.NOT_MODIFIED else {"Content-Length": str(len(content))}
        self._send_head(status, {**headers, **length})
        if self.command != "HEAD":
            self.wfile.write(content)

    def _send_head(self, status: HTTPStatus, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Security-Policy": _SEALED, **_ALWAYS, **headers}.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse what is no request, in a sentence."""
        del explain
        self.close_connection = True
        self._refuse(HTTPStatus(code), message or HTTPStatus(code).phrase)

    def version_string(self) -> str:
        """What it is, without versions."""
        return "rlgauge"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # as the base class has it
        """Say nothing of requests: their paths hold the token."""


def same(given: str, wanted: str) -> bool:
    """Whether the texts are equal, told in a time that does not say how much of them is."""
    return hmac.compare_digest(given.encode(errors="surrogatepass"), wanted.encode())


def span_of(asked: str, size: int) -> Span | None:
    """The bytes of a file that a Range header asks for, which may be none; None where it means all of them."""
    match = _RANGE.fullmatch(asked)
    first, last = match.groups() if match else ("", "")
    if first:
        span = Span(int(first), min(size, int(last) + 1) if last else size)
        return None if last and int(last) < int(first) else span
    return Span(max(0, size - int(last)), size) if last else None


def open_within(root: Path, parts: Sequence[str]) -> BinaryIO | None:
    """The film, picture or log at a path of these parts below the folder, open; None where there is none to be shown.

    `root` has no links in it. Nothing hidden is shown, and nothing to which a link leads that lies elsewhere.
    """
    path = _shown(root, root.joinpath(*parts)) if all(map(_is_plain, parts)) else None
    if path is None or _kind(parts[-1]) is None:
        return None
    with contextlib.suppress(OSError):  # it is gone, or not ours to read
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return os.fdopen(descriptor, "rb")
        os.close(descriptor)
    return None


def path_within(root: Path, path: str) -> str | None:
    """Where a film or a picture is served, relative to the page; None of one that is not."""
    found = _shown(root, Path(path))
    return None if found is None else quote(found.relative_to(root).as_posix())


def _shown(root: Path, path: Path) -> Path | None:
    """The path without links, where it is of a kind that is shown and lies below the folder; None of any other."""
    try:
        found = path.resolve(strict=True)
    except (OSError, RuntimeError, ValueError):  # nothing is there; links in a circle; what no path may hold
        return None
    is_below = found.is_relative_to(root) and all(map(_is_plain, found.relative_to(root).parts))
    return found if is_below and _kind(found.name) is not None else None


def _is_plain(part: str) -> bool:
    return bool(part) and not part.startswith(".") and "/" not in part and "\0" not in part


def _kind(name: str) -> str | None:
    """The media type of a file that is shown; None of any other."""
    return _PLAIN if name == _LOG else _KINDS.get(os.path.splitext(name)[1].lower())  # noqa: PTH122  # a name, no path


def _host_of(name: str) -> str:
    """The host of a Host header, without its port."""
    host, _, port = name.strip().lower().rpartition(":")
    return host if host and port.isdecimal() else name.strip().lower()


@contextlib.contextmanager
def serving(server: ViewServer) -> Iterator[None]:
    """While it lasts, requests are answered by other threads; then no more are taken."""
    thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.1), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
