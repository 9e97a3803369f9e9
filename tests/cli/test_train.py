from __future__ import annotations

import json
import re
import signal

import pytest

from rlgauge.core import platform
from tests.driving import wait_for

PLAY = """
import gymnasium


def main(env="CartPole-v1", num_episodes=12):
    env = gymnasium.make(env)
    for _ in range(num_episodes):
        env.reset()
        over = False
        while not over:
            _, _, terminated, truncated, _ = env.step(env.action_space.sample())
            over = terminated or truncated


if __name__ == "__main__":
    main()
"""
ACT = (
    PLAY.replace(
        "def main",
        """
class Agent:
    def get_action(self, observation):
        return int(observation[2] > 0)


def main""",
    )
    + "\n"
).replace("    env = gymnasium.make(env)\n", "    env = gymnasium.make(env)\n    agent = Agent()\n")
FEW = ("--tests", "3", "--videos", "0")
NONE = ("--tests", "0", "--videos", "0")


@pytest.fixture
def scripts(folder):
    (folder / "play.py").write_text(PLAY)
    (folder / "act.py").write_text(ACT)
    (folder / "fail.py").write_text("def main(env='x'):\n    print('so far', env)\n    raise ValueError('too small')\n")
    (folder / "tell.py").write_text("import os, sys\nprint(sys.argv[1:], os.environ['BENCH_SEED'])\n")
    return folder


def cout(folder, out="out/train"):
    return sorted(path.read_text() for path in (folder / out).glob("train/*/*/cout.txt"))


def test_environments_times_seeds_become_a_table_with_intervals(give, scripts):
    said = give("train", "act.py", "--env", "CartPole-v1,CartPole-v0", "--seeds", "0..1", "--workers", "2", *FEW)
    assert said.code == 0, said.err
    header, _, first, second, *_ = said.out.splitlines()
    assert header.split("  ")[0] == "algorithm"
    for line, env in ((first, "CartPole-v1"), (second, "CartPole-v0")):
        estimate = r"[\d.]+ \[[\d.-]+, [\d.]+\]"
        assert re.match(rf"act\s+{env}\s+2 of 2\s+{estimate}\s+{estimate}\s+12\s+\d+", line)
    assert "Student's t over seeds" in said.out
    assert "4 of 4: act CartPole-v" in said.err
    summary = give("summary", "out/train", "--json")
    told = json.loads(summary.out)
    assert told["score"] == "return"
    assert {(line["group"], line["task"], line["num_runs"]) for line in told["lines"]} == {
        ("act", "CartPole-v1", 2),
        ("act", "CartPole-v0", 2),
    }


def test_the_same_command_runs_only_what_is_missing(give, scripts):
    command = ("train", "play.py", "--env", "CartPole-v1", *NONE, "--out", "out")
    assert give(*command, "--seed", "0").code == 0
    again = give(*command, "--seeds", "0,1")
    assert again.code == 0
    assert "1 of 2 runs are in out already." in again.err
    assert "2 of 2: play CartPole-v1 seed 1: training return" in again.err
    assert len(list((scripts / "out" / "train").glob("*/1-*"))) == 2
    assert not list((scripts / "out" / "train").glob("*/2-*"))


def test_where_nothing_is_tested_the_score_is_the_return_of_the_training(give, scripts):
    (scripts / "other.py").write_text(PLAY)
    for name in ("play", "other"):
        told = give("train", f"{name}.py", "--env", "CartPole-v1", "--seeds", "0..1", "--tests", "2", "--videos", "0")
        assert told.code == 0
        assert "2 runs had no test episodes" in told.out
    summary = json.loads(give("summary", "out/train", "--json").out)
    assert summary["score"] == "training_return"
    assert all(line["num_runs"] == 2 for line in summary["lines"])
    untested = "No run was tested: what is shown is training_return, the return"
    assert any(note.startswith(untested) for note in summary["notes"])
    compared = give("compare", "out/train", "out/train", "--algo", "play", "--baseline-algo", "other")
    assert compared.code in {0, 1}, compared.err
    assert "training_return" in compared.out
    assert untested in compared.out
    listed = give("runs", "list", "out/train")
    assert listed.out.count("COMPLETED") == 4
    shown = give("runs", "show", "out/train", "play-C")
    assert shown.code == 2
    assert re.search(r"'play-C' names 2 runs; say which by its id: \w+ \(play-CartPole-v1-s0\), \w+ \(play", shown.err)
    shown = give("runs", "show", "out/train", "play-CartPole-v1-s1")
    assert shown.code == 0
    assert '"num_episodes": 12' in shown.out


