from __future__ import annotations

import numpy as np
import pytest

from rlgauge.episodes import overlay
from rlgauge.episodes.overlay import draw_caption, draw_lines

PRINTABLE = [chr(code) for code in range(32, 127)]


def ink_of(character: str) -> np.ndarray:
    frame = np.zeros((10, 8, 3), np.uint8)
    draw_lines(frame, [character], scale=1)
    return frame[1:9, 1:6, 0] == 255


def canvas(height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), 200, np.uint8)


def test_a_letter_looks_as_it_was_drawn():
    rows = ["".join(".#"[int(pixel)] for pixel in row) for row in ink_of("R")]
    assert rows == ["####.", "#...#", "#...#", "####.", "#.#..", "#..#.", "#...#", "....."]


def test_no_two_characters_look_the_same_and_only_the_space_is_blank():
    looks = {ink_of(character).tobytes() for character in PRINTABLE}
    assert len(looks) == len(PRINTABLE) == 95
    assert [character for character in PRINTABLE if not ink_of(character).any()] == [" "]


@pytest.mark.parametrize("character", ["é", "火", "\n", "\x00"])
def test_a_character_outside_ascii_is_a_question_mark(character):
    assert (ink_of(character) == ink_of("?")).all()


@pytest.mark.parametrize("size", [(64, 64), (96, 96), (256, 256), (400, 600), (1024, 1024), (1024, 64)])
def test_the_caption_has_full_contrast_on_a_small_part_of_the_picture(size):
    frame = canvas(*size)
    draw_caption(frame, "HalfCheetah-v5", step=12, total_return=3.5)
    rows = np.flatnonzero((frame != 200).any(axis=(1, 2)))
    assert rows[0] == 0
    assert rows[-1] == len(rows) - 1
    assert len(rows) < 0.31 * size[0]
    assert set(np.unique(frame[: len(rows)])) == {50, 255}


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 100), (100, 3), (9, 7)])
def test_a_picture_too_small_for_text_is_no_error(size):
    draw_caption(canvas(*size), "Toy-v0", step=1, total_return=1.0)


def test_text_grows_with_the_picture():
    heights = []
    for height in (96, 256, 1024):
        frame = canvas(height, 2 * height)
        draw_caption(frame, "Toy-v0", step=1, total_return=1.0)
        heights.append(int((frame != 200).any(axis=(1, 2)).sum()))
    assert heights == [19, 38, 114]


def test_a_long_task_name_is_clipped_at_the_edge():
    long, longer = canvas(96, 96), canvas(96, 96)
    draw_caption(long, "x" * 15, step=1, total_return=1.0)
    draw_caption(longer, "x" * 500, step=1, total_return=1.0)
    assert (long == longer).all()


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        (40, "step 1234  return -56.789"),
        (22, "step 1234 R -56.789"),
        (15, "t1234 R-56.789"),
        (10, "R-56.789"),
        (5, ""),
    ],
)
def test_a_number_is_shown_whole_or_not_at_all(columns, text):
    assert overlay._progress(1234, -56.789, columns) == text


def test_each_step_and_return_looks_different():
    looks = set()
    for step, total_return in [(1, 0.0), (2, 0.0), (1, 1.0), (1, -1.0)]:
        frame = canvas(96, 96)
        draw_caption(frame, "Toy-v0", step=step, total_return=total_return)
        looks.add(frame.tobytes())
    assert len(looks) == 4
