from __future__ import annotations

import pytest

from rlgauge.core.errors import UserError
from rlgauge.tune.question import STUDIES
from rlgauge.tune.report_study import best_so_far, default_values, is_study, read_report
from rlgauge.tune.trial import State, Trial
from tests.studied import FAILED, LEFT, PRUNED, asked, finished, searched


def trial(number, objective, state=State.COMPLETE):
    return Trial(number=number, state=state, values={}, objective=objective)


def test_what_was_written_is_read(tmp_path):
    trials, final = finished(tmp_path)
    report = read_report(tmp_path)
    assert report.trials == trials
    assert report.final == final
    assert report.question == asked()
    assert report.default == final.configurations[0]
    assert report.name == "bc in seals/CartPole-v0"


def test_a_study_half_way_has_what_there_is(tmp_path):
    searched(tmp_path, trials=9)
    assert is_study(tmp_path)
    report = read_report(str(tmp_path))
    assert [report.trials[number].state for number in (FAILED, PRUNED, LEFT)] == ["failed", "pruned", "running"]
    assert (report.final, report.default) == (None, None)
    assert report.name == "bc in seals/CartPole-v0"


def test_before_its_first_trial_ended_a_study_has_none(tmp_path):
    searched(tmp_path, trials=1)
    (tmp_path / STUDIES / "phase1.json").unlink()
    assert read_report(tmp_path).trials == []


def test_a_folder_with_phase_2_alone_has_no_question(tmp_path):
    finished(tmp_path)
    (tmp_path / STUDIES / "study.json").unlink()
    report = read_report(tmp_path)
    assert report.question is None
    assert report.name == "bc in seals/CartPole-v0"


def test_a_folder_without_a_study_says_what_begins_one(tmp_path):
    (tmp_path / STUDIES).mkdir()
    assert not is_study(tmp_path)
    with pytest.raises(UserError, match=r"There is no study in .*: `rlgauge tune SUITE --out .*` begins one"):
        read_report(tmp_path)


@pytest.mark.parametrize("name", ["phase1.json", "phase2.json"])
def test_a_damaged_file_is_named(tmp_path, name):
    finished(tmp_path)
    (tmp_path / STUDIES / name).write_text('{"trials": [{"number": "one"}]}')
    with pytest.raises(UserError, match=f"{name} is damaged .*: `rlgauge tune`, given again, writes it anew"):
        read_report(tmp_path)


def test_the_best_so_far_is_of_complete_trials():
    trials = [
        trial(0, None, State.FAILED),
        trial(1, 3.0),
        trial(2, 9.0, State.PRUNED),
        trial(3, -1.0),
        trial(4, 4.0),
        trial(5, None, State.RUNNING),
    ]
    assert best_so_far(trials) == [None, 3.0, 3.0, 3.0, 4.0, 4.0]


def test_the_default_has_the_values_of_its_configuration():
    assert default_values(asked()) == {
        "bc.batch_size": 32,
        "bc.optimizer_kwargs.lr": 0.0004,
        "bc.ent_weight": 0.001,
        "policy.activation_fn": "tanh",
    }
