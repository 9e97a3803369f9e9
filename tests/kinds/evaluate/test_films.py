from __future__ import annotations

import html.parser
import json
import re
import shutil
from pathlib import Path
from urllib.parse import unquote

import gymnasium
import numpy as np
import pytest

from rlgauge import Benchmark, BenchmarkResults, TaskResult, UserError
from rlgauge.episodes.video import OUTCOMES, VideoRecorder, picture_of
from rlgauge.kinds.evaluate.films import index_films, read_films
from rlgauge.kinds.evaluate.films_page import page
from rlgauge.kinds.evaluate.films_told import FilmedTask, Films
from rlgauge.kinds.evaluate.results import EpisodeResult

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;"


def filmed(folder: Path, index: int, outcome: str, task: str = "Toy-v0", **values) -> EpisodeResult:
    made = VideoRecorder(folder, 30, "all", overlay=False).open(task, index)
    for step in range(3):
        made.add(np.full((32, 48, 3), 40 * step, np.uint8), step=step, total_return=0.75 * step)
    video = made.close(outcome).relative_to(folder.parent).as_posix()
    return EpisodeResult(index=index, outcome=outcome, video=video, **{"total_return": 1.5, "length": 2, **values})


def results(*tasks: tuple[str, str, list[EpisodeResult]]) -> BenchmarkResults:
    return BenchmarkResults([TaskResult.from_episodes(task, episodes, policy=name) for name, task, episodes in tasks])


def task_of(films: Films, policy: str) -> FilmedTask:
    (task,) = [task for task in films.tasks if task.policy == policy]
    return task


