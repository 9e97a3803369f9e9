from __future__ import annotations

import re

import pytest
from markdown_it import MarkdownIt

from rlgauge.compare.as_markdown import plain
from rlgauge.report.content import Code, Report, Section
from rlgauge.report.formats.markdown import block, to_markdown
from rlgauge.report.printable import printable
from tests.report.formats.made import ODD, report, table

SEEN = " ".join(printable(ODD).split())


@pytest.fixture(scope="module")
def tokens():
    """What a reader of Markdown makes of the report."""
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(to_markdown(report()))


def texts(token):
    """What is seen of a piece of text, and whether it holds anything but text."""
    children = [one for one in token.children if one.type not in {"strong_open", "strong_close"}]
    comments = [one for one in children if one.type == "html_inline" and one.content == "<!-- -->"]
    rest = [one for one in children if one not in comments]
    return "".join(one.content for one in rest), {one.type for one in rest}


def test_names_are_text_and_nothing_else_wherever_they_stand(tokens):
    found = [texts(token) for token in tokens if token.type == "inline"]
    assert all(kinds <= {"text", "text_special", "softbreak"} for _, kinds in found), found
    assert sum(SEEN in text for text, _ in found) >= 14
    html = "".join(token.content for token in tokens if token.type == "html_block")
    assert {*re.findall(r"<(\w+)", html)} == {"details", "summary"}


def test_there_are_headings_tables_and_folded_figures(tokens):
    kinds = [token.type for token in tokens]
    assert [token.tag for token in tokens if token.type == "heading_open"] == ["h1", "h2", "h3"]
    assert kinds.count("table_open") == 6
    assert "ordered_list_open" not in kinds
    html = [token.content for token in tokens if token.type == "html_block"]
    assert sum(text.count("<details>") for text in html) == sum(text.count("</details>") for text in html) == 5


def test_nobody_is_mentioned_and_nothing_is_linked_by_github():
    said = to_markdown(report()).partition("```")[0]
    for linked in (r"@octocat", r"#12", r"GH-3", r"http://", r"www\.k", r":tada:"):
        assert not re.search(linked, said), linked


def test_ordinary_names_stay_as_they_are():
    assert plain("PPO (lr 3e-4) [0.1, 0.2] at 12:30:45, a-b: 5 %") == "PPO (lr 3e-4) [0.1, 0.2] at 12:30:45, a-b: 5 %"


def test_the_answer_comes_first_and_warnings_are_an_alert():
    said = to_markdown(report())
    assert said.index("**Which of") < said.index("> [!WARNING]\n> ") < said.index("<details>")


def test_commands_can_be_copied_whatever_they_hold():
    (fence,) = MarkdownIt().parse(block(Code("a ```` b\n```\nc")))
    assert fence.type == "fence"
    assert fence.content == "a ```` b\n```\nc\n"


def test_of_a_long_table_it_is_said_what_is_left_out():
    body = [table(num_rows=1200, group="ppo")]
    said = to_markdown(Report(title="t", intro="i", sections=[Section(name="s", title="S", body=body)]))
    assert "<summary>Scores (1,200 rows)</summary>" in said
    assert said.count("| ppo | task ") == 1000
    assert "The first 1,000 of 1,200 rows; CSV and JSON have all." in said
