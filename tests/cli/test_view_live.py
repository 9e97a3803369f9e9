"""What goes on in a folder is told as its runs write it."""

from __future__ import annotations

import threading
from pathlib import Path

import msgspec
import pytest

from rlgauge.cli.view_live import Looker
from rlgauge.core.case import Case
from rlgauge.core.claim import Driver
from rlgauge.core.execute import PLANS, Item, Plan
from rlgauge.core.run import ConfigFile, Record, Start, Status, encode_record
from rlgauge.core.store import Attempt, Need, Store, now
from rlgauge.kinds.train.journal import EPISODES, TESTS, Episode, line_of
from rlgauge.kinds.train.spec import SPEC
from rlgauge.kinds.train.stages import Stage, Stages
from tests import toys
from tests.driving import run, wait_for

HOSTILE = "<script>alert(1)</script>"


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def case(number: int = 0, *, workload: str = "evaluate", tests: int = 0, **labels: str) -> Case:
    told = {"policy": "random", "task": "Reach-v1", **labels}
    params = {"first": number, "tests": tests}
    return Case(workload=workload, name=f"Reach-v1-e{number:04d}", params=params, labels=told)


def begin(store: Store, one: Case, *, need: Need | None = None) -> Attempt:
    start = Start(start_time=now(), host={"hostname": "elsewhere"})
    attempt = store.claim(one, need or Need(), ConfigFile(seed=0, case=one), start)
    assert attempt is not None
    return attempt


def episode(index: int, total: float) -> Record:
    return Record(index, {"return": total, "success": None})


def plan(store: Store, *cases: Case, driver: Driver | None = None, num_wanted: int | None = 4) -> Path:
    folder = store.root / PLANS
    folder.mkdir(exist_ok=True)
    items = [Item(case=one, num_wanted=num_wanted) for one in cases]
    told = Plan(root=str(store.root), workload=None, items=items, driver=driver or Driver.this())
    path = folder / "a.json"
    path.write_bytes(msgspec.json.encode(told))
    return path


@pytest.fixture
def store(tmp_path) -> Store:
    store = Store(tmp_path / "out" / "benchmark")
    store.make()
    return store


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def looker(store, clock) -> Looker:
    return Looker(store.root.parent, clock)


def test_a_run_is_told_of_from_its_plan_to_its_end(store, looker, clock):
    assert looker.look().told == "There are no runs yet."
    path = plan(store, case(0), case(4))
    waiting = looker.look()
    assert (waiting.told, waiting.is_open, waiting.num_ended) == ("2 runs: 2 queued.", True, 0)
    attempt = begin(store, case(0))
    begun = looker.look()
    assert begun.told == "2 runs: 1 running, 1 queued."
    [going] = begun.going
    assert (going.group, going.task, going.share) == ("random", "Reach-v1", None)
    assert going.parts[:2] == ["0 of 4 episodes", "on elsewhere"]
    clock.seconds += 2.0
    attempt.append(episode(0, 10.0))
    looker.look()
    clock.seconds += 2.0
    attempt.append(episode(1, 20.0))
    further = looker.look()
    [going] = further.going
    assert going.share == 0.5
    told = ["2 of 4 episodes", "0.5 episodes/s", "last return 20", "mean 15 over the last 2", "on elsewhere"]
    assert going.parts[:5] == told
    assert going.parts[-1] == "4 s left"
    assert further.growing != begun.growing
    assert further.ended == begun.ended
    attempt.close()
    attempt.commit(Status.COMPLETED)
    path.unlink()
    ended = looker.look()
    assert (ended.told, ended.going, ended.num_ended) == ("1 run: 1 completed.", [], 1)
    assert ended.ended != begun.ended
    assert looker.look() == ended


def test_what_has_come_no_further_for_long_says_so_instead_of_what_is_left(store, looker, clock):
    attempt = begin(store, case())
    looker.look()
    clock.seconds += 5
    attempt.append(episode(0, 1.0))
    looker.look()
    clock.seconds += 130
    assert looker.look().going[0].parts[-1] == "nothing new for 2 min 10 s"


def test_a_later_block_of_episodes_says_where_it_begins(store, looker):
    begin(store, case(16))
    assert "from episode 16" in looker.look().going[0].parts


