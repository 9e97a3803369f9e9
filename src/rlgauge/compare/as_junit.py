"""A comparison as JUnit XML: one test case a line."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from rlgauge.compare.comparison import Comparison, Outcome, Overall
from rlgauge.compare.figures import of_metric, with_p
from rlgauge.compare.line import Line, Verdict
from rlgauge.compare.tables import legend, notes
from rlgauge.compare.words import failure, missing_sentence, names, place, verdict

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_junit(comparison: Comparison) -> str:
    """A test suite: a regression or a failed run is a failure, missing data an error, an inconclusive line skipped."""
    suite = ET.Element("testsuite", name="rlgauge compare")
    for line in comparison.lines:
        _line(suite, line)
    if comparison.overall is not None:
        _overall(suite, comparison, comparison.overall)
    for run in comparison.failed:
        case = _case(suite, f"{run.side}: {run.algorithm} on {run.task}, {run.noun} {run.seed}", "runs")
        ET.SubElement(case, "failure" if run in comparison.counted else "skipped", message=_clean(failure(run)))
    is_counted = not comparison.allow_missing or comparison.outcome is Outcome.MISSING
    for one in comparison.missing:
        name = f"{one.algorithm} on {one.task}" + (f", {one.quantity}" if one.quantity else "")
        name += "".join(f", {one.noun} {seed}" for seed in one.seeds)
        case = _case(suite, name, "missing")
        ET.SubElement(case, "error" if is_counted else "skipped", message=_clean(missing_sentence([one])))
    for difference in comparison.refused:
        case = _case(suite, difference.what, "comparable")
        ET.SubElement(case, "error", message=_clean(difference.sentence))
    ET.SubElement(suite, "system-out").text = _clean(
        "\n".join([f"Comparison: {comparison.headline}.", comparison.verdict, *legend(comparison), *notes(comparison)])
    )
    _count(suite)
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _line(suite: ET.Element, line: Line) -> None:
    case = _case(suite, place(line), "lines")
    message = _clean(f"{verdict(line)}: {with_p(line)}")
    if line.is_regression:
        ET.SubElement(case, "failure", message=message)
    elif line.verdict is Verdict.INCONCLUSIVE:
        ET.SubElement(case, "skipped", message=message)
    else:
        ET.SubElement(case, "system-out").text = message


def _overall(suite: ET.Element, comparison: Comparison, overall: Overall) -> None:
    ours, theirs = names(comparison)
    case = _case(suite, f"{overall.metric}: {ours} against {theirs}", "metric")
    message = _clean(f"{overall.verdict}: {of_metric(overall, overall.summary)}")
    tag = "failure" if overall.is_regression else "skipped" if overall.verdict is Verdict.INCONCLUSIVE else None
    if tag is None:
        ET.SubElement(case, "system-out").text = message
    else:
        ET.SubElement(case, tag, message=message)


def _case(suite: ET.Element, name: str, group: str) -> ET.Element:
    return ET.SubElement(suite, "testcase", name=_clean(name), classname=f"rlgauge.compare.{group}")


def _count(suite: ET.Element) -> None:
    suite.set("tests", str(len(suite.findall("testcase"))))
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(len(suite.findall(f"testcase/{tag}"))))


def _clean(text: str) -> str:
    """The text without the characters that no XML may hold."""
    return _NO_XML.sub("", text)
