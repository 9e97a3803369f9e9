from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from stable_baselines3 import PPO

from rlgauge.core.errors import UserError
from rlgauge.core.execute import execute
from rlgauge.core.run import ConfigFile, Start, Status, read_records
from rlgauge.core.store import Need, Store, now
from rlgauge.envs.gymnasium import make
from rlgauge.kinds.train import learning
from rlgauge.kinds.train.algorithm_workload import AlgorithmWorkload
from rlgauge.kinds.train.demonstrations_made import shown_by
from rlgauge.kinds.train.demonstrations_read import first_episodes, write_npz
from rlgauge.kinds.train.experts.expert import find_expert
from rlgauge.kinds.train.experts.playing import play
from rlgauge.kinds.train.experts.references import references
from rlgauge.kinds.train.journal import read_episodes, read_scalars
from rlgauge.kinds.train.reading import TRAINING
from rlgauge.launch.local import Local

CARTPOLE = "seals/CartPole-v0"
HERE = Path(__file__).stem


def upright(make_env, demonstrations, config, context):
    """An algorithm of somebody's: it pushes towards where the pole falls, and learns nothing."""
    env = make_env()
    env.reset(seed=context.seed)
    for step in range(500):
        env.step(env.action_space.sample())
        if step % 100 == 0:
            context.log({"demonstrated": float(len(demonstrations.actions)), "gain": config["gain"]}, step=step)
    return lambda observation: int(observation[2] + config["gain"] * observation[3] > 0)


def stumbling(make_env, demonstrations, config, context):
    """It plays two episodes, and falls after the first where it has not done so before."""
    kept, fallen = context.folder / "told", Path(config["fallen"])
    has_played = kept.exists()
    if has_played:
        context.take_up(kept.read_text(), where="episode 1")
    env = make_env()
    for number in range(1 if has_played else 0, 2):
        env.reset(seed=number)
        for _ in range(500):
            env.step(0)
        context.log({"played": float(number)}, step=500 * (number + 1))
        if not fallen.exists():
            fallen.touch()
            if config["keeps"]:
                kept.write_text(context.told())
            os._exit(1)
    return lambda observation: 0


def asking(make_env, demonstrations, config, context):
    """It says what is loaded before it asks the expert, and behind that."""
    context.log({"asked": float("onnxruntime" in sys.modules)}, step=0)
    context.label(demonstrations.observations[:1])
    context.log({"asked": float("onnxruntime" in sys.modules)}, step=1)
    return lambda observation: 0


def broken(make_env, demonstrations, config, context):
    raise FloatingPointError("The loss is not a number.")


def fickle(make_env, demonstrations, config, context):
    """What it trains acts in no environment if its seed is 1."""
    return {0: lambda _: 0, 1: lambda _: np.nan, 2: None}[context.seed]


