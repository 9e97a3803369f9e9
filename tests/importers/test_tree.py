from __future__ import annotations

import zipfile

import pytest

from rlgauge.importers.tree import Archive, DiskFolder, ZipFolder, join, natural


@pytest.mark.parametrize("size", [0, 1, 8191, 8192, 8193, 100_000])
def test_files_of_any_size_are_read_whole(tmp_path, size):
    content = bytes(i % 251 for i in range(size))
    (tmp_path / "x").write_bytes(content)
    folder = DiskFolder(str(tmp_path))
    assert folder.read("x") == content
    assert folder.size("x") == size
    assert folder.read("y") is None
    assert folder.child("x").read("run.json") is None


def test_a_zip_file_is_listed_as_its_folder_is(tmp_path):
    for name in ("b/10/x", "b/9/x", "a.txt"):
        (tmp_path / "f" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "f" / name).write_text(name)
    with zipfile.ZipFile(tmp_path / "f.zip", "w") as file:
        for path in (tmp_path / "f").rglob("*"):
            if path.is_file():
                file.write(path, path.relative_to(tmp_path / "f"))
    disk, archive = DiskFolder(str(tmp_path / "f")), Archive.open(str(tmp_path / "f.zip"))
    with archive.file:
        inside = ZipFolder(archive, "f.zip")
        assert inside.listing() == disk.listing() == (["a.txt"], ["b"], [])
        assert inside.child("b").listing() == disk.child("b").listing() == ([], ["9", "10"], [])
        assert inside.child("b").child("9").read("x") == b"b/9/x"
        assert inside.child("b").path == "f.zip/b"
        assert inside.child("c").listing() == ([], [], [])


def test_a_link_in_a_zip_file_is_a_link(tmp_path):
    entry = zipfile.ZipInfo("log/sacred")
    entry.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "f.zip", "w") as file:
        file.writestr(entry, "../../x")
    archive = Archive.open(str(tmp_path / "f.zip"))
    with archive.file:
        assert archive.folders["log/"].links == ["sacred"]


def test_numbers_sort_as_numbers_and_before_names():
    assert sorted(["10", "b", "9", "a"], key=natural) == ["9", "10", "a", "b"]
    assert join(".", "x") == "x"
    assert join("a", "x") == "a/x"