def test_failed_runs_are_listed_with_their_logs_and_end_with_1(give, scripts):
    said = give("train", "fail.py", "--env", "A", "--seeds", "0..1", *NONE)
    assert said.code == 1
    assert "2 of 2 runs failed:" in said.err
    header = r"^algorithm +environment +seed +status +how far it came +what went wrong +log$"
    assert re.search(header, said.err, re.MULTILINE)
    found = re.findall(r"^fail +A +(\d) +FAILED +(.*?) +(\S+)$", said.err, re.MULTILINE)
    assert [seed for seed, _, _ in found] == ["0", "1"]
    for _, why, log in found:
        assert "ValueError" in why
        assert "too small" in why
        assert "so far A" in (scripts / log).read_text()
    assert "0 of 2" in said.out
    again = give("train", "fail.py", "--env", "A", "--seeds", "0..1", *NONE)
    assert again.code == 1
    assert "2 of 2 runs are in out/train already, 2 of them failed; --rerun-failed runs those again." in again.err
    assert not list((scripts / "out" / "train" / "train").glob("*/2-*"))
    (scripts / "fail.py").touch()
    assert give("train", "fail.py", "--env", "A", "--seeds", "0..1", *NONE, "--rerun-failed").code == 1
    assert len(list((scripts / "out" / "train" / "train").glob("*/2-*"))) == 2


def test_a_failure_tells_how_far_the_run_came(give, scripts):
    (scripts / "late.py").write_text(
        PLAY.replace("\n\nif __name__", '    raise ValueError("too late")\n\n\nif __name__')
    )
    said = give("train", "late.py", "--env", "CartPole-v1", *NONE)
    assert said.code == 1
    far = r"12 episodes, \d+ steps, mean return of the last 10 [\d.]+"
    assert re.search(rf"^late +CartPole-v1 +42 +FAILED +{far} +The script raised ValueError", said.err, re.MULTILINE)
    assert re.search(rf"^1 of 1: late CartPole-v1 seed 42: FAILED after {far}: The script", said.err, re.MULTILINE)


def test_what_follows_two_dashes_is_the_scripts_own(give, scripts):
    assert give("train", "tell.py", *NONE, "--", "--env", "--lr=0.1", "--", "x").code == 0
    assert "['--env', '--lr=0.1', '--', 'x'] 42" in cout(scripts)[0]


def test_variables_stand_in_for_script_environment_and_seed(give, scripts, monkeypatch):
    for name, text in (("BENCH_SCRIPT", "tell.py"), ("BENCH_ENV", ""), ("BENCH_SEED", "7")):
        monkeypatch.setenv(name, text)
    assert give("train", "--myarg=1234", "--my_other", "5", *NONE, "--quiet").code == 0
    assert "['--myarg=1234', '--my_other', '5'] 7" in cout(scripts)[0]


def test_results_can_be_read_by_a_program(give, scripts):
    said = give("train", "play.py", "--env", "CartPole-v1", "--seeds", "3,4", "--name", "walk", *NONE, "--json")
    assert said.code == 0
    assert said.err == ""
    told = json.loads(said.out)
    assert [(run["algorithm"], run["seed"], run["status"], run["num_episodes"]) for run in told["runs"]] == [
        ("walk", 3, "COMPLETED", 12),
        ("walk", 4, "COMPLETED", 12),
    ]
    (group,) = told["groups"]
    assert (group["num_runs"], group["num_completed"], group["test_return"]) == (2, 2, None)
    assert group["training_return"]["n"] == 2


def test_a_program_in_any_language_is_run_by_a_template(give, scripts):
    (scripts / "x.sh").write_text('echo "$1 and $2 and $3"\n')
    said = give("train", "--command", "sh x.sh {env} {seed}", "--env", "A", "--seed", "3", *NONE, "--", "more")
    assert said.code == 0, said.err
    assert cout(scripts) == ["A and 3 and more\n"]


