"""What the library imitation and Sacred themselves make of an exported tree, in the library's own environment."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import pytest

from rlgauge import isolation
from rlgauge.core.run import Status
from rlgauge.exporters.sacred import write_sacred
from rlgauge.importers import read
from tests.exporters.making import CARTPOLE, HOPPER, case, trained

LOOK = """
import json
import os
import pathlib
import sys

import huggingface_sb3
import sacred
from sacred.observers import FileStorageObserver
from imitation.util import sacred as folders
from imitation.util.sacred_file_parsing import find_sacred_runs, group_runs_by_algo_and_env

ENVIRONMENTS = ("seals/CartPole-v0", "seals/Hopper-v1", "my.mod:Env-v0")
tree, own = map(pathlib.Path, sys.argv[1:])
experiment = sacred.Experiment("train_imitation")
experiment.observers.append(FileStorageObserver(own))


@experiment.command
def bc(seed, _run):
    print("hello")
    _run.log_scalar("loss", 1.0, 10)
    return {"imit_stats": {}}


experiment.run("bc", config_updates={"seed": 1})
found = [folders.SacredDicts.load_from_dir(one) for one in folders.filter_subdirs(tree)]
grouped = group_runs_by_algo_and_env(tree / "sacred", only_completed_runs=True)
print(json.dumps({
    "dirs": sorted(str(one.sacred_dir.relative_to(tree)) for one in found),
    "runs": sum(1 for _ in find_sacred_runs(tree)),
    "linked": all(folders.dir_contains_sacred_jsons(one) for one in tree.glob("*/seals-*/*/sacred")),
    "scores": {
        f"{algo} {env}": sorted(run["result"]["imit_stats"]["monitor_return_mean"] for run in runs)
        for algo, by_env in grouped.items() for env, runs in by_env.items()
    },
    "names": [huggingface_sb3.EnvironmentName(name) for name in ENVIRONMENTS],
    "sacred files": sorted(os.listdir(own / "1")),
    "sacred beside": sorted(os.listdir(own)),
    "sacred run": {name: type(value).__name__ for name, value in json.loads((own / "1/run.json").read_text()).items()},
    "sacred experiment": sorted(json.loads((own / "1/run.json").read_text())["experiment"]),
    "sacred metric": sorted(json.loads((own / "1/metrics.json").read_text())["loss"]),
}))
"""


@pytest.fixture(scope="module")
def home() -> isolation.Environment:
    return isolation.environment("imitation")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six runs that completed, one that failed, and one without a test episode."""
    root = tmp_path_factory.mktemp("exported")
    for seed in range(2):
        for algorithm, env in (("bc", CARTPOLE), ("dagger", HOPPER), ("gail", CARTPOLE)):
            trained(root / "out", case(algorithm, env, seed), returns=[seed + 1.0, seed + 2.5])
    trained(root / "out", case("airl", HOPPER, 3), status=Status.FAILED, reason="Traceback\nValueError: no\n")
    trained(root / "out", case("airl", HOPPER, 4), returns=[])
    assert write_sacred(root / "out", root / "tree").num_runs == 7
    return root / "tree"


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library's CSV script, which only its source distribution has."""
    folder = tmp_path_factory.mktemp("source")
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", "imitation==1.0.1"]
    subprocess.run(command, check=True, cwd=folder, timeout=240, stdout=subprocess.DEVNULL)
    name = "imitation-1.0.1/benchmarking/sacred_output_to_csv.py"
    with tarfile.open(next(folder.glob("imitation-*.tar.gz"))) as archive:
        archive.extract(name, folder, filter="data")
    return folder / name


@pytest.fixture(scope="module")
def seen(home: isolation.Environment, tree: Path) -> Any:
    script = tree.parent / "look.py"
    script.write_text(LOOK)
    return json.loads(ran(home, str(script), str(tree), str(tree.parent / "own")).splitlines()[-1])


