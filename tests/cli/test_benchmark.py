from __future__ import annotations

import csv
import io
import json
import signal
from pathlib import Path

import pytest

from rlgauge.core import platform
from rlgauge.core.files import StoreError
from rlgauge.core.run import Status
from rlgauge.core.seeding import episode_seed
from rlgauge.core.store import Store
from rlgauge.kinds.evaluate.benchmark import GymnasiumBenchmark
from rlgauge.kinds.evaluate.films import read_films
from rlgauge.kinds.evaluate.results import BenchmarkResults
from tests import driving
from tests.cli.conftest import block_ends

CARTPOLE = ("--env", "CartPole-v1", "--policy", "random", "--out", "o")
OPTIONS = ("config", "print_config", "benchmark", "env", "num-episodes", "max-steps", "seed", "success-return")
OPTIONS += ("record-mode", "policy", "ckpt_path", "train-seeds", "trust", "workers", "lanes", "episode-seconds")
OPTIONS += ("time-limit", "memory-limit", "rerun-failed", "max-errors", "dry-run", "out", "output", "json", "quiet")
OPTIONS += ("no-video-grids", "stop-when-decided", "precision", "max-episodes", "alpha", "return-bounds")


def episodes(path: Path | str = "o/results.json") -> list:
    return [episode for result in BenchmarkResults.from_json(path).results for episode in result.episodes]


def statuses(out: str = "o") -> list[Status]:
    return sorted(run.status for run in Store(out).runs())


def test_help_lists_every_option(give):
    listed = give("benchmark", "--help").out.split()
    assert {f"--{name}" for name in OPTIONS} <= {word.strip("[],") for word in listed}


def test_the_results_are_those_of_the_same_benchmark_in_python(give):
    said = give("benchmark", *CARTPOLE, "--policy", "zero", "--num-episodes", "12", "--workers", "2")
    expected = GymnasiumBenchmark(["CartPole-v1"], num_episodes=12).evaluate(["random", "zero"])
    assert said.code == 0
    assert BenchmarkResults.from_json("o/results.json").digest() == expected.digest()
    assert f"digest {expected.digest()}" in said.out
    assert "random against zero in CartPole-v1, same 12 episodes: return " in said.out
    assert "steps per second and process" in said.out
    assert "Median / 95th percentile: policy" in said.out
    assert expected.summary() in said.out


def test_what_is_there_is_not_measured_again(give):
    first, second, *_ = block_ends()
    give("benchmark", *CARTPOLE, "--num-episodes", str(first))
    before = {run.folder for run in Store("o").runs()}
    said = give("benchmark", *CARTPOLE, "--num-episodes", str(second))
    assert said.code == 0
    assert len(episodes()) == second
    assert before < {run.folder for run in Store("o").runs()}


def test_seeds_that_are_not_there_are_refused_before_any_is_played(give, folder):
    (folder / "trained.py").write_text("\n".join(f"def seed_{seed}(observation): return 0" for seed in range(3)))
    argv = ("--env", "CartPole-v1", "--policy", "py:trained:seed_{seed}", "--num-episodes", "3", "--out", "o")
    said = give("benchmark", *argv, "--train-seeds", "0..3")
    assert (said.code, said.out) == (2, "")
    assert "There is no 'seed_3' in 'trained' (from py:trained:seed_3). Did you mean 'seed_" in said.err
    assert not Path("o").exists()


def test_a_mistake_that_is_found_while_playing_is_no_data(give, folder):
    (folder / "trained.py").write_text("def seed_0(observation): return 0\ndef seed_1(observation): return [0, 0]")
    argv = ("--env", "CartPole-v1", "--policy", "py:trained:seed_{seed}", "--num-episodes", "3", "--out", "o")
    assert give("benchmark", *argv, "--train-seeds", "0..1").code == 2
    assert statuses() == [Status.COMPLETED, Status.FAILED]
    assert "failed" not in give("summary", "o").out
    assert [row["seed"] for row in csv.DictReader(io.StringIO(give("summary", "o", "--format", "csv").out))] == ["0"]


