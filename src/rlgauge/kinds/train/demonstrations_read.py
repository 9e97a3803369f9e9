"""Demonstrations in files: our own npz, data sets of Minari, data sets of trajectories of the library imitation."""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium
import msgspec
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from rlgauge.core.errors import UserError
from rlgauge.core.files import plain_errors, write_atomic
from rlgauge.kinds.train.demonstrations import Demonstrations
from rlgauge.kinds.train.experts import hub

_KEYS = Demonstrations._fields
_MINARI = Path("data/main_data.hdf5")
_TABLES = ("*.arrow", "*.parquet", "train/*.arrow", "data/train-*.parquet", "default/train/*.parquet", "data/*.parquet")
"""Where `datasets` puts the files of a data set, on a disk or on the hub."""
_SHARD = re.compile(r"-(\d{5})-of-(\d{5})")
"""In the name of a file which of how many it is."""
_FORMS = (
    "an .npz file, a folder of Minari (data/main_data.hdf5), a folder of trajectories of the library imitation "
    f"(*.arrow or *.parquet), or {hub.FORM}"
)


class DemonstrationRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Where demonstrations come from, and how many and how good they are.

    `environment` is what the source says itself, `seeds` are those of the episodes' resets where they were made here.
    `return_mean` is None where the source does not tell rewards.
    """

    source: str
    digest: str
    environment: str | None
    num_episodes: int
    num_transitions: int
    return_mean: float | None
    expert: str | None = None
    expert_digest: str | None = None
    seeds: list[int] | None = None


class Recorded(NamedTuple):
    """Demonstrations, and what is known of them."""

    demonstrations: Demonstrations
    record: DemonstrationRecord


class _Found(NamedTuple):
    demonstrations: Demonstrations
    environment: str | None


class _Episode(NamedTuple):
    """T steps; of T + 1 observations."""

    observations: NDArray[Any]
    actions: NDArray[Any]
    rewards: NDArray[Any] | None
    is_terminated: bool


def read_demonstrations(source: str, env: gymnasium.Env[Any, Any], *, num_episodes: int | None = None) -> Recorded:
    """The demonstrations of a file, a folder or a repository of the hub; the first `num_episodes` where that is said.

    Returns are NaN where the source does not tell rewards. Raises UserError for what can't be read, for those of
    another environment, and where there are fewer episodes.
    """
    found = _read(source)
    checked = check_fits(found.demonstrations, env, source=source)
    chosen = checked if num_episodes is None else first_episodes(checked, num_episodes)
    return Recorded(chosen, record_of(chosen, source=source, environment=found.environment))


def record_of(demonstrations: Demonstrations, *, source: str, environment: str | None) -> DemonstrationRecord:
    """The record of demonstrations that nothing else is known of."""
    returns = demonstrations.returns
    return DemonstrationRecord(
        source=source,
        digest=digest(demonstrations),
        environment=environment,
        num_episodes=len(demonstrations.lengths),
        num_transitions=len(demonstrations.actions),
        return_mean=None if np.isnan(returns).any() else float(returns.mean()),
    )


def digest(demonstrations: Demonstrations) -> str:
    """32 hexadecimal digits of all arrays, with their types and shapes."""
    content = hashlib.blake2b(digest_size=16)
    for name, array in zip(_KEYS, demonstrations, strict=True):
        content.update(f"{name} {array.dtype} {array.shape}\n".encode())
        content.update(np.ascontiguousarray(array).tobytes())
    return content.hexdigest()


def first_episodes(demonstrations: Demonstrations, num_episodes: int) -> Demonstrations:
    """So many episodes from the beginning. Raises UserError where there are fewer."""
    have = len(demonstrations.lengths)
    if not 1 <= num_episodes <= have:
        raise UserError(f"{num_episodes} episodes were asked for, but there are 1 to {have} to be had.")
    end = int(demonstrations.lengths[:num_episodes].sum())
    return Demonstrations(
        *(array[:end] for array in demonstrations[:4]), *(array[:num_episodes] for array in demonstrations[4:])
    )


def check_fits(demonstrations: Demonstrations, env: gymnasium.Env[Any, Any], *, source: str) -> Demonstrations:
    """The same with the types of the environment's spaces. Raises UserError for those of another environment."""
    pairs = (
        ("observations", demonstrations.observations, env.observation_space),
        ("actions", demonstrations.actions, env.action_space),
    )
    name = env.spec.id if env.spec is not None else type(env.unwrapped).__name__
    for what, array, space in pairs:
        if array.shape[1:] != space.shape:
            raise UserError(
                f"The demonstrations of '{source}' are of another environment: their {what} have the shape "
                f"{array.shape[1:]}, those of {name} {space.shape}."
            )
    _check_actions(demonstrations.actions, env.action_space, source, name)
    if not all(np.isfinite(array).all() for array in demonstrations[:3]):
        raise UserError(f"The demonstrations of '{source}' hold NaN or infinite numbers.")
    observed, acted = env.observation_space.dtype, env.action_space.dtype
    return demonstrations._replace(
        observations=demonstrations.observations.astype(observed, copy=False),
        next_observations=demonstrations.next_observations.astype(observed, copy=False),
        actions=demonstrations.actions.astype(acted, copy=False),
    )


