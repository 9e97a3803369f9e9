from __future__ import annotations

import json
import math
import random
import re
import shutil
import statistics
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import yaml

from rlgauge.core.case import Case
from rlgauge.core.run import ConfigFile, Record, Start, Status
from rlgauge.core.store import Need, Store, now

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"
PUBLISHED = str(DATA / "imitation_published_scores.csv")
HOST = {
    "hostname": "a",
    "cpu": "A processor",
    "architecture": "x86_64",
    "num_cores": 8,
    "affinity": [0, 1],
    "memory_bytes": 2**34,
    "gpus": [],
}
PROVENANCE = {
    "repository": {"commit": "0123456789abcdef", "dirty": False},
    "python": "3.11.7",
    "python_implementation": "CPython",
    "packages": {"numpy": "2.0.0", "rlgauge": "0.1.0"},
    "environment": {"OMP_NUM_THREADS": "1"},
}
UNITS = {"steps_per_second": "steps/s"}


def write(  # whatever a test changes
    out: str,
    *,
    speed: float = 1000.0,
    tasks: Sequence[str] = ("CartPole-v1",),
    num_processes: int = 5,
    units: dict[str, str] = UNITS,
    num_envs: int = 64,
    host: dict[str, object] = HOST,
    provenance: dict[str, object] = PROVENANCE,
    status: Status = Status.COMPLETED,
    salt: str = "",
) -> None:
    """Runs as a workload leaves them: a process is a run, deviates by 1 %, and its 20 samples by 2 %."""
    store = Store(out)
    store.make()
    for task in tasks:
        for seed in range(num_processes):
            draw = random.Random(f"{out} {task} {seed} {salt}").gauss
            case = Case(
                workload="speed",
                name=f"{task}-s{seed}",
                params={"task": task, "algorithm": "toy", "num_envs": num_envs},
                seed=seed,
            )
            config = ConfigFile(seed=seed, case=case, units=units)
            attempt = store.claim(case, Need(), config, Start(start_time=now(), host=host, provenance=provenance))
            assert attempt is not None
            own = speed * math.exp(draw(0, 0.01))
            for index in range(20):
                attempt.append(Record(index, {name: own * math.exp(draw(0, 0.02)) for name in units}))
            attempt.close()
            attempt.commit(status, fail_trace=None if status is Status.COMPLETED else "ValueError: it broke")


def edit(out: str, name: str, change) -> None:
    """Change all files of a name in a store."""
    for path in Path(out).rglob(name):
        told = json.loads(path.read_text())
        change(told)
        path.write_text(json.dumps(told))


def test_a_planted_slowdown_of_10_percent_ends_with_1_and_none_with_0(give):
    write("old")
    write("slow", speed=900.0)
    write("same")
    said = give("compare", "slow", "old")
    assert said.code == 1
    assert said.out.splitlines()[-1].startswith(
        "Regression: candidate slow (0123456) is slower than baseline old (0123456): steps_per_second of toy on "
        "CartPole-v1 0.9"
    )
    said = give("compare", "same", "old")
    assert said.code == 0
    assert "No regression" in said.out


def test_what_is_compared_is_the_median_of_each_process(give):
    write("old")
    write("slow", speed=900.0)
    line = json.loads(give("compare", "slow", "old", "--json").out)["lines"][0]
    medians = {
        out: [
            statistics.median(record.values["steps_per_second"] for record in run.records) for run in Store(out).runs()
        ]
        for out in ("slow", "old")
    }
    ratio = statistics.geometric_mean(medians["slow"]) / statistics.geometric_mean(medians["old"])
    assert line["difference"] == pytest.approx(ratio)
    assert (line["num_candidate"], line["num_baseline"]) == (5, 5)


