from __future__ import annotations

import re
from pathlib import Path

from rlgauge.kinds.evaluate.results import BenchmarkResults


def test_it_shows_a_table_films_each_and_goes_on_where_it_was(give):
    said = give("quickstart", "--num-episodes", "2", "--out", "q")
    results = BenchmarkResults.from_json("q/results.json")
    assert said.code == 0, said.err
    assert results.policies == ["trained", "controller", "random"]
    assert len(list(Path("q/videos").rglob("*.mp4"))) == 9
    assert "Videos: 9 files in q/videos" in said.out
    assert "rlgauge runs list q" in said.out
    assert said.out.endswith("\nReport: q/report.html\n")
    assert "Which of " in Path("q/report.html").read_text()
    runs = sorted(Path("q").glob("evaluate/*/*/run.json"))
    again = give("quickstart", "--num-episodes", "2", "--out", "q")
    assert again.code == 0
    assert sorted(Path("q").glob("evaluate/*/*/run.json")) == runs
    assert re.search(r"digest (\w+)", again.out)[1] == re.search(r"digest (\w+)", said.out)[1] == results.digest()


def test_the_commands_that_it_proposes_are_understood(give):
    give("quickstart", "--num-episodes", "1", "--out", "q")
    said = give("quickstart", "--num-episodes", "1", "--out", "q")
    after = said.out.partition("\nNext:\n")[2].partition("\n\n")[0].splitlines()
    proposed = [line.split()[1:] for line in after]
    assert {Path(line.split()[0]).name for line in after} == {"rlgauge"}
    Path("my_module.py").write_text("def my_function(observation):\n    return 0\n")
    assert len(proposed) == 4
    assert [give(*argv).code for argv in proposed] == [0, 0, 0, 0]
