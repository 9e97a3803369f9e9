from __future__ import annotations

import html.parser

import pytest

from rlgauge.report.page.markup import Markup, flowing, tag

HOSTILE = ["<script>alert(1)</script>", "\"'><img src=x onerror=alert(1)>", "a&amp;b", "</style><b>", "{{7*7}}"]


class _Reader(html.parser.HTMLParser):
    """What a browser finds in a page: elements, with their attributes, and text."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((name, dict(attributes)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_stays_a_text_inside_and_as_an_attribute(text):
    reader = _Reader()
    reader.feed(tag("p", text, title=text))
    assert reader.elements == [("p", {"title": text})]
    assert reader.text == text


def test_markup_is_put_in_as_it_is_and_none_is_left_out():
    assert tag("p", tag("b", "<"), None, ["a", None]) == "<p><b>&lt;</b>a</p>"
    assert (
        tag("input", hidden=True, title=None, tabindex=0, aria_label="x")
        == '<input hidden tabindex="0" aria-label="x"/>'
    )


def test_what_cannot_be_seen_or_turns_the_writing_is_shown_as_its_code():
    assert tag("p", "a\u202eb\x00c") == "<p>a\\u202eb\\u0000c</p>"


def test_positions_are_as_short_as_they_can_be_said():
    assert tag("circle", cx=1.0, cy=-0.001, r=2.345) == '<circle cx="1" cy="0" r="2.35"/>'
    assert isinstance(tag("g"), Markup)


def test_a_word_that_would_fill_a_page_stands_whole_in_a_box_of_its_own():
    word = "<x" * 101
    reader = _Reader()
    reader.feed(tag("p", flowing(f"Which of a and {word} is it?")))
    assert reader.text == f"Which of a and {word} is it?"
    assert reader.elements == [("p", {}), ("span", {"class": "long", "tabindex": "0"})]
    assert tag("p", flowing("short " * 100)) == f"<p>{'short ' * 100}</p>"
