from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import pytest

from rlgauge.episodes import encoder, video_grid
from rlgauge.episodes.encoder import VideoError
from rlgauge.episodes.overlay import draw_lines
from rlgauge.episodes.video import OUTCOMES, VideoRecorder, picture_of
from rlgauge.episodes.video_grid import COLOURS, MOST_CELLS, Shown, choose_layout, write_grid


def film(
    folder: Path, index: int, brightness: Sequence[int], outcome: str = "failure", size: tuple[int, int] = (96, 144)
) -> Shown:
    made = VideoRecorder(folder, 30, "all", overlay=False).open("Toy-v0", index)
    for step, value in enumerate(brightness):
        made.add(np.full((*size, 3), value, np.uint8), step=step, total_return=0.0)
    return Shown(made.close(outcome), index, outcome)


def decoded(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def in_cells(frame: np.ndarray, num_cells: int, height: int = 96, width: int = 144) -> list[int]:
    layout = choose_layout(num_cells, height, width)
    corners = [layout.corner(index) for index in range(num_cells)]
    middles = [(top + layout.height // 2, left + layout.width // 2) for top, left in corners]
    return [round(float(frame[row - 8 : row + 8, column - 8 : column + 8].mean())) for row, column in middles]


def test_all_films_begin_together_and_one_that_is_over_shows_its_last_frame(tmp_path):
    brightness = [[40, 80, 120, 160, 200], [200, 100], [60]]
    films = [film(tmp_path, index, values) for index, values in enumerate(brightness)]
    grid = write_grid(tmp_path / "grid.mp4", films)
    assert (grid.cells, grid.steps_per_frame, grid.unreadable) == (tuple(films), 1, {})
    shown = [in_cells(frame, 3) for frame in decoded(tmp_path / "grid.mp4")]
    expected = [[values[min(step, len(values) - 1)] for values in brightness] for step in range(5)]
    assert np.array(shown[:5]) == pytest.approx(np.array(expected), abs=5)
    assert np.array(shown[5:]) == pytest.approx(np.array([expected[-1]] * 45), abs=5)  # held for a second and a half


def test_the_last_frame_is_never_left_out_however_long_the_film_is(tmp_path, monkeypatch):
    monkeypatch.setattr(video_grid, "MOST_FRAMES", 4)
    films = [film(tmp_path, 0, [10 * step for step in range(16)]), film(tmp_path, 1, [200, 100, 50])]
    grid = write_grid(tmp_path / "grid.mp4", films)
    assert grid.steps_per_frame == 4
    shown = [in_cells(frame, 2) for frame in decoded(tmp_path / "grid.mp4")]
    expected = [[0, 200], [40, 50], [80, 50], [120, 50], [150, 50]]
    assert np.array(shown[:5]) == pytest.approx(np.array(expected), abs=5)


def test_below_each_picture_stand_its_number_outcome_and_steps_and_a_bar_in_the_outcomes_colour(tmp_path):
    films = [film(tmp_path, index, [90] * 3, outcome) for index, outcome in enumerate(OUTCOMES)]
    write_grid(tmp_path / "grid.mp4", films)
    (picture,) = decoded(picture_of(tmp_path / "grid.mp4"))
    layout = choose_layout(len(films), 96, 144)
    for index, outcome in enumerate(OUTCOMES):
        top, left = layout.corner(index)
        strip = picture[top + layout.height :][: layout.strip, left : left + layout.width]
        assert (strip[10 * layout.scale :] == COLOURS[outcome]).all()
        text = np.full((10 * layout.scale, layout.width, 3), 16, np.uint8)
        columns = (layout.width // layout.scale - 1) // 6
        draw_lines(text, [f"{index} {outcome}" + "2/2".rjust(columns - len(f"{index} {outcome}"))], scale=layout.scale)
        assert (strip[: 10 * layout.scale] == text).all()


def test_the_bar_grows_with_the_step(tmp_path):
    write_grid(tmp_path / "grid.mp4", [film(tmp_path, 0, [90] * 5), film(tmp_path, 1, [90] * 9)])
    layout = choose_layout(2, 96, 144)
    top, left = layout.corner(0)
    row = top + layout.height + 11 * layout.scale
    reds = [frame[row, left : left + layout.width, 0] for frame in decoded(tmp_path / "grid.mp4")]
    filled = [int((red > 130).sum()) / layout.width for red in reds[:7]]
    assert filled == pytest.approx([0, 0.25, 0.5, 0.75, 1, 1, 1], abs=0.04)


@pytest.mark.parametrize(
    ("columns", "text"),
    [(30, "12 failure             40/300"), (17, "12 failure 40/300"), (16, "12 failure"), (9, "12")],
)
def test_what_has_no_room_is_left_out_whole(columns, text):
    said = video_grid.label(12, "failure", 40, last=300, columns=columns)
    assert said.split() == text.split()
    assert len(said) <= columns


def test_no_grid_is_larger_than_a_screen_and_no_cells_overlap():
    for num_cells, height, width in itertools.product(
        (1, 2, 3, 5, 20, MOST_CELLS), (2, 64, 480, 1100), (2, 84, 640, 2000)
    ):
        layout = choose_layout(num_cells, height, width)
        high, wide = layout.size()
        assert high <= 1080
        assert wide <= 1920
        assert (high % 2, wide % 2) == (0, 0)
        corners = [layout.corner(index) for index in range(num_cells)]
        taken = np.zeros((high, wide), np.uint8)
        for top, left in corners:
            taken[top : top + layout.height + layout.strip, left : left + layout.width] += 1
        assert taken.max() == 1
        assert taken.sum() == num_cells * (layout.height + layout.strip) * layout.width


def test_pictures_too_small_for_their_text_are_enlarged_pixel_by_pixel(tmp_path):
    chequered = np.kron([[250, 5], [5, 250]], np.ones((8, 8))).astype(np.uint8)
    made = VideoRecorder(tmp_path, 30, "all", overlay=False).open("Toy-v0", 0)
    made.add(np.repeat(chequered[..., None], 3, axis=2), step=0, total_return=0.0)
    films = [Shown(made.close("failure"), 0, "failure"), film(tmp_path, 1, [99], size=(16, 16))]
    write_grid(tmp_path / "grid.mp4", films)
    (picture,) = decoded(picture_of(tmp_path / "grid.mp4"))
    layout = choose_layout(2, 16, 16)
    assert (layout.height, layout.width) == (128, 128)
    top, left = layout.corner(0)
    places = [(top + row, left + column) for row in (8, 72) for column in (8, 72)]
    quarters = [float(picture[row : row + 48, column : column + 48].mean()) for row, column in places]
    assert quarters == pytest.approx([250, 5, 5, 250], abs=6)


def test_films_of_several_sizes_are_shown_whole(tmp_path):
    films = [film(tmp_path, 0, [200], size=(96, 144)), film(tmp_path, 1, [200], size=(96, 48))]
    write_grid(tmp_path / "grid.mp4", films)
    (picture,) = decoded(picture_of(tmp_path / "grid.mp4"))
    layout = choose_layout(2, 96, 144)
    top, left = layout.corner(1)
    bright = picture[top + 48, left : left + 144, 0] > 150
    assert (bright.nonzero()[0].min(), bright.nonzero()[0].max()) == (48, 95)


def test_no_more_films_are_shown_than_fit(tmp_path, monkeypatch):
    monkeypatch.setattr(video_grid, "MOST_CELLS", 3)
    films = [film(tmp_path, index, [90]) for index in range(5)]
    assert write_grid(tmp_path / "grid.mp4", films).cells == tuple(films[:3])


def test_a_film_that_cannot_be_read_is_named_and_left_out(tmp_path):
    films = [film(tmp_path, index, [90] * 3) for index in range(4)]
    films[1].film.write_bytes(b"no film")
    films[2].film.unlink()
    grid = write_grid(tmp_path / "grid.mp4", films)
    assert grid.cells == (films[0], films[3])
    assert set(grid.unreadable) == {films[1].film, films[2].film}
    assert grid.unreadable[films[2].film] == "it can't be read (No such file or directory)"
    assert str(tmp_path) not in "".join(grid.unreadable.values())


def test_a_film_that_breaks_off_stays_at_its_last_whole_frame_and_is_named(tmp_path):
    frames = np.random.default_rng(0).integers(0, 256, (40, 96, 144, 3), np.uint8)  # too wild to fit into few bytes
    made = VideoRecorder(tmp_path, 30, "all", overlay=False).open("Toy-v0", 0)
    for step, frame in enumerate(frames):
        made.add(frame, step=step, total_return=0.0)
    path = made.close("failure")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    grid = write_grid(tmp_path / "grid.mp4", [Shown(path, 0, "failure"), film(tmp_path, 1, [90] * 40)])
    assert len(grid.cells) == 2
    assert list(grid.unreadable) == [path]
    assert grid.unreadable[path].startswith("it can't be read to its end")
    assert len(decoded(tmp_path / "grid.mp4")) == 40 + 45


def test_of_one_film_there_is_no_grid(tmp_path):
    one = film(tmp_path, 0, [90])
    assert write_grid(tmp_path / "grid.mp4", [one]).cells == ()
    assert not list(tmp_path.glob("*grid*"))


def test_a_grid_that_cannot_be_encoded_is_an_error_and_leaves_nothing(tmp_path, monkeypatch):
    films = [film(tmp_path, index, [90]) for index in range(2)]
    before = sorted(tmp_path.rglob("*"))

    def fails(path, fps, frames):
        path.write_bytes(b"begun")
        raise av.error.InvalidDataError(1, "Invalid data")

    monkeypatch.setattr(video_grid, "write_h264", fails)
    with pytest.raises(VideoError, match=r"grid .*grid\.mp4 could not be written: Invalid data"):
        write_grid(tmp_path / "grid.mp4", films)
    assert sorted(tmp_path.rglob("*")) == before
    assert encoder.write_h264 is not fails
