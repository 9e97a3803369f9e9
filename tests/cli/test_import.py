from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest

from rlgauge.cli.count import counted
from rlgauge.core.run import Status
from rlgauge.core.store import Store

DATA = Path(__file__).parents[1] / "data"
SAMPLE, SCORES = str(DATA / "sacred_sample"), str(DATA / "imitation_published_scores.csv")


def test_it_says_how_many_runs_of_what_it_wrote(give):
    said = give("import", SAMPLE, SCORES, "--out", "o")
    assert said.code == 0
    assert "Imported 7 runs of Sacred into o (1 DIED, 1 FAILED, 1 INTERRUPTED)." in said.out
    assert "Imported 100 runs of score tables into o." in said.out
    assert "numbered from 0" in said.out
    statuses = [run.status for run in Store("o").runs()]
    assert (len(statuses), statuses.count(Status.FAILED), statuses.count(Status.DIED)) == (107, 1, 1)


def test_importing_again_says_that_all_is_there(give):
    give("import", SAMPLE, "--out", "o")
    assert give("import", SAMPLE, "--out", "o").out == "7 runs were there already.\n"


def test_names_and_columns_are_mapped(give, folder):
    (folder / "s.csv").write_text("who,env,score\n??exp_command=bc,a,1\n")
    give(
        "import",
        "s.csv",
        "--out",
        "o",
        "--columns",
        "algorithm=who",
        "--rename",
        "??exp_command=bc=BC",
        "--rename",
        "a=A",
    )
    (run,) = Store("o").runs()
    assert (run.case.labels["algorithm"], run.case.labels["task"]) == ("BC", "A")


def test_json_says_the_same(give):
    said = json.loads(give("import", SCORES, "--out", "o", "--json").out)
    assert (said["imported"], said["known"]) == (100, 0)
    assert "numbered" in said["notes"][0]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("nowhere", "--out", "o"), "There is no file or folder 'nowhere'."),
        (
            ("empty", "--out", "o"),
            "Nothing in 'empty' is a run or a table of results. Looked for: runs of rlgauge, Sacred",
        ),
        ((SAMPLE,), "rlgauge import needs --out DIR"),
        (("--out", "o"), "SOURCE"),
        ((SCORES, "--out", "o", "--columns", "score"), "--columns"),
        ((SCORES, "--out", "o", "--columns", "score=scor"), "Unknown column 'scor'. Did you mean 'score'?"),
        (
            (SCORES, "--out", "o", "--columns", "scores=score"),
            "Unknown meaning of a column 'scores'. Did you mean 'score'?",
        ),
        ((SCORES, "--out", "o", "--rename", "GAL=G"), "Unknown algorithm or task 'GAL'. Did you mean 'GAIL'?"),
        ((SAMPLE, "--out", "file"), "file"),
    ],
)
def test_a_mistake_is_refused_in_a_sentence(give, folder, argv, message):
    (folder / "empty").mkdir()
    (folder / "file").write_text("")
    said = give("import", *argv)
    assert said.code == 2
    assert message in said.err
    assert said.err.startswith("rlgauge: ")
    assert "Traceback" not in said.err


def test_runs_of_ours_are_to_be_copied(give):
    give("benchmark", "--env", "CartPole-v1", "--policy", "random", "--num-episodes", "2", "--out", "mine", "--quiet")
    said = give("import", "mine", "--out", "o")
    assert said.code == 2
    assert "copy its folders into o" in said.err


def test_runs_that_have_not_ended_are_left_out(give, folder):
    shutil.copytree(SAMPLE, "s")
    path = folder / "s" / "train_adversarial" / "faulty_1" / "run.json"
    content = json.loads(path.read_text())
    content["heartbeat"] = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
    path.write_text(json.dumps(content))
    assert "1 run was left out: not ended yet" in give("import", "s", "--out", "o").out


def told(capsys, times, **options) -> str:
    clock = iter(times)
    with counted("Reading", clock=lambda: next(clock), **options) as listen:
        for number in range(1, len(times)):
            listen(number)
    return capsys.readouterr().err


def test_counting_is_silent_for_two_seconds_and_then_rare(capsys):
    assert told(capsys, [0.0, 1.0, 1.9]) == ""
    assert told(capsys, [0.0, 1.0, 11.0, 12.0, 22.0]) == "Reading: 2 runs so far\nReading: 4 runs so far\n"


def test_counting_tells_the_time_left_where_the_total_is_known(capsys):
    assert told(capsys, [0.0, 5.0, 10.0], total=10) == "Reading: 2 of 10 runs, about 40 s left\n"
