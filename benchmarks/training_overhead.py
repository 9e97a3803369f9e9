"""What `rlgauge train` adds to a training script, against the script alone.

    python benchmarks/training_overhead.py [--blocks 8] [--only q-learning ppo scalars] [--json FILE]

The same script is run by `python script.py` and by `rlgauge train script.py --tests 0 --videos 0`, both at once and in
turns: its training is cut into stretches of less than a second, the same on both sides, and after each it waits for the
other one to do as much, on the same core where that can be had. So what drifts, as the speed of a shared machine does,
goes to both sides. Both come to the same weights, or nothing is said. Every other block begins with the other side.

A block gives one ratio of each kind; printed are the geometric mean over the blocks, its 95 % t interval, whether that
decides about 3 %, and what one run took:

- `wall`: of all stretches, by the script's own clock. Nothing is left out but the waiting.
- `cpu`: the processor time of the script's process in them, all threads.
- `undisturbed`: the median over the stretches of their ratios of wall time, which passes over those that something else
  on the machine came upon.
- `noise`: the script against itself: the same as `wall`, with the script alone on both sides, in as many blocks.
- `one-off`: seconds of a run outside its training that are added, by the wall and by all processors: Python's start,
  imports, the run's folder, its weights, and the process that watches the script as long as it is in its turns.
  Test episodes and films are off.

What is run:

- q-learning: tabular Q-learning on CartPole-v1, its state in bins: the cheapest steps that a script is likely to have.
- ppo: PPO of Stable-Baselines3 on CartPole-v1, four environments, its usual sizes.
- scalars: what recording adds to a logged scalar; see `logged_scalars.py`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

from rlgauge.stats.quantiles import student_t_quantile

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

TURNS = """
import os
import time

READY, READ, WRITE = (os.open(path, os.O_RDWR) for path in os.environ["TURNS"].split(os.pathsep))
MARKS = []
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def mark():
    MARKS.extend((time.perf_counter(), time.process_time()))


def wait():
    if not MARKS:
        os.write(READY, b".")
    mark()
    os.read(READ, 1)
    mark()


def give():
    mark()
    os.write(WRITE, b".")


def part():
    os.read(READ, 1)
    os.write(WRITE, b".")
"""
"""Before each script: taking turns by pipes that have names; from when both are ready until both are done."""
Q_LEARNING = """
import random

import gymnasium


def state_of(observation, bins=(3, 3, 6, 6), highs=(2.4, 3.0, 0.21, 3.0)):
    state = 0
    for value, number, high in zip(observation.tolist(), bins, highs):
        place = int((value + high) / (2 * high) * number)
        state = state * number + min(max(place, 0), number - 1)
    return state


def main(env="CartPole-v1", seed=0):
    env = gymnasium.make(env)
    draw = random.Random(seed).random
    values = [[0.0, 0.0] for _ in range(3 * 3 * 6 * 6)]
    state = state_of(env.reset(seed=seed)[0])
    for _ in range(STRETCHES):
        wait()
        for _ in range(2000):
            row = values[state]
            action = int(draw() < 0.5) if draw() < 0.1 else int(row[1] > row[0])
            observation, reward, ended, cut, _ = env.step(action)
            following = state_of(observation)
            target = reward + (0.0 if ended else 0.99 * max(values[following]))
            row[action] += 0.1 * (target - row[action])
            state = state_of(env.reset()[0]) if ended or cut else following
        give()
    part()
    print("work", sum(map(sum, values)))
    print("marks", *MARKS)


if __name__ == "__main__":
    main()
"""
PPO = """
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env


def main(env="CartPole-v1", seed=0):
    model = PPO("MlpPolicy", make_vec_env(env, 4, seed=seed), n_steps=512, seed=seed, device="cpu")
    for _ in range(STRETCHES):
        wait()
        model.learn(2048, reset_num_timesteps=False)
        give()
    part()
    print("marks", *MARKS)
    print("work", sum(float(one.sum()) for one in model.policy.parameters()))


if __name__ == "__main__":
    main()
