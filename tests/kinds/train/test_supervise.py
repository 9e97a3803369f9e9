from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from rlgauge.core.errors import UserError
from rlgauge.core.run import Record, Status
from rlgauge.kinds.train import supervise
from rlgauge.kinds.train.journal import TESTS
from rlgauge.kinds.train.workload import ScriptWorkload
from tests import driving
from tests.kinds.train.troubles import TROUBLES

FAST = {"num_tests": 0, "num_videos": 0}


def one(runs):
    (run,) = runs.values()
    return run


def printed(run):
    return (run.folder / "cout.txt").read_text(errors="replace")


WHO = "WHO = 'new'\n"
MAIN = "def main(env='x'):\n    print(WHO)\n"


@pytest.fixture(scope="module")
def troubled(tmp_path_factory):
    """The run of every trouble."""
    script = Path(__file__).with_name("troubles.py")
    workload = ScriptWorkload(script, env=list(TROUBLES), seeds=0, time_limit=4.0, **FAST)
    runs = driving.run(workload, tmp_path_factory.mktemp("troubles"))
    return {run.case.labels["task"]: run for run in runs.values()}


@pytest.mark.parametrize(
    ("name", "status", "kind", "said"),
    [
        ("fine", Status.COMPLETED, None, ""),
        ("exit-0", Status.COMPLETED, None, ""),
        ("flood", Status.COMPLETED, None, ""),
        ("fork", Status.COMPLETED, None, ""),
        ("spawn", Status.COMPLETED, None, ""),
        ("error", Status.FAILED, "error", "IndexError: pop from empty list"),
        ("exit-3", Status.FAILED, "error", "exit code 3"),
        ("exit-text", Status.FAILED, "error", "no more data"),
        ("hard-exit-0", Status.FAILED, "crash", "told no results"),
        ("hard-exit-5", Status.FAILED, "error", "exit code 5"),
        ("late-exit-3", Status.FAILED, "error", "was done, and its process then ended by exit code 3"),
        ("exit-256", Status.COMPLETED, None, ""),
        ("crash", Status.FAILED, "crash", "signal SIGSEGV"),
        ("killed", Status.FAILED, "killed", "signal SIGKILL"),
        ("ended", Status.FAILED, "crash", "signal SIGTERM"),
        ("hang", Status.TIMEOUT, "time", "longer than its limit of 4 s"),
        ("deaf", Status.TIMEOUT, "time", "longer than its limit of 4 s"),
        ("memory", Status.FAILED, "error", "MemoryError"),
        ("interrupt", Status.FAILED, "error", "interrupted"),
    ],
)
def test_every_trouble_leaves_a_run_with_its_status_and_its_output(troubled, name, status, kind, said):
    run = troubled[name]
    assert (run.status, run.file.fail_kind) == (status, kind)
    assert said in (run.file.fail_trace or "")
    assert f"begin {name}" in printed(run)
    assert run.file.result["variables"]["BENCH_ENV"] == name


@pytest.mark.parametrize(
    ("name", "line"),
    [("error", "EMPTY.pop(0)"), ("crash", "troubles.py"), ("hang", "in stand_still"), ("exit-3", "sys.exit(3)")],
)
def test_the_trace_shows_the_scripts_own_lines(troubled, name, line):
    trace = troubled[name].file.fail_trace
    assert line in trace
    assert "rlgauge/kinds/train/supervise.py" not in trace
    assert "Extension modules" not in trace
    assert "rlgauge/kinds/train/script" not in trace


def test_a_fork_of_the_script_ends_where_it_began(troubled):
    assert printed(troubled["fork"]).count("the child") == 1
    assert len(troubled["fork"].records) == 1


def test_the_end_of_a_flood_is_kept(troubled):
    assert printed(troubled["flood"]).rstrip().endswith("the last line")
    assert (troubled["flood"].folder / "cout.txt").stat().st_size < 12 * 2**20


