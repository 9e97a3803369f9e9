from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from rlgauge.cli.serve_policy import main
from rlgauge.core.errors import UserError
from rlgauge.episodes.policies.websocket import identity
from rlgauge.kinds.evaluate.benchmark import GymnasiumBenchmark
from rlgauge.kinds.evaluate.results import BenchmarkResults
from tests import driving
from tests.serving.served import ROOT, process

FILTERED = f"{ROOT}/tests/cli/served_policies.py:Filtered"


def test_the_address_is_the_first_line_and_sigterm_is_a_fine_end():
    with process("random", "--env", "CartPole-v1") as (own, address):
        assert address.startswith("ws://127.0.0.1:")
        assert identity(address).startswith("rlgauge ")
        own.terminate()
        rest = own.stdout.read()
        assert own.wait(30) == 0
    assert rest.startswith("random (remembers: 8 rows in all; bit-stable).")
    assert rest.endswith("0 requests with 0 rows in 0 passes: nothing was asked.\n")


def test_json_at_the_end_comes_after_the_address():
    with process("zero", "--env", "CartPole-v1", "--json", "--width", 2) as (own, address):
        assert identity(address).startswith("rlgauge ")
        own.send_signal(signal.SIGINT)
        told = json.loads(own.stdout.read())
        assert own.wait(30) == 0
    assert told == {"requests": 0, "rows": 0, "passes": 0, "infer_seconds": 0.0}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["zero"], "give --env ID or --spaces FILE"),
        (["zero", "--env", "CartPole-v1", "--spaces", "x"], "one of the two"),
        (["zero", "--env", "CartPole-v1", "--port", "70000"], "--port is between 0 and 65535"),
        (["zero", "--env", "CartPole-v1", "--width", "0"], "at least one row, not 0"),
        (["zero", "--env", "CartPole-v1", "--max-wait", "-1"], "can't be negative"),
        (["zero", "--env", "CartPole-v9"], "CartPole"),
        (["zero", "--spaces", "none.json"], "Could not read 'none.json'"),
        (["onnx:none.onnx", "--env", "CartPole-v1"], "There is no file"),
        ([f"py:{FILTERED}Out", "--env", "CartPole-v1"], "FilteredOut"),
    ],
)
def test_mistakes_are_told_before_anything_is_served(arguments, message):
    with pytest.raises(UserError, match=message):
        main(arguments)


def num_records(out):
    return sum(len(path.read_bytes().splitlines()) for path in out.glob("evaluate/*/[0-9]*/records.jsonl"))


def test_no_episode_is_lost_or_counted_twice_when_the_server_is_killed_and_started_again(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    served = (f"py:{FILTERED}", "--env", "CartPole-v1", "--port", port, "--width", 4)
    asked = ["--num-episodes", "24", "--lanes", "2", "--workers", "2", "--out", str(tmp_path)]
    with process(*served) as (first, address):
        command = [sys.executable, "-m", "rlgauge", "benchmark", "--env", "CartPole-v1", "--policy", f"p={address}"]
        told = tmp_path / "told.txt"
        with told.open("w") as file:
            remote = subprocess.Popen([*command, *asked], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=file)
        while num_records(tmp_path) < 6:
            assert remote.poll() is None
            time.sleep(0.01)
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
    assert num_records(tmp_path) < 24
    driving.wait_for(lambda: f"The policy server {address} " in told.read_text())
    with process(*served):
        assert remote.wait() == 0
    assert f"The policy server {address} is back after" in told.read_text().partition("waiting up to 60 s for it.")[2]
    direct = GymnasiumBenchmark("CartPole-v1", num_episodes=24).evaluate(f"p=py:{FILTERED}", lanes=2)
    found, expected = (
        sorted(map(played, one.results[0].episodes))
        for one in (BenchmarkResults.from_json(tmp_path / "results.json"), direct)
    )
    assert found == expected
    assert num_records(tmp_path) == 24
    assert len({length for _, _, length, *_ in found}) > 1


def played(episode):
    return episode.index, episode.seed, episode.length, episode.total_return, episode.outcome