def _check_actions(actions: NDArray[Any], space: gymnasium.Space[Any], source: str, name: str) -> None:
    if not isinstance(space, spaces.Discrete):
        return
    low, high = float(actions.min()), float(actions.max())
    first, last = int(space.start), int(space.start + space.n - 1)
    if actions.dtype.kind not in "iu" or low < first or high > last:
        raise UserError(
            f"The demonstrations of '{source}' are of another environment: their actions go from {low:g} to {high:g}, "
            f"those of {name} are the integers {first} to {last}."
        )


def write_npz(path: Path, demonstrations: Demonstrations, *, environment: str | None) -> None:
    """A file with the fields of Demonstrations as its keys, `environment` with the id, and `digest`, of all fields.

    Raises StoreError.
    """
    import io

    content = io.BytesIO()
    named: dict[str, Any] = {**demonstrations._asdict(), "digest": np.array(digest(demonstrations))}
    if environment is not None:
        named["environment"] = np.array(environment)
    np.savez(content, **named)  # compressed it takes ten times as long to read, and is hardly smaller
    with plain_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, content.getvalue())


def read_npz(path: Path) -> Demonstrations:
    """The demonstrations of a file of `write_npz`. Raises UserError."""
    return _npz(path).demonstrations


def _read(source: str) -> _Found:
    if source.startswith(hub.PREFIX):
        return _trajectories(hub.fetch(source, kind="dataset").folder)
    path = Path(source)
    if path.is_file() and path.suffix == ".npz":
        return _npz(path)
    if (path / _MINARI).is_file():
        return _minari(path)
    if path.is_dir() and _tables(path):
        return _trajectories(path)
    there = "is none of these" if path.exists() else "does not exist"
    raise UserError(
        f"The demonstrations '{source}' can't be read: they may be {_FORMS}, but this {there}.{hub.advice(source)}"
    )


def _npz(path: Path) -> _Found:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(f"The demonstrations '{path}' can't be read: the file is damaged, or no .npz.") from error
    missing = [name for name in _KEYS if name not in arrays]
    if missing:
        raise UserError(
            f"The demonstrations '{path}' lack {', '.join(missing)}; they hold {', '.join(sorted(arrays))}."
        )
    found = Demonstrations(**{name: arrays[name] for name in _KEYS})
    _check_lengths(found, path)
    if "digest" in arrays and str(arrays["digest"]) != digest(found):
        raise UserError(f"The demonstrations '{path}' were changed: their digest is that of others.")
    environment = arrays.get("environment")
    return _Found(found, None if environment is None else str(environment))


def _check_lengths(found: Demonstrations, path: Path) -> None:
    num, told = int(found.lengths.sum()), len(found.lengths)
    sizes = {name: len(array) for name, array in zip(_KEYS[:4], found[:4], strict=True)}
    wrong = [f"{name} {size}" for name, size in sizes.items() if size != num]
    if not told or wrong or len(found.returns) != told:
        raise UserError(
            f"The demonstrations '{path}' do not agree with themselves: lengths come to {num} transitions of {told} "
            f"episodes, but there are {', '.join(wrong) or f'returns of {len(found.returns)}'}."
        )


def _minari(folder: Path) -> _Found:
    try:
        import h5py  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ModuleNotFoundError:
        raise _needs("h5py", folder) from None
    path = folder / _MINARI
    try:
        with h5py.File(path) as file:
            names = sorted((name for name in file if name.startswith("episode_")), key=lambda name: int(name[8:]))
            episodes = [_of_minari(file[name], path) for name in names]
    except (OSError, KeyError) as error:
        raise UserError(f"The demonstrations '{path}' can't be read: {error}") from error
    return _Found(_joined(episodes, folder), _minari_environment(folder))


def _of_minari(group: Any, path: Path) -> _Episode:  # noqa: ANN401  # the library has no types
    for what in ("observations", "actions"):
        if not hasattr(group[what], "shape"):
            raise UserError(f"The demonstrations '{path}' have {what} of several parts: they must be one array.")
    terminations = np.asarray(group["terminations"])
    rewards = np.asarray(group["rewards"], np.float64)
    return _Episode(np.asarray(group["observations"]), np.asarray(group["actions"]), rewards, bool(terminations[-1]))


