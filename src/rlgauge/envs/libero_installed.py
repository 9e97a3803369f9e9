"""LIBERO as hf-libero brings it: tasks, initial states, and simulators once its meshes are there.

Nothing of it is imported before its configuration file is there, without which it asks at the keyboard; of its module
of task lists only the lists are read, since the module itself imports torch.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import importlib.util
import io
import os
import pickle
import zipfile
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec
import numpy as np
import yaml
from numpy.typing import NDArray

from rlgauge.core.errors import UserError
from rlgauge.core.files import cache_folder, write_atomic
from rlgauge.envs.libero import MAX_STEPS, ControlMode, Libero, LiberoTask, Orientation, Simulator, check_suite

DISTRIBUTIONS = ("hf-libero", "robosuite", "mujoco", "bddl", "numpy")
ASSETS = "lerobot/libero-assets"
"""The data set on the hub that holds the meshes."""
ASSET_FOLDERS = ("articulated_objects", "stable_scanned_objects", "turbosquid_objects", "stable_hope_objects", "scenes")
"""What a whole folder of assets holds."""
CONFIG_PATH = "LIBERO_CONFIG_PATH"
_HASH_BYTES = 8


def is_installed() -> bool:
    """Whether this Python has hf-libero."""
    try:
        importlib.metadata.version("hf-libero")
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def root() -> Path:
    """The folder of the package `libero.libero`. Raises UserError where it is not installed."""
    found = importlib.util.find_spec("libero") if is_installed() else None
    if found is None or not found.submodule_search_locations:
        raise UserError("LIBERO needs hf-libero, which this Python has not: see `rlgauge doctor libero`.")
    return Path(found.submodule_search_locations[0]) / "libero"


def configure() -> Path:
    """The configuration file, written where there is none, so that the import of LIBERO asks nothing.

    It lies in `LIBERO_CONFIG_PATH`, or else in our cache, which that variable is then set to for this process.
    """
    home = root()
    folder = os.environ.get(CONFIG_PATH)
    if folder is None:
        told = hashlib.blake2b(str(home).encode(), digest_size=_HASH_BYTES).hexdigest()
        folder = os.environ[CONFIG_PATH] = str(cache_folder() / f"libero-{told}")
    file = Path(folder) / "config.yaml"
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        places = {
            "benchmark_root": home,
            "bddl_files": home / "bddl_files",
            "init_states": home / "init_files",
            "datasets": home.parent / "datasets",
            "assets": assets() or assets_folder(),
        }
        text = yaml.safe_dump({name: str(place) for name, place in places.items()})
        write_atomic(file, text.encode())
    return file


def assets_folder() -> Path:
    """Where LIBERO looks for meshes that did not come with it."""
    return Path.home() / ".cache" / "libero" / "assets"


def assets() -> Path | None:
    """The folder with the meshes; None where they are not there, or not all."""
    own = root() / "assets"
    for folder in (own, assets_folder()):
        if all((folder / name).is_dir() for name in ASSET_FOLDERS):
            return folder
    return None


def fetch_command() -> str:
    """The command that brings the meshes."""
    return f"hf download {ASSETS} --repo-type dataset --local-dir {assets_folder()}"


def versions() -> dict[str, str]:
    """Of what decides how a task behaves; what is not installed is left out."""
    found = {}
    for name in DISTRIBUTIONS:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def task_names(suite: str) -> list[str]:
    """The names of a suite's tasks, in its order. Raises UserError for an unknown suite."""
    check_suite(suite)
    names: Sequence[str] = _task_map()[suite]
    return list(names)


def language_of(name: str) -> str:
    """What a task's file name says: its words without the scene."""
    words = name.split("_")
    return " ".join(
        words[words.index(next(w for w in words if w.startswith("SCENE"))) + 1 :] if name[0].isupper() else words
    )


def tasks(suite: str) -> list[LiberoTask]:
    """A suite's tasks, in its order. Raises UserError for an unknown suite."""
    return [_task(suite, index, name) for index, name in enumerate(task_names(suite))]


