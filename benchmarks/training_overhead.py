"""What `rlgauge train` adds to a training script, against the script alone.

    python benchmarks/training_overhead.py [--blocks 10] [--only q-learning ppo scalars] [--json FILE]

The same script is run by `python script.py` and by `rlgauge train script.py --tests 0 --videos 0`, in blocks of four
runs: alone, wrapped, wrapped, alone, so that what drifts goes to both sides. Both come to the same weights, or nothing
is said. A block gives one ratio; printed are the geometric mean over the blocks, its 95 % t interval, whether that
decides about 3 %, and what one run took:

- `wall`: of the training, by the script's own clock, from before its first step to after its last. Nothing is left out.
- `cpu`: the processor time of the script's process meanwhile, all threads.
- `undisturbed`: the same as `wall`, but by stretches of the work, which are the same on both sides: of a block the
  median of its stretches' ratios, which passes over those that something else on the machine came upon.
- `calm`: `wall` of the blocks whose runs agree with each other, side by side, within 3 %; not said of fewer than three.
- `noise`: the last run alone over the first one alone of a block: what the ratio of a script to itself comes to.
- `one-off`: seconds of a run outside its training that are added, by the wall and by all processors: Python's start,
  imports, the run's folder, its weights; however long it trains. Test episodes and films are off.

What is run:

- q-learning: tabular Q-learning on CartPole-v1, its state in bins: the cheapest steps that a script is likely to have.
- ppo: PPO of Stable-Baselines3 on CartPole-v1, four environments, its usual sizes.
- scalars: what recording adds to a logged scalar; see `logged_scalars.py`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from rlgauge.stats.quantiles import student_t_quantile

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

Q_LEARNING = """
import random
import time

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
    marks = []
    for step in range(STEPS):
        if step % 2000 == 0:
            marks += time.perf_counter(), time.process_time()
        row = values[state]
        action = int(draw() < 0.5) if draw() < 0.1 else int(row[1] > row[0])
        observation, reward, ended, cut, _ = env.step(action)
        following = state_of(observation)
        target = reward + (0.0 if ended else 0.99 * max(values[following]))
        row[action] += 0.1 * (target - row[action])
        state = state_of(env.reset()[0]) if ended or cut else following
    print("work", sum(map(sum, values)))
    print("marks", *marks, time.perf_counter(), time.process_time())


if __name__ == "__main__":
    main()
"""
PPO = """
import time

from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env


def main(env="CartPole-v1", seed=0):
    model = PPO("MlpPolicy", make_vec_env(env, 4, seed=seed), n_steps=512, seed=seed, device="cpu")
    marks = [time.perf_counter(), time.process_time()]
    for _ in range(STEPS // 2048):
        model.learn(2048, reset_num_timesteps=False)
        marks += time.perf_counter(), time.process_time()
    print("marks", *marks)
    print("work", sum(float(one.sum()) for one in model.policy.parameters()))


if __name__ == "__main__":
    main()
"""
SCRIPTS = {"q-learning": (Q_LEARNING, 150_000, 10), "ppo": (PPO, 8192, 6)}
"""Text, steps, and how many blocks of it there are."""
AIM = 0.03
CALM = math.log(1.03)
FEWEST = 3


class Times(NamedTuple):
    """Of one run: seconds of each stretch of its training, by the wall and the processor; those of all of it.

    `work` is what it came to.
    """

    wall: tuple[float, ...]
    cpu: tuple[float, ...]
    process_wall: float
    process_cpu: float
    work: str


class Block(NamedTuple):
    """Four runs, in the order in which they were run."""

    alone: Times
    wrapped: Times
    wrapped_again: Times
    alone_again: Times


class Ratio(NamedTuple):
    """A ratio with its interval, and of how many blocks."""

    point: float
    low: float
    high: float
    num_blocks: int


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blocks", type=int, help="default: 10 of q-learning, 6 of ppo")
    parser.add_argument("--steps", type=int, help="of each run; default: 150,000 of q-learning, 8192 of ppo")
    parser.add_argument("--only", nargs="+", choices=[*SCRIPTS, "scalars"], default=[*SCRIPTS, "scalars"])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.blocks is not None and options.blocks < FEWEST:
        parser.error(f"--blocks: fewer than {FEWEST} give no interval.")
    found: dict[str, object] = {}
    for name in (name for name in SCRIPTS if name in options.only):
        text, steps, num_blocks = SCRIPTS[name]
        found[name] = told(name, blocks(text, options.steps or steps, options.blocks or num_blocks))
    if "scalars" in options.only:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "scalars.json")
            program = Path(__file__).with_name("logged_scalars.py")
            subprocess.run([sys.executable, str(program), "--json", str(file)], check=True)
            found["scalars"] = json.loads(file.read_text())
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


def blocks(text: str, steps: int, number: int) -> list[Block]:
    """Runs of a script, block by block. Raises SystemExit where wrapping changes what it comes to."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "script.py")
        script.write_text(text.replace("STEPS", str(steps)))
        run_alone(script)  # compiled files of the libraries, and what the system keeps of their files
        found = []
        for index in range(number):
            outs = [Path(folder, f"out{index}{letter}") for letter in "ab"]
            found.append(
                Block(run_alone(script), run_wrapped(script, outs[0]), run_wrapped(script, outs[1]), run_alone(script))
            )
    if len({run.work for block in found for run in block}) > 1:
        raise SystemExit("The script did not come to the same alone and wrapped: their times cannot be compared.")
    return found


def run_alone(script: Path) -> Times:
    """Times of the script by itself."""
    return timed([sys.executable, str(script)], None)


def run_wrapped(script: Path, out: Path) -> Times:
    """Times of the script as a user has it run by us."""
    command = [sys.executable, "-m", "rlgauge", "train", str(script), "--env", "CartPole-v1", "--seed", "0"]
    return timed([*command, "--tests", "0", "--videos", "0", "--out", str(out)], out)


def timed(command: list[str], out: Path | None) -> Times:
    """Times of a command; its script prints here, or into a file in `out`. Raises CalledProcessError where it fails."""
    begun, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    variables = {**os.environ, "PYTHONHASHSEED": "0"}  # as our side sets it
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=variables)
    seconds = time.perf_counter() - begun
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = usage.ru_utime + usage.ru_stime - used.ru_utime - used.ru_stime
    printed = done.stdout if out is None else next(out.rglob("cout.txt")).read_text()
    told = dict(line.split(maxsplit=1) for line in printed.splitlines() if line.startswith(("work ", "marks ")))
    marks = [float(mark) for mark in told["marks"].split()]
    return Times(stretches(marks[::2]), stretches(marks[1::2]), seconds, cpu, told["work"])


