"""Seconds to summarise 20,000 runs, in process: ours against imitation's own way of reading Sacred folders, in turns.

    python benchmarks/summaries.py [--runs 20000] [--rounds 5] [--json FILE]

The runs are written first: as a store of ours, each with the latencies that a real evaluation reports, and as Sacred
folders in imitation's shape. Summarised means: every run read, and the mean of every algorithm and task. Files are in
the page cache for all sides. Each side has a fresh process, whose own clock counts; the sides take turns, each round
gives one ratio to imitation's way, and the median is printed with its range.

- imitation's way: every `run.json` beneath the folder, it and its `config.json` read with `json` and kept, as
  `imitation.util.sacred_file_parsing` does; here without its dependencies.
- Sacred: `rlgauge.importers.read`.
- cold: our store without an index (and the index written); verified: from the index, every folder looked at;
  no scan: from the index alone.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from rlgauge.core.case import Case, fingerprint
from rlgauge.core.index import readings
from rlgauge.core.reading import Reading
from rlgauge.importers import read

ALGORITHMS, TASKS = 10, 50
_ROUNDING = 1e-9


def write_store(root: Path, num: int) -> None:
    """Runs of ours: ten algorithms, fifty tasks, as many seeds as it takes."""
    latency = {part: {str(-480 + i): i for i in range(70)} for part in ("policy", "environment", "render")}
    provenance = {"packages": {f"package-{i}": "1.2.3" for i in range(20)}, "argv": ["rlgauge", "benchmark"] * 5}
    for index in range(num):
        labels = labels_of(index)
        params = {"task": labels["task"], "environment": {"gym_id": labels["task"], "kwargs": {}}, "content": index}
        case = Case(workload="evaluate", name=f"{labels['task']}-e0000", params=params, labels=labels)
        folder = root / case.folder / "1-abcdef"
        folder.mkdir(parents=True)
        (folder / "records.jsonl").touch()
        (folder.parent / "claim-1").write_text("{}")
        told = {"workload": case.workload, "name": case.name, "params": params, "seed": 0, "labels": labels}
        units = {"return": "reward", "length": "steps", "success": "success"}
        (folder / "config.json").write_text(
            json.dumps({"format": 1, "seed": 0, "case": told, "units": units}, indent=2)
        )
        totals = {name: {"n": 16, "mean": index + 0.5, "squares": 3.5, "median": index + 0.25} for name in units}
        end = {
            "format": 1,
            "status": "COMPLETED",
            "start_time": "2026-01-01T00:00:00",
            "host": {"hostname": "vm"},
            "provenance": provenance,
            "num_records": 16,
            "num_errors": 0,
            "totals": totals,
            "result": {"latency": latency},
        }
        (folder / "run.json").write_text(json.dumps(end, indent=2))


def labels_of(index: int) -> dict[str, str]:
    """Algorithm, task and seed of a run."""
    group, seed = index % (ALGORITHMS * TASKS), index // (ALGORITHMS * TASKS)
    return {
        "algorithm": f"algorithm-{group % ALGORITHMS}",
        "task": f"Task-{group // ALGORITHMS}-v0",
        "train_seed": str(seed),
        "settings": "abcdef123456",
        "unit": fingerprint(index),
    }


def write_sacred(root: Path, num: int) -> None:
    """Runs in the shape of imitation's."""
    for index in range(num):
        labels = labels_of(index)
        folder = root / labels["algorithm"] / str(index)
        folder.mkdir(parents=True)
        config = {"environment": {"gym_id": labels["task"]}, "seed": index, "rl": {f"option_{i}": i for i in range(60)}}
        (folder / "config.json").write_text(json.dumps(config, indent=2))
        stats = {
            f"{name}_{part}": index + 0.5
            for name in ("monitor_return", "return", "len")
            for part in ("mean", "std", "min", "max", "len")
        }
        run = {
            "command": labels["algorithm"],
            "status": "COMPLETED",
            "start_time": "2026-01-01T00:00:00",
            "stop_time": "2026-01-01T01:00:00",
            "heartbeat": "2026-01-01T01:00:00",
            "artifacts": [],
            "resources": [],
            "experiment": {
                "name": "train_imitation",
                "base_dir": "/base",
                "dependencies": [f"package_{i}==1.2.3" for i in range(60)],
                "repositories": [],
                "sources": [[f"source_{i}.py", f"_sources/source_{i}.py"] for i in range(40)],
            },
            "host": {"hostname": "vm", "cpu": "cpu", "os": ["Linux", "6"], "python_version": "3.11.7", "ENV": {}},
            "meta": {
                "command": labels["algorithm"],
                "config_updates": config,
                "options": {f"--{i}": None for i in range(30)},
            },
            "result": {"imit_stats": {**stats, "n_traj": 50}, "expert_stats": {**stats, "n_traj": 50}},
        }
        (folder / "run.json").write_text(json.dumps(run, indent=2))
        (folder / "metrics.json").write_text("{}")
        (folder / "cout.txt").write_text("done\n")


