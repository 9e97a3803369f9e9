"""The page that `rlgauge view` serves: the report, made anew when the runs have changed, below what goes on."""

from __future__ import annotations

import base64
import hashlib
import importlib.resources
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from rlgauge.cli.units import count_text
from rlgauge.cli.view_going import Going
from rlgauge.cli.view_live import Looker, Sight
from rlgauge.cli.view_server import LIVE, Page, path_within
from rlgauge.core.errors import UserError
from rlgauge.core.files import StoreError
from rlgauge.report.content import Block, Films, Note, Report, Section, Text
from rlgauge.report.page.document import document
from rlgauge.report.page.markup import Markup, tag

_FOLDER = "rlgauge.report.page"
_OWN_POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
_EVERY_SECONDS, _LONGEST_SECONDS, _SHARE = 1.0, 10.0, 0.2
"""So often at most it is looked what goes on, so often at the least while somebody asks, and so much of the time at
most unless that is more seldom."""
_SOON, _LATER = (2.0, 4.0), (15.0, 20.0)
"""After how many seconds, and times what making it took, a report is made anew: where a run has ended, and where those
that go on have come further."""
_NICE = 10
"""Who looks stands back so far behind who measures."""
_PATIENCE_SECONDS = 0.4
"""So long a reader waits for what is on its way."""
_OPEN_SECONDS, _IDLE_SECONDS = 2.0, 5.0
"""After so long a page asks again, where something goes on and elsewhere."""
_LATER_THERE = "The report comes here when a run has ended."
_SOON_THERE = "The report is being made."
_BROKEN = "The report could not be made: the terminal in which `rlgauge view` runs says more."


class Live(msgspec.Struct, frozen=True, kw_only=True):
    """What the page's script asks for: what goes on, the version of the page, and after how many seconds to ask again.

    `counts` is how many runs are how far, `num_more` how many go on that `going` does not tell of.
    """

    told: str
    counts: dict[str, int]
    going: list[Going]
    num_more: int
    page: str
    is_making: bool
    again: float


class _Errand:
    """Something that a thread of its own does, again and again, but never twice at once."""

    def __init__(self, do: Callable[[], None], clock: Callable[[], float]) -> None:
        self.ended = float("-inf")
        self.seconds = 0.0
        """When it was done last, and how long that took."""
        self._do = do
        self._clock = clock
        self._lock = threading.Lock()
        self._is_over = threading.Event()

    @property
    def is_going(self) -> bool:
        """Whether it is being done now."""
        return self._lock.locked()

    def begin(self) -> None:
        """Have it done, unless it is being done."""
        if self._lock.acquire(blocking=False):
            self._is_over.clear()
            threading.Thread(target=self._go, daemon=True).start()

    def wait(self, seconds: float) -> None:
        """Until it is over that was begun last, but no longer than so."""
        self._is_over.wait(seconds)

    def _go(self) -> None:
        if sys.platform == "linux":  # where it is this thread's alone
            os.nice(_NICE)
        begun = self._clock()
        try:
            self._do()
        finally:
            self.ended = self._clock()
            self.seconds = self.ended - begun
            self._lock.release()
            self._is_over.set()


