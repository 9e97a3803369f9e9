from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from rlgauge.core.errors import UserError
from rlgauge.core.release import MANIFEST, decode, encode
from rlgauge.core.run import Status
from rlgauge.exporters.release import write_release
from rlgauge.importers import read
from rlgauge.importers.release import folder_of
from tests.exporters.making import begun, case, store, trained


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RLGAUGE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def packed(tmp_path: Path) -> Path:
    write_release(store(tmp_path / "out"), tmp_path / "runs.zip")
    return tmp_path / "runs.zip"


def rewritten(archive: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """The archive, packed anew with changed files: all of its own checksums are right."""
    with zipfile.ZipFile(archive) as file:
        contents = {name: file.read(name) for name in file.namelist()}
    change(contents)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in contents.items():
            file.writestr(name, content)
    return archive


def refusal(archive: Path) -> str:
    with pytest.raises(UserError) as caught:
        read([archive])
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_release_reads_as_the_folder_that_it_was_made_of(tmp_path: Path) -> None:
    archive = packed(tmp_path)
    told = [
        [
            (one.algorithm, one.task, one.seed, one.status, one.totals, one.references, one.settings, len(one.records))
            for one in read([path]).readings
        ]
        for path in (tmp_path / "out", archive)
    ]
    assert told[0] == told[1]
    assert len(told[0]) == 4
    assert all(one.source.startswith(f"{archive}/runs/train/") for one in read([archive]).readings)


def test_a_release_beside_its_folder_is_the_same_runs_and_beside_others_adds_to_them(tmp_path: Path) -> None:
    archive = packed(tmp_path)
    trained(tmp_path / "others", case("airl"))
    assert len(read([archive, tmp_path / "out"]).readings) == 4
    assert len(read([archive, tmp_path / "others"]).readings) == 5
    (tmp_path / "all").mkdir()
    shutil.copy(archive, tmp_path / "all" / "theirs.zip")
    shutil.copytree(tmp_path / "others", tmp_path / "all" / "ours")
    assert len(read([tmp_path / "all"]).readings) == 5


def test_a_release_has_no_weights_checkpoints_films_or_claims_and_says_what_it_lacks(tmp_path: Path) -> None:
    archive = packed(tmp_path)
    names = zipfile.ZipFile(archive).namelist()
    assert {Path(name).name for name in names} == {
        "config.json",
        "run.json",
        "records.jsonl",
        "cout.txt",
        "scalars.jsonl",
        "training.jsonl",
        "spec.json",
        "manifest.json",
    }
    manifest = decode(zipfile.ZipFile(archive).read(MANIFEST))
    assert manifest.left_out["weights"].files == 4
    assert manifest.left_out["weights"].bytes == 400
    assert manifest.left_out["checkpoints"].files == 8
    assert manifest.left_out["films"].files == 4
    assert manifest.num_runs == 4
    assert manifest.statuses == {"COMPLETED": 4}


def test_the_manifest_has_the_checksum_of_every_file(tmp_path: Path) -> None:
    file = zipfile.ZipFile(packed(tmp_path))
    manifest = decode(file.read(MANIFEST))
    assert set(manifest.files) == set(file.namelist()) - {MANIFEST}
    for name, content in manifest.files.items():
        assert hashlib.sha256(file.read(name)).hexdigest() == content.sha256
        assert len(file.read(name)) == content.bytes


def test_the_same_store_makes_the_same_bytes_wherever_it_lies(tmp_path: Path) -> None:
    archive = packed(tmp_path)
    shutil.copytree(tmp_path / "out", tmp_path / "copy of it")
    write_release(tmp_path / "copy of it", tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == archive.read_bytes()


def test_failed_runs_are_in_it_and_stay_failed(tmp_path: Path) -> None:
    trained(tmp_path / "out", case(seed=1), status=Status.FAILED, reason="Traceback\nValueError: no")
    trained(tmp_path / "out", case(seed=2))
    written = write_release(tmp_path / "out", tmp_path / "runs.zip")
    assert written.manifest.statuses == {"COMPLETED": 1, "FAILED": 1}
    found = {one.seed: (one.status, one.reason) for one in read([tmp_path / "runs.zip"]).readings}
    assert found == {1: (Status.FAILED, "ValueError: no"), 2: (Status.COMPLETED, None)}


def test_runs_that_go_on_are_said_to_count_as_died(tmp_path: Path) -> None:
    trained(tmp_path / "out", case(seed=1))
    begun(tmp_path / "out", case(seed=2))
    written = write_release(tmp_path / "out", tmp_path / "runs.zip")
    assert written.notes == ["1 of its runs have not ended: in the zip file they count as died."]
    assert {one.seed: one.status for one in read([tmp_path / "runs.zip"]).readings}[2] is Status.DIED


def test_strange_names_survive(tmp_path: Path) -> None:
    folder = trained(tmp_path / "out [1] ünï")
    names = [
        "a b.json",
        "zürich-日本.txt",
        "new\nline.csv",
        "cc:stream.json",
        "back\\slash.txt",
        "-dash.md",
        "[x]*?.txt",
    ]
    (folder / "artifacts" / "deep er").mkdir()
    for name in names:
        (folder / "artifacts" / "deep er" / name).write_text(name)
    write_release(tmp_path / "out [1] ünï", tmp_path / "rüns 1.zip")
    unpacked = folder_of(str(tmp_path / "rüns 1.zip"))
    assert unpacked is not None
    found = unpacked / folder.relative_to(tmp_path / "out [1] ünï") / "artifacts" / "deep er"
    assert {path.name: path.read_text() for path in found.iterdir()} == {name: name for name in names}


def test_a_name_that_no_zip_file_can_say_is_left_out_and_told_of(tmp_path: Path) -> None:
    folder = trained(tmp_path / "out")
    Path(str(folder / "artifacts" / "half\udc80.txt")).write_text("x")
    (folder / "artifacts" / "a\\..\\..\\..\\evil.txt").write_text("x")
    written = write_release(tmp_path / "out", tmp_path / "runs.zip")
    assert len(written.notes) == 2
    assert all("left out" in note for note in written.notes)
    assert len(read([tmp_path / "runs.zip"]).readings) == 1


def test_links_lead_nothing_into_a_release(tmp_path: Path) -> None:
    folder = trained(tmp_path / "out")
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "artifacts" / "secret.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "artifacts" / "up").symlink_to(tmp_path)
    write_release(tmp_path / "out", tmp_path / "runs.zip")
    assert not [name for name in zipfile.ZipFile(tmp_path / "runs.zip").namelist() if "secret" in name]


def test_a_changed_record_is_refused_by_name(tmp_path: Path) -> None:
    def change(contents: dict[str, bytes]) -> None:
        name = next(name for name in contents if name.endswith("run.json"))
        contents[name] = contents[name].replace(b'"mean": 2', b'"mean": 9')

    told = refusal(rewritten(packed(tmp_path), change))
    assert "run.json' in it is not what its manifest says: it was changed" in told


def test_a_file_that_was_taken_out_or_put_in_is_told_of(tmp_path: Path) -> None:
    def take(contents: dict[str, bytes]) -> None:
        del contents[next(name for name in contents if name.endswith("records.jsonl"))]

    def put(contents: dict[str, bytes]) -> None:
        contents["runs/train/x-0123456789ab/1-abcdef/run.json"] = b"{}"

    archive = packed(tmp_path)
    kept = archive.read_bytes()
    assert "it lacks" in refusal(rewritten(archive, take))
    archive.write_bytes(kept)
    assert "which its manifest does not name: it was changed" in refusal(rewritten(archive, put))


def contents(archive: Path) -> list[tuple[str, bytes]]:
    with zipfile.ZipFile(archive) as file:
        return [(name, file.read(name)) for name in file.namelist()]


def test_a_flipped_bit_is_noticed_wherever_it_changes_a_file(tmp_path: Path) -> None:
    archive = packed(tmp_path)
    kept, expected = archive.read_bytes(), contents(archive)
    num_refused = 0
    for place in range(50, len(kept), len(kept) // 40):
        changed = bytearray(kept)
        changed[place] ^= 1
        archive.write_bytes(changed)
        with contextlib.suppress(UserError):
            read([archive])
            assert contents(archive) == expected  # a date of an entry, and the like
            continue
        num_refused += 1
    assert num_refused > 20


def test_a_directory_in_which_one_name_hides_other_files_is_refused(tmp_path: Path) -> None:
    """A name that is longer by a bit goes on over the entries after it, and over the manifest with them."""
    archive = packed(tmp_path)
    kept = bytearray(archive.read_bytes())
    last = kept.rfind(b"PK\x01\x02")
    before = kept.rfind(b"PK\x01\x02", 0, last)
    length = int.from_bytes(kept[before + 28 : before + 30], "little")
    kept[before + 28 : before + 30] = (last + 46 + len(MANIFEST) - before - 46).to_bytes(2, "little")
    assert length < last - before
    archive.write_bytes(kept)
    assert "its directory is damaged: it tells" in refusal(archive)


def test_a_file_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    archive = packed(tmp_path)
    archive.write_bytes(archive.read_bytes()[:-500])
    assert refusal(archive) == f"'{archive}' is no zip file, or was cut off: fetch it again."
    assert folder_of(str(archive)) is None


@pytest.mark.parametrize(
    "name",
    [
        "../evil.txt",
        "runs/../../evil.txt",
        "/etc/evil",
        "runs/a\\..\\..\\evil",
        "runs//x",
        "evil.txt",
        "runs/C:/evil.txt",
        "runs/a/C:evil",
    ],
)
def test_names_that_lead_out_of_the_folder_are_refused(tmp_path: Path, name: str, cache: Path) -> None:
    def put(contents: dict[str, bytes]) -> None:
        contents[name] = b"evil"
        manifest = decode(contents[MANIFEST])
        content = msgspec.convert({"bytes": 4, "sha256": hashlib.sha256(b"evil").hexdigest()}, dict)
        files = {**msgspec.to_builtins(manifest.files), name: content}
        told = msgspec.to_builtins(manifest) | {"files": files}
        contents[MANIFEST] = msgspec.json.encode(told)

    told = refusal(rewritten(packed(tmp_path), put))
    assert "outside its folder" in told
    assert not (cache / "releases").exists()
    assert not list(tmp_path.rglob("evil*"))


def test_links_and_entries_of_one_name_are_refused(tmp_path: Path) -> None:
    archive = packed(tmp_path)
    kept = archive.read_bytes()
    with zipfile.ZipFile(archive, "a") as file:
        link = zipfile.ZipInfo("runs/link")
        link.external_attr = 0o120777 << 16
        file.writestr(link, "/etc")
    assert "is a link" in refusal(archive)
    archive.write_bytes(kept)
    with zipfile.ZipFile(archive, "a") as file, pytest.warns(UserWarning, match="Duplicate"):
        file.writestr(MANIFEST, "{}")
    assert "twice" in refusal(archive)


def test_a_bomb_is_refused_before_anything_is_unpacked(tmp_path: Path, cache: Path) -> None:
    archive = packed(tmp_path)
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED) as file, file.open("runs/bomb.txt", "w") as bomb:
        for _ in range(200):
            bomb.write(bytes(1024 * 1024))
    assert "times its size" in refusal(archive)
    assert not (cache / "releases").exists()


def test_a_release_of_a_newer_version_or_with_a_broken_manifest_is_refused(tmp_path: Path) -> None:
    def newer(contents: dict[str, bytes]) -> None:
        told = msgspec.to_builtins(decode(contents[MANIFEST])) | {"format": 99, "files": {}, "new": 1}
        contents[MANIFEST] = json.dumps(told).encode()

    def broken(contents: dict[str, bytes]) -> None:
        contents[MANIFEST] = b"[]"

    archive = packed(tmp_path)
    kept = archive.read_bytes()
    assert "newer RLGauge (format 99)" in refusal(rewritten(archive, newer))
    archive.write_bytes(kept)
    assert "manifest can't be understood" in refusal(rewritten(archive, broken))


def test_a_changed_release_in_a_folder_is_left_out_and_told_of(tmp_path: Path) -> None:
    def change(contents: dict[str, bytes]) -> None:
        name = next(name for name in contents if name.endswith("cout.txt"))
        contents[name] = b"jello\n"

    (tmp_path / "all").mkdir()
    rewritten(packed(tmp_path), change).rename(tmp_path / "all" / "theirs.zip")
    trained(tmp_path / "all" / "ours", case("airl"))
    found = read([tmp_path / "all"])
    assert [one.algorithm for one in found.readings] == ["airl"]
    assert any("it was changed" in note and "left out" in note for note in found.notes)


def test_it_is_unpacked_once_and_what_was_unpacked_in_part_is_not_left(tmp_path: Path, cache: Path) -> None:
    archive = packed(tmp_path)
    first, second = folder_of(str(archive)), folder_of(str(archive))
    assert first == second
    assert len(list((cache / "releases").iterdir())) == 1


def test_a_copy_in_the_cache_from_which_files_were_taken_is_unpacked_again(tmp_path: Path, cache: Path) -> None:
    archive = packed(tmp_path)
    before = len(read([archive]).readings)
    unpacked = folder_of(str(archive))
    assert unpacked is not None
    shutil.rmtree(next(unpacked.glob("*/*")))
    assert len(read([archive]).readings) == before > 0
    assert len(list((cache / "releases").iterdir())) == 1


def test_what_is_no_store_is_refused_and_nothing_is_left_behind(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(UserError, match="holds no runs"):
        write_release(tmp_path / "out", tmp_path / "runs.zip")
    assert {path.name for path in tmp_path.iterdir()} == {"out"}


def test_the_manifest_is_the_same_when_read_and_written_again(tmp_path: Path) -> None:
    content = zipfile.ZipFile(packed(tmp_path)).read(MANIFEST)
    assert encode(decode(content)) == content


def test_what_compresses_so_well_that_readers_would_refuse_it_is_packed_as_it_is(tmp_path: Path) -> None:
    folder = trained(tmp_path / "out")
    (folder / "cout.txt").write_bytes(b"the same line again\n" * 4_000_000)
    write_release(tmp_path / "out", tmp_path / "runs.zip")
    assert (tmp_path / "runs.zip").stat().st_size > 80_000_000
    assert len(read([tmp_path / "runs.zip"]).readings) == 1
