"""The formats of one overview: a table of two tasks, of failed runs, of names that are made of special characters."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest

from rlgauge.compare.references import Normalisation
from rlgauge.core.run import Status
from rlgauge.report.as_json import to_json
from rlgauge.report.latex import to_latex
from rlgauge.report.markdown import to_markdown
from rlgauge.report.overview import Overview, make_overview
from rlgauge.report.question import Question
from rlgauge.report.runs_csv import COLUMNS, to_csv
from rlgauge.report.tables import tables
from tests.compare.making import checkpoint, failed, seeds

ODD = '*[a]_b%&#${x}~^<y>|"z"\\end'


@pytest.fixture(scope="module")
def overview() -> Overview:
    ours = [100.0, 104.0, 97.0, 101.0, 99.0]
    given = {"references": {"expert": 110.0, "random": 10.0}, "task": "One"}
    runs = seeds(ours, **given)
    runs += seeds([score / 2 for score in ours], algorithm=ODD, **given)
    runs += [failed(task="One", seed=5, source="there"), failed(task="One", seed=6, status=Status.DIED)]
    return make_overview(runs, Question(normalisation=Normalisation("random", "expert")), notes=["a note\nof 5 %"])


def test_there_is_a_table_per_task_one_over_all_tasks_and_one_of_the_runs(overview):
    scores, overall, runs = tables(overview)
    assert scores.header == [
        "algorithm",
        "task",
        "return (mean ± sd)",
        "95 % interval",
        "normalised (mean ± sd)",
        "95 % interval",
        "runs",
    ]
    assert scores.rows[1] == [
        "toy",
        "One",
        "100.2 ± 2.6",
        "[97.0, 103.4]",
        "0.902 ± 0.026",
        "[0.870, 0.934]",
        "5 of 7 (1 died, 1 failed)",
    ]
    assert scores.bold == {(1, 4)}
    assert overall.header == ["algorithm", "IQM", "optimality gap", "tasks", "runs"]
    assert overall.bold == {(1, 1), (1, 2)}
    assert runs.rows == [["toy", "One", "5", "1", "1"], ["all", "all", "10", "1", "1"]]
    assert runs.header == ["algorithm", "task", "completed", "died", "failed"]


def test_the_notes_tell_the_deviation_the_method_the_formula_and_what_is_bold(overview):
    scores, overall, _ = tables(overview)
    said = " ".join(scores.explained("Bold"))
    assert "standard deviation (divisor n - 1)" in said
    assert "95 % interval of the mean (Student t)" in said
    assert "Normalised: (score - random score) / (expert score - random score)" in said
    assert "Bold: of normalised scores the best mean of a task" in said
    said = " ".join(overall.explained("*"))
    assert "IQM: mean of the middle half" in said
    assert "95 % intervals: stratified bootstrap, expanded percentile" in said
    assert "*: the best of a column" in said


def test_where_all_runs_completed_there_is_no_table_of_them():
    assert len(tables(make_overview(seeds([1.0, 2.0, 3.0, 4.0]), Question()))) == 2


def test_rates_are_shown_as_percent():
    runs = [checkpoint([True] * won + [False] * (10 - won), "success", seed=won) for won in (6, 8, 9)]
    (scores,) = tables(make_overview(runs, Question()))
    assert scores.rows[0][2] == "76.7 ± 15.3 %"
    assert re.fullmatch(r"\[\d\d\.\d, \d\d\.\d\] %", scores.rows[0][3])
    both = [*runs, *(checkpoint([True, False], "success", seed=seed, task="Two") for seed in range(2))]
    _, overall = tables(make_overview(both, Question()))
    assert re.match(r"63\.3 \[\d\d\.\d, \d\d\.\d\] %", overall.rows[0][2])
    assert "logit-t over seeds" in scores.notes[0]


def test_without_any_interval_none_is_claimed():
    scores, *_ = tables(make_overview([*seeds([1.0]), *seeds([2.0], algorithm="b")], Question()))
    assert "no intervals" in scores.notes[0]
    assert [row[3] for row in scores.rows] == ["-", "-"]


def rows_of(markdown: str) -> list[list[str]]:
    return [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in markdown.splitlines()
        if line.startswith("|")
    ]


def test_markdown_has_as_many_cells_in_every_row_and_marks_the_best(overview):
    text = to_markdown(overview)
    rows = rows_of(text)
    assert [len(row) for row in rows] == [7] * 4 + [5] * 4 + [5] * 4
    assert rows[3][2] == "100.2 ± 2.6"
    assert re.fullmatch(r"\*\*[\d.]+ ± [\d.]+\*\*", rows[3][4])
    assert rows[1][:2] == ["---", "---"]
    assert rows[1][2] == "---:"
    assert "\n> a note of 5 %\n" in text


def test_markdown_shows_special_characters_as_they_are(overview):
    name = rows_of(to_markdown(overview))[2][0]
    shown = re.sub(r"\\([*_`#$~\\|])", r"\1", name).replace("&lt;", "<").replace("&amp;", "&")
    assert shown == ODD
    assert not re.search(r"(?<!\\)[*_`#$~|<]", name)


def test_latex_is_balanced_and_has_as_many_cells_in_every_row(overview):
    text = to_latex(overview)
    code = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    assert code.isascii()
    for name in ("table", "tabular"):
        assert code.count(f"\\begin{{{name}}}") == code.count(f"\\end{{{name}}}") == 3
    plain = re.sub(r"\\[{}]", "", code)
    assert plain.count("{") == plain.count("}")
    assert not re.search(r"(?<!\\)[#$^~](?!-\$|\\pm|\$)", plain.replace("$-$", "").replace("$\\pm$", ""))
    for part in code.split("\\begin{tabular}")[1:]:
        columns = re.match(r"\{([lr]+)\}", part)[1]
        rows = [line for line in part.splitlines() if line.endswith("\\\\")]
        assert {len(re.split(r"(?<!\\)&", row)) for row in rows} == {len(columns)}
        assert all(part.count(rule) == 1 for rule in ("\\toprule", "\\midrule", "\\bottomrule"))


def test_latex_marks_the_best_and_captions_every_table_by_itself(overview):
    text = to_latex(overview)
    assert re.search(r"100\.2 \$\\pm\$ 2\.6 & \[[^&]*& \\textbf\{[\d.]+ \$\\pm\$ [\d.]+\}", text)
    captions = re.findall(r"\\caption\{(.*)\}", text)
    assert [caption.partition(".")[0] for caption in captions] == [
        "Scores",
        "All runs on One, normalised scores",
        "Runs",
    ]
    assert "Welch's test" in captions[0]
    assert "Welch" not in captions[1]
    assert "Holm over the column, 5 \\%" in captions[1]
    assert re.findall(r"\\label\{(.*)\}", text) == ["tab:scores", "tab:overall", "tab:runs"]


def test_latex_rows_do_not_begin_with_what_a_line_break_takes_for_its_own(overview):
    rows = [line.strip() for line in to_latex(overview).splitlines() if line.endswith("\\\\")]
    assert not [row for row in rows if row.startswith(("*", "["))]
    assert any(row.startswith("{}*[a]") for row in rows)


def test_csv_has_one_row_a_run_with_what_was_not_measured_left_empty(overview):
    text = to_csv(overview)
    assert text.startswith("algo,env,seed,score,expert_score,random_score,normalised_score,status,used,")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 12
    assert tuple(rows[0]) == COLUMNS
    assert {row["algo"] for row in rows} == {ODD, "toy"}
    (broken,) = (row for row in rows if row["status"] == "FAILED")
    assert (broken["score"], broken["normalised_score"], broken["reason"]) == ("", "", "ValueError: it broke")
    (first,) = (row for row in rows if row["algo"] == "toy" and row["seed"] == "0")
    assert float(first["normalised_score"]) == (float(first["score"]) - 10) / 100 == 0.9


def test_json_has_every_number_and_every_run(overview):
    told = json.loads(to_json(overview))
    assert told["format"] == 1
    assert told["formula"] == "(score - random score) / (expert score - random score)"
    (line,) = (line for line in told["lines"] if line["group"] == "toy")
    assert line["score"]["point"] == 100.2
    assert line["unmeasured"] == {"died": 1, "failed": 1}
    assert line["is_best"] is True
    assert len(told["runs"]) == 12
    assert {"episodes", "curves", "details"}.isdisjoint(told["runs"][0]["reading"])
    assert told["statuses"] == {"COMPLETED": 10, "DIED": 1, "FAILED": 1}
