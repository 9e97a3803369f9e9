from __future__ import annotations

from pathlib import Path

import pytest

from rlgauge.core.run import Status
from rlgauge.trackers import wandb as tracker
from rlgauge.trackers.reading import about
from rlgauge.trackers.wandb import is_logged_in
from tests.trackers.made import begun, ended, film, finish, tracked, train, train_oddly
from tests.trackers.offline import OfflineRun


@pytest.fixture(scope="module")
def sent(tmp_path_factory):
    """A run with films and weights that was sent without anybody being logged in, and what its process said."""
    base = tmp_path_factory.mktemp("wandb")
    attempt = begun(base / "a" / "out")
    train_oddly(train(attempt))
    film(attempt.folder)
    finish(attempt)
    process = tracked("wandb", attempt.folder)
    assert process.returncode == 0, process.stderr
    return attempt.folder, process


def test_nobody_logged_in_means_offline_and_is_said_in_a_line(sent):
    folder, process = sent
    (line,) = process.stdout.splitlines()
    assert line.startswith("Nobody is logged in to W&B: its runs are offline. To send them: wandb sync ")
    assert len(list((folder / "artifacts" / "wandb").glob("offline-run-*"))) == 1


def test_an_offline_run_is_grouped_by_script_and_named_after_script_and_environment(sent):
    found = OfflineRun(sent[0])
    assert (found.run.run_group, found.run.display_name) == ("reinforce", "reinforce/CartPole-v1")
    assert found.run.project == "rlgauge"
    assert found.config["versions"]["numpy"] == "2.4.6"
    assert found.config["environment"]["gym_id"] == "CartPole-v1"
    assert found.config["seed"] == 0


def test_an_offline_run_holds_every_number_at_its_step(sent):
    found = OfflineRun(sent[0])
    assert found.series("loss", "rlgauge/step") == [(0, 1.0), (100, 0.5), (200, 1 / 3)]
    assert found.series("unstepped", "rlgauge/step") == [(0, 7.0), (1, 8.0)]
    assert found.series("rlgauge/return", "rlgauge/num_steps")[:3] == [(20, 10.0), (40, 20.0), (60, 30.0)]
    assert found.series("rlgauge/return", "rlgauge/num_steps")[3:] == [(800, -200.0)] * 4
    assert found.series("far", "rlgauge/step") == [(2**63 - 1, 1.0), (1, 2.0)]
    assert found.series("rlgauge/test_return", "rlgauge/index") == [(1, 100.0), (2, 200.0)]
    assert found.summary["rlgauge/mean_test_return"] == 150.0
    assert found.summary["status"] == "COMPLETED"
    assert found.exit_code == 0


def test_a_scripts_own_number_called_step_is_kept(sent):
    assert OfflineRun(sent[0]).series("step", "rlgauge/step") == [(1, 7.0)]


def test_weights_and_films_are_there_too(sent):
    found = OfflineRun(sent[0])
    (artifact,) = found.artifacts
    assert artifact.type == "model"
    assert sorted(entry.path for entry in artifact.manifest.contents) == [
        "nested/policy.safetensors",
        "policy.safetensors",
    ]
    (row,) = [row for row in found.rows if "rlgauge/videos/path" in row]
    assert (found.folder / "files" / row["rlgauge/videos/path"]).read_bytes()[4:8] == b"ftyp"
    assert row["rlgauge/index"] == 1  # that of the episode it shows


def test_nothing_is_written_outside_the_runs_folder(sent):
    folder, _ = sent
    base = folder.parents[3]
    outside = [path for path in base.rglob("*") if path.is_file() and folder not in path.parents]
    assert [path.name for path in outside] == ["claim-1"]
    assert not [path for name in ("home", "tmp") for path in (base / name).rglob("*")]


def test_a_run_that_failed_is_told_as_failed(tmp_path):
    folder = ended(tmp_path / "a" / "out", Status.FAILED)
    assert tracked("wandb", folder, {"WANDB_MODE": "offline", "WANDB_PROJECT": "mine", "WANDB_ENTITY": ""}).stdout == ""
    found = OfflineRun(folder)
    assert (found.exit_code, found.summary["reason"]) == (1, "ValueError: it went wrong")
    assert found.run.project == "mine"


@pytest.mark.parametrize(
    ("variables", "files", "expected"),
    [
        ({}, {}, False),
        ({"WANDB_API_KEY": "k"}, {}, True),
        ({"WANDB_API_KEY": ""}, {}, False),
        ({}, {".netrc": "machine api.wandb.ai login user password k"}, True),
        ({}, {".netrc": "machine elsewhere.org login user password k"}, False),
        ({}, {".netrc": "no netrc at all {"}, False),
        ({"WANDB_BASE_URL": "https://own.org:8080"}, {".netrc": "machine own.org login user password k"}, True),
        ({"WANDB_BASE_URL": "https://own.org"}, {".netrc": "machine api.wandb.ai login user password k"}, False),
        (
            {},
            {
                ".config/wandb/settings": "[default]\nbase_url = https://own.org\n",
                ".netrc": "machine own.org login user password k",
            },
            True,
        ),
    ],
)
def test_who_has_a_key_for_the_server_is_logged_in(tmp_path, variables, files, expected):
    for name, text in files.items():
        Path(tmp_path, name).parent.mkdir(parents=True, exist_ok=True)
        Path(tmp_path, name).write_text(text)
    assert is_logged_in(variables, tmp_path) is expected


def test_a_server_that_can_not_be_reached_means_offline_and_is_said(tmp_path, monkeypatch):
    from wandb.errors import CommError

    told, begun_as = [], []

    def begin(_about, mode, *, mark=""):
        if mode == "online":
            raise CommError("connection refused")
        begun_as.append((mode, mark))

    monkeypatch.setattr(tracker, "stay_inside", lambda _folder: None)
    monkeypatch.setattr(tracker, "_begin", begin)
    monkeypatch.setenv("WANDB_API_KEY", "a key")
    monkeypatch.delenv("WANDB_MODE", raising=False)
    tracker.open_run(about(ended(tmp_path)), tell=told.append)
    assert begun_as == [("offline", "-offline")]
    assert told[0].startswith("W&B can't be reached (connection refused): its runs are offline.")
