"""Text that shows all that it holds."""

from __future__ import annotations


def printable(text: str) -> str:
    """The text with what can't be seen, and what turns the direction of writing, shown as its code."""
    return "".join(one if one in "\n\t " or one.isprintable() else f"\\u{ord(one):04x}" for one in text)