@pytest.fixture
def here(monkeypatch):
    """Algorithms of this module are found, by workers, too."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    monkeypatch.syspath_prepend(Path(__file__).parent)


def ran(workload, out):
    found = execute(workload, Store(out), launcher=Local(1))
    return [found[case.id] for case in workload.cases()]


def only_case(arguments):
    (case,) = AlgorithmWorkload(**arguments).cases()
    return case


def values(run):
    return {record.index: record.values for record in read_records(run.folder / "records.jsonl").records}


@pytest.mark.parametrize("algorithm", ["bc", "dagger", "gail", "airl"])
def test_each_algorithm_is_trained_tested_and_kept(algorithm, tmp_path):
    smallest = {
        "bc": {"bc.n_batches": 50},
        "dagger": {"bc.n_batches": 50, "dagger.total_timesteps": 1000, "environment.num_envs": 1},
        "gail": {"total_timesteps": 4096, "demo_batch_size": 512},
        "airl": {"total_timesteps": 4096, "demo_batch_size": 512},
    }
    workload = AlgorithmWorkload(
        algorithm,
        env=CARTPOLE,
        seeds=0,
        overrides={**smallest[algorithm], "demonstrations.n_expert_demos": 2},
        num_tests=3,
    )
    (run,) = ran(workload, tmp_path)
    assert run.status is Status.COMPLETED, run.file.fail_trace
    found = values(run)
    assert set(found) == {TRAINING, 1, 2, 3}
    assert all(found[index]["length"] == 500 for index in (1, 2, 3))
    result = run.file.result
    returns = [found[index]["return"] for index in (1, 2, 3)]
    assert result["imit_stats"]["return_mean"] == pytest.approx(np.mean(returns))
    assert result["expert_stats"]["return_mean"] > 400
    assert result["references"]["random"] < 100
    assert ("demonstrations" in result) == (algorithm != "dagger")  # which asks the expert instead
    assert result.get("demonstrations", {}).get("num_transitions", 1000) == 1000
    assert (run.folder / "artifacts" / result["saved"]["policy"]).is_file()
    steps = {"bc": None, "dagger": 1000, "gail": 4096, "airl": 4096}[algorithm]
    assert found[TRAINING]["num_steps"] is steps or found[TRAINING]["num_steps"] >= steps
    assert (run.folder / "artifacts" / "scalars.jsonl").read_text()


def test_the_same_seed_comes_to_the_same_and_another_does_not(tmp_path):
    def returns(out, seed):
        workload = AlgorithmWorkload("bc", env=CARTPOLE, seeds=seed, overrides={"bc.n_batches": 20}, num_tests=4)
        (run,) = ran(workload, tmp_path / out)
        return [values(run)[index]["return"] for index in range(1, 5)]

    assert returns("a", 0) == returns("b", 0) != returns("c", 1)


@pytest.mark.usefixtures("here")
def test_an_algorithm_of_the_users_own_is_a_function(tmp_path):
    workload = AlgorithmWorkload(f"{HERE}:upright", config={"gain": 0.5}, env=CARTPOLE, seeds=0, num_tests=2)
    (run,) = ran(workload, tmp_path)
    assert run.status is Status.COMPLETED, run.file.fail_trace
    found = values(run)
    assert found[1]["return"] > 200
    assert found[TRAINING]["num_episodes"] == 1
    assert found[TRAINING]["num_steps"] == 500
    logged = [json.loads(line)["v"] for line in (run.folder / "artifacts/scalars.jsonl").read_text().splitlines()]
    assert logged == [{"demonstrated": 10_000.0, "gain": 0.5}] * 5


@pytest.mark.usefixtures("here")
def test_an_expert_is_opened_for_the_first_who_asks_it(tmp_path):
    shown_by(find_expert(CARTPOLE), CARTPOLE, num_episodes=2)
    references(CARTPOLE, find_expert(CARTPOLE))
    config = {"demonstrations": {"n_expert_demos": 2}}
    (run,) = ran(AlgorithmWorkload(f"{HERE}:asking", config=config, env=CARTPOLE, seeds=0, num_tests=0), tmp_path)
    assert [one.values for one in read_scalars(run.folder / "artifacts")] == [{"asked": 0.0}, {"asked": 1.0}]


@pytest.mark.usefixtures("here")
def test_a_seed_that_fails_fails_alone(tmp_path):
    (failed,) = ran(AlgorithmWorkload(f"{HERE}:broken", config={}, env=CARTPOLE, seeds=0), tmp_path)
    assert failed.status is Status.FAILED
    assert "The loss is not a number" in failed.file.fail_trace
    (fine,) = ran(AlgorithmWorkload("bc", env=CARTPOLE, seeds=0, overrides={"bc.n_batches": 5}, num_tests=1), tmp_path)
    assert fine.status is Status.COMPLETED


@pytest.mark.usefixtures("here")
def test_what_was_trained_to_no_use_fails_its_own_run_and_the_others_go_on(tmp_path):
    workload = AlgorithmWorkload(f"{HERE}:fickle", config={}, env=CARTPOLE, seeds=[1, 2, 0], num_tests=2)
    runs = ran(workload, tmp_path)
    assert [run.status for run in runs] == [Status.FAILED, Status.FAILED, Status.COMPLETED]
    assert [run.file.fail_kind for run in runs] == ["error", "error", None]
    assert "returned NaN" in runs[0].file.fail_trace


def test_a_network_whose_outputs_are_no_numbers_fails_its_run(tmp_path):
    overrides = {
        "bc.optimizer_kwargs.lr": 1e19,
        "policy.activation_fn": "relu",
        "bc.n_batches": 1,
        "demonstrations.n_expert_demos": 1,
    }
    workload = AlgorithmWorkload("bc", env="seals/Swimmer-v1", seeds=[0, 1], overrides=overrides, num_tests=1)
    assert [(run.status, run.file.fail_kind) for run in ran(workload, tmp_path)] == [(Status.FAILED, "error")] * 2


@pytest.mark.usefixtures("here")
def test_what_was_kept_is_copied_whole_or_not_at_all(tmp_path, monkeypatch):
    """A worker that is killed while it copies leaves nothing that the next one takes for all."""
    config = {"keeps": True, "fallen": str(tmp_path / "fallen")}
    workload = AlgorithmWorkload(f"{HERE}:stumbling", config=config, env=CARTPOLE, seeds=0, num_tests=1)
    out = tmp_path / "out"
    (fell,) = ran(workload, out)
    (case,) = workload.cases()
    config = ConfigFile(seed=0, case=case)
    killed = Store(out).claim(case, Need(rerun_up_to=1), config, Start(start_time=now(), host={}))

    def kill(_source, target):
        Path(target).mkdir()
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("shutil.copytree", kill)
        with pytest.raises(KeyboardInterrupt):
            learning._begin(killed.artifacts, case)
    killed.commit(Status.FAILED)
    (run,) = execute(workload, Store(out), launcher=Local(1), rerun_failed=True).values()
    assert run.file.result["began"] == f"gone on from episode 1 of {fell.folder.name}"


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("keeps", [True, False])
def test_a_run_says_whether_it_went_on_from_what_an_earlier_attempt_kept(keeps, tmp_path):
    config = {"keeps": keeps, "fallen": str(tmp_path / "fallen")}
    workload = AlgorithmWorkload(f"{HERE}:stumbling", config=config, env=CARTPOLE, seeds=0, num_tests=1)
    out = tmp_path / "out"
    (fell,) = ran(workload, out)
    assert fell.status is Status.FAILED
    (run,) = execute(workload, Store(out), launcher=Local(1), rerun_failed=True).values()
    assert run.status is Status.COMPLETED, run.file.fail_trace
    first = fell.folder.name
    told = f"gone on from episode 1 of {first}" if keeps else f"begun anew, as {first} left nothing to go on from"
    assert run.file.result["began"] == told
    found = values(run)[TRAINING]
    assert (found["num_steps"], found["num_episodes"]) == (1000, 2)
    artifacts = run.folder / "artifacts"
    assert [(one.index, one.num_steps, one.length) for one in read_episodes(artifacts)] == [
        (0, 500, 500),
        (1, 1000, 500),
    ]
    assert [(one.step, one.values) for one in read_scalars(artifacts)] == [
        (500, {"played": 0.0}),
        (1000, {"played": 1.0}),
    ]
    before, after = (one.seconds for one in read_episodes(artifacts))
    assert 0 < before < after


def test_where_there_is_no_expert_demonstrations_are_enough(tmp_path):
    path = tmp_path / "shown.npz"
    shown = play(lambda: make("Acrobot-v1"), lambda seen: (seen[:, 5] > 0).astype(np.int64) * 2, seeds=range(3))
    write_npz(path, shown, environment="Acrobot-v1")
    workload = AlgorithmWorkload(
        "bc",
        env="Acrobot-v1",
        seeds=0,
        overrides={"bc.n_batches": 200},
        demonstrations=str(path),
        num_tests=2,
    )
    (run,) = ran(workload, tmp_path / "out")
    assert run.status is Status.COMPLETED, run.file.fail_trace
    result = run.file.result
    assert result["demonstrations"]["num_episodes"] == 3
    assert set(result["references"]) == {"random"}
    (case,) = workload.cases()
    other = tmp_path / "other.npz"
    write_npz(other, first_episodes(shown, 2), environment="Acrobot-v1")
    given = workload.describe().init_args
    assert only_case({**given, "demonstrations": str(other)}).id != case.id
    moved = path.rename(tmp_path / "moved.npz")
    assert only_case({**given, "demonstrations": str(moved)}).id == case.id
    assert "expert_stats" not in result


def test_demonstrations_of_another_environment_are_refused_with_both_shapes(tmp_path):
    path = tmp_path / "shown.npz"
    write_npz(
        path,
        play(lambda: make("Acrobot-v1"), lambda seen: (seen[:, 0] > 0).astype(np.int64), seeds=[0]),
        environment=None,
    )
    workload = AlgorithmWorkload("bc", env=CARTPOLE, seeds=0, demonstrations=str(path))
    with pytest.raises(UserError, match=r"6.*4|4.*6"):
        ran(workload, tmp_path / "out")


def test_demonstrations_that_say_they_are_of_another_environment_are_told_of(tmp_path):
    path = tmp_path / "shown.npz"
    shown = play(lambda: make(CARTPOLE), lambda seen: (seen[:, 0] > 0).astype(np.int64), seeds=[0])
    write_npz(path, shown, environment="x/Other-v3")
    workload = AlgorithmWorkload(
        "bc", env=CARTPOLE, seeds=0, demonstrations=str(path), overrides={"bc.n_batches": 1}, num_tests=0
    )
    (run,) = ran(workload, tmp_path / "out")
    (warning,) = run.file.result["warnings"]
    assert "say that they are of x/Other-v3" in warning


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"seeds": [0.5]}, "seeds are whole numbers"),
        ({"seeds": "0..1"}, "seeds are whole numbers"),
        ({"num_tests": "5"}, "num_tests='5': it must be a whole number"),
        ({"env": 3}, "env=3: it must be the id of an environment"),
        ({"expert": 7}, "expert=7: it must be a text"),
        ({"overrides": ["bc.n_batches=5"]}, "it must be a mapping"),
        ({"overrides": {"bc.l2_weight": float("nan")}}, "bc.l2_weight can't be nan"),
        ({"overrides": {"environment.gym_id": CARTPOLE}}, "is said by --env"),
        ({"algo": upright}, "named by its path"),
    ],
)
def test_arguments_of_other_types_are_refused(arguments, sentence):
    with pytest.raises(UserError, match=sentence):
        AlgorithmWorkload(**{"algo": "bc", "env": CARTPOLE, **arguments})


def test_a_setting_of_a_part_leaves_the_rest_of_it_as_by_default():
    workload = AlgorithmWorkload("dagger", env=CARTPOLE, overrides={"dagger.beta_schedule.rampdown_rounds": 3})
    assert workload.config_of(CARTPOLE)["dagger"]["beta_schedule"] == {"kind": "linear", "rampdown_rounds": 3}


def test_a_zip_of_stable_baselines_shows_how_it_is_done_where_it_is_trusted(tmp_path):
    model = PPO("MlpPolicy", make(CARTPOLE), n_steps=64, seed=0, policy_kwargs={"net_arch": [8]}, device="cpu")
    model.save(tmp_path / "model.zip")
    given = {"env": CARTPOLE, "seeds": 0, "expert": str(tmp_path / "model.zip"), "num_tests": 1}
    with pytest.raises(UserError, match="pass --trust"):
        ran(AlgorithmWorkload("bc", overrides={"bc.n_batches": 2}, **given), tmp_path / "out")
    assert not list((tmp_path / "out").rglob("run.json"))
    (run,) = ran(AlgorithmWorkload("bc", overrides={"bc.n_batches": 2}, trust=True, **given), tmp_path / "out")
    assert run.status is Status.COMPLETED, run.file.fail_trace
    assert run.file.result["demonstrations"]["expert"] == str(tmp_path / "model.zip")
    assert not list((run.folder / "artifacts").glob("stage*"))
