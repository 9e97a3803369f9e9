from __future__ import annotations

import csv
import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from rlgauge.cli.main import main
from rlgauge.cli.throughput_ab import side_of

QUICK = ["--min-seconds", "0.01", "--repeats", "2", "--warmup", "0"]
TOY = "tests.kinds.throughput.toys:Vector"


@pytest.fixture
def out(tmp_path):
    return str(tmp_path / "out")


def throughput(*argv):
    return main(["throughput", *argv, *QUICK])


def test_libraries_stand_side_by_side_with_their_ratio(out, capsys, tmp_path):
    table = tmp_path / "table.csv"
    asked = ["--library", "gymnasium-vector,gymnasium-serial", "--num-envs", "1,10", "--baseline", "gymnasium-serial"]
    assert throughput(*asked, "--csv", str(table), "--out", out) == 0
    printed = capsys.readouterr()
    assert "cartpole: random actions, outcomes dropped" in printed.out
    assert "x gymnasium-serial" in printed.out
    assert "4 of 4" in printed.err
    rows = list(csv.DictReader(table.open()))
    assert [(row["library"], row["num_envs"]) for row in rows] == [
        ("gymnasium-vector", "1"),
        ("gymnasium-vector", "10"),
        ("gymnasium-serial", "1"),
        ("gymnasium-serial", "10"),
    ]
    speeds = [float(row["steps_per_second"]) for row in rows]
    assert float(rows[1]["ratio_to_gymnasium-serial"]) == pytest.approx(speeds[1] / speeds[3])
    assert float(rows[1]["efficiency_of_linear"]) == pytest.approx(speeds[1] / speeds[0] / 10)
    assert 0 < float(rows[1]["run_seconds"]) < 10


def test_numbers_are_written_as_people_write_them_and_axes_multiply(out, capsys):
    asked = ["--env", TOY, "--num-envs", "1k,0.01k", "--action", "random,fixed", "--emit", "drop,write"]
    assert throughput(*asked, "--out", out, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    points = [one["point"] for one in found["points"]]
    assert [(one["num_envs"], one["policy"], one["emit"]) for one in points] == [
        (num, policy, emit) for num in (10, 1000) for policy in ("random", "fixed") for emit in ("drop", "write")
    ]
    assert found["settings"] == {
        "min_seconds": 0.01,
        "num_steps": None,
        "warmup": 0,
        "repeats": 2,
        "burn_in": 200,
        "only_steps": False,
        "processes": 1,
    }


def test_a_point_that_fails_is_told_and_the_command_with_it(out, capsys):
    assert throughput("--env", "cartpole", "--library", "gymnasium-vector,gymnax", "--num-envs", "2", "--rng", "rbg",
                      "--out", out) == 1  # fmt: skip
    printed = capsys.readouterr()
    assert "FAILED" in printed.out
    assert "gymnasium-vector, cartpole x 2 rng=rbg: rng=rbg can't be honoured" in printed.err


def test_the_file_of_the_system_replaced_has_its_fields(out, tmp_path):
    folder = tmp_path / "results"
    asked = ["--env", TOY, "--num-envs", "1,10", "-t", "phase1", "-d", "before the change"]
    assert throughput(*asked, "--jaxarc-json", str(folder), "--quiet", "--out", out) == 0
    (path,) = folder.iterdir()
    assert path.name.startswith("benchmark_phase1_20")
    found = json.loads(path.read_text())
    assert set(found) == {
        "timestamp", "description", "tag", "system_info", "config_summary", "single_environment", "batch_scaling",
    }  # fmt: skip
    assert found["description"] == "before the change"
    assert found["single_environment"]["steps_per_second"] > 0
    assert found["batch_scaling"]["10"]["batch_size"] == 10


def test_a_file_of_the_system_replaced_is_of_one_library_and_one_environment(out, tmp_path):
    folder = tmp_path / "results"
    other = TOY.replace("Vector", "Compiled")
    assert throughput("--env", f"{TOY},{other}", "--num-envs", "10", "--jaxarc-json", str(folder), "--out", out) == 0
    found = [json.loads(path.read_text())["config_summary"] for path in sorted(folder.iterdir())]
    assert [(one["library"], one["environment"]) for one in found] == [("py", other), ("py", TOY)]


def test_what_was_measured_is_in_the_store(out, capsys):
    assert throughput("--env", TOY, "--num-envs", "4", "--processes", "2", "--out", out, "--quiet") == 0
    assert main(["summary", out]) == 0
    assert f"{TOY} x 4" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--num-envs", "0"], "'0' is no number of things"),
        (["--num-envs", "ten"], "'ten' is no number of things"),
        (["--num-envs", "1.5"], "'1.5' is no number of things"),
        (["--library", "gymnx"], "Did you mean 'gymnax'"),
        (["--full", "--quick"], "contradict"),
        (["--env", "CartPole-v1"], "Say which library has 'CartPole-v1'"),
        (["--env", "cartpol"], "Say which library has 'cartpol': --library NAME. Did you mean 'cartpole'?"),
        (
            ["--env", "cartpol", "--library", "rlgauge,gymnax"],
            "Unknown environment 'cartpol'. Did you mean 'cartpole'?",
        ),
        (["--env", "no_such:Env"], "There is no module 'no_such' (of 'no_such:Env')"),
        (["--env", "no_such:Env-v0", "--library", "gymnasium-sync"], "There is no module 'no_such'"),
        (["--env", ":Env"], "':Env' names no module"),
        (["--env", "math:Env-v0"], "say how it is stepped: --library gymnasium-serial, gymnasium-vector"),
        (["--env", "math:Env-v0", "--library", "gymnax"], "what a module registers with Gymnasium"),
        (["--csv", "no/such/folder/x.csv"], "there is no folder"),
        (["--tag", "a/b"], "slash"),
        (["--num-envs", "10", "--block", "3", "--library", "rlgauge"], "block=3 does not divide"),
        (["--repeats", "0"], "repeats=0"),
    ],
)
def test_mistakes_are_said_before_anything_is_measured(argv, message, out, capsys):
    assert main(["throughput", *argv, "--out", out]) == 2
    assert message in capsys.readouterr().err
    assert not Path(out).exists()


