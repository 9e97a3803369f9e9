"""Milliseconds of asking a policy server on this machine, and how many rows it answers for 1, 2 and 8 clients.

    python benchmarks/policy_server.py [--rounds 7] [--calls 400] [--seconds 3] [--openpi FOLDER] [--json FILE]

The policy is a network of 2x64 tanh units on 24 numbers, in NumPy, batched. The sides take turns; each round gives one
median for each side and its ratio to `direct`, and the median of both over the rounds is printed with its range.

- direct: the policy called in this process with 8 rows.
- ours, 1 row / 8 rows: `rlgauge serve-policy` in another process, asked by a `ws://` policy in one round trip.
- ours, openpi's client: the same server, asked for one row by openpi's own client.
- openpi, 1 row / 8 rows: openpi's own server and client with the same network; 8 rows are 8 round trips, since its
  protocol has one observation in a message.

Openpi's two sides are measured where a folder with its packages is given:
`pip install --no-deps --target FOLDER openpi-client==0.1.2 openpi-server==0.1.0`.

Then clients of one row each, every one a process, ask as fast as they can, first a server that puts up to 8 rows into
one pass and then one of one row a pass, by turns. A pass takes 5 ms more there, however many rows it has, as on an
accelerator (it sleeps): what is measured is the server, not how well this machine multiplies matrices. Printed are rows
per second, how many rows went through in one pass, and the ratio of the two, which at best is the number of clients.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import multiprocessing
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import gymnasium as gym  # noqa: E402  # after the number of threads, which NumPy reads once
import numpy as np  # noqa: E402

from rlgauge.episodes.policies.source import PolicySource  # noqa: E402
from rlgauge.episodes.policies.websocket import load_policy  # noqa: E402
from rlgauge.serving.space_files import write_spaces  # noqa: E402

if TYPE_CHECKING:
    from multiprocessing.synchronize import Barrier

    from numpy.typing import NDArray

ROWS, WIDTH = 8, 8
OBSERVATIONS = gym.spaces.Box(-1, 1, (24,), np.float32)
ACTIONS = gym.spaces.Box(-1, 1, (6,), np.float32)
CLIENTS = (1, 2, 8)
PASS_SECONDS = 0.005
SERVE = "import sys; from rlgauge.cli.serve_policy import main; sys.exit(main(sys.argv[1:]))"
OPENPI_PORT_LINE = "port "


class Small:
    """Two hidden layers."""

    batched = True

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        sizes = (24, 64, 64, 6)
        self.weights = [
            (rng.standard_normal((one, other)) / one**0.5).astype(np.float32)
            for one, other in itertools.pairwise(sizes)
        ]

    def act(self, observations: NDArray[Any]) -> NDArray[Any]:
        """A row of actions for each row of observations."""
        values = observations
        for weights in self.weights:
            values = np.tanh(values @ weights)
        return values


class Accelerated(Small):
    """The same on something whose pass takes as long for eight rows as for one."""

    def act(self, observations: NDArray[Any]) -> NDArray[Any]:
        """A row of actions for each row of observations."""
        time.sleep(PASS_SECONDS)
        return super().act(observations)


class Spaces(NamedTuple):
    """What `write_spaces` reads of an environment."""

    observation_space: Any
    action_space: Any


class Served(NamedTuple):
    """A server that was started."""

    address: str
    process: subprocess.Popen[str]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calls", type=int, default=400, help="calls of a side in a round")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long clients ask in a round")
    parser.add_argument("--openpi", type=Path, help="folder with openpi-client and openpi-server")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--serve-openpi", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve_openpi:
        serve_openpi(options.openpi)
        return
    found = {"round_trip_ms": round_trips(options), "rows_per_second": throughput(options)}
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))


def round_trips(options: argparse.Namespace) -> dict[str, list[float]]:
    """Milliseconds of each side, a median a round; printed."""
    with contextlib.ExitStack() as stack:
        sides = {"direct": _direct(), **_ours(stack), **(_openpi(stack, options.openpi) if options.openpi else {})}
        medians: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(options.rounds):
            for name, call in sides.items():
                medians[name].append(_median_ms(call, options.calls))
    print(f"{'a call':28} {'median':>10}  {'range':>19}  {'to direct':>10}")
    for name, own in medians.items():
        ratio = statistics.median(one / base for one, base in zip(own, medians["direct"], strict=True))
        print(f"{name:28} {statistics.median(own):7.3f} ms  {min(own):7.3f} .. {max(own):7.3f}  {ratio:9.1f}x")
    if options.openpi:
        for rows in ("1 row", f"{ROWS} rows"):
            pairs = zip(medians[f"openpi, {rows}"], medians[f"ours, {rows}"], strict=True)
            ratios = [theirs / own for theirs, own in pairs]
            told = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} .. {max(ratios):.2f})"
            print(f"openpi's time over ours, {rows}: {told}")
    return medians


def _median_ms(call: Callable[[], object], num: int) -> float:
    seconds = []
    for _ in range(num):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return 1000 * statistics.median(seconds)


def _observations(rows: int) -> NDArray[Any]:
    return np.random.default_rng(1).uniform(-1, 1, (rows, 24)).astype(np.float32)


def _direct() -> Callable[[], object]:
    policy, observations = Small(), _observations(ROWS)
    return lambda: policy.act(observations)


def _ours(stack: contextlib.ExitStack) -> dict[str, Callable[[], object]]:
    served = stack.enter_context(ours("Small", WIDTH))
    sides: dict[str, Callable[[], object]] = {}
    for rows in (1, ROWS):
        policy = load_policy(
            PolicySource(served.address), observation_space=OBSERVATIONS, action_space=ACTIONS, width=rows
        )
        stack.callback(policy.close)
        observations, active = _observations(rows), range(rows)
        sides[f"ours, {rows} row{'s' * (rows > 1)}"] = lambda p=policy, o=observations, a=active: p.act(o, a)
    return sides


@contextlib.contextmanager
def ours(policy: str, width: int) -> Iterator[Served]:
    """`rlgauge serve-policy`; its account of the passes is the last line that it prints."""
    spaces = Path(__file__).with_suffix(".spaces.json")
    write_spaces(Spaces(OBSERVATIONS, ACTIONS), spaces)  # type: ignore[arg-type]  # it reads no more of an environment
    arguments = [f"py:{__file__}:{policy}", "--spaces", str(spaces), "--width", str(width), "--json"]
    command = [sys.executable, "-c", SERVE, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None  # noqa: S101  # it was asked for
        address = process.stdout.readline().strip()
        spaces.unlink()
        try:
            yield Served(address, process)
        finally:
            process.send_signal(signal.SIGTERM)
            process.stdout.read()


def _openpi(stack: contextlib.ExitStack, folder: Path) -> dict[str, Callable[[], object]]:
    sys.path.insert(0, str(folder))
    from openpi_client.websocket_client_policy import WebsocketClientPolicy

    command = [sys.executable, __file__, "--serve-openpi", "--openpi", str(folder)]
    process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
    stack.callback(process.terminate)
    assert process.stdout is not None  # noqa: S101  # it was asked for
    port = int(process.stdout.readline().removeprefix(OPENPI_PORT_LINE))
    client = WebsocketClientPolicy("127.0.0.1", _when_open(port))
    (one,), eight = _observations(1), _observations(ROWS)
    to_ours = WebsocketClientPolicy(stack.enter_context(ours("Small", WIDTH)).address)
    return {
        "ours, openpi's client": lambda: to_ours.infer({"observation": one}),
        "openpi, 1 row": lambda: client.infer({"observation": one}),
        f"openpi, {ROWS} rows": lambda: [client.infer({"observation": row}) for row in eight],
    }


def _when_open(port: int) -> int:
    import socket

    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return port
        time.sleep(0.05)
    raise SystemExit("openpi's server does not start")


def serve_openpi(folder: Path) -> None:
    """Openpi's own server, with the small network."""
    import socket

    sys.path.insert(0, str(folder))
    from openpi_server.websocket_policy_server import WebsocketPolicyServer

    network = Small()

    class Policy:
        def infer(self, message: dict[str, Any]) -> dict[str, Any]:
            return {"actions": network.act(message["observation"][None])}

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    print(f"{OPENPI_PORT_LINE}{port}", flush=True)
    WebsocketPolicyServer(Policy(), "127.0.0.1", port).serve_forever()