def _minari_environment(folder: Path) -> str | None:
    try:
        told = json.loads((folder / "data" / "metadata.json").read_bytes())
        spec = json.loads(told["env_spec"])
        return str(spec["id"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _tables(folder: Path) -> list[Path]:
    """The files that hold the rows, in order: of several parts of a data set those of the training."""
    for pattern in _TABLES:
        found = sorted(folder.glob(pattern))
        if found:
            return found
    return []


def _check_whole(tables: Sequence[Path], folder: Path) -> None:
    """Raise UserError where files are missing that the names of others count."""
    found = [match for path in tables if (match := _SHARD.search(path.stem)) is not None]
    there, of = {int(match[1]) for match in found}, max((int(match[2]) for match in found), default=0)
    missing = [index for index in range(of) if index not in there]
    if missing:
        raise UserError(
            f"The demonstrations '{folder}' are not whole: {len(missing)} of {of} files are missing, the first is "
            f"number {missing[0]:05}."
        )


def _trajectories(folder: Path) -> _Found:
    """Of a data set with a row for each trajectory: obs (T + 1), acts (T), terminal, and rews where there are any."""
    try:
        import pyarrow as pa  # type: ignore[import-not-found, import-untyped, unused-ignore]
        from pyarrow import parquet  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ModuleNotFoundError:
        raise _needs("pyarrow", folder) from None
    episodes: list[_Episode] = []
    tables = _tables(folder)
    _check_whole(tables, folder)
    for path in tables:
        try:
            table = parquet.read_table(path) if path.suffix == ".parquet" else _arrow(path)
        except (OSError, pa.ArrowInvalid) as error:
            raise UserError(f"The demonstrations '{path}' can't be read: {error}") from error
        missing = [name for name in ("obs", "acts", "terminal") if name not in table.column_names]
        if missing:
            raise UserError(
                f"The demonstrations '{path}' lack {', '.join(missing)}; they hold {', '.join(table.column_names)}."
            )
        wanted = [name for name in ("obs", "acts", "terminal", "rews") if name in table.column_names]
        episodes += [_of_row(row) for row in _rows(table.select(wanted))]
    return _Found(_joined(episodes, folder), None)


def _arrow(path: Path) -> Any:  # noqa: ANN401  # the library has no types
    """The table of a file of Hugging Face's `datasets`: a stream, and of some versions a file."""
    import pyarrow as pa  # type: ignore[import-not-found, import-untyped, unused-ignore]

    with pa.memory_map(str(path)) as source:
        try:
            return pa.ipc.open_stream(source).read_all()
        except pa.ArrowInvalid:
            return pa.ipc.open_file(source).read_all()


def _rows(table: Any) -> Sequence[Mapping[str, Any]]:  # noqa: ANN401
    rows: Sequence[Mapping[str, Any]] = table.to_pylist()
    return rows


def _of_row(row: Mapping[str, Any]) -> _Episode:
    rewards = row.get("rews")
    return _Episode(
        np.asarray(row["obs"]),
        np.asarray(row["acts"]),
        None if rewards is None else np.asarray(rewards, np.float64),
        bool(row["terminal"]),
    )


def _joined(episodes: Sequence[_Episode], folder: Path) -> Demonstrations:
    """The transitions of all episodes; one without any is left out."""
    whole = [episode for episode in episodes if len(episode.actions)]
    if not whole:
        raise UserError(f"The demonstrations '{folder}' hold no episode.")
    for episode in whole:
        if len(episode.observations) != len(episode.actions) + 1:
            raise UserError(
                f"The demonstrations '{folder}' have an episode of {len(episode.actions)} actions and "
                f"{len(episode.observations)} observations: there must be one more of these."
            )
    ends = [np.zeros(len(episode.actions), np.bool_) for episode in whole]
    for end, episode in zip(ends, whole, strict=True):
        end[-1] = episode.is_terminated
    return Demonstrations(
        observations=np.concatenate([episode.observations[:-1] for episode in whole]),
        actions=np.concatenate([episode.actions for episode in whole]),
        next_observations=np.concatenate([episode.observations[1:] for episode in whole]),
        is_terminated=np.concatenate(ends),
        lengths=np.array([len(episode.actions) for episode in whole]),
        returns=np.array([np.nan if episode.rewards is None else episode.rewards.sum() for episode in whole]),
    )


def _needs(library: str, folder: Path) -> UserError:
    return UserError(
        f"Reading the demonstrations '{folder}' needs {library!r}, which is not installed: pip install {library}."
    )
