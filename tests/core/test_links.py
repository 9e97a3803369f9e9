from __future__ import annotations

import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from rlgauge.core import index
from rlgauge.core.links import BY_ALGORITHM, link_by_algorithm
from rlgauge.core.store import Store
from rlgauge.importers import read
from tests.core.test_index import case, measured


def linked(root: Path, seed: int, *, algorithm: str = "bc", task: str = "seals/CartPole-v0") -> Path:
    """A run with its link; the link."""
    own = case(algorithm, task, seed)
    link = link_by_algorithm(measured(root, own, float(seed)).folder, own)
    assert link is not None
    return link


def sources(path: Path) -> list[str]:
    return sorted(Path(reading.source).name for reading in read([path]).readings)


def test_a_link_is_named_by_algorithm_task_time_and_id_and_leads_to_the_run(tmp_path: Path) -> None:
    link = linked(tmp_path / "out", 3)
    (run,) = Store(tmp_path / "out").runs()
    assert link.parent == tmp_path / "out" / BY_ALGORITHM / "bc" / "seals-CartPole-v0"
    day, time, case_id = link.name.split("_")
    assert f"{day}T{time}" == run.file.start_time.partition(".")[0].replace("-", "").replace(":", "")
    assert case_id == run.case.id
    assert link.resolve() == run.folder.resolve()


def test_links_are_relative_so_that_a_store_can_be_moved(tmp_path: Path) -> None:
    link = linked(tmp_path / "out", 3)
    assert not link.readlink().is_absolute()
    (tmp_path / "out").rename(tmp_path / "elsewhere")
    moved = tmp_path / "elsewhere" / link.relative_to(tmp_path / "out")
    assert (moved / "run.json").is_file()


@pytest.mark.parametrize("name", ["../../../escape", "/etc", "..", "a b\nc", "zürich/ünï", ""])
def test_names_of_tasks_and_algorithms_never_lead_out_of_the_folder_of_links(tmp_path: Path, name: str) -> None:
    link = linked(tmp_path / "out", 3, algorithm=name, task=name)
    assert len(link.relative_to(tmp_path / "out" / BY_ALGORITHM).parts) == 3
    assert (link / "run.json").is_file()
    assert {entry.name for entry in tmp_path.iterdir()} == {"out"}


def test_a_second_link_of_a_case_in_the_same_second_leads_to_the_later_attempt(tmp_path: Path) -> None:
    link = linked(tmp_path / "out", 3)
    (run,) = Store(tmp_path / "out").runs()
    again = run.folder.with_name("2-abcdef")
    shutil.copytree(run.folder, again)
    assert link_by_algorithm(again, run.case) == link
    assert link.resolve() == again.resolve()
    assert len(list(link.parent.iterdir())) == 1


def test_what_lies_in_no_store_gets_no_link(tmp_path: Path) -> None:
    own = case(seed=3)
    (tmp_path / "alone" / "1-abcdef").mkdir(parents=True)
    assert link_by_algorithm(tmp_path / "alone" / "1-abcdef", own) is None
    assert not list(tmp_path.rglob(BY_ALGORITHM))


def test_links_are_no_runs_and_copies_that_followed_them_have_none_twice(tmp_path: Path) -> None:
    for seed in range(3):
        linked(tmp_path / "out", seed)
    subprocess.run(["cp", "-rL", "out", "copy"], cwd=tmp_path, check=True)
    assert (tmp_path / "copy" / BY_ALGORITHM).is_dir()
    assert not any(path.is_symlink() for path in (tmp_path / "copy").rglob("*"))
    archive = Path(shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path, "copy"))
    assert any(BY_ALGORITHM in name for name in zipfile.ZipFile(archive).namelist())
    assert len(sources(tmp_path / "out")) == 3
    for path in (tmp_path / "out", tmp_path / "copy"):
        assert len(index.readings(path)) == len(list(Store(path).runs())) == 3
    for path in (tmp_path / "copy", archive):
        found = read([path])
        assert len(found.readings) == 3
        assert not [note for note in found.notes if "more than once" in note]


def test_a_damaged_run_in_a_copy_that_followed_the_links_is_told_of_once(tmp_path: Path) -> None:
    linked(tmp_path / "out", 1)
    link = linked(tmp_path / "out", 2)
    (link / "run.json").write_text('{"status": "COMPL')
    subprocess.run(["cp", "-rL", "out", "copy"], cwd=tmp_path, check=True)
    assert sorted(reading.status for reading in read([tmp_path / "copy"]).readings) == ["COMPLETED", "DIED"]


def test_a_folder_of_links_can_be_read_by_itself(tmp_path: Path) -> None:
    linked(tmp_path / "out", 1)
    linked(tmp_path / "out", 2, algorithm="gail")
    linked(tmp_path / "out", 3, algorithm="gail")
    assert [reading.seed for reading in read([tmp_path / "out" / BY_ALGORITHM / "bc"]).readings] == [1]
    assert sorted(reading.seed or 0 for reading in read([tmp_path / "out" / BY_ALGORITHM / "gail"]).readings) == [2, 3]
    assert len(read([tmp_path / "out" / BY_ALGORITHM]).readings) == 3
