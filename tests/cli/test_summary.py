from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rlgauge.core.case import Case
from rlgauge.core.run import ConfigFile, Record, Start, Status
from rlgauge.core.store import Attempt, Need, Store, now

DATA = Path(__file__).parents[1] / "data"
PUBLISHED = str(DATA / "imitation_published_scores.csv")
SACRED = str(DATA / "sacred_sample")
HEAD = "algo,env,seed,score\n"


def table(name: str, rows: str, head: str = HEAD) -> str:
    Path(name).write_text(head + rows)
    return name


def store(out: str, algorithm: str, scores: dict[int, float], *, failed: tuple[int, ...] = (), errors: int = 0) -> None:
    """Runs as a workload leaves them: a seed is a run, of two episodes around its score."""
    place = Store(out)
    place.make()
    for seed in (*scores, *failed):
        labels = {"algorithm": algorithm, "task": "T", "train_seed": str(seed), "lr": f"0.{seed % 2}"}
        case = Case(workload="toy", name=f"{algorithm}-{seed}", params={"seed": seed}, seed=seed, labels=labels)
        config = ConfigFile(seed=seed, case=case, units={"return": "reward"})
        attempt = place.claim(case, Need(num_wanted=2), config, Start(start_time=now(), host={}))
        for index in range(2):
            attempt.append(Record(index, {"return": scores.get(seed, 0.0) + index - 0.5}))
        for index in range(errors):
            attempt.append(Record(2 + index, {}, error="it broke"))
        attempt.close()
        attempt.commit(Status.FAILED if seed in failed else Status.COMPLETED)


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_published_scores_are_summarised_in_every_format(give):
    given = ("summary", PUBLISHED, "--normalise", "0,expert", "--rename", "??exp_command=bc=BC")
    said = give(*given)
    assert said.code == 0
    assert "Over all tasks, normalised scores" in said.out
    assert "Normalised: score / expert score, run by run." in said.out
    for kind, sign in (("markdown", "| BC | seals/Ant-v0 |"), ("latex", "\\toprule"), ("csv", "algo,env,seed,score,")):
        assert sign in give(*given, "--format", kind).out
    assert json.loads(give(*given, "--json").out)["score"] == "return"


def test_the_csv_of_the_published_scores_holds_what_was_published(give):
    said = give("summary", PUBLISHED, "--normalise", "0,expert", "--format", "csv")
    found, published = pd.read_csv(io.StringIO(said.out)), pd.read_csv(PUBLISHED)
    published["seed"] = published.groupby(["algo", "env"]).cumcount()
    both = published.merge(found, on=["algo", "env", "seed"], suffixes=("", "_found"), validate="one_to_one")
    assert len(both) == len(found) == 100
    assert np.allclose(both["score"], both["score_found"], rtol=1e-15)
    assert np.allclose(both["score"] / both["expert_score"], both["normalised_score"], rtol=1e-12)
    assert "names no seeds" in said.err
    assert "note" not in said.out


def test_the_sacred_sample_shows_what_did_not_complete(give):
    said = give("summary", SACRED)
    text = " ".join(said.out.split())
    assert said.code == 0
    assert "algorithm task completed died failed interrupted" in text
    assert "all all 4 1 1 1" in text
    assert "0 of 1 (1 failed)" in text
    assert "3 of 7 runs did not complete; --format csv lists each with its reason." in text
    rows = rows_of(give("summary", SACRED, "--format", "csv").out)
    assert len(rows) == 7
    assert all(row["reason"] for row in rows if row["status"] != "COMPLETED")
    assert all(row["expert_score"] for row in rows if row["status"] == "COMPLETED")


def test_folders_zip_files_and_tables_of_several_machines_are_one_summary(give, folder):
    store("here", "ppo", {0: 10.0, 1: 12.0})
    store("there/deep/down", "ppo", {2: 14.0, 3: 16.0})
    shutil.make_archive("packed", "zip", "there")
    shutil.rmtree("there")
    table("scores.csv", "ppo,T,4,18\nsac,T,0,3\n")
    told = json.loads(give("summary", "here", "packed.zip", "scores.csv", "--json").out)
    lines = {line["group"]: line for line in told["lines"]}
    assert lines["ppo"]["num_runs"] == 5
    assert lines["ppo"]["score"]["point"] == 14.0
    assert lines["sac"]["num_runs"] == 1


