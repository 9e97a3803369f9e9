"""A file that looks like one of results and is none says what it lacks."""

from __future__ import annotations

import numpy as np
import pytest
from torch.utils.tensorboard import SummaryWriter

from rlgauge.core.errors import UserError
from rlgauge.importers import read


def refusal(path) -> str:
    with pytest.raises(UserError) as caught:
        read([path])
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("results.json", '{"tasks": []}', "results.json: its keys are tasks; physical-ai has task_results"),
        ("results.json", '{"task_results": [{"task_id": "x"}]}', "missing required field `n_episodes`"),
        ("results.json", '{"format": 1, "results": [], "metadata": {}}', "rlgauge wrote it beside its runs: give its"),
        ("eval_info.json", '{"overall": {"pc": 3}}', "its keys are overall; lerobot has pc_success"),
        ("eval_info.json", '{"per_task": [{"ta', "eval_info.json: it is no whole JSON"),
        ("eval_info.json", "", "eval_info.json: it is empty"),
        (
            "speed.json",
            '{"steps_per_second": 5}',
            "its keys are steps_per_second; JaxARC has steps_per_second or sps, in",
        ),
        (
            "speed.csv",
            "num_envs,fast\n1,2\n",
            "the columns num_envs, fast; a table of Myriad has num_envs, and scan_chunk",
        ),
        ("scores.csv", "algo,env,score\n", "scores.csv: it has a header and no rows."),
        ("scores.csv", "", "scores.csv: it is empty."),
        ("scores.csv", "algo,env,points\na,b,1\n", "it has no column for score; its columns are algo, env, points."),
        ("monitor.csv", "", "monitor.csv: it is empty."),
        ("monitor.csv", "r,l,t\n1,2,3\n", "its first line is no header of Monitor"),
        ("evaluations.npz", "garbage", "evaluations.npz is no file of numpy.savez"),
        ("evaluations.npz", "PK garbage", "evaluations.npz is cut off, or holds something else"),
    ],
)
def test_a_file_that_looks_like_one_of_results_says_what_it_lacks(tmp_path, name, content, told):
    (tmp_path / name).write_text(content)
    assert told in refusal(tmp_path)
    assert "Looked for" not in refusal(tmp_path)
    assert told.partition(": ")[2] in refusal(tmp_path / name)
    assert "pickle" not in refusal(tmp_path / name)


def test_arrays_that_are_not_of_evaluations_are_named(tmp_path):
    np.savez(tmp_path / "evaluations.npz", rewards=[1], steps=[1])
    assert "its arrays are rewards, steps; EvalCallback writes timesteps and results" in refusal(tmp_path)


def test_the_tags_of_a_log_without_a_return_are_named(tmp_path):
    with SummaryWriter(str(tmp_path)) as writer:
        writer.add_scalar("train/loss", 1.0, 1)
        writer.add_scalar("my/reward", 1.0, 1)
    told = refusal(tmp_path)
    assert "the tags of its event files are train/loss, my/reward; a return is eval/mean_reward or" in told


def test_of_many_files_the_first_are_named(tmp_path):
    for number in range(5):
        (tmp_path / f"{number}").mkdir()
        (tmp_path / f"{number}" / "results.json").write_text("{}")
    assert refusal(tmp_path).count("physical-ai has") == 3
    assert "2 more files are none of results either." in refusal(tmp_path)


def test_only_files_beneath_the_path_are_told_of(tmp_path):
    for name in ("full", "empty"):
        (tmp_path / name).mkdir()
    (tmp_path / "full" / "scores.csv").write_text("algo,env,seed,score\np,A,0,1\n")
    (tmp_path / "full" / "results.json").write_text("{}")
    with pytest.raises(UserError, match=r"empty. is a run or a table of results\. Looked for: ") as caught:
        read([tmp_path / "full", tmp_path / "empty"])
    assert "results.json:" not in str(caught.value)


def test_where_nothing_looks_like_results_what_was_looked_for_is_told(tmp_path):
    (tmp_path / "package.json").write_text('{"name": "x"}')
    assert "Looked for: runs of rlgauge, Sacred run folders," in refusal(tmp_path)
    assert "its keys are name; physical-ai has" in refusal(tmp_path / "package.json")


def test_a_file_of_results_that_is_cut_off_is_told_of_beside_others(tmp_path):
    (tmp_path / "scores.csv").write_text("algo,env,seed,score\np,A,0,1\n")
    (tmp_path / "eval_info.json").write_text('{"overall": {"pc_success"')
    (note,) = read([tmp_path]).notes
    assert "eval_info.json" in note
    assert note.endswith("it was left out.")