def tell_tasks(suite: str) -> dict[str, Any]:
    """The same as plain data, with the versions that they are of, to who is about to play them.

    Raises UserError where the meshes are not there.
    """
    check_assets()
    return {"versions": versions(), "tasks": [msgspec.to_builtins(task) for task in tasks(suite)]}


def definition_file(suite: str, name: str) -> Path:
    """The file that defines a task."""
    return root() / "bddl_files" / suite / f"{name}.bddl"


def initial_states(suite: str, name: str) -> NDArray[np.float64]:
    """A task's initial states, one a row: time, positions, velocities. Raises UserError for a damaged file.

    torch wrote the file, but it holds one array of NumPy: it is read without torch, and runs no code.
    """
    file = _states_file(suite, name)
    try:
        with zipfile.ZipFile(file) as archive:
            (entry,) = (one for one in archive.namelist() if one.endswith("data.pkl"))
            read = _ArrayUnpickler(io.BytesIO(archive.read(entry))).load()
    except (OSError, ValueError, zipfile.BadZipFile, pickle.UnpicklingError) as error:
        raise UserError(f"{file} holds no initial states: {error}") from error
    return np.asarray(read, np.float64)


class _ArrayUnpickler(pickle.Unpickler):
    """Reads arrays of NumPy, and nothing else."""

    def find_class(self, module_name: str, global_name: str, /) -> Any:  # noqa: ANN401
        found = _ALLOWED.get((module_name.replace("numpy._core", "numpy.core"), global_name))
        if found is None:
            raise pickle.UnpicklingError(f"it names {module_name}.{global_name}, which is no array")
        return found


def _reconstruct() -> Callable[..., Any]:
    return np.ndarray.__reduce__(np.zeros(0))[0]  # type: ignore[return-value]


def _encode(text: str, encoding: str) -> bytes:
    return text.encode(encoding)


_ALLOWED: Mapping[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct(),
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _encode,
}


def _states_file(suite: str, name: str) -> Path:
    return root() / "init_files" / suite / f"{name}.pruned_init"


def _task(suite: str, index: int, name: str) -> LiberoTask:
    told = hashlib.blake2b(digest_size=_HASH_BYTES)
    for file in (definition_file(suite, name), _states_file(suite, name)):
        told.update(file.read_bytes())
    return LiberoTask(
        suite=suite,
        index=index,
        name=name,
        language=language_of(name),
        definition=told.hexdigest(),
        num_initial_states=len(initial_states(suite, name)),
    )


