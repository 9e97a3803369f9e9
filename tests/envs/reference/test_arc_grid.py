from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlgauge.envs.reference import arc_bits, arc_grid_numpy, arc_tasks
from rlgauge.envs.reference.arc_actions import COPY, PASTE, RESIZE, SUBMIT
from rlgauge.envs.reference.arc_grid import ArcGrid

TASKS = arc_tasks.generated(1, 40)
POINTS = ArcGrid("point", TASKS)
STEP = jax.jit(POINTS.step)
SAMPLE = jax.jit(POINTS.sample)


def on_grids(state, grid_of):
    """The state with other grids, made of the tasks' indices."""
    grids = np.stack([grid_of(index) for index in state.task])
    height, width = np.array([arc_tasks.shape(grid) for grid in grids], np.int32).T
    return state._replace(
        cells=jnp.asarray(arc_bits.packed(grids)), height=jnp.asarray(height), width=jnp.asarray(width)
    )


def nearer(actions, kind, boards, rng):
    """Most selections in the grid, many of one cell, and few submissions: so that all operations have work."""
    actions = np.array(actions)
    is_chosen = rng.random(len(actions)) < 0.7
    if kind == "mask":
        actions[is_chosen, 1:] = 0
        actions[is_chosen, rng.integers(1, 9, is_chosen.sum())] = 1 << rng.integers(0, 8, is_chosen.sum())
    else:
        sizes = np.array([(board.height, board.width) for board in boards], np.uint32)
        actions[is_chosen, 1:] %= np.tile(sizes, (1, (actions.shape[1] - 1) // 2))[is_chosen]
    is_spared = (actions[:, 0] == SUBMIT) & (rng.random(len(actions)) < 0.8)
    actions[is_spared, 0] = PASTE
    return actions


@pytest.mark.parametrize(("kind", "like_jaxarc"), [("point", False), ("box", True), ("mask", False)])
def test_random_play_is_that_of_the_twin_cell_by_cell(kind, like_jaxarc):
    ours, theirs = (
        environment(kind, TASKS, like_jaxarc=like_jaxarc) for environment in (ArcGrid, arc_grid_numpy.ArcGrid)
    )
    step, sample = jax.jit(ours.step), jax.jit(ours.sample)
    state, expected = ours.reset(3, 100), theirs.reset(3, 100)
    np.testing.assert_array_equal(state.observation, expected.observation)
    rng = np.random.default_rng(0)
    num_over = 0
    for _ in range(50):
        drawn = theirs.sample(expected)
        np.testing.assert_array_equal(sample(state), drawn)
        action = nearer(drawn, kind, expected.boards, rng)
        selection = [
            arc_grid_numpy.wanted_selection(kind, own) & board.inside
            for own, board in zip(action, expected.boards, strict=True)
        ]
        np.testing.assert_array_equal(ours.selected(state, jnp.asarray(action)), selection)
        state, seen = step(state, action)
        expected, wanted = theirs.step(expected, action)
        for name in wanted._fields:
            np.testing.assert_array_equal(getattr(seen, name), getattr(wanted, name), err_msg=name)
        np.testing.assert_array_equal(
            arc_bits.unpacked(state.clipboard), [board.clipboard for board in expected.boards]
        )
        assert state.height.tolist() == [board.height for board in expected.boards]
        assert state.width.tolist() == [board.width for board in expected.boards]
        assert state.task.tolist() == expected.task.tolist()
        num_over += int(wanted.terminated.sum())
    assert num_over > 10


def test_what_an_environment_does_depends_on_no_other():
    few, many = POINTS.reset(3, 2), POINTS.reset(3, 40)
    for _ in range(60):
        few, _ = STEP(few, SAMPLE(few))
        many, _ = STEP(many, SAMPLE(many))
    assert np.array_equal(few.cells, many.cells[:2])
    assert np.array_equal(few.num_right, many.num_right[:2])


def test_an_episode_without_a_submission_is_truncated_at_100_steps_and_the_next_begins():
    state = POINTS.reset(0, 2)
    for index in range(100):
        state, seen = STEP(state, jnp.array([[index % 10, 0, 0], [SUBMIT if index == 50 else 0, 0, 0]]))
        assert seen.truncated.tolist() == [index == 99, False]
        assert seen.terminated.tolist() == [False, index == 50]
    assert state.num_steps.tolist() == [0, 49]
    assert np.array_equal(state.observation[0], TASKS.inputs[int(state.task[0])])
    assert not np.array_equal(seen.final_observation[0], seen.observation[0])


def test_submitting_the_target_gives_ten_and_anything_else_does_not():
    state = on_grids(POINTS.reset(0, 2), lambda index: TASKS.targets[index])
    state, _ = STEP(state, jnp.array([[COPY, 0, 0]] * 2))
    state, seen = STEP(state, jnp.array([[SUBMIT, 0, 0], [5 if int(state.observation[1, 0, 0]) != 5 else 4, 0, 0]]))
    assert float(seen.reward[0]) == pytest.approx(10 - 0.01)
    _, seen = STEP(state, jnp.array([[0, 29, 29], [SUBMIT, 0, 0]]))
    assert float(seen.reward[1]) == pytest.approx(-0.01)


def test_grids_grow_to_a_cell_outside_them():
    state = on_grids(POINTS.reset(0, 2), lambda _: arc_tasks.padded(np.array([[1, 2, 3]] * 3, np.int8)))
    state, _ = STEP(state, jnp.array([[RESIZE, 4, 7], [RESIZE, 1, 9]]))
    assert (state.height.tolist(), state.width.tolist()) == ([5, 2], [8, 10])
    assert [arc_tasks.shape(grid) for grid in np.asarray(state.observation)] == [(5, 8), (2, 10)]
    assert state.observation.sum(axis=(1, 2), dtype=jnp.int32).tolist() == [18 - (900 - 40), 12 - (900 - 20)]


def test_operations_and_cells_beyond_the_last_count_as_the_last():
    state = POINTS.reset(0, 2)
    _, seen = STEP(state, jnp.array([[99, 0, 0], [-5, 99, -7]]))
    _, same = STEP(state, jnp.array([[SUBMIT, 0, 0], [0, 29, 0]]))
    assert seen.terminated.tolist() == [True, False]
    np.testing.assert_array_equal(seen.final_observation, same.final_observation)


def test_bits_hold_every_grid_there_is():
    grids = np.random.default_rng(0).integers(-1, 10, (20, 30, 30)).astype(np.int8)
    np.testing.assert_array_equal(arc_bits.unpacked(jnp.asarray(arc_bits.packed(grids))), grids)


def test_a_flood_goes_along_every_bend_of_a_spiral():
    way = np.full((30, 30), 7, np.int8)
    row, column, length = 0, 0, 29
    way[0, 0] = 0
    for turn in range(28):  # a path one cell wide, with walls one cell wide between its windings
        for _ in range(length):
            row, column = (
                (row, column + 1)
                if turn % 4 == 0
                else (row + 1, column)
                if turn % 4 == 1
                else ((row, column - 1) if turn % 4 == 2 else (row - 1, column))
            )
            way[row, column] = 0
        length -= 2 if turn % 2 == 0 and turn else 0
    _, seen = STEP(on_grids(POINTS.reset(0, 2), lambda _: way), jnp.array([[13, 0, 0], [0, 1, 0]]))
    board = arc_grid_numpy.Board(way, 30, 30, np.zeros_like(way))
    start = np.zeros((30, 30), bool)
    start[0, 0] = True
    expected = arc_grid_numpy.applied(board, 13, start, like_jaxarc=False).cells
    assert (expected == 3).sum() > 300
    np.testing.assert_array_equal(seen.final_observation[0], expected)


def test_an_observation_that_nobody_reads_is_not_computed():
    state = POINTS.reset(0, 2)
    program = jax.jit(lambda state, action: POINTS.step(state, action)[0]).lower(state, POINTS.sample(state)).compile()
    assert "s8[" not in program.as_text()


def test_a_state_takes_little_more_than_a_kilobyte():
    assert sum(leaf.nbytes for leaf in jax.tree.leaves(POINTS.reset(0, 1000))) / 1000 < 1060


def test_it_maps_over_clocks_like_any_function():
    states = jax.vmap(lambda clock: POINTS.reset(0, 3)._replace(clock=clock))(jnp.arange(2, dtype=jnp.uint32))
    after, seen = jax.jit(jax.vmap(POINTS.step))(states, jnp.zeros((2, 3, 3), jnp.int32))
    assert seen.observation.shape == (2, 3, 30, 30)
    assert after.clock.tolist() == [1, 2]


@pytest.mark.parametrize(("kind", "limits"), [("point", [35, 30, 30]), ("box", [35, 30, 30, 30, 30])])
def test_every_number_of_an_action_is_uniform_and_independent(kind, limits):
    actions = np.asarray(ArcGrid(kind, TASKS).sample(POINTS.reset(0, 50_000)))
    for column, limit in zip(actions.T, limits, strict=True):
        counts = np.bincount(column, minlength=limit)
        assert len(counts) == limit
        assert ((counts - 50_000 / limit) ** 2 / (50_000 / limit)).sum() < limit + 5 * np.sqrt(2 * limit)
    assert np.abs(np.corrcoef(actions.T) - np.eye(len(limits))).max() < 5 / np.sqrt(50_000)


def test_masks_select_every_cell_half_the_time():
    env = ArcGrid("mask", TASKS)
    rows = np.asarray(env.sample(POINTS.reset(0, 5_000)))[:, 1:]
    cells = rows[..., None] >> np.arange(32, dtype=np.uint32) & 1
    assert not cells[..., 30:].any()
    assert np.abs(cells[..., :30].mean(axis=0) - 0.5).max() < 5 * 0.5 / np.sqrt(5_000)
