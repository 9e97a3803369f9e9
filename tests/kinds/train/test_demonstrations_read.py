"""Demonstrations in files of several kinds."""

from __future__ import annotations

import json
import re
import sys

import h5py
import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from rlgauge.core.errors import UserError
from rlgauge.envs.gymnasium import make
from rlgauge.kinds.train.demonstrations_read import digest, first_episodes, read_demonstrations, read_npz, write_npz
from rlgauge.kinds.train.experts.playing import play
from tests.kinds.train.experts.hubs import COMMIT, as_downloaded, make_repository

ENV = "seals/Hopper-v1"
NAME = "HumanCompatibleAI/ppo-seals-Hopper-v1"


@pytest.fixture(scope="module")
def played():
    """Two episodes of Hopper, of 1000 steps each, with actions that differ."""
    rng = np.random.default_rng(0)
    return play(lambda: make(ENV), lambda seen: rng.uniform(-1, 1, (len(seen), 3)).astype(np.float32), seeds=[0, 1])


@pytest.fixture
def npz(played, tmp_path):
    write_npz(tmp_path / "two.npz", played, environment=ENV)
    return tmp_path / "two.npz"


def rows(played):
    """The episodes as the library imitation has them."""
    starts = [0, *np.cumsum(played.lengths)[:-1]]
    return [
        {
            "obs": np.concatenate([played.observations[a : a + n], played.next_observations[a + n - 1 : a + n]]),
            "acts": played.actions[a : a + n],
            "terminal": bool(played.is_terminated[a + n - 1]),
            "rews": np.full(n, total / n),
        }
        for a, n, total in zip(starts, played.lengths, played.returns, strict=True)
    ]


def same(one, other):
    for a, b in zip(one[:5], other[:5], strict=True):
        assert a.dtype == b.dtype
        assert np.array_equal(a, b)
    assert np.allclose(one.returns, other.returns)


def test_a_file_of_ours_holds_the_same_and_says_of_what_environment(played, npz):
    found, record = read_demonstrations(str(npz), make(ENV))
    same(found, played)
    assert record.source == str(npz)
    assert record.environment == ENV
    assert record.digest == digest(played) == digest(read_npz(npz))
    assert (record.num_episodes, record.num_transitions) == (2, 2000)
    assert record.return_mean == pytest.approx(played.returns.mean())


def test_the_first_episodes_can_be_had(played, npz):
    found, record = read_demonstrations(str(npz), make(ENV), num_episodes=1)
    assert list(found.lengths) == [1000]
    assert len(found.observations) == len(found.is_terminated) == 1000
    assert record.num_episodes == 1
    assert record.digest != digest(played)
    with pytest.raises(UserError, match="3 episodes were asked for, but there are 1 to 2"):
        first_episodes(played, 3)


def test_those_of_another_environment_are_refused_with_both_shapes(npz):
    message = r"are of another environment: their observations have the shape \(12,\), those of seals/Ant-v1 \(29,\)"
    with pytest.raises(UserError, match=message):
        read_demonstrations(str(npz), make("seals/Ant-v1"))


def test_actions_of_another_shape_are_refused(played, tmp_path):
    write_npz(tmp_path / "other.npz", played._replace(actions=played.actions[:, :2]), environment=None)
    with pytest.raises(UserError, match=r"their actions have the shape \(2,\), those of seals/Hopper-v1 \(3,\)"):
        read_demonstrations(str(tmp_path / "other.npz"), make(ENV))


@pytest.mark.parametrize("actions", [[0, 2], [-1, 0], [0.0, 1.0]])
def test_discrete_actions_that_the_environment_has_not_are_refused(actions, tmp_path):
    played = play(lambda: make("seals/CartPole-v0"), lambda seen: np.zeros(len(seen), np.int64), seeds=[0])
    write_npz(tmp_path / "a.npz", played._replace(actions=np.resize(actions, 500)), environment=None)
    with pytest.raises(UserError, match="those of seals/CartPole-v0 are the integers 0 to 1"):
        read_demonstrations(str(tmp_path / "a.npz"), make("seals/CartPole-v0"))


