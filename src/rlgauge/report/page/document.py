"""The whole page: one file with its style and its script, that asks for nothing else."""

from __future__ import annotations

import importlib.resources

from rlgauge.report.content import Report, Section
from rlgauge.report.page.blocks import block
from rlgauge.report.page.markup import Markup, tag

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; media-src 'self'"
"""What the page may ask for: nothing from anywhere, so that no name in it can, either."""


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
    body = tag(
        "body",
        tag(
            "header",
            tag("button", "Light or dark", type="button", class_="theme", hidden=True),
            tag("h1", report.title),
            tag("p", report.intro, class_="soft"),
            tag("nav", contents, aria_label="Contents"),
        ),
        tag("main", [_section(one) for one in report.sections]),
        tag("footer", tag("p", "Made by rlgauge report.")),
        tag("script", Markup(_read("page.js"))),
    )
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def _section(one: Section) -> Markup:
    return tag("section", tag("h2", one.title, id=f"{one.name}-title"), [block(part) for part in one.body], id=one.name)


def _read(name: str) -> str:
    return importlib.resources.files("rlgauge.report.page").joinpath(name).read_text(encoding="utf-8")
