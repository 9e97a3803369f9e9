"""What counting, recording and wrapping add to the wall time of a training script, against the script alone.

    python benchmarks/training_overhead.py [--pairs 10] [--only q-learning ppo scalars] [--json FILE]

Each script is run alone (`python script.py`) and as `rlgauge train` runs it (`python -m rlgauge.kinds.train.script`,
without test episodes), in turns: each pair gives one ratio. Printed are the geometric mean of the ratios, its 95 %
t interval, and what one run took, for three times: `training` is the wall time from the script's first line to the last
of its `main`, as it measures that itself; `process` is that of the whole process, with the start of Python and, on our
side, of what wraps the script; `cpu` is the processor time of the whole process. `quiet` is a ratio that a busy machine
disturbs less: each stretch of the work (2000 steps) counts with the least processor time that it took in any run.

- q-learning: tabular Q-learning on CartPole-v1, its state in bins: the cheapest steps that a script is likely to have.
- ppo: PPO of Stable-Baselines3 on CartPole-v1, four environments, its usual sizes.
- scalars: microseconds that one recorded scalar adds to TensorBoard's `add_scalar`, and that `rlgauge.log` takes.
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
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from rlgauge.kinds.train.spec import SPEC, Spec
from rlgauge.stats.quantiles import student_t_quantile

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

Q_LEARNING = """
import random
import time

begun = time.perf_counter()
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
            marks.append(time.process_time())
        row = values[state]
        action = int(draw() < 0.5) if draw() < 0.1 else int(row[1] > row[0])
        observation, reward, ended, cut, _ = env.step(action)
        following = state_of(observation)
        target = reward + (0.0 if ended else 0.99 * max(values[following]))
        row[action] += 0.1 * (target - row[action])
        state = state_of(env.reset()[0]) if ended or cut else following
    print("seconds", time.perf_counter() - begun)
    print("work", sum(map(sum, values)))
    print("marks", *marks)


if __name__ == "__main__":
    main()
"""
PPO = """
import time

begun = time.perf_counter()
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env


def main(env="CartPole-v1", seed=0):
    model = PPO("MlpPolicy", make_vec_env(env, 4, seed=seed), n_steps=512, seed=seed, device="cpu")
    marks = [time.process_time()]
    for _ in range(STEPS // 2048):
        model.learn(2048, reset_num_timesteps=False)
        marks.append(time.process_time())
    print("seconds", time.perf_counter() - begun)
    print("marks", *marks)
    print("work", sum(float(one.sum()) for one in model.policy.parameters()))


if __name__ == "__main__":
    main()
"""
TOLD = ("seconds ", "work ", "marks ")
SCRIPTS = {"q-learning": (Q_LEARNING, 200_000), "ppo": (PPO, 8192)}


class Times(NamedTuple):
    """Seconds of one run: of the script by its own clock, of its whole process, of the processor; what it came to."""

    training: float
    process: float
    cpu: float
    work: str
    marks: tuple[float, ...]

    @property
    def stretches(self) -> list[float]:
        """Processor seconds of each stretch of the script's work."""
        return [after - before for before, after in itertools.pairwise(self.marks)]


class Ratio(NamedTuple):
    """A ratio of wrapped to alone, with its interval, and the medians of both sides in seconds."""

    point: float
    low: float
    high: float
    alone: float
    wrapped: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--only", nargs="+", choices=[*SCRIPTS, "scalars"], default=[*SCRIPTS, "scalars"])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found: dict[str, object] = {}
    for name in (name for name in SCRIPTS if name in options.only):
        pairs = measured(name, options.pairs)
        for kind in ("training", "process", "cpu"):
            ratio = ratio_of([(getattr(alone, kind), getattr(wrapped, kind)) for alone, wrapped in pairs])
            found[f"{name} {kind}"] = ratio._asdict()
            print(
                f"{name:12}{kind:10}{ratio.point - 1:+8.2%}  [{ratio.low - 1:+.2%}, {ratio.high - 1:+.2%}]"
                f"  {ratio.alone:.2f} s alone, {ratio.wrapped:.2f} s wrapped, {len(pairs)} pairs"
            )
        quiet = quiet_ratio(pairs)
        found[f"{name} quiet"] = quiet
        print(f"{name:12}{'quiet':10}{quiet - 1:+8.2%}")
    if "scalars" in options.only:
        for name, micros in scalar_costs().items():
            found[name] = micros
            print(f"{name:40}{micros:8.2f} us a scalar")
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


def measured(name: str, num_pairs: int) -> list[tuple[Times, Times]]:
    """Times alone and wrapped, pair by pair; who comes first changes with each."""
    text, steps = SCRIPTS[name]
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "script.py")
        script.write_text(text.replace("STEPS", str(steps)))
        alone = [sys.executable, str(script)]
        run_once(alone)  # compiled files of the libraries, and what the system keeps of their files
        pairs = []
        for index in range(num_pairs):
            wrapped = wrapped_command(script, Path(folder, f"run{index}"))
            if index % 2:
                second = run_once(wrapped)
                pairs.append((run_once(alone), second))
            else:
                pairs.append((run_once(alone), run_once(wrapped)))
    if len({side.work for pair in pairs for side in pair}) > 1:
        raise SystemExit(f"{name} did not come to the same alone and wrapped: their times cannot be compared.")
    return pairs


