from __future__ import annotations

import csv
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rlgauge.cli.benchmark_watch import Until, parse_until
from rlgauge.core.run import Status
from rlgauge.core.store import Store
from rlgauge.kinds.evaluate.benchmark import GymnasiumBenchmark

WATCHED = ("--env", "CartPole-v1", "--num-episodes", "3", "--out", "o", "--watch", "runs/walk")
POLICY = ("--policy", "policies.Weights", "--ckpt_path", "{checkpoint}", "--watch-files", "*.txt")
ONCE = ("--watch-until", "still=0", "--watch-settle", "0.02")

TRAINING = """
import sys
import time
from pathlib import Path

folder = Path("runs/walk")
for step in (10, 20):
    time.sleep(0.2)
    folder.mkdir(parents=True, exist_ok=True)
    content = Path("whole.zip").read_bytes()
    with (folder / f"m_{step}.zip").open("wb") as file:
        file.write(content[:40])
        file.flush()
        time.sleep(0.6)
        file.write(content[40:])
    (folder / f"m_{step - 10}.zip").unlink(missing_ok=True)
"""

ZIPPED = """
import zipfile


class Zipped:
    def __init__(self, path):
        self.action = int(zipfile.ZipFile(path).read("action"))

    def act(self, observation):
        return self.action
"""


@pytest.fixture
def save(policies) -> Callable[..., None]:
    """Writes checkpoints of a training: what each holds, by step."""

    def save(checkpoints: dict[int, str], folder: str = "runs/walk") -> None:
        Path(folder).mkdir(parents=True, exist_ok=True)
        for step, content in checkpoints.items():
            (Path(folder) / f"w_{step}.txt").write_text(content)

    return save


def rows(out: str = "o") -> list[dict[str, str]]:
    (path,) = Path(out, "curves").glob("*.csv")
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_each_checkpoint_becomes_a_point_and_one_that_cannot_be_read_a_failed_one(give, save, drawn):
    save({200: "no number", 1000: "0", 300: "1"})
    Path("runs/walk/best.txt").write_text("1")
    said = give("benchmark", *WATCHED, *POLICY, *ONCE)
    assert said.code == 1
    expected = GymnasiumBenchmark(["CartPole-v1"], num_episodes=3).evaluate({"300": lambda _: 1, "1000": lambda _: 0})
    means = {result.policy: result.mean_reward for result in expected.results}
    assert [line.partition(" ±")[0] for line in said.out.splitlines()[:2]] == [
        f"step {step}: CartPole-v1 return {mean:.3f}" for step, mean in means.items()
    ]
    assert "step 200: w_200.txt FAILED: ValueError: invalid literal for int()" in said.err
    assert "note: runs/walk/best.txt is no point of the curve: its name does not say" in said.err
    assert "1 checkpoint failed. Again: the same command with --rerun-failed." in said.err
    assert [(row["step"], row["status"], row["n_episodes"], row["n_missing"]) for row in rows()] == [
        ("200", "FAILED", "0", "3"),
        ("300", "COMPLETED", "3", "0"),
        ("1000", "COMPLETED", "3", "0"),
    ]
    assert {(run.case.labels["step"], run.status) for run in Store("o").runs()} == {
        ("200", Status.FAILED),
        ("300", Status.COMPLETED),
        ("1000", Status.COMPLETED),
    }
    assert {run.case.labels["training"] for run in Store("o").runs()} == {"walk"}
    assert {"walk@300", "walk@1000"} <= set(give("summary", "o").out.split())
    assert give("plot", "learning_curve", "o", "-o", "figures").code == 0
    (figure,) = drawn
    (axes,) = figure.axes
    _, line, cross = axes.get_lines()
    assert dict(zip(line.get_xdata(), line.get_ydata(), strict=True)) == {
        int(step): mean for step, mean in means.items()
    }
    assert list(cross.get_xdata()) == [200]
    assert Path("figures/checkpoints_return_CartPole_v1.png").is_file()