def test_errors_are_counted_and_have_no_return(store, looker):
    attempt = begin(store, case())
    attempt.append(Record(0, {"return": None}, "it broke"))
    attempt.append(Record(1, {"return": True}))
    assert looker.look().going[0].parts[:2] == ["2 episodes", "1 error"]


def test_what_failed_is_counted_and_what_was_cut_off_waits_where_a_driver_has_it(store, looker):
    begin(store, case(0)).commit(Status.FAILED, fail_kind="error")
    begin(store, case(1)).commit(Status.INTERRUPTED)
    assert looker.look().told == "2 runs: 1 failed, 1 interrupted."
    path = plan(store, case(0), case(1))
    assert looker.look().told == "2 runs: 1 queued, 1 failed."
    path.unlink()
    assert looker.look().told == "2 runs: 1 failed, 1 interrupted."


def test_plans_of_drivers_that_are_gone_are_none(store, looker):
    mine = Driver.this()
    plan(store, case(0), driver=Driver(mine.host, mine.pid, 1.0))
    assert looker.look().told == "There are no runs yet."


def test_more_records_than_there_are_make_a_case_wait(store, looker):
    attempt = begin(store, case(0), need=Need(num_wanted=1))
    attempt.append(episode(0, 1.0))
    attempt.close()
    attempt.commit(Status.COMPLETED)
    path = plan(store, case(0), num_wanted=2)
    assert looker.look().told == "1 run: 1 queued."
    again = begin(store, case(0), need=Need(num_wanted=2))
    assert looker.look().going[0].parts[0] == "1 of 2 episodes"
    again.append(episode(1, 1.0))
    again.close()
    again.commit(Status.COMPLETED)
    path.unlink()
    assert looker.look().told == "1 run: 1 completed."


def test_stores_in_folders_are_found_and_what_is_no_store_is_left_alone(tmp_path, store, clock):
    run(toys.PolicyOnTasks(episodes=5), tmp_path / "out" / "deep" / "er", workers=None)
    begin(store, case())
    (tmp_path / "out" / ".hidden").mkdir()
    run(toys.PolicyOnTasks(episodes=5), tmp_path / "out" / ".hidden", workers=None)
    (tmp_path / "out" / "loop").symlink_to(tmp_path / "out", target_is_directory=True)
    sight = Looker(tmp_path / "out", clock).look()
    assert sight.told == "3 runs: 2 completed, 1 running."
    assert Looker(store.root, clock).look().told == "1 run: 1 running."


def test_a_file_beside_the_runs_that_changes_is_seen_and_the_index_is_not(store, looker):
    begin(store, case()).commit(Status.COMPLETED)
    before = looker.look()
    (store.root / "index.sqlite").write_text("x")
    (store.root / "train.log").write_text("x")
    (store.root / ".part").write_text("x")
    assert looker.look() == before
    (store.root / "results.csv").write_text("x")
    assert looker.look().growing != before.growing


def test_hostile_names_stay_the_text_that_they_are(store, looker):
    begin(store, case(policy=HOSTILE, task=HOSTILE, train_seed=HOSTILE))
    [going] = looker.look().going
    assert (going.group, going.task, going.seed) == (HOSTILE, HOSTILE, HOSTILE)


def test_what_turns_the_direction_of_writing_is_told_and_does_not_turn_it(store, looker):
    begin(store, case(policy="a\u202eb", task="c\rd", train_seed="\u200f1"))
    [going] = looker.look().going
    assert (going.group, going.task, going.seed) == ("a\\u202eb", "c\\u000dd", "\\u200f1")


def test_a_folder_that_is_gone_is_told_of_and_again_when_it_is_back(store, looker, tmp_path):
    begin(store, case()).commit(Status.COMPLETED)
    folder = store.root.parent
    assert looker.look().told == "1 run: 1 completed."
    folder.rename(tmp_path / "away")
    assert looker.look().told == f"There is no folder {folder} any more."
    (tmp_path / "away").rename(folder)
    assert looker.look().told == "1 run: 1 completed."


def ended(folder: Path, *numbers: int) -> None:
    """Episodes of ten steps that have ended, one a second."""
    with (folder / EPISODES).open("ab") as file:
        for number in numbers:
            one = Episode(number, 5.0 + number, 10, 10 * (number + 1), number + 1.0)
            file.write(line_of(msgspec.json.encode(one)))


