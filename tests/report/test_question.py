from __future__ import annotations

import msgspec
import pytest

from rlgauge.compare.quantity import quantity_of
from rlgauge.compare.references import Normalisation
from rlgauge.core.errors import UserError
from rlgauge.core.run import Status
from rlgauge.report.configured import configured
from rlgauge.report.question import choose_quantity, group_of
from tests.compare.making import failed, reading, total


def test_the_formula_names_the_references():
    assert Normalisation("random", "expert").formula == "(score - random score) / (expert score - random score)"
    assert Normalisation(0.0, "expert").formula == "score / expert score"
    assert Normalisation(-10.0, 100.0).formula == "(score - (-10)) / (100 - (-10))"


def test_the_best_known_quantity_is_chosen_unless_one_is_named():
    runs = [reading("success", [1.0]), reading("return", [2.0])]
    assert choose_quantity(runs, None).name == "return"
    assert choose_quantity(runs, "success").name == "success"
    assert choose_quantity([reading("peak_bytes", [2.0])], None).name == "peak_bytes"


def test_the_return_of_a_training_is_the_score_where_nothing_was_tested():
    trained = msgspec.structs.replace(
        reading("seconds", [3.0]),
        totals={"seconds": total([3.0]), "num_steps": total([9.0]), "training_return": total([2.0])},
        units={"seconds": "s", "num_steps": "steps", "training_return": "reward"},
    )
    assert choose_quantity([trained], None).name == "training_return"
    assert choose_quantity([trained, reading("return", [2.0])], None).name == "return"


def test_a_quantity_that_was_not_measured_is_refused():
    with pytest.raises(UserError, match=r"Unknown score 'returns'. Did you mean 'return'"):
        choose_quantity([reading("return", [2.0])], "returns")


def test_several_unknown_quantities_are_a_question():
    with pytest.raises(UserError, match="The runs measured peak_bytes, seconds: say which"):
        choose_quantity([reading("peak_bytes", [2.0]), reading("seconds", [2.0])], None)


def test_what_a_failed_run_measured_is_no_score():
    broken = reading("return", [2.0], status=Status.FAILED)
    assert choose_quantity([broken, failed()], None).name == "score"
    assert choose_quantity([broken, failed()], "success").name == "success"


def test_times_and_sizes_are_better_when_less():
    for unit, is_less_better in (("s", True), ("MiB", True), ("reward", False), ("success", False), ("steps/s", False)):
        assert quantity_of("x", unit).is_less_better == is_less_better


def test_groups_are_named_by_their_dimensions():
    run = reading("return", [1.0], seed=3, labels={"lr": "0.1"}, settings="abc")
    assert group_of(run, ("algorithm",)) == "toy"
    assert group_of(run, ("algorithm", "lr", "settings")) == "toy, lr=0.1, settings=abc"
    assert group_of(run, ("seed", "task")) == "seed=3, CartPole-v1"
    assert group_of(reading("return", [1.0]), ("lr", "seed")) == "lr=none, seed=none"


def test_a_dimension_that_no_run_has_is_refused_with_those_they_have():
    runs = [reading("return", [1.0], labels={"lr": "0.1"}), reading("return", [1.0])]
    assert configured(runs, ("lr", "algorithm")) == (runs, ("lr", "algorithm"))
    with pytest.raises(UserError, match=r"Unknown dimension to group by 'lrs'. Did you mean 'lr'"):
        configured(runs, ("lrs",))