"""
SCRIPTS = {"q-learning": (Q_LEARNING, 75), "ppo": (PPO, 6)}
"""Text, and how many stretches its training has."""
AIM = 0.03
FEWEST = 3
LIMIT = 600.0
"""After so many seconds a block is given up."""


class Times(NamedTuple):
    """Of one run: seconds of each stretch of its training, by the wall and the processor, and those outside of it.

    `work` is what it came to.
    """

    wall: tuple[float, ...]
    cpu: tuple[float, ...]
    other_wall: float
    other_cpu: float
    work: str


class Block(NamedTuple):
    """Two runs that took turns."""

    alone: Times
    wrapped: Times


class Ratio(NamedTuple):
    """A ratio with its interval, and of how many blocks."""

    point: float
    low: float
    high: float
    num_blocks: int


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blocks", type=int, default=8, help="default: 8")
    parser.add_argument("--stretches", type=int, help="of each run; default: 75 of q-learning, 6 of ppo")
    parser.add_argument("--only", nargs="+", choices=[*SCRIPTS, "scalars"], default=[*SCRIPTS, "scalars"])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.blocks < FEWEST:
        parser.error(f"--blocks: fewer than {FEWEST} give no interval.")
    found: dict[str, object] = {}
    for name in (name for name in SCRIPTS if name in options.only):
        text, number = SCRIPTS[name]
        found[name] = told(name, *blocks(text, options.stretches or number, options.blocks))
    if "scalars" in options.only:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "scalars.json")
            program = Path(__file__).with_name("logged_scalars.py")
            subprocess.run([sys.executable, str(program), "--json", str(file)], check=True)
            found["scalars"] = json.loads(file.read_text())
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


def blocks(text: str, stretches: int, number: int) -> tuple[list[Block], list[Block]]:
    """Runs of a script alone and wrapped, and of the script twice alone, block by block.

    Raises SystemExit where wrapping changes what it comes to.
    """
    compared, same = [], []
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "script.py")
        script.write_text(TURNS + text.replace("STRETCHES", str(stretches)))
        for index in range(number + 1):
            out = Path(folder, f"out{index}")
            first, second = together(script, (None, out) if index % 2 else (out, None), Path(folder))
            pair = Block(first, second) if index % 2 else Block(second, first)
            plain = Block(*together(script, (None, None), Path(folder)))
            if index:  # the first one finds the libraries' files neither compiled nor in memory
                compared.append(pair)
                same.append(plain)
    if len({run.work for block in [*compared, *same] for run in block}) > 1:
        raise SystemExit("The script did not come to the same alone and wrapped: their times cannot be compared.")
    return compared, same


def together(script: Path, outs: tuple[Path | None, Path | None], folder: Path) -> tuple[Times, Times]:
    """Times of the script run twice at once, in turns: by us where there is a folder for what comes out, else alone.

    The first has the first turn. Raises SystemExit where one of them fails.
    """
    pipes = [folder / name for name in ("ready", "first", "second")]
    for pipe in pipes:
        pipe.unlink(missing_ok=True)
        os.mkfifo(pipe)
    found: list[Times | None] = [None, None]

    def run(place: int) -> None:
        turns = os.pathsep.join(map(str, (pipes[0], pipes[1 + place], pipes[2 - place])))
        with contextlib.suppress(OSError, ValueError, LookupError):  # nothing is found then, which is told below
            found[place] = timed(script, outs[place], turns)
        os.write(held[0], b".")  # so that nobody waits for one that failed

    held = [os.open(pipe, os.O_RDWR) for pipe in pipes]  # a pipe that nobody has open forgets what was written
    threads = [threading.Thread(target=run, args=[place]) for place in range(2)]
    for thread in threads:
        thread.start()
    for _ in threads:
        os.read(held[0], 1)
    os.write(held[1], b".")
    for thread in threads:
        thread.join()
    for pipe in held:
        os.close(pipe)
    first, second = found
    if first is None or second is None:
        raise SystemExit(f"A run of {script.name} failed, or took longer than {LIMIT:.0f} s.")
    return first, second


def timed(script: Path, out: Path | None, turns: str) -> Times:
    """Times of a run; its script prints here, or into a file in `out`. Raises LookupError where it fails."""
    command = [sys.executable, str(script)]
    if out is not None:
        command = [sys.executable, "-m", "rlgauge", "train", str(script), "--env", "CartPole-v1", "--seed", "0"]
        command += ["--tests", "0", "--videos", "0", "--out", str(out)]
    variables = {**os.environ, "PYTHONHASHSEED": "0", "TURNS": turns}  # as our side sets it
    begun = time.perf_counter()
    with tempfile.TemporaryFile("w+") as printed:
        process = subprocess.Popen(command, stdout=printed, stderr=subprocess.DEVNULL, env=variables)
        end = threading.Timer(LIMIT, process.kill)
        end.start()
        _, status, usage = os.wait4(process.pid, 0)
        end.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - begun
        printed.seek(0)
        text = printed.read() if out is None else next(out.rglob("cout.txt")).read_text()
    told = dict(line.split(maxsplit=1) for line in text.splitlines() if line.startswith(("work ", "marks ")))
    if process.returncode:
        raise LookupError(f"{script.name} failed.")
    marks = [float(mark) for mark in told["marks"].split()]
    wall, cpu = marks[::2], marks[1::2]  # of each stretch three: it waits, it begins, it ends
    worked = tuple(end - start for start, end in zip(cpu[1::3], cpu[2::3], strict=True))
    return Times(
        wall=tuple(end - start for start, end in zip(wall[1::3], wall[2::3], strict=True)),
        cpu=worked,
        other_wall=seconds - (wall[-1] - wall[0]),
        other_cpu=usage.ru_utime + usage.ru_stime - sum(worked),
        work=told["work"],
    )


def told(name: str, found: list[Block], same: list[Block]) -> dict[str, object]:
    """What the blocks say, which is printed, too."""
    ratios = {
        "wall": ratio_of([math.log(sum(wrapped.wall) / sum(alone.wall)) for alone, wrapped in found]),
        "cpu": ratio_of([math.log(sum(wrapped.cpu) / sum(alone.cpu)) for alone, wrapped in found]),
        "undisturbed": ratio_of([undisturbed(block) for block in found]),
        "noise": ratio_of([math.log(sum(second.wall) / sum(first.wall)) for first, second in same]),
    }
    alone, wrapped = (statistics.median(sum(block[side].wall) for block in found) for side in range(2))
    number = len(found[0].alone.wall)
    print(f"{name}: {alone:.2f} s of training alone, {wrapped:.2f} s wrapped; {len(found)} blocks of {number} turns")
    for kind, ratio in ratios.items():
        bounds = f"[{ratio.low - 1:+.2%}, {ratio.high - 1:+.2%}]"
        verdict = "" if kind == "noise" else f"  {decided(ratio)}"
        print(f"  {kind:14}{ratio.point - 1:+8.2%}  {bounds:20} {ratio.num_blocks:3} blocks{verdict}")
    once = {
        "wall": statistics.median(block.wrapped.other_wall - block.alone.other_wall for block in found),
        "cpu": statistics.median(block.wrapped.other_cpu - block.alone.other_cpu for block in found),
    }
    print(f"  {'one-off':14}{once['wall']:+8.2f} s of wall time, {once['cpu']:+.2f} s of the processors, medians\n")
    return {"alone": alone, "wrapped": wrapped, "one-off": once, "ratios": ratios, "blocks": found, "same": same}


def undisturbed(block: Block) -> float:
    """The logarithm of wrapped over alone, as a median over the stretches of the work."""
    pairs = zip(block.alone.wall, block.wrapped.wall, strict=True)
    return statistics.median(math.log(wrapped / alone) for alone, wrapped in pairs)


def ratio_of(logs: list[float]) -> Ratio:
    """The geometric mean, with the t interval of the logarithms."""
    mean = statistics.fmean(logs)
    width = student_t_quantile(0.975, len(logs) - 1) * statistics.stdev(logs) / math.sqrt(len(logs))
    return Ratio(math.exp(mean), math.exp(mean - width), math.exp(mean + width), len(logs))


def decided(ratio: Ratio) -> str:
    """What the interval says of the aim."""
    if ratio.high < 1 + AIM:
        return f"under {AIM:.0%}"
    return f"over {AIM:.0%}" if ratio.low > 1 + AIM else f"does not decide about {AIM:.0%}"


if __name__ == "__main__":
    main()
