"""Files are whole or absent; what the disk says is said in a sentence."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from rlgauge.core.files import StoreError, create_exclusively, plain_errors, read_if_there, write_all, write_atomic


@pytest.fixture
def below_a_file(tmp_path: Path) -> Path:
    """A path that nobody can make, not even root."""
    (tmp_path / "file").write_text("")
    return tmp_path / "file" / "out"


def fail_with(number: int):
    def fail(*_arguments: object, **_options: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_an_atomic_write_replaces_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(b"a much longer text than the new one")
    write_atomic(path, b"new")
    assert path.read_bytes() == b"new"
    assert names(tmp_path) == ["run.json"]


@pytest.mark.parametrize(("owner", "step"), [(os, "fsync"), (Path, "replace")], ids=["sync", "rename"])
def test_an_atomic_write_that_fails_leaves_the_old_file_and_no_litter(
    owner: object, step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(b"old")
    with monkeypatch.context() as patch:
        patch.setattr(owner, step, fail_with(errno.ENOSPC))
        with pytest.raises(StoreError, match="free some space"):
            write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["run.json"]


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
def test_of_many_who_create_a_file_at_once_one_wins(
    *, links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not links:
        monkeypatch.setattr(os, "link", fail_with(errno.EPERM))
    won: list[int] = []
    barrier = threading.Barrier(8)

    def create(number: int) -> None:
        barrier.wait()
        if create_exclusively(tmp_path / "claim-1", str(number).encode()):
            won.append(number)

    threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert (tmp_path / "claim-1").read_bytes() == str(won[0]).encode()
    assert names(tmp_path) == ["claim-1"]


def test_a_full_disk_leaves_no_half_made_claim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def half(path: Path, content: bytes) -> None:
        path.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(StoreError, match="No space left"):
        create_exclusively(tmp_path / "claim-1", b"content")
    assert names(tmp_path) == []


def test_every_byte_is_written_though_the_system_takes_few_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, content: real(descriptor, bytes(content[:3])))
    with (tmp_path / "file").open("wb") as file:
        write_all(file.fileno(), b"0123456789")
    assert (tmp_path / "file").read_bytes() == b"0123456789"


def test_a_folder_below_a_file_is_refused_in_a_sentence(below_a_file: Path) -> None:
    with pytest.raises(StoreError, match=r"Can't write .*: Not a directory\. .*; a part of its path is a file; choose"):
        write_atomic(below_a_file / "run.json", b"")
    with pytest.raises(StoreError, match="Can't read"):
        read_if_there(below_a_file)


def test_a_file_that_is_not_there_has_no_content(tmp_path: Path) -> None:
    assert read_if_there(tmp_path / "nothing") is None


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "free some space and give the same command again"),
        (errno.EDQUOT, "free some of your quota"),
        (errno.EROFS, "choose another output folder"),
        (errno.EACCES, "change its permissions"),
        (errno.EIO, "see that the folder exists and is yours"),
    ],
)
def test_an_error_of_the_disk_says_what_to_do(number: int, advice: str) -> None:
    with pytest.raises(StoreError) as caught, plain_errors(Path("/out/run.json")):
        fail_with(number)()
    assert str(caught.value).startswith(f"Can't write /out/run.json: {os.strerror(number)}. What was measured before")
    assert advice in str(caught.value)
