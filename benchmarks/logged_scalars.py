"""What recording adds to a scalar that a script logs, logger by logger, in microseconds.

    python benchmarks/logged_scalars.py [--only rlgauge.log torch ...] [--rounds 40] [--json FILE]

Each logger has a process of its own. In a round it logs with recording, without, without and with, so that what drifts
goes to both sides, and gives one difference; printed are the median of the differences, its 95 % interval (of its
ranks), and what a scalar takes without recording.

- `call`: the time of the call less what the logger's own method takes within it. This is what recording takes.
- `between`: the same where 20 steps of CartPole come before each call: caches are then full of other things, as they
  are in a script.
- `whole`: the time of the call. Loggers that hand over to a thread of their own wait for it, now and then and for long,
  which hides what recording adds to it; but it would show here if it made them wait longer.
- `cpu`: the processor time of all threads of the process, so that work which is put off is not left out.

`rlgauge.log` has nothing to be compared with, and is compared with no call. A call logs one scalar; of
Stable-Baselines3 and of `wandb, of 10` it logs ten.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import importlib
import importlib.util
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("WANDB_SILENT", "true")

Call = Callable[[int], object]
NAME = "losses/value_loss"
METHODS = {
    "rlgauge.log": None,
    "torch": ("torch.utils.tensorboard.writer", "SummaryWriter", "add_scalar"),
    "tensorboardX": ("tensorboardX.writer", "SummaryWriter", "add_scalar"),
    "wandb": ("wandb.sdk.wandb_run", "Run", "log"),
    "wandb, of 10": ("wandb.sdk.wandb_run", "Run", "log"),
    "sb3": ("stable_baselines3.common.logger", "Logger", "dump"),
}
"""The loggers: module, class and method."""
KINDS = ("call", "whole", "cpu")
STEPS_BETWEEN = 20


class Inner:
    """Seconds that have been spent within a logger's own method."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def watch(self, cls: type, name: str) -> None:
        """Have a method note how long it takes."""
        method = getattr(cls, name)

        @functools.wraps(method)
        def watched(*args: object, **named: object) -> object:
            begun = time.perf_counter()
            try:
                return method(*args, **named)
            finally:
                self.seconds += time.perf_counter() - begun

        setattr(cls, name, watched)


class Sides(NamedTuple):
    """A call that logs, with recording and without, and how many scalars one call logs; how often a round calls it."""

    recorded: Call
    plain: Call
    num_scalars: int = 1
    num_calls: int = 200


class Added(NamedTuple):
    """Microseconds that recording adds to a scalar, with their interval, and what a scalar takes without it."""

    micros: float
    low: float
    high: float
    plain: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        print(json.dumps(measured(options.only[0], options.rounds)))
        return
    found = all_measured(options.only, options.rounds)
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


