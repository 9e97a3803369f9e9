"""Workloads are described, found again by their class path, and refused in a sentence."""

from __future__ import annotations

import subprocess
import sys
import types
from pathlib import Path

import pytest

from rlgauge.core.errors import UserError
from rlgauge.core.workload import Description, build, class_path, describe_arguments, import_object
from tests import toys


def test_a_described_workload_is_built_again_with_its_arguments() -> None:
    toy = toys.ScriptOverSeeds(seeds=3)
    again = build(toy.describe())
    assert isinstance(again, toys.ScriptOverSeeds)
    assert again.arguments == {"seeds": 3}
    assert [case.id for case in again.cases()] == [case.id for case in toy.cases()]


def test_what_is_no_workload_is_refused() -> None:
    with pytest.raises(UserError, match=r"^collections:OrderedDict is no workload"):
        build(Description("collections:OrderedDict"))


@pytest.mark.parametrize("path", ["tests.toys:Search", "tests.toys.Search"])
def test_a_class_path_may_have_a_colon_or_a_dot(path: str) -> None:
    assert import_object(path) is toys.Search


def test_a_nested_name_is_found_after_a_colon() -> None:
    assert import_object("tests.toys:Toy.describe") is toys.Toy.describe


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("Search", "'Search' is no class path: write package.module:Name or package.module.Name."),
        ("tests.toys:", "'tests.toys:' is no class path: write package.module:Name or package.module.Name."),
        ("tests.toyz:Search", "There is no module 'tests.toyz' (of 'tests.toyz:Search'); is it installed, and on "),
        ("nowhere.toys:Search", "There is no module 'nowhere' (of 'nowhere.toys:Search'); is it installed, and on "),
        ("tests.toys:Serch", "Unknown name in tests.toys 'Serch'. Did you mean 'Search'?"),
    ],
)
def test_a_wrong_class_path_is_told_in_a_sentence(path: str, sentence: str) -> None:
    with pytest.raises(UserError) as caught:
        import_object(path)
    assert str(caught.value).startswith(sentence)


def test_a_module_that_needs_another_says_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "needy_module.py").write_text("import not_installed_anywhere\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match=r"'needy_module' needs 'not_installed_anywhere', which is not installed"):
        import_object("needy_module:Thing")


def test_a_class_inside_a_function_cannot_be_described() -> None:
    class Inner:
        pass

    with pytest.raises(UserError, match=r"^Inner is defined inside a function, so no other process can make it: "):
        class_path(Inner)


def test_the_class_path_of_a_class_leads_back_to_it() -> None:
    assert import_object(class_path(toys.Search)) is toys.Search


@pytest.mark.parametrize(
    ("guard", "said"),
    [("if __name__ == '__main__':\n    ", "program:Mine"), ("", "Mine is defined in the program being run")],
)
def test_a_class_of_the_program_is_found_where_the_program_is_guarded(guard: str, said: str, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    ending = "try:\n    print(class_path(Mine))\nexcept UserError as error:\n    print(error)\n"
    guarded = ending.replace("\n", "\n    ").rstrip() + "\n" if guard else ending
    program.write_text(
        "from rlgauge.core.errors import UserError\nfrom rlgauge.core.workload import class_path\n"
        f"class Mine:\n    pass\n{guard}{guarded}"
    )
    printed = subprocess.run([sys.executable, str(program)], check=True, capture_output=True, text=True).stdout
    assert printed.startswith(said)


def test_arguments_are_described_as_json() -> None:
    given = {"path": "a.zip", "sizes": (1, 2.0), "more": {"on": True}}
    assert describe_arguments("Mine", given) == {"path": "a.zip", "sizes": [1, 2], "more": {"on": True}}


@pytest.mark.parametrize("value", [object(), types.SimpleNamespace(), float("nan"), lambda: None])
def test_a_live_argument_is_refused_by_its_name(value: object) -> None:
    with pytest.raises(
        UserError, match=r"^Mine was given policy=.*, a live object that no other process has: leave out"
    ):
        describe_arguments("Mine", {"name": "x", "policy": value})
