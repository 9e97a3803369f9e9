"""Kill an evaluation at random moments, resume it, and compare what it measured with one that nobody disturbed.

    python benchmarks/kills.py [--kills 30] [--seed 0]

Every time: a fresh folder, a driver with two workers, one of these processes killed (SIGKILL) at a moment that is
uniform over the time an undisturbed evaluation takes, and the same command again. The digest of results.json, a hash of
every episode of every policy, has to be the same. Exits with 1 where one is not.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COMMAND = [
    *(sys.executable, "-m", "rlgauge", "benchmark", "--quiet", "--workers", "2", "--num-episodes", "300"),
    *("--env", "CartPole-v1", "--env", "Acrobot-v1", "--policy", "random", "--policy", "zero"),
]


def start(out: Path, *options: str) -> subprocess.Popen[bytes]:
    """The evaluation into a folder."""
    return subprocess.Popen([*COMMAND, *options, "--out", str(out)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def finish(out: Path) -> str:
    """The digest after the evaluation was given again, until all is there."""
    process = start(out, "--rerun-failed")
    _, told = process.communicate(timeout=300)
    if process.returncode != 0:
        raise SystemExit(f"Resuming {out} ended with {process.returncode}: {told.decode()}")
    return str(json.loads((out / "results.json").read_bytes())["digest"])


def children(pid: int) -> list[int]:
    """The processes that a process has started, and theirs."""
    found = []
    for task in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parent = int(task.read_text().rpartition(")")[2].split()[1])
            if parent == pid:
                child = int(task.parent.name)
                found += [child, *children(child)]
    return found


def strike(process: subprocess.Popen[bytes], rng: random.Random) -> str:
    """Kill the driver, or one of its workers; says which."""
    workers = children(process.pid)
    victim = rng.choice([process.pid, *workers])
    with contextlib.suppress(ProcessLookupError):
        os.kill(victim, signal.SIGKILL)
    return "driver" if victim == process.pid else "worker"


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = random.Random(options.seed)  # noqa: S311  # moments, not secrets
    num_wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        begin = time.monotonic()
        expected = finish(Path(folder, "undisturbed"))
        duration = time.monotonic() - begin
        print(f"undisturbed: {duration:.1f} s, digest {expected}")
        print("| kill | at | of | runs there | after resuming |\n|---|---|---|---|---|")
        for number in range(options.kills):
            out, moment = Path(folder, str(number)), rng.uniform(0, duration)
            process = start(out)
            time.sleep(moment)
            victim = strike(process, rng) if process.poll() is None else "nobody: it had ended"
            process.communicate(timeout=300)
            there = len(list(out.glob("evaluate/*/*/run.json")))
            found = finish(out)
            num_wrong += found != expected
            verdict = "the same" if found == expected else f"DIFFERENT: {found}"
            print(f"| {number + 1} | {moment:.2f} s | {victim} | {there} | {verdict} |", flush=True)
    print(f"{options.kills - num_wrong} of {options.kills} the same")
    return int(num_wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
