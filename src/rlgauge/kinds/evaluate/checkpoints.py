"""The checkpoints in the folder of a training: which files they are, and after how many steps they were written."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec

from rlgauge.core.case import fingerprint
from rlgauge.core.errors import UserError
from rlgauge.episodes.policies.lerobot_folder import CONFIG, WEIGHTS

PLACE = "{checkpoint}"
"""Stands in a policy's URI where the path of a checkpoint goes."""
PATTERNS: Mapping[str, tuple[str, ...]] = {
    "sb3": ("*.zip",),
    "lightning": ("*.ckpt",),
    "onnx": ("*.onnx",),
    "torchscript": ("*.pt", "*.pth", "*.ts"),
    "export": ("*.pt2",),
    "lerobot": (),
}
"""What files of a scheme are called; lerobot's checkpoints are folders."""
PRETRAINED = "pretrained_model"
"""What lerobot calls the folder of a policy, inside of that of a checkpoint."""
_UNFINISHED = ("*.tmp", "*.temp", "*.part", "*.partial", "*.incomplete", ".*", "*~")
_DEPTH = 4
"""So many folders below the one that is watched are looked into."""
_SUFFIX = r"(?P<suffix>[km]|e\+?\d)?"
_WORD = r"(?:time|env|global)?steps?"
_AFTER = re.compile(
    rf"(?<![a-z]){_WORD}(?P<sign>[=_-]?)(?P<number>\d{{1,3}}(?:_\d{{3}})+(?!\d)|\d+(?:\.\d+)?){_SUFFIX}(?![a-z\d])",
    re.IGNORECASE,
)
"""`step=400`, `step_1_500_000`, `step_1.5M`, `step=2e6`."""
_BEFORE = re.compile(rf"(?<![\d.])(?P<number>\d+(?:\.\d+)?){_SUFFIX}[_-]?{_WORD}(?![a-z])", re.IGNORECASE)
"""`400_steps`, `500k_steps`."""
_BESIDE = re.compile(r"steps?[=_-]?\d|\d[a-z]?[_-]?[a-z]*steps?(?![a-z])", re.IGNORECASE)
_LAST = re.compile(r"(?:^|[_-])(?P<number>\d+)$")
_NO_STEP = re.compile(
    r"(?<![a-z])(?:seeds?|s|v|ver|version|fold|trial|run|try|attempt|rank|epochs?|ep|episodes?)[_-]?$", re.IGNORECASE
)
"""What a number behind it counts is no step."""
_DATE = re.compile(
    r"(?<!\d)(?:19|20)\d\d(?P<sign>[_-]?)(?:0[1-9]|1[0-2])(?P=sign)(?:0[1-9]|[12]\d|3[01])(?:[T_-][\dT_-]*)?$",
    re.IGNORECASE,
)
_SCALES = {"": 1, "k": 10**3, "m": 10**6}
_NORMALIZER = "*vecnormalize*.pkl"


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A policy as a training left it after `step` steps.

    `path` is a file or lerobot's folder of a policy. It is read with its `parts`: weights that an ONNX file keeps
    beside it, or the statistics by which Stable-Baselines3 normalises observations. `beside` are other files of the
    same step.
    """

    path: Path
    step: int
    parts: tuple[Path, ...] = ()
    beside: tuple[Path, ...] = ()

    @property
    def home(self) -> Path:
        """The folder that holds this checkpoint and the others of its training."""
        return (self.path.parent if self.path.name == PRETRAINED else self.path).parent

    @property
    def normalizer(self) -> Path | None:
        """The file of statistics of observations."""
        return next((path for path in self.parts if fnmatch.fnmatchcase(path.name, _NORMALIZER)), None)

    def mark(self) -> str:
        """A short text that is another one once the policy was written again. Raises OSError."""
        return fingerprint(_state(self.path.parent, (self.path, *self.parts)))

    def state(self) -> object:
        """Names, sizes and times of all its files: while they change, it is being written. Raises OSError."""
        return _state(self.path.parent, (self.path, *self.parts, *self.beside))


class Manner(msgspec.Struct, frozen=True, kw_only=True):
    """How checkpoints are known: the scheme of the policy, and where a person says it otherwise.

    `pattern` is what their files are called, `step` a regular expression whose group is the step. `is_normalised` is
    true where the policy itself says by which statistics its observations are normalised, or by none.
    """

    scheme: str
    pattern: str | None = None
    step: str | None = None
    is_normalised: bool = False

    def check(self) -> None:
        """Raise UserError where it can't be known by this which files are meant."""
        if self.scheme == "lerobot" and self.pattern is not None:
            raise UserError("--watch-files is of files: lerobot's checkpoints are folders, known by what they hold.")
        if self.scheme not in PATTERNS and self.pattern is None:
            raise UserError(
                f"What the checkpoints of {self.scheme!r} are called is not known: say it with --watch-files, such as "
                "--watch-files '*.npz'."
            )
        if self.step is not None and _groups(self.step) != 1:
            raise UserError(
                f"--watch-step {self.step!r}: write a regular expression with one group, which is the step, such as "
                r"'epoch=(\d+)'."
            )

    def step_of(self, name: str) -> int | None:
        """The step that a name tells; None where it tells none.

        It is the number at the word `step`, also as `1M`, `500k`, `2e6` and `1_500_000`; else one that ends the name
        behind `_` or `-`, or is all of it, unless it is a date or of a seed, a version, an epoch and the like.
        """
        if self.step is not None:
            found = re.search(self.step, name)
            return int(found[1]) if found and found[1] and found[1].isdecimal() else None
        stem = name.partition(".")[0] if self.scheme == "lerobot" else Path(name).stem
        return _at_the_word(stem) if _BESIDE.search(stem) else _at_the_end(stem)

    def is_meant(self, name: str) -> bool:
        """Whether a file of this name could be a checkpoint."""
        patterns = PATTERNS.get(self.scheme, ()) if self.pattern is None else (self.pattern,)
        return any(fnmatch.fnmatchcase(name, one) for one in patterns) and not _matches(name, _UNFINISHED)