def test_it_goes_on_where_it_was_and_keeps_what_the_training_deleted(give, save):
    save({1: "0", 2: "wrong"})
    assert give("benchmark", *WATCHED, *POLICY, *ONCE).code == 1
    before = rows()
    attempts = sorted(Path("o/evaluate").glob("*/*-*"))
    shutil.rmtree("runs")
    said = give("benchmark", *WATCHED, *POLICY, *ONCE)
    assert "There already: 2 checkpoints, up to step 2." in said.err
    assert (said.code, rows(), sorted(Path("o/evaluate").glob("*/*-*"))) == (1, before, attempts)
    save({2: "1", 3: "0"})
    said = give("benchmark", *WATCHED, *POLICY, *ONCE)
    assert said.code == 0
    assert [(row["step"], row["status"]) for row in rows()] == [(str(n), "COMPLETED") for n in (1, 2, 3)]
    assert not Path("o/.checkpoints").exists()


def test_one_that_is_being_written_is_not_read_half_and_one_that_is_deleted_soon_is_taken(give, policies):
    import zipfile

    Path("zipped.py").write_text(ZIPPED)
    Path("training.py").write_text(TRAINING)
    with zipfile.ZipFile("whole.zip", "w") as archive:
        archive.writestr("action", "1")
    with subprocess.Popen([sys.executable, "training.py"]) as training:
        argv = ("--policy", "zipped.Zipped", "--ckpt_path", "{checkpoint}", "--watch-files", "*.zip")
        said = give("benchmark", *WATCHED, *argv, "--watch-settle", "0.1", "--watch-until", f"pid={training.pid}")
    assert (said.code, [row["status"] for row in rows()]) == (0, ["COMPLETED", "COMPLETED"])
    assert {row["mean_reward"] for row in rows()} == {rows()[0]["mean_reward"]}
    assert not Path("runs/walk/m_10.zip").exists()


def test_ctrl_c_ends_it_and_says_how_to_go_on(start, save):
    save({1: "0"})
    process = start("benchmark", *WATCHED, *POLICY, "--watch-settle", "0.02")
    assert process.stdout.readline().startswith("step 1: CartPole-v1 return ")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "1 checkpoint: 1 completed. Curve: o/curves/walk-" in out
    assert "Watching runs/walk until Ctrl-C, " in err
    assert err.endswith("Interrupted. The same command goes on.\n")


def test_trainings_that_differ_in_their_seed_are_one_curve(give, save, drawn):
    for seed in (0, 1):
        save({10: str(seed)}, f"runs/seed_{seed}")
    argv = (*WATCHED[:-1], "runs/seed_{seed}", "--train-seeds", "0..1", "--policy", f"walk={POLICY[1]}")
    said = give("benchmark", *argv, *POLICY[2:], *ONCE, "--json")
    assert said.code == 0
    assert [(row["training"], row["train_seed"], row["step"]) for row in json.loads(said.out)] == [
        ("walk", 0, 10),
        ("walk", 1, 10),
    ]
    assert give("plot", "all", "o").code == 0
    (figure,) = [one for one in drawn if one.get_suptitle().startswith("mean return of a checkpoint")]
    assert "Thin lines: seeds" in figure.get_supxlabel().replace("\n", " ")
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["walk (2 seeds)"]
    save({20: "1"}, "runs/seed_0")
    again = [argument.replace("0..1", "0") for argument in argv]
    assert give("benchmark", *again, *POLICY[2:], *ONCE).out.startswith("step 20 of seed 0: CartPole-v1 return ")
    assert [(row["train_seed"], row["step"]) for row in rows()] == [("0", "10"), ("0", "20"), ("1", "10")]


def test_it_ends_with_the_checkpoint_of_a_step_and_holds_those_after_it(give, save):
    save({1: "0", 2: "1", 3: "0"})
    said = give("benchmark", *WATCHED, *POLICY, "--watch-until", "step=2", "--watch-settle", "0.02", "--quiet")
    assert (said.code, said.out, said.err) == (0, "", "")
    assert [row["status"] for row in rows()] == ["COMPLETED", "COMPLETED", "QUEUED"]
    shutil.rmtree("runs")
    said = give("benchmark", *WATCHED, *POLICY, *ONCE)
    assert said.out.startswith("step 3: CartPole-v1 return ")
    assert [(row["status"], row["n_episodes"]) for row in rows()] == [("COMPLETED", "3")] * 3


