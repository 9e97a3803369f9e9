from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from rlgauge.core.errors import UserError
from rlgauge.importers import read
from tests.core.test_index import case, measured


def damaged(root: Path) -> Path:
    attempt = measured(root, case(seed=1), 1.0)
    (attempt.folder / "config.json").write_text("{")
    return attempt.folder


def test_a_damaged_run_is_a_note_and_the_others_are_read(tmp_path: Path) -> None:
    folder = damaged(tmp_path / "out")
    measured(tmp_path / "out", case(seed=2), 1.0)
    found = read([tmp_path / "out"])
    assert [reading.seed for reading in found.readings] == [2]
    (note,) = found.notes
    assert note.startswith(f"{folder}/config.json is damaged (")


def test_a_damaged_run_in_a_zip_file_is_told_of_where_it_lies(tmp_path: Path) -> None:
    damaged(tmp_path / "out")
    measured(tmp_path / "out", case(seed=2), 1.0)
    archive = shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path, "out")
    (note,) = read([archive]).notes
    assert note.startswith(f"{archive}/out/evaluate/")


def test_where_nothing_but_damaged_runs_is_found_that_is_said(tmp_path: Path) -> None:
    folder = damaged(tmp_path / "out")
    with pytest.raises(UserError, match=rf"^Nothing in .* {folder}/config\.json is damaged \("):
        read([tmp_path / "out"])
