"""Training by our BC, GAIL and AIRL, against the library imitation's own scripts: speed, and how soon it begins.

    python benchmarks/imitation.py [--blocks 5] [--stretches 8] [--starts 8] [--only gail airl bc start] [--json FILE]

Both sides train in seals/HalfCheetah-v1 from the same 20 episodes of our expert, with the same settings (the library's
defaults, which are ours), eight environments in one process, one thread. Ours is what `rlgauge train` does with a run,
counted and logged; the library's is its script, as `python -m imitation.scripts...` runs it, in its isolated
environment. Both train at once and in turns, on the same core where that can be had: the one waits while the other does
a stretch of training. So what drifts, as the speed of a shared machine does, goes to both sides.

- gail, airl: a stretch is a round: 2048 steps of the environments, what PPO learns from them, and 4 updates of the
  discriminator. Steps per second.
- bc: a stretch is an epoch of 20,000 transitions in batches of 32. Neither side plays episodes in between.
- start: seconds from the start of a process to the first step of training, by bc and by gail, one process after the
  other; `command` is bc by `rlgauge train` with all the processes that it starts, against the library's script; `next`
  is the second training by bc of one worker, from its beginning, against the library's script, which is a process for
  each training.

A block is a pair of fresh processes, whose first stretch is left out; every other block begins with the other side. It
gives one ratio; printed is the geometric mean over the blocks with its 95 % t interval, what is wanted of it, and
whether that is decided.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import importlib
import json
import math
import os
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import psutil

from rlgauge.stats.quantiles import student_t_quantile

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

ENV, ROUND, BATCHES = "seals/HalfCheetah-v1", 2048, 20_000 // 32
OURS, ORIGINAL = "ours", "original"
LONG = 10**9
TIMES = struct.Struct("dd")
WANTED = {"gail": 1.0, "airl": 1.0, "bc": 3.0, "start": 3.0}
"""The ratios of the library's seconds to ours that are wanted at least."""
FEWEST = 3
LIMIT = 600.0
PROBE = """
import os


def train(make_env, demonstrations, config, context):
    from rlgauge.kinds.train.algorithms.interface import find
    from rlgauge.kinds.train.algorithms.reading import read

    train = find("bc")  # only a run imports it, as it does where it is asked for by its own name
    from rlgauge.kinds.train.algorithms.bc import Fit

    run = Fit.run

    def begun(*args, **named):
        open(os.environ["BEGUN"], "w").close()
        return run(*args, **named)

    Fit.run = begun
    return train(make_env, demonstrations, read("bc", config), context)
"""
OWN = {
    "gail": {"total_timesteps": LONG},
    "airl": {"total_timesteps": LONG},
    "bc": {"bc.n_epochs": LONG // BATCHES, "bc.log_interval": BATCHES},
}
THEIRS = {
    "gail": ["total_timesteps=1000000000"],
    "airl": ["total_timesteps=1000000000"],
    "bc": ["bc.train_kwargs.n_epochs=1000000", "bc.train_kwargs.log_interval=1000000000"],
}


class Turns:
    """A child's end: it tells that it begins, then waits before each stretch, and tells how long each took."""

    def __init__(self, read: int, write: int) -> None:
        """Take the ends of two pipes."""
        self._read, self._write = read, write
        self._since = (0.0, 0.0)
        self._has_begun = False

    def begin(self) -> None:
        """Say that the first step of training comes next, and wait."""
        if not self._has_begun:
            self._has_begun = True
            os.write(self._write, TIMES.pack(0.0, time.process_time()))
            self._wait()

    def mark(self) -> None:
        """Say that what comes next begins now."""
        os.write(self._write, TIMES.pack(0.0, time.process_time()))

    def give(self) -> None:
        """Say how long the stretch took, and wait."""
        wall, cpu = self._since
        os.write(self._write, TIMES.pack(time.perf_counter() - wall, time.process_time() - cpu))
        self._wait()

    def _wait(self) -> None:
        if os.read(self._read, 1) != b"g":
            os._exit(0)
        self._since = time.perf_counter(), time.process_time()


class Child:
    """A parent's end."""

    def __init__(self, side: str, kind: str, home: Home) -> None:
        """Start it."""
        own_read, write = os.pipe()
        read, own_write = os.pipe()
        self._read, self._write = own_read, own_write
        self._folder = tempfile.TemporaryDirectory()
        self._log = Path(self._folder.name, "printed.txt")
        python, variables = (home.python, home.variables) if side == ORIGINAL else (sys.executable, dict(os.environ))
        command = [str(python), "-P", str(Path(__file__).absolute()), "--child", side, kind, str(read), str(write)]
        self._since = time.perf_counter(), 0.0
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, str(home.shown)],
                pass_fds=(read, write),
                cwd=self._folder.name,
                env=variables,
                stdout=log,
                stderr=log,
            )
        os.close(read)
        os.close(write)

    def marked(self) -> None:
        """Count from when it says so, and not from its start. Raises SystemExit where it fails before."""
        _, cpu = TIMES.unpack(self._bytes(TIMES.size))
        self._since = time.perf_counter(), cpu

    def begun(self) -> tuple[float, float]:
        """Seconds until its first step of training, by the wall and by its processor.

        Raises SystemExit where it fails before.
        """
        _, cpu = TIMES.unpack(self._bytes(TIMES.size))
        wall, before = self._since
        return time.perf_counter() - wall, cpu - before

    def stretch(self) -> tuple[float, float]:
        """Seconds of one stretch, by the wall and by the processor."""
        os.write(self._write, b"g")
        wall, cpu = TIMES.unpack(self._bytes(TIMES.size))
        return wall, cpu

    def end(self) -> None:
        """End it."""
        os.close(self._write)
        self._process.kill()
        self._process.wait()
        os.close(self._read)
        self._folder.cleanup()

    def _bytes(self, number: int) -> bytes:
        found = b""
        while len(found) < number:
            piece = os.read(self._read, number - len(found))
            if not piece:
                raise SystemExit(f"A run failed. It printed last:\n{self._log.read_text(errors='replace')[-2000:]}")
            found += piece
        return found


