from __future__ import annotations

import shlex

import msgspec
import pytest

import rlgauge
from rlgauge.core.errors import UserError
from rlgauge.core.workload import Workload, build
from rlgauge.kinds.train.workload import OWN_ENV, ScriptWorkload


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "ppo.py"
    path.write_text("print(1)\n")
    return path


def ids(workload):
    return [case.id for case in workload.cases()]


def test_it_is_public_and_a_workload(script):
    assert rlgauge.ScriptWorkload is ScriptWorkload
    assert isinstance(ScriptWorkload(script), Workload)


def test_cases_are_environments_times_seeds(script):
    cases = list(ScriptWorkload(script, env=["A", "B"], seeds=[3, 1]).cases())
    assert [(case.labels["task"], case.seed) for case in cases] == [("A", 3), ("A", 1), ("B", 3), ("B", 1)]
    assert cases[0].name == "ppo-A-s3"
    assert cases[0].labels["algorithm"] == "ppo"
    assert cases[0].params["environment"] == {"gym_id": "A"}


def test_without_an_environment_the_script_chooses(script, tmp_path):
    workload = ScriptWorkload(script)
    (case,) = workload.cases()
    assert case.labels["task"] == f"{case.labels['algorithm']}'s own"
    assert OWN_ENV in case.name
    assert workload.spec(case, tmp_path).env is None


def test_what_makes_another_measurement_makes_another_case(script):
    known = ids(ScriptWorkload(script, env="A", seeds=0))
    others = [
        {"args": ["--lr=1"]},
        {"env_flag": "gym-id"},
        {"seed_flag": ""},
        {"num_tests": 3},
        {"algorithm": "other"},
        {"seeds": 1},
        {"env": "B"},
    ]
    found = [*known, *(ids(ScriptWorkload(script, **{"env": "A", "seeds": 0, **one}))[0] for one in others)]
    assert len(set(found)) == len(found)
    script.write_text("print(2)\n")
    assert ids(ScriptWorkload(script, env="A", seeds=0)) != known


def test_how_it_is_run_makes_no_other_case(script):
    known = ids(ScriptWorkload(script))
    assert ids(ScriptWorkload(script, time_limit=5.0, keep_rewards=True, num_videos=0)) == known


def told(workload, case, folder):
    """What the process of a run is told; the words of a command may be quoted in other ways."""
    spec = workload.spec(case, folder)
    return msgspec.structs.replace(spec, script=shlex.split(spec.script))


def test_a_worker_makes_the_same(script, tmp_path):
    (tmp_path / "x.jl").write_text("1")
    for workload in (
        ScriptWorkload(script, env=["A"], seeds=[1, 2], args=["--x"], env_flag="e", num_tests=1, time_limit=3.0),
        ScriptWorkload(command=f"julia {tmp_path}/x.jl {{seed}}", args=["--y"]),
    ):
        again = build(workload.describe())
        assert again.describe() == workload.describe()
        for case in workload.cases():
            again.check(case)
            assert told(again, case, tmp_path) == told(workload, case, tmp_path)


def test_secrets_are_no_part_of_what_is_kept_of_a_case_and_tell_cases_apart(script):
    kept = [list(ScriptWorkload(script, args=["--api-key", key]).cases()) for key in ("hunter2", "hunter2", "hunter3")]
    assert "hunter" not in repr(kept)
    ids_of = [[case.id for case in cases] for cases in kept]
    assert ids_of[0] == ids_of[1] != ids_of[2]


def test_secrets_of_a_command_are_no_part_of_what_is_kept_of_a_case(script, tmp_path):
    made = [ScriptWorkload(command=f"python {script} --api-key {key} {{seed}}") for key in ("hunter2", "hunter3")]
    (first,), (second,) = (list(one.cases()) for one in made)
    assert "hunter" not in repr([first, second, made[0].spec(first, tmp_path), made[0].target])
    assert first.id != second.id
    assert made[0].template.argv(env=None, seed=1)[-2:] == ["hunter2", "1"]


def test_a_command_is_read_in_the_folder_where_it_was_given(script, monkeypatch):
    monkeypatch.chdir(script.parent)
    workload = ScriptWorkload(command="python ppo.py {seed}")
    assert list(workload.source.files) == ["ppo.py"]
    assert build(workload.describe()).template.argv(env=None, seed=2) == ["python", str(script), "2"]


@pytest.mark.parametrize(
    ("flag", "expected"), [("gym-id", "--gym-id"), ("--env", "--env"), ("-e", "-e"), ("env_id=", "env_id="), ("", "")]
)
def test_flags_are_written_with_their_dashes_or_without(script, flag, expected):
    assert ScriptWorkload(script, env_flag=flag).env_flag == expected


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"seeds": []}, "There are no seeds"),
        ({"seeds": -1}, "The seed -1 can't be used"),
        ({"seeds": 2**32}, "can't be used"),
        ({"env": ""}, "id is empty"),
        ({"env": ["A", " "]}, "id is empty"),
        ({"num_tests": -1}, "num_tests=-1: it must be 0 or more"),
        ({"num_videos": -1}, "num_videos=-1: it must be 0 or more"),
        ({"time_limit": 0}, "time_limit=0: it must be more than 0"),
        ({"command": "x"}, "not both"),
        ({"script": None}, "Say what is to be run"),
        ({"script": "nothing.py"}, "There is no script"),
    ],
)
def test_what_can_not_be_run_is_refused(script, arguments, said):
    with pytest.raises(UserError) as caught:
        ScriptWorkload(**{"script": script, **arguments})
    assert said in str(caught.value)


def test_a_seed_that_is_named_twice_is_run_once(script):
    assert ScriptWorkload(script, seeds=[1, 1, 0], env=["A", "A"]).seeds == [1, 0]
    assert len(ids(ScriptWorkload(script, seeds=[1, 1], env=["A", "A"]))) == 1


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("dqn/main.py", "dqn.main"),
        ("dqn/train.py", "dqn.train"),
        ("dqn/__main__.py", "dqn"),
        ("dqn/ppo.py", "ppo"),
    ],
)
def test_a_script_with_a_name_that_many_have_is_called_after_its_folder(tmp_path, file, expected):
    path = tmp_path / file
    path.parent.mkdir()
    path.write_text("print(1)\n")
    assert ScriptWorkload(path).algorithm == expected
    assert ScriptWorkload(command=f"python {path} {{seed}}").algorithm == expected
    assert ScriptWorkload(path, algorithm="mine").algorithm == "mine"