@pytest.mark.parametrize(
    ("what", "changed", "told"),
    [
        ("machine", {"host": {**HOST, "cpu": "B processor"}}, "The machines differ in CPU: candidate B processor"),
        (
            "machine",
            {"host": {**HOST, "num_cores": 4}},
            "machines differ in number of cores: candidate 4, baseline 8",
        ),
        ("machine", {"host": {**HOST, "memory_bytes": 2**33}}, "machines differ in memory: candidate 8 GiB"),
        ("machine", {"host": {**HOST, "gpus": [{"name": "G1"}]}}, "machines differ in GPUs: candidate G1"),
        (
            "versions",
            {"provenance": {**PROVENANCE, "python": "3.12.1"}},
            "The versions of Python differ: candidate CPython 3.12.1, baseline CPython 3.11.7",
        ),
        ("versions", {"provenance": {**PROVENANCE, "packages": {"numpy": "2.1.0"}}}, "The versions of numpy differ"),
        ("configuration", {"num_envs": 128}, "num_envs differs: candidate 128, baseline 64"),
        (
            "configuration",
            {"provenance": {**PROVENANCE, "environment": {}}},
            "OMP_NUM_THREADS differs: candidate not set, baseline 1",
        ),
    ],
)
def test_what_was_not_measured_alike_is_refused_by_name_unless_allowed_by_name(give, what, changed, told):
    write("old")
    write("new", **changed)
    said = give("compare", "new", "old")
    assert said.code == 4
    assert told in said.out
    assert f"differ in {what}. If that is meant, allow it by name: --allow {what}." in said.out
    allowed = give("compare", "new", "old", "--allow", what)
    assert allowed.code == 0
    assert told in allowed.out
    other = "versions" if what == "machine" else "machine"
    assert give("compare", "new", "old", "--allow", other).code == 4


def test_returns_may_come_from_another_machine_but_not_from_another_configuration(give):
    units = {"return": "reward"}
    write("old", units=units)
    write("far", units=units, host={**HOST, "cpu": "B"}, provenance={**PROVENANCE, "python": "3.12.1"})
    write("other", units=units, num_envs=2)
    said = give("compare", "far", "old")
    assert said.code == 0
    assert "The versions of Python differ" in said.out
    assert give("compare", "other", "old").code == 4


def test_runs_that_say_nothing_of_their_machine_are_compared_with_a_note(give):
    write("old", host={}, provenance={})
    write("new", host={}, provenance={})
    said = give("compare", "new", "old")
    assert said.code == 0
    assert "10 of 10 runs say nothing of the machine and versions" in said.out


def test_failed_runs_end_with_1(give):
    write("old")
    write("new", status=Status.FAILED)
    said = give("compare", "new", "old")
    assert said.code == 1
    assert "5 runs of the candidate failed or measured nothing." in said.out
    assert "candidate: toy on CartPole-v1, seed 0 is FAILED: ValueError: it broke" in said.out


@pytest.mark.parametrize("metric", [(), ("--metric", "improvement")])
def test_every_format_says_that_a_run_failed_and_none_that_the_candidate_is_worse(give, metric):
    rows = [f"{algo},x,{seed},{seed + 1.5}" for algo in "ab" for seed in range(4)]
    Path("scores.csv").write_text("algo,env,seed,score\n" + "\n".join([*rows, "a,x,4,"]) + "\n")
    said = {
        kind: give("compare", "scores.csv", "--algo", "a", "--baseline-algo", "b", *metric, "--format", kind)
        for kind in ("table", "markdown", "json", "junit")
    }
    assert {one.code for one in said.values()} == {1}
    verdict = "1 run of the candidate failed or measured nothing."
    assert said["table"].out.splitlines()[-1].startswith(verdict)
    assert said["markdown"].out.startswith(f"### Comparison: a run failed\n\n**{verdict}")
    told = json.loads(said["json"].out)
    assert (told["outcome"], told["headline"]) == (1, "a run failed")
    assert told["verdict"].startswith(verdict)
    suite = ET.fromstring(said["junit"].out).find("testsuite")
    assert suite.findtext("system-out").startswith(f"Comparison: a run failed.\n{verdict}")
    assert [case.get("classname") for case in suite.findall("testcase[failure]")] == ["rlgauge.compare.runs"]