def stretches(marks: list[float]) -> tuple[float, ...]:
    """Seconds from each mark to the next."""
    return tuple(after - before for before, after in itertools.pairwise(marks))


def told(name: str, found: list[Block]) -> dict[str, object]:
    """What the blocks say, which is printed, too."""
    walls = [tuple(sum(run.wall) for run in block) for block in found]
    cpus = [tuple(sum(run.cpu) for run in block) for block in found]
    calm = [wall for wall in walls if is_calm(wall)]
    ratios = {
        "wall": ratio_of([added(wall) for wall in walls]),
        "cpu": ratio_of([added(cpu) for cpu in cpus]),
        "undisturbed": ratio_of([undisturbed(block) for block in found]),
        "calm": ratio_of([added(wall) for wall in calm]) if len(calm) >= FEWEST else None,
        "noise": ratio_of([math.log(wall[3] / wall[0]) for wall in walls]),
    }
    alone, wrapped = (statistics.median(one for wall in walls for one in (wall[i], wall[3 - i])) for i in (0, 1))
    print(f"{name}: {alone:.2f} s of training alone, {wrapped:.2f} s wrapped; {len(found)} blocks of four runs")
    for kind, ratio in ratios.items():
        if ratio is not None:
            bounds = f"[{ratio.low - 1:+.2%}, {ratio.high - 1:+.2%}]"
            verdict = "" if kind == "noise" else f"  {decided(ratio)}"
            print(f"  {kind:14}{ratio.point - 1:+8.2%}  {bounds:20} {ratio.num_blocks:3} blocks{verdict}")
    once = {kind: one_off(found, kind) for kind in ("wall", "cpu")}
    print(f"  {'one-off':14}{once['wall']:+8.2f} s of wall time, {once['cpu']:+.2f} s of the processors, medians\n")
    return {"alone": alone, "wrapped": wrapped, "one-off": once, "ratios": ratios, "blocks": found}


def added(times: tuple[float, ...]) -> float:
    """The logarithm of wrapped over alone, of a block."""
    alone, wrapped, wrapped_again, alone_again = times
    return (math.log(wrapped / alone) + math.log(wrapped_again / alone_again)) / 2


def undisturbed(block: Block) -> float:
    """The same as a median over the stretches of the work."""
    return statistics.median(added(times) for times in zip(*(run.wall for run in block), strict=True))


def is_calm(times: tuple[float, ...]) -> bool:
    """Whether each side took as long both times."""
    return abs(math.log(times[3] / times[0])) < CALM and abs(math.log(times[2] / times[1])) < CALM


def one_off(found: list[Block], kind: str) -> float:
    """Seconds outside the training that wrapping adds, the median of the blocks."""
    outside = [[getattr(run, f"process_{kind}") - sum(getattr(run, kind)) for run in block] for block in found]
    return statistics.median((times[1] + times[2] - times[0] - times[3]) / 2 for times in outside)


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