def test_a_failed_run_has_no_records_which_the_next_attempt_would_take_over(troubled):
    assert {name for name, run in troubled.items() if run.records} == {
        *("fine", "exit-0", "exit-256", "flood", "fork", "spawn")
    }


def test_the_source_its_arguments_and_its_spec_are_kept(tmp_path):
    (tmp_path / "train.py").write_text("import helper, sys\nprint(sys.argv[1:], helper.WORD)\n")
    (tmp_path / "helper.py").write_text("WORD = 'found'\n")
    workload = ScriptWorkload(tmp_path / "train.py", seeds=7, args=["--lr=0.1", "--token=abc"], **FAST)
    run = one(driving.run(workload, tmp_path / "out"))
    assert run.status is Status.COMPLETED
    assert "['--lr=0.1', '--token=abc'] found" in printed(run)
    source = run.folder / "artifacts" / "source"
    names = sorted(path.name for path in source.iterdir() if not path.name.startswith("read-"))
    assert names == ["helper.py", "source.json", "train.py"]
    told = json.loads((source / "source.json").read_text())
    assert told["args"] == ["--lr=0.1", "--token=***"]
    assert told["repository"]["commit"] or told["repository"]["reason"]
    assert json.loads((run.folder / "artifacts" / "spec.json").read_text())["seed"] == 7
    assert (run.folder / "artifacts" / "work").is_dir()


def test_the_script_works_in_a_folder_of_its_own_with_its_seed_and_its_threads(tmp_path):
    (tmp_path / "train.py").write_text(
        "import os\nprint(os.getcwd())\nprint(*(os.environ[n] for n in ('PYTHONHASHSEED', 'OMP_NUM_THREADS')))\n"
    )
    run = one(driving.run(ScriptWorkload(tmp_path / "train.py", seeds=5, **FAST), tmp_path / "out"))
    assert printed(run).splitlines()[:2] == [str((run.folder / "artifacts" / "work").resolve()), "5 1"]
    assert run.file.result["variables"]["OMP_NUM_THREADS"] == "1"


def test_a_script_that_does_not_parse_is_a_mistake_in_the_command(tmp_path):
    (tmp_path / "train.py").write_text("x = 1\ndef main(:\n")
    workload = ScriptWorkload(tmp_path / "train.py", **FAST)
    with pytest.raises(UserError, match=r"train\.py does not parse.* line 2"):
        driving.run(workload, tmp_path / "out")
    (folder,) = (tmp_path / "out" / "train").glob("*/1-*")
    told = json.loads((folder / "run.json").read_text())
    assert (told["status"], told["fail_kind"]) == ("FAILED", "usage")
    assert "def main(:" in told["fail_trace"]
    assert "def main(:" in (folder / "cout.txt").read_text()


def test_a_script_that_was_changed_meanwhile_is_not_run(tmp_path):
    (tmp_path / "train.py").write_text("print('one')\n")
    workload = ScriptWorkload(tmp_path / "train.py", **FAST)
    (tmp_path / "train.py").write_text("print('two')\n")
    with pytest.raises(UserError, match="has changed since the command was given"):
        driving.run(workload, tmp_path / "out")


@pytest.mark.parametrize("name", ["train.py", "beside.py"])
def test_a_script_that_is_edited_before_it_is_read_is_filed_under_no_other_text(tmp_path, name):
    (tmp_path / "beside.py").write_text("WHO = 'old'\n")
    script = tmp_path / "train.py"
    script.write_text("import beside\ndef main(env='x'):\n    print(beside.WHO)\n")
    workload = ScriptWorkload(script, env="x", **FAST)
    keep = workload.check_copy
    workload.check_copy = lambda folder: (keep(folder), (tmp_path / name).write_text(f"{WHO}{MAIN}"))
    run = one(driving.run(workload, tmp_path / "out", workers=None))
    assert run.status is Status.FAILED
    assert f"{name} changed between the command and when it was read" in run.file.fail_trace
    kept = run.folder / "artifacts" / "source" / name
    assert kept.read_text() != (tmp_path / name).read_text()


