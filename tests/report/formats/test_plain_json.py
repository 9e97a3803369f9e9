from __future__ import annotations

import json

from rlgauge.report.formats.plain_json import to_json
from tests.report.formats.made import ODD, report


def test_it_holds_all_charts_tables_warnings_and_commands():
    found = json.loads(to_json(report()))
    assert (found["format"], found["title"]) == (1, ODD)
    (section,) = found["sections"]
    kinds = [one["type"] for one in section["body"]]
    assert kinds[:5] == ["Answer", "Warnings", "Text", "Note", "Heading"]
    assert kinds[9:] == ["Table", "Folded", "Films", "Code"]
    charts = [one["chart"] for one in section["body"] if one["type"] == "Figure"]
    assert [one["type"] for one in charts] == ["Intervals", "Lines", "Heat", "Shares"]
    assert charts[1]["lines"][0]["ys"] == [0.0, 1000.0, None]
    table = section["body"][9]
    assert table["summaries"][0] == {
        "row": 0,
        "column": 2,
        "point": 0.5,
        "low": 0.25,
        "high": 0.75,
        "n": 7,
        "missing": 2,
        "method": "Wilson",
        "confidence": 0.9,
        "warnings": [],
    }
    assert table["notes"] == ["Bold: the best."]
    assert [film["path"] for film in section["body"][11]["films"]] == ["videos/a.mp4", None]
