from __future__ import annotations

import pytest

from rlgauge.core.errors import UserError
from rlgauge.core.workload import build
from rlgauge.kinds.train.algorithm_workload import AlgorithmWorkload
from rlgauge.kinds.train.original.task import SCRIPTS
from rlgauge.kinds.train.original.workload import OriginalWorkload

CARTPOLE = "seals/CartPole-v0"
COMPARED = {"algo": "preference_comparisons", "env": CARTPOLE}


def only(workload):
    (case,) = workload.cases()
    return case


def test_the_settings_are_spelled_as_sacred_reads_them():
    overrides = {"bc.train_kwargs.n_epochs": None, "environment.parallel": False, "bc.optimizer_cls": "SGD", "x.y": 0.1}
    workload = OriginalWorkload("bc", env=CARTPOLE, seeds=0, overrides=overrides, num_tests=7)
    assert workload.updates(CARTPOLE) == [
        "policy_evaluation.n_episodes_eval=7",
        "bc.optimizer_cls='SGD'",
        "bc.train_kwargs.n_epochs=None",
        "environment.parallel=False",
        "x.y=0.1",
    ]


def test_without_tests_the_script_plays_one_episode_as_it_can_not_do_with_none():
    assert OriginalWorkload("bc", env=CARTPOLE, num_tests=0).updates(CARTPOLE) == [
        "policy_evaluation.n_episodes_eval=1"
    ]


def test_what_was_tuned_for_each_environment_is_named_to_the_script():
    workload = OriginalWorkload("gail", config_name="tuned", env=["seals/Ant-v1", "seals/Walker2d-v1"], seeds=0)
    assert [workload.updates(env)[0] for env in workload.envs] == ["gail_seals_ant", "gail_seals_walker"]
    assert [case.labels["config_name"] for case in workload.cases()] == ["gail_seals_ant", "gail_seals_walker"]


def test_the_algorithm_is_called_as_ours_and_labelled_with_the_library():
    theirs = only(OriginalWorkload("bc", env=CARTPOLE, seeds=3))
    ours = only(AlgorithmWorkload("bc", env=CARTPOLE, seeds=3))
    assert [theirs.labels[name] for name in ("algorithm", "task", "train_seed")] == ["bc", CARTPOLE, "3"]
    assert theirs.labels["library"] == "imitation"
    assert theirs.id != ours.id
    assert theirs.params["algorithm"]["expert"] == ours.params["algorithm"]["expert"]


def test_another_setting_is_another_case():
    plain = only(OriginalWorkload("bc", env=CARTPOLE, seeds=0))
    other = only(OriginalWorkload("bc", env=CARTPOLE, seeds=0, overrides={"bc.batch_size": 64}))
    assert plain.id != other.id
    assert plain.labels["settings"] != other.labels["settings"]


def test_the_order_of_the_settings_is_no_other_case():
    one, other = ({"bc.batch_size": 64, "bc.l2_weight": 0.1}, {"bc.l2_weight": 0.1, "bc.batch_size": 64})
    cases = [only(OriginalWorkload("bc", env=CARTPOLE, seeds=0, overrides=given)) for given in (one, other)]
    assert cases[0].id == cases[1].id


def test_a_setting_within_another_is_given_after_it_where_it_was():
    overrides = {"bc.train_kwargs.n_epochs": 3, "bc.train_kwargs": {"n_batches": 5}}
    updates = OriginalWorkload("bc", env=CARTPOLE, seeds=0, overrides=overrides).updates(CARTPOLE)
    assert updates[1:] == ["bc.train_kwargs.n_epochs=3", "bc.train_kwargs={'n_batches': 5}"]


@pytest.mark.parametrize("algorithm", SCRIPTS)
def test_another_process_makes_the_same_workload(algorithm):
    workload = OriginalWorkload(algorithm, env=CARTPOLE, seeds=[3, 4], overrides={"rl.b": [1, 2]}, num_tests=3)
    again = build(workload.describe())
    assert [case.id for case in again.cases()] == [case.id for case in workload.cases()]


def test_it_learns_from_as_many_episodes_as_are_asked_for_and_from_twenty_otherwise():
    fewer = OriginalWorkload("bc", env=CARTPOLE, overrides={"demonstrations.n_expert_demos": 2})
    assert len(fewer.shown(CARTPOLE).demonstrations.lengths) == 2
    assert len(OriginalWorkload("bc", env=CARTPOLE).shown(CARTPOLE).demonstrations.lengths) == 20


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({}, "--algo"),
        ({"algo": "sqil", "env": CARTPOLE}, "Unknown algorithm 'sqil'"),
        ({"algo": "bc", "library": "immitation", "env": CARTPOLE}, "Did you mean 'imitation'"),
        ({"algo": "gail", "config_name": "bc_seals_ant"}, "one of bc, not of gail"),
        ({"algo": "bc", "config_name": "tuned", "env": CARTPOLE}, "not tuned for seals/CartPole-v0"),
        ({"algo": "bc"}, "--env"),
        ({"algo": "bc", "env": CARTPOLE, "overrides": {"seed": 1}}, "seed is said by --seeds"),
        ({"algo": "bc", "env": CARTPOLE, "num_tests": -1}, "num_tests=-1"),
        (
            {**COMPARED, "expert": CARTPOLE},
            r"Nothing is shown to preference_comparisons: leave out --expert \(expert\)",
        ),
        ({**COMPARED, "demonstrations": "x"}, r"leave out --demonstrations \(demonstrations\)"),
        ({**COMPARED, "config_name": "bc_seals_ant"}, "one of bc, not of preference_comparisons"),
        ({**COMPARED, "overrides": {"total_timestep": 1}}, "Did you mean 'total_timesteps'"),
        ({**COMPARED, "overrides": {"demonstrations.n_expert_demos": 1}}, "setting of preference_comparisons"),
    ],
)
def test_what_can_not_be_trained_is_refused(arguments, told):
    with pytest.raises(UserError, match=told):
        OriginalWorkload(**arguments)


def test_to_preference_comparisons_nothing_is_shown_and_no_expert_is_a_part_of_the_case():
    workload = OriginalWorkload(**COMPARED, seeds=3, overrides={"rl.batch_size": 512})
    assert (workload.expert_of(CARTPOLE), workload.shown(CARTPOLE)) == (None, None)
    assert "expert" not in only(workload).params["algorithm"]
    assert workload.reference_of(CARTPOLE) == OriginalWorkload("bc", env=CARTPOLE).expert_of(CARTPOLE)
    assert OriginalWorkload("preference_comparisons", env="CartPole-v1").reference_of("CartPole-v1") is None


def test_an_algorithm_of_the_library_alone_is_told_to_be_so():
    with pytest.raises(UserError, match="preference_comparisons is trained by the original library alone: add --lib"):
        AlgorithmWorkload(**COMPARED)


def test_dagger_needs_an_expert_where_a_data_set_is_enough_for_others(tmp_path):
    arguments = {"env": "CartPole-v1", "demonstrations": str(tmp_path)}
    assert OriginalWorkload("bc", **arguments).expert_of("CartPole-v1") is None
    with pytest.raises(UserError, match=r"No expert of CartPole-v1 is shipped: name one with --expert"):
        OriginalWorkload("dagger", **arguments).expert_of("CartPole-v1")
