from __future__ import annotations

import os
import queue
import stat
import subprocess
import sys
import tempfile
import threading
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from rlgauge.core.errors import UserError
from rlgauge.episodes import encoder as encoder_module
from rlgauge.episodes.encoder import QUEUE_FRAMES, Encoder, VideoError
from rlgauge.episodes.overlay import draw_caption
from rlgauge.episodes.video import OUTCOMES, Mark, VideoRecorder, mark_of, picture_of


def picture(brightness: int, height: int = 64, width: int = 96) -> np.ndarray:
    return np.full((height, width, 3), brightness, np.uint8)


def film_of(
    recorder: VideoRecorder, outcome: str, *, frames: int = 5, episode_index: int = 7, **options
) -> Path | None:
    film = recorder.open("Toy-v0", episode_index, **options)
    for index in range(frames):
        film.add(picture(20 * index % 256), step=index, total_return=float(index))
    return film.close(outcome)


def decoded(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def pair(*stems: str) -> list[str]:
    return [stem + suffix for stem in stems for suffix in (".mp4", ".png")]


@pytest.fixture
def read_only_folder():
    folder = Path(tempfile.mkdtemp())
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR | stat.S_IROTH | stat.S_IXOTH)
    if os.geteuid() == 0:
        os.seteuid(65534)  # root may write anywhere
        yield folder
        os.seteuid(0)
    else:
        yield folder
    folder.chmod(stat.S_IRWXU)
    folder.rmdir()


def test_the_names_of_the_system_replaced_work(tmp_path):
    recorder = VideoRecorder(output_dir=str(tmp_path), fps=30, record_mode="failures")
    assert (recorder.output_dir, recorder.fps, recorder.record_mode) == (tmp_path, 30, "failures")
    assert VideoRecorder(tmp_path, 12, "all").fps == 12


def test_every_frame_added_is_in_the_file_the_terminal_one_too(tmp_path):
    recorder = VideoRecorder(tmp_path, record_mode="all", overlay=False)
    film = recorder.open("Toy-v0", 7)
    brightness = [0, 40, 80, 120, 160, 250]
    for step, value in enumerate(brightness):
        film.add(picture(value), step=step, total_return=0.0)
    frames = decoded(film.close("failure"))
    assert [round(float(frame.mean())) for frame in frames] == pytest.approx(brightness, abs=4)


def test_the_file_is_h264_in_yuv420p_with_its_index_first(tmp_path):
    path = film_of(VideoRecorder(tmp_path, record_mode="all"), "success")
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert (stream.width, stream.height) == (96, 64)
    content = path.read_bytes()
    assert 0 < content.index(b"moov") < content.index(b"mdat")


@pytest.mark.parametrize(
    ("argument", "metadata", "expected"),
    [(None, None, 30), (None, 50, 50), (12, 50, 12), (None, 29.97, Fraction(2997, 100)), (None, 0.5, Fraction(1, 2))],
)
def test_fps_is_the_argument_else_the_environment_else_30(tmp_path, argument, metadata, expected):
    path = film_of(VideoRecorder(tmp_path, argument, "all"), "success", fps=metadata)
    with av.open(str(path)) as container:
        assert container.streams.video[0].average_rate == expected


@pytest.mark.parametrize("fps", [0, -1, float("nan"), float("inf")])
def test_an_impossible_fps_is_refused(tmp_path, fps):
    with pytest.raises(UserError, match="frames per second"):
        VideoRecorder(tmp_path, fps)
    with pytest.raises(UserError, match="frames per second"):
        VideoRecorder(tmp_path).open("Toy-v0", 0, fps=fps)


