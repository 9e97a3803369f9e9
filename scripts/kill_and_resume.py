"""Kills driver, workers or both at random moments, gives the same command again, and compares what comes out.

    python scripts/kill_and_resume.py [--kills 30] [--workers 2] [--seed 0]

Each round evaluates three policies on two environments in a folder of its own through the command line, is killed with
SIGKILL at a random moment (a driver, a worker, a measuring child, or all of them), and is then given again until it
ends. Every results.json must equal the undisturbed one, durations aside. Exit code 1 where one does not. A measuring
child that was killed is a run that crashed (it may have been out of memory): there, the command is given again with
--rerun-failed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rlgauge.core.platform import descendants

TARGETS = ("driver", "worker", "child", "all")


def command(out: Path, workers: int, episodes: int) -> list[str]:
    """The evaluation that is disturbed."""
    options = [
        "--env",
        "CartPole-v1",
        "--env",
        "Acrobot-v1",
        "--num-episodes",
        str(episodes),
        "--workers",
        str(workers),
    ]
    policies = ["--policy", "random", "--policy", "zero", "--policy", "py:rlgauge.quickstart.controllers:Controller"]
    return [sys.executable, "-m", "rlgauge", "benchmark", *options, *policies, "--out", str(out), "--quiet"]


def measured(out: Path) -> str:
    """results.json without what differs between any two runs: durations, load, and the command itself."""
    content = json.loads((out / "results.json").read_bytes())
    for episode in (e for result in content["results"] for e in result["episodes"]):
        del episode["environment_seconds"]
    kept: dict[str, Any] = {key: content[key] for key in ("digest", "aggregates", "results")}
    return json.dumps(kept, sort_keys=True)


def kill(driver: subprocess.Popen[bytes], target: str, rng: random.Random) -> str:
    """Kill one of the target's processes with SIGKILL; what was killed."""
    processes = {pid: _role(pid) for pid in descendants(driver.pid)}
    if target in {"worker", "child"}:
        chosen = [pid for pid, role in processes.items() if role == target]
        pids = [rng.choice(chosen)] if chosen else [driver.pid]
    else:
        pids = [driver.pid, *processes] if target == "all" else [driver.pid]
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    return f"{target} ({len(pids)} of {len(processes) + 1} processes)"


def _role(pid: int) -> str:
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return "gone"
    if "rlgauge.worker" in line:
        return "worker"
    return "child" if "rlgauge.worker.child" in line else "other"


def disturb(out: Path, options: argparse.Namespace, rng: random.Random, longest: float) -> str:
    """Start, kill, and go on until the command ends by itself; what happened."""
    target, moment = rng.choice(TARGETS), rng.uniform(0.0, longest)
    driver = subprocess.Popen(
        command(out, options.workers, options.episodes), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    try:
        driver.wait(moment)
        told = "ended before it was killed"
    except subprocess.TimeoutExpired:
        told = kill(driver, target, rng)
        driver.wait()
    rest = ["--rerun-failed"] if target == "child" else []
    again = subprocess.run(
        [*command(out, options.workers, options.episodes), *rest], check=False, capture_output=True, text=True
    )
    if again.returncode:
        return f"{moment:5.2f} s: {told}; again: exit {again.returncode} {again.stderr}"
    return f"{moment:5.2f} s: {told}"


def main() -> int:
    """0 when every killed evaluation came to the same results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--episodes", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = random.Random(options.seed)  # noqa: S311  # when to kill, no secret
    differing = 0
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        subprocess.run(
            command(Path(folder, "whole"), options.workers, options.episodes), check=True, stdout=subprocess.DEVNULL
        )
        longest = time.perf_counter() - start
        expected = measured(Path(folder, "whole"))
        print(f"undisturbed: {longest:.1f} s, digest {json.loads(expected)['digest']}")
        for index in range(options.kills):
            out = Path(folder, f"round{index}")
            told = disturb(out, options, rng, longest)
            is_same = (out / "results.json").exists() and measured(out) == expected
            differing += not is_same
            print(f"{index + 1:3d}  {told}: {'same' if is_same else 'DIFFERENT'}", flush=True)
    print(f"{options.kills - differing} of {options.kills} came to the same results")
    return int(differing > 0)


if __name__ == "__main__":
    sys.exit(main())
