from __future__ import annotations

import av
import pytest

from rlgauge.trackers import films
from rlgauge.trackers.films import as_gif
from tests.trackers.made import film


def test_a_film_becomes_a_moving_image_of_its_frames(tmp_path):
    (tmp_path / "artifacts").mkdir()
    image = as_gif(film(tmp_path))
    assert image.content.startswith(b"GIF8")
    assert (image.width, image.height) == (96, 64)
    (tmp_path / "film.gif").write_bytes(image.content)
    with av.open(str(tmp_path / "film.gif")) as shown:
        frames = list(shown.decode(video=0))
    assert len(frames) == 5  # every third of 15, at 10 frames a second
    assert float(frames[-1].time) == pytest.approx(0.4)


def test_a_long_or_wide_film_is_cut(tmp_path, monkeypatch):
    monkeypatch.setattr(films, "_MOST_FRAMES", 2)
    monkeypatch.setattr(films, "_WIDTH", 48)
    (tmp_path / "artifacts").mkdir()
    image = as_gif(film(tmp_path))
    assert (image.width, image.height) == (48, 32)


def test_what_is_no_film_is_none(tmp_path):
    (tmp_path / "film.mp4").write_bytes(b"no film")
    assert as_gif(tmp_path / "film.mp4") is None