def test_quiet_says_only_what_went_wrong(give, scripts):
    fine = give("train", "tell.py", *NONE, "--quiet")
    assert (fine.code, fine.out, fine.err) == (0, "", "")
    failed = give("train", "fail.py", "--env", "A", *NONE, "--quiet")
    assert (failed.code, failed.out) == (1, "")
    assert "1 of 1 run failed" in failed.err


def test_threads_are_those_of_the_run_and_of_its_record(give, scripts):
    (scripts / "tell.py").write_text("import os\nprint(os.environ['MKL_NUM_THREADS'])\n")
    assert give("train", "tell.py", "--threads", "2", *NONE, "--quiet").code == 0
    assert cout(scripts) == ["2\n"]
    (path,) = (scripts / "out" / "train" / "train").glob("*/*/run.json")
    told = json.loads(path.read_text())
    assert told["provenance"]["environment"]["OMP_NUM_THREADS"] == "2"
    assert told["result"]["variables"]["OMP_NUM_THREADS"] == "2"


def test_a_run_that_hangs_is_ended_and_tells_where_it_stood(give, scripts):
    (scripts / "hang.py").write_text("import time\n\ndef wait():\n    time.sleep(600)\n\nwait()\n")
    said = give("train", "hang.py", "--time-limit", "1", *NONE)
    assert said.code == 1
    assert re.search(
        r"hang +hang's own +42 +TIMEOUT +- +The run took longer than its limit of 1 s\. +\S+cout\.txt",
        said.err,
    )
    shown = give("runs", "show", "out/train", "hang")
    assert re.search("line 4,? in wait", shown.out)


def test_ctrl_c_ends_the_run_and_the_same_command_goes_on(start, give, scripts):
    (scripts / "slow.py").write_text("import time\nprint('begun', flush=True)\ntime.sleep(600)\n")
    process = start("train", "slow.py", *NONE)
    wait_for(lambda: any("begun" in text for text in cout(scripts)))
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Interrupted. What was trained is in out/train: 0 of 1 run done, 1 ended on the way." in err
    assert '"INTERRUPTED"' in give("runs", "list", "out/train", "--json").out


def test_sigterm_ends_the_runs_says_what_is_left_and_the_same_command_goes_on(start, give, scripts):
    text = f"""
import os, time, pathlib
print(os.getpid(), flush=True)
while os.environ["BENCH_SEED"] == "1" and not os.path.exists({str(scripts / "go")!r}):
    time.sleep(0.05)
"""
    (scripts / "slow.py").write_text(text)
    process = start("train", "slow.py", "--seeds", "0..2", *NONE)
    wait_for(lambda: len([text for text in cout(scripts) if text.strip()]) == 2)
    process.terminate()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 143
    left = "1 of 3 runs done, 1 ended on the way, 1 not begun"
    assert f"Ended by SIGTERM. What was trained is in out/train: {left}. The same command runs what is missing" in err
    assert all(platform.process_start(int(text)) is None for text in cout(scripts))
    (scripts / "go").touch()
    again = give("train", "slow.py", "--seeds", "0..2", *NONE)
    assert again.code == 0, again.err
    assert "1 of 3 runs are in out/train already." in again.err


def test_a_driver_that_is_killed_leaves_no_process_and_the_same_command_goes_on(start, give, scripts):
    text = f"""
import os, time
print(os.getpid(), flush=True)
while not os.path.exists({str(scripts / "go")!r}):
    time.sleep(0.05)
"""
    (scripts / "slow.py").write_text(text)
    process = start("train", "slow.py", *NONE)
    wait_for(lambda: any(text.strip() for text in cout(scripts)))
    (pid,) = cout(scripts)
    process.kill()
    process.communicate()
    wait_for(lambda: platform.process_start(int(pid)) is None)
    (scripts / "go").touch()
    again = give("train", "slow.py", *NONE)
    assert again.code == 0, again.err
    assert len(list((scripts / "out" / "train" / "train").glob("*/2-*"))) == 1