def throughput(options: argparse.Namespace) -> dict[str, list[float]]:
    """Rows per second by number of clients and width of a pass; printed."""
    found: dict[str, list[float]] = {f"{num} clients, width {width}": [] for num in CLIENTS for width in (WIDTH, 1)}
    a_pass: dict[str, list[float]] = {name: [] for name in found}
    for _ in range(options.rounds):
        for num in CLIENTS:
            for width in (WIDTH, 1):
                per_second, rows = _asked_by(num, width, options.seconds)
                found[f"{num} clients, width {width}"].append(per_second)
                a_pass[f"{num} clients, width {width}"].append(rows)
    print(f"\n{'clients':>7} {'rows/s, up to 8 a pass':>24} {'rows a pass':>12} {'rows/s, 1 a pass':>18} {'ratio':>22}")
    for num in CLIENTS:
        wide, narrow = found[f"{num} clients, width {WIDTH}"], found[f"{num} clients, width 1"]
        ratios = [one / other for one, other in zip(wide, narrow, strict=True)]
        told = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} .. {max(ratios):.2f})"
        rows = statistics.median(a_pass[f"{num} clients, width {WIDTH}"])
        print(f"{num:7} {statistics.median(wide):24,.0f} {rows:12.1f} {statistics.median(narrow):18,.0f} {told:>22}")
    return found


def _asked_by(num: int, width: int, seconds: float) -> tuple[float, float]:
    """Rows per second of all clients together, and rows in a pass."""
    context = multiprocessing.get_context("spawn")
    with ours("Accelerated", width) as served:
        barrier, results = context.Barrier(num), context.SimpleQueue()
        clients = [context.Process(target=_ask, args=(served.address, seconds, barrier, results)) for _ in range(num)]
        for client in clients:
            client.start()
        per_second = sum(results.get() for _ in clients)
        for client in clients:
            client.join()
        served.process.send_signal(signal.SIGTERM)
        told = json.loads(served.process.stdout.read()) if served.process.stdout else {}
    return per_second, told["rows"] / told["passes"]


def _ask(address: str, seconds: float, barrier: Barrier, results: Any) -> None:  # noqa: ANN401  # a queue
    policy = load_policy(PolicySource(address), observation_space=OBSERVATIONS, action_space=ACTIONS, width=1)
    observations = _observations(1)
    policy.act(observations, [0])
    barrier.wait()
    start, num = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        policy.act(observations, [0])
        num += 1
    results.put(num / (time.perf_counter() - start))
    policy.close()


if __name__ == "__main__":
    main()
