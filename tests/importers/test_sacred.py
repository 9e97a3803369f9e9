"""Sacred runs: the shared sample is real, its broken copies are made here."""

from __future__ import annotations

import json
import math
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rlgauge.core.errors import UserError
from rlgauge.core.reading import Reading
from rlgauge.core.run import Status
from rlgauge.importers import read

SAMPLE = Path(__file__).parents[1] / "data" / "sacred_sample"
BC, DAGGER = SAMPLE / "train_imitation" / "11", SAMPLE / "train_imitation" / "12"
GAIL, AIRL = SAMPLE / "train_adversarial" / "11", SAMPLE / "train_adversarial" / "12"


def copied(run: Path, folder: Path, **changes) -> Path:
    """A copy of a run with other values in run.json; a key `config` changes config.json."""
    shutil.copytree(run, folder)
    for name, changed in (("config.json", changes.pop("config", {})), ("run.json", changes)):
        content = json.loads((folder / name).read_text())
        for key, value in changed.items():
            *parents, last = key.split("__")
            inner = content
            for parent in parents:
                inner = inner[parent]
            if value is None and last in inner:
                del inner[last]
            else:
                inner[last] = value
        (folder / name).write_text(json.dumps(content, indent=2, sort_keys=True))
    return folder


def only(*paths: Path) -> Reading:
    (reading,) = read(paths).readings
    return reading


def test_the_sample_gives_one_reading_a_run_with_its_true_return():
    readings = {(r.algorithm, r.task, r.status): r for r in read([SAMPLE]).readings}
    assert len(readings) == 7
    means = {key[0]: r.totals["return"].mean for key, r in readings.items() if r.totals}
    assert means == pytest.approx({"bc": -1356.0586, "dagger": -1355.3806, "gail": -1575.3118, "airl": -1592.4567})
    assert {r.seed for r in readings.values()} == {3, 11, 12}


def test_the_deviation_of_numpy_becomes_squares_over_the_episodes():
    total = only(BC).totals["return"]
    assert (total.n, total.squares) == (6, pytest.approx(6 * 55.997107958586**2))
    assert only(BC).totals["length"].mean == 200
    assert only(BC).units == {"return": "reward", "length": "steps"}


def test_the_expert_of_dagger_is_its_monitored_return_and_of_the_others_their_demonstrations():
    assert only(DAGGER).references == {"expert": -178.3190457}
    assert only(GAIL).references == {"expert": -237.5305317684019}


def test_references_that_an_export_has_written_are_those_of_the_run(tmp_path):
    copied(DAGGER, tmp_path / "1", result__references={"random": -300.0, "expert": -100.0})
    assert only(tmp_path).references == {"random": -300.0, "expert": -100.0}
    copied(GAIL, tmp_path / "2", result__references={"random": -300.0})
    assert only(tmp_path / "2").references == {"random": -300.0}


def test_a_failed_run_says_the_last_line_of_its_trace():
    reading = only(SAMPLE / "train_imitation" / "faulty_1")
    assert (reading.status, reading.totals) == (Status.FAILED, {})
    assert reading.reason == "ValueError: n_expert_demos must be specified when generating demos."


def test_a_killed_run_that_says_running_for_ever_has_died():
    reading = only(SAMPLE / "train_adversarial" / "faulty_1")
    assert reading.status is Status.DIED
    assert "2026-11-20T21:18:33" in reading.reason


def test_a_run_whose_heart_beats_is_running(tmp_path):
    beat = datetime.now(UTC).replace(tzinfo=None).isoformat()
    copied(SAMPLE / "train_adversarial" / "faulty_1", tmp_path / "1", heartbeat=beat)
    assert only(tmp_path).status is Status.RUNNING


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ("INTERRUPTED", Status.INTERRUPTED),
        ("QUEUED", Status.QUEUED),
        ("TIMEOUT", Status.TIMEOUT),
        ("odd", Status.FAILED),
    ],
)
def test_a_run_that_did_not_complete_has_no_totals_whatever_its_result(tmp_path, told, status):
    copied(BC, tmp_path / "1", status=told)
    reading = only(tmp_path)
    assert (reading.status, reading.totals) == (status, {})
    assert reading.reason


