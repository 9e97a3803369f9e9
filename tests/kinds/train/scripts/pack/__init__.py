"""A package with a function that trains."""

from pack.training import train

__all__ = ["train"]
