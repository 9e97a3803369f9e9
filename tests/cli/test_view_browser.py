"""The page of `rlgauge view` in a real browser, Debian's chromium, beside a training that really goes on."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from rlgauge.cli.main import main
from rlgauge.cli.view_page import Live, live_page
from rlgauge.cli.view_server import Page, ViewServer, serving
from rlgauge.report.content import Folded, Heading, Report, Section
from rlgauge.report.page.rows import SHOWN
from tests.driving import wait_for
from tests.report.page.test_browser import NUM_ROWS, every_run, lines_figure

SLOW = """
import pathlib
import time
import gymnasium


def main(env="CartPole-v1", seed=0):
    world = gymnasium.make(env)
    while not pathlib.Path(f"{end}-{seed}").exists():
        world.reset(seed=seed)
        while not any(world.step(0)[2:4]):
            time.sleep(0.005)
"""
FILMED = ("benchmark", "--env", "CartPole-v1", "--policy", "random", "--num-episodes", "2", "--record-mode", "all")
TRAIN = ("train", "slow.py", "--env", "CartPole-v1", "--seeds", "0..2", "--tests", "0", "--videos", "0")
BY_ITSELF = "keep the report up to date by itself"
GONE = "this is what it showed last."
RUNNING = re.compile(r"^4 runs: \d completed, 1 running")
FRAMES = "async () => { for (let n = 0; n < 10; n += 1) await new Promise(requestAnimationFrame); }"
MARK = "window.mark = 'mine'"
SAME = "window.mark === 'mine'"
"""Whether it is the page that was marked, and not one that was loaded since."""


class Scene:
    """A folder in which one training after the other goes on until it is told to end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.begun: list[subprocess.Popen[str]] = []
        (folder / "slow.py").write_text(SLOW.replace("{end}", str(folder / "end")))

    def start(self, *argv: str) -> subprocess.Popen[str]:
        env = {name: value for name, value in os.environ.items() if name not in {"DISPLAY", "WAYLAND_DISPLAY"}}
        command = [sys.executable, "-m", "rlgauge", *argv]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen(command, cwd=self.folder, text=True, env=env, **pipes)
        self.begun.append(process)
        return process

    def end(self, seed: int) -> None:
        """Have the training of a seed end."""
        (self.folder / f"end-{seed}").touch()


@pytest.fixture(scope="module")
def scene(tmp_path_factory) -> Iterator[Scene]:
    scene = Scene(tmp_path_factory.mktemp("scene"))
    yield scene
    for process in scene.begun:
        process.send_signal(signal.SIGINT)
    for process in scene.begun:
        process.communicate(timeout=60)


class View(NamedTuple):
    process: subprocess.Popen[str]
    address: str


@pytest.fixture(scope="module")
def view(scene) -> View:
    """`rlgauge view` of an evaluation with films and of three trainings, of which the first goes on."""
    scene.start(*TRAIN, "--out", "o/train")
    assert main([*FILMED, "--out", str(scene.folder / "o" / "bench"), "--quiet"]) == 0
    process = scene.start("view", "o", "--no-browser")
    address = process.stdout.readline().strip()
    wait_for(lambda: list(scene.folder.glob("o/train/train/*/1-*/artifacts/training.live")))
    return View(process, address)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api")
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("there is no chromium: apt-get install chromium")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path)
        yield browser
        browser.close()


@pytest.fixture
def faults() -> list[str]:
    """What was said in the console, or raised in the page: at the end there is nothing."""
    return []


