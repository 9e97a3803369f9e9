from __future__ import annotations

import itertools
import re

import pytest

from rlgauge.cli import report
from rlgauge.core.errors import UserError
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
    assert ids == ["answer", "improvement", "ranks", "tasks", "runs"]
    assert "Which of new and old has the higher return on 2 tasks?" in reader.text
    assert "old is better than all others on 2 of 2 tasks." in reader.text
    names = [name for name, _ in reader.elements]
    assert names.count("table") == 2
    assert len([one for name, one in reader.elements if name == "svg" and one.get("class") == "figure"]) == 6


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
    assert sorted(one for one, _ in reader.elements) == sorted(one for one, _ in read(plain).elements)
    assert name in reader.text


def test_one_run_is_a_report_too(tmp_path):
    path, page = tmp_path / "scores.csv", tmp_path / "page.html"
    path.write_text("algorithm,task,seed,score\nppo,CartPole-v1,0,500\n")
    assert report.main([str(path), "-o", str(page)]) == 0
    assert "Which return does ppo reach on CartPole-v1?" in read(page).text


@pytest.mark.parametrize(
    ("output", "sentence"),
    [("report.pdf", r"end its name with \.html"), ("nowhere/r.html", "there is no folder 'nowhere'")],
)
def test_where_it_cannot_go_is_told(output, sentence, scores, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=sentence):
        report.main([str(scores), "-o", output])


def page_of(path, tmp_path):
    report.main([str(path), "-o", str(tmp_path / "page.html")])
    return read(tmp_path / "page.html")


def test_evaluations_of_one_checkpoint_each_tell_nothing_of_other_seeds_and_show_success(tmp_path):
    for policy, success in (("step_1000", True), ("step_500", False)):
        values = [{"return": 1.0, "length": 9, "success": each, "seed": 5} for each in (success, True)]
        evaluated(tmp_path / "out", policy=policy, values=values)
    text = page_of(tmp_path / "out", tmp_path).text
    assert "Of each there is one training seed, which tells nothing of what others would give." in text
    assert "are compared over their episodes: `rlgauge compare`." in text
    assert "Success: step_500 50.0%, step_1000 100.0%. `--score success` makes the report about it." in text
    assert "Which of step_500 and step_1000 has the higher return" in text
    assert "two training seeds or more, of two of them at least." in text


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
