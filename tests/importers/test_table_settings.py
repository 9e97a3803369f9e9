"""Columns of score tables that are neither names nor scores: settings, or of no use, which is said."""

from __future__ import annotations

import pytest

from rlgauge.core.errors import UserError
from rlgauge.importers import Collected, read

SWEEP = "algo,env,lr,seed,score\nppo,Ant,0.1,0,1\nppo,Ant,0.1,1,2\nppo,Ant,0.01,0,3\nppo,Ant,0.01,1,4\n"


def table(folder, text, **asked) -> Collected:
    (folder / "scores.csv").write_text(text)
    return read([folder / "scores.csv"], **asked)


def not_used(collected: Collected) -> str:
    return next((note for note in collected.notes if "not used" in note), "")


def test_a_column_of_its_own_tells_settings_apart_and_is_a_label(tmp_path):
    collected = table(tmp_path, SWEEP)
    assert [reading.labels for reading in collected.readings] == [{"lr": "0.1"}] * 2 + [{"lr": "0.01"}] * 2
    first, second, third, fourth = (reading.settings for reading in collected.readings)
    assert first == second != third == fourth
    assert collected.notes == []


def test_rows_without_a_seed_are_numbered_within_their_settings(tmp_path):
    readings = table(tmp_path, "algo,env,lr,score\np,A,1,5\np,A,1,6\np,A,2,7\np,A,2,8\n").readings
    assert [(reading.labels["lr"], reading.seed) for reading in readings] == [("1", 0), ("1", 1), ("2", 0), ("2", 1)]


@pytest.mark.parametrize("title", ["ep_length", "std", "score_std", "time", "wall_seconds", "reason", "run_id", "host"])
def test_what_was_measured_beside_or_tells_which_run_it_was_is_no_setting_which_is_said(tmp_path, title):
    collected = table(tmp_path, f"algo,env,seed,score,{title}\np,A,0,1,7\np,A,1,2,7\np,A,2,3,8\n")
    assert {(reading.settings, *reading.labels) for reading in collected.readings} == {("",)}
    assert f"the column {title} is not used" in not_used(collected)
    assert "--columns settings=A+B" in not_used(collected)


def test_numbers_that_differ_in_every_row_were_likely_measured(tmp_path):
    rows = "p,A,0,1,0.31\np,A,1,2,0.32\np,A,2,3,0.33\n"
    collected = table(tmp_path, f"algo,env,seed,score,entropy\n{rows}")
    assert {reading.settings for reading in collected.readings} == {""}
    assert "entropy" in not_used(collected)


def test_numbers_that_alone_tell_rows_of_one_seed_apart_are_settings(tmp_path):
    rows = "p,A,0,1,0.31\np,A,0,2,0.32\np,A,0,3,0.33\n"
    collected = table(tmp_path, f"algo,env,seed,score,lr\n{rows}")
    assert len({reading.settings for reading in collected.readings}) == 3


def test_what_is_named_is_a_setting_and_nothing_else_is(tmp_path):
    rows = "p,A,0,1,7,x,1\np,A,1,2,8,y,1\n"
    head = "algo,env,seed,score,length,net,host\n"
    collected = table(tmp_path, head + rows, columns={"settings": "length+net"})
    assert [reading.labels for reading in collected.readings] == [
        {"length": "7", "net": "x"},
        {"length": "8", "net": "y"},
    ]
    assert "the column host is not used" in not_used(collected)
    with pytest.raises(UserError, match=r"Unknown column 'nets'\. Did you mean 'net'"):
        table(tmp_path, head + rows, columns={"settings": "length+nets"})


def test_a_table_of_ours_is_read_again_with_its_settings_and_without_a_word(tmp_path):
    head = "algo,env,seed,score,normalised_score,status,used,episodes,errors,group,settings,reason,source\n"
    rows = "p,A,0,1,,COMPLETED,yes,3,0,p,abc,,x\np,A,0,2,,COMPLETED,yes,3,0,p,def,,x\n"
    collected = table(tmp_path, head + rows)
    assert [reading.settings for reading in collected.readings] == ["abc", "def"]
    assert collected.notes == []


def test_the_same_of_several_tables_is_said_once(tmp_path):
    for name in "abcde":
        (tmp_path / f"{name}.csv").write_text(f"algo,env,score,std\np,{name},1,2\n")
    seedless, unused = sorted(read([tmp_path]).notes, key=lambda note: "not used" in note)
    assert seedless.endswith(
        "c.csv, and 2 more name no seeds: their rows of each algorithm and task are numbered from 0 in their order."
    )
    assert "and 2 more: the column std is not used" in unused


def test_a_score_that_is_no_number_is_told_with_how_it_should_be_written(tmp_path):
    collected = table(tmp_path, 'algo,env,seed,score\np,A,0,"1,234"\np,A,1,5\n')
    assert "1 score is no number ('1,234'): failed runs. Numbers are written as 1234.5." in collected.notes
