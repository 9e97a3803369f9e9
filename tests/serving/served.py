"""Policies served in this process or in another one, and servers of other kinds."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import gymnasium as gym
import numpy as np

from rlgauge.episodes.policies.websocket_wire import pack, unpack
from rlgauge.serving.policy_server import PolicyServer, Served

OBSERVATIONS = gym.spaces.Box(-1.0, 1.0, (3,), np.float32)
ACTIONS = gym.spaces.Box(-10.0, 10.0, (2,), np.float32)
ROOT = Path(__file__).parents[2]
MODULE = f"py:{__file__}"


class Sums:
    """Batched and forgetful: an observation's sum and its double."""

    bit_stable = True

    def __init__(self):
        self.passes = []

    def begin(self, row, seed):
        pass

    def act(self, observations, active):
        self.passes.append(list(active))
        sums = np.asarray(observations).sum(1)
        return list(np.stack([sums, 2 * sums], 1).astype(np.float32))

    def close(self):
        pass


class Counts:
    """Remembers: how often it was asked since its episode began, and the seed of that."""

    def __init__(self):
        self.reset(0)

    def reset(self, seed):
        self.seed = seed % 7
        self.num = 0

    def act(self, observation):
        self.num += 1
        return np.array([self.num, self.seed], np.float32)


def served(policy, *, width=8, remembers=False, digest="d", **spaces):
    return Served(
        policy=policy,
        observation_space=spaces.get("observation_space", OBSERVATIONS),
        action_space=spaces.get("action_space", ACTIONS),
        width=width,
        remembers=remembers,
        bit_stable=True,
        digest=digest,
        name="given",
        shares=spaces.get("shares", True),
    )


@contextlib.contextmanager
def serving(policy, **options):
    """The address and the server, answering in a thread."""
    server_options = {name: options.pop(name) for name in ("port", "max_bytes", "wait_seconds") if name in options}
    told: queue.Queue = queue.Queue()
    ended = threading.Event()

    async def run():
        async with server.running() as address:
            told.put(address)
            await asyncio.get_running_loop().run_in_executor(None, ended.wait)

    with ThreadPoolExecutor(1) as thread:
        server = PolicyServer(served(policy, **options), thread=thread, **server_options)
        loop = threading.Thread(target=lambda: asyncio.run(run()))
        loop.start()
        try:
            yield told.get(timeout=30), server
        finally:
            ended.set()
            loop.join()


@contextlib.contextmanager
def answering(converse):
    """The address of a server that holds a conversation of another kind on each connection."""
    from websockets.sync.server import serve

    with serve(converse, "127.0.0.1", 0, compression=None) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        finally:
            server.shutdown()
            thread.join()


def openpi(infer, metadata=None):
    """What openpi's server says: metadata first, then an answer for each observation; text and the end for an error."""

    def converse(connection):
        connection.send(pack({} if metadata is None else metadata))
        for message in connection:
            try:
                answer = infer(unpack(message))
            except ValueError as error:
                connection.send(f"Traceback (most recent call last):\n  ...\nValueError: {error}\n")
                connection.close(1011)
                return
            connection.send(pack({**answer, "server_timing": {"infer_ms": 0.25}}))

    return converse


@contextlib.contextmanager
def process(*arguments, cwd=ROOT):
    """`rlgauge serve-policy` as a process, and its address, which is the first line that it prints."""
    code = "import sys; from rlgauge.cli.serve_policy import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    with subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as own:
        try:
            yield own, own.stdout.readline().strip()
        finally:
            if own.poll() is None:
                own.kill()