def test_what_was_there_is_told_with_when_it_was_measured(give):
    first, second, *_ = block_ends()
    said = give("benchmark", *CARTPOLE, "--num-episodes", str(first))
    assert "already" not in said.out
    began = min(run.file.start_time for run in Store("o").runs()).replace("T", " ")[:16]
    again = give("benchmark", *CARTPOLE, "--num-episodes", str(first))
    assert f"{first} of {first} episodes were there already, measured from {began} (UTC)." in again.out
    assert "steps per second" not in again.out
    assert "percentile" not in again.out
    more = give("benchmark", *CARTPOLE, "--num-episodes", str(second))
    assert f"{first} of {second} episodes were there already, measured from {began} (UTC)." in more.out
    assert "In runs of now and before: " in more.out


def test_a_policy_that_was_measured_under_another_name_is_told_by_both(give):
    give("benchmark", *CARTPOLE, "--num-episodes", "3")
    argv = ("--env", "CartPole-v1", "--policy", "mine=random", "--out", "o", "--num-episodes", "3")
    said = give("benchmark", *argv)
    assert "mine was measured as random there, and that is its name for `rlgauge summary` and `compare`." in said.out
    assert [result.policy for result in BenchmarkResults.from_json("o/results.json").results] == ["mine"]
    assert give("summary", "o", "--algo", "random").code == 0


def test_a_damaged_run_is_measured_again_and_the_others_stay(give):
    give("benchmark", *CARTPOLE, "--policy", "zero", "--num-episodes", "3")
    digest = BenchmarkResults.from_json("o/results.json").digest()
    damaged, kept = Store("o").runs()
    (damaged.folder / "config.json").write_text("{")
    assert f"note: {damaged.folder}/config.json is damaged" in give("summary", "o").out.replace("\n", " ")
    said = give("benchmark", *CARTPOLE, "--policy", "zero", "--num-episodes", "3")
    assert said.code == 0
    assert "3 of 6 episodes were there already" in said.out
    assert BenchmarkResults.from_json("o/results.json").digest() == digest
    assert kept.folder in {run.folder for run in Store("o").runs()}
    assert (damaged.folder / "records.jsonl").is_file()
    assert "damaged" not in give("summary", "o").out


def test_everything_is_left_in_the_folder(give, folder):
    give("benchmark", *CARTPOLE, "--num-episodes", "3", "--success-return", "1", "--record-mode", "first:1")
    assert {path.name for path in Path("o").iterdir()} >= {"results.json", "results.csv", "episodes.csv", "results.md"}
    assert len(list(csv.DictReader(io.StringIO(Path("o/results.csv").read_text())))) == 1
    assert len(list(csv.DictReader(io.StringIO(Path("o/episodes.csv").read_text())))) == 3
    assert [path.name for path in Path("o/videos").rglob("*.mp4")] == ["CartPole-v1-e0000-success.mp4"]


def test_json_on_standard_output_is_the_results(give):
    said = give("benchmark", *CARTPOLE, "--num-episodes", "3", "--json")
    assert said.err == ""
    assert json.loads(said.out) == json.loads(Path("o/results.json").read_text())


def test_quiet_says_nothing(give):
    assert give("benchmark", *CARTPOLE, "--num-episodes", "3", "--quiet") == (0, "", "")


@pytest.mark.parametrize("name", ["copy.json", "copy.csv", "copy.md"])
def test_a_copy_goes_where_it_is_asked_for(give, name):
    give("benchmark", *CARTPOLE, "--num-episodes", "3", "-o", name)
    assert Path(name).read_bytes() == Path("o/results").with_suffix(Path(name).suffix).read_bytes()


@pytest.mark.parametrize(
    ("option", "value", "check"),
    [
        ("--max-steps", "5", lambda told: {e.length for e in told} == {5}),
        ("--seed", "7", lambda told: told[0].seed == episode_seed(7, "CartPole-v1", 0)),
        ("--success-return", "1", lambda told: all(e.success for e in told)),
        ("--success-return", "1000", lambda told: all(e.success is False for e in told)),
        ("--num-episodes", "2", lambda told: len(told) == 2),
    ],
)  # fmt: skip
def test_each_option_of_an_environment_reaches_the_episodes(give, option, value, check):
    give("benchmark", *CARTPOLE, option, value)
    assert check(episodes())