def test_a_script_that_is_edited_while_it_runs_is_what_it_was(tmp_path):
    script = tmp_path / "train.py"
    script.write_text("import pathlib\ndef main(env='x'):\n    pathlib.Path(__file__).write_text('x = 1')\n")
    run = one(driving.run(ScriptWorkload(script, env="x", **FAST), tmp_path / "out"))
    assert run.status is Status.COMPLETED


ENDLESS = """import numpy as np, threading, time, gymnasium
def main(env="CartPole-v1"):
    table = np.zeros((3, 2))
    made = gymnasium.make(env)
    made.reset()
    while True:
        try:
            made.step(0)
            made.reset()
            table += 1.0
            time.sleep(0.001)
        except {caught}:
            table[:] = -1.0
            {then}
"""


@pytest.mark.parametrize(
    ("caught", "then", "is_saved"),
    [("ValueError", "pass", True), ("KeyboardInterrupt", "break", True), ("BaseException", "pass", False)],
)
def test_what_an_endless_script_has_when_its_time_is_up_is_saved_and_not_tested(
    tmp_path, monkeypatch, caught, then, is_saved
):
    monkeypatch.setattr(supervise, "_GRACE_SECONDS", 10.0 if is_saved else 0.5)
    (tmp_path / "train.py").write_text(ENDLESS.format(caught=caught, then=then))
    workload = ScriptWorkload(tmp_path / "train.py", env="CartPole-v1", time_limit=4.0, num_tests=3, num_videos=0)
    run = one(driving.run(workload, tmp_path / "out", workers=None))
    assert (run.status, run.file.fail_kind) == (Status.TIMEOUT, "time")
    assert "longer than its limit of 4 s" in run.file.fail_trace
    assert "train.py" in run.file.fail_trace
    assert not run.records
    saved = sorted(path.name for path in (run.folder / "artifacts" / "weights").iterdir())
    assert bool(saved) is is_saved
    assert ("Saved as it was then: table" in run.file.fail_trace) is is_saved
    assert not (run.folder / "artifacts" / TESTS).exists()


def test_a_command_is_judged_by_its_exit_code(tmp_path):
    (tmp_path / "x.sh").write_text('echo "$1 $2 $BENCH_SEED"; exit $2\n')
    workload = ScriptWorkload(command=f"sh {tmp_path}/x.sh {{env}} {{seed}}", env="a b", seeds=[0, 4], args=["more"])
    runs = {run.case.seed: run for run in driving.run(workload, tmp_path / "out").values()}
    assert runs[0].status is Status.COMPLETED
    assert printed(runs[0]) == "a b 0 0\n"
    assert runs[4].status is Status.FAILED
    assert runs[4].file.fail_trace.startswith("The script's process ended by exit code 4.")
    assert runs[0].records[0].values["num_episodes"] is None
    assert runs[0].file.result["warnings"][0].startswith("Nothing was counted: no Python that the command started has")
    assert runs[0].case.labels["algorithm"] == "x"


def test_a_command_that_is_not_there_is_a_mistake(tmp_path):
    with pytest.raises(UserError, match="no-such-program can't be started: No such file"):
        driving.run(ScriptWorkload(command="no-such-program"), tmp_path / "out")


def test_a_failed_python_command_tells_its_exception(tmp_path):
    (tmp_path / "x.py").write_text("raise ValueError('too small')\n")
    run = one(driving.run(ScriptWorkload(command=f"python {tmp_path}/x.py"), tmp_path / "out"))
    assert run.file.fail_trace.splitlines()[0] == "ValueError: too small"
    assert "line 1, in <module>" in run.file.fail_trace


def test_records_that_a_killed_attempt_left_do_not_count_for_the_next():
    context = SimpleNamespace(kept=[Record(index, {"return": 1.0}) for index in (0, 1, 2)])
    left = list(supervise._stale(context, {0, 1}))
    assert [(record.index, record.values) for record in left] == [(2, {})]
    assert left[0].error is not None


