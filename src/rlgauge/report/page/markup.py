"""HTML and SVG that hold no markup but ours: every text becomes text."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

from rlgauge.report.printable import printable

Attribute = str | float | bool | None
Child = str | Iterable["str | None"] | None
"""What an element holds: markup as it is, a text, several of them, or nothing."""
_VOID = frozenset({"br", "col", "hr", "input", "link", "meta", "path", "line", "rect", "circle", "polyline", "polygon"})
_LONG = re.compile(r"(\S{201,})")
"""Words that would fill a page."""
_DIGITS = 2
"""Of a position in a figure, in pixels."""


class Markup(str):
    """What is put into a page as it is; a plain `str` is escaped."""

    __slots__ = ()


def tag(element: str, /, *children: Child, **attributes: Attribute) -> Markup:
    """An element. `class_` is its class, `aria_label` its aria-label; None leaves an attribute out, True is a bare one.

    Numbers are written with two decimal places at most. A child of None is left out.
    """
    told = "".join(
        _attribute(key, value) for key, value in attributes.items() if value is not None and value is not False
    )
    if element in _VOID and not children:
        return Markup(f"<{element}{told}/>")
    return Markup(f"<{element}{told}>{join(children)}</{element}>")


def join(children: Iterable[Child]) -> Markup:
    """The children one after the other, each text escaped."""
    return Markup("".join(_child(child) for child in children))


def flowing(text: str) -> Child:
    """A text for a paragraph; a word that would fill the page is shown whole in a small box that scrolls."""
    if not _LONG.search(text):
        return text
    parts = _LONG.split(text)
    return [tag("span", part, class_="long", tabindex=0) if place % 2 else part for place, part in enumerate(parts)]


def number(value: float) -> str:
    """A position, as short as it can be said."""
    text = f"{value:.{_DIGITS}f}".rstrip("0").rstrip(".")
    if text.startswith(("0.", "-0.")):
        return text.replace("0.", ".", 1)
    return "0" if text == "-0" else text


def _child(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Markup):
        return child
    if isinstance(child, str):
        return html.escape(printable(child), quote=False)
    return join(list(child))


def _attribute(key: str, value: Attribute) -> str:
    name = key.rstrip("_").replace("_", "-")
    if value is True:
        return f" {name}"
    text = value if isinstance(value, str) else number(float(value or 0))
    return f' {name}="{html.escape(printable(text))}"'
