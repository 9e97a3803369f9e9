from __future__ import annotations

import hashlib
import itertools
import re
import shutil
from pathlib import Path

import pytest

from rlgauge.cli import report
from rlgauge.core.errors import UserError
from rlgauge.trackers import kinds
from tests.exporters.evaluating import evaluated
from tests.report.page.test_markup import HOSTILE, _Reader


@pytest.fixture
def scores(tmp_path):
    """Two algorithms on two tasks, three seeds each, and a table of references."""
    rows = [
        f"{algo},{task},{seed},{place + seed / 10}"
        for place, (algo, task) in enumerate(itertools.product(["new", "old"], ["Hopper", "Walker"]))
        for seed in range(3)
    ]
    path = tmp_path / "scores.csv"
    path.write_text("\n".join(["algorithm,task,seed,score", *rows]) + "\n")
    return path


def read(path):
    reader = _Reader()
    reader.feed(path.read_text())
    return reader


def test_a_page_answers_first_and_holds_tables_and_figures(scores, tmp_path, capsys):
    page = tmp_path / "page.html"
    assert report.main([str(scores), "-o", str(page)]) == 0
    assert re.fullmatch(rf"Wrote {re.escape(str(page))}: \d+ kB\.\n", capsys.readouterr().out)
    reader = read(page)
    ids = [attributes.get("id") for name, attributes in reader.elements if name == "section"]
    assert ids == ["answer", "improvement", "ranks", "tasks", "differences", "runs", "reproduce"]
    assert "Which of new and old has the higher return on 2 tasks?" in reader.text
    assert "old is better than all others on 2 of 2 tasks." in reader.text
    names = [name for name, _ in reader.elements]
    assert names.count("table") == 4
    assert names.count("figure") == 7


def test_a_number_tells_what_stands_behind_it(scores, tmp_path):
    page = tmp_path / "page.html"
    report.main([str(scores), "-o", str(page)])
    tips = [attributes["data-tip"] for _, attributes in read(page).elements if "data-tip" in attributes]
    assert any("95 % [" in tip and "Student t; n = 3." in tip for tip in tips), tips


def test_the_page_asks_for_nothing_from_anywhere(scores, tmp_path):
    page = tmp_path / "page.html"
    report.main([str(scores), "-o", str(page)])
    for name, attributes in read(page).elements:
        assert name not in {"link", "iframe", "object", "embed", "base"}
        assert not {"src", "srcset", "action"} & set(attributes)
        assert attributes.get("href", "#").startswith("#")


def test_the_same_runs_give_the_same_bytes(scores, tmp_path):
    pages = [tmp_path / name for name in ("a.html", "b.html")]
    for page in pages:
        report.main([str(scores), "-o", str(page)])
    assert pages[0].read_bytes() == pages[1].read_bytes()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_text(name, tmp_path):
    quoted = name.replace('"', '""')
    path, page = tmp_path / "scores.csv", tmp_path / "page.html"
    path.write_text(f'algorithm,task,seed,score\n"{quoted}",t,0,1\n"{quoted}",t,1,2\nplain,t,0,3\nplain,t,1,4\n')
    report.main([str(path), "-o", str(page)])
    reader, plain = read(page), tmp_path / "plain.html"
    path.write_text("algorithm,task,seed,score\nharmless,t,0,1\nharmless,t,1,2\nplain,t,0,3\nplain,t,1,4\n")
    report.main([str(path), "-o", str(plain)])
    assert _kinds(reader) == _kinds(read(plain))
    assert name in reader.text


def _kinds(reader):
    """The kinds of elements and attributes, and how many there are of those that a name might bring."""
    names = [one for one, _ in reader.elements]
    attributes = {name for _, own in reader.elements for name in own}
    return set(names), attributes, [names.count(one) for one in ("script", "img", "style", "b")]


