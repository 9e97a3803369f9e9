"""`rlgauge view`: the report and the films of a folder in a browser, with what goes on there."""

from __future__ import annotations

import errno
import os
import socket
import sys
import threading
import webbrowser
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rlgauge.cli import report_page, sources, summary
from rlgauge.cli.console import say
from rlgauge.cli.main import FINE
from rlgauge.cli.options import make_parser, parse
from rlgauge.cli.runs import store_at
from rlgauge.cli.view_page import Shown
from rlgauge.cli.view_server import HOST, ViewServer, serving
from rlgauge.core.errors import UserError
from rlgauge.report.content import Report

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

_OUT = "out"
"""Below it all commands keep their runs where nobody says where."""
_LAST_PORT = 65535


def main(argv: Sequence[str]) -> int:
    """The exit code of `rlgauge view`: 0, however it is ended. Raises UserError."""
    options = parse(build_parser(), argv, repeated=("--rename", "--algo", "--task"))
    if options is None:
        return FINE
    if not 0 <= options.port <= _LAST_PORT:
        raise UserError(f"--port is between 0 and {_LAST_PORT}, not {options.port}.")
    summary.question_of(options)  # what nobody can be asked is told here, and not in the page
    root = store_at(options.out).root
    options.source = [options.out]
    shown = Shown(root, partial(_report, options))
    try:
        with _listening(shown, root, options.port) as server, serving(server):
            shown.begin()
            _tell(server, options)
            threading.Event().wait()
    except KeyboardInterrupt:  # which is how it is meant to end, and so is SIGTERM
        pass
    return FINE


def build_parser() -> ArgumentParser:
    """The options of `rlgauge view`."""
    parser = make_parser(
        "view", "Show the report and the videos of a folder in a browser, on this machine alone, with what goes on."
    )
    parser.add_argument(
        "out",
        nargs="?",
        type=str,
        default=_OUT,
        help="the folder, as given to --out or one above it, or a zip file of `rlgauge export`",
    )
    parser.add_argument("--port", type=int, default=0, metavar="N", help="port to listen on; 0 is any that is free")
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")
    sources.add_source_options(parser, positional=False)
    summary.add_question_options(parser)
    return parser


def _report(options: Namespace) -> Report:
    return report_page.report_of(report_page.asked(options), options)[0]


def _listening(shown: Shown, root: Path, port: int) -> ViewServer:
    """The server. Raises UserError where nobody may listen on the port, or somebody does."""
    try:
        return ViewServer(shown, root, port=port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            what = f"Somebody listens on port {port} of {HOST} already, maybe another `rlgauge view`"
        else:
            what = f"Can't listen on port {port} of {HOST} ({error.strerror or error})"
        raise UserError(f"{what}: give --port another number, or 0 for any that is free.") from error


def _tell(server: ViewServer, options: Namespace) -> None:
    """Print where it is, and open a browser there, where there is a display."""
    print(server.address, flush=True)
    say(f"The report and the videos of {options.out}, for this machine alone. End it with Ctrl-C.")
    if _is_far():
        port = server.server_address[1]
        say(f"From your own machine: `ssh -N -L {port}:{HOST}:{port} {socket.gethostname()}`, then the same address.")
    sys.stdout.flush()
    if not options.no_browser and _has_display():
        # Others see how programs are started: what they see works once.
        threading.Thread(target=webbrowser.open, args=(server.address_once,), daemon=True).start()


def _is_far() -> bool:
    """Whether who gave the command sits at another machine."""
    return bool(os.environ.get("SSH_CONNECTION"))


def _has_display() -> bool:
    """Whether a browser would be seen by who gave the command."""
    has_one = sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return has_one and not _is_far()
