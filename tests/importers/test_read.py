"""The walk: zip files, mixtures, and what is refused."""

from __future__ import annotations

import gc
import os
import shutil
import zipfile
from pathlib import Path

import pytest

from rlgauge.core.errors import UserError
from rlgauge.importers import read

DATA = Path(__file__).parents[1] / "data"
SAMPLE = DATA / "sacred_sample"


def zipped(source: Path, target: Path) -> Path:
    with zipfile.ZipFile(target, "w") as file:
        for path in sorted(source.rglob("*")):
            if path.is_file():
                file.write(path, f"{source.name}/{path.relative_to(source)}")
    return target


def facts(readings):
    return sorted((r.algorithm, r.task, r.seed or 0, r.status, str(r.totals), r.settings) for r in readings)


def test_a_zip_file_gives_what_its_folder_gives(tmp_path):
    archive = zipped(SAMPLE, tmp_path / "sample.zip")
    readings = read([archive]).readings
    assert facts(readings) == facts(read([SAMPLE]).readings)
    assert readings[0].source == f"{archive}/sacred_sample/train_adversarial/11"


def test_zip_files_in_folders_and_in_zip_files_are_read(tmp_path):
    (tmp_path / "inner").mkdir()
    zipped(SAMPLE / "train_imitation", tmp_path / "inner" / "one.zip")
    shutil.copytree(SAMPLE / "train_adversarial", tmp_path / "inner" / "two")
    archive = zipped(tmp_path / "inner", tmp_path / "all.zip")
    assert facts(read([archive]).readings) == facts(read([SAMPLE]).readings)
    shutil.rmtree(tmp_path / "inner")
    assert facts(read([tmp_path]).readings) == facts(read([SAMPLE]).readings)


def test_saved_models_are_no_results(tmp_path):
    with zipfile.ZipFile(tmp_path / "model.zip", "w") as file:
        file.writestr("_stable_baselines3_version", "2.0")
        file.writestr("results.csv", "algo,env,score\na,b,1\n")
    with pytest.raises(UserError, match="Nothing in"):
        read([tmp_path])


def test_folders_zip_files_and_tables_are_read_together(tmp_path):
    archive = zipped(SAMPLE / "train_imitation", tmp_path / "x.zip")
    readings = read([SAMPLE / "train_adversarial", archive, DATA / "imitation_published_scores.csv"]).readings
    assert len(readings) == 107


def test_a_path_given_twice_or_within_another_counts_once(tmp_path):
    assert len(read([SAMPLE, SAMPLE]).readings) == 7
    assert len(read([SAMPLE, SAMPLE / "train_imitation"]).readings) == 7
    assert len(read([SAMPLE / "train_imitation", SAMPLE]).readings) == 7


def test_what_is_not_there_or_holds_nothing_is_refused_in_a_sentence(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"x")
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(UserError, match=r"There is no file or folder '.*missing'"):
        read([tmp_path / "missing"])
    for name in ("empty", "photos", "notes.txt"):
        with pytest.raises(UserError, match=rf"Nothing in '.*{name}' is a run.*Looked for: runs of rlgauge, Sacred"):
            read([SAMPLE, tmp_path / name])
    with pytest.raises(UserError, match="at least one"):
        read([])


def test_a_damaged_zip_file_is_refused_and_told_of_where_it_lies_in_a_folder(tmp_path):
    archive = zipped(SAMPLE, tmp_path / "sample.zip")
    (tmp_path / "torn.zip").write_bytes(archive.read_bytes()[:5000])
    assert len(read([tmp_path]).readings) == 7
    assert any("torn.zip" in note for note in read([tmp_path]).notes)
    with pytest.raises(UserError, match=r"torn\.zip"):
        read([tmp_path / "torn.zip"])


def test_a_zip_file_whose_entries_are_damaged_is_told_of(tmp_path):
    archive = zipped(SAMPLE / "train_imitation", tmp_path / "sample.zip")
    content = bytearray(archive.read_bytes())
    start = content.index(b'"COMPLETED"')
    content[start : start + 5] = b"#####"
    archive.write_bytes(content)
    collected = read([archive])
    assert len(collected.readings) == 2
    assert any("CRC" in note for note in collected.notes)


def test_a_folder_that_may_not_be_read_is_told_of(tmp_path, monkeypatch):
    shutil.copytree(SAMPLE, tmp_path / "a")
    (tmp_path / "b").mkdir()
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("/b"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    collected = read([tmp_path])
    assert len(collected.readings) == 7
    assert any("Permission denied" in note for note in collected.notes)


def test_hidden_folders_and_sources_are_not_entered(tmp_path):
    shutil.copytree(SAMPLE / "train_imitation", tmp_path / "runs")
    shutil.copytree(SAMPLE / "train_adversarial", tmp_path / ".trash")
    assert len(read([tmp_path]).readings) == 3


def test_links_out_of_the_folders_are_followed_once(tmp_path):
    (tmp_path / "here").mkdir()
    for name in ("one", "two"):
        (tmp_path / "here" / name).symlink_to(SAMPLE)
    (tmp_path / "here" / "broken").symlink_to(tmp_path / "nowhere")
    collected = read([tmp_path / "here"])
    assert (len(collected.readings), collected.notes) == (7, [])


def test_whoever_listens_hears_of_every_run():
    heard = []
    read([SAMPLE], listen=heard.append)
    assert heard == list(range(1, 8))


def test_the_garbage_collector_is_left_as_it_was():
    read([SAMPLE])
    assert gc.isenabled()
    gc.disable()
    try:
        read([SAMPLE])
        assert not gc.isenabled()
    finally:
        gc.enable()