def test_lanes_are_the_width_of_the_batch(give):
    give("benchmark", *CARTPOLE, "--lanes", "3", "--num-episodes", "3")
    assert {run.case.params["width"] for run in Store("o").runs()} == {3}


def test_a_configuration_that_is_printed_says_the_same_when_it_is_given(give):
    argv = ("--benchmark", "GymnasiumBenchmark", "--benchmark.env", "[CartPole-v1]", "--benchmark.num_episodes", "3")
    argv = (*argv, "--policy", "a=random", "--policy", "zero", "--lanes", "4", "--max-errors=2", "--train_seeds=null")
    printed = give("benchmark", *argv, "--print_config")
    assert printed.code == 0
    Path("f.yaml").write_text(printed.out)
    assert give("benchmark", "--config", "f.yaml", "--print-config").out == printed.out
    assert give("benchmark", "--config", "f.yaml", "--out", "a", "--quiet").code == 0
    assert give("benchmark", *argv, "--out", "b", "--quiet").code == 0
    of_a, of_b = BenchmarkResults.from_json("a/results.json"), BenchmarkResults.from_json("b/results.json")
    assert of_a.digest() == of_b.digest()
    assert of_a.policies == ["a", "zero"]
    assert of_a.metadata["lanes"] == 4


def test_the_command_line_stands_above_the_file(give):
    Path("f.yaml").write_text("env: CartPole-v1\npolicy: random\nnum_episodes: 3\nout: o\n")
    give("benchmark", "--num-episodes", "2", "--config", "f.yaml", "--num-episodes", "4", "--policy", "zero")
    assert BenchmarkResults.from_json("o/results.json").policies == ["zero"]
    assert len(episodes()) == 4


@pytest.mark.parametrize("path", ["mine.Plain", "mine:Plain"])
def test_a_benchmark_of_the_current_folder_runs_in_workers(give, benchmarks, path):
    argv = ("--benchmark", path, "--benchmark.num-episodes", "12", "--policy", "random", "--workers", "2", "--out", "o")
    said = give("benchmark", *argv)
    assert said.code == 0, said.err
    assert len(episodes()) == 12
    assert "Videos" not in said.out  # its environments give no frames, and nobody asked


def test_arguments_that_a_subclass_passes_on_are_options(give, benchmarks):
    argv = ("--benchmark", "mine.Passing", "--benchmark.num_episodes", "3", "--benchmark.max_steps", "4")
    said = give("benchmark", *argv, "--policy", "random", "--out", "o")
    assert said.code == 0, said.err
    assert [episode.length for episode in episodes()] == [4, 4, 4]


def test_the_films_of_a_benchmark_lie_beside_its_runs(give, benchmarks):
    argv = ("--benchmark", "mine.Filmed", "--benchmark.num_episodes", "3", "--policy", "zero", "--policy", "random")
    said = give("benchmark", *argv, "--out", "o")
    failures = sum(episode.outcome == "failure" for episode in episodes())
    assert 0 < failures < 6
    assert len(list(Path("o/videos").rglob("*-failure.mp4"))) == failures
    assert f"Videos: {failures} files in o/videos; index.html there shows them" in said.out
    told = read_films(Path("o/videos"))
    assert told.num_films == failures
    assert all((Path("o/videos") / one.film).is_file() for task in told.tasks for one in task.episodes)


def test_drawing_grids_is_told_of_where_it_takes_long(give, monkeypatch):
    monkeypatch.setattr("rlgauge.cli.evaluation._SILENT_SECONDS", 0.0)
    argv = ("benchmark", *CARTPOLE, "--num-episodes", "2", "--max-steps", "3", "--record-mode", "all")
    assert "Drawing the videos of random in CartPole-v1 side by side." in give(*argv).err
    assert "Drawing" not in give(*argv).err  # it is there already


