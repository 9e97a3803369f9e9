"""Score tables, the published one among them, and Myriad's."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from rlgauge.core.errors import UserError
from rlgauge.core.run import Status
from rlgauge.importers import read

PUBLISHED = Path(__file__).parents[1] / "data" / "imitation_published_scores.csv"


def put(folder, text, name="scores.csv"):
    (folder / name).write_text(text)
    return folder / name


def test_the_published_scores_are_five_seeds_of_four_algorithms_in_five_tasks():
    collected = read([PUBLISHED])
    counts = Counter((r.algorithm, r.task) for r in collected.readings)
    assert len(counts) == 20
    assert set(counts.values()) == {5}
    assert {r.seed for r in collected.readings} == set(range(5))
    assert any("numbered from 0" in note for note in collected.notes)
    assert collected.readings[0].totals["return"].mean == 123.476
    assert collected.readings[0].references == {"expert": 2408.22}


def test_names_are_mapped_and_an_unknown_one_is_refused():
    names = {"??exp_command=bc": "BC", "seals/Ant-v0": "Ant"}
    readings = read([PUBLISHED], names=names).readings
    assert {r.algorithm for r in readings} == {"AIRL", "GAIL", "BC", "??exp_command=dagger"}
    assert "Ant" in {r.task for r in readings}
    with pytest.raises(UserError, match=r"Unknown algorithm or task 'GAAL'\. Did you mean 'GAIL'"):
        read([PUBLISHED], names={"GAAL": "x"})


def test_columns_are_those_named_and_else_guessed(tmp_path):
    path = put(tmp_path, "Method,Env,train_seed,mine,return\nPPO,A,7,1.5,9\nPPO,A,8,2.5,9\n")
    readings = read([path], columns={"score": "mine"}).readings
    assert [(r.algorithm, r.task, r.seed, r.totals["return"].mean) for r in readings] == [
        ("PPO", "A", 7, 1.5),
        ("PPO", "A", 8, 2.5),
    ]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"scores": "mine"}, "Unknown meaning of a column 'scores'. Did you mean 'score'"),
        ({"score": "min"}, "Unknown column 'min'. Did you mean 'mine'"),
        ({}, "has no column for score; its columns are algo, env, mine."),
    ],
)
def test_a_table_that_can_not_be_understood_is_refused_with_what_to_do(tmp_path, columns, message):
    with pytest.raises(UserError, match=message):
        read([put(tmp_path, "algo,env,mine\na,b,1\n")], columns=columns)


def test_columns_that_no_table_has_are_refused_whatever_else_is_there(tmp_path):
    put(tmp_path, "algo,env,score\na,b,1\n", "x.csv")
    with pytest.raises(UserError, match=r"Unknown column 'scoer'\. Did you mean 'score'"):
        read([tmp_path], columns={"score": "scoer"})
    put(tmp_path, "algo,env,mine\na,b,2\n", "y.csv")
    readings = read([tmp_path], columns={"score": "mine"}).readings
    assert [r.totals["return"].mean for r in readings] == [1.0, 2.0]


def test_scores_that_are_no_numbers_are_failed_runs(tmp_path):
    rows = "a,t,0,nan,\na,t,1,,\na,t,2,5,FAILED\na,t,3,6,COMPLETED\na,t,4,inf,ok\na,t,5,6,crashed\na,t,6,1,DIED\n"
    readings = read([put(tmp_path, f"algo,env,seed,score,status\n{rows}")]).readings
    assert [r.status for r in readings] == [
        *(Status.FAILED, Status.FAILED, Status.FAILED, Status.COMPLETED, Status.FAILED, Status.FAILED, Status.DIED)
    ]
    assert [bool(r.totals) for r in readings] == [False, False, False, True, False, False, False]
    assert readings[0].reason == "its score is nan"


def test_success_rates_beyond_1_are_percent(tmp_path):
    collected = read([put(tmp_path, "policy,task,seed,success_rate\na,t,0,50\na,t,1,0.5\n")])
    assert [r.totals["success"].mean for r in collected.readings] == [0.5, 0.005]
    assert any("percent" in note for note in collected.notes)


def test_semicolons_a_byte_order_mark_and_lines_of_windows_are_read(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes("\ufeffalgo;env;seed;score\r\nä;t;0;1.5\r\n".encode())
    (reading,) = read([path]).readings
    assert (reading.algorithm, reading.totals["return"].mean) == ("ä", 1.5)


def test_other_tables_in_a_folder_are_left_alone(tmp_path):
    put(tmp_path, "step,loss\n1,2\n", "progress.csv")
    put(tmp_path, "", "empty.csv")
    put(tmp_path, "algo,env,score\na,b,1\n")
    assert len(read([tmp_path]).readings) == 1


def test_a_table_copied_twice_counts_once(tmp_path):
    put(tmp_path, "algo,env,score\na,b,1\na,b,1\n", "x.csv")
    put(tmp_path, "algo,env,score\na,b,1\na,b,1\n", "y.csv")
    assert len(read([tmp_path]).readings) == 2


def test_myriads_throughput_gives_a_reading_a_row(tmp_path):
    put(
        tmp_path,
        "agent_memory_mb,device,env_name,error,num_envs,num_steps,scan_chunk_size,success,time_mean_s,time_std_s,"
        "total_memory_mb,total_throughput_steps_per_s\n"
        "0.0,cpu,cartpole,,100,1000,256,True,0.02,0.001,0.5,5040536.4\n"
        "0.0,cpu,cartpole,no memory,200,1000,256,False,,,,\n"
        "0.0,cpu,cartpole,,300,1000,256,False,0.02,0.001,0.5,9.5\n",
    )
    fine, failed, doubtful = read([tmp_path]).readings
    assert (doubtful.status, doubtful.totals) == (Status.FAILED, {})
    assert (fine.algorithm, fine.task, fine.seed) == ("myriad", "cartpole-100envs", None)
    assert fine.totals["steps_per_second"].mean == 5040536.4
    assert fine.totals["estimated_state_bytes"].mean == 0.5 * 2**20
    assert fine.labels == {"num_envs": "100", "device": "cpu", "num_steps": "1000", "scan_chunk_size": "256"}
    assert (failed.status, failed.reason, failed.totals) == (Status.FAILED, "no memory", {})


def test_myriads_comparison_names_the_libraries(tmp_path):
    put(
        tmp_path,
        "compile_time_s,device,library,num_envs,runtime_mean_s,steps_per_env,success,throughput_steps_per_s\n"
        "0.9,cpu,myriad,1000,0.68,5000,,7327038.2\n0.0,cpu,gymnasium,1,23.1,5000,True,215619.8\n",
    )
    first, second = read([tmp_path]).readings
    assert (first.algorithm, first.task, first.status) == ("myriad", "comparison-1000envs", Status.COMPLETED)
    assert first.totals["compile_seconds"].mean == 0.9
    assert "compile_seconds" not in second.totals


@pytest.mark.parametrize("cells", [["150", "180", "80"], ["-1", "0.8", "-3"], ["0.5", "-1", "-1"]])
def test_success_rates_that_there_can_not_be_are_failed_runs(tmp_path, cells):
    put(tmp_path, "algo,env,seed,success\n" + "".join(f"A,T,{seed},{cell}\n" for seed, cell in enumerate(cells)))
    collected = read([tmp_path])
    fine = [reading for reading in collected.readings if reading.status is Status.COMPLETED]
    assert [reading.totals["success"].mean for reading in fine] == [0.5 if "0.5" in cells else 0.8]
    failed = [reading for reading in collected.readings if reading not in fine]
    assert all(reading.status is Status.FAILED and reading.totals == {} for reading in failed)
    assert failed[0].reason == f"no success rate is {cells[failed[0].seed]}"
    (note,) = [note for note in collected.notes if "no success rate" in note]
    assert note.startswith("2 scores are no success rate (")


def test_rates_that_rounding_took_beyond_the_ends_are_at_the_ends(tmp_path):
    put(tmp_path, "algo,env,seed,success\nA,T,0,1.0000000001\nA,T,1,-1e-12\nA,T,2,0.5\n")
    assert [reading.totals["success"].mean for reading in read([tmp_path]).readings] == [1.0, 0.0, 0.5]


def test_returns_may_be_any_number(tmp_path):
    put(tmp_path, "algo,env,seed,return\nA,T,0,-1\nA,T,1,150\n")
    assert [reading.totals["return"].mean for reading in read([tmp_path]).readings] == [-1.0, 150.0]


def test_tables_of_equal_numbers_that_mean_something_else_are_no_copies(tmp_path):
    rows = "A,T,0,1\nA,T,1,0\n"
    put(tmp_path, f"algo,env,seed,return\n{rows}", "returns.csv")
    put(tmp_path, f"algo,env,seed,success\n{rows}", "success.csv")
    put(tmp_path, f"algorithm,task,seed,success_rate\n{rows}", "the_same.csv")
    put(tmp_path, "algo,env,lr,return\nA,T,0,1\nA,T,1,0\n", "settings.csv")
    readings = read([tmp_path]).readings
    assert Counter(name for reading in readings for name in reading.totals) == {"return": 4, "success": 2}
