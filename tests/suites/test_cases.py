"""The cases of an entry that trains, and what is said of them."""

from __future__ import annotations

import pytest

from rlgauge.core.errors import UserError
from rlgauge.suites.cases import cases, selected, spread
from rlgauge.suites.suite import Budget, read

WHOLE = """
description: x
entries:
  - train:
      script: "{algo}.py"
      algo: [one, two]
      env: [A-v1, B-v1]
      seed: 0..2
      threads: 1
      args: {steps: 100, quick: false}
    exclude:
      - {algo: two, env: B-v1}
    include:
      - {algo: three, env: C-v1, seed: 7}
    overrides:
      - where: {algo: one}
        threads: 2
        args: {steps: 200}
      - where: {algo: one, env: [B-v1]}
        args: {steps: 300}
      - where: {env: B-v1, budget: smoke}
        args: {quick: true}
    smoke: {seed: 0, args: {steps: 5}}
"""


@pytest.fixture
def found(tmp_path):
    def found(text=WHOLE, budget=Budget.FULL):
        path = tmp_path / "mine.yaml"
        path.write_text(text)
        return cases("entry 1", read(path).entries[0], budget)

    return found


def places(some):
    return [(case.axes["algo"], case.axes["env"], case.axes["seed"]) for case in some]


def test_axes_multiply_less_what_is_excluded_plus_what_is_included(found):
    pairs = [("one", "A-v1"), ("one", "B-v1"), ("two", "A-v1")]
    expected = [(algo, env, seed) for algo, env in pairs for seed in range(3)]
    assert places(found()) == [*expected, ("three", "C-v1", 7)]


def test_an_override_holds_for_its_cases_and_the_later_one_wins(found):
    steps = {(case.axes["algo"], case.axes["env"]): case.args["steps"] for case in found()}
    assert steps == {("one", "A-v1"): 200, ("one", "B-v1"): 300, ("two", "A-v1"): 100, ("three", "C-v1"): 100}
    assert {case.options["threads"] for case in found() if case.axes["algo"] == "one"} == {2}
    assert {case.options["threads"] for case in found() if case.axes["algo"] != "one"} == {1}


def test_a_smoke_budget_replaces_axes_and_comes_before_all_overrides_but_its_own(found):
    some = found(budget=Budget.SMOKE)
    assert places(some) == [("one", "A-v1", 0), ("one", "B-v1", 0), ("two", "A-v1", 0), ("three", "C-v1", 7)]
    assert {case.args["steps"] for case in some} == {5}
    assert [case.args["quick"] for case in some] == [False, True, False, False]
    assert not any(case.args["quick"] for case in found())


def test_a_short_budget_is_one_of_its_own_beside_the_smoke_budget(found):
    text = f"{WHOLE}    short: {{seed: 0..1, args: {{steps: 50}}}}\n"
    some = found(text, Budget.SHORT)
    assert places(some) == [
        *((algo, env, seed) for algo, env in (("one", "A-v1"), ("one", "B-v1"), ("two", "A-v1")) for seed in (0, 1)),
        ("three", "C-v1", 7),
    ]
    assert {case.args["steps"] for case in some} == {50}
    assert not any(case.args["quick"] for case in some)
    own = found(text.replace("budget: smoke", "budget: [short, smoke]"), Budget.SHORT)
    assert [case.args["quick"] for case in own] == [case.axes["env"] == "B-v1" for case in own]
    assert {case.args["steps"] for case in found(text, Budget.SMOKE)} == {5}


def test_an_included_case_takes_all_values_of_the_axes_that_it_leaves_out(found):
    some = found(WHOLE.replace(", seed: 7}", "}"))
    assert places(some)[-3:] == [("three", "C-v1", seed) for seed in range(3)]


def test_what_is_included_and_there_already_is_there_once(found):
    some = found(WHOLE.replace("{algo: three, env: C-v1, seed: 7}", "{algo: one, env: A-v1}"))
    assert len(places(some)) == len(set(places(some))) == 9


def test_a_list_of_the_scripts_options_is_an_axis_too(found):
    some = found(WHOLE.replace("quick: false", "rate: [0.1, 0.2]").replace("quick: true", "fast: true"))
    first = [(case.axes["rate"], case.args["rate"]) for case in some[:6]]
    assert first == [(0.1, 0.1), (0.2, 0.2)] * 3


@pytest.mark.parametrize("budget", Budget)
def test_cases_are_selected_by_what_they_are_on_each_axis(tmp_path, budget):
    path = tmp_path / "mine.yaml"
    path.write_text(WHOLE)
    (entry,) = read(path).entries
    some = selected("entry 1", entry, budget, {"env": ["B-v1"], "seed": ["0", "2"]})
    assert places(some) == [("one", "B-v1", 0), ("one", "B-v1", 2)]
    assert {case.args["steps"] for case in some} == {5 if budget is Budget.SMOKE else 300}
    assert selected("entry 1", entry, budget, {"rate": ["1"]}) == []


def test_a_budget_keeps_its_own_seeds_where_it_has_all_that_are_wanted(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(WHOLE)
    (entry,) = read(path).entries
    assert {case.axes["seed"] for case in cases("entry 1", entry, Budget.SMOKE, seeds=["0"])} == {0, 7}


@pytest.mark.parametrize(
    ("value", "values"), [("0..2", [0, 1, 2]), (3, [3]), ([1, "4..5"], [1, 4, 5]), ("a..b", ["a..b"])]
)
def test_two_dots_stand_for_all_numbers_between(value, values):
    assert spread(value) == values


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{algo: two, env: B-v1}", "{algo: twoo}", "exclude: Unknown algo 'twoo'. Did you mean 'two'?"),
        ("{algo: two, env: B-v1}", "{alg: two}", "exclude: 'alg' is no axis. Did you mean 'algo'?"),
        ("{algo: three, env: C-v1, seed: 7}", "{sead: 7}", "include: 'sead' is no axis. Did you mean 'seed'?"),
        ("where: {algo: one}", "where: {env: D-v1}", "overrides, where: Unknown env 'D-v1'."),
        ("budget: smoke", "budget: smok", "overrides, where: Unknown budget 'smok'. Did you mean 'smoke'?"),
        ("threads: 2", "seed: 2", "overrides: seed is an axis"),
        ("threads: 2", "threads: [1, 2]", "overrides: threads has several values"),
        ("      - where: {algo: one}\n        threads: 2", "      - threads: 2", "overrides: `where` is missing"),
        ("seed: 0..2", "seed: 2..0", "seed has no values"),
        ("args: {steps: 100, quick: false}", "args: 3", "args: expected `object`, got `int`"),
        ("args: {steps: 100, quick: false}", "args: {steps: {a: 1}}", "args: steps: expected"),
        ("args: {steps: 100, quick: false}", "args: {env: [1]}", "env is both an option of the command and one"),
        ("exclude:\n      - {algo: two, env: B-v1}", "exclude: {algo: two}", "exclude: expected `array`, got `object`"),
        ("smoke: {seed: 0, args: {steps: 5}}", "smoke: 3", "smoke: expected `object`, got `int`"),
        ("smoke: {seed: 0, args: {steps: 5}}", "short: 3", "short: expected `object`, got `int`"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place(old, new, message, found):
    assert old in WHOLE
    with pytest.raises(UserError) as told:
        found(WHOLE.replace(old, new))
    assert f"entry 1, {message}" in str(told.value) or f"entry 1: {message}" in str(told.value)
