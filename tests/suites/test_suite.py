from __future__ import annotations

import pytest

from rlgauge.core.errors import UserError
from rlgauge.suites.suite import Entry, find, read, shipped

WHOLE = """
description: >
  Two commands
  and a target.
entries:
  - throughput: {env: cartpole, num_envs: [1, 10k], full: true}
  - benchmark: {policy: random}
targets:
  - of: {env: cartpole, library: rlgauge, num_envs: 10k}
    quantity: steps_per_second
    at_least: 2.5M
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "mine.yaml"


def test_a_file_says_what_is_run_and_what_is_to_be_reached(path):
    path.write_text(WHOLE)
    suite = find(str(path))
    assert (suite.name, suite.description) == ("mine", "Two commands and a target.")
    assert suite.entries == [
        Entry("throughput", {"env": "cartpole", "num_envs": [1, "10k"], "full": True}),
        Entry("benchmark", {"policy": "random"}),
    ]
    (target,) = suite.targets
    assert (target.quantity, target.bound, target.ratio_to) == ("steps_per_second", 2.5e6, None)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "description:",
            "descripton:",
            "mine.yaml, its outermost level: unknown name 'descripton'. Did you mean 'desc",
        ),
        ("quantity:", "quantty:", "mine.yaml, target 1: unknown name 'quantty'. Did you mean 'quantity'?"),
        ("    quantity: steps_per_second\n", "", "target 1: quantity is missing."),
        ("  - benchmark: {policy: random}", "  - {a: {}, b: {}}", "entry 2 names a, b: an entry is one command"),
        ("  - benchmark: {policy: random}", "  - {}", "entry 2 names nothing: an entry is one command"),
        ("{policy: random}", "{policy: []}", "entry 2: policy has no values"),
        ("{policy: random}", "{policy: }", "entry 2: policy: expected"),
        ("{policy: random}", "3", "entry 2: expected `object`, got `int`."),
        ("{policy: random}", "{policy: random, policy: zero}", "is no YAML: 'policy' is there twice"),
        ("{policy: random}", "{policy: [}", "is no YAML"),
        ("at_least: 2.5M", "at_least: many", "target 1: 'many' is no number"),
        ("at_least: 2.5M", "at_least: 1\n    at_most: 2", "target 1: a target has either at_least or at_most."),
        ("    at_least: 2.5M\n", "", "target 1: a target has either at_least or at_most."),
    ],
)
def test_a_mistake_is_told_with_its_place(old, new, message, path):
    assert old in WHOLE
    path.write_text(WHOLE.replace(old, new))
    with pytest.raises(UserError) as told:
        read(path)
    assert message in str(told.value)
    assert str(told.value).startswith(str(path))


def test_a_suite_without_entries_and_one_that_is_not_there_are_told(path):
    with pytest.raises(UserError, match="There is no suite"):
        find(str(path))
    path.write_text("description: nothing\nentries: []\n")
    with pytest.raises(UserError, match="nothing to run"):
        find(str(path))
    path.write_bytes(b"\xff\xfe\x00\x00")
    with pytest.raises(UserError, match="no YAML"):
        find(str(path))


def test_the_four_matrices_are_shipped_and_a_wrong_name_is_told():
    names = ["chunk", "comparison", "memory", "scaling"]
    assert {f"throughput-{name}" for name in names} <= set(shipped())
    with pytest.raises(UserError, match="Did you mean 'throughput-scaling'"):
        find("throughput-scalin")


def test_a_mapping_may_take_over_another(path):
    path.write_text("description: x\nentries:\n  - throughput: &a {env: x}\n  - throughput: {<<: *a, env: y}\n")
    assert [entry.options for entry in find(str(path)).entries] == [{"env": "x"}, {"env": "y"}]