class Home(NamedTuple):
    """The library's Python, and the demonstrations as it reads them."""

    python: Path
    variables: dict[str, str]
    shown: Path


class Ratio(NamedTuple):
    """The library's seconds over ours, with the interval, and of how many blocks."""

    point: float
    low: float
    high: float
    num_blocks: int


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blocks", type=int, default=5, help="pairs of processes of each kind of training (5)")
    parser.add_argument("--stretches", type=int, default=8, help="of each process, besides the first (8)")
    parser.add_argument("--starts", type=int, default=8, help="pairs of starts of each kind (8)")
    parser.add_argument("--only", nargs="+", choices=[*WANTED], default=[*WANTED])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if min(options.blocks, options.starts) < FEWEST:
        parser.error(f"Fewer than {FEWEST} blocks or starts give no interval.")
    found: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder:
        home = prepared(Path(folder))
        for kind in (kind for kind in options.only if kind != "start"):
            found[kind] = told_of_training(kind, [block(kind, home, place, options) for place in range(options.blocks)])
        if "start" in options.only:
            for kind in ("bc", "gail", "command", "next"):
                pairs = [starts(kind, home, place) for place in range(options.starts)]
                found[f"start {kind}"] = told_of_starts(kind, pairs)
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


def prepared(folder: Path) -> Home:
    """Everything that is made once: the library's environment, the demonstrations, and what ours keeps in the cache."""
    from rlgauge.isolation import environment

    built = environment("imitation", listen=print)
    home = Home(built.python, {**built.variables(), "OMP_NUM_THREADS": "1"}, folder / "shown")
    for side in (OURS, ORIGINAL):
        child = Child(side, "prepare", home)
        child.begun()
        child.end()
    return home


def block(kind: str, home: Home, place: int, options: argparse.Namespace) -> dict[str, list[tuple[float, float]]]:
    """The stretches of both sides, which took turns."""
    order = (OURS, ORIGINAL) if place % 2 else (ORIGINAL, OURS)
    with contextlib.ExitStack() as stack:
        children = {side: Child(side, kind, home) for side in order}
        for child in children.values():
            stack.callback(child.end)
        for child in children.values():
            child.begun()
        found: dict[str, list[tuple[float, float]]] = {side: [] for side in order}
        for _ in range(options.stretches + 1):
            for side in order:
                found[side].append(children[side].stretch())
    return {side: times[1:] for side, times in found.items()}