@cache
def _task_map() -> Mapping[str, Sequence[str]]:
    file = root() / "benchmark" / "libero_suite_task_map.py"
    spec = importlib.util.spec_from_file_location("_rlgauge_libero_suite_task_map", file)
    if spec is None or spec.loader is None:
        raise UserError(f"{file} can't be read.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Mapping[str, Sequence[str]] = module.libero_task_map
    return found


class Installed:
    """The backend that is hf-libero."""

    def __init__(self) -> None:
        """Nothing of it is imported yet. Raises UserError where it is not installed."""
        root()
        self.versions: Mapping[str, str] = versions()

    @property
    def is_bottom_up(self) -> bool:
        """As robosuite is set up."""
        return bool(importlib.import_module("robosuite.macros").IMAGE_CONVENTION == "opengl")

    def tasks(self, suite: str) -> list[LiberoTask]:
        """All tasks of a suite, in its order."""
        return tasks(suite)

    def initial_states(self, task: LiberoTask) -> NDArray[np.float64]:
        """A task's initial states, one a row."""
        return initial_states(task.suite, task.name)

    def open(self, task: LiberoTask, *, height: int, width: int) -> Simulator:
        """A simulator of the task. Raises UserError where the meshes are not there."""
        check_assets()
        configure()
        envs: Any = importlib.import_module("libero.libero.envs")
        opened = envs.OffScreenRenderEnv(
            bddl_file_name=str(definition_file(task.suite, task.name)),
            camera_heights=height,
            camera_widths=width,
            ignore_done=True,  # it refuses to go on after 1000 steps otherwise; the benchmark cuts episodes
        )
        return _Opened(opened)


def check_assets() -> None:
    """Raise UserError where the meshes are not there, before LIBERO tries to fetch them by itself."""
    if assets() is None:
        raise UserError(
            f"LIBERO's meshes are not there: neither in {root() / 'assets'} nor in {assets_folder()}. Fetch them "
            f"(206 MB) with: {fetch_command()}"
        )


class _Opened:
    """LIBERO's own simulator, but for its reset, which goes on for ever where anything is raised in it."""

    def __init__(self, opened: Any) -> None:  # noqa: ANN401  # an OffScreenRenderEnv
        self._opened = opened
        self.robots: Sequence[Any] = opened.robots
        self.seed = opened.seed
        self.set_init_state = opened.set_init_state
        self.step = opened.step
        self.check_success = opened.check_success
        self.close = opened.close

    def reset(self) -> Mapping[str, Any]:
        """Again while objects find no place, as LIBERO does."""
        errors: Any = importlib.import_module("robosuite.utils.errors")
        while True:
            try:
                observed: Mapping[str, Any] = self._opened.env.reset()
            except errors.RandomizationError:
                continue
            self.robots = self._opened.robots
            return observed


def make(
    task: Mapping[str, Any], *, height: int, width: int, control_mode: ControlMode, image_orientation: Orientation
) -> Libero:
    """The environment of a task that is told as plain data, by the LIBERO that this Python has."""
    return Libero(
        Installed(),
        msgspec.convert(task, LiberoTask),
        height=height,
        width=width,
        control_mode=control_mode,
        image_orientation=image_orientation,
    )


def look() -> dict[str, Any]:
    """What there is of LIBERO in this Python: versions, numbers of task files and initial states, places.

    Raises what its import raises.
    """
    found = [task for suite in MAX_STEPS for task in tasks(suite)]
    here = assets()
    configuration = configure()
    start = perf_counter()
    importlib.import_module("libero.libero.envs")
    return {
        "versions": versions(),
        "num_tasks": len(found),
        "num_initial_states": sum(task.num_initial_states for task in found),
        "configuration": str(configuration),
        "import_seconds": perf_counter() - start,
        "assets": None if here is None else str(here),
        "fetch": fetch_command(),
    }


_SCENE = """
<mujoco>
  <worldbody>
    <light pos="0 -1 3"/>
    <geom type="sphere" size=".4" pos="0 0 1" rgba="1 0 0 1"/>
    <geom type="box" size="2 2 .1" rgba="0 0 1 1"/>
    <camera name="front" pos="0 -4 1" xyaxes="1 0 0 0 0 1"/>
  </worldbody>
</mujoco>
"""


def try_rendering(size: int = 64) -> float:
    """Milliseconds that a frame of a red ball above a blue floor takes. Raises UserError where it shows neither."""
    import mujoco

    model = mujoco.MjModel.from_xml_string(_SCENE)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    with mujoco.Renderer(model, size, size) as renderer:
        renderer.update_scene(data, camera="front")
        renderer.render()
        start = perf_counter()
        frame = renderer.render().astype(int)
        seconds = perf_counter() - start
    middle, below = frame[size // 2, size // 2], frame[-size // 8, size // 2]
    if not (middle[0] > middle[2] and below[2] > below[0]):
        raise UserError("A red ball above a blue floor came out as something else.")
    return seconds * 1000


def try_task(suite: str = "libero_object", size: int = 64) -> float:
    """Seconds until an episode of a suite's first task has begun. Raises UserError where something is missing."""
    check_assets()
    start = perf_counter()
    env = Libero(Installed(), tasks(suite)[0], height=size, width=size)
    try:
        env.reset(seed=0)
    finally:
        env.close()
    return perf_counter() - start
