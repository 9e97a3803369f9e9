"""What `rlgauge throughput` wrote into a folder, for figures: the newest of every point."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from rlgauge.cli.throughput_files import Written, read_json
from rlgauge.core.errors import UserError, did_you_mean
from rlgauge.core.run import Status
from rlgauge.kinds.throughput.results import Measured

FILES = "throughput_*.json"
"""How the files are called that `rlgauge throughput` writes beside its runs."""


class Points(msgspec.Struct, frozen=True):
    """The newest of every point: `timed` ones, and `all` with those that were only looked at for their memory."""

    timed: list[Measured]
    all: list[Measured]

    def of(self, environment: str) -> Points:
        """Those of an environment."""
        return Points(
            *([one for one in part if one.point.environment == environment] for part in (self.timed, self.all))
        )

    def environments(self) -> list[str]:
        """The environments, each once."""
        return list(dict.fromkeys(one.point.environment for one in self.all))


def has_points(out: Path) -> bool:
    """Whether it is a file, or a folder with files that `rlgauge throughput` writes."""
    return out.is_file() or next(out.glob(FILES), None) is not None


def read_points(out: Path, tag: str | None) -> Points:
    """What a folder, or one file, holds of a tag or of all; points that failed are left out. Raises UserError."""
    if not out.exists():
        raise UserError(f"There is no folder or file {out}: measure with `rlgauge throughput --out {out}`.")
    paths = [out] if out.is_file() else sorted(out.glob(FILES), key=lambda path: path.stat().st_mtime)
    there = list(map(read_json, paths))
    if not there:
        raise UserError(f"{out} holds no measurement: make one with `rlgauge throughput --out {out}`.")
    files = [file for file in there if tag is None or file.tag == tag]
    if not files:
        raise UserError(f"{out} holds no measurement with the tag {tag!r}.{_tags_of(there, str(tag))}")
    files.sort(key=lambda file: file.timestamp)
    return Points(timed=newest(file for file in files if file.tells_speed), all=newest(files))


def _tags_of(files: Iterable[Written], wanted: str) -> str:
    """The tags that there are, the nearest first."""
    tags = sorted({file.tag for file in files if file.tag})
    return f"{did_you_mean(wanted, tags)} Tags there: {', '.join(tags)}." if tags else " None there has a tag."


def newest(files: Iterable[Written]) -> list[Measured]:
    """The last of every point, in the order in which the points were first measured."""
    found = {one.point: one for file in files for one in file.points if one.status is Status.COMPLETED}
    return list(found.values())