def test_the_learned_reward_of_gail_is_never_taken_for_its_return(tmp_path):
    copied(GAIL, tmp_path / "1", result__imit_stats__monitor_return_mean=None)
    reading = only(tmp_path)
    assert reading.status is Status.COMPLETED
    assert "return" not in reading.totals
    assert "learned reward" in reading.reason


def test_bc_falls_back_to_the_return_that_it_was_rolled_out_with(tmp_path):
    copied(BC, tmp_path / "1", result__imit_stats__monitor_return_mean=None)
    assert only(tmp_path).totals["return"].mean == pytest.approx(-1356.058614678681)


def test_commands_of_older_versions_are_the_same_algorithms(tmp_path):
    copied(BC, tmp_path / "1", command="train_bc")
    assert only(tmp_path).algorithm == "bc"


def test_seed_and_log_folder_are_no_settings_and_all_else_is(tmp_path):
    other_seed = copied(BC, tmp_path / "1", config={"seed": 4, "logging__log_root": "elsewhere"})
    other_setting = copied(BC, tmp_path / "2", config={"bc__batch_size": 64})
    assert only(other_seed).settings == only(BC).settings != only(other_setting).settings


@pytest.mark.parametrize("name", ["run.json", "config.json"])
@pytest.mark.parametrize("damage", ["missing", "empty", "zeros", "cut", "garbage"])
def test_a_run_with_a_broken_file_is_a_reading_with_the_reason(tmp_path, name, damage):
    folder = copied(BC, tmp_path / "runs" / "1")
    copied(GAIL, tmp_path / "runs" / "2")
    path = folder / name
    content = path.read_bytes()
    match damage:
        case "missing":
            path.unlink()
        case "empty":
            path.write_bytes(b"")
        case "zeros":
            path.write_bytes(bytes(len(content)))
        case "cut":
            path.write_bytes(content[: len(content) // 2])
        case "garbage":
            path.write_bytes(b"\xff\xfe not json")
    broken = next(r for r in read([tmp_path]).readings if r.source.endswith("/1"))
    assert (broken.algorithm, broken.task, broken.totals) == ("bc", "Pendulum-v1", {})
    assert broken.status is (Status.DIED if name == "run.json" else Status.FAILED)
    assert name in broken.reason
    assert broken.seed == 3


def test_a_folder_with_a_log_alone_is_told_of(tmp_path):
    copied(BC, tmp_path / "1")
    (tmp_path / "2").mkdir()
    (tmp_path / "2" / "cout.txt").write_text("")
    collected = read([tmp_path])
    assert len(collected.readings) == 1
    assert any("/2" in note for note in collected.notes)


def test_numbers_that_are_not_finite_and_numbers_of_numpy_are_read(tmp_path):
    folder = copied(BC, tmp_path / "1")
    run = json.loads((folder / "run.json").read_text())
    run["result"]["imit_stats"]["return_mean"] = math.nan
    run["result"]["imit_stats"]["monitor_return_mean"] = {"py/object": "numpy.float64", "dtype": "d", "value": 7.0}
    (folder / "run.json").write_text(json.dumps(run))
    assert only(tmp_path).totals["return"].mean == 7.0


def test_a_score_that_is_not_finite_is_none(tmp_path):
    folder = copied(GAIL, tmp_path / "1")
    run = json.loads((folder / "run.json").read_text())
    run["result"]["imit_stats"]["monitor_return_mean"] = math.inf
    (folder / "run.json").write_text(json.dumps(run))
    assert "return" not in only(tmp_path).totals


def test_the_same_run_copied_twice_counts_once_and_this_is_said(tmp_path):
    shutil.copytree(SAMPLE, tmp_path / "a")
    shutil.copytree(SAMPLE, tmp_path / "b" / "deep")
    collected = read([tmp_path])
    assert len(collected.readings) == 7
    assert any(note.startswith("7 runs were found more than once") for note in collected.notes)


def test_runs_that_differ_in_their_start_alone_are_two(tmp_path):
    copied(BC, tmp_path / "1")
    copied(BC, tmp_path / "2", start_time="2026-11-21T00:00:00.000000")
    assert len(read([tmp_path]).readings) == 2


def test_anybodys_experiment_gives_the_numbers_that_it_returned(tmp_path):
    other = {"experiment__name": "my_cartpole", "command": "main", "config": {"environment": "CartPole-v1"}}
    copied(BC, tmp_path / "1", result=12.5, **other)
    copied(BC, tmp_path / "2", result={"eval": {"reward": 3, "steps": 4.0}, "name": "x"}, start_time="b", **other)
    copied(BC, tmp_path / "3", result=None, start_time="c", **other)
    number, nested, nothing = read([tmp_path]).readings
    assert (number.algorithm, number.task, number.totals["result"].mean) == ("my_cartpole", "CartPole-v1", 12.5)
    assert {name: total.mean for name, total in nested.totals.items()} == {"eval.reward": 3.0, "eval.steps": 4.0}
    assert (nothing.status, nothing.reason) == (Status.COMPLETED, "its result holds no number")


def test_a_training_by_reinforcement_has_its_monitored_return(tmp_path):
    result = {"monitor_return_mean": 5.0, "monitor_return_std": 1.0, "monitor_return_len": 4, "return_mean": -3.0}
    copied(BC, tmp_path / "1", experiment__name="train_rl", command="train_rl", result=result)
    reading = only(tmp_path)
    assert (reading.algorithm, reading.totals["return"].mean, reading.totals["return"].squares) == (
        "train_rl",
        5.0,
        4.0,
    )


def test_metrics_are_curves_in_order_of_their_steps(tmp_path):
    folder = copied(BC, tmp_path / "1")
    metric = {"steps": [20, 10, 30, 30], "values": [2.0, 1.0, 3.0, math.nan], "timestamps": ["", "", "", ""]}
    (folder / "metrics.json").write_text(json.dumps({"training.loss": metric}))
    curve = only(tmp_path).curves["training.loss"]
    assert (curve.steps, curve.values) == ((10.0, 20.0, 30.0), (1.0, 2.0, 3.0))


def test_runs_nested_in_the_trials_of_ray_tune_are_found_and_their_logs_are_no_runs(tmp_path):
    trial = tmp_path / "ray" / "inner_0001_seed=3"
    copied(BC, trial / "sacred")
    (trial / "events.out.tfevents.1").write_bytes(b"")
    (trial / "result.json").write_text('{"a": 1}\n{"a": 2}\n')
    collected = read([tmp_path])
    assert [r.algorithm for r in collected.readings] == ["bc"]
    assert any("to Sacred runs" in note for note in collected.notes)


def imitation_output(root: Path, monitor: str) -> Path:
    """imitation's own layout: `sacred/` for the runs, a log folder for each."""
    copied(BC, root / "sacred" / "train_imitation" / "1")
    log = root / "bc" / "Pendulum-v1" / "20261120_210411_68557e"
    (log / "monitor").mkdir(parents=True)
    (log / "monitor" / "mon000.monitor.csv").write_text(monitor)
    return log


MONITOR = '#{"t_start": 1.0, "env_id": "Pendulum-v1"}\nr,l,t\n-1.0,200,0.5\n'


def test_the_log_folders_of_imitation_are_no_runs(tmp_path):
    log = imitation_output(tmp_path, MONITOR)
    (log / "sacred").symlink_to("../../../sacred/train_imitation/1")
    for path in (tmp_path, tmp_path / "bc"):
        collected = read([path])
        assert [r.kind for r in collected.readings] == ["imported-sacred"]
        assert not any("more than once" in note for note in collected.notes)


def test_a_log_folder_whose_link_was_lost_is_known_from_the_configuration(tmp_path):
    imitation_output(tmp_path, MONITOR)
    assert [r.kind for r in read([tmp_path]).readings] == ["imported-sacred"]


def test_links_in_a_circle_end(tmp_path):
    copied(BC, tmp_path / "runs" / "1")
    (tmp_path / "runs" / "again").symlink_to(tmp_path)
    assert len(read([tmp_path / "runs"]).readings) == 1


def test_a_folder_that_can_not_be_understood_is_refused(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "run.json").write_text('{"status": "fine"}')
    with pytest.raises(UserError, match="Nothing in"):
        read([tmp_path])
