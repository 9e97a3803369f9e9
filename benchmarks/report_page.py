"""The page of 20,000 runs: its size, seconds to make it, and how quickly a browser shows it and answers.

    python benchmarks/report_page.py [--runs 20000] [--points 200] [--rounds 5] [--json FILE]

Ten algorithms on fifty tasks, each run with a score, a success rate, a length and a learning curve; one run of a
thousand failed. The runs are in memory: to read them is what `summaries.py` measures. Shown by Debian's chromium
through Playwright, from a file, at 1280 x 900; each round has a fresh window. First paint is what the browser says; an
answer is the time from the event until the frame after it is painted, medians over rounds.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rlgauge.cli import report, report_page, summary
from rlgauge.core.reading import Curve, Reading, Total
from rlgauge.core.run import Status
from rlgauge.report.page.document import document

ALGORITHMS, TASKS = 10, 50
_UNITS = {"return": "reward", "length": "steps", "success": "success"}
_FAILS = 997
_PAINTED = "new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(performance.now() - begun))))"
ANSWERS = {
    "sort 500 rows": "document.querySelector('#scores-table th:nth-child(3) button').click()",
    "filter 500 rows": "type('scores-table', 'task-7')",
    "sort 20,000 rows": "document.querySelector('#every_run-table th:nth-child(5) button').click()",
    "filter 20,000 rows": "type('every_run-table', 'task-7')",
    "light or dark": "document.querySelector('button.theme').click()",
    "tip of a cell": "over(document.querySelector('#scores-table td[data-tip]'))",
    "tip of a mark": "over(document.querySelector('#tasks svg .row'))",
}
"""What a reader does, by its name."""
_HANDS = """
const type = (table, text) => {
  const box = document.querySelector(`[data-table=${table}]`);
  box.value = text;
  box.dispatchEvent(new Event("input", { bubbles: true }));
};
const over = (element) => element.dispatchEvent(new MouseEvent("mouseover", { bubbles: true }));
"""


def readings(num: int, num_points: int) -> Iterator[Reading]:
    """Runs with curves that rise to their scores, with noise; the same each time."""
    drawn = random.Random(0)  # noqa: S311  # no secret
    for index in range(num):
        group, seed = index % (ALGORITHMS * TASKS), index // (ALGORITHMS * TASKS)
        algorithm, task = group % ALGORITHMS, group // ALGORITHMS
        score = 10 * task + 3 * algorithm + drawn.gauss(0, 4)
        means = {"return": score, "length": 100.0 + algorithm, "success": min(1, max(0, drawn.gauss(0.5, 0.2)))}
        is_lost = index % _FAILS == 0
        yield Reading(
            algorithm=f"algorithm-{algorithm}",
            task=f"Task-{task}-v0",
            seed=seed,
            status=Status.FAILED if is_lost else Status.COMPLETED,
            totals={}
            if is_lost
            else {name: Total(n=16, mean=mean, squares=3.5, median=mean) for name, mean in means.items()},
            units=_UNITS,
            curves={} if is_lost else {"training_return": _curve(score, num_points, drawn)},
            reason="ValueError: a loss is not finite" if is_lost else None,
            source=f"out/train/{index:012x}/1-abcdef",
        )


def _curve(score: float, num: int, drawn: random.Random) -> Curve:
    values, value = [], 0.0
    for place in range(num):
        value += 0.3 * (score * (1 - math.exp(-5 * place / num)) - value) + drawn.gauss(0, 1.5)
        values.append(value)
    return Curve(tuple(5000.0 * (place + 1) for place in range(num)), tuple(values))


def make(num: int, num_points: int) -> tuple[str, dict[str, float]]:
    """The page, and what making it took."""
    options = report.build_parser().parse_args(["."])
    found = summary.Asked(list(readings(num, num_points)), summary.question_of(options), [])
    begun = time.perf_counter()
    told, _ = report_page.report_of(found, options)
    made = time.perf_counter()
    page = document(told)
    ended = time.perf_counter()
    return page, {"kB": len(page.encode()) / 1000, "statistics, s": made - begun, "page, s": ended - made}


def look(path: Path, num_rounds: int) -> dict[str, float]:
    """Milliseconds until the first paint and for each answer, medians."""
    from playwright.sync_api import sync_playwright

    found: dict[str, list[float]] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        for _ in range(num_rounds):
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.goto(path.as_uri())
            paint = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
            page.wait_for_function(paint)
            found.setdefault("first paint", []).append(page.evaluate(paint))
            page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
            for name, act in ANSWERS.items():
                took = page.evaluate(f"() => {{ {_HANDS} const begun = performance.now(); {act}; return {_PAINTED}; }}")
                found.setdefault(name, []).append(took)
            page.close()
        browser.close()
    return {f"{name}, ms": statistics.median(times) for name, times in found.items()}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20_000)
    parser.add_argument("--points", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    page, told = make(given.runs, given.points)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.html"
        path.write_text(page, encoding="utf-8")
        figures: dict[str, Any] = {**told, **look(path, given.rounds)}
    for name, value in figures.items():
        print(f"{name:24} {value:10.2f}")
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