@pytest.mark.parametrize(("argument", "far"), [("--total-steps=80", "40 of 80 steps"), ("--episodes=8", "40 steps")])
def test_a_training_is_as_far_as_its_arguments_say_that_it_goes(store, looker, argument, far):
    attempt = begin(store, case(workload="train", algorithm="ppo", train_seed="3"))
    assert looker.look().going[0].parts[0] == "0 records"
    (attempt.artifacts / SPEC).write_bytes(msgspec.json.encode({"script": "ppo.py", "args": [argument]}))
    [going] = looker.look().going
    assert (going.group, going.seed, going.share) == ("ppo", "3", 0.0)
    assert going.parts[0] == "no episode has ended yet"
    ended(attempt.artifacts, 0, 1, 2, 3)
    [going] = looker.look().going
    assert going.share == 0.5
    told = [far, "4 episodes", "10 steps/s", "last return 8", "mean 6.5 over the last 4"]
    assert going.parts[:5] == told
    assert going.parts[-1] == "4 s left"


@pytest.mark.parametrize(("total", "share", "far"), [(39, 1.0, "40 of 39 steps"), (30, None, "40 steps")])
def test_a_training_that_goes_much_further_than_was_thought_has_no_share(store, looker, total, share, far):
    attempt = begin(store, case(workload="train"))
    spec = {"script": "a.py", "args": ["--total-steps", str(total)]}
    (attempt.artifacts / SPEC).write_bytes(msgspec.json.encode(spec))
    ended(attempt.artifacts, 0, 1, 2, 3)
    [going] = looker.look().going
    assert (going.share, going.parts[0]) == (share, far)
    assert not going.parts[-1].endswith("left")


def test_a_command_tells_how_long_it_is_however_long_it_is_itself(store, looker):
    attempt = begin(store, case(workload="train"))
    script = f"bash -c {'x' * 5000} --total-steps=80 a.py"
    (attempt.artifacts / SPEC).write_bytes(msgspec.json.encode({"script": script, "args": []}))
    ended(attempt.artifacts, 0)
    assert looker.look().going[0].parts[0] == "10 of 80 steps"


def test_a_training_of_ours_tells_what_it_is_at_and_its_tests_are_counted(store, looker):
    attempt = begin(store, case(workload="train", tests=5))
    (attempt.artifacts / SPEC).write_text('{"tests": 5}')
    stages = Stages(attempt.artifacts)
    stages.begin(Stage.SHOWING)
    assert looker.look().going[0].parts[0] == "the expert shows how it is done"
    stages.begin(Stage.TRAINING)
    assert looker.look().going[0].parts[:1] == ["training"]
    assert "no episode has ended yet" not in looker.look().going[0].parts
    wait_for(lambda: stages.far(1, 4) or looker.look().going[0].share == 0.25)  # it is told now and then
    with (attempt.artifacts / TESTS).open("ab") as file:
        file.write(encode_record(episode(1, 3.0)))
    assert looker.look().going[0].parts[0] == "tested in 1 of 5 episodes"


def test_of_many_runs_as_many_as_can_be_read_are_told_and_the_others_counted(store, looker):
    for number in range(43):
        begin(store, case(number))
    sight = looker.look()
    assert (len(sight.going), sight.num_more, sight.counts) == (40, 3, {"RUNNING": 43})


def test_runs_that_are_written_while_they_are_looked_at_are_no_fault(tmp_path, clock):
    out = tmp_path / "out"
    out.mkdir()
    looker = Looker(out, clock)
    writer = threading.Thread(
        target=run, args=(toys.PolicyOnTasks(episodes=40, seconds=0.002), out), kwargs={"workers": None}
    )
    writer.start()
    while writer.is_alive():
        looker.look()
    writer.join()
    assert looker.look().told == "16 runs: 16 completed."


def test_damaged_runs_are_passed_over(store, looker):
    attempt = begin(store, case(0))
    begin(store, case(1)).commit(Status.COMPLETED)
    (attempt.folder / "config.json").write_text("{")
    assert looker.look().told == "1 run: 1 completed."
