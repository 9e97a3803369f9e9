from __future__ import annotations

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from rlgauge.core.run import Status
from tests.trackers.made import begun, ended, film, finish, tracked, train


def accumulated(folder):
    found = EventAccumulator(str(folder / "artifacts" / "tensorboard"), size_guidance={"images": 0, "tensors": 0})
    return found.Reload()


def series(found, name):
    return [(event.step, event.value) for event in found.Scalars(name)]


def test_a_run_that_ended_is_read_back_by_tensorboard(tmp_path):
    attempt = begun(tmp_path / "a" / "out")
    train(attempt)
    film(attempt.folder)
    finish(attempt)
    ended_process = tracked("tensorboard", attempt.folder)
    assert (ended_process.returncode, ended_process.stdout, ended_process.stderr) == (0, "", "")
    found = accumulated(attempt.folder)
    assert series(found, "loss") == [(0, 1.0), (100, 0.5), (200, pytest.approx(1 / 3))]
    assert series(found, "rlgauge/return") == [(20, 10.0), (40, 20.0), (60, 30.0)]
    assert series(found, "rlgauge/test_return") == [(1, 100.0), (2, 200.0)]
    assert series(found, "rlgauge/mean_test_return") == [(0, 150.0)]
    assert '"numpy": "2.4.6"' in found.Tensors("rlgauge/config")[0].tensor_proto.string_val[0].decode()
    assert "policy.safetensors" in found.Tensors("rlgauge/weights")[0].tensor_proto.string_val[0].decode()
    assert found.Images("rlgauge/videos")[0].encoded_image_string.startswith(b"GIF8")


def test_sending_a_run_again_replaces_what_was_sent(tmp_path):
    folder = ended(tmp_path / "a" / "out", Status.FAILED)
    for _ in range(2):
        assert tracked("tensorboard", folder).returncode == 0
    assert len(list((folder / "artifacts" / "tensorboard").iterdir())) == 1
    found = accumulated(folder)
    assert len(series(found, "loss")) == 3
    assert "it went wrong" in found.Tensors("rlgauge/end")[0].tensor_proto.string_val[0].decode()
