from __future__ import annotations

import numpy as np
import pytest

from rlgauge.envs.reference.arc_grid_numpy import ArcGrid, Board, applied, similarity, wanted_selection
from rlgauge.envs.reference.arc_tasks import Tasks, padded

GRID = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
ALL, NONE = [[1] * 3] * 3, [[0] * 3] * 3
BOX = [[0, 0, 0], [0, 1, 0], [0, 0, 1]]  # its smallest box is the lower right 2 by 2


def board_of(grid, clipboard=((0,),)):
    clip = np.zeros((30, 30), np.int8)
    clip[: len(clipboard), : len(clipboard[0])] = clipboard
    return Board(padded(np.array(grid, np.int8)), len(grid), len(grid[0]), clip)


def selection_of(cells):
    selection = np.zeros((30, 30), bool)
    selection[: len(cells), : len(cells[0])] = cells
    return selection


@pytest.mark.parametrize(
    ("operation", "selection", "expected"),
    [
        (4, BOX, [[1, 2, 3], [4, 4, 6], [7, 8, 4]]),
        (4, NONE, GRID),
        (20, BOX, [[1, 2, 3], [4, 8, 9], [7, 5, 6]]),
        (20, ALL, [[7, 8, 9], [1, 2, 3], [4, 5, 6]]),
        (20, NONE, [[7, 8, 9], [1, 2, 3], [4, 5, 6]]),
        (21, ALL, [[4, 5, 6], [7, 8, 9], [1, 2, 3]]),
        (22, ALL, [[3, 1, 2], [6, 4, 5], [9, 7, 8]]),
        (23, ALL, [[2, 3, 1], [5, 6, 4], [8, 9, 7]]),
        (24, NONE, [[7, 4, 1], [8, 5, 2], [9, 6, 3]]),
        (24, BOX, [[1, 2, 3], [4, 8, 5], [7, 9, 6]]),
        (24, [[1, 1, 0]], GRID),
        (25, ALL, [[3, 6, 9], [2, 5, 8], [1, 4, 7]]),
        (26, ALL, [[3, 2, 1], [6, 5, 4], [9, 8, 7]]),
        (27, BOX, [[1, 2, 3], [4, 8, 9], [7, 5, 6]]),
        (28, ALL, GRID),
        (30, BOX, [[1, 2, 3], [4, 0, 6], [7, 8, 0]]),
        (31, BOX, [[1, 2, 3], [4, 0, 6], [7, 8, 0]]),
        (34, ALL, GRID),
    ],
)
def test_operations_do_what_they_say(operation, selection, expected):
    after = applied(board_of(GRID), operation, selection_of(selection), like_jaxarc=False)
    np.testing.assert_array_equal(after.cells, padded(np.array(expected, np.int8)))


def test_clearing_with_nothing_selected_makes_all_cells_black_beyond_the_grid_too():
    assert not applied(board_of(GRID), 31, selection_of(NONE), like_jaxarc=False).cells.any()


def test_a_flood_keeps_to_its_colour_and_needs_exactly_one_cell():
    board = board_of([[1, 1, 2], [2, 1, 2], [1, 2, 1]])
    after = applied(board, 15, selection_of([[1]]), like_jaxarc=False)
    np.testing.assert_array_equal(after.cells[:3, :3], [[5, 5, 2], [2, 5, 2], [1, 2, 1]])
    assert applied(board, 15, selection_of([[1, 1]]), like_jaxarc=False) is not board
    np.testing.assert_array_equal(applied(board, 15, selection_of([[1, 1]]), like_jaxarc=False).cells, board.cells)


def test_copy_and_cut_fill_the_clipboard_and_nothing_else_does():
    selection = selection_of(BOX)
    for operation in (28, 30):
        clipboard = applied(board_of(GRID), operation, selection, like_jaxarc=False).clipboard
        assert clipboard.sum() == 5 + 9
        assert (clipboard[1, 1], clipboard[2, 2]) == (5, 9)
    assert not applied(board_of(GRID), 3, selection, like_jaxarc=False).clipboard.any()


def test_pasting_aligns_the_corners_of_what_is_coloured_and_what_is_selected():
    board = board_of(GRID, clipboard=[[0, 0, 0], [0, 5, 0], [0, 0, 9]])
    after = applied(board, 29, selection_of([[1, 1], [1, 1]]), like_jaxarc=False)
    np.testing.assert_array_equal(after.cells[:3, :3], [[5, 0, 3], [0, 9, 6], [7, 8, 9]])
    for nothing in (board._replace(clipboard=np.zeros((30, 30), np.int8)), board):
        chosen = selection_of(NONE if nothing is board else ALL)
        np.testing.assert_array_equal(applied(nothing, 29, chosen, like_jaxarc=False).cells, board.cells)


def test_like_jaxarc_a_rotation_is_around_the_middle_of_all_cells():
    after = applied(board_of(GRID), 24, selection_of(ALL), like_jaxarc=True).cells
    np.testing.assert_array_equal(after[:3, :3], NONE)
    np.testing.assert_array_equal(after[:3, 27:], [[7, 4, 1], [8, 5, 2], [9, 6, 3]])


def test_similarity_is_the_share_of_the_targets_cells_that_are_right():
    target = padded(np.array([[1, 2], [4, 0], [7, 8], [0, 0]], np.int8))
    assert similarity(board_of(GRID), target) == pytest.approx(5 / 8)


def test_corners_of_a_box_come_in_any_order():
    boxes = [wanted_selection("box", np.array([0, *corners], np.uint32)) for corners in ((4, 2, 1, 9), (1, 9, 4, 2))]
    assert np.array_equal(*boxes)
    assert boxes[0].sum() == 4 * 8


def test_like_jaxarc_no_grid_grows():
    grid = padded(np.array(GRID, np.int8))
    for like_jaxarc, shape in ((False, (5, 8)), (True, (3, 3))):
        env = ArcGrid("point", Tasks(grid[None], grid[None]), like_jaxarc=like_jaxarc)
        state, _ = env.step(env.reset(0, 1), [[33, 4, 7]])
        assert (state.boards[0].height, state.boards[0].width) == shape