def starts(kind: str, home: Home, place: int) -> dict[str, tuple[float, float]]:
    """Seconds until both sides begin to train, one after the other, by the wall and by the processor."""
    order = (OURS, ORIGINAL) if place % 2 else (ORIGINAL, OURS)
    return {side: started(side, kind, home) for side in order}


def started(side: str, kind: str, home: Home) -> tuple[float, float]:
    """Seconds until it begins to train, by the wall and by the processor."""
    if side == OURS and kind == "command":
        return commanded()
    child = Child(side, "bc" if kind == "command" or (side == ORIGINAL and kind == "next") else kind, home)
    try:
        if side == OURS and kind == "next":
            child.marked()
        return child.begun()
    finally:
        child.end()


def commanded() -> tuple[float, float]:
    """Seconds until `rlgauge train` begins to train, by the wall and by the processors of all its processes.

    It trains our BC by another name, which tells when it begins.
    """
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "probe.py").write_text(PROBE)
        told = Path(folder, "begun")
        command = [sys.executable, "-m", "rlgauge", "train", "--algo", "probe:train", "--env", ENV, "--seed", "0"]
        command += ["--tests", "0", "--quiet", "--out", str(Path(folder, "out"))]
        variables = {**os.environ, "PYTHONPATH": folder, "BEGUN": str(told)}
        begun = time.perf_counter()
        process = subprocess.Popen(command, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        one = psutil.Process(process.pid)
        try:
            while not told.exists():
                if process.poll() is not None or time.perf_counter() - begun > LIMIT:
                    raise SystemExit(f"{' '.join(command)} did not train.")
                time.sleep(0.005)
            seconds = time.perf_counter() - begun
            times = [each.cpu_times() for each in (one, *one.children(recursive=True))]
            return seconds, math.fsum(each.user + each.system for each in times)
        finally:
            process.terminate()  # it ends the processes that it has started
            process.wait()


def told_of_training(kind: str, blocks: list[dict[str, list[tuple[float, float]]]]) -> dict[str, object]:
    """What the blocks say, which is printed, too."""
    ratios = {
        name: ratio_of([math.log(total(one[ORIGINAL], at) / total(one[OURS], at)) for one in blocks])
        for at, name in enumerate(("wall", "cpu"))
    }
    stretch = {side: statistics.median(wall for one in blocks for wall, _ in one[side]) for side in (OURS, ORIGINAL)}
    each = {side: f"{ROUND / seconds:,.0f} steps/s" for side, seconds in stretch.items()}
    if kind == "bc":
        each = {side: f"{seconds * 1000:.0f} ms an epoch" for side, seconds in stretch.items()}
    print(f"{kind}: ours {each[OURS]}, original {each[ORIGINAL]} (medians)")
    for name, ratio in ratios.items():
        tell(name, ratio, WANTED[kind])
    return {"ratios": ratios, "stretch": stretch, "blocks": blocks}


def told_of_starts(kind: str, pairs: list[dict[str, tuple[float, float]]]) -> dict[str, object]:
    """What the starts say, which is printed, too."""
    medians = {side: statistics.median(pair[side][0] for pair in pairs) for side in (OURS, ORIGINAL)}
    print(f"start {kind}: ours {medians[OURS]:.2f} s, original {medians[ORIGINAL]:.2f} s (medians)")
    ratios = {
        name: ratio_of([math.log(pair[ORIGINAL][at] / pair[OURS][at]) for pair in pairs])
        for at, name in enumerate(("wall", "cpu"))
    }
    for name, ratio in ratios.items():
        tell(name, ratio, WANTED["start"])
    return {"ratios": ratios, "medians": medians, "pairs": pairs}


def total(times: list[tuple[float, float]], at: int) -> float:
    """The sum of wall times (0) or times of the processor (1)."""
    return math.fsum(one[at] for one in times)


def ratio_of(logs: list[float]) -> Ratio:
    """The geometric mean, with the t interval of the logarithms."""
    mean = statistics.fmean(logs)
    width = student_t_quantile(0.975, len(logs) - 1) * statistics.stdev(logs) / math.sqrt(len(logs))
    return Ratio(math.exp(mean), math.exp(mean - width), math.exp(mean + width), len(logs))


def tell(name: str, ratio: Ratio, wanted: float) -> None:
    """Print a ratio, and whether it is what is wanted."""
    verdict = "met" if ratio.low >= wanted else "missed" if ratio.high < wanted else "not decided"
    bounds = f"[{ratio.low:.2f}, {ratio.high:.2f}]"
    print(
        f"  original / ours, {name:5}{ratio.point:6.2f}  {bounds:16}{ratio.num_blocks:3} pairs  "
        f"wanted at least {wanted:g}: {verdict}",
        flush=True,
    )


def train_ours(kind: str, turns: Turns) -> None:
    """Train as `rlgauge train` does with a run, in turns."""
    from rlgauge.core.execute import execute
    from rlgauge.core.store import Store
    from rlgauge.kinds.train.algorithm_workload import AlgorithmWorkload
    from rlgauge.kinds.train.algorithms.interface import find
    from rlgauge.launch.inline import Inline

    if kind == "next":
        kind = "bc"
        first = AlgorithmWorkload(kind, overrides={"bc.n_batches": 1}, env=ENV, seeds=1, num_tests=0)
        execute(first, Store("out"), launcher=Inline())
        turns.mark()
    find(kind)  # as a run imports it
    if kind == "bc":
        from rlgauge.kinds.train.algorithms.bc import Fit

        Fit.run = _fitting(Fit.run, turns)
    else:
        from rlgauge.kinds.train.algorithms.adversarial import Training

        Training.play = _playing(Training.play, turns)
    workload = AlgorithmWorkload(kind, overrides=OWN[kind], env=ENV, seeds=0, num_tests=0)
    execute(workload, Store("out"), launcher=Inline())


def _fitting(run: Callable[..., None], turns: Turns) -> Callable[..., None]:
    @functools.wraps(run)
    def fitted(*args: object, report: Callable[..., None], **named: object) -> None:
        reports = iter(range(LONG))

        def in_turns(values: object) -> None:
            report(values)
            if next(reports):  # the first is of the first batch
                turns.give()

        turns.begin()
        run(*args, report=in_turns, **named)

    return fitted


def _playing(play: Callable[..., object], turns: Turns) -> Callable[..., object]:
    @functools.wraps(play)
    def played(training: object) -> object:
        turns.begin()
        told = play(training)
        turns.give()
        return told

    return played


def train_original(kind: str, turns: Turns, shown: Path) -> None:
    """Run the library's script in turns."""
    is_bc = kind == "bc"
    name = "train_imitation" if is_bc else "train_adversarial"
    script = importlib.import_module(f"imitation.scripts.{name}")
    module, trainer = ("bc", "BC") if is_bc else ("adversarial.common", "AdversarialTrainer")
    kind_of_trainer = getattr(importlib.import_module(f"imitation.algorithms.{module}"), trainer)
    train = kind_of_trainer.train

    def trained(self: object, *args: object, **named: object) -> None:
        turns.begin()
        if is_bc:
            train(self, *args, on_epoch_end=turns.give, **{**named, "log_rollouts_venv": None})
        else:
            train(self, args[0], lambda _round: turns.give())

    kind_of_trainer.train = trained
    given = ["seed=0", f"environment.gym_id={ENV!r}", "environment.parallel=False"]
    given += ["demonstrations.source='local'", f"demonstrations.path={str(shown)!r}"]
    sys.argv = [name, kind, "with", *given, *THEIRS[kind]]
    script.main_console()


def prepare(side: str, shown: Path) -> None:
    """Make the demonstrations, on our side with the references, on the library's in its form."""
    from rlgauge.kinds.train.demonstrations_read import read_npz, write_npz

    kept = shown.with_suffix(".npz")
    if side == OURS:
        from rlgauge.kinds.train.demonstrations_made import shown_by
        from rlgauge.kinds.train.experts.expert import find_expert
        from rlgauge.kinds.train.experts.references import references

        references(ENV, find_expert(ENV))
        write_npz(kept, shown_by(find_expert(ENV), ENV, num_episodes=20).demonstrations, environment=ENV)
        return
    importlib.import_module("rlgauge.kinds.train.original.__main__").write_shown(read_npz(kept), shown)


def child(arguments: Iterator[str]) -> None:
    """What a process of one side does."""
    side, kind = next(arguments), next(arguments)
    turns = Turns(int(next(arguments)), int(next(arguments)))
    shown = Path(next(arguments))
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    if kind == "prepare":
        prepare(side, shown)
        turns.begin()
    elif side == OURS:
        train_ours(kind, turns)
    else:
        train_original(kind, turns, shown)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(iter(sys.argv[2:]))
    else:
        main()