def test_runs_that_a_folder_and_its_copy_hold_count_once(give, folder):
    store("here", "ppo", {0: 10.0, 1: 12.0})
    shutil.copytree("here", "copy")
    said = give("summary", "here", "copy", "--json")
    assert json.loads(said.out)["lines"][0]["num_runs"] == 2


def test_groups_can_be_told_apart_by_what_runs_are_labelled_with(give, folder):
    store("out", "ppo", {0: 10.0, 1: 20.0, 2: 12.0, 3: 22.0})
    told = json.loads(give("summary", "out", "--by", "algorithm,lr", "--json").out)
    found = {line["group"]: (line["num_runs"], line["score"]["point"]) for line in told["lines"]}
    assert found == {"ppo, lr=0.0": (2, 11.0), "ppo, lr=0.1": (2, 21.0)}
    assert "algorithm, lr" in give("summary", "out", "--by", "algorithm,lr").out


def test_a_failed_run_is_excluded_and_shown_or_counts_as_told(give, folder):
    store("out", "ppo", {0: 10.0, 1: 20.0}, failed=(2,), errors=1)
    excluded = json.loads(give("summary", "out", "--json").out)
    assert (excluded["lines"][0]["score"]["point"], excluded["lines"][0]["num_missing"]) == (15.0, 1)
    floored = json.loads(give("summary", "out", "--failed", "-3", "--json").out)
    assert (floored["lines"][0]["score"]["point"], floored["lines"][0]["num_missing"]) == (9.0, 0)
    assert floored["lines"][0]["unmeasured"] == {"failed": 1}
    assert "2 episodes ended in an error or a timeout" in give("summary", "out").out


def test_references_come_from_a_file_or_from_runs_even_of_algorithms_not_asked_for(give, folder):
    name = table("scores.csv", "ppo,T,0,60\nppo,T,1,80\nrandom,T,0,20\nexpert,T,0,120\n")
    table("references.csv", "T,20,120\n", "task,random,expert\n")
    for given in ((), ("--references", "references.csv")):
        told = json.loads(give("summary", name, "--algo", "ppo", "--normalise", "random,expert", *given, "--json").out)
        (line,) = told["lines"]
        assert line["normalised"]["point"] == pytest.approx(0.5)


def test_no_scan_is_labelled_in_every_format_and_takes_the_index_as_it_is(give, folder):
    store("out", "ppo", {0: 10.0, 1: 20.0})
    assert "--no-scan" not in give("summary", "out").out
    store("out", "ppo", {2: 90.0})
    label = "was taken from it alone and not verified against the folders of the runs"
    for kind in ("table", "markdown", "latex", "json", "csv"):
        said = give("summary", "out", "--no-scan", "--format", kind)
        assert label in (said.err if kind == "csv" else said.out), kind
    point = {
        scan: json.loads(give("summary", "out", *scan, "--json").out)["lines"][0]["score"]["point"] for scan in ((),)
    }
    assert point == {(): 40.0}


def test_what_is_not_of_ours_needs_no_such_label(give):
    assert "--no-scan" not in give("summary", SACRED, "--no-scan").out