def test_without_a_folder_nothing_is_left_behind(tmp_path):
    (tmp_path / "x.sh").write_text("echo fine\n")
    workload = ScriptWorkload(command=f"sh {tmp_path}/x.sh")
    context = SimpleNamespace(kept=(), num_wanted=None, artifacts=None, result={})
    (case,) = workload.cases()
    with workload.session() as measure:
        (record,) = measure(case, context)
    assert record.values["train_seconds"] > 0
    assert context.result["exit_code"] == 0


@pytest.mark.parametrize(("version", "number"), [("0.29.1", 1), ("1.0.0", 0), ("1.4.0a2", 0), (None, 0)])
def test_where_nothing_was_tested_a_gymnasium_older_than_1_is_named(version, number):
    told = list(supervise._of_old_gymnasium(version))
    assert len(told) == number
    assert all(text.startswith("Gymnasium 0.29.1 is older than 1.0: its episodes are counted") for text in told)


def test_names_of_signals_are_told_and_numbers_where_there_is_none():
    assert supervise.how_it_ended(3) == "exit code 3"
    assert supervise.how_it_ended(-11) == "signal SIGSEGV"
    assert re.fullmatch(r"signal \d+", supervise.how_it_ended(-37))


def test_the_records_of_tests_follow_that_of_the_training(tmp_path):
    text = f"""
import json, os, zlib
body = b'{{"i":1,"v":{{"return":2.5}}}}'
line = body[:-1] + b',"c":"%08x"}}\\n' % zlib.crc32(body)
open(os.path.join(os.getcwd(), "..", "{TESTS}"), "wb").write(line)
"""
    (tmp_path / "x.py").write_text(text)
    run = one(driving.run(ScriptWorkload(command=f"python {tmp_path}/x.py"), tmp_path / "out"))
    assert [record.index for record in run.records] == [0, 1]
    assert run.file.totals["return"].mean == 2.5


def test_what_was_trained_counts_where_the_tests_bring_the_process_down(tmp_path):
    text = """
import os, signal, sys
import msgspec
from rlgauge.core.run import Record, encode_record
from rlgauge.kinds.train.spec import TRAINED
from rlgauge.kinds.train.spec import Outcome

def main(env="x"):
    folder = os.path.join(os.getcwd(), "..")
    outcome = Outcome(train_seconds=1.5, facts={"num_steps": 7})
    open(os.path.join(folder, TRAINED), "wb").write(msgspec.json.encode(outcome))
    open(os.path.join(folder, "tests.jsonl"), "wb").write(encode_record(Record(1, {"return": 1.0})))
    os.kill(os.getpid(), signal.SIGSEGV)
"""
    (tmp_path / "train.py").write_text(text)
    run = one(driving.run(ScriptWorkload(tmp_path / "train.py", **FAST), tmp_path / "out"))
    assert run.status is Status.COMPLETED
    assert [record.index for record in run.records] == [0]
    assert (run.records[0].values["num_steps"], run.records[0].values["train_seconds"]) == (7, 1.5)
    assert run.file.result["warnings"] == [
        "After the script was done its process ended by signal SIGSEGV in its test episodes."
    ]


TOLD_A_SECRET = """
import sys

assert sys.argv[1:] == ["--api-key=hunter" + "2", "--token", "hunter" + "2"], sys.argv
"""


@pytest.mark.parametrize("is_command", [False, True])
def test_a_script_is_told_its_secrets_and_no_file_of_its_run_is(tmp_path, is_command):
    script = tmp_path / "told.py"
    script.write_text(TOLD_A_SECRET)
    what = {"command": f"python {script}"} if is_command else {"script": script}
    workload = ScriptWorkload(**what, args=["--api-key=hunter2", "--token", "hunter2"], **FAST)
    run = one(driving.run(workload, tmp_path / "out"))
    assert run.status is Status.COMPLETED, run.file.fail_trace
    kept = [path for path in (tmp_path / "out").rglob("*") if path.is_file() and b"hunter2" in path.read_bytes()]
    assert kept == []