@pytest.fixture
def page(chromium, view, faults) -> Iterator[Any]:
    """The page, opened and with a report in it."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
    context.set_default_timeout(30_000)
    page = context.new_page()
    page.on("console", lambda message: faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(view.address)
    page.wait_for_selector("#facts-table")
    page.evaluate(MARK)
    yield page
    context.close()
    assert faults == []


def wait_until_ended(page: Any, seed: int) -> None:
    """Until the report says that a training has ended."""
    row = page.locator("#every_run-table tbody tr", has_text=re.compile(f"^slow.*{seed}completed"))
    row.wait_for(state="attached")


def wait_until_told(page: Any, text: str | re.Pattern[str]) -> None:
    """Until the top of the page says so."""
    page.locator("#live-told", has_text=text).wait_for()


def test_progress_goes_on_in_the_page_without_loading_it_again(page):
    page.get_by_label(BY_ITSELF).uncheck()
    page.evaluate(MARK)
    far = page.locator("#live-runs .parts")
    far.filter(has_text="last return").wait_for()
    assert "slow CartPole-v1, seed " in page.locator("#live-runs .name").inner_text()
    before = far.inner_text()
    wait_for(lambda: far.inner_text() != before)
    assert page.evaluate(SAME)
    assert page.title() == "(1/4) o"


def test_a_report_is_replaced_when_a_run_ends_and_what_the_reader_did_stays(page, scene):
    page.get_by_role("button", name="Light or dark").click()
    page.locator("#runs summary").first.click()
    head = page.locator("#facts-table th").nth(1)
    for _ in range(2):
        head.locator("button").click()
    box = page.locator("[data-table=facts-table]")
    box.fill("nu")
    box.press("ArrowLeft")
    page.mouse.wheel(0, 137)
    seen = """() => ({
      theme: document.documentElement.dataset.theme, open: document.querySelector("#runs details").open,
      order: document.querySelectorAll("#facts-table th")[1].ariaSort,
      rows: [...document.querySelectorAll("#facts-table tbody tr:not([hidden])")]
        .map((row) => row.cells[0].textContent),
      at: document.activeElement.dataset.table, typed: document.activeElement.value,
      caret: document.activeElement.selectionStart, hidden: document.getElementById("tip").hidden,
    })"""
    before, top = page.evaluate(seen), box.bounding_box()["y"]
    assert (before["theme"], before["open"], before["order"], before["caret"]) == ("dark", True, "descending", 1)
    assert before["at"] == "facts-table"
    assert page.evaluate("scrollY") > 0
    scene.end(0)
    wait_until_ended(page, 0)
    assert not page.evaluate(SAME)
    assert page.evaluate(seen) == before
    assert abs(box.bounding_box()["y"] - top) <= 2


def test_while_a_film_plays_a_newer_report_is_offered_and_comes_when_it_is_asked_for(page, scene):
    video = page.locator("video").first
    video.evaluate("(one) => { one.loop = true; return one.play(); }")
    scene.end(1)
    button = page.get_by_role("button", name="Show the newer report")
    button.wait_for()
    assert page.evaluate(SAME)
    assert video.evaluate("(one) => !one.paused")
    button.click()
    wait_until_ended(page, 1)
    assert not page.evaluate(SAME)


def test_a_server_that_goes_away_is_told_of_and_again_when_it_comes_back(page, scene, view, faults):
    again = "dispatchEvent(new Event('online'))"  # it asks sooner than by itself
    wait_until_told(page, RUNNING)
    page.context.set_offline(True)
    for _ in range(2):
        page.evaluate(again)
    wait_until_told(page, GONE)
    assert page.locator("#live-runs li, #live-news:visible").count() == 0
    page.context.set_offline(False)
    wait_until_told(page, RUNNING)
    view.process.send_signal(signal.SIGINT)
    assert view.process.wait(60) == 0
    for _ in range(2):
        page.evaluate(again)
    wait_until_told(page, GONE)
    port = view.address.split(":")[2].partition("/")[0]
    assert scene.start("view", "o", "--no-browser", "--port", port).stdout.readline().startswith("http")
    page.evaluate(again)
    wait_until_told(page, "Another rlgauge view is here now")
    assert page.locator("#facts-table").is_visible()
    assert {text.partition(":")[0] for text in faults} == {"Failed to load resource"}  # which is how it came to know
    faults.clear()


class Many:
    """A site with many figures, and with a table that is shown in turns."""

    def __init__(self) -> None:
        figures = [one for number in range(30) for one in (Heading(f"figure {number}"), lines_figure())]
        parts = [
            Section(name="many", title="Many", body=figures),
            Section(name="runs", title="Runs", body=[Folded("Every run", every_run())]),
        ]
        self._page = live_page(Report(title="t", intro="i", sections=parts))

    def page(self) -> Page:
        return self._page

    def live(self) -> bytes:
        told = Live(told="1 run.", counts={}, going=[], num_more=0, page=self._page.version, is_making=False, again=5)
        return msgspec.json.encode(told)


def test_a_place_between_figures_lit_lines_and_turned_rows_are_kept(chromium, tmp_path):
    with ViewServer(Many(), tmp_path, port=0) as server, serving(server):
        page = chromium.new_page(viewport={"width": 1280, "height": 900})
        page.goto(server.address)
        page.locator("#runs summary").click()
        page.get_by_role("button", name="More").click()
        page.locator(".legend button", has_text="line 3").first.click()
        page.evaluate("document.activeElement.blur()")
        head = page.locator("h3", has_text="figure 20")
        head.evaluate("(one) => one.scrollIntoView()")
        seen = """() => [
          document.querySelector(".turns span").textContent,
          [...document.querySelectorAll(".legend [aria-pressed=true]")].map((one) => one.textContent),
        ]"""
        page.evaluate(FRAMES)
        before, top = page.evaluate(seen), head.bounding_box()["y"]
        assert before == [f"rows {SHOWN + 1} to {2 * SHOWN} of {NUM_ROWS:,}", ["line 3"]]
        page.reload()
        page.evaluate(FRAMES)
        assert page.evaluate(seen) == before
        assert abs(head.bounding_box()["y"] - top) <= 2
        page.close()
