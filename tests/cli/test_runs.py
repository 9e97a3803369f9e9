from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import msgspec
import pytest

from rlgauge.core.execute import Item, Plan
from rlgauge.core.run import Status
from rlgauge.core.store import Store
from rlgauge.kinds.evaluate.benchmark import GymnasiumBenchmark
from rlgauge.kinds.evaluate.run import make_workload
from tests.cli.conftest import block_ends

FIRST, SECOND, THIRD, *_ = block_ends()
EXPLODING = ("benchmark", "--env", "CartPole-v1", "--policy", "random", "--policy", "policies:Exploding")
EXPLODING += ("--num-episodes", str(FIRST + 5), "--out", "o", "--quiet")


@pytest.fixture
def out(give, policies) -> str:
    assert give(*EXPLODING).code == 1
    return "o"


def runs(*, status: Status) -> list:
    return [run for run in Store("o").runs() if run.status is status]


def test_every_run_is_listed_with_what_went_wrong(give, out):
    said = give("runs", "list", out)
    lines = said.out.splitlines()
    assert said.code == 0
    titles = ["id", "run", "policy", "status", "attempt", "records", "started (UTC)", "time", "host", "what went wrong"]
    assert lines[0].split() == " ".join(titles).split()
    assert len(lines) == 2 + 4
    assert sum(" FAILED " in line for line in lines) == len(runs(status=Status.FAILED)) > 0
    assert all(line.endswith("RuntimeError: the policy exploded") for line in lines if " FAILED " in line)


def test_the_list_as_json_has_every_field(give, out):
    rows = json.loads(give("runs", "list", out, "--json").out)
    random = next(row for row in rows if row["policy"] == "random" and row["name"] == "CartPole-v1-e0000")
    assert (random["status"], random["num_records"], random["num_errors"], random["failure"]) == (
        "COMPLETED",
        FIRST,
        0,
        "",
    )
    assert random["seconds"] > 0
    assert Path(random["folder"], "run.json").is_file()


@pytest.mark.parametrize("spelling", ["FAILED", "failed"])
def test_the_list_can_be_narrowed(give, out, spelling):
    rows = json.loads(give("runs", "list", out, "--status", spelling, "--json").out)
    assert {row["status"] for row in rows} == {"FAILED"}
    assert give("runs", "list", out, "--status", "QUEUED").out == "There are no QUEUED runs in o.\n"


def test_an_unknown_status_names_the_nearest(give, out):
    said = give("runs", "list", out, "--status", "FALED")
    assert said.code == 2
    assert "Unknown status 'FALED'. Did you mean 'FAILED'?" in said.err


def test_cases_of_a_plan_that_nobody_has_begun_are_queued(give, out):
    workload = make_workload(GymnasiumBenchmark(["CartPole-v1"], num_episodes=THIRD), ["random"])
    plan = Plan(root=out, workload=None, items=[Item(case=case) for case in workload.cases()])
    Path(out, "plans").mkdir(exist_ok=True)
    Path(out, "plans", "p.json").write_bytes(msgspec.json.encode(plan))
    rows = json.loads(give("runs", "list", out, "--status", "queued", "--json").out)
    assert [(row["name"], row["policy"]) for row in rows] == [(f"CartPole-v1-e{SECOND:04d}", "random")]


def test_a_corrupt_run_is_shown_as_such_and_the_others_as_they_are(give, out):
    run = runs(status=Status.COMPLETED)[0]
    (run.folder / "run.json").write_text("{")
    row = next(row for row in json.loads(give("runs", "list", out, "--json").out) if row["id"] == run.case.id)
    assert row["status"] == "DIED"
    assert "run.json is damaged" in row["failure"]
    assert row["num_records"] == run.num_records
    assert len(json.loads(give("runs", "list", out, "--json").out)) == 4
    assert "run.json is damaged" in give("runs", "show", out, run.case.id).out


def test_truncated_records_are_shown_as_far_as_they_are_whole(give, out):
    run = runs(status=Status.COMPLETED)[0]
    records = run.folder / "records.jsonl"
    records.write_bytes(records.read_bytes()[:-5])
    shown = json.loads(give("runs", "show", out, run.case.id, "--json").out)
    assert len(shown["records"]) == run.num_records - 1


def test_a_corrupt_config_is_a_sentence_and_the_others_are_listed_and_shown(give, out):
    run, other, *_ = runs(status=Status.COMPLETED)
    (run.folder / "config.json").write_text("{")
    said = give("runs", "list", out)
    assert said.code == 0
    assert said.err.startswith(f"note: {run.folder}/config.json is damaged")
    assert said.err.count("\n") == 1
    assert len(said.out.splitlines()) == 2 + 3
    assert len(json.loads(give("runs", "list", out, "--json").out)) == 3
    assert give("runs", "show", out, other.case.id).code == 0
    for given in (run.case.id, str(run.folder)):
        shown = give("runs", "show", out, given)
        assert shown.code == 2
        assert f"{run.folder}/config.json is damaged" in shown.err