def test_a_mistake_in_the_script_ends_with_2(give, scripts):
    (scripts / "bad.py").write_text("def main(:\n")
    said = give("train", "bad.py", *NONE)
    assert said.code == 2
    assert said.err.count("bad.py does not parse") == 1
    (log,) = (scripts / "out").glob("train/train/*/*/cout.txt")
    assert f"in line 1. Log: {log.relative_to(scripts)}\n" in said.err
    assert "def main(:" in log.read_text()
    nothing = give("train", "nothing.py")
    assert nothing.code == 2
    assert "Log:" not in nothing.err
    (scripts / "other.py").write_text("import gymnasium\nenv = gymnasium.make('CartPole-v1')\n")
    other = give("train", "other.py", "--env", "Acrobot-v1", "--out", "out/other", *NONE)
    assert other.code == 2
    (log,) = (scripts / "out").glob("other/train/*/*/cout.txt")
    assert f"what it makes. Log: {log.relative_to(scripts)}\n" in other.err


def test_warnings_of_runs_are_told_once(give, scripts):
    log = """
def log(infos):
    if "final_info" in infos:
        rlgauge.log({"charts/episodic_return": 1.0})
"""
    (scripts / "old.py").write_text(f"import rlgauge\n{PLAY}\n{log}")
    said = give("train", "old.py", "--env", "CartPole-v1", "--seeds", "0..1", *NONE)
    assert said.code == 0, said.err
    told = [line for line in said.out.splitlines() if line.startswith("warning: ")]
    (line,) = told
    assert "logged 0 of the 12 episodes" in line
    assert line.endswith("(2 runs)")
    assert "with 1 warning" in said.err


def test_where_some_runs_could_be_tested_and_others_not_nothing_is_mixed(give, scripts):
    for name in ("play", "act"):
        assert give("train", f"{name}.py", "--env", "CartPole-v1", "--seeds", "0..1", *FEW).code == 0
    told = json.loads(give("summary", "out/train", "--json").out)
    assert told["score"] == "return"
    assert {line["group"]: line["num_runs"] for line in told["lines"]} == {"act": 2, "play": 0}
    (note,) = [note for note in told["notes"] if "no test episode" in note]
    assert note.startswith(
        "2 trainings of 4 had no test episode that came to its end, and no return: play on CartPole-v1."
    )
    asked = json.loads(give("summary", "out/train", "--json", "--score", "training_return").out)
    assert {line["group"]: line["num_runs"] for line in asked["lines"]} == {"act": 2, "play": 2}
    (warning,) = [note for note in asked["notes"] if "test" in note]  # what the runs say of themselves
    assert warning.startswith("play on CartPole-v1 (2 runs): Nothing was tested: ")


def test_a_run_never_has_the_name_of_an_environment_that_it_did_not_train_in(give, scripts):
    (scripts / "flat.py").write_text("import gymnasium\nenv = gymnasium.make('CartPole-v1')\n")
    said = give("train", "flat.py", "--env", "Acrobot-v1", *NONE)
    assert said.code == 2
    assert "flat.py makes CartPole-v1, not Acrobot-v1" in said.err


DEAF = """
import gymnasium
import numpy as np

FIXED = 7


def main(env="CartPole-v1"):
    random = np.random.default_rng(FIXED)
    world = gymnasium.make(env)
    for episode in range(8):
        world.reset(seed=episode + FIXED)
        is_over = False
        while not is_over:
            _, _, is_fallen, is_late, _ = world.step(int(random.integers(2)))
            is_over = is_fallen or is_late
"""


def test_seeds_that_do_not_reach_the_script_are_told_and_give_neither_interval_nor_verdict(give, scripts):
    for name, text in (("deaf", DEAF), ("numb", DEAF.replace("FIXED = 7", "FIXED = 70"))):
        (scripts / f"{name}.py").write_text(text)
        said = give("train", f"{name}.py", "--env", "CartPole-v1", "--seeds", "0..1", *NONE)
        assert said.code == 0
        assert (
            f"warning: {name} in CartPole-v1: with the seeds 0 and 1 every episode of training is the same." in said.out
        )
        assert "[" not in next(line for line in said.out.splitlines() if line.startswith(f"{name}  "))
    table = give("summary", "out/train").out
    assert "each is one training, the same in every episode" in table
    said = give("compare", "out/train", "--algo", "deaf", "--baseline-algo", "numb", "--score", "training_return")
    assert " inconclusive " in said.out
    assert "1 / 1" in said.out
