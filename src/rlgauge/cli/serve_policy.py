"""`rlgauge serve-policy`: a policy for others, at the address that is printed first."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from rlgauge.cli.main import FINE
from rlgauge.cli.options import make_parser, parse
from rlgauge.core.errors import UserError
from rlgauge.episodes.policies.websocket_link import check_installed
from rlgauge.episodes.policies.websocket_wire import MAX_BYTES
from rlgauge.episodes.policy import parse_source
from rlgauge.kinds.evaluate.benchmark import GymnasiumBenchmark
from rlgauge.kinds.evaluate.workload import LANES
from rlgauge.serving.batching import MAX_WAIT, Totals
from rlgauge.serving.opening import open_served
from rlgauge.serving.policy_server import PolicyServer, Served, serve_until_ended
from rlgauge.serving.space_files import Spaces, read_spaces

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace


def main(argv: Sequence[str]) -> int:
    """The exit code of `rlgauge serve-policy`. Raises UserError."""
    options = parse(build_parser(), argv)
    if options is None:
        return FINE
    _check(options)
    check_installed("Serving a policy")
    source = parse_source(options.policy, options.ckpt_path)
    spaces = read_spaces(options.spaces) if options.env is None else _spaces_of(options.env)
    served = open_served(
        source,
        spaces,
        width=options.width,
        trust=options.trust,
        forgets=options.stateless,
        chunks=options.chunks,
    )
    with contextlib.closing(served.policy), ThreadPoolExecutor(1, thread_name_prefix="policy") as thread:
        _serve(served, thread, options)
    return FINE


def build_parser() -> ArgumentParser:
    """The options of `rlgauge serve-policy`."""
    parser = make_parser(
        "serve-policy",
        "Serve a policy over a websocket, to ws:// policies and to openpi's clients, until it is ended.",
    )
    parser.add_argument("policy", metavar="URI", help="the policy, as in rlgauge benchmark --policy")
    parser.add_argument("--ckpt_path", type=str | None, metavar="FILE", help="checkpoint for a policy's class path")
    parser.add_argument("--env", type=str | None, metavar="ID", help="environment whose spaces it is opened for")
    parser.add_argument("--spaces", type=str | None, metavar="FILE", help="or a file with the two spaces")
    parser.add_argument("--host", type=str, default="127.0.0.1", metavar="ADDRESS", help="where to listen")
    parser.add_argument("--port", type=int, default=0, metavar="N", help="port to listen on; 0 is any that is free")
    parser.add_argument("--width", type=int, default=LANES, metavar="L", help="rows of a pass through the policy")
    parser.add_argument(
        "--max-wait", type=float, default=MAX_WAIT, metavar="SECONDS", help="wait so long at most for a pass to fill"
    )
    parser.add_argument("--max-bytes", type=int, default=MAX_BYTES, metavar="N", help="refuse longer messages")
    parser.add_argument(
        "--stateless", action="store_true", help="promise that an answer follows from its observation alone"
    )
    parser.add_argument("--chunks", action="store_true", help="its answers are chunks of several actions")
    parser.add_argument("--trust", action="store_true", help="load files that may run code")
    parser.add_argument("--json", action="store_true", help="print what was served as JSON at the end")
    return parser


def _check(options: Namespace) -> None:
    if (options.env is None) == (options.spaces is None):
        raise UserError("Say what the policy observes and does: give --env ID or --spaces FILE, one of the two.")
    last_port = 65535
    if not 0 <= options.port <= last_port:
        raise UserError(f"--port is between 0 and {last_port}, not {options.port}.")
    if options.max_wait < 0 or options.max_bytes < 1:
        raise UserError("--max-wait can't be negative, and --max-bytes is at least 1.")


def _spaces_of(env_id: str) -> Spaces:
    """The spaces of a registered environment, which is made for them alone. Raises UserError."""
    gyms = GymnasiumBenchmark(env_id).open_gyms()
    try:
        env = gyms.env(0, 0)
        return Spaces(env.observation_space, env.action_space)
    finally:
        gyms.close()


def _serve(served: Served, thread: ThreadPoolExecutor, options: Namespace) -> None:
    server = PolicyServer(
        served,
        thread=thread,
        host=options.host,
        port=options.port,
        wait_seconds=options.max_wait,
        max_bytes=options.max_bytes,
    )

    def tell(address: str) -> None:
        print(address, flush=True)
        if not options.json:
            print(_sentence(served), flush=True)

    serve_until_ended(server, tell)
    totals = server.batcher.totals
    print(json.dumps(totals.to_json()) if options.json else _account(totals))


def _sentence(served: Served) -> str:
    manner = f"remembers: {served.width} rows in all" if served.remembers else f"up to {served.width} rows a pass"
    stable = "bit-stable" if served.bit_stable else "not bit-stable"
    return f"{served.name} ({manner}; {stable}). End it with Ctrl-C or SIGTERM."


def _account(totals: Totals) -> str:
    rows = f"{totals.rows / totals.passes:.1f} rows a pass" if totals.passes else "nothing was asked"
    return f"{totals.requests:,} requests with {totals.rows:,} rows in {totals.passes:,} passes: {rows}."
