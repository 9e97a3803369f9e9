from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.util import tensor_util

from rlgauge.importers.events import points
from rlgauge.trackers.event_file import EventFile


def loaded(path):
    """What TensorBoard itself reads, which checks the checksums."""
    return list(EventFileLoader(str(path)).Load())


def test_tensorboard_reads_numbers_with_their_steps_and_times(tmp_path):
    path = tmp_path / "events.out.tfevents.1.here"
    file = EventFile(path, 1000.0)
    file.scalar("charts/loss", 0.25, 7, 1001.5)
    file.scalar("charts/loss", -3.0, 8, 1002.5)
    file.close()
    first, *events = loaded(path)
    assert first.file_version == "brain.Event:2"
    told = [(e.step, e.wall_time, e.summary.value[0].tag) for e in events]
    assert told == [(7, 1001.5, "charts/loss"), (8, 1002.5, "charts/loss")]
    assert [tensor_util.make_ndarray(e.summary.value[0].tensor).item() for e in events] == [0.25, -3.0]


def test_tensorboard_reads_texts_and_images(tmp_path):
    path = tmp_path / "events.out.tfevents.1.here"
    file = EventFile(path, 1000.0)
    file.text("config", "größe: 1", 1001.0)
    file.image("film", b"GIF89a...", (96, 64), 1002.0, step=3)
    file.close()
    _, text, image = loaded(path)
    assert text.summary.value[0].metadata.plugin_data.plugin_name == "text"
    assert tensor_util.make_ndarray(text.summary.value[0].tensor).tolist() == ["größe: 1".encode()]
    strings = image.summary.value[0].tensor.string_val
    assert (image.step, list(strings)) == (3, [b"96", b"64", b"GIF89a..."])


@given(
    st.text(min_size=1), st.floats(width=32, allow_nan=False), st.integers(-(2**63) + 1, 2**63 - 1), st.floats(0, 2e9)
)
def test_what_is_written_is_what_our_importer_reads(tmp_path_factory, tag, value, step, time):
    path = tmp_path_factory.mktemp("events") / "file"
    file = EventFile(path, 0.0)
    file.scalar(tag, value, step, time)
    file.close()
    (point,) = points(path.read_bytes())
    assert (point.tag, point.value, point.time) == (tag, value, time)
    assert point.step % 2**64 == step % 2**64


@pytest.mark.parametrize(("value", "shown"), [(1e300, math.inf), (-1e300, -math.inf)])
def test_a_number_too_large_for_32_bits_is_shown_as_infinite(tmp_path, value, shown):
    file = EventFile(tmp_path / "file", 0.0)
    file.scalar("large", value, 2**70, 0.0)
    file.close()
    (point,) = points((tmp_path / "file").read_bytes())
    assert (point.value, point.step) == (shown, 2**63 - 1)