def test_films_stand_side_by_side_unless_that_is_left_out_and_then_are_the_same_measurement(give):
    argv = ("benchmark", *CARTPOLE, "--num-episodes", "2", "--max-steps", "3", "--record-mode", "all")
    said = give(*argv, "--no-video-grids")
    assert "Videos: 2 files in o/videos; index.html there shows them" in said.out
    assert not list(Path("o").rglob("*grid*"))
    assert "2 of 2 episodes were there already" in give(*argv).out
    assert len(list(Path("o").rglob("*grid*"))) == 2
    give(*argv, "--no-video-grids")
    assert len(list(Path("o").rglob("*grid*"))) == 2  # nothing has to be drawn


def test_a_page_of_films_that_is_not_ours_is_told_and_nothing_is_lost(give, folder):
    Path("o/videos").mkdir(parents=True)
    Path("o/videos/index.html").write_text("mine")
    said = give("benchmark", *CARTPOLE, "--num-episodes", "1", "--max-steps", "3", "--record-mode", "all")
    assert said.code == 0
    assert "The videos have no index. o/videos/index.html was not written by RLGauge" in said.err
    assert "Videos: 1 file in o/videos\n" in said.out
    assert Path("o/videos/index.html").read_text() == "mine"


def test_why_there_are_no_films_is_said(give):
    said = give("benchmark", *CARTPOLE, "--num-episodes", "3", "--record-mode", "failures")
    assert (
        "Videos: no new ones, since the record mode is failures; success is unmeasured in 3 of 3 episodes" in said.out
    )


def test_a_class_path_takes_a_checkpoint(give, policies):
    Path("one.txt").write_text("1")
    argv = ("benchmark", "--env", "CartPole-v1", "--policy", "policies.Weights", "--num-episodes", "12", "--out", "o")
    assert give(*argv, "--ckpt_path", "one.txt").code == 0
    of_one = BenchmarkResults.from_json("o/results.json").digest()
    Path("zero.txt").write_text("0")
    assert give(*argv, "--ckpt-path", "zero.txt").code == 0
    assert BenchmarkResults.from_json("o/results.json").digest() != of_one
    assert len(list(Store("o").runs())) == 2


def test_a_module_of_lightning_without_a_checkpoint_is_refused_before_any_run(give, folder):
    (folder / "nets.py").write_text("import lightning as L\n\n\nclass Net(L.LightningModule): ...\n")
    said = give("benchmark", "--env", "CartPole-v1", "--policy", "nets.Net", "--workers", "2", "--out", "o")
    assert (said.code, statuses()) == (2, [])
    assert "The class py:nets.Net is a LightningModule, and without a checkpoint its weights are random" in said.err


def test_a_family_of_training_seeds_is_evaluated_seed_by_seed(give, policies):
    for seed in (0, 1):
        Path(f"w{seed}.txt").write_text(str(seed))
    argv = ("--policy", "ppo=policies.Weights", "--ckpt_path", "w{seed}.txt", "--train-seeds", "0..1")
    said = give("benchmark", "--env", "CartPole-v1", *argv, "--num-episodes", "3", "--out", "o")
    assert said.code == 0, said.err
    assert [result.train_seed for result in BenchmarkResults.from_json("o/results.json").results] == [0, 1]


def test_a_failed_run_is_told_with_its_folder_and_its_log(give, policies):
    argv = (*CARTPOLE, "--policy", "policies:Exploding", "--num-episodes", str(block_ends()[0] + 5))
    said = give("benchmark", *argv)
    failed = [run for run in Store("o").runs() if run.status is Status.FAILED]
    assert said.code == 1
    assert failed
    assert f"{len(failed)} of 4 runs failed:" in said.err
    assert all(f"  {run.folder} FAILED: RuntimeError: the policy exploded\n" in said.err for run in failed)
    assert all(f"its log: {run.folder}/cout.txt\n" in said.err for run in failed)
    assert "and said more" not in said.err
    assert give("benchmark", *argv, "--json").code == 1
    assert give("benchmark", *argv, "--quiet").out == ""