@pytest.mark.parametrize("way", [[], ["--autotune"], ["--find-max"]])
def test_a_library_that_is_not_installed_is_told_once_and_nothing_is_measured(way, out, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "gymnax", None)  # as if it were not there
    assert main(["throughput", "--library", "rlgauge,gymnax", "--num-envs", "1,2", *way, "--out", out]) == 2
    printed = capsys.readouterr()
    assert printed.err.count("gymnax needs 'gymnax', which is not installed: pip install 'rlgauge[gymnax]'.") == 1
    assert not Path(out).exists()


def test_where_no_library_of_an_environment_is_installed_the_first_is_named(out, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "jax", None)
    assert main(["throughput", "--env", "gene-circuit", "--out", out]) == 2
    assert "No library that has gene-circuit is installed. rlgauge needs 'jax'" in capsys.readouterr().err


def test_a_misspelt_environment_of_envpool_has_its_nearest(out, capsys):
    assert throughput("--env", "CartPol-v1", "--library", "envpool", "--num-envs", "2", "--out", out) == 1
    assert "EnvPool has no environment 'CartPol-v1'. Did you mean 'CartPole-v1'?" in capsys.readouterr().err


REGISTERS = """
import gymnasium


class Climb(gymnasium.Env):
    observation_space = gymnasium.spaces.Discrete(9)
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.height = 0
        return 0, {}

    def step(self, action):
        self.height += int(action)
        return self.height, float(action), self.height == 8, False, {}


gymnasium.register("Climb-v0", entry_point=lambda **given: Climb(**given))
"""


def test_what_a_module_registers_with_gymnasium_is_stepped_in_every_way(folder, give):
    (folder / "climbing.py").write_text(REGISTERS)
    libraries = ["gymnasium-serial", "gymnasium-sync", "gymnasium-async"]
    asked = ["--env", "climbing:Climb-v0", "--library", ",".join(libraries), "--num-envs", "2", *QUICK, "--json"]
    said = give("throughput", *asked)
    assert said.code == 0, said.err
    points = json.loads(said.out)["points"]
    assert {(one["point"]["library"], one["status"]) for one in points} == {(name, "COMPLETED") for name in libraries}


def test_fixed_actions_claim_no_lengths_beside_a_ratio(out, capsys):
    asked = ["--library", "gymnasium-vector,gymnasium-sync", "--num-envs", "2", "--action", "fixed"]
    assert throughput(*asked, "--baseline", "gymnasium-sync", "--out", out) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "x gymnasium-sync: the same dynamics, actions, rewards and limits; how long" in told
    assert "how long episodes were was not checked (fixed actions)." in told
    assert "as long as they must be" not in told