Means = dict[tuple[str, str], float]
"""By algorithm and task."""


def as_imitation_does(root: Path) -> Means:
    """Means by algorithm and environment, everything parsed and kept."""
    runs: dict[str, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    for path in root.rglob("run.json"):
        with path.open() as file:
            run = json.load(file)
        with (path.parent / "config.json").open() as file:
            config = json.load(file)
        if run["status"] == "COMPLETED":
            runs[run["command"]][config["environment"]["gym_id"]].append(run)
    return {
        (algorithm, env): statistics.fmean(run["result"]["imit_stats"]["monitor_return_mean"] for run in found)
        for algorithm, by_env in runs.items()
        for env, found in by_env.items()
    }


def means(found: Iterable[Reading]) -> Means:
    """Means by algorithm and task."""
    scores: dict[tuple[str, str], list[float]] = defaultdict(list)
    for reading in found:
        scores[reading.algorithm, reading.task].append(reading.totals["return"].mean)
    return {cell: statistics.fmean(values) for cell, values in scores.items()}


SIDES: dict[str, Callable[[Path, Path], Means]] = {
    "imitation's way": lambda _store, sacred: as_imitation_does(sacred),
    "Sacred": lambda _store, sacred: means(read([sacred]).readings),
    "cold": lambda store, _sacred: means(readings(store)),
    "verified": lambda store, _sacred: means(readings(store)),
    "no scan": lambda store, _sacred: means(readings(store, scan=False)),
}


def measure(folder: Path, rounds: int) -> dict[str, list[float]]:
    """Seconds of every side, in turns, after one round that is not counted."""
    times: dict[str, list[float]] = {name: [] for name in SIDES}
    expected: dict[str, float] = {}
    for round_index in range(rounds + 1):
        for name in SIDES:
            if name == "cold":
                (folder / "store" / "index.sqlite").unlink(missing_ok=True)
            seconds, found = in_fresh_process(name, folder)
            expected = expected or found
            if found.keys() != expected.keys() or any(
                abs(found[cell] - mean) > _ROUNDING for cell, mean in expected.items()
            ):
                raise SystemExit(f"{name} came to other means than imitation's way.")
            if round_index:
                times[name].append(seconds)
    return times


def in_fresh_process(name: str, folder: Path) -> tuple[float, dict[str, float]]:
    """What a side took, and the means that it came to, in a process that has done nothing else."""
    command = [sys.executable, __file__, "--side", name, "--folder", str(folder)]
    ended = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds, found = json.loads(ended.stdout)
    return seconds, found


def answer(name: str, folder: Path) -> None:
    """Print what a side took in this process, and the means."""
    start = time.perf_counter()
    found = SIDES[name](folder / "store", folder / "sacred")
    seconds = time.perf_counter() - start
    print(json.dumps([seconds, {" ".join(cell): mean for cell, mean in found.items()}]))


def main() -> None:
    """Write the runs, measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--side", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side is not None:
        answer(options.side, options.folder)
        return
    folder = Path(tempfile.mkdtemp(prefix="rlgauge-summaries-"))
    try:
        write_store(folder / "store", options.runs)
        write_sacred(folder / "sacred", options.runs)
        times = measure(folder, options.rounds)
    finally:
        shutil.rmtree(folder)
    print(f"{platform.machine()}, {os.cpu_count()} cores, {options.runs:,} runs, {options.rounds} rounds")
    print("| side | seconds | imitation's way takes so much longer | range |\n|---|---|---|---|")
    for name, values in times.items():
        ratios = [other / own for own, other in zip(values, times["imitation's way"], strict=True)]
        ratio = f"{statistics.median(ratios):.1f} | {min(ratios):.1f}..{max(ratios):.1f}"
        print(f"| {name} | {statistics.median(values):.3f} | {ratio} |")
    if options.json is not None:
        options.json.write_text(json.dumps(times))


if __name__ == "__main__":
    main()