def test_failed_runs_and_missing_cases_that_are_allowed_are_no_failures_of_the_test_suite(give):
    rows = [f"{algo},x,{seed},{seed + worse}" for algo, worse in (("a", 0), ("b", 90)) for seed in range(5)]
    rows += ["b,x,5,", "b,y,0,1", "b,y,1,2"]
    Path("scores.csv").write_text("algo,env,seed,score\n" + "\n".join(rows) + "\n")
    asked = ("compare", "scores.csv", "--algo", "a", "--baseline-algo", "b", "--format", "junit")
    for allowed, failures, errors in (((), "2", "1"), (("--allow-missing",), "1", "0")):
        suite = ET.fromstring(give(*asked, *allowed).out).find("testsuite")
        assert (suite.get("failures"), suite.get("errors")) == (failures, errors)


def test_missing_cases_end_with_2_and_are_named(give):
    write("old", tasks=("CartPole-v1", "Pendulum-v1"))
    write("new")
    said = give("compare", "new", "old")
    assert said.code == 2
    assert "Missing: the candidate has no toy on Pendulum-v1." in said.out
    assert give("compare", "new", "old", "--allow-missing").code == 0
    assert give("compare", "new", "old", "--task", "CartPole-v1").code == 0


def test_strict_ends_with_3_where_something_is_inconclusive(give):
    write("old", num_processes=1)
    write("new", num_processes=1)
    assert give("compare", "new", "old").code == 0
    said = give("compare", "new", "old", "--strict")
    assert said.code == 3
    assert "measure at least two on both sides" in said.out


def test_the_tolerance_is_what_was_asked(give):
    write("old")
    write("slow", speed=950.0)
    assert give("compare", "slow", "old").code == 1
    assert give("compare", "slow", "old", "--tolerance", "10%").code == 0
    assert give("compare", "slow", "old", "--tolerance", "0.1").code == 0


@pytest.mark.parametrize("tolerance", ["2", "-1%", "100%", "two"])
def test_a_tolerance_that_is_no_part_is_refused(give, tolerance):
    said = give("compare", PUBLISHED, PUBLISHED, f"--tolerance={tolerance}")
    assert said.code == 2
    assert "--tolerance takes a part below 1, such as 2% or 0.02" in said.err


def test_a_zip_file_is_a_side(give):
    write("old")
    write("slow", speed=900.0)
    shutil.make_archive("slow", "zip", "slow")
    assert give("compare", "slow.zip", "old").code == 1


def test_the_markdown_has_the_verdict_first_and_the_rest_folded(give):
    write("old")
    write("slow", speed=900.0)
    said = give("compare", "slow", "old", "--format", "markdown")
    assert said.code == 1
    assert said.out.startswith("### Comparison: worse\n\n**Regression: candidate slow (0123456) is slower than")
    assert said.out.count("| CartPole-v1 | steps\\_per\\_second |") == 1
    assert said.out.count("<details>") == said.out.count("</details>") == 1


def test_the_json_says_everything_with_a_format_version(give):
    write("old")
    write("slow", speed=900.0)
    told = json.loads(give("compare", "slow", "old", "--json").out)
    assert (told["format"], told["outcome"], told["candidate"]["source"]) == (1, 1, "slow")
    assert (told["lines"][0]["verdict"], told["lines"][0]["word"], told["lines"][0]["unit"]) == (
        "worse",
        "slower",
        "steps/s",
    )


def test_the_junit_has_a_test_case_a_line(give):
    write("old", tasks=("a", "b"))
    write("new", tasks=("a",), speed=900.0)
    write("new", tasks=("c <&> \x07",))
    said = give("compare", "new", "old", "-o", "report.xml")
    assert said.code == 1
    suite = ET.parse("report.xml").getroot().find("testsuite")  # our own
    cases = {case.get("name"): [child.tag for child in case] for case in suite.findall("testcase")}
    assert cases == {
        "steps_per_second of toy on a": ["failure"],
        "toy on b": ["error"],
        "toy on c <&> ": ["error"],
    }
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "1", "2")