def test_an_index_that_was_cut_off_is_made_anew(give, folder):
    store("out", "ppo", {0: 10.0, 1: 20.0})
    expected = give("summary", "out", "--json").out
    index = Path("out/index.sqlite")
    whole = index.read_bytes()
    for content in (whole[:1000], whole[: len(whole) // 2], b"", b"no database"):
        index.write_bytes(content)
        assert give("summary", "out", "--json").out == expected
        index.write_bytes(content)
        assert give("summary", "out", "--no-scan").code == 0
        assert give("summary", "out", "--json").out == expected
        assert len(index.read_bytes()) == len(whole)


def test_the_file_says_the_format_and_is_written_whole(give, folder):
    name = table("scores.csv", "ppo,T,0,60\nppo,T,1,80\n")
    for file, sign in (("a.csv", "algo,"), ("a.md", "### Scores"), ("a.tex", "% needs"), ("a.json", "{")):
        said = give("summary", name, "-o", file)
        assert (said.code, said.out) == (0, "")
        assert Path(file).read_text().startswith(sign)
        assert f"Wrote {file}." in said.err
    assert give("summary", name, "--format", "table", "-o", "a.txt").code == 0
    assert Path("a.txt").read_text().startswith("Scores\n")
    assert sorted(path.name for path in Path().iterdir()) == ["a.csv", "a.json", "a.md", "a.tex", "a.txt", "scores.csv"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("--format", "html"), "Unknown format 'html'"),
        (("--format", "csv", "--json"), "contradict each other"),
        (("-o", "a.xml"), "say what to write with --format"),
        (("-o", "nowhere/a.csv"), "there is no folder 'nowhere'"),
        (("-o", ".", "--format", "csv"), "Can't write"),
        (("--by", ""), "--by needs at least one name"),
        (("--by", "algorith"), "Did you mean 'algorithm'"),
        (("--metrics", ","), "--metrics needs at least one name"),
        (("--metrics", "iqr"), "Did you mean 'iqm'"),
        (("--method", "bootstrap"), "Unknown method 'bootstrap'"),
        (("--normalise", "random"), "takes two reference scores"),
        (("--normalise", "random,"), "takes two reference scores"),
        (("--normalise", "1,1.0"), "are the same"),
        (("--normalise", "0,1e999"), "too large a number"),
        (("--normalise", "random,expert"), "The random score of T is not known"),
        (("--failed", "nan"), "--failed takes a score"),
        (("--confidence", "1"), "must lie between 0 and 1"),
        (("--confidence", "nan"), "--confidence"),
        (("--algo", "pp"), "Did you mean 'ppo'"),
        (("--task", "U"), "Unknown task 'U'"),
        (("--score", "success"), "Unknown score 'success'"),
        (("--references", "r.csv"), "say how with --normalise"),
        (("--normalise", "0,1", "--references", "nowhere.csv"), "There is no references file"),
        (("--columns", "algorithm"), "--columns takes MEANING=TITLE"),
        (("--rename", "sac=SAC"), "Unknown algorithm or task 'sac'"),
    ],
)
def test_a_mistake_in_what_is_asked_is_one_sentence(give, folder, given, told):
    said = give("summary", table("scores.csv", "ppo,T,0,60\nppo,T,1,80\n"), *given)
    assert said.code == 2
    assert said.out == ""
    assert said.err.startswith("rlgauge: ")
    assert told in said.err
    assert said.err.count("\n") == 1


def test_what_holds_no_runs_is_refused_in_one_sentence(give, folder):
    for name in ("empty", "nostore/deep"):
        Path(name).mkdir(parents=True)
    Path("nostore/deep/notes.txt").write_text("hello")
    Path("none.csv").write_text("")
    Path("words.csv").write_text("hello there\n")
    Path("bytes.csv").write_bytes(b"\0\1\2\xff")
    Path("broken.zip").write_bytes(b"PK\3\4 and no more")
    for name in ("empty", "nostore", "none.csv", "words.csv", "bytes.csv", "broken.zip", "nowhere", table("h.csv", "")):
        said = give("summary", name)
        assert (said.code, said.out) == (2, ""), name
        assert said.err.startswith("rlgauge: "), name
        assert said.err.count("\n") == 1, name


TABLES = {
    "one run": "a,X,0,1\n",
    "one seed": "a,X,0,1\na,Y,0,3\nb,X,0,2\nb,Y,0,2\n",
    "two algorithms of two seeds": "a,X,0,1\na,X,1,3\nb,X,0,2\nb,X,1,2.5\n",
    "constant": "a,X,0,5\na,X,1,5\na,X,2,5\nb,X,0,4\nb,X,1,4\nb,X,2,4\n",
    "constant in one of two tasks": "a,X,0,5\na,X,1,5\na,Y,0,3\na,Y,1,4\n",
    "NaN and infinity": "a,X,0,nan\na,X,1,5\na,X,2,inf\nb,X,0,-inf\n",
    "nothing but NaN": "a,X,0,nan\na,X,1,nan\n",
    "no task of both": "a,X,0,1\na,X,1,2\nb,Y,0,1\nb,Y,1,3\n",
    "ragged": "a,X,0,1\na,X,1,2\na,X,2,4\na,Y,0,1\nb,X,0,1\nb,Y,0,1\nb,Y,1,5\n",
    "a seed twice": "a,X,0,1\na,X,0,2\na,X,1,2\n",
    "negative and zero": "a,X,0,0\na,X,1,-0.0\na,X,2,-1e-300\nb,X,0,-5\n",
    "many": "".join(f"a{i % 7},T{i % 11},{i},{i * 7919 % 101}\n" for i in range(400)),
}
ASKED = [(), ("--normalise", "0,5"), ("--failed", "0"), ("--method", "bca"), ("--method", "t", "--resample-tasks")]