def test_a_run_is_shown_whole(give, out):
    run = runs(status=Status.FAILED)[0]
    (run.folder / "cout.txt").write_text("".join(f"line {i}\n" for i in range(50)))
    said = give("runs", "show", out, run.case.id)
    assert said.code == 0
    for text in ("FAILED", "the policy exploded", '"gym_id": "CartPole-v1"', "line 49", str(run.folder), "Traceback"):
        assert text in said.out
    assert "line 29\n" not in said.out


def test_the_means_stand_first_and_buckets_of_latency_are_left_to_json(give, folder):
    give("benchmark", "--env", "CartPole-v1", "--policy", "random", "--success-return", "20", "--out", "o", "--quiet")
    (run, *_) = runs(status=Status.COMPLETED)
    returns = [record.values["return"] for record in run.records]
    said = give("runs", "show", "o", run.case.id)
    lines = said.out.splitlines()
    assert lines[2].split() == ["mean", "return", f"{sum(returns) / len(returns):.6g}", "(n", "=", f"{len(returns)})"]
    rate = sum(value >= 20 for value in returns) / len(returns)
    assert lines[3].split() == ["success", "rate", f"{rate:.1%}", "(n", "=", f"{len(returns)})"]
    assert "latency" not in said.out
    assert '"steps"' in said.out
    assert "latency" in json.loads(give("runs", "show", "o", run.case.id, "--json").out)["run"]["result"]


def test_lines_that_would_be_alike_have_the_hash_by_which_they_differ(give, folder):
    argv = ("benchmark", "--env", "CartPole-v1", "--num-episodes", "1", "--out", "o", "--quiet")
    give(*argv, "--policy", "random")
    assert "settings" not in give("runs", "list", "o").out
    give(*argv, "--policy", "random", "--max-steps", "5")
    give(*argv, "--policy", "zero")
    (folder / "a.py").write_text("def act(observation): return 0")
    give(*argv, "--policy", "a:act")
    (folder / "a.py").write_text("def act(observation): return 1")
    sys.modules.pop("a", None)
    give(*argv, "--policy", "a:act")
    rows = {row["id"]: row for row in json.loads(give("runs", "list", "o", "--json").out)}
    header, _, *lines = give("runs", "list", "o").out.splitlines()
    assert header.split()[3:5] == ["settings", "checkpoint"]
    assert len(lines) == 5
    for line in lines:
        row = rows[line.split()[0]]
        assert (row["settings"][:6] in line) == (row["policy"] == "random")
        assert (row["checkpoint"][:6] in line) == (row["policy"] == "act")


def test_a_run_is_found_by_id_beginning_name_and_folder(give, out):
    run = next(run for run in Store(out).runs() if run.case.labels["policy"] == "random")
    shown = [
        json.loads(give("runs", "show", out, given, "--json").out)["id"]
        for given in (run.case.id, run.case.id[:8], run.folder.parent.name, run.folder.name, str(run.folder))
    ]
    assert shown == [run.case.id] * 5
    assert json.loads(give("runs", "show", out, str(run.folder.relative_to(out)), "--json").out)["id"] == run.case.id


def test_an_earlier_attempt_is_shown_by_its_folder(give, out):
    failed = runs(status=Status.FAILED)[0]
    give(*EXPLODING, "--rerun-failed")
    shown = json.loads(give("runs", "show", out, str(failed.folder), "--json").out)
    assert (shown["id"], shown["attempt"]) == (failed.case.id, failed.attempt)


def test_a_name_of_several_runs_is_not_guessed(give, out):
    for given in ("CartPole-v1-e0000", "CartPole-v1-e000"):
        said = give("runs", "show", out, given)
        assert said.code == 2
        assert f"'{given}' names 2 runs; say which by its id: " in said.err
        assert "(random)" in said.err


def test_an_unknown_run_names_the_nearest(give, out):
    said = give("runs", "show", out, "CartPol-v1-e0000")
    assert said.code == 2
    assert "Unknown run 'CartPol-v1-e0000'. Did you mean 'CartPole-v1-e0000'?" in said.err


def test_a_folder_without_runs_says_so(give, folder):
    assert give("runs", "list", str(folder)).out == f"There are no runs in {folder}.\n"


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (("list", "oo"), "There is no folder 'oo'. Did you mean 'o'?"),
        (("list", "policies.py"), "'policies.py' is a file; runs are kept in a folder, or in a zip file of "),
        (("list",), "rlgauge runs list needs OUT."),
        (("show", "o"), "rlgauge runs show needs RUN."),
        (("lst", "o"), "Unknown command after `rlgauge runs` 'lst'. Did you mean 'list'?"),
        (("list", "o", "--jsn"), "Unknown option '--jsn'. Did you mean '--json'?"),
    ],
)
def test_a_mistake_is_a_sentence(give, out, argv, sentence):
    said = give("runs", *argv)
    assert said.code == 2
    assert sentence in said.err
    assert said.err.count("\n") == 1


def test_nothing_is_written_by_looking(give, out):
    shutil.copytree(out, "before")
    give("runs", "list", out)
    give("runs", "show", out, runs(status=Status.FAILED)[0].case.id)
    assert _content(Path(out)) == _content(Path("before"))


def _content(folder: Path) -> dict:
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
