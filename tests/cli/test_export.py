from __future__ import annotations

import hashlib
import json
import re
import subprocess
from pathlib import Path

import pytest

from rlgauge.core.run import Status
from tests.exporters.evaluating import evaluated
from tests.exporters.making import case, store, trained


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RLGAUGE_CACHE", str(tmp_path / "cache"))


def test_it_says_what_it_wrote_what_it_left_out_and_the_checksum(give, folder):
    store(folder / "out")
    trained(folder / "out", case("airl"), status=Status.FAILED, reason="Traceback\nValueError: no")
    said = give("export", "out", "runs.zip")
    assert said.code == 0
    digest = hashlib.sha256((folder / "runs.zip").read_bytes()).hexdigest()
    lines = said.out.splitlines()
    assert lines[0].startswith("Wrote 5 runs (1 FAILED) to runs.zip: ")
    assert lines[1].startswith("Left out: ")
    assert "5 files of weights (500 B)" in lines[1]
    assert lines[-1] == f"sha256 {digest}"


def test_as_json_it_says_the_same(give, folder):
    store(folder / "out")
    told = json.loads(give("export", "out", "runs.zip", "--json").out)
    assert told["runs"] == 4
    assert told["sha256"] == hashlib.sha256((folder / "runs.zip").read_bytes()).hexdigest()
    assert json.loads(give("export", "--format", "sacred", "out", "tree", "--json").out)["runs"] == 4


@pytest.mark.parametrize(
    "command",
    [
        ["summary", "--normalise", "random,expert", "--format", "markdown"],
        ["summary", "--format", "json"],
        ["runs", "list"],
    ],
)
def test_commands_read_a_release_as_its_folder(give, folder, command):
    store(folder / "out", 3)
    give("export", "out", "runs.zip")
    first, *rest = command
    place = [first, "list"] if rest == ["list"] else [first]
    options = [] if rest == ["list"] else rest
    told = [give(*place, source, *options) for source in ("out", "runs.zip")]
    assert told[0].code == told[1].code == 0
    unpacked = re.sub(r'"[^"]*/releases/[0-9a-f]{32}/runs/', '"out/', told[1].out)
    assert unpacked.replace("runs.zip/runs", "out") == told[0].out


def test_one_run_of_a_release_is_shown_with_its_log(give, folder):
    store(folder / "out", 1, ["bc"])
    give("export", "out", "runs.zip")
    said = give("runs", "show", "runs.zip", "bc-seals/CartPole-v0-s0")
    assert said.code == 0
    assert "hello" in said.out
    assert json.loads(give("runs", "list", "runs.zip", "--json").out)[0]["status"] == "COMPLETED"


def test_a_release_is_compared_with_a_folder_as_its_own_folder_is(give, folder):
    store(folder / "theirs", 4, ["bc"])
    store(folder / "ours", 4, ["gail"])
    give("export", "theirs", "theirs.zip")
    told = [give("compare", "ours", source, "--format", "json") for source in ("theirs", "theirs.zip")]
    assert told[0].code == told[1].code
    assert told[1].out.replace("theirs.zip/runs", "theirs").replace("theirs.zip", "theirs") == told[0].out