@pytest.mark.parametrize("kind", ["return", "success_rate"])
@pytest.mark.parametrize("rows", TABLES.values(), ids=TABLES)
def test_poor_data_has_a_plain_answer_and_no_interval_of_no_width_without_a_warning(give, folder, rows, kind):
    name = table("scores.csv", rows, f"algo,env,seed,{kind}\n")
    for asked in ASKED:
        said = give("summary", name, *asked, "--json")
        assert said.code in {0, 1}, said.err
        told = json.loads(said.out)
        assert said.code == (0 if any(line["num_runs"] for line in told["lines"]) else 1)
        assert "NaN" not in said.out
        assert "Infinity" not in said.out
        overall = [summary for one in told["overall"] for summary in one["metrics"].values()]
        lines = [line[part] for line in told["lines"] for part in ("score", "normalised") if line[part] is not None]
        for summary in (*overall, *lines):
            if summary["low"] is None or summary["low"] == summary["high"]:
                assert summary["warnings"], summary
                assert any(warning in note for note in told["notes"] for warning in summary["warnings"])
        for shown in ("table", "markdown", "latex", "csv"):
            assert give("summary", name, *asked, "--format", shown).code == said.code


def test_scores_too_large_to_be_squared_are_refused(give, folder):
    said = give("summary", table("scores.csv", "a,X,0,1e308\na,X,1,1e308\n"))
    assert (said.code, said.err) == (
        2,
        "rlgauge: The return of scores.csv is 1e+308, too large for anything to be made of it.\n",
    )


def test_where_no_run_has_a_score_they_are_listed_and_the_command_fails(give, folder):
    store("out", "ppo", {}, failed=(0, 1))
    said = give("summary", "out")
    assert said.code == 1
    assert "0 of 2 (2 failed)" in said.out
    rows = rows_of(give("summary", "out", "--format", "csv").out)
    assert [row["status"] for row in rows] == ["FAILED", "FAILED"]


def test_a_run_that_still_runs_is_shown_as_such(give, folder):
    store("out", "ppo", {0: 1.0})
    (path,) = Path("out").glob("toy/*/*/run.json")
    told = json.loads(path.read_text())
    path.write_text(json.dumps({**told, "status": "RUNNING"}))
    assert "0 of 1 (1 running)" in give("summary", "out").out
    Attempt.release(path.parent)
    assert "0 of 1 (1 died)" in give("summary", "out").out


def compiled(folder: Path, name: str) -> None:
    text = (
        "\\documentclass{article}\n\\usepackage{booktabs,graphicx}\n\\begin{document}\n\\input{%s}\n\\end{document}\n"
    )
    (folder / "page.tex").write_text(text % name)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    ended = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout[-2000:]
    assert "Overfull" not in ended.stdout


SWEEP = "".join(f"ppo,Ant,{lr},{seed},{100 * lr + seed}\n" for lr in (1, 2) for seed in range(3))


def test_a_column_of_a_table_tells_groups_apart_or_else_tasks(give, folder):
    name = table("lr.csv", SWEEP, "algo,env,lr,seed,score\n")
    for asked, groups in (
        ((), [("ppo", "Ant (lr=1)"), ("ppo", "Ant (lr=2)")]),
        (("--by", "algorithm,lr"), [("ppo, lr=1", "Ant"), ("ppo, lr=2", "Ant")]),
    ):
        told = json.loads(give("summary", name, *asked, "--json").out)
        assert [(line["group"], line["task"], line["num_runs"]) for line in told["lines"]] == [(*g, 3) for g in groups]