def ran(home: isolation.Environment, *arguments: str) -> str:
    command = [str(home.python), "-P", "-W", "ignore", *arguments]
    with tempfile.TemporaryDirectory() as folder:  # the library writes into the working folder
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, env=home.variables(), timeout=250, cwd=folder
        )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("part", [".", "sacred"])
def test_the_librarys_csv_script_reads_it(home: isolation.Environment, tree: Path, script: Path, part: str) -> None:
    header, *lines = ran(home, str(script), str(tree / part)).splitlines()
    assert header == "algo, env, score, expert_score"
    rows = sorted(tuple(line.split(", ")) for line in lines)
    assert rows == sorted(
        (algorithm, env, str(seed + 1.75), "500.0")
        for seed in range(2)
        for algorithm, env in (("bc", CARTPOLE), ("dagger", HOPPER), ("gail", CARTPOLE))
    )


def test_what_the_script_prints_is_what_rlgauge_reads(home: isolation.Environment, tree: Path, script: Path) -> None:
    table = tree.parent / "scores.csv"
    table.write_text(ran(home, str(script), str(tree)).replace(", ", ","))
    theirs = sorted((one.algorithm, one.task, one.totals["return"].mean) for one in read([table]).readings)
    ours = [one for one in read([tree]).readings if one.status is Status.COMPLETED]
    assert theirs == sorted((one.algorithm, one.task, one.totals["return"].mean) for one in ours)


def test_the_librarys_analysis_reads_it(home: isolation.Environment, tree: Path) -> None:
    told = tree.parent / "analysis.csv"
    settings = [
        f"source_dir_str={tree / 'sacred'}",
        f"csv_output_path={told}",
        "table_verbosity=3",
        "print_table=False",
    ]
    ran(home, "-m", "imitation.scripts.analyze", "analyze_imitation", "with", *settings)
    rows = list(csv.DictReader(told.read_text().splitlines()))
    assert [row["algo"] for row in rows].count("GAIL") == 2
    assert sorted({row["env_name"] for row in rows}) == [CARTPOLE, HOPPER]
    assert {row["status"] for row in rows} == {"COMPLETED"}
    assert all(row["imit_return_summary"].endswith("(n=2)") for row in rows)
    assert all(row["expert_return_summary"] == "500 ± 5 (n=50)".replace("± 5", "±   5") for row in rows)


def test_the_librarys_own_functions_find_every_run_once(seen: Any) -> None:
    own = [f"sacred/train_adversarial/{number}" for number in (1, 2, 3)]
    assert seen["dirs"] == [*own, *(f"sacred/train_imitation/{number}" for number in (1, 2, 3, 4))]
    assert seen["runs"] == 7
    assert seen["linked"]
    assert seen["scores"] == {
        f"bc {CARTPOLE}": [1.75, 2.75],
        f"dagger {HOPPER}": [1.75, 2.75],
        f"gail {CARTPOLE}": [1.75, 2.75],
    }


def test_environments_are_named_in_folders_as_the_library_names_them(seen: Any, tree: Path) -> None:
    cartpole, hopper, other = seen["names"]
    assert {path.name for path in tree.glob("*/seals-*")} == {cartpole, hopper}
    trained(tree.parent / "odd", case("bc", "my.mod:Env-v0"))
    write_sacred(tree.parent / "odd", tree.parent / "odd tree")
    assert [path.name for path in (tree.parent / "odd tree" / "bc").iterdir()] == [other]


def test_the_files_and_fields_are_those_that_sacred_itself_writes(seen: Any, tree: Path) -> None:
    ours = tree / "sacred" / "train_imitation"
    assert sorted(path.name for path in (ours / "1").iterdir()) == seen["sacred files"]
    assert {"1", "_sources"} <= set(seen["sacred beside"])
    assert (ours / "_sources").is_dir()
    run = json.loads((ours / "1" / "run.json").read_text())
    assert {name: type(value).__name__ for name, value in run.items()} == seen["sacred run"]
    assert sorted(run["experiment"]) == seen["sacred experiment"]
    metrics = json.loads((ours / "1" / "metrics.json").read_text())
    assert sorted(metrics["loss"]) == seen["sacred metric"]
