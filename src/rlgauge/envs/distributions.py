"""What is installed in this Python, by the names of its distributions."""

from __future__ import annotations

import importlib.metadata


def has(distribution: str, release: str) -> bool:
    """Whether it is there in that release: "0.1" is every 0.1.N."""
    try:
        return f"{importlib.metadata.version(distribution)}.".startswith(f"{release}.")
    except importlib.metadata.PackageNotFoundError:
        return False


def versions(*distributions: str) -> dict[str, str]:
    """Their versions. Raises PackageNotFoundError for one that is not there."""
    return {name: importlib.metadata.version(name) for name in distributions}