def test_what_failed_is_measured_again_only_when_asked(give, policies):
    argv = (*CARTPOLE, "--policy", "policies:Exploding")
    give("benchmark", *argv)
    attempts = len(list(Path("o").glob("evaluate/*/*/run.json")))
    assert give("benchmark", *argv).code == 1
    assert len(list(Path("o").glob("evaluate/*/*/run.json"))) == attempts
    assert give("benchmark", *argv, "--rerun-failed").code == 1
    assert len(list(Path("o").glob("evaluate/*/*/run.json"))) > attempts


def test_a_time_limit_ends_a_run(give, policies):
    argv = ("--env", "CartPole-v1", "--policy", "policies:Hanging", "--num-episodes", "10", "--out", "o")
    said = give("benchmark", *argv, "--time-limit", "1.5")
    assert said.code == 1
    assert statuses() == [Status.TIMEOUT]
    assert "TIMEOUT: The run took longer than its limit of 1.5 s." in said.err


def test_a_memory_limit_ends_a_run(give, policies):
    argv = ("--env", "CartPole-v1", "--policy", "policies:Hanging", "--num-episodes", "10", "--out", "o")
    said = give("benchmark", *argv, "--memory-limit", "10MB")
    assert said.code == 1
    assert "its limit is 10 MiB" in said.err


def test_more_errors_than_allowed_end_with_1(give, folder):
    (folder / "erring.py").write_text(ERRING)
    argv = ("--benchmark", "erring.Erring", "--benchmark.num_episodes", "5", "--policy", "random", "--out", "o")
    said = give("benchmark", *argv)
    assert (said.code, statuses()) == (1, [Status.COMPLETED])
    assert said.err.endswith("2 episodes ended in an error or a timeout; --max-errors allows 0.\n")
    assert give("benchmark", *argv, "--max-errors", "1").code == 1
    assert give("benchmark", *argv, "--max-errors", "2").code == 0


ERRING = """
import gymnasium

from rlgauge import Benchmark
from rlgauge.core.seeding import episode_seed


class NotFinite(gymnasium.Wrapper):
    broken = False

    def reset(self, *, seed=None, options=None):
        self.broken = seed in {episode_seed(42, "CartPole-v1", index) for index in (1, 3)}
        return super().reset(seed=seed, options=options)

    def step(self, action):
        observation, reward, *rest = super().step(action)
        return observation, float("nan") if self.broken else reward, *rest


class Erring(Benchmark):
    def create_gyms(self):
        return [lambda: NotFinite(gymnasium.make("CartPole-v1"))]
"""


def test_ctrl_c_ends_the_children_and_keeps_what_was_measured(start, policies):
    argv = ("--env", "CartPole-v1", "--policy", "policies:Hanging", "--num-episodes", str(block_ends()[1]))
    driver = start("benchmark", *argv, "--workers", "2", "--out", "o")
    try:
        driving.wait_for(
            lambda: sum(path.stat().st_size > 0 for path in Path("o").glob("evaluate/*/*/records.jsonl")) == 2
        )
        children = {pid: platform.process_start(pid) for pid in platform.descendants(driver.pid)}
        driver.send_signal(signal.SIGINT)
        printed = driver.communicate(timeout=30)
    finally:
        driver.kill()
    assert driver.returncode == 130
    assert printed == ("", "Interrupted. What was measured is in o; the same command goes on.\n")
    assert children
    assert all(platform.process_start(pid) != begun for pid, begun in children.items())
    assert statuses() == [Status.INTERRUPTED] * 2
    assert all(run.records for run in Store("o").runs())


def test_a_disk_that_cannot_be_written_is_a_sentence(give, monkeypatch):
    def full(*_arguments):
        raise StoreError("Can't write o/results.json: No space left on device.")

    monkeypatch.setattr("rlgauge.kinds.evaluate.results.BenchmarkResults.to_json", full)
    said = give("benchmark", *CARTPOLE, "--num-episodes", "3")
    assert said.code == 2
    assert said.err == "rlgauge: Can't write o/results.json: No space left on device.\n"