def test_one_run_is_a_report_too(tmp_path):
    path, page = tmp_path / "scores.csv", tmp_path / "page.html"
    path.write_text("algorithm,task,seed,score\nppo,CartPole-v1,0,500\n")
    assert report.main([str(path), "-o", str(page)]) == 0
    assert "Which return does ppo reach on CartPole-v1?" in read(page).text


@pytest.mark.parametrize(
    ("output", "sentence"),
    [("report.pdf", r"end it with .*\.html"), ("nowhere/r.html", "there is no folder 'nowhere'")],
)
def test_where_it_cannot_go_is_told(output, sentence, scores, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=sentence):
        report.main([str(scores), "-o", output])


@pytest.mark.parametrize(
    ("ending", "begins", "named"),
    [
        (".md", "# scores.csv\n", "markdown"),
        (".tex", "% needs ", "latex"),
        (".csv", "section,part,kind,", "csv"),
        (".json", '{\n "format": 1,', "json"),
        (".html", "<!doctype html>", "html"),
    ],
)
def test_every_format_is_written_by_its_ending_and_printed_by_its_name(ending, begins, named, scores, tmp_path, capsys):
    path = tmp_path / f"report{ending}"
    assert report.main([str(scores), "-o", str(path)]) == 0
    capsys.readouterr()
    assert report.main([str(scores), "--format", named]) == 0
    said = path.read_text()
    assert said.startswith(begins)
    assert capsys.readouterr().out == said
    assert "old" in said


