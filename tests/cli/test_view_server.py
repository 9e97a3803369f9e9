"""A real server on loopback, asked as browsers, scripts and intruders ask."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlgauge.cli.view_server import Page, Span, ViewServer, open_within, path_within, serving, span_of
from tests.driving import wait_for

FILM = bytes(range(256)) * 400
PAGE = b"<!doctype html><title>page</title>"
POLICY = "default-src 'none'; connect-src 'self'"


class Toy:
    """A site whose page is always the same."""

    def page(self) -> Page:
        return Page(PAGE, "0123abcd", POLICY)

    def live(self) -> bytes:
        return b"{}"


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class Asked:
    """Asks a server; `token` is the one of its address."""

    def __init__(self, server: ViewServer) -> None:
        self.server = server
        self.port = server.server_address[1]
        self.token = server.token

    def raw(self, path: str, method: str = "GET", host: str | None = None, **headers: str) -> Reply:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as connection:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            if host != "":
                connection.putheader("Host", host or f"127.0.0.1:{self.port}")
            for name, value in headers.items():
                connection.putheader(name.replace("_", "-"), value)
            connection.endheaders()
            reply = connection.getresponse()
            return Reply(reply.status, dict(reply.getheaders()), reply.read())

    def get(self, path: str, method: str = "GET", **headers: str) -> Reply:
        return self.raw(f"/{self.token}/{path}", method, **headers)

    def connected(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)


@pytest.fixture
def root(tmp_path) -> Path:
    """A folder with films and with what is not to be shown, some of it elsewhere."""
    root = tmp_path / "out"
    (root / "videos" / "a b").mkdir(parents=True)
    (root / "videos" / "a b" / "é=1.mp4").write_bytes(FILM)
    (root / "videos" / "a b" / "é=1.png").write_bytes(b"\x89PNG")
    (root / "videos" / "empty.mp4").touch()
    (root / "evaluate").mkdir()
    (root / "evaluate" / "cout.txt").write_text("<b>printed</b>")
    (root / "evaluate" / "config.json").write_text("{}")
    (root / "evaluate" / "notes.txt").write_text("mine")
    (root / ".hidden").mkdir()
    (root / ".hidden" / "film.mp4").write_bytes(b"h")
    (root / ".film.mp4").write_bytes(b"h")
    (tmp_path / "secret.mp4").write_bytes(b"s")
    (tmp_path / "out2").mkdir()
    (tmp_path / "out2" / "secret.mp4").write_bytes(b"s")
    (root / "out.mp4").symlink_to(tmp_path / "secret.mp4")
    (root / "elsewhere").symlink_to(tmp_path, target_is_directory=True)
    (root / "within.mp4").symlink_to(root / "videos" / "a b" / "é=1.mp4")
    (root / "config.mp4").symlink_to(root / "evaluate" / "config.json")
    (root / "hidden.mp4").symlink_to(root / ".film.mp4")
    (root / "circle.mp4").symlink_to(root / "circle.mp4")
    os.mkfifo(root / "pipe.mp4")
    (root / "folder.mp4").mkdir()
    return root


@pytest.fixture
def ask(root) -> Iterator[Asked]:
    with ViewServer(Toy(), root, port=0) as server, serving(server):
        yield Asked(server)


FILM_PATH = "videos/a%20b/%C3%A9%3D1.mp4"


def test_the_page_has_its_own_policy_and_is_not_sent_twice(ask):
    page = ask.get("")
    assert (page.status, page.body) == (200, PAGE)
    assert page.headers["Content-Security-Policy"] == POLICY
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    again = ask.get("", If_None_Match=page.headers["ETag"])
    assert (again.status, again.body) == (304, b"")
    assert ask.raw(f"/{ask.token}").headers["Location"] == f"/{ask.token}/"
    assert ask.get("live.json").body == b"{}"
    assert ask.get("?x=1").body == PAGE


def test_every_answer_forbids_guessing_framing_and_telling_the_address(ask):
    replies = [
        ask.get(""),
        ask.get("live.json"),
        ask.get(FILM_PATH),
        ask.get("nothing"),
        ask.raw("/"),
        ask.get("", "POST"),
    ]
    assert [reply.status for reply in replies] == [200, 200, 200, 404, 403, 405]
    for reply in replies:
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert reply.headers["Referrer-Policy"] == "no-referrer"
        assert reply.headers["X-Frame-Options"] == "DENY"
        assert reply.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert not [name for name in reply.headers if name.lower().startswith("access-control")]
        assert "script-src" not in reply.headers["Content-Security-Policy"]


def test_without_the_token_everything_is_refused_alike(ask):
    wrong = ask.token[:-1] + ("a" if ask.token[-1] != "a" else "b")
    paths = [
        "/",
        "/live.json",
        f"/{wrong}/",
        f"/{wrong}/live.json",
        f"/{wrong}/{FILM_PATH}",
        f"/{FILM_PATH}",
        "/once/x",
    ]
    paths += [
        f"/{ask.token}x/",
        f"/{ask.token[:-1]}/",
        "/%00/",
        f"//{ask.token}x/",
        "/favicon.ico",
        f"/x/{ask.token}/",
    ]
    replies = [ask.raw(path) for path in paths]
    assert {(reply.status, reply.body) for reply in replies} == {(403, replies[0].body)}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "localhost:9000", "LOCALHOST:80", "127.0.0.1:1"])
def test_this_machine_and_the_end_of_a_tunnel_have_these_names(ask, host):
    assert ask.raw(f"/{ask.token}/", host=host).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example:80",
        "[::1]:80",
        "127.0.0.1:80:80",
        "x@localhost",
    ],
)
def test_a_name_of_another_site_that_leads_here_is_refused(ask, host):
    assert ask.raw(f"/{ask.token}/", host=host).status == 403


def test_two_names_at_once_are_refused(ask):
    with ask.connected() as link:
        link.sendall(f"GET /{ask.token}/ HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n".encode())
        assert link.recv(1000).startswith(b"HTTP/1.1 403")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_are_refused(ask, method):
    reply = ask.get("", method)
    assert (reply.status, reply.headers["Allow"]) == (405, "GET, HEAD")


def test_what_a_refused_method_sends_is_no_next_request(ask):
    with ask.connected() as link:
        inner = f"GET /{ask.token}/ HTTP/1.1\r\nHost: localhost\r\n\r\n"
        link.sendall(
            f"POST /{ask.token}/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(inner)}\r\n\r\n{inner}".encode()
        )
        received = b"".join(iter(lambda: link.recv(4096), b""))
    assert received.count(b"HTTP/1.1 ") == 1


def test_what_is_no_request_is_refused_in_plain_text(ask):
    for request in (
        b"GET\r\n\r\n",
        b"BREW / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET " + b"a" * 70000,
    ):
        with ask.connected() as link:
            link.sendall(request)
            told = link.recv(4096)
        assert re.match(rb"HTTP/1.1 (400|414|501|505) ", told), told
        assert b"<" not in told


def test_a_head_has_the_headers_of_a_get_and_no_body(ask):
    for path in ("", "live.json", FILM_PATH, "nothing"):
        with ask.connected() as link:
            link.sendall(f"HEAD /{ask.token}/{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            head, _, body = b"".join(iter(lambda link=link: link.recv(4096), b"")).partition(b"\r\n\r\n")
        assert body == b""
        told = ask.get(path)
        assert f"Content-Length: {len(told.body)}".encode() in head
        assert head.startswith(f"HTTP/1.1 {told.status} ".encode())


def test_a_film_comes_whole_and_in_parts(ask):
    whole = ask.get(FILM_PATH)
    assert (whole.status, whole.body, whole.headers["Content-Type"]) == (200, FILM, "video/mp4")
    assert whole.headers["Accept-Ranges"] == "bytes"
    size = len(FILM)
    for asked, first, end in (
        ("0-99", 0, 100),
        ("500-", 500, size),
        ("-7", size - 7, size),
        (f"9-{size * 2}", 9, size),
        ("-999999", 0, size),
    ):
        part = ask.get(FILM_PATH, Range=f"bytes={asked}")
        assert (part.status, part.body) == (206, FILM[first:end])
        assert part.headers["Content-Range"] == f"bytes {first}-{end - 1}/{size}"
    beyond = ask.get(FILM_PATH, Range=f"bytes={size}-")
    assert (beyond.status, beyond.headers["Content-Range"]) == (416, f"bytes */{size}")
    assert ask.get(FILM_PATH, Range="bytes=-0").status == 416
    for asked in ("bytes=", "bytes=-", "bytes=5-2", "bytes=0-1,5-9", "lines=0-1", "bytes=a-b", f"bytes={'9' * 5000}-"):
        assert ask.get(FILM_PATH, Range=asked).body == FILM


def test_a_part_of_a_film_that_has_changed_is_all_of_the_new_one(ask, root):
    tag = ask.get(FILM_PATH).headers["ETag"]
    assert ask.get(FILM_PATH, If_None_Match=tag).status == 304
    assert ask.get(FILM_PATH, Range="bytes=0-1", If_Range=tag).status == 206
    (root / "videos" / "a b" / "é=1.mp4").write_bytes(b"new")
    assert ask.get(FILM_PATH, Range="bytes=0-1", If_Range=tag).body == b"new"
    assert ask.get(FILM_PATH, If_None_Match=tag).body == b"new"


def test_an_empty_film_is_empty(ask):
    assert ask.get("videos/empty.mp4").body == b""
    assert ask.get("videos/empty.mp4", Range="bytes=0-").status == 416


def test_what_a_run_printed_is_text_and_links_within_the_folder_are_followed(ask):
    log = ask.get("evaluate/cout.txt")
    assert (log.body, log.headers["Content-Type"]) == (b"<b>printed</b>", "text/plain; charset=utf-8")
    assert ask.get("within.mp4").body == FILM


@pytest.mark.parametrize(
    "path",
    [
        *("evaluate/config.json", "evaluate/notes.txt", "evaluate", "evaluate/", "videos", "cout.txt", "nothing.mp4"),
        *(".film.mp4", ".hidden/film.mp4", "videos/../.film.mp4", "out.mp4", "elsewhere/secret.mp4", "config.mp4"),
        *("hidden.mp4", "circle.mp4", "pipe.mp4", "folder.mp4", "folder.mp4/", "../secret.mp4", "../out2/secret.mp4"),
        *(
            "%2e%2e/secret.mp4",
            "..%2fsecret.mp4",
            "%2e%2e%2fsecret.mp4",
            "videos/%2e%2e/%2e%2e/secret.mp4",
            "/etc/passwd",
        ),
        *("%2fetc%2fpasswd", "videos//empty.mp4", "videos/empty.mp4%00", "videos/empty.mp4/", "./videos/empty.mp4"),
        *("videos%2fempty.mp4", "videos\\empty.mp4", "videos/empty.mp4/x.mp4", "elsewhere/"),
    ],
)
def test_nothing_else_is_shown(ask, path):
    assert ask.get(path).status == 404


def test_a_path_that_is_no_text_is_refused(ask):
    assert ask.get("%ff.mp4").status == 400
    assert ask.raw(f"http://127.0.0.1:{ask.port}/{ask.token}/").status == 400


@given(
    st.lists(st.one_of(st.sampled_from(["..", ".", "", "out", "out2", "elsewhere", "secret.mp4", "videos"]), st.text()))
)
def test_no_parts_of_a_path_lead_out_of_the_folder(tmp_path_factory, parts):
    root = tmp_path_factory.getbasetemp() / "fenced" / "out"
    root.mkdir(parents=True, exist_ok=True)
    (root.parent / "secret.mp4").write_bytes(b"s")
    (root.parent / "out2").mkdir(exist_ok=True)
    (root.parent / "out2" / "secret.mp4").write_bytes(b"s")
    assert open_within(root.resolve(), [*parts, "secret.mp4"]) is None


@given(st.integers(0, 50), st.integers(0, 60), st.integers(0, 60))
def test_a_span_lies_within_the_file(size, first, last):
    data = bytes(range(size))
    for asked in (f"bytes={first}-{last}", f"bytes={first}-", f"bytes=-{last}"):
        span = span_of(asked, size)
        if span is not None and span.first < span.end:
            assert 0 <= span.first < span.end <= size
    span = span_of(f"bytes={first}-{last}", size)
    if first <= last:
        assert span is not None
        assert data[span.first : span.end] == data[first : last + 1]
    else:
        assert span is None
    assert span_of(f"bytes=-{last}", size) == Span(max(0, size - last), size)


def test_paths_to_films_are_those_under_which_they_are_served(ask, root, tmp_path):
    found = path_within(root.resolve(), str(root / "videos" / "a b" / "é=1.mp4"))
    assert found == FILM_PATH
    assert ask.get(found).body == FILM
    assert path_within(root.resolve(), str(tmp_path / "secret.mp4")) is None
    assert path_within(root.resolve(), str(root / "out.mp4")) is None
    assert path_within(root.resolve(), str(root / "gone.mp4")) is None


def test_the_address_for_a_browser_works_once(ask):
    once = "/" + ask.server.address_once.split("/", 3)[3]
    assert ask.raw(once + "x").status == 403
    first = ask.raw(once)
    assert (first.status, first.headers["Location"]) == (303, f"/{ask.token}/")
    assert ask.raw(once).status == 403
    assert ask.raw("/once/").status == 403


def test_a_reader_who_goes_away_is_no_fault_and_keeps_nobody_else_waiting(ask, root, capfd):
    with (root / "long.mp4").open("wb") as file:
        file.truncate(50_000_000)
    for _ in range(3):
        link = ask.connected()
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # resets the connection
        link.sendall(f"GET /{ask.token}/long.mp4 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert link.recv(1000).startswith(b"HTTP/1.1 200")
        link.close()
    assert ask.get("").body == PAGE
    assert capfd.readouterr() == ("", "")


def test_a_connection_answers_one_request_after_the_other(ask):
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", ask.port, timeout=20)) as connection:
        for path, status in (("", 200), ("nothing", 404), (FILM_PATH, 200), ("live.json", 200)):
            connection.request("GET", f"/{ask.token}/{path}")
            reply = connection.getresponse()
            reply.read()
            assert reply.status == status


def test_only_this_machine_is_listened_to(ask):
    assert ask.server.socket.getsockname()[0] == "127.0.0.1"


def test_more_connections_than_there_are_seats_are_closed_and_the_seats_are_free_again(ask):
    links = [ask.connected() for _ in range(64)]
    for link in links:  # all have shown the token
        link.sendall(f"GET /{ask.token}/live.json HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert link.recv(1000)
    with ask.connected() as one_more:
        assert one_more.recv(1000) == b""
    for link in links:
        link.close()
    wait_for(lambda: _is_answered(ask))  # the threads see it when they see it


def test_who_has_shown_no_token_for_longest_makes_room_and_keeps_no_reader_out(ask):
    with contextlib.ExitStack() as stack:
        reader = stack.enter_context(contextlib.closing(http.client.HTTPConnection("127.0.0.1", ask.port, timeout=20)))
        assert _again(reader, ask.token) == 200
        strangers = [stack.enter_context(ask.connected()) for _ in range(70)]
        for link in strangers:
            with contextlib.suppress(ConnectionError):  # it had to make room
                link.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ")  # and says no more
        assert ask.get("").body == PAGE
        assert strangers[0].recv(1000) == b""
        assert _again(reader, ask.token) == 200
        strangers[-1].sendall(b"\r\n\r\n")
        assert strangers[-1].recv(1000).startswith(b"HTTP/1.1 403")


def test_a_connection_that_gets_no_thread_takes_no_seat(root, monkeypatch):
    def no_thread(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with ViewServer(Toy(), root, port=0) as server:
        monkeypatch.setattr(threading.Thread, "start", no_thread)
        for _ in range(65):
            ours, theirs = socket.socketpair()
            with ours, theirs, pytest.raises(RuntimeError, match="new thread"):
                server.process_request(theirs, None)


def _again(connection: http.client.HTTPConnection, token: str) -> int:
    connection.request("GET", f"/{token}/")
    reply = connection.getresponse()
    reply.read()
    return reply.status


def test_headers_that_are_long_together_are_refused(ask):
    assert ask.get("", **{f"X-{number}": "a" * 3_000 for number in range(20)}).status == 200
    assert ask.get("", **{f"X-{number}": "a" * 3_000 for number in range(23)}).status == 431


def test_what_a_get_sends_besides_is_no_next_request(ask):
    with ask.connected() as link:
        inner = f"GET /{ask.token}/ HTTP/1.1\r\nHost: localhost\r\n\r\n"
        head = f"GET /{ask.token}/live.json HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(inner)}\r\n\r\n"
        link.sendall((head + inner).encode())
        received = b"".join(iter(lambda: link.recv(4096), b""))
    assert received.count(b"HTTP/1.1 ") == 1
    assert b"Connection: close" in received


def _is_answered(ask: Asked) -> bool:
    with contextlib.suppress(http.client.HTTPException, ConnectionError):
        return ask.get("").status == 200
    return False