def test_an_inconclusive_line_is_a_skipped_test_case(give):
    write("old", num_processes=1)
    write("new", num_processes=1)
    give("compare", "new", "old", "--format", "junit", "-o", "report.xml")
    suite = ET.parse("report.xml").getroot().find("testsuite")
    assert suite.get("skipped") == "1"


@pytest.mark.parametrize("ending", ["md", "json", "xml", "txt"])
def test_a_file_is_written_and_the_verdict_printed(give, ending):
    write("old")
    write("slow", speed=900.0)
    said = give("compare", "slow", "old", "-o", f"report.{ending}")
    assert said.code == 1
    assert said.out.startswith("Regression: candidate slow")
    assert "slower" in Path(f"report.{ending}").read_text()


def test_the_table_is_the_default_and_text_is_another_name_for_it(give):
    write("old")
    write("new")
    told = [give("compare", "new", "old", *asked).out for asked in ((), ("--format", "table"), ("--format", "text"))]
    assert told[0] == told[1] == told[2]
    give("compare", "new", "old", "--format", "table", "-o", "report")
    give("compare", "new", "old", "-o", "report.txt")
    assert Path("report").read_text() == Path("report.txt").read_text()


def improvement(give, candidate: str, baseline: str):
    return give(
        "compare", PUBLISHED, "--algo", candidate, "--baseline-algo", baseline, "--metric", "improvement", "--json"
    )


def test_the_probability_of_improvement_is_the_candidates(give):
    ours = json.loads(improvement(give, "GAIL", "AIRL").out)["overall"]
    theirs = json.loads(improvement(give, "AIRL", "GAIL").out)["overall"]
    assert ours["summary"]["point"] + theirs["summary"]["point"] == pytest.approx(1)
    by_task = {task["task"]: task["summary"]["point"] for task in ours["tasks"]}
    assert by_task["seals/Ant-v0"] == 1.0  # every run of GAIL above every one of AIRL, as a look at the table shows
    assert ours["summary"]["point"] == pytest.approx(statistics.fmean(by_task.values()))
    told = give("compare", PUBLISHED, "--algo", "GAIL", "--baseline-algo", "AIRL", "--metric", "improvement").out
    assert re.search(r"Probability that GAIL is better than AIRL: 0\.\d\d \[0\.\d\d, 0\.\d\d\] over 5 tasks", told)


def test_a_metric_needs_one_algorithm_a_side_and_asks_which(give):
    said = give("compare", PUBLISHED, PUBLISHED, "--metric", "improvement", "--baseline-algo", "AIRL")
    assert said.code == 2
    assert "holds runs of 4 algorithms" in said.err
    assert "say which is the candidate with --algo NAME" in said.err


def test_one_folder_with_one_algorithm_on_both_sides_is_refused(give):
    said = give("compare", PUBLISHED, PUBLISHED, "--algo", "GAIL", "--baseline-algo", "GAIL")
    assert said.code == 2
    assert "would be compared with themselves" in said.err
    shutil.copy(PUBLISHED, "copy.csv")
    assert give("compare", "copy.csv", PUBLISHED, "--algo", "GAIL").code == 0


def test_the_iqm_of_several_tasks_needs_normalised_scores(give):
    asked = ("compare", PUBLISHED, "--algo", "GAIL", "--baseline-algo", "AIRL", "--metric", "iqm")
    said = give(*asked)
    assert said.code == 2
    assert "needs normalised scores: give --normalise LOW,HIGH" in said.err
    told = json.loads(give(*asked, "--normalise", "0,expert", "--json").out)["overall"]
    assert told["candidate"]["point"] - told["baseline"]["point"] == pytest.approx(told["summary"]["point"])
    assert told["formula"] == "score / expert score"


def test_tasks_that_one_side_lacks_are_named(give):
    lines = Path(PUBLISHED).read_text().splitlines()
    Path("part.csv").write_text("\n".join(line for line in lines if "Ant" not in line) + "\n")
    said = give("compare", "part.csv", PUBLISHED, "--algo", "GAIL", "--metric", "improvement")
    assert said.code == 2
    assert "Missing: the candidate has no GAIL on seals/Ant-v0." in said.out
    assert "over 4 tasks" in said.out


