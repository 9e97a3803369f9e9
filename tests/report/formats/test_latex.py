from __future__ import annotations

import re

import pytest

from rlgauge.report.content import Report, Section
from rlgauge.report.formats.latex import to_latex
from tests.report.formats.made import report, table

OURS = (
    *("section", "subsection", "subsubsection", "textbf", "textbackslash", "textasciitilde", "textasciicircum"),
    *("textless", "textgreater", "textbar", "pm", "begin", "end", "centering", "caption", "label", "resizebox"),
    *("ifdim", "width", "linewidth", "else", "fi", "toprule", "midrule", "bottomrule", "addlinespace", "mbox"),
    *("ttfamily", "raggedright", "noindent", "par", "clearpage"),
)


def checked(text):
    """The text, which LaTeX takes: what it would stumble over is an error here."""
    body = "\n".join(re.sub(r"(?<!\\)%.*", "", line) for line in text.splitlines())
    assert set(re.findall(r"\\([A-Za-z]+)", body)) <= set(OURS)
    bare = re.sub(r"\\\\|\\[&%$#_{}]", "", body)
    assert "#" not in bare
    assert "_" not in bare
    assert "^" not in bare
    assert re.fullmatch(r"(?:[^$]|\$(?:\\pm|-)\$)*", bare)
    depth = 0
    for one in re.findall(r"[{}]", bare):
        depth += 1 if one == "{" else -1
        assert depth >= 0
    assert depth == 0
    begun = re.findall(r"\\begin\{(\w+)\}", body)
    assert begun == [name for name in begun if name in {"table", "tabular"}]
    assert len(begun) == len(re.findall(r"\\end\{(?:table|tabular)\}", body))
    for columns, rows in re.findall(r"\\begin\{tabular\}\{(\w+)\}(.*?)\\end\{tabular\}", body, re.DOTALL):
        for row in rows.split("\\\\\n"):
            cells = re.sub(r"\\(?:top|mid|bottom)rule|\\addlinespace", "", row).strip()
            assert not cells or len(re.findall(r"(?<!\\)&", cells)) == len(columns) - 1
    labels = re.findall(r"\\label\{([^}]*)\}", body)
    assert len(labels) == len(set(labels))
    assert all(re.fullmatch(r"tab:[\w-]+", label) for label in labels)
    return body


def test_latex_takes_all_of_it_whatever_the_names_are():
    body = checked(to_latex(report()))
    assert body.count(r"\begin{table}") == 6
    assert "U+4E2D" in body
    assert r"rlgauge run -{}-x" in body
    assert r"\textbf{Warning:} few runs" in body
    assert not re.search(r"[^\x00-\u017f]", body)


@pytest.mark.parametrize(("num_rows", "parts", "is_cut"), [(36, 2, False), (300, 6, True)])
def test_a_long_table_has_parts_that_fit_on_a_page(num_rows, parts, is_cut):
    body = [table(num_rows=num_rows, group="ppo")]
    said = checked(to_latex(Report(title="t", intro="i", sections=[Section(name="s", title="S", body=body)])))
    assert said.count(r"\begin{table}") == parts
    assert f"Scores, part {parts} of {parts}." in said
    assert ("The first 200 of 300 rows" in said) is is_cut
    assert said.count(r"\textbf{50.0") == 1