def all_measured(names: list[str], num_rounds: int) -> dict[str, dict[str, Any]]:
    """What recording adds, by logger and kind of time, each printed as it is there."""
    found = {}
    for name in names:
        method = METHODS[name]
        if method is not None and importlib.util.find_spec(method[0].partition(".")[0]) is None:
            print(f"{name:14}is not installed")
            continue
        command = [sys.executable, __file__, "--here", "--only", name, "--rounds", str(num_rounds)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        found[name] = json.loads(done.stdout.splitlines()[-1])
        for kind, told in found[name].items():
            added = Added(*told)
            print(
                f"{name:14}{kind:10}{added.micros:+8.2f} us a scalar  [{added.low:+.2f}, {added.high:+.2f}]"
                f"  {added.plain:.2f} us without"
            )
    return found


def measured(name: str, num_rounds: int) -> dict[str, Added]:
    """What recording adds with one logger, by kind of time."""
    import gymnasium

    from rlgauge.kinds.train.journal import Journal
    from rlgauge.kinds.train.script import logging_hooks

    inner = Inner()
    method = METHODS[name]
    if method is not None:
        inner.watch(getattr(importlib.import_module(method[0]), method[1]), method[2])
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        logging_hooks.install(Journal(Path(folder)))
        sides = MAKERS[name](folder, stack)
        env = gymnasium.make("CartPole-v1")
        env.reset(seed=0)

        def work() -> None:
            for _ in range(STEPS_BETWEEN):
                if any(env.step(0)[2:4]):
                    env.reset()

        rounds(sides, 3, inner)
        found = rounds(sides, num_rounds, inner)
        between = rounds(sides, num_rounds, inner, work=work)["call"]
        logging_hooks.stop()
    return {"call": found["call"], "between": between, "whole": found["whole"], "cpu": found["cpu"]}


def rounds(sides: Sides, number: int, inner: Inner, *, work: Callable[[], None] | None = None) -> dict[str, Added]:
    """What recording adds in so many rounds, by kind of time."""
    order = (sides.recorded, sides.plain, sides.plain, sides.recorded)
    index = 0
    kinds: dict[str, list[tuple[float, float]]] = {kind: [] for kind in KINDS}
    for _ in range(number):
        times = []
        for call in order:
            times.append(timed(call, index, sides, inner, work))
            index += sides.num_calls
        for place, kind in enumerate(KINDS):
            first, second, third, fourth = (one[place] for one in times)
            kinds[kind].append(((first + fourth) / 2, (second + third) / 2))
    return {kind: added(pairs) for kind, pairs in kinds.items()}


def timed(
    call: Call, start: int, sides: Sides, inner: Inner, work: Callable[[], None] | None
) -> tuple[float, float, float]:
    """Microseconds a scalar: of the calls without the logger's own, of the calls, of the processor with all else."""
    seconds = 0.0
    inner.seconds = 0.0
    used = time.process_time()
    for index in range(start, start + sides.num_calls):
        if work is not None:
            work()
        begun = time.perf_counter()
        call(index)
        seconds += time.perf_counter() - begun
    scale = 1e6 / sides.num_calls / sides.num_scalars
    return (seconds - inner.seconds) * scale, seconds * scale, (time.process_time() - used) * scale


def added(pairs: list[tuple[float, float]]) -> Added:
    """The median of recorded less plain, with the interval of its ranks."""
    differences = sorted(recorded - plain for recorded, plain in pairs)
    reach = 0.98 * math.sqrt(len(pairs))
    low = differences[max(0, math.floor(len(pairs) / 2 - reach))]
    high = differences[min(len(pairs) - 1, math.ceil(len(pairs) / 2 + reach) - 1)]
    return Added(statistics.median(differences), low, high, statistics.median(plain for _, plain in pairs))


def _rlgauge(_folder: str, _stack: contextlib.ExitStack) -> Sides:
    import rlgauge

    return Sides(lambda index: rlgauge.log({NAME: 0.37 * index}, step=index), lambda index: {NAME: 0.37 * index})


def _torch(folder: str, stack: contextlib.ExitStack) -> Sides:
    from torch.utils.tensorboard import SummaryWriter

    return _writer(stack.enter_context(SummaryWriter(folder)))


def _tensorboardx(folder: str, stack: contextlib.ExitStack) -> Sides:
    from tensorboardX import SummaryWriter

    return _writer(stack.enter_context(SummaryWriter(folder)))


def _writer(writer: Any) -> Sides:  # noqa: ANN401  # of torch's or of tensorboardX's
    recorded = type(writer).add_scalar
    plain = recorded.__wrapped__
    return Sides(
        lambda index: recorded(writer, NAME, 0.37 * index, index),
        lambda index: plain(writer, NAME, 0.37 * index, index),
    )


def _wandb(folder: str, stack: contextlib.ExitStack) -> Sides:
    import wandb

    run = stack.enter_context(wandb.init(mode="offline", dir=folder, project="overhead"))
    recorded = type(run).log
    plain = recorded.__wrapped__
    return Sides(
        lambda index: recorded(run, {NAME: 0.37 * index}), lambda index: plain(run, {NAME: 0.37 * index}), num_calls=50
    )


def _wandb_of_ten(folder: str, stack: contextlib.ExitStack) -> Sides:
    import wandb

    run = stack.enter_context(wandb.init(mode="offline", dir=folder, project="overhead"))
    recorded = type(run).log
    plain = recorded.__wrapped__
    names = [f"train/value_{index}" for index in range(10)]

    def by(log: Callable[[Any, dict[str, float]], None]) -> Call:
        return lambda index: log(run, dict.fromkeys(names, 0.37 * index))

    return Sides(by(recorded), by(plain), num_scalars=len(names), num_calls=50)


def _sb3(folder: str, stack: contextlib.ExitStack) -> Sides:
    from stable_baselines3.common.logger import Logger, configure

    logger = configure(folder, ["csv"])
    stack.callback(logger.close)
    names = [f"train/value_{index}" for index in range(10)]

    def by(dump: Callable[[Logger, int], None]) -> Call:
        def call(index: int) -> None:
            for name in names:
                logger.record(name, 0.37 * index)
            dump(logger, index)

        return call

    return Sides(by(Logger.dump), by(Logger.dump.__wrapped__), num_scalars=len(names), num_calls=50)


MAKERS = {
    "rlgauge.log": _rlgauge,
    "torch": _torch,
    "tensorboardX": _tensorboardx,
    "wandb": _wandb,
    "wandb, of 10": _wandb_of_ten,
    "sb3": _sb3,
}


if __name__ == "__main__":
    main()