BAD = {
    "nothing": "algo,env,seed,score\n",
    "one_run": "algo,env,seed,score\na,x,0,1.0\nb,x,0,2.0\n",
    "constant": "algo,env,seed,score\n" + "".join(f"{a},x,{s},5.0\n" for a in "ab" for s in range(5)),
    "not_finite": "algo,env,seed,score\n" + "".join(f"{a},x,{s},{s or 'nan'}\n" for a in "ab" for s in range(5)),
    "no_overlap": "algo,env,seed,score\na,x,0,1.0\na,x,1,1.5\nb,y,0,2.0\nb,y,1,2.5\n",
}


@pytest.mark.parametrize("metric", [(), ("--metric", "improvement"), ("--metric", "iqm")])
@pytest.mark.parametrize("name", BAD)
def test_bad_data_is_answered_or_refused_and_no_interval_has_no_width_without_a_warning(give, name, metric):
    Path("scores.csv").write_text(BAD[name])
    said = give("compare", "scores.csv", "--algo", "a", "--baseline-algo", "b", *metric, "--json")
    if said.code == 2 and not said.out:
        assert said.err.startswith("rlgauge: ")
        assert "Traceback" not in said.err
        return
    told = json.loads(said.out)
    for line in told["lines"]:
        assert line["low"] is None or line["low"] < line["high"]
        assert line["low"] is not None or line["warnings"]
    if told["overall"] is not None:
        summary = told["overall"]["summary"]
        assert summary["low"] is None or summary["low"] < summary["high"] or summary["warnings"]
        assert summary["low"] is not None or summary["warnings"]


def test_runs_without_a_number_are_failed_runs(give):
    Path("scores.csv").write_text(BAD["not_finite"])
    said = give("compare", "scores.csv", "--algo", "a", "--baseline-algo", "b")
    assert said.code == 1
    assert "its score is nan" in said.out


@pytest.mark.parametrize("made", ["empty", "other"])
def test_a_folder_without_runs_is_refused(give, made):
    write("old")
    Path(made).mkdir()
    if made == "other":
        Path(made, "notes.txt").write_text("nothing of ours")
    said = give("compare", made, "old")
    assert said.code == 2
    assert made in said.err


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (("--metric", "iqr"), "Unknown metric 'iqr'. Did you mean 'iqm'?"),
        (("--allow", "version"), "Did you mean 'versions'?"),
        (("--format", "html"), "Unknown format 'html'"),
        (("--confidence", "0.3"), "--confidence must lie between 0.5 and 1"),
        (("--references", "r.csv"), "say how with --normalise"),
        (("--task", "seals/Ant"), "Did you mean 'seals/Ant-v0'?"),
        (("-o", "no/where.md"), "there is no folder 'no'"),
        (("-o", "report.doc"), "say what to write with --format"),
        (("--json", "--format", "junit"), "contradict each other"),
    ],
)
def test_wrong_usage_ends_with_2_and_a_sentence(give, asked, told):
    said = give("compare", PUBLISHED, "--algo", "GAIL", "--baseline-algo", "AIRL", *asked)
    assert said.code == 2
    assert told in said.err


def test_without_a_baseline_the_algorithms_are_named(give):
    said = give("compare", PUBLISHED)
    assert said.code == 2
    assert "Name the baseline: another folder, or an algorithm of" in said.err
    assert "AIRL, GAIL" in said.err


def test_policies_that_played_the_same_episodes_are_compared_in_pairs(give):
    asked = ("benchmark", "--env", "CartPole-v1", "--policy", "random", "--policy", "zero", "--num-episodes", "20")
    assert give(*asked, "--out", "out", "--quiet").code == 0
    said = give("compare", "out", "--algo", "zero", "--baseline-algo", "random")
    assert said.code == 1
    assert "Regression: candidate zero" in said.out
    assert "in pairs of the same episodes" in said.out
    shorter = give(*asked, "--max-steps", "5", "--out", "short", "--quiet")
    assert shorter.code == 0
    refused = give("compare", "short", "out", "--algo", "zero")
    assert refused.code == 4
    assert "max_steps differs: candidate 5, baseline null." in refused.out