def test_a_training_without_checkpoints_is_told(give, policies):
    said = give("benchmark", *WATCHED, *POLICY, *ONCE)
    assert said.code == 1
    assert "note: there is no folder runs/walk yet." in said.err
    assert "No checkpoint came in runs/walk." in said.err


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (("--policy", "random"), "the policy says by {checkpoint} where the path of each checkpoint goes"),
        (("--policy", "sb3:{checkpoint}"), "pass --trust"),
        ((*POLICY[:1], "policies.Weight", *POLICY[2:]), "There is no 'Weight' in 'policies'"),
        (POLICY[:4], "say it with --watch-files"),
        ((*POLICY, "--policy", "zero"), "--watch takes one --policy"),
        ((*POLICY, "--dry-run"), "--dry-run does not go with --watch"),
        ((*POLICY, "--train-seeds", "0..1"), "--train-seeds go with {seed} in its path"),
        ((*POLICY, "--watch", "runs/{seed}"), "say which with --train-seeds"),
        ((*POLICY, "--watch-until", "soon"), "write step=N, still=SECONDS or pid=N"),
    ],
)
def test_what_does_not_go_with_watching_is_refused(give, policies, argv, told):
    said = give("benchmark", *WATCHED, *argv)
    assert (said.code, said.out) == (2, "")
    assert told in said.err
    assert not Path("o").exists()


def test_options_of_watching_are_refused_without_it(give, policies):
    said = give("benchmark", "--env", "CartPole-v1", "--policy", "random", "--watch-until", "still=3")
    assert (said.code, "--watch-until goes with --watch DIR." in said.err) == (2, True)


def test_the_place_of_checkpoints_without_a_folder_to_watch_is_told(give, policies):
    for argv in (("--policy", "sb3:{checkpoint}"), ("--policy", "policies.Weights", "--ckpt_path", "{checkpoint}")):
        said = give("benchmark", "--env", "CartPole-v1", *argv)
        assert (said.code, "stands for each checkpoint in the folder of --watch DIR" in said.err) == (2, True)


def test_several_ends_are_all_kept():
    assert parse_until(["still=1.5", "step=20"]) == Until(step=20, still=1.5)


def test_a_process_that_is_not_there_has_ended(give, save):
    save({1: "0"})
    said = give("benchmark", *WATCHED, *POLICY, "--watch-settle", "0.02", "--watch-until", f"pid={2**22 + 1}")
    assert (said.code, [row["status"] for row in rows()]) == (0, ["COMPLETED"])
    assert f"note: no process {2**22 + 1} runs on this machine: it is taken to have ended." in said.err


def test_a_checkpoint_that_was_written_back_is_read_as_the_curve_has_it(give, save):
    values = []
    for content in ("0", "1", "0"):
        save({10: content})
        said = give("benchmark", *WATCHED, *POLICY, *ONCE, "--num-episodes", "10")
        values.append(float(rows()[0]["mean_reward"]))
    assert values[0] == values[2] != values[1]
    assert "step 10: w_10.txt was written anew, and is evaluated anew." in said.err
    told = give("summary", "o")
    assert f" {values[0]:.2f} " in told.out
    assert f" {values[1]:.2f} " not in told.out
    assert "that of its learning curve counts" in told.out


def test_what_was_evaluated_and_has_no_runs_any_more_is_measured_again(give, save):
    save({1: "0", 2: "1"})
    assert give("benchmark", *WATCHED, *POLICY, *ONCE).code == 0
    before = rows()
    shutil.rmtree("o/evaluate")
    Path("runs/walk/w_2.txt").unlink()
    said = give("benchmark", *WATCHED, *POLICY, *ONCE)
    assert rows()[0] == before[0]
    assert rows()[1]["n_missing"] == "3"
    assert "note: runs of step 2 are gone from o: without the checkpoints nothing is measured again." in said.err


def test_another_rule_of_steps_is_another_curve_and_smaller_steps_than_those_that_are_gone_are_told(give, save):
    save({30: "0"})
    assert give("benchmark", *WATCHED, *POLICY, *ONCE).code == 0
    assert give("benchmark", *WATCHED, *POLICY, *ONCE, "--watch-step", r"w_(\d)").code == 0
    assert len(list(Path("o/curves").glob("*.csv"))) == 2
    Path("runs/walk/w_30.txt").unlink()
    save({10: "1", 20: "1"})
    said = give("benchmark", *WATCHED, *POLICY, *ONCE)
    assert said.err.count("w_10.txt is new, and that of step 30 is gone: if another training writes here") == 1
    assert "w_20.txt is new" not in said.err
