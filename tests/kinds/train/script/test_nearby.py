"""Files beside a script, which it names relatively."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlgauge.kinds.train.script import nearby


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "scripts"
    (made / "configs").mkdir(parents=True)
    (made / "settings.yml").write_text("steps: 10\n")
    (made / "configs" / "ppo_args.json").write_text("{}")
    (made / "weights.pt").write_bytes(b"old")
    return made


@pytest.fixture
def into(tmp_path: Path) -> Path:
    made = tmp_path / "work"
    made.mkdir()
    return made


def test_settings_that_the_source_names_are_copied_with_their_folders(folder: Path, into: Path) -> None:
    texts = [
        "settings.yml",
        "configs/ppo_args.json",
        "missing.yaml",
        "",
        "two\nlines.yml",
        "nul\0.yml",
        "x" * 5000 + ".yml",
    ]
    assert nearby.bring(folder, into, texts=texts, args=[]) == ["configs/ppo_args.json", "settings.yml"]
    assert (into / "settings.yml").read_text() == "steps: 10\n"
    assert (into / "configs" / "ppo_args.json").read_text() == "{}"


def test_what_an_earlier_run_may_have_left_is_not_copied_unless_the_arguments_name_it(folder: Path, into: Path) -> None:
    (folder / "results.json").write_text("[1, 2]")
    assert nearby.bring(folder, into, texts=["weights.pt", "results.json"], args=["--steps", "10"]) == []
    assert nearby.bring(folder, into, texts=[], args=["--load=weights.pt"]) == ["weights.pt"]


def test_nothing_is_copied_over_a_file_or_from_elsewhere(folder: Path, into: Path) -> None:
    (into / "settings.yml").write_text("mine")
    texts = ["settings.yml", "../scripts/settings.yml", str(folder / "settings.yml")]
    assert nearby.bring(folder, into, texts=texts, args=[]) == []
    assert (into / "settings.yml").read_text() == "mine"
    assert [path.name for path in into.iterdir()] == ["settings.yml"]


def test_a_file_that_lies_beside_the_script_is_told_of_where_it_was_not_found(folder: Path) -> None:
    error = FileNotFoundError(2, "No such file or directory", "weights.pt")
    assert "weights.pt lies beside it" in nearby.advice(error, folder)
    assert nearby.advice(FileNotFoundError(2, "No such file or directory", "other.pt"), folder) == ""
    assert nearby.advice(FileNotFoundError("weights.pt"), folder) == ""
    assert nearby.advice(ValueError("weights.pt"), folder) == ""


def test_a_package_above_the_script_is_told_of_where_it_was_not_found(folder: Path) -> None:
    (folder.parent / "pack").mkdir()
    (folder.parent / "pack" / "__init__.py").touch()
    missing = ModuleNotFoundError("No module named 'pack'", name="pack.training")
    assert nearby.advice(missing, folder) == f" pack lies in {folder.parent}: add that folder to PYTHONPATH."
    assert nearby.advice(ModuleNotFoundError("No module named 'gym'", name="gym"), folder) == ""


def test_a_relative_import_is_advised_on() -> None:
    with pytest.raises(ImportError) as caught:
        exec("from . import training", {"__name__": "__main__"})
    assert "python -m package.module" in nearby.advice(caught.value, Path())
    assert nearby.advice(ImportError("cannot import name 'x'"), Path()) == ""