def test_it_is_the_page_where_nothing_else_is_asked_for(scores, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert report.main([str(scores)]) == 0
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")


def test_a_job_on_github_shows_answer_and_tables_and_no_page_is_written(scores, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    assert report.main([str(scores), "--github"]) == 0
    assert capsys.readouterr().out.startswith("Appended to the summary of the job: ")
    said = (tmp_path / "summary").read_text()
    assert "old is better than all others on 2 of 2 tasks." in said
    assert "| old | Hopper | **2." in said
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize(("value", "sentence"), [("", "that is not set: -o report.md"), ("no/where", "no folder 'no'")])
def test_outside_of_a_job_it_is_said_what_is_missing(value, sentence, scores, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", value)
    with pytest.raises(UserError, match=sentence):
        report.main([str(scores), "--github"])


def test_where_wandb_is_missing_it_is_said_what_to_install(scores, monkeypatch):
    monkeypatch.setattr(kinds, "_is_installed", lambda _name: False)
    with pytest.raises(UserError, match=r"python -m pip install 'rlgauge\[wandb\]'"):
        report.main([str(scores), "--wandb", "mine"])


def test_films_are_put_into_pages_only(scores, tmp_path):
    with pytest.raises(UserError, match="markdown holds none"):
        report.main([str(scores), "-o", str(tmp_path / "r.md"), "--embed-videos", "5"])


def test_runs_in_the_oldest_format_are_a_report_too(tmp_path):
    old = tmp_path / "old"
    shutil.copytree(Path(__file__).parents[1] / "golden" / "format_1", old)
    assert report.main([str(old), "-o", str(tmp_path / "page.html")]) == 0
    assert "To have it again" in read(tmp_path / "page.html").text


def test_runs_of_a_newer_format_are_refused_in_a_sentence(tmp_path):
    evaluated(tmp_path / "out", policy="p", values=[{"return": 1.0, "length": 9, "seed": 5}])
    for path in (tmp_path / "out").rglob("run.json"):
        path.write_text(path.read_text().replace('"format": 1', '"format": 99'))
    with pytest.raises(UserError, match=r"written by a newer RLGauge \(format 99\)"):
        report.main([str(tmp_path / "out"), "-o", str(tmp_path / "page.html")])


def test_what_is_not_there_is_told(tmp_path):
    with pytest.raises(UserError, match="nowhere"):
        report.main([str(tmp_path / "nowhere"), "-o", str(tmp_path / "page.html")])


def page_of(path, tmp_path):
    report.main([str(path), "-o", str(tmp_path / "page.html")])
    return read(tmp_path / "page.html")


def test_evaluations_of_one_checkpoint_each_tell_nothing_of_other_seeds_and_show_success(tmp_path):
    for policy, success in (("step_1000", True), ("step_500", False)):
        values = [{"return": 1.0, "length": 9, "success": each, "seed": 5} for each in (success, True)]
        evaluated(tmp_path / "out", policy=policy, values=values)
    text = page_of(tmp_path / "out", tmp_path).text
    assert "Each is one policy, or one training: of other training seeds this tells nothing." in text
    assert "Neither step_500 nor step_1000 is shown to be better over the same 2 episodes" in text
    assert "Success: step_500 50.0%, step_1000 100.0%. --score success makes the report about it." in text
    assert "Which of step_500 and step_1000 has the higher return" in text


def test_several_seeds_are_no_single_checkpoints(scores, tmp_path):
    text = page_of(scores, tmp_path).text
    assert "one training seed" not in text
    assert "Success" not in text


def test_names_stand_as_one_counts(tmp_path):
    path = tmp_path / "scores.csv"
    names = [*(f"step {num}" for num in (1000, 20, 3)), "step", "9" * 5000]
    rows = [f"{name},t{10 - seed},{seed},{seed}" for name in names for seed in range(3)]
    path.write_text("\n".join(["algorithm,task,seed,score", *rows]) + "\n")
    text = page_of(path, tmp_path).text
    places = [text.index(f"step {num}") for num in (3, 20, 1000)]
    assert places == sorted(places)
    drawn = re.findall("<h3>(t[0-9]+)</h3>", (tmp_path / "page.html").read_text())
    assert drawn == ["t8", "t9", "t10"]


def test_single_runs_have_no_best_and_their_highest_means_are_told(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text("algorithm,task,seed,score\nA,t,0,1\nB,t,0,2\nA,u,0,3\nB,u,0,2\nA,v,0,3\nB,v,0,2\nA,w,0,3\n")
    plain = page_of(path, tmp_path).text
    assert "The highest mean: A on 2, B on 1 of 3 tasks that several have." in plain
    assert "Which one is best could not be tested" in plain
    asked = ["--normalise", "0,4", *(f"--task={task}" for task in "tuv")]
    report.main([str(path), *asked, "-o", str(tmp_path / "page.html")])
    assert "Over all tasks A has the highest IQM of normalised scores: 0.583" in read(tmp_path / "page.html").text


def test_of_many_groups_the_rest_is_said_to_have_the_best_mean_on_how_many_tasks(tmp_path):
    rows = [f"A{one},T{task},0,{int(one == task)}" for one in range(7) for task in range(7)]
    path = tmp_path / "scores.csv"
    path.write_text("\n".join(["algorithm,task,seed,score", *rows]) + "\n")
    text = page_of(path, tmp_path).text
    assert "The highest mean: A0 on 1, A1 on 1, A2 on 1, A3 on 1, A4 on 1 and 2 more groups on 1 at most, of 7" in text


def test_who_is_shown_to_be_worse_than_the_best_is_named_beside_who_is_not(tmp_path):
    values = {"A": 10, "B": 9.9, "C": 1}
    rows = [
        f"{name},{task},{seed},{value + seed / 10}"
        for name, value in values.items()
        for task in "tu"
        for seed in range(5)
    ]
    path = tmp_path / "scores.csv"
    path.write_text("\n".join(["algorithm,task,seed,score", *rows]) + "\n")
    report.main([str(path), "--normalise", "0,20", "-o", str(tmp_path / "page.html")])
    text = read(tmp_path / "page.html").text
    assert "B is not shown to be worse." in text
    assert "C is shown to be worse." in text


def test_where_nothing_tells_two_apart_that_is_said_once_with_the_highest_means(tmp_path):
    rows = [
        f"{name},{task},{seed},{value + seed}"
        for name, value in (("A", 1.1), ("B", 1))
        for task in "tu"
        for seed in range(3)
    ]
    path = tmp_path / "scores.csv"
    path.write_text("\n".join(["algorithm,task,seed,score", *rows]) + "\n")
    text = page_of(path, tmp_path).text
    assert "Neither is shown to be better than the other on any of 2 tasks." in text
    assert "The highest mean: A on 2 of 2 tasks." in text
    assert "not shown to be worse" not in text


def test_a_task_without_a_score_is_named(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text("algorithm,task,seed,score\nA,t,0,1\nA,t,1,2\nA,u,0,\nA,u,1,\n")
    text = page_of(path, tmp_path).text
    assert "No score on u." in text
    assert "more task" not in text


def test_a_group_that_could_not_be_tested_is_not_said_to_be_worse(tmp_path):
    path = tmp_path / "scores.csv"
    rows = [f"{name},t,{seed},{value + seed / 10}" for name, value in (("A", 10), ("C", 1)) for seed in range(5)]
    path.write_text("\n".join(["algorithm,task,seed,score", *rows, "B,t,0,10.1"]) + "\n")
    report.main([str(path), "--normalise", "0,20", "-o", str(tmp_path / "page.html")])
    text = read(tmp_path / "page.html").text
    assert "C is shown to be worse." in text
    assert "B could not be tested against it." in text
    assert "A is not shown to be worse than the best on 1 of 1 task." in text


def test_of_the_optimality_gap_the_least_is_the_best(tmp_path):
    path = tmp_path / "scores.csv"
    rows = [f"{name},t,{seed},{value + seed / 1000}" for name, value in (("A", 0.7), ("B", 0.701)) for seed in range(5)]
    path.write_text("\n".join(["algorithm,task,seed,score", *rows]) + "\n")
    page = tmp_path / "page.html"
    report.main([str(path), "--normalise", "0,1", "--metrics", "optimality_gap", "-o", str(page)])
    assert "Over all tasks B has the best optimality gap" in read(page).text


def test_success_is_compared_over_the_tasks_that_all_have(tmp_path):
    for policy, task, success in (("p", "easy", True), ("p", "hard", False), ("q", "easy", True)):
        values = [{"return": 1.0, "length": 9, "success": success, "seed": 5}]
        evaluated(tmp_path / "out" / f"{policy}{task}", policy=policy, values=values, task=task)
    assert "Success on easy: p 100.0%, q 100.0%." in page_of(tmp_path / "out", tmp_path).text


def test_the_page_says_which_command_made_it_and_of_which_file_wherever_it_is_written(scores, tmp_path):
    pages = [tmp_path / name for name in ("a.html", "another.html")]
    for page in pages:
        report.main([str(scores), "--task", "Hopper", "--rename", "old=an older", "-o", str(page)])
    assert pages[0].read_bytes() == pages[1].read_bytes()
    assert f"rlgauge report {scores} '--rename=old=an older' --task=Hopper" in read(pages[0]).text
    assert hashlib.sha256(scores.read_bytes()).hexdigest() in read(pages[0]).text


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["--json", "-o", "r.html"], "--json and --output r.html, which is html by its ending, contradict each other"),
        (["--format", "latex", "-o", "r.md"], "--format latex and --output r.md, which is markdown by its ending"),
    ],
)
def test_a_file_is_of_the_format_that_its_ending_says(argv, sentence, scores, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=sentence):
        report.main([str(scores), *argv])
    assert report.main([str(scores), "--json", "-o", "r.txt"]) == 0


def test_runs_that_all_failed_are_told_in_one_sentence(tmp_path, capsys):
    path = tmp_path / "scores.csv"
    path.write_text("algorithm,task,seed,score,status\na,t,0,1,failed\na,t,1,1,timeout\n")
    assert report.main([str(path), "--format", "markdown"]) == 1
    said = capsys.readouterr().out
    assert "None of 2 runs completed, so there is no score: 1 failed, 1 timeout." in said
    assert "Nothing was measured" not in said


@pytest.mark.parametrize("is_terminal", [True, False])
def test_on_a_terminal_it_is_said_what_is_waited_for(is_terminal, scores, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: is_terminal)
    report.main([str(scores), "-o", str(tmp_path / "page.html")])
    said = capsys.readouterr().err
    assert ("Making the report of 12 runs ..." in said) is is_terminal
    assert bool(said) is is_terminal


def test_ranks_of_few_seeds_are_doubted_in_words(tmp_path, capsys):
    rows = [f"{algo},{task},{seed},{10 * (algo == 'a') + seed}" for algo in "ab" for task in "xy" for seed in range(2)]
    path = tmp_path / "scores.csv"
    path.write_text("\n".join(["algorithm,task,seed,score", *rows]) + "\n")
    report.main([str(path), "--format", "markdown"])
    ranks = capsys.readouterr().out.partition("## Ranks")[2].partition("\n## ")[0]
    assert "No intervals: each resample gave the same ranks" in ranks
    assert "[1.00, 1.00]" not in ranks
    path.write_text(path.read_text().replace("b,y,1,1", "b,y,1,11"))
    report.main([str(path), "--format", "markdown"])
    ranks = capsys.readouterr().out.partition("## Ranks")[2].partition("\n## ")[0]
    assert "a, b: Fewer than 5 seeds in a task (2): the interval is rough." in ranks


def test_one_seed_of_each_is_not_called_a_mean_over_seeds(tmp_path, capsys):
    path = tmp_path / "scores.csv"
    path.write_text("algorithm,task,seed,score\na,x,0,1\nb,x,0,2\na,y,0,3\nb,y,0,4\n")
    report.main([str(path), "--format", "markdown"])
    said = capsys.readouterr().out
    assert "Means over seeds" not in said
    assert "One training seed each" in said


ONLY = [("a", "x", 0), ("a", "y", 5), ("b", "x", 100), ("c", "y", 5)]


def test_an_algorithm_of_one_task_among_several_is_told_of_that_one(tmp_path, capsys):
    path = tmp_path / "scores.csv"
    rows = [f"{algo},{task},{seed},{score + seed}" for algo, task, score in ONLY for seed in range(3)]
    path.write_text("\n".join(["algorithm,task,seed,score", *rows]) + "\n")
    report.main([str(path), "--format", "markdown"])
    said = capsys.readouterr().out
    assert "Which of a, b and c has the highest return on 2 tasks?" in said
    assert "\nb is better than all others on the one task that it has.\n" in said
    assert "\nc is not shown to be worse than the best on the one task that it has.\n" in said


@pytest.mark.parametrize(
    ("tasks", "caption"), [("x", "\nA tie counts half."), ("xy", "\nMean over tasks; a tie counts")]
)
def test_a_mean_over_tasks_is_told_where_there_are_several(tasks, caption, tmp_path, capsys):
    path = tmp_path / "scores.csv"
    rows = [f"{algo},{task},{seed},{seed}" for algo in "ab" for task in tasks for seed in range(3)]
    path.write_text("\n".join(["algorithm,task,seed,score", *rows]) + "\n")
    report.main([str(path), "--format", "markdown"])
    assert caption in capsys.readouterr().out


def test_one_algorithm_is_answered_task_by_task(give, folder):
    rows = [f"A,T{task},{seed},{task + seed}" for task in range(7) for seed in range(2)]
    (folder / "one.csv").write_text("\n".join(["algo,env,seed,return", *rows]))
    said = give("report", "one.csv", "--format", "markdown").out
    answer = said.partition("## Every task")[0]
    assert "Which return does A reach on 7 tasks?" in answer
    assert "\nT0: 0.500; 95 % [" in answer
    assert '2 more tasks below, under "Every task".' in answer
