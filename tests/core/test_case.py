"""A case is named by its content, and by nothing else."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlgauge.core.case import Case, canonical, fingerprint, slug

EXACT = 2**53
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=12
)
PARAMS = st.dictionaries(st.text(), JSON, max_size=5)


def make(**changes: object) -> Case:
    content = {"workload": "evaluate", "name": "reach", "params": {"task": "reach", "first": 0}, "seed": 3}
    return Case(**{**content, **changes})


def reversed_everywhere(value: object) -> object:
    """The same JSON with the keys of every object in the opposite order."""
    if isinstance(value, dict):
        return {key: reversed_everywhere(value[key]) for key in reversed(list(value))}
    return [reversed_everywhere(item) for item in value] if isinstance(value, list) else value


def respelled(value: object) -> object:
    """The same JSON with whole numbers as floats and lists as tuples."""
    if isinstance(value, dict):
        return {key: respelled(item) for key, item in value.items()}
    if isinstance(value, list):
        return tuple(respelled(item) for item in value)
    is_whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) <= EXACT
    return float(value) if is_whole else value


@given(PARAMS)
def test_key_order_does_not_change_the_id(params: dict) -> None:
    assert make(params=params).id == make(params=reversed_everywhere(params)).id


@given(PARAMS)
def test_whole_floats_and_tuples_do_not_change_the_id(params: dict) -> None:
    assert make(params=params).id == make(params=respelled(params)).id


@given(PARAMS)
def test_a_case_read_back_from_json_has_the_same_id(params: dict) -> None:
    case = make(params=params)
    assert msgspec.json.decode(msgspec.json.encode(case), type=Case).id == case.id
    assert make(params=json.loads(json.dumps(params))).id == case.id


@given(JSON, JSON)
def test_equal_ids_mean_equal_content(one: object, other: object) -> None:
    same = json.dumps(canonical(one), sort_keys=True) == json.dumps(canonical(other), sort_keys=True)
    assert (fingerprint(one) == fingerprint(other)) == same


@given(JSON)
def test_the_canonical_form_is_its_own_canonical_form(value: object) -> None:
    once = canonical(value)
    assert json.dumps(canonical(once)) == json.dumps(once)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (True, 1),
        (False, 0),
        (1, "1"),
        (None, 0),
        (None, ""),
        ([], {}),
        ([1], 1),
        ([1, 2], [2, 1]),
        ([[1], 2], [1, [2]]),
        ({"a": {"b": 1}}, {"a": 1, "b": 1}),
        (EXACT, EXACT + 1),
        (0.1, 0.1 + 2**-56),
        ("é", "e\u0301"),
    ],
)
def test_different_content_has_different_ids(one: object, other: object) -> None:
    assert make(params={"x": one}).id != make(params={"x": other}).id


@pytest.mark.parametrize("changes", [{"seed": 4}, {"name": "push"}, {"workload": "train"}, {"params": {}}])
def test_every_part_of_the_content_is_in_the_id(changes: dict) -> None:
    assert make(**changes).id != make().id


def test_labels_are_no_part_of_the_id() -> None:
    assert make(labels={"policy": "mine"}).id == make().id


def test_the_id_is_the_same_as_when_the_first_stores_were_written() -> None:
    params = {"task": "reach", "lr": 3e-4, "layers": (64, 64.0), "on": True, "none": None, "ü": {"b": 1, "a": [1.5]}}
    assert make(params=params).id == "1dc6c14ddb75"


def test_the_id_is_the_same_in_processes_that_hash_differently() -> None:
    code = (
        "from rlgauge.core.case import Case\n"
        "names = {'alpha', 'beta', 'gamma', 'delta', 'epsilon'}\n"
        "print([*names], Case(workload='w', name='n', params={name: {name: 1} for name in names}).id)"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split("] ")
        for seed in ("1", "2", "3")
    ]
    assert len({order for order, _ in said}) > 1
    assert len({case_id for _, case_id in said}) == 1


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="numbers must be finite"):
        canonical({"a": [number]})


@pytest.mark.parametrize("value", [b"bytes", {1, 2}, object(), {1: "a"}, {None: 1}])
def test_what_json_cannot_say_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="JSON"):
        canonical([value])


@pytest.mark.parametrize("value", ["\udcff", {"\udcff": 1}])
def test_a_text_that_no_file_can_hold_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="surrogates not allowed"):
        canonical(value)


@given(st.text())
def test_a_slug_is_a_safe_file_name(text: str) -> None:
    made = slug(text)
    assert re.fullmatch(r"[A-Za-z0-9_=+][A-Za-z0-9._=+-]*|[._=+][A-Za-z0-9._=+-]*", made)
    assert not made.startswith((".", "-"))
    assert len(made) <= 80


@given(st.text(), st.text())
def test_a_case_folder_stays_inside_the_store(workload: str, name: str) -> None:
    parts = make(workload=workload, name=name).folder.split("/")
    assert len(parts) == 2
    assert not {"", ".", ".."} & set(parts)