class Looked(msgspec.Struct, frozen=True):
    """The checkpoints of one training in the order of their steps, and the folder that holds them.

    Others are passed over, each for a reason.
    """

    checkpoints: list[Checkpoint]
    passed_over: dict[Path, str]
    home: Path | None


def look(folder: Path, manner: Manner, *, home: Path | None = None) -> Looked:
    """What is in the folder and those below it now, of the training whose checkpoints are in `home`.

    Raises UserError where that is not known yet, and there are several trainings.
    """
    found: dict[int, Checkpoint] = {}
    passed_over: dict[Path, str] = {}
    every = list(_checkpoints(folder, manner, passed_over))
    home = _home(folder, every) if home is None else home
    for made in every:
        other = found.get(made.step)
        if made.home == home and other is None:
            found[made.step] = made
        elif made.home == home and other is not None:
            older, found[made.step] = sorted((other, made), key=lambda one: _time_of(one.path))
            passed_over[older.path] = f"step {made.step} is that of {_name_of(found[made.step].path)}, too, a newer one"
        else:
            passed_over[made.path] = f"the training that is watched keeps its checkpoints in {home}"
    return Looked([found[step] for step in sorted(found)], passed_over, home)


def is_torn(checkpoint: Checkpoint, others: Iterable[Checkpoint] = ()) -> bool:
    """Whether something is lacking that whole ones have: the end of a file, a file of lerobot's, statistics beside.

    `others` are the other checkpoints of the training.
    """
    path = checkpoint.path
    if path.is_dir():
        weights = path / WEIGHTS
        return not weights.is_file() or not _is_whole_safetensors(weights)
    if checkpoint.normalizer is None and any(other.normalizer is not None for other in others):
        return True
    return not _is_whole_file(path)


def num_planned(checkpoint: Checkpoint) -> int | None:
    """How many steps the training is to take, where the checkpoint tells it, as lerobot's do."""
    try:
        told: Any = msgspec.json.decode((checkpoint.path / "train_config.json").read_bytes())
    except (OSError, msgspec.DecodeError):
        return None
    steps = told.get("steps") if isinstance(told, dict) else None
    return steps if isinstance(steps, int) else None


def _at_the_word(stem: str) -> int | None:
    """The number before or after the word `step`; None where both could be it."""
    after, before = _AFTER.search(stem), _BEFORE.search(stem)
    if after is None or before is None:
        found = after or before
        return None if found is None or _is_cut(found) else _value(found)
    is_plain = after["sign"] == "=" or not re.search(r"steps", after[0], re.IGNORECASE)
    return _value(after) if is_plain else None


def _is_cut(found: re.Match[str]) -> bool:
    """Whether it is the end of a longer number, as in `1_500_000_steps`."""
    start = found.start("number")
    return found["number"].startswith("00") and re.search(r"\d_$", found.string[:start]) is not None


def _value(found: re.Match[str]) -> int | None:
    """The whole number that was found; None where it is none."""
    suffix = (found["suffix"] or "").lower()
    scale = 10 ** int(suffix[-1]) if suffix.startswith("e") else _SCALES[suffix]
    value = Fraction(found["number"].replace("_", "")) * scale
    return int(value) if value.denominator == 1 else None