def test_a_success_rate_over_tasks_needs_no_normalisation(give):
    rows = [
        f"{a},{task},{s},{rate + s / 100}" for a, rate in (("a", 0.4), ("b", 0.6)) for task in "xy" for s in range(5)
    ]
    Path("scores.csv").write_text("algo,env,seed,success_rate\n" + "\n".join(rows) + "\n")
    said = give("compare", "scores.csv", "--algo", "a", "--baseline-algo", "b", "--metric", "mean")
    assert said.code == 1
    assert "a is worse than b" in said.out


def test_imported_configurations_that_differ_are_told(give):
    for name, rate in (("new", 0.1), ("old", 0.2)):
        shutil.copytree(DATA / "sacred_sample" / "train_imitation", name)
        edit(name, "config.json", lambda told, rate=rate: told.update(learning_rate=rate))
    said = give("compare", "new", "old", "--algo", "bc", "--task", "Pendulum-v1")
    assert "bc on Pendulum-v1: the two sides were configured differently in learning_rate." in said.out


def test_the_commands_of_the_example_workflow_are_what_the_page_says_and_work(give, monkeypatch):
    page = (ROOT / "docs" / "compare.md").read_text()
    (block,) = re.findall(r"^```yaml\n(name: .*?)^```$", page, re.MULTILINE | re.DOTALL)
    job = yaml.safe_load(block)["jobs"]["speed"]
    steps = job["steps"]
    installs = [line for step in steps for line in step.get("run", "").splitlines() if "pip install" in line]
    assert set(installs) == {'python -m pip install . "$RLGAUGE"'}  # on no package index
    assert job["env"]["RLGAUGE"].startswith("git+https://")
    commands = [line for step in steps for line in step.get("run", "").splitlines() if line.startswith("rlgauge ")]
    assert len(commands) == 2
    write("runs/baseline")
    write("runs/candidate", speed=900.0)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.md")
    codes = [give(*command.replace("$GITHUB_STEP_SUMMARY", "summary.md").split()[1:]).code for command in commands]
    assert codes == [1, 1]
    assert Path("summary.md").read_text().startswith("### Comparison: worse")


def _score_tables() -> list[str]:
    for out, score in (("new", 100), ("old", 103)):
        rows = [f"ppo,Hopper,{seed},{score + seed**2},{900 + seed}" for seed in range(4)]
        Path(f"{out}.csv").write_text("\n".join(["algo,env,seed,score,expert_score", *rows]) + "\n")
    return ["new.csv", "old.csv"]


def _jaxarc_files() -> list[str]:
    for out, speed, cores in (("new", 990, 4), ("old", 1000, 8)):
        speeds = {"throughput": {"64": {"sps": [speed, speed + 9, speed - 9]}}}
        meta = {"meta": {"mode": "pure", "system": {"num_cores": cores}}}
        Path(f"{out}.json").write_text(json.dumps({**meta, **speeds}))
    return ["new.json", "old.json"]


def _sacred_folders() -> list[str]:
    for name, rate in (("new", 0.1), ("old", 0.2)):
        shutil.copytree(DATA / "sacred_sample" / "train_imitation", name)
        edit(name, "config.json", lambda told, rate=rate: told.update(learning_rate=rate))
        edit(name, "run.json", lambda told, rate=rate: told.update(start_time=f"2026-01-0{rate * 10:.0f}T00:00:00"))
    return ["new", "old"]


@pytest.mark.parametrize("write_results", [_score_tables, _jaxarc_files, _sacred_folders])
@pytest.mark.parametrize("asked", [(), ("--metric", "improvement"), ("--normalise=-9000,expert", "--strict")])
def test_imported_runs_are_compared_as_they_are_where_they_were_read(give, write_results, asked):
    sides = write_results()
    stores = [f"imported/{side}" for side in sides]
    for side, store in zip(sides, stores, strict=True):
        assert give("import", side, "--out", store).code == 0
    one = ["--algo", "bc", "--baseline-algo", "bc"] if write_results is _sacred_folders else []
    direct, imported = (give("compare", *paths, *one, *asked) for paths in (sides, stores))
    told = imported.out
    for side, store in zip(sides, stores, strict=True):
        told = told.replace(store, side)
    assert (imported.code, told) == (direct.code, direct.out)