def wrapped_command(script: Path, folder: Path) -> list[str]:
    """The command that runs the script as a training run does."""
    folder.mkdir()
    spec = Spec(
        script=str(script), env="CartPole-v1", seed=0, args=[], folder=str(folder), num_test_episodes=0, num_videos=0
    )
    (folder / SPEC).write_bytes(msgspec.json.encode(spec))
    return [sys.executable, "-m", "rlgauge.kinds.train.script", str(folder / SPEC)]


def run_once(command: list[str]) -> Times:
    """Seconds of one run. Raises CalledProcessError where it fails."""
    begun, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds = time.perf_counter() - begun
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = usage.ru_utime + usage.ru_stime - used.ru_utime - used.ru_stime
    told = dict(line.split(maxsplit=1) for line in done.stdout.splitlines() if line.startswith(TOLD))
    marks = tuple(float(mark) for mark in told["marks"].split())
    return Times(float(told["seconds"]), seconds, cpu, told["work"], marks)


def ratio_of(pairs: list[tuple[float, float]]) -> Ratio:
    """The geometric mean of wrapped over alone, with the t interval of the logarithms."""
    logs = [math.log(wrapped / alone) for alone, wrapped in pairs]
    mean = statistics.fmean(logs)
    width = 0.0
    if len(logs) > 1:
        width = student_t_quantile(0.975, len(logs) - 1) * statistics.stdev(logs) / math.sqrt(len(logs))
    medians = (statistics.median(pair[side] for pair in pairs) for side in (0, 1))
    return Ratio(math.exp(mean), math.exp(mean - width), math.exp(mean + width), *medians)


def quiet_ratio(pairs: list[tuple[Times, Times]]) -> float:
    """Wrapped over alone, each stretch with the least that it took in any run of a side."""
    sides = ([pair[side].stretches for pair in pairs] for side in (0, 1))
    alone, wrapped = (sum(min(stretch) for stretch in zip(*runs, strict=True)) for runs in sides)
    return wrapped / alone


def scalar_costs(num_scalars: int = 500, num_rounds: int = 60) -> dict[str, float]:
    """Microseconds of the processor a scalar: the least of the rounds, in which the sides take turns."""
    import rlgauge
    from rlgauge.kinds.train.journal import Journal
    from rlgauge.kinds.train.script import loggers, logging_hooks

    with tempfile.TemporaryDirectory() as folder:
        from torch.utils.tensorboard import SummaryWriter

        writer = SummaryWriter(folder)
        plain = SummaryWriter.add_scalar
        logging_hooks.install(Journal(Path(folder)))

        def alone(index: int) -> None:
            plain(writer, "losses/value_loss", 0.5 * index, index)

        def recorded(index: int) -> None:
            writer.add_scalar("losses/value_loss", 0.5 * index, index)

        def noted(index: int) -> None:
            loggers.record("losses/value_loss", 0.5 * index, index)

        def logged(index: int) -> None:
            rlgauge.log({"losses/value_loss": 0.5 * index}, step=index)

        rounds = [
            [micros(action, num_scalars) for action in (alone, recorded, noted, logged)] for _ in range(num_rounds)
        ]
        writer.close()
    own, recorded_too, record, log = (min(column) for column in zip(*rounds, strict=True))
    return {
        "added to SummaryWriter.add_scalar": recorded_too - own,
        "(SummaryWriter.add_scalar itself)": own,
        "recording alone": record,
        "rlgauge.log": log,
    }


def micros(action: Callable[[int], None], number: int) -> float:
    """Microseconds of this thread that one call takes."""
    begun = time.thread_time()
    for index in range(number):
        action(index)
    return (time.thread_time() - begun) / number * 1e6


if __name__ == "__main__":
    main()
