"""The whole page: one file with its style and its script, that asks for nothing else."""

from __future__ import annotations

import importlib.resources
import re

from rlgauge import __version__
from rlgauge.report.content import Report, Section
from rlgauge.report.page.blocks import body
from rlgauge.report.page.markup import Markup, tag

_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "img-src 'self' file: data:; media-src 'self' file: data:"
)
"""What the page may ask for: films and pictures beside it, and nothing from elsewhere, so that no name in it can."""
_TOLD = re.compile(r'(<g class="row[^<>]*) aria-label="([^"<>]{40,})">')
"""A mark of a figure, and what it says where that is long enough to be worth saying once."""


def document(report: Report) -> str:
    """The page as text; the same for the same report, whenever and wherever it is made."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", report.title),
        tag("style", Markup(_read("page.css"))),
    )
    contents = tag("ul", [tag("li", tag("a", one.title, href=f"#{one.name}")) for one in report.sections])
    whole = tag(
        "body",
        tag(
            "header",
            tag("a", "Skip to the report", href="#content", class_="skip"),
            tag("button", "Light or dark", type="button", class_="theme", hidden=True),
            tag("h1", report.title),
            tag("p", report.intro, class_="soft"),
            tag("nav", tag("details", tag("summary", "Contents"), contents, open=True), aria_label="Contents"),
        ),
        tag("main", [_section(one) for one in report.sections], id="content"),
        tag("footer", tag("p", f"Made by rlgauge {__version__}.")),
        tag("script", Markup(_read("page.js"))),
    )
    return f"<!doctype html>\n{_said_once(tag('html', head, whole, lang='en'))}\n"


def _section(one: Section) -> Markup:
    title = tag("h2", one.title, id=f"{one.name}-title")
    return tag("section", title, body(one.body), id=one.name, aria_labelledby=f"{one.name}-title")


def _said_once(page: str) -> str:
    """The page, in which a mark that says what an earlier one says leads to that one's words."""
    nums: dict[str, int] = {}
    for _, words in _TOLD.findall(page):
        nums[words] = nums.get(words, 0) + 1
    names: dict[str, str] = {}

    def told(found: re.Match[str]) -> str:
        start, words = found.groups()
        if nums[words] == 1:
            return found.group()
        if words in names:
            return f'{start} aria-labelledby="{names[words]}">'
        names[words] = f"t{len(names)}"
        return f'{start} aria-label="{words}" id="{names[words]}">'

    return _TOLD.sub(told, page)


def _read(name: str) -> str:
    return importlib.resources.files("rlgauge.report.page").joinpath(name).read_text(encoding="utf-8")