def test_the_sacred_tree_is_read_by_summary_and_imported(give, folder):
    store(folder / "out", 3)
    said = give("export", "--format", "sacred", "out", "tree")
    assert said.out == "Wrote 6 runs to tree.\n"
    assert "Imported 6 runs of Sacred into back." in give("import", "tree", "--out", "back").out
    own, tree, back = (
        give("summary", source, "--normalise", "random,expert", "--format", "markdown").out
        for source in ("out", "tree", "back")
    )
    assert "normalised" in own
    assert own == back == tree.replace("> 12 folders of logs belong to Sacred runs, which are counted as such.\n\n", "")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere", "runs.zip"], "There is no folder 'nowhere'."),
        (["out", "tree"], "say --format sacred, physicalai or lerobot"),
        (["out", "out/runs.zip"], "lies in 'out'"),
        (["out", "tree", "--format", "sacre"], "Did you mean 'sacred'?"),
        (["out", "runs.zip", "--format", "sacred"], "contradict"),
        (["out", "tree", "--format", "zip"], "contradict"),
        (["out", "runs.zip", "--format", "lerobot"], "contradict"),
        (["out", "eval_info.json", "--format", "lerobot"], "name a folder, not 'eval_info.json'"),
        (["out", "tree", "--format", "lerobt"], "Did you mean 'lerobot'?"),
        (["out", "tree", "--format", "physicalai"], "holds no evaluations"),
        (["empty", "tree", "--format", "lerobot"], "holds no evaluations"),
        (["empty", "runs.zip"], "holds no runs"),
        (["empty", "tree", "--format", "sacred"], "holds no trainings"),
        (["file", "runs.zip"], "'file' is no folder of runs."),
        (["out", "folder.zip"], "is a folder"),
    ],
)
def test_mistakes_are_told_in_a_sentence(give, folder, arguments, sentence):
    store(folder / "out", 1, ["bc"])
    (folder / "empty").mkdir()
    (folder / "file").touch()
    (folder / "folder.zip").mkdir()
    said = give("export", *arguments)
    assert said.code == 2
    assert sentence in said.err
    assert len(said.err.splitlines()) == 1
    assert not (folder / "tree").exists()


@pytest.mark.parametrize(("kind", "name"), [("physicalai", "results.json"), ("lerobot", "eval_info.json")])
def test_files_of_results_are_imported_again_and_summed_up_as_the_folder(give, folder, kind, name):
    for seed in range(2):
        for task in ("reach_0", "reach_1"):
            evaluated(folder / "out", task, seed=seed)
    said = give("export", "--format", kind, "out", "tree")
    assert said.code == 0
    assert said.out.startswith("Wrote 4 results to tree, in 2 files.\n")
    assert sorted(path.name for path in folder.glob("tree/**/*.json")) == [name, name]
    assert "Imported 4 runs of " in give("import", "tree", "--out", "back").out
    told = [give("summary", source, "--format", "markdown").out for source in ("out", "back")]
    assert "| act |" in told[0]
    assert told[0] == told[1]
    as_json = json.loads(give("export", "--format", kind, "out", "other", "--json").out)
    assert {key: as_json[key] for key in ("folder", "results", "files")} == {
        "folder": "other",
        "results": 4,
        "files": 2,
    }


def test_runs_say_what_a_file_must_be(give, folder):
    (folder / "notes.txt").write_text("hello")
    said = give("runs", "list", "notes.txt")
    assert said.code == 2
    assert "a zip file of `rlgauge export`" in said.err


def test_a_damaged_release_is_refused_by_runs_and_summary(give, folder):
    store(folder / "out", 1, ["bc"])
    give("export", "out", "runs.zip")
    content = bytearray((folder / "runs.zip").read_bytes())
    content[200] ^= 0xFF
    (folder / "runs.zip").write_bytes(content)
    for command in (["runs", "list", "runs.zip"], ["summary", "runs.zip"]):
        said = give(*command)
        assert said.code == 2
        assert said.err.startswith("rlgauge: Can't read 'runs.zip': ")
        assert len(said.err.splitlines()) == 1


def test_targets_of_a_suite_are_told_out_of_a_release_too(give, folder):
    store(folder / "out", 2, ["bc"])
    target = {"of": {"algo": "bc", "env": "seals/CartPole-v0"}, "quantity": "return", "at_least": 1.0}
    kept = {"format": 1, "rlgauge": "0.1.0", "suite": "mine", "tag": "", "targets": [target], "ran": []}
    (folder / "out" / "targets_mine.json").write_text(json.dumps(kept))
    give("export", "out", "runs.zip")
    told = [give("summary", source, "--targets") for source in ("out", "runs.zip")]
    assert told[0].code == told[1].code == 0, told[0].err
    assert told[0].out == told[1].out


def test_a_copy_of_a_release_by_hand_is_a_store(give, folder):
    store(folder / "out", 2, ["bc"])
    give("export", "out", "runs.zip")
    subprocess.run(["python3", "-m", "zipfile", "-e", "runs.zip", "by hand"], cwd=folder, check=True)
    assert give("runs", "list", "by hand/runs").out == give("runs", "list", "out").out
    assert Path(folder / "by hand" / "runs" / "manifest.json").is_file()