def test_an_environment_that_stops_is_measured_with_a_warning(folder, give):
    (folder / "stopping.py").write_text(STOPS)
    said = give("throughput", "--env", "stopping:Stops", "--num-envs", "6", *QUICK)
    assert said.code == 0, said.err
    assert "the environments may have stopped" in " ".join(said.out.split())


STOPS = """
import jax.numpy as jnp

from rlgauge.envs.jax_env import Outcome


class Stops:
    kind = "jax"
    uses_keys = False

    def init(self, keys):
        return jnp.zeros(len(keys), jnp.int32)

    def sample(self, keys, state):
        return state

    def step(self, keys, state, action):
        zeros = jnp.zeros(len(state))
        return jnp.minimum(state + 1, 9), Outcome(state, zeros, zeros > 0)
"""


def test_of_linear_is_the_same_in_the_table_and_in_compare(out, tmp_path, capsys):
    table = tmp_path / "table.csv"
    asked = ["--env", "tests.kinds.throughput.toys:Counting", "--num-envs", "1,10", "--scan-chunk-size", "2,64"]
    assert throughput(*asked, "--csv", str(table), "--quiet", "--out", out) == 0
    capsys.readouterr()
    assert main(["compare", out, "--scaling-only", "--json"]) == 0
    points = json.loads(capsys.readouterr().out)["points"]
    rows = list(csv.DictReader(table.open()))
    ours = {row["steps_per_second"]: float(row["efficiency_of_linear"]) for row in rows}
    assert len(ours) == len(points) == 4
    for one in points:
        (linear,) = [part for speed, part in ours.items() if float(speed) == pytest.approx(one["steps_per_second"])]
        assert one["efficiency_of_linear"] == pytest.approx(linear)
    assert sum(part == pytest.approx(1) for part in ours.values()) >= 2


def test_the_demonstration_counts_what_it_does(capsys):
    assert main(["throughput", "demo", "--num-envs", "1k", "--seconds", "0.2"]) == 0
    printed = capsys.readouterr()
    assert "steps of 1,000 environments in" in printed.out
    assert "steps/s" in printed.err
    assert main(["throughput", "demo", "--seconds", "0"]) == 2


def test_the_example_is_the_demonstration():
    example = Path(__file__).parents[2] / "examples" / "performance_demo.py"
    ended = subprocess.run(
        [sys.executable, str(example), "--num-envs", "100", "--seconds", "0.1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "steps of 100 environments" in ended.stdout


def test_two_sides_are_measured_in_turns(out, capsys):
    asked = ["gymnasium-vector", "gymnasium-serial", "--num-envs", "50", "--pairs", "2", "--json", "--out", out]
    assert throughput("ab", *asked) == 0
    (ratio,) = json.loads(capsys.readouterr().out)
    decided = {True: "faster", False: "no difference shown"}  # two pairs of a busy machine may decide nothing
    assert ratio["verdict"] == decided[ratio["low"] > 1]
    assert ratio["low"] <= ratio["ratio"] <= ratio["high"]
    pairs = zip(ratio["candidate"]["process_medians"], ratio["baseline"]["process_medians"], strict=True)
    assert ratio["ratio"] == pytest.approx(math.prod(ours / theirs for ours, theirs in pairs) ** 0.5)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["gymnax", "gymnax"], "are the same"),
        (["gymnx", "gymnax"], "Did you mean 'gymnax'"),
        (["gymnasium==1.0", "gymnasium==1.1"], "say which with --library"),
        (["gymnax", "rlgauge", "--pairs", "1"], "two pairs at least"),
    ],
)
def test_sides_that_cannot_be_compared_are_refused(argv, message, capsys):
    assert main(["throughput", "ab", *argv]) == 2
    assert message in capsys.readouterr().err


def test_requirements_and_revisions_are_sides():
    assert side_of("gymnax==0.0.8", None) == ("gymnax", "gymnax==0.0.8")
    assert side_of("git:v0.1", None) == ("rlgauge", "git:v0.1")
    assert side_of("gymnasium==1.1", "gymnasium-vector") == ("gymnasium-vector", "gymnasium==1.1")
    assert side_of("envpool", None) == ("envpool", None)


def test_two_measurements_are_compared_by_processes(tmp_path, capsys):
    for name in ("new", "old"):
        assert (
            throughput("--env", TOY, "--num-envs", "4", "--processes", "3", "--quiet", "--out", str(tmp_path / name))
            == 0
        )
    assert main(["compare", str(tmp_path / "new"), str(tmp_path / "old"), "--tolerance", "95%"]) == 0
    printed = capsys.readouterr().out
    assert f"{TOY} x 4" in printed
    assert "3 / 3" in printed