def test_what_lacks_a_task_is_told_by_its_own_name(give):
    rows = [
        f"{algo},{env},{seed},{seed}"
        for algo, env in (("a", "Hopper"), ("b", "Hopper"), ("b", "Ant"))
        for seed in range(3)
    ]
    Path("scores.csv").write_text("algo,env,seed,score\n" + "\n".join(rows) + "\n")
    said = give("compare", "scores.csv", "--algo", "b", "--baseline-algo", "a")
    assert "Missing: the baseline has no a on Ant." in said.out
    said = give("compare", "scores.csv", "--algo", "a", "--baseline-algo", "b")
    assert "Missing: the candidate has no a on Ant." in said.out


def test_a_stale_copy_of_the_baseline_is_no_candidate(give):
    write("old")
    shutil.copytree("old", "new")
    said = give("compare", "new", "old")
    assert said.code == 2
    assert said.err.startswith("rlgauge: 5 of 5 runs of the candidate new are the same as in the baseline old, or copi")
    said = give("compare", "old", "./old")
    assert "Candidate and baseline are the same folder. Name the baseline: another folder" in said.err


def test_a_copied_table_is_told_to_measure_the_same(give):
    shutil.copy(PUBLISHED, "copy.csv")
    said = give("compare", "copy.csv", PUBLISHED, "--algo", "GAIL")
    assert "Both sides measured the same to the last digit, run by run: GAIL on seals/Ant-v0, " in said.out


def test_every_format_says_that_nothing_was_decided(give):
    write("old", num_processes=1)
    write("new", num_processes=1)
    for asked in ((), ("--format", "markdown"), ("--format", "junit"), ("--json",)):
        assert "nothing decided" in give("compare", "new", "old", *asked).out.lower()


def test_published_scores_whose_experts_differ_are_doubted_where_they_are_compared_as_they_are(give):
    asked = ("compare", PUBLISHED, "--algo", "??exp_command=dagger", "--baseline-algo", "GAIL")
    for metric in ((), ("--metric", "improvement")):
        assert "differ on seals/Hopper-v0 (437.3 to 2631), " in give(*asked, *metric).out


def test_keys_in_which_two_algorithms_configurations_differ_are_told_where_both_have_them(give):
    said = give("compare", str(DATA / "sacred_sample"), "--algo", "bc", "--baseline-algo", "dagger")
    told = "Pendulum-v1: the two sides were configured differently in bc.train_kwargs.n_epochs, dagger.total_timesteps."
    assert told in said.out


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (("old", "--format", "latex"), "rlgauge: Unknown format 'latex'. Known: json, junit, markdown, table.\n"),
        (("old", "more"), "rlgauge: Unexpected argument 'more'. See `rlgauge compare --help`.\n"),
        (("old", "--algo", "Toi"), "Unknown algorithm of the candidate 'Toi'. Did you mean 'toy'?"),
    ],
)
def test_what_is_suggested_can_be_meant(give, asked, told):
    for out in ("new", "old"):
        write(out)
    assert told in give("compare", "new", *asked).err


def test_what_a_file_of_references_leaves_open_is_told(folder, give):
    rows = "algo,env,seed,score,random,expert\n" + "".join(
        f"{algo},{env},{seed},{score + seed},0,100\n"
        for algo, score in (("a", 50), ("b", 40))
        for env in ("Ant", "Hop")
        for seed in range(3)
    )
    (folder / "scores.csv").write_text(rows)
    (folder / "part.csv").write_text("task,random,expert\nAnt,0,200\n")
    said = give("compare", "scores.csv", "--algo", "a", "--baseline-algo", "b", "--normalise", "random,expert",
                "--references", "part.csv")  # fmt: skip
    assert "part.csv has no random and no expert score of Hop" in said.out