def test_sacreds_configurations_are_dimensions(give):
    said = give("summary", SACRED, "--by", "algorithm,lr", "--json")
    groups = {line["group"] for line in json.loads(said.out)["lines"]}
    assert "bc, bc.optimizer_kwargs.lr=0.0004" in groups
    assert "airl, bc.optimizer_kwargs.lr=none" in groups
    said = give("summary", SACRED, "--by", "algorithm,batch_size")
    assert said.err == "rlgauge: --by batch_size may be bc.batch_size or rl.batch_size: give the whole name.\n"


def test_a_summary_never_replaces_what_it_reads(give, folder):
    name = table("scores.csv", "ppo,T,0,60\n")
    Path("link.csv").symlink_to(name)
    table("references.csv", "T,20\n", "task,expert\n")
    before = Path(name).read_text()
    for output, more in ((name, ()), ("link.csv", ()), ("references.csv", ("--references", "references.csv"))):
        said = give("summary", name, "-o", output, "--format", "csv", "--normalise", "0,30", *more)
        assert said.code == 2
        assert "that is one of the files to read, and would be replaced. Name another." in said.err
    assert Path(name).read_text() == before
    assert give("summary", name, "-o", "other.csv").code == 0
    assert give("summary", name, "-o", "other.csv").code == 0


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ("env,rand", "references.csv has no column random: its columns of scores are rand. Is 'rand' meant to be it?"),
        (
            "env,randm,expert",
            "has no column random: its columns of scores are expert, randm. Is 'randm' meant to be it?",
        ),
        ("env,human", "references.csv has no column random: its columns of scores are human."),
    ],
)
def test_references_of_other_names_than_asked_are_refused(give, folder, columns, told):
    name = table("scores.csv", "ppo,T,0,60,1,100\n", "algo,env,seed,score,random,expert\n")
    table("references.csv", f"T,20{',80' * columns.count('expert')}\n", f"{columns}\n")
    said = give("summary", name, "--normalise", "random,expert", "--references", "references.csv")
    assert said.code == 2
    assert told in said.err


def test_what_a_file_of_references_does_not_say_is_told(give, folder):
    rows = "ppo,T,0,60,1,100\nppo,U,0,60,1,100\nppo,V,0,60,1,100\n"
    name = table("scores.csv", rows, "algo,env,seed,score,random,expert\n")
    table("references.csv", "T,20,80\nU,20,\n", "task,random,expert\n")
    said = give("summary", name, "--normalise", "random,expert", "--references", "references.csv")
    assert "note: references.csv has no random score of V: there, what the runs say of it counts." in said.out
    assert "note: references.csv has no expert score of U, V: there, what the runs say of it counts." in said.out
    table("references.csv", "T,80\nU,80\nV,80\n", "task,expert\n")
    said = give("summary", name, "--normalise", "random,expert", "--references", "references.csv")
    assert "note: references.csv has no column random: what the runs say of it counts." in said.out


def test_the_paths_that_were_given_are_told_apart_by_asking(give, folder):
    store("a", "ppo", {0: 10.0, 1: 12.0})
    store("b", "ppo", {2: 20.0, 3: 22.0})
    assert "Runs of several of the paths that were given are pooled in ppo on T" in give("summary", "a", "b").out
    told = json.loads(give("summary", "a", "b", "--by", "algorithm,given", "--json").out)
    assert {line["group"]: line["score"]["point"] for line in told["lines"]} == {"ppo, given=a": 11, "ppo, given=b": 21}
    assert give("summary", "a", "--by", "given").code == 0


def test_evaluations_without_a_seed_are_taken_for_seeds_which_is_said(give, folder):
    for name, rewards in (("one", [1, 2]), ("two", [3, 4])):
        Path(name, "diffusion").mkdir(parents=True)
        info = {"per_task": [{"task_group": "pusht", "task_id": 0, "metrics": {"sum_rewards": rewards}}]}
        Path(name, "diffusion", "eval_info.json").write_text(json.dumps({**info, "overall": {"pc_success": None}}))
    said = give("summary", ".", "--rename", "one/diffusion=d", "--rename", "two/diffusion=d")
    assert "Results that name no training seed are taken for one seed each: d on pusht_0 (2)." in said.out