def test_nan_is_refused(played, tmp_path):
    actions = played.actions.copy()
    actions[5, 1] = np.nan
    write_npz(tmp_path / "nan.npz", played._replace(actions=actions), environment=None)
    with pytest.raises(UserError, match="hold NaN"):
        read_demonstrations(str(tmp_path / "nan.npz"), make(ENV))


def test_missing_keys_and_lengths_that_do_not_agree_are_named(played, tmp_path):
    np.savez(tmp_path / "part.npz", observations=played.observations, actions=played.actions)
    with pytest.raises(UserError, match="lack next_observations, is_terminated, lengths, returns; they hold actions, "):
        read_npz(tmp_path / "part.npz")
    write_npz(tmp_path / "short.npz", played._replace(actions=played.actions[:-1]), environment=None)
    with pytest.raises(UserError, match="lengths come to 2000 transitions of 2 episodes, but there are actions 1999"):
        read_npz(tmp_path / "short.npz")


def test_pickles_are_not_opened(tmp_path):
    np.savez(tmp_path / "pickle.npz", observations=np.array([{}, None], object))
    with pytest.raises(UserError, match="can't be read"):
        read_npz(tmp_path / "pickle.npz")


@pytest.mark.parametrize("there", [True, False])
def test_what_is_no_set_of_demonstrations_is_told_what_can_be_read(there, tmp_path):
    path = tmp_path / "some.txt"
    if there:
        path.write_text("text")
    wanted = "is none of these" if there else "does not exist"
    with pytest.raises(UserError, match=rf"they may be an .npz file.*but this {wanted}"):
        read_demonstrations(str(path), make(ENV))


@pytest.fixture
def minari(played, tmp_path):
    folder = tmp_path / "hopper" / "expert-v0"
    (folder / "data").mkdir(parents=True)
    with h5py.File(folder / "data" / "main_data.hdf5", "w") as file:
        for index, row in enumerate([*rows(played)] * 6):  # more than ten: they are in the order of numbers
            group = file.create_group(f"episode_{index}")
            group["observations"], group["actions"] = row["obs"], row["acts"] * (1 if index < 11 else 0)
            group["rewards"] = row["rews"]
            group["terminations"] = group["truncations"] = np.arange(1000) == (999 if index == 1 else -1)
    (folder / "data" / "metadata.json").write_text(json.dumps({"env_spec": json.dumps({"id": ENV})}))
    return folder


def test_a_data_set_of_minari_is_read(played, minari):
    found, record = read_demonstrations(str(minari), make(ENV))
    assert record.num_episodes == 12
    assert record.environment == ENV
    same(first_episodes(found, 2)._replace(is_terminated=played.is_terminated), played)
    assert list(np.flatnonzero(found.is_terminated)) == [1999]
    assert not found.actions[-1000:].any()
    assert found.actions[-2000:-1000].any()


def test_a_data_set_of_minari_with_observations_of_parts_is_refused(minari):
    import h5py

    with h5py.File(minari / "data" / "main_data.hdf5", "a") as file:
        del file["episode_0/observations"]
        file.create_group("episode_0/observations")["part"] = np.zeros(3)
    with pytest.raises(UserError, match="have observations of several parts"):
        read_demonstrations(str(minari), make(ENV))