@pytest.mark.parametrize(
    ("mode", "kept"),
    [
        ("all", set(OUTCOMES)),
        ("successes", {"success"}),
        ("failures", {"failure", "error", "timeout"}),
        ("none", set()),
        ("first:8", set(OUTCOMES)),
        ("first:7", set()),
    ],
)
def test_the_mode_and_the_outcome_decide_what_is_kept(tmp_path, mode, kept):
    recorder = VideoRecorder(tmp_path, record_mode=mode)
    assert recorder.wants(7) == bool(kept)
    for outcome in OUTCOMES:
        path = film_of(recorder, outcome)
        expected = pair(f"Toy-v0-e0007-{outcome}") if outcome in kept else []
        assert left_in(tmp_path) == expected
        assert (path is not None) == (outcome in kept)
        if path is not None:
            assert path == tmp_path / "Toy-v0" / expected[0]
            assert len(decoded(path)) == 5


def test_first_k_wants_the_first_k_of_each_task(tmp_path):
    recorder = VideoRecorder(tmp_path, record_mode="first:2")
    assert [recorder.wants(index) for index in range(4)] == [True, True, False, False]


@pytest.mark.parametrize("mode", ["failure", "first", "first:", "first:-1", "first:two", ""])
def test_an_unknown_mode_names_the_known_ones(tmp_path, mode):
    with pytest.raises(UserError, match=r"Unknown record mode .* Known: all, failures, first:3, none, successes\."):
        VideoRecorder(tmp_path, record_mode=mode)


def test_an_unknown_outcome_is_refused_and_nothing_is_left(tmp_path):
    with VideoRecorder(tmp_path, record_mode="all").open("Toy-v0", 0) as film:
        film.add(picture(0), step=0, total_return=0.0)
        with pytest.raises(UserError, match="Did you mean 'failure'"):
            film.close("failed")
    assert left_in(tmp_path) == []


def test_a_new_film_of_an_episode_takes_the_place_of_the_old_one(tmp_path):
    recorder = VideoRecorder(tmp_path, record_mode="failures")
    film_of(recorder, "error")
    film_of(recorder, "failure")
    film_of(recorder, "failure", episode_index=8)
    assert left_in(tmp_path) == pair("Toy-v0-e0007-failure", "Toy-v0-e0008-failure")
    film_of(recorder, "success")
    assert left_in(tmp_path) == pair("Toy-v0-e0008-failure")


def test_the_picture_beside_a_film_is_its_last_frame_bit_for_bit_before_encoding(tmp_path):
    film = VideoRecorder(tmp_path, record_mode="all", overlay=False).open("Toy-v0", 0)
    frames = np.random.default_rng(0).integers(0, 256, (4, 64, 96, 3), np.uint8)
    for step, frame in enumerate(frames):
        film.add(frame, step=step, total_return=0.0)
    (shown,) = decoded(picture_of(film.close("failure")))
    assert (shown == frames[-1]).all()


def test_the_picture_has_the_films_caption(tmp_path):
    picture_there = picture_of(film_of(VideoRecorder(tmp_path, record_mode="all"), "success"))
    expected = picture(80)
    draw_caption(expected, "Toy-v0", step=4, total_return=4.0)
    assert (decoded(picture_there)[0] == expected).all()


def test_tasks_that_differ_only_in_characters_unfit_for_a_file_do_not_share_a_folder(tmp_path):
    recorder = VideoRecorder(tmp_path, record_mode="all")
    folders = set()
    for task in ["ALE/Pong-v5", "ALE Pong-v5", "ALE-Pong-v5", "../escape", "x" * 300]:
        film = recorder.open(task, 0)
        film.add(picture(0), step=0, total_return=0.0)
        path = film.close("success")
        assert path.resolve().is_relative_to(tmp_path.resolve())
        folders.add(path.parent.name)
    assert len(folders) == 5
    assert "ALE-Pong-v5" in folders


def test_several_films_are_open_at_once(tmp_path):
    recorder = VideoRecorder(tmp_path, record_mode="all", overlay=False)
    films = [recorder.open("Toy-v0", index) for index in range(6)]
    for step in range(20):
        for index, film in enumerate(films):
            film.add(picture(40 * index), step=step, total_return=0.0)
    for index, film in enumerate(films):
        frames = decoded(film.close("success"))
        assert len(frames) == 20
        assert frames[10].mean() == pytest.approx(40 * index, abs=4)