class Parsed(html.parser.HTMLParser):
    def __init__(self, content: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.said: list[str] = []
        self.feed(content)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.said.append(data)

    def all(self, tag: str) -> list[dict]:
        return [attrs for name, attrs in self.tags if name == tag]

    @property
    def text(self) -> str:
        return " ".join("".join(self.said).split())


def test_what_went_wrong_comes_first_then_it_goes_by_number(tmp_path):
    outcomes = ["success", "error", "failure", "timeout", "unmeasured", "failure"]
    episodes = [filmed(tmp_path / "p", index, outcome) for index, outcome in enumerate(outcomes)]
    (task,) = index_films(tmp_path, results(("p", "Toy-v0", episodes))).tasks
    assert [one.index for one in task.episodes] == task.grid.cells == [2, 5, 3, 1, 4, 0]
    assert task.outcomes == {"failure": 2, "timeout": 1, "error": 1, "unmeasured": 1, "success": 1}
    assert set(outcomes) == set(OUTCOMES)
    assert read_films(tmp_path).tasks == [task]


def test_all_that_is_told_lies_below_the_folder(tmp_path):
    episodes = [filmed(tmp_path / "p", index, "failure") for index in range(2)]
    (task,) = index_films(tmp_path, results(("p", "Toy-v0", episodes))).tasks
    for name in [task.grid.film, task.grid.picture, *(n for one in task.episodes for n in (one.film, one.picture))]:
        assert (tmp_path / name).is_file()


def test_episodes_that_were_not_filmed_are_counted_and_tasks_without_films_listed(tmp_path):
    episodes = [filmed(tmp_path / "p", 0, "failure"), EpisodeResult(index=1, outcome="success")]
    films = index_films(tmp_path, results(("p", "Toy-v0", episodes), ("q", "Toy-v0", [episodes[1]])))
    assert [len(task.episodes) for task in films.tasks] == [1, 0]
    assert task_of(films, "p").outcomes == {"failure": 1, "success": 1}
    assert task_of(films, "p").grid is None
    text = Parsed((tmp_path / "index.html").read_text()).text
    assert "1 of 2 episodes filmed; 1 failure, 1 success in all." in text
    assert "None of 1 episode filmed; 1 success in all." in text


def test_a_grid_is_drawn_again_only_where_its_films_have_changed(tmp_path):
    mine = [filmed(tmp_path / "p", index, "failure") for index in range(2)]
    other = [filmed(tmp_path / "q", index, "failure") for index in range(2)]
    asked = results(("p", "Toy-v0", mine), ("q", "Toy-v0", other))
    grids = [tmp_path / name / "Toy-v0" / "Toy-v0-grid.mp4" for name in "pq"]
    index_films(tmp_path, asked)
    before = [grid.stat().st_mtime_ns for grid in grids]
    index_films(tmp_path, asked)
    assert [grid.stat().st_mtime_ns for grid in grids] == before
    mine[1] = filmed(tmp_path / "p", 1, "success")
    films = index_films(tmp_path, results(("p", "Toy-v0", mine), ("q", "Toy-v0", other)))
    after = [grid.stat().st_mtime_ns for grid in grids]
    assert after[0] > before[0]
    assert after[1] == before[1]
    assert task_of(films, "p").grid.cells == [0, 1]
    grids[1].unlink()
    index_films(tmp_path, asked)
    assert grids[1].is_file()


def test_a_benchmark_without_grids_draws_none_and_keeps_those_that_show_the_films_as_they_are(tmp_path):
    own = [filmed(tmp_path / "p", index, "failure") for index in range(2)]
    drawn, plain = results(("p", "Toy-v0", own)), results(("p", "Toy-v0", own))
    plain.metadata["settings"] = {"video_grids": False}
    assert task_of(index_films(tmp_path, plain), "p").grid is None
    assert not list(tmp_path.rglob("*grid*"))
    assert task_of(index_films(tmp_path, drawn), "p").grid.cells == [0, 1]
    assert task_of(index_films(tmp_path, plain), "p").grid.cells == [0, 1]
    filmed(tmp_path / "p", 0, "failure")  # written anew
    assert task_of(index_films(tmp_path, plain), "p").grid is None
    assert not list(tmp_path.rglob("*grid*"))


def test_films_of_a_benchmark_without_grids_are_the_same_measurement(tmp_path):
    class Filmed(Benchmark):
        def create_gyms(self):
            return [gymnasium.make("CartPole-v1", render_mode="rgb_array")]

    def evaluated(*, video_grids):
        benchmark = Filmed(num_episodes=2, max_steps=3, video_dir=tmp_path / "videos", record_mode="all")
        benchmark.video_grids = video_grids
        return benchmark.evaluate("random", out=tmp_path / "out")

    without = evaluated(video_grids=False)
    assert len(list(tmp_path.rglob("*.mp4"))) == 2
    again = evaluated(video_grids=True)
    assert again.digest() == without.digest()
    assert len(list(tmp_path.rglob("*.mp4"))) == 3
    assert len(list((tmp_path / "out" / "evaluate").iterdir())) == 1


def test_the_grid_goes_with_its_films(tmp_path):
    episodes = [filmed(tmp_path / "p", index, "failure") for index in range(2)]
    index_films(tmp_path, results(("p", "Toy-v0", episodes)))
    (tmp_path / episodes[0].video).unlink()
    (task,) = index_films(tmp_path, results(("p", "Toy-v0", episodes))).tasks
    assert task.grid is None
    assert task.notes == ["Films that were made of 1 more of its episodes are not in this folder."]
    assert not list(tmp_path.rglob("*grid*"))


def test_films_of_other_evaluations_in_the_folder_stay_told(tmp_path):
    first = results(("p", "Toy-v0", [filmed(tmp_path / "p", index, "failure") for index in range(2)]))
    second = results(("q", "Toy-v0", [filmed(tmp_path / "q", 0, "error", error="step 1: fell")]))
    before = index_films(tmp_path, first)
    films = index_films(tmp_path, second)
    assert [task.policy for task in films.tasks] == ["q", "p"]
    assert task_of(films, "p") == task_of(before, "p")
    shutil.rmtree(tmp_path / "p")
    assert [task.policy for task in index_films(tmp_path, second).tasks] == ["q"]


def test_films_that_no_results_tell_of_are_listed_by_their_names(tmp_path):
    filmed(tmp_path / "killed", 3, "failure")
    (tmp_path / "killed" / "Toy-v0" / "holiday.mp4").write_bytes(b"")
    (tmp_path / "killed" / "Toy-v0" / "Other-e0000-failure.mp4").write_bytes(b"")
    films = index_films(tmp_path, results())
    assert index_films(tmp_path, results()) == films
    (task,) = films.tasks
    assert (task.policy, task.task_id, task.outcomes) == ("killed", "Toy-v0", {})
    (one,) = task.episodes
    assert (one.index, one.outcome, one.is_told, one.total_return) == (3, "failure", False, None)
    assert "No results here tell of them." in Parsed((tmp_path / "index.html").read_text()).text


@pytest.mark.parametrize("left", [[9], [8, 9]])
def test_films_left_by_an_earlier_evaluation_of_the_policy_are_not_taken_for_some_of_these_results(tmp_path, left):
    filmed(tmp_path / "p", left[0], "failure")
    filmed(tmp_path / "p", left[-1], "failure")
    episodes = [filmed(tmp_path / "p", 0, "failure"), filmed(tmp_path / "p", 1, "failure")]
    films = index_films(tmp_path, results(("p", "Toy-v0", episodes)))
    assert [[one.index for one in task.episodes] for task in films.tasks] == [[0, 1], left]
    assert films.tasks[0].grid.cells == [0, 1]
    assert films.tasks[1].grid is None
    assert (tmp_path / films.tasks[0].grid.film).is_file()


def test_without_any_film_nothing_is_written(tmp_path):
    assert index_films(tmp_path, results(("p", "Toy-v0", [EpisodeResult(index=0, outcome="success")]))) is None
    assert index_films(tmp_path / "nowhere", results()) is None
    assert list(tmp_path.iterdir()) == []


def test_a_page_that_somebody_else_wrote_is_left_alone(tmp_path):
    (tmp_path / "index.html").write_text("<h1>Mine</h1>")
    episodes = [filmed(tmp_path / "p", 0, "failure")]
    with pytest.raises(UserError, match=r"index\.html was not written by RLGauge"):
        index_films(tmp_path, results(("p", "Toy-v0", episodes)))
    assert (tmp_path / "index.html").read_text() == "<h1>Mine</h1>"
    assert not (tmp_path / "films.json").exists()


@pytest.mark.parametrize("content", ["{", "[]", '{"tasks": 3}', '{"tasks": [], "format": 99}'])
def test_a_films_json_that_cannot_be_read_is_written_again(tmp_path, content):
    (tmp_path / "films.json").write_text(content)
    index_films(tmp_path, results(("p", "Toy-v0", [filmed(tmp_path / "p", 0, "failure")])))
    assert read_films(tmp_path).num_films == 1
    assert json.loads((tmp_path / "films.json").read_text())["format"] == 1


def test_what_films_json_says_of_a_film_beside_its_numbers_is_read_from_the_films_name(tmp_path):
    index_films(tmp_path, results(("p", "Toy-v0", [filmed(tmp_path / "p", 0, "failure")])))
    written = (tmp_path / "films.json").read_text()
    (tmp_path / "films.json").write_text(written.replace('"failure"', '"<b>"'))
    (one,) = task_of(index_films(tmp_path, results()), "p").episodes
    assert (one.outcome, one.is_told, one.total_return) == ("failure", True, 1.5)
    assert "<b>" not in re.sub(r"<b>\w+</b>", "", (tmp_path / "index.html").read_text())


def test_a_film_that_cannot_be_read_is_told_and_the_others_are_shown(tmp_path):
    episodes = [filmed(tmp_path / "p", index, "failure") for index in range(3)]
    (tmp_path / episodes[1].video).write_bytes(b"no film")
    asked = results(("p", "Toy-v0", episodes))
    for _ in range(2):  # also where the grid is there already
        (task,) = index_films(tmp_path, asked).tasks
        assert task.grid.cells == [0, 2]
        assert (
            "The grid lacks Toy-v0-e0001-failure.mp4: it can't be read"
            in Parsed((tmp_path / "index.html").read_text()).text
        )


def test_without_pyav_films_are_listed_and_the_lack_of_a_grid_is_told(tmp_path, monkeypatch):
    episodes = [filmed(tmp_path / "p", index, "failure") for index in range(2)]
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    (task,) = index_films(tmp_path, results(("p", "Toy-v0", episodes))).tasks
    assert (len(task.episodes), task.grid) == (2, None)
    assert "There is no grid, which needs PyAV" in Parsed((tmp_path / "index.html").read_text()).text


def test_a_task_whose_films_lack_pictures_is_listed(tmp_path):
    episodes = [filmed(tmp_path / "p", 0, "failure")]
    picture_of(tmp_path / episodes[0].video).unlink()
    (task,) = index_films(tmp_path, results(("p", "Toy-v0", episodes))).tasks
    assert task.episodes[0].picture is None
    parsed = Parsed((tmp_path / "index.html").read_text())
    assert (parsed.all("img"), "no picture" in parsed.text) == ([], True)


def test_hostile_names_and_errors_are_text(tmp_path):
    error = f"step 3: ValueError: {HOSTILE} \udce9 \u202e"
    episodes = [filmed(tmp_path / "h", 0, "error", task=HOSTILE, error=error, total_return=None)]
    index_films(tmp_path, results((HOSTILE, HOSTILE, episodes)))
    content = (tmp_path / "index.html").read_text()
    parsed = Parsed(content)
    assert [len(parsed.all(tag)) for tag in ("script", "img", "iframe", "base")] == [1, 1, 0, 0]
    assert not [attrs for _, attrs in parsed.tags if any(name.startswith("on") for name in attrs)]
    assert HOSTILE in parsed.text
    (section,) = parsed.all("section")
    assert (section["data-task"], section["data-policy"]) == (HOSTILE, HOSTILE)
    assert parsed.all("bdi")


def test_the_page_needs_nothing_but_the_files_beside_it(tmp_path):
    episodes = [filmed(tmp_path / "p", index, "failure") for index in range(2)]
    index_films(tmp_path, results(("p", "Toy-v0", episodes)))
    content = (tmp_path / "index.html").read_text()
    parsed = Parsed(content)
    ids = {attrs["id"] for _, attrs in parsed.tags if "id" in attrs}
    for link in [attrs["href"] for attrs in parsed.all("a")] + [attrs["src"] for attrs in parsed.all("img")]:
        assert link[1:] in ids if link.startswith("#") else (tmp_path / unquote(link)).is_file()
    assert not re.search(r"https?:|[\"'(]//|@import|url\(", content)
    assert [attrs["href"] for attrs in parsed.all("link")] == ["data:,"]  # or else a browser asks for an icon
    assert (tmp_path / "index.html").read_text() == content == page(read_films(tmp_path), tmp_path)


def test_every_film_is_played_by_a_link_that_says_what_it_plays(tmp_path):
    episodes = [filmed(tmp_path / "p", index, "failure") for index in range(2)]
    index_films(tmp_path, results(("p", "Toy-v0", episodes)))
    parsed = Parsed((tmp_path / "index.html").read_text())
    plays = [attrs for attrs in parsed.all("a") if attrs.get("class") == "play"]
    assert [attrs["aria-label"] for attrs in plays] == [
        "Play: 2 episodes of Toy-v0 side by side, p",
        "Play: Episode 0, failure: Toy-v0, p",
        "Play: Episode 1, failure: Toy-v0, p",
    ]
    sizes = [(attrs["width"], attrs["height"]) for attrs in parsed.all("img")]
    assert sizes[1:] == [("48", "32")] * 2


class Falls(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)
    render_mode = "rgb_array"

    def reset(self, *, seed=None, options=None):
        return np.zeros(1, np.float32), {}

    def step(self, action):
        return np.zeros(1, np.float32), 1.0, True, False, {"success": False}

    def render(self):
        return np.full((32, 48, 3), 100, np.uint8)


def test_an_evaluation_that_films_leaves_a_page(tmp_path):
    Benchmark(gyms=[Falls], num_episodes=3, video_dir=tmp_path / "videos").evaluate("random")
    (task,) = read_films(tmp_path / "videos").tasks
    assert (task.policy, task.task_id, len(task.episodes), task.grid.cells) == ("random", "Falls", 3, [0, 1, 2])
    assert (tmp_path / "videos" / "index.html").is_file()


class Counted(Falls):
    """Ends after as many steps as its seed says."""

    def reset(self, *, seed=None, options=None):
        self._left = 1 + seed % 5
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self._left -= 1
        return np.zeros(1, np.float32), 1.0, self._left == 0, False, {"success": False}


def test_a_film_of_another_evaluation_is_not_told_with_the_numbers_of_this_one(tmp_path):
    videos = tmp_path / "videos"

    def evaluate(seed: int) -> FilmedTask:
        benchmark = Benchmark(gyms=[Counted], num_episodes=3, seed=seed, video_dir=videos)
        benchmark.evaluate("zero", out=tmp_path / f"out{seed}")
        return task_of(read_films(videos), "zero")

    first, second = evaluate(0), evaluate(1)
    assert all(one.is_told for task in (first, second) for one in task.episodes)
    assert not {one.seed for one in first.episodes} & {one.seed for one in second.episodes}
    again = evaluate(0)  # which plays nothing: the films are those of the second
    assert [(one.is_told, one.total_return) for one in again.episodes] == [(False, None)] * 3
    assert "3 films here are of another evaluation" in Parsed((videos / "index.html").read_text()).text
    assert evaluate(1).episodes == second.episodes


def test_what_was_written_before_of_a_film_is_not_told_of_one_that_has_its_name_now(tmp_path):
    index_films(tmp_path, results(("p", "Toy-v0", [filmed(tmp_path / "p", 0, "failure", seed=7)])))
    assert task_of(index_films(tmp_path, results()), "p").episodes[0].seed == 7
    film = VideoRecorder(tmp_path / "p", 30, "all").open("Toy-v0", 0, seed=8)
    film.add(np.zeros((32, 48, 3), np.uint8), step=2, total_return=1.5)
    film.close("failure")
    (one,) = task_of(index_films(tmp_path, results()), "p").episodes
    assert (one.is_told, one.total_return) == (False, None)


def test_a_page_that_cannot_be_written_does_not_lose_the_results(tmp_path):
    (tmp_path / "index.html").write_text("mine")
    with pytest.warns(UserWarning, match=r"index\.html was not written by RLGauge"):
        results = Benchmark(gyms=[Falls], num_episodes=2, video_dir=tmp_path).evaluate("random")
    assert [episode.outcome for episode in results.results[0].episodes] == ["failure"] * 2