@pytest.fixture(params=["arrow", "parquet", "hub"])
def trajectories(request, played, tmp_path, monkeypatch):
    """The name of a data set of trajectories, with infos, which are passed over."""

    told = [{**row, "infos": ["{}"] * len(row["acts"])} for row in rows(played)]
    columns = {name: [np.asarray(row[name]).tolist() for row in told] for name in told[0]}
    table = pa.table(columns)
    if request.param == "arrow":
        path = str(tmp_path / "data-00000-of-00001.arrow")
        with pa.OSFile(path, "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        (tmp_path / "state.json").write_text("{}")
        return str(tmp_path)
    folder = tmp_path
    if request.param == "hub":
        monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
        folder = make_repository(tmp_path / "hub", NAME, kind="dataset")
    (folder / "data").mkdir()
    parquet.write_table(table, folder / "data" / "train-00000-of-00001-0123456789abcdef.parquet")
    parquet.write_table(table, folder / "data" / "test-00000-of-00001.parquet")
    if request.param == "hub":
        as_downloaded(folder)
    return f"hf:{NAME}@{COMMIT}" if request.param == "hub" else str(folder)


def test_trajectories_of_imitation_are_read(played, trajectories):
    found, record = read_demonstrations(trajectories, make(ENV))
    same(found, played)
    assert record.environment is None
    assert record.return_mean == pytest.approx(played.returns.mean())


def test_a_data_set_of_which_a_file_is_missing_is_refused(played, tmp_path):
    row = rows(played)[0]
    table = pa.table({name: [np.asarray(row[name]).tolist()] for name in ("obs", "acts", "terminal")})
    for index in (0, 2):
        parquet.write_table(table, tmp_path / f"train-{index:05}-of-00003.parquet")
    with pytest.raises(UserError, match="are not whole: 1 of 3 files are missing, the first is number 00001"):
        read_demonstrations(str(tmp_path), make(ENV))
    parquet.write_table(table, tmp_path / "train-00001-of-00003.parquet")
    assert len(read_demonstrations(str(tmp_path), make(ENV)).demonstrations.lengths) == 3


def test_a_name_of_a_repository_that_lacks_the_scheme_is_told_how_it_is_written():
    with pytest.raises(UserError, match=r"does not exist\. A repository of the hub is written hf:me/data@REVISION\.$"):
        read_demonstrations("me/data@main", make(ENV))


def test_trajectories_without_rewards_have_no_returns(played, tmp_path):

    row = rows(played)[0]
    table = pa.table({name: [np.asarray(row[name]).tolist()] for name in ("obs", "acts", "terminal")})
    parquet.write_table(table, tmp_path / "one.parquet")
    found, record = read_demonstrations(str(tmp_path), make(ENV))
    assert np.isnan(found.returns).all()
    assert record.return_mean is None


def test_trajectories_that_lack_a_column_or_an_observation_are_refused(played, tmp_path):

    row = rows(played)[0]
    parquet.write_table(pa.table({"obs": [row["obs"].tolist()]}), tmp_path / "one.parquet")
    with pytest.raises(UserError, match="lack acts, terminal; they hold obs"):
        read_demonstrations(str(tmp_path), make(ENV))
    table = pa.table({"obs": [row["obs"][:-1].tolist()], "acts": [row["acts"].tolist()], "terminal": [False]})
    parquet.write_table(table, tmp_path / "one.parquet")
    with pytest.raises(UserError, match="an episode of 1000 actions and 1000 observations"):
        read_demonstrations(str(tmp_path), make(ENV))


@pytest.mark.parametrize(("library", "file"), [("h5py", "data/main_data.hdf5"), ("pyarrow", "one.parquet")])
def test_a_library_that_is_missing_is_named(library, file, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_bytes(b"")
    with pytest.raises(UserError, match=re.escape(f"needs '{library}', which is not installed: pip install {library}")):
        read_demonstrations(str(tmp_path), make(ENV))


@pytest.mark.parametrize("harm", ["cut", "emptied", "flipped"])
def test_a_damaged_file_is_refused_in_a_sentence(npz, harm):
    content = npz.read_bytes()
    middle = len(content) // 3
    npz.write_bytes(
        {
            "cut": content[:middle],
            "emptied": b"",
            "flipped": content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :],
        }[harm]
    )
    with pytest.raises(UserError, match=r"two\.npz' can't be read: the file is damaged"):
        read_npz(npz)


def test_a_file_that_was_changed_after_it_was_written_is_refused(npz):
    with np.load(npz) as file:
        arrays = dict(file)
    arrays["actions"] = -arrays["actions"]
    np.savez(npz, **arrays)
    with pytest.raises(UserError, match="were changed"):
        read_npz(npz)
    del arrays["digest"]
    np.savez(npz, **arrays)
    assert np.array_equal(read_npz(npz).actions, arrays["actions"])