class Shown:
    """The report of a folder as it was made last, and what goes on there. May be asked by several threads.

    Nothing is done while nobody asks.
    """

    def __init__(self, root: Path, make: Callable[[], Report], clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing is read yet; `make` gives the report as the runs are then. It raises UserError."""
        self._make = make
        self._root = root.resolve()
        self._clock = clock
        self._looker = Looker(root, clock)
        self._looking, self._making = _Errand(self._look, clock), _Errand(self._make_page, clock)
        self._sight: Sight | None = None
        self._problem: str | None = None
        self._page: Page | None = None
        self._of: Sight | None = None

    def begin(self) -> None:
        """Look what goes on, unless that was done a moment ago, and make the page anew where that is due."""
        if self._clock() - self._looking.ended >= max(_EVERY_SECONDS, self._rest):
            self._looking.begin()

    def page(self) -> Page:
        """The page as it was made last; one that says so where there is none yet."""
        self.begin()
        if self._page is None:
            self._looking.wait(_PATIENCE_SECONDS)
            self._making.wait(_PATIENCE_SECONDS)
        return self._page or self._waiting(_SOON_THERE)

    def live(self) -> bytes:
        """What goes on, as JSON; where looking takes long, as it was before."""
        self.begin()
        self._looking.wait(_PATIENCE_SECONDS)
        page, sight = self._page or self._waiting(_SOON_THERE), self._sight
        pause = _OPEN_SECONDS if sight is None or sight.is_open else _IDLE_SECONDS
        told = Live(
            told=" ".join(text for text in (None if sight is None else sight.told, self._problem) if text),
            counts={} if sight is None else sight.counts,
            going=[] if sight is None else sight.going,
            num_more=0 if sight is None else sight.num_more,
            page=page.version,
            is_making=self._making.is_going,
            again=max(pause, self._rest),
        )
        return msgspec.json.encode(told)

    @property
    def _rest(self) -> float:
        """So many seconds are to pass between looks, for what they take of the machine."""
        return min(_LONGEST_SECONDS, self._looking.seconds / _SHARE)

    def _look(self) -> None:
        try:
            self._sight, self._problem = self._looker.look(), None
        except StoreError as error:
            self._problem = str(error)
        if self._is_due():
            self._making.begin()

    def _is_due(self) -> bool:
        """Whether the page is to be made anew: the sooner, the less time it takes, and where a run has ended."""
        sight, of = self._sight, self._of
        if sight is None:
            return self._page is None
        if of is None:
            return True
        least, times = _SOON if sight.ended != of.ended else _LATER
        is_changed = (sight.ended, sight.growing) != (of.ended, of.growing)
        return is_changed and self._clock() - self._making.ended >= max(least, times * self._making.seconds)

    def _make_page(self) -> None:
        sight, page = self._sight, self._waiting(_BROKEN)
        try:
            page = self._page_of(sight)
        finally:  # what is no mistake of the reader's is told in the terminal
            self._page, self._of = page, sight

    def _page_of(self, sight: Sight | None) -> Page:
        """The page of all that is there. Where nothing has ended, or nothing can be told, it says that."""
        if sight is not None and sight.is_open and not sight.num_ended:
            return self._waiting(_LATER_THERE)
        try:
            report = self._make()
        except UserError as error:
            return self._waiting(str(error))
        return live_page(with_films_below(report, self._root))

    def _waiting(self, text: str) -> Page:
        part = Section(name="report", title="Report", body=[Text(text)])
        return live_page(Report(title=self._root.name, intro=str(self._root), sections=[part]))


def live_page(report: Report) -> Page:
    """The page of a report with a place for what goes on, as it is served."""
    # What the page asks of itself for is stricter than what is sent with it, and would forbid what is live.
    page = _OWN_POLICY.sub("", document(report), count=1)
    script, style = _read("live.js"), _read("live.css")
    version = hashlib.blake2b((page + script + style).encode(), digest_size=8).hexdigest()
    own = [tag("link", rel="icon", href="data:,"), tag("style", Markup(style)), tag("script", Markup(script))]
    page = page.replace("</head>", f"{''.join(own)}</head>", 1).replace("<body>", f"<body>{_place(version)}", 1)
    return Page(page.encode(), version, _policy(_scripts()))


def _policy(scripts: Iterable[str]) -> str:
    """What the page may do: run these scripts alone, and ask this server alone."""
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src 'self' data:; "
        "media-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _scripts() -> Iterator[str]:
    """Every script of ours that stands in a page."""
    for path in importlib.resources.files(_FOLDER).iterdir():
        if path.name.endswith(".js"):
            yield path.read_text(encoding="utf-8")


def _read(name: str) -> str:
    return importlib.resources.files(_FOLDER).joinpath(name).read_text(encoding="utf-8")


def _place(version: str) -> Markup:
    return tag(
        "section",
        tag("p", "Looking at the runs.", id="live-told", role="status"),
        tag("ul", id="live-runs", tabindex="0", aria_label="How far each is"),
        tag("p", id="live-news", hidden=True),
        id="live",
        aria_label="Runs that go on",
        data_page=version,
        data_live=LIVE,
    )


def with_films_below(report: Report, root: Path) -> Report:
    """The report with paths to its films as they are served: below the folder; of others it says that they are not."""
    return msgspec.structs.replace(
        report,
        sections=[
            msgspec.structs.replace(part, body=[block for one in part.body for block in _served(one, root)])
            for part in report.sections
        ],
    )


def _served(block: Block, root: Path) -> Iterator[Block]:
    if not isinstance(block, Films):
        yield block
        return
    films = [
        msgspec.structs.replace(film, path=path, poster=None if film.poster is None else path_within(root, film.poster))
        for film in block.films
        if (path := path_within(root, film.path)) is not None
    ]
    yield msgspec.structs.replace(block, films=films)
    if num_left := len(block.films) - len(films):
        yield Note(f"{count_text(num_left, 'film')} not shown: `rlgauge view` serves what lies in its folder, no more.")