def test_on_one_task_nothing_is_told_with_two_intervals(give, folder):
    name = table("rates.csv", "bc,T,0,0.6\nbc,T,1,0.6\nbc,T,2,0.6\n", "algo,env,seed,success_rate\n")
    assert "All runs on" not in give("summary", name).out
    name = table("scores.csv", "".join(f"bc,T,{seed},{seed}\n" for seed in range(5)))
    (overall,) = json.loads(give("summary", name, "--json").out)["overall"]
    assert list(overall["metrics"]) == ["iqm"]


def test_that_references_differ_is_told_without_normalising_too(give):
    said = give("summary", PUBLISHED)
    assert "The expert scores that runs give for one task differ on seals/Hopper-v0 (437.3 to 2631)" in said.out
    assert "The expert scores" not in give("summary", PUBLISHED, "--algo", "GAIL", "--algo", "AIRL").out


def test_grouped_by_task_the_task_is_told_once(give):
    said = give("summary", PUBLISHED, "--by", "task", "--normalise", "0,expert")
    assert "\ntask             " in said.out
    assert "task  " not in said.out.partition("\ntask  ")[2].splitlines()[0]
    assert "no score on" not in said.out
    assert "seals/Ant-v0 on" not in said.out
    assert "\\textbf" in give("summary", PUBLISHED, "--by", "algorithm,task", "--format", "latex").out


def test_a_lower_reference_may_be_a_negative_number(give):
    said = give("summary", SACRED, "--normalise", "-1600,expert")
    assert "Normalised: (score - (-1600)) / (expert score - (-1600)), run by run." in said.out
    assert give("summary", SACRED, "--normalise", "--json").err == "rlgauge: --normalise needs a value.\n"


def test_references_the_wrong_way_round_are_refused_with_what_helps(give):
    said = give("summary", SACRED, "--normalise", "0,expert")
    assert said.err == (
        "rlgauge: On Pendulum-v1 the expert score is -237.531, below 0, though more return is better: normalised, "
        "better would be less. Give --normalise a number below -237.531 in place of 0, or name with --task the tasks "
        "to take.\n"
    )
    assert give("summary", SACRED, "--normalise", "-237.6,expert").code == 0


def test_speeds_are_of_processes_and_their_intervals_can_be_read(give, folder):
    head = "env_name,num_envs,scan_chunk_size,total_throughput_steps_per_s\n"
    table("speed.csv", "CartPole,8,1,45000000\nCartPole,8,1,55000000\nAcrobot,8,1,5000000\n", head)
    said = give("summary", "speed.csv")
    assert "50,000,000 ± 7,071,068" in said.out
    assert "[0, 113,531,024]" in said.out
    assert "of the processes" in said.out
    assert "seed" not in said.out
    assert "--normalise" not in said.out


def test_whether_more_is_better_is_only_said_where_it_is_known(give, folder):
    store("out", "ppo", {0: 10.0, 1: 20.0})
    assert "; more is better." in give("summary", "out").out
    assert "; more is taken for better." in give("summary", SACRED, "--score", "length").out


def test_a_name_of_a_reference_that_nobody_gives_has_a_suggestion(give):
    assert "Did you mean 'expert'?" in give("summary", PUBLISHED, "--normalise", "0,exprt").err


def test_the_same_of_many_seeds_or_rows_is_said_once(give, folder):
    table("a.csv", "".join(f"ppo,T,{seed},{seed}\n" for seed in range(5)))
    shutil.copy("a.csv", "b.csv")
    table("c.csv", "".join(f"ppo,T,{seed},{seed + 1}\n" for seed in range(5)))
    said = give("summary", "a.csv", "b.csv", "c.csv")
    assert "5 runs were found more than once and counted once: b.csv is a.csv (5 runs)." in said.out
    assert (
        "ppo on T, seed 0; ppo on T, seed 1; ppo on T, seed 2 and 2 more: each was run 2 times: their mean is the "
        "score of that one seed." in said.out
    )
