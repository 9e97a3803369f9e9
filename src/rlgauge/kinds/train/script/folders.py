"""Names for what several writers of TensorBoard log under one tag, each into a folder of its own."""

from __future__ import annotations

import os


class Names(dict[tuple[object, str], str]):
    """The name of a tag that is logged into a folder: of writers for `runs/a` and `runs/b`, `loss` and `b/loss`.

    In the folder that a tag is first asked for in, it is the name itself; elsewhere the folder comes before it. That is
    a dictionary, and no function, because each scalar asks.
    """

    def __init__(self) -> None:
        """Nothing has been logged."""
        super().__init__()
        self._owners: dict[str, str] = {}

    def __missing__(self, key: tuple[object, str]) -> str:
        folder, tag = os.path.abspath(str(key[0] or "")), key[1]  # noqa: PTH100
        owner = self._owners.setdefault(tag, folder)
        name = self[key] = tag if owner == folder else f"{_told_apart(folder, owner)}/{tag}"
        return name


def _told_apart(folder: str, other: str) -> str:
    """What is a folder's own of its path, and its name where that is all of the other's."""
    own = os.path.relpath(folder, os.path.commonpath([folder, other]))
    return os.path.basename(folder) if own == os.curdir else own  # noqa: PTH119