@pytest.mark.parametrize(("height", "width"), [(65, 97), (64, 97), (65, 96), (17, 3), (2, 2)])
def test_an_odd_size_loses_one_pixel(tmp_path, height, width):
    film = VideoRecorder(tmp_path, record_mode="all").open("Toy-v0", 0)
    for step in range(3):
        film.add(picture(90, height, width), step=step, total_return=0.0)
    frames = decoded(film.close("success"))
    assert [frame.shape for frame in frames] == [(height // 2 * 2, width // 2 * 2, 3)] * 3


def test_the_caption_is_drawn_on_a_copy(tmp_path):
    frame = picture(200, 128, 128)
    film = VideoRecorder(tmp_path, record_mode="all").open("Toy-v0", 0)
    film.add(frame, step=0, total_return=0.0)
    shown = decoded(film.close("success"))[0]
    assert (frame == 200).all()
    assert shown[:18].mean() < 120
    assert shown[30:].mean() == pytest.approx(200, abs=4)


def test_the_caption_can_be_switched_off(tmp_path):
    film = VideoRecorder(tmp_path, record_mode="all", overlay=False).open("Toy-v0", 0)
    film.add(picture(200), step=0, total_return=0.0)
    assert decoded(film.close("success"))[0].min() > 190


def test_a_frame_may_be_overwritten_once_it_was_added(tmp_path):
    buffer = picture(200)
    film = VideoRecorder(tmp_path, record_mode="all", overlay=False).open("Toy-v0", 0)
    for step in range(QUEUE_FRAMES):
        buffer[:] = 20 * step
        film.add(buffer, step=step, total_return=0.0)
        buffer[:] = 255
    assert [round(float(frame.mean())) for frame in decoded(film.close("success"))] == pytest.approx(
        [20 * step for step in range(QUEUE_FRAMES)], abs=4
    )


def test_a_flipped_view_is_recorded_as_it_looks(tmp_path):
    frame = picture(0)
    frame[:32] = 255
    film = VideoRecorder(tmp_path, record_mode="all", overlay=False).open("Toy-v0", 0)
    film.add(frame[::-1], step=0, total_return=0.0)
    shown = decoded(film.close("success"))[0]
    assert shown[:16].mean() < 10
    assert shown[48:].mean() > 245


@pytest.mark.parametrize(
    ("frame", "described"),
    [
        (None, "rendered None"),
        ("<html>", "rendered a str"),
        ([picture(0)], "rendered a list"),
        (picture(0)[:, :, :1], r"an array of shape \(64, 96, 1\) and uint8"),
        (np.zeros((64, 96, 4), np.uint8), r"an array of shape \(64, 96, 4\) and uint8"),
        (picture(0)[:, :, 0], r"an array of shape \(64, 96\) and uint8"),
        (picture(0)[None], r"an array of shape \(1, 64, 96, 3\) and uint8"),
        (picture(0).astype(np.float32), r"an array of shape \(64, 96, 3\) and float32"),
    ],
)
def test_what_is_no_picture_is_named_with_the_remedy(tmp_path, frame, described):
    with VideoRecorder(tmp_path).open("Toy-v0", 0) as film, pytest.raises(UserError, match=described) as caught:
        film.add(frame, step=0, total_return=0.0)
    assert "Toy-v0" in str(caught.value)
    assert "render_mode='rgb_array'" in str(caught.value)
    assert left_in(tmp_path) == []


def test_a_picture_of_no_pixels_is_refused(tmp_path):
    with VideoRecorder(tmp_path).open("Toy-v0", 0) as film, pytest.raises(UserError, match="at least 2x2"):
        film.add(picture(0, 1, 96), step=0, total_return=0.0)


def test_a_size_that_changes_within_an_episode_is_refused(tmp_path):
    with VideoRecorder(tmp_path).open("Toy-v0", 0) as film:
        film.add(picture(0), step=0, total_return=0.0)
        with pytest.raises(UserError, match="96x64 pixels at first and 48x64 later"):
            film.add(picture(0, 64, 48), step=1, total_return=0.0)


def test_a_film_without_frames_leaves_nothing(tmp_path):
    film = VideoRecorder(tmp_path, record_mode="all").open("Toy-v0", 0)
    assert film.close("error") is None
    assert left_in(tmp_path) == []


def test_leaving_the_block_early_discards_the_film(tmp_path):
    with VideoRecorder(tmp_path, record_mode="all").open("Toy-v0", 0) as film:
        film.add(picture(0), step=0, total_return=0.0)
    assert left_in(tmp_path) == []
    with pytest.raises(VideoError, match="closed already"):
        film.add(picture(0), step=1, total_return=0.0)


def test_a_closed_film_survives_discard_and_the_end_of_its_block(tmp_path):
    with VideoRecorder(tmp_path, record_mode="all").open("Toy-v0", 0) as film:
        film.add(picture(0), step=0, total_return=0.0)
        path = film.close("success")
    film.discard()
    assert left_in(tmp_path) == [path.name, picture_of(path).name]


def test_an_unfinished_film_does_not_have_its_name_yet(tmp_path):
    film = VideoRecorder(tmp_path, record_mode="all").open("Toy-v0", 0)
    film.add(picture(0), step=0, total_return=0.0)
    assert [name for name in left_in(tmp_path) if name.endswith(".mp4")] == []
    film.close("success")
    assert left_in(tmp_path) == pair("Toy-v0-e0000-success")


def test_a_folder_that_cannot_be_written_is_said_before_the_episode(read_only_folder):
    with pytest.raises(UserError, match=r"Can't write .*Permission denied"):
        VideoRecorder(read_only_folder, record_mode="all").open("Toy-v0", 0)


def test_a_file_where_the_folder_should_be_is_said_before_the_episode(tmp_path):
    (tmp_path / "videos").write_text("")
    with pytest.raises(UserError, match=r"Can't write .*Not a directory"):
        VideoRecorder(tmp_path / "videos", record_mode="all").open("Toy-v0", 0)


def test_what_a_killed_process_left_behind_is_removed_and_what_a_living_one_writes_is_not(tmp_path):
    script = (
        "import os, sys; from rlgauge.episodes.video import VideoRecorder;"
        "VideoRecorder(sys.argv[1], record_mode='all').open('Toy-v0', 3); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, tmp_path], check=False)
    assert [name.endswith(".part") for name in left_in(tmp_path)] == [True]
    living = VideoRecorder(tmp_path, record_mode="all").open("Toy-v0", 4)
    film_of(VideoRecorder(tmp_path, record_mode="all"), "success")
    assert left_in(tmp_path) == [living.part.name, *pair("Toy-v0-e0007-success")]
    living.discard()


def test_the_encoders_error_is_raised_at_close_with_its_cause(tmp_path):
    film = VideoRecorder(tmp_path, record_mode="all").open("Toy-v0", 0)
    film.part.unlink()
    film.part.parent.rmdir()  # the encoder opens its file at the first packet only
    film.add(picture(0), step=0, total_return=0.0)
    with pytest.raises(VideoError, match=r"could not be written: .*No such file") as caught:
        film.close("success")
    assert isinstance(caught.value.__cause__, OSError)


@pytest.mark.parametrize("outcome", ["success", "failure"])
def test_a_full_disk_is_raised_whether_or_not_the_film_is_wanted(tmp_path, monkeypatch, outcome):
    def full(path, fps, frames):
        next(frames)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(encoder_module, "write_h264", full)
    film = VideoRecorder(tmp_path).open("Toy-v0", 0)
    with pytest.raises(VideoError, match="No space left on device"):  # noqa: PT012  # at whichever add sees it first
        for step in range(QUEUE_FRAMES + 2):
            film.add(picture(0), step=step, total_return=0.0)
        pytest.fail("the queue took more frames than it has room for")
    with pytest.raises(VideoError, match="No space left on device"):
        film.close(outcome)
    assert left_in(tmp_path) == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_killed_with_a_full_queue_neither_hangs_nor_is_taken_for_success(tmp_path, monkeypatch):
    taken, die = threading.Event(), threading.Event()

    def killed(path, fps, frames):
        next(frames)
        taken.set()
        die.wait(60)
        raise SystemExit

    monkeypatch.setattr(encoder_module, "write_h264", killed)
    film = VideoRecorder(tmp_path).open("Toy-v0", 0)
    film.add(picture(0), step=0, total_return=0.0)
    assert taken.wait(60)
    for step in range(QUEUE_FRAMES):
        film.add(picture(0), step=step, total_return=0.0)
    die.set()
    with pytest.raises(VideoError, match="thread has ended"):
        film.close("failure")
    film.discard()
    assert left_in(tmp_path) == []


def test_an_encoder_that_stands_still_is_given_up(tmp_path, monkeypatch):
    release = threading.Event()
    monkeypatch.setattr(encoder_module, "write_h264", lambda path, fps, frames: release.wait(60))
    monkeypatch.setattr(encoder_module, "STALL_SECONDS", 0.2)
    film = VideoRecorder(tmp_path).open("Toy-v0", 0)
    for step in range(QUEUE_FRAMES):
        film.add(picture(0), step=step, total_return=0.0)
    with pytest.raises(VideoError, match=r"given up: nothing was written for 0\.2 seconds"):
        film.add(picture(0), step=0, total_return=0.0)
    with pytest.raises(VideoError, match="given up"):
        film.close("failure")
    release.set()
    assert left_in(tmp_path) == []


def test_frames_waiting_for_the_encoder_are_bounded(tmp_path, monkeypatch):
    waiting: list[int] = []

    class Watched(queue.Queue):
        def put(self, *args, **kwargs):
            super().put(*args, **kwargs)
            waiting.append(self.qsize())

    monkeypatch.setattr(encoder_module.queue, "Queue", Watched)
    path = film_of(VideoRecorder(tmp_path, record_mode="all"), "success", frames=20 * QUEUE_FRAMES)
    assert len(decoded(path)) == 20 * QUEUE_FRAMES
    assert len(waiting) == 20 * QUEUE_FRAMES + 1
    assert max(waiting) <= QUEUE_FRAMES


def test_the_player_waits_for_a_slow_encoder_and_no_frame_is_lost(tmp_path, monkeypatch):
    allowed = threading.Semaphore(0)
    taken: list[int] = []

    def slow(path, fps, frames):
        while allowed.acquire(timeout=60) and (frame := next(frames, None)) is not None:
            taken.append(int(frame[0, 0, 0]))

    monkeypatch.setattr(encoder_module, "write_h264", slow)
    encoder = Encoder(tmp_path / "film", Fraction(30))
    encoder.start()
    added: list[int] = []

    def play():
        for index in range(4 * QUEUE_FRAMES):
            encoder.put(picture(index))
            added.append(index)

    player = threading.Thread(target=play)
    player.start()
    while player.is_alive():
        assert len(added) <= len(taken) + QUEUE_FRAMES + 1
        allowed.release()
    player.join()
    allowed.release(QUEUE_FRAMES + 1)
    encoder.finish(drop=False)
    assert taken == list(range(4 * QUEUE_FRAMES))


def test_a_missing_pyav_is_named_with_the_remedy(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'rlgauge\[video\]'"):
        VideoRecorder(tmp_path).open("Toy-v0", 0)


def test_a_picture_says_of_which_episode_it_is_and_can_be_read_all_the_same(tmp_path):
    path = film_of(VideoRecorder(tmp_path, record_mode="all"), "failure", seed=12345)
    assert mark_of(path) == Mark(seed=12345, step=4, total_return=4.0)
    (read,) = decoded(picture_of(path))
    assert read.shape == (64, 96, 3)


@pytest.mark.parametrize("content", [b"", b"no picture", b"tEXtrlgauge\0{"])
def test_a_picture_of_somebody_else_says_nothing_of_an_episode(tmp_path, content):
    (tmp_path / "a.png").write_bytes(content)
    assert mark_of(tmp_path / "a.mp4") is None
    assert mark_of(tmp_path / "b.mp4") is None