def _at_the_end(stem: str) -> int | None:
    """The number that ends a name without the word `step`."""
    found = _LAST.search(stem)
    if found is None or _DATE.search(stem) or _NO_STEP.search(stem[: found.start()]):
        return None
    return int(found["number"])


def _folders(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """The folder and those below it, each with the names of its files."""
    for root, folders, files in os.walk(folder):
        depth = len(Path(root).relative_to(folder).parts)
        folders[:] = sorted(name for name in folders if not name.startswith(".")) if depth < _DEPTH else []
        yield Path(root), sorted(files)


def _state(root: Path, paths: Iterable[Path]) -> tuple[tuple[str, int, int], ...]:
    files = [file for path in paths for file in (_within(path) if path.is_dir() else (path,))]
    named = {os.path.relpath(file, root): file.stat() for file in files}
    return tuple((name, named[name].st_size, named[name].st_mtime_ns) for name in sorted(named))


def _within(folder: Path) -> Iterator[Path]:
    return (file for file in folder.rglob("*") if file.is_file())


def _name_of(path: Path) -> str:
    return path.parent.name if path.name == PRETRAINED else path.name


def _checkpoints(folder: Path, manner: Manner, passed_over: dict[Path, str]) -> Iterator[Checkpoint]:
    for here, names in _folders(folder):
        if manner.scheme == "lerobot":
            is_own = CONFIG in names and (here.name == PRETRAINED or WEIGHTS in names)
            found = [(here, manner.step_of(_name_of(here)))] if is_own else []
            by_step: dict[int, list[Path]] = {}
        else:
            steps = {name: manner.step_of(name) for name in names}
            found = [(here / name, step) for name, step in steps.items() if manner.is_meant(name)]
            by_step = {}
            for name, step in steps.items():
                if step is not None:
                    by_step.setdefault(step, []).append(here / name)
        for path, step in found:
            if step is None:
                passed_over[path] = "its name does not say after how many steps it was written"
            else:
                yield _checkpoint(path, step, by_step.get(step, ()), names, manner)


def _home(folder: Path, checkpoints: Iterable[Checkpoint]) -> Path | None:
    """The one folder that holds the checkpoints. Raises UserError where there are several."""
    homes = list(dict.fromkeys(checkpoint.home for checkpoint in checkpoints))
    if len(homes) > 1:
        raise UserError(
            f"{folder} holds the checkpoints of {len(homes)} trainings, in {homes[0]} and {homes[1]}: watch one of "
            "them; several that differ in their seed are watched with {seed} in the path and --train-seeds."
        )
    return homes[0] if homes else None


def _checkpoint(path: Path, step: int, own: Iterable[Path], names: Iterable[str], manner: Manner) -> Checkpoint:
    """The checkpoint with the other files of its step, which are its `own`; `names` are of all files in its folder."""
    if manner.scheme == "lerobot":
        state = path.parent / "training_state"
        is_beside = path.name == PRETRAINED and state.is_dir()
        return Checkpoint(path=path, step=step, beside=(state,) if is_beside else ())
    parts: list[Path] = []
    if manner.scheme == "sb3" and not manner.is_normalised:
        parts = [one for one in own if fnmatch.fnmatchcase(one.name, _NORMALIZER)][:1]
    elif manner.scheme == "onnx":
        parts = [path.parent / name for name in names if name.startswith(path.name) and name != path.name]
    beside = tuple(one for one in own if one != path and one not in parts)
    return Checkpoint(path=path, step=step, parts=tuple(parts), beside=beside)


def _time_of(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:  # just deleted
        return 0


def _is_whole_file(path: Path) -> bool:
    """Whether a file that begins as a zip archive, as those of torch and Stable-Baselines3, ends as one, too."""
    import zipfile

    with path.open("rb") as file:
        begins_as_zip = file.read(4) == b"PK\x03\x04"
        is_empty = file.seek(0, os.SEEK_END) == 0
    return not is_empty and (not begins_as_zip or zipfile.is_zipfile(path))


def _is_whole_safetensors(path: Path) -> bool:
    """Whether the file is as long as its header says."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        size = file.seek(0, os.SEEK_END)
        if not 0 < length <= size - 8:
            return False
        file.seek(8)
        try:
            header: Any = msgspec.json.decode(file.read(length))
            ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
        except (msgspec.DecodeError, AttributeError, KeyError, IndexError, TypeError):
            return False
    return size == 8 + length + max(ends, default=0)


def _groups(pattern: str) -> int:
    try:
        return re.compile(pattern).groups
    except re.error:
        return -1


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, one) for one in patterns)
