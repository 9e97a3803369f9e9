"""The page in a real browser, Debian's chromium: it asks for nothing, and all that it offers works."""

from __future__ import annotations

import re
import shutil

import numpy as np
import pytest

from rlgauge.episodes.video import VideoRecorder, picture_of
from rlgauge.report.charts import Heat, Intervals, Line, Lines, Manner, Mark, Row, Share, Shares
from rlgauge.report.content import (
    Answer,
    Code,
    Figure,
    Film,
    Films,
    Folded,
    Heading,
    Note,
    Report,
    Section,
    Text,
    Warnings,
)
from rlgauge.report.page.document import document
from rlgauge.report.page.rows import SHOWN
from rlgauge.report.table import Table
from rlgauge.report.told import told
from rlgauge.stats.intervals import student_t

WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 800}
HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>\"'&\u202e"
LONG = "a-name-without-an-end-" * 230
NUM_ROWS = 1234


@pytest.fixture(scope="module")
def browser():
    api = pytest.importorskip("playwright.sync_api")
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("there is no chromium: apt-get install chromium")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """A film of one second, as our recorder writes it."""
    frames = np.random.default_rng(0).integers(0, 255, (10, 64, 64, 3), dtype=np.uint8)
    film = VideoRecorder(tmp_path_factory.mktemp("films"), 10, "all").open("toy", 0)
    for step, frame in enumerate(frames):
        film.add(frame, step=step, total_return=1.0)
    path = film.close("success")
    assert path is not None
    return path


@pytest.fixture(scope="module")
def path(tmp_path_factory, film):
    """A page with one of everything, as a file."""
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(document(report(film)), encoding="utf-8")
    return path


@pytest.fixture
def opened(browser, path):
    """A function that opens the page; at the end nothing may have been said, raised or asked for."""
    contexts, faults = [], []

    def open_page(viewport=WIDE, at=None, **options):
        context = browser.new_context(viewport=viewport, **options)
        context.set_default_timeout(10_000)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: faults.append(message.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("dialog", lambda dialog: faults.append(dialog.message))
        page.on("request", lambda request: None if request.url.startswith("file:") else faults.append(request.url))
        page.goto((at or path).as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert faults == []


def report(film):
    """One of every block and chart, with names that are markup and names that have no end."""
    return Report(
        title=f"A report {HOSTILE}",
        intro=f"return of {LONG}",
        sections=[
            Section(
                name="answer", title="Answer", body=[Answer("Which?", [HOSTILE, LONG], "9 runs."), Warnings(["w"])]
            ),
            Section(
                name="all",
                title=f"All {HOSTILE}",
                body=[scores(), rows_figure(), lines_figure(), Code("rlgauge report")],
            ),
            Section(name="heat", title="Heat", body=[heat_figure(), shares_figure(), Note("n"), Text("t")]),
            Section(
                name="many", title="Many", body=[one for name in "abcdef" for one in (Heading(name), lines_figure())]
            ),
            Section(
                name="films",
                title="Films",
                body=[Films([Film(path=film.as_uri(), poster=picture_of(film).as_uri(), title="toy", told="success")])],
            ),
            Section(name="runs", title="Runs", body=[Folded("Every run", every_run())]),
        ],
    )


def scores():
    values = [-5.0, 30.25, 4.0, 1e-7, 2e9, *map(float, range(9))]
    summaries = [student_t([value, value + 1]) for value in values]
    rows = [[f"name {place}", f"{value:,.6g} ± 1", "[0, 1]"] for place, value in enumerate(values)]
    rows += [["", "-", "-"], [LONG, "-", "-"], [HOSTILE, "-", "-"]]
    found = {(row, column): one for row, one in enumerate(summaries) for column in (1, 2)}
    header = ["group", "score", "interval"]
    return Table(
        name="scores", title="Scores", header=header, rows=rows, num_text=1, summaries=found, notes=["{mark}."]
    )


def every_run():
    rows = [[f"algorithm {place % 3}", str(place), f"{place * 7919 % 1000 - 500}"] for place in range(NUM_ROWS - 1)]
    header = ["group", "seed", "score"]
    return Table(name="every_run", title="Every run", header=header, rows=[*rows, [HOSTILE, "-", "-"]], num_text=1)


def rows_figure():
    rows = [
        Row(
            label=label,
            group=group,
            point=1.0 + place,
            low=0.5,
            high=9.0,
            others=[1.0, 2.0],
            series=place,
            told=f"told {place}",
        )
        for place, (label, group) in enumerate([("a", "g"), (HOSTILE, "g"), (LONG, "h")])
    ]
    return Figure("rows", Intervals(title="rows", rows=rows, axis="x", marks=[Mark(value=2.0, name="goal")]), ["c"])


def lines_figure():
    xs = [float(at) for at in range(300)]
    lines = [
        Line(name=f"line {place}", xs=xs, ys=[x * place for x in xs], lows=[x * place - 9 for x in xs],
             highs=[x * place + 9 for x in xs], series=place, manner=list(Manner)[place % 5])
        for place in range(10)
    ]  # fmt: skip
    return Figure("lines", Lines(title="lines", lines=lines, x_axis="x", y_axis="y"), ["c"])


def heat_figure():
    names = [f"r{place}" for place in range(3)]
    values = [[0.1, None, 0.5], [0.2, 0.3, float("nan")], [1e9, -1.0, 0.0]]
    words = [[f"cell {row} {column}" for column in range(3)] for row in range(3)]
    chart = Heat(title="heat", rows=names, columns=names, values=values, texts=[["1"] * 3] * 3, told=words, axis="x")
    return Figure("heat", chart)


def shares_figure():
    rows = [Share(label=name, parts=[1.0, 2.0, 3.0], told=f"shares of {name}") for name in "ab"]
    return Figure("shares", Shares(title="shares", names=["x", "y", "z"], rows=rows, axis="share", is_ordered=True))


def tip(page):
    return page.locator("#tip:not([hidden])").inner_text()


def test_every_figure_has_marks_and_no_name_becomes_markup(opened):
    page = opened()
    figures = page.locator("svg.figure:visible")
    nums = figures.evaluate_all("all => all.map((one) => one.querySelectorAll('.mark, .cell, .part, .line').length)")
    assert len(nums) == 10
    assert all(nums)
    assert page.locator("main img, main script:not([type])").count() == 0
    assert HOSTILE.replace("\u202e", "\\u202e") in page.inner_text("h1")


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["1280", "390"])
def test_nothing_is_wider_than_the_window(opened, viewport):
    page = opened(viewport)
    for details in page.locator("main > section > details").all():
        details.locator("summary").first.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    # What is in nothing that scrolls by itself.
    beyond = page.evaluate(
        "all = [...document.querySelectorAll('body *')].filter((one) => !one.closest('figure, .table, .skip') "
        "&& one.getBoundingClientRect().right > innerWidth + 1).map((one) => one.tagName)"
    )
    assert beyond == []


def test_texts_of_figures_can_be_read_in_a_narrow_window(opened):
    page = opened(NARROW)
    sizes = page.evaluate(
        "[...document.querySelectorAll('svg.figure')].filter((one) => one.checkVisibility())"
        ".map((one) => 12 * one.getBoundingClientRect().width / one.viewBox.baseVal.width)"
    )
    assert min(sizes) > 9


def column(page, table, place):
    return page.locator(f"#{table} tbody tr:visible td:nth-child({place})").all_inner_texts()


def test_a_table_is_sorted_by_its_numbers_and_what_has_none_comes_last(opened):
    page = opened()
    head = page.locator("#scores-table th").nth(1)
    head.locator("button").click()
    found = [text.split()[0].replace(",", "") for text in column(page, "scores-table", 2)]
    assert [float(one) for one in found[:-3]] == sorted([-5.0, 30.25, 4.0, 1e-7, 2e9, *range(9)])
    assert found[-3:] == ["-"] * 3
    head.locator("button").press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    assert column(page, "scores-table", 2)[0].startswith("2e+09")
    assert column(page, "scores-table", 2)[-1] == "-"


def test_a_table_is_filtered_and_says_how_many_rows_are_left(opened):
    page = opened()
    page.locator("[data-table=scores-table]").fill("NAME 1")
    assert column(page, "scores-table", 1) == ["name 1", "name 10", "name 11", "name 12", "name 13"]
    assert page.get_by_text("5 of 17 rows").count() == 1


def test_a_table_of_many_rows_is_shown_in_turns_sorted_and_filtered_as_a_whole(opened):
    page = opened()
    page.locator("#runs > details > summary").click()
    assert len(column(page, "every_run-table", 1)) == SHOWN
    assert page.get_by_text("need JavaScript").is_hidden()
    page.get_by_role("button", name="More").click()
    assert column(page, "every_run-table", 2)[0] == str(SHOWN)
    page.locator("#every_run-table th button").nth(2).click()
    assert column(page, "every_run-table", 3)[:2] == ["-500", "-500"]
    assert page.get_by_text(f"rows 1 to 100 of {NUM_ROWS:,}").count() == 1
    page.locator("[data-table=every_run-table]").fill("onerror")
    assert column(page, "every_run-table", 1) == [HOSTILE.replace("\u202e", "\\u202e")]
    assert page.get_by_text(f"1 of {NUM_ROWS:,} rows").count() == 1


def test_the_reader_s_system_says_light_or_dark_and_the_button_changes_it(opened):
    colour = "getComputedStyle(document.body).backgroundColor"
    light, dark = opened(color_scheme="light"), opened(color_scheme="dark")
    shades = light.evaluate(colour), dark.evaluate(colour)
    assert shades[0] != shades[1]
    for page in (light, dark):
        page.get_by_role("button", name="Light or dark").click()
    assert (dark.evaluate(colour), light.evaluate(colour)) == shades


def test_the_mouse_and_the_keyboard_tell_what_stands_behind_a_number(opened):
    page = opened()
    cell = page.locator("#scores-table td[data-tip]").first
    expected = told(student_t([-5.0, -4.0]))
    cell.hover()
    assert tip(page) == expected
    page.locator("h1").hover()
    assert page.locator("#tip").is_hidden()
    cell.focus()
    assert tip(page) == expected
    page.keyboard.press("ArrowRight")
    assert tip(page) == expected
    page.keyboard.press("ArrowDown")
    assert tip(page) == told(student_t([30.25, 31.25]))
    page.keyboard.press("Escape")
    assert page.locator("#tip").is_hidden()


def test_tab_leads_to_each_figure_once_and_arrows_to_all_its_marks(opened):
    page = opened()
    figure = page.locator("#heat svg.figure:visible").first
    assert figure.locator("[tabindex='0']").count() == 1
    figure.locator("[tabindex='0']").focus()
    walked = [tip(page)]
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp"):
        page.keyboard.press(key)
        walked.append(tip(page))
    assert walked == ["cell 0 0", "cell 0 1", "cell 0 2", "cell 1 2", "cell 1 1", "cell 0 1"]
    page.locator("#all svg.figure:visible [tabindex='0']").first.focus()
    page.keyboard.press("ArrowDown")
    assert tip(page) == "told 1"


def test_focus_can_be_seen_and_the_first_key_leads_past_the_contents(opened):
    page = opened()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the report"
    assert page.locator(".skip").bounding_box()["x"] >= 0
    page.locator("#scores-table th button").first.focus()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_the_contents_are_folded_in_a_narrow_window(opened):
    page = opened(NARROW)
    assert page.locator("nav a").first.is_hidden()
    page.locator("nav summary").click()
    page.locator("nav a", has_text="Runs").click()
    assert page.url.endswith("#runs")
    assert page.locator("nav a").first.is_hidden()


def test_a_film_of_ours_plays(opened):
    page = opened()
    video = page.locator("video")
    assert video.evaluate("async (one) => { await one.play(); return one.videoWidth; }") > 0
    page.wait_for_function("document.querySelector('video').currentTime > 0")


def test_without_a_script_all_is_there_and_what_is_not_is_told(browser, path):
    context = browser.new_context(viewport=WIDE, java_script_enabled=False)
    page = context.new_page()
    page.goto(path.as_uri())
    assert page.locator("svg.figure:visible").count() == 10
    assert page.locator("#scores-table tbody tr").count() == 17
    page.locator("#runs > details > summary").click()
    assert page.locator("#every_run-table tbody tr").count() == SHOWN
    assert page.get_by_text(f"These are the first 100 of {NUM_ROWS:,} rows").is_visible()
    assert page.locator("button.theme, .filters, .turns").first.is_hidden()
    context.close()


def test_it_is_printed_in_black_on_white_without_buttons_and_with_what_is_folded(opened):
    page = opened(color_scheme="dark")
    assert len(re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4"))) > 3
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    for hidden in ("button.theme", "nav", ".filters"):
        assert page.locator(hidden).first.is_hidden()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("#every_run-table").is_visible()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("#every_run-table").is_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out_from_what_is_behind_them(opened, scheme):
    page = opened(color_scheme=scheme)
    assert page.evaluate(CONTRASTS) == []


# WCAG 2.2, 1.4.3: 4.5 to 1. What is behind a text is the nearest thing that is filled, mixed by its opacity.
CONTRASTS = """() => {
  const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
  const over = (top, opacity, below) => below.map((one, place) => top[place] * opacity + one * (1 - opacity));
  const linear = (one) => one <= .04045 ? one / 12.92 : ((one + .055) / 1.055) ** 2.4;
  const light = (colour) => colour.map((one) => linear(one / 255))
    .reduce((sum, one, place) => sum + one * [.2126, .7152, .0722][place], 0);
  const page = numbers(getComputedStyle(document.body).backgroundColor).slice(0, 3);
  const behind = (one) => {
    const before = one.previousElementSibling;
    if (one.matches("svg .value, svg .cells .row text") && before) {
      const style = getComputedStyle(before);
      return over(numbers(style.fill).slice(0, 3), Number(style.fillOpacity), page);
    }
    for (let at = one; at; at = at.parentElement) {
      const found = numbers(getComputedStyle(at).backgroundColor);
      if (found.length === 3 || found[3] === 1) return found.slice(0, 3);
    }
    return page;
  };
  return [...document.querySelectorAll("p, a, td, th button, h1, h2, h3, figcaption, svg text, summary, button, li")]
    .filter((one) => one.checkVisibility() && one.textContent.trim() && !one.disabled)
    .map((one) => {
      const style = getComputedStyle(one);
      const own = numbers(one.closest("svg.figure") ? style.fill : style.color).slice(0, 3);
      const lights = [own, behind(one)].map(light);
      return [(Math.max(...lights) + .05) / (Math.min(...lights) + .05), one.textContent.slice(0, 30)];
    }).filter(([ratio]) => !(ratio >= 4.5));
}"""


def test_names_of_a_legend_light_their_lines_by_the_keyboard_until_they_are_pressed_again(opened):
    page = opened()
    names = page.locator("#all .legend button")
    lit = page.locator("#all .wide .series.lit title")
    assert page.locator("#all .legend button[tabindex='0']").count() == 1
    names.first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowRight")
    assert lit.all_text_contents() == ["line 1", "line 2"]
    page.keyboard.press("Tab")
    assert lit.all_text_contents() == ["line 1"]
    names.nth(1).press("Enter")
    page.keyboard.press("Tab")
    assert page.locator(".lights").count() == 0


def test_what_is_printed_has_a_thousand_rows_and_says_where_the_others_are(opened):
    page = opened()
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("#every_run-table tbody tr").count() == 1000
    assert page.get_by_text(f"rows 1 to 1,000 of {NUM_ROWS:,}").is_visible()
    after = "getComputedStyle(document.querySelector('.turns span'), '::after').content"
    assert "the page on a screen shows the others" in page.evaluate(after)
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("#every_run-table tbody tr").count() == SHOWN


def test_a_filter_is_printed_with_how_many_rows_it_leaves(opened):
    page = opened()
    page.locator("[data-table=scores-table]").fill("NAME 1")
    page.emulate_media(media="print")
    assert page.get_by_text("5 of 17 rows").is_visible()


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["1280", "390"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_rules_of_accessibility_that_a_program_can_judge_are_kept(opened, scheme, viewport):
    """Those of axe-core, which passes over what it can't judge: the contrast of texts in figures has its own test."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = opened(viewport, color_scheme=scheme)
    for details in page.locator("main > section > details").all():
        details.locator("summary").first.click()
    found = axe.run(page).response
    assert len(found["passes"]) > 30
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found["violations"]] == []
