"""The kit for launchers: each rule is broken by a launcher made for that, and by no other."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rlgauge.core import platform
from rlgauge.core.errors import UserError
from rlgauge.core.execute import Launcher
from rlgauge.core.run import Status
from rlgauge.launch.inline import Inline
from rlgauge.launch.local import Local
from rlgauge.launch.slurm import Slurm
from rlgauge.testing import NonConformingError, check_launcher, launching, scenes, workloads
from rlgauge.testing.checks import CHECKS
from tests.testing import launchers

LACKING = {"crashes", "time_limits", "output", "fresh_processes", "leftovers"}
"""What can't be had in one process."""


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenes, "GRACE_SECONDS", 0.5)
    monkeypatch.setattr(launching, "_IDLE_SECONDS", 0.1)
    monkeypatch.setattr(scenes, "LIMIT_SECONDS", 0.1)  # only of launchers that know no limits, or in this process
    monkeypatch.setattr(workloads, "SLOW_SECONDS", 0.2)


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    yield
    for worker in launchers.Leaving.workers:
        platform.kill_tree(worker.pid)
        worker.wait()
    launchers.Leaving.workers.clear()


def broken(make: Callable[[], Launcher], folder: Path, *names: str, **said: Any) -> dict[str, list[str]]:
    """What is found broken of these rules and of those that the same launches show."""
    own = {check.scene for check in CHECKS if check.rule.name in names}
    only = {check.rule.name for check in CHECKS if check.scene in own}
    with pytest.raises(NonConformingError) as caught:
        check_launcher(make, folder=folder, only=only, **said)
    for sentences in caught.value.broken.values():
        assert all(sentence.endswith(".") for sentence in sentences), sentences
    return caught.value.broken


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (launchers.Doubling, {"every_case": "Case 0-steps has 2 attempts, and was measured 2 times."}),
        (
            launchers.Losing,
            {
                "every_case": "Case 4-steps was never begun.",
                "records": "Case 4-steps measured [(0, 400.0), (1, 401.0)] and its run has [].",
                "events": "No event told the end of case 4-steps.",
            },
        ),
        (launchers.Quiet, {"events": "No event told the end of case 0-steps."}),
        (launchers.Hasty, {"events": "An event said 2 records of case 0-steps, when its run had 0."}),
        (
            lambda: launchers.Wording(num_records=7),
            {"events": "An event said 7 records of case 0-steps, when its run had 2."},
        ),
        (
            lambda: launchers.Wording(case_id="another"),
            {"events": "An event is of case 'another', which is not in the plan."},
        ),
        (launchers.Opening, {"sessions": "1 sessions were opened, and 0 of them were closed."}),
        (launchers.Raising, {"every_case": "The launch raised ConnectionError: the cluster is gone."}),
    ],
)
def test_what_is_wrong_with_cases_that_go_well_is_told(
    make: Callable[[], Launcher], expected: dict[str, str], tmp_path: Path
) -> None:
    found = broken(make, tmp_path, "every_case", cannot=LACKING)
    assert {name: sentences[0] for name, sentences in found.items()} == expected


@pytest.mark.parametrize(
    ("make", "rule", "sentence"),
    [
        (launchers.Unclaiming, "completed", "Case 0-steps was COMPLETED, and a second launch began attempt 2 at it."),
        (launchers.Forgetful, "more_records", "Case 3-steps had 2 records, which are not the first"),
        (launchers.Unclaiming, "two_launches", "has 2 attempts, and was measured 2 times."),
        (launchers.Glossing, "exceptions", "Case 1-raise raised 'RuntimeError: the policy exploded', and its run is C"),
        (launchers.Doubling, "bystanders", "Case 0-steps has 2 attempts, and was measured 2 times."),
        (launchers.Insisting, "attempts", "Case 1-raise was begun 2 times."),
        (lambda: launchers.Wording(status=Status.COMPLETED), "failures", "1-raise was COMPLETED, when its run was FA"),
        (lambda: launchers.Wording(message=None), "failures", "has fail_kind='error' and message=None"),
        (launchers.Quiet, "failures", "No event told that case 1-raise ended FAILED."),
        (lambda: launchers.Wording(fail_kind="error"), "mistakes", "raised UserError('There is no policy.zip.')"),
        (launchers.Opening, "unopenable", "The launch raised RuntimeError: there is no display."),
        (launchers.Stubborn, "closing", "It was interrupted, as by Ctrl-C, and ended as if it had done its work."),
        (launchers.Forgetful, "going_on", "records, which are not the first that its later attempt has."),
    ],
)
def test_each_rule_is_found_broken_by_the_check_made_for_it(
    make: Callable[[], Launcher], rule: str, sentence: str, tmp_path: Path
) -> None:
    found = broken(make, tmp_path, rule, cannot=LACKING)
    assert sentence in found[rule][0]
    related = {"completed": {"more_records"}, "exceptions": {"failures"}, "attempts": {"failures"}}.get(rule, set())
    assert set(found) - related == {rule}


def test_what_this_process_cannot_do_is_found_and_does_not_end_it(tmp_path: Path) -> None:
    with pytest.raises(NonConformingError) as caught:
        check_launcher(Inline, folder=tmp_path, patience_seconds=60)
    assert set(caught.value.broken) == LACKING
    assert "which it would have ended" in caught.value.broken["crashes"][0]
    assert "which nobody can end for its limit" in caught.value.broken["time_limits"][0]


def test_a_crash_that_nobody_noticed_and_a_limit_that_nobody_kept_are_told(tmp_path: Path) -> None:
    found = broken(launchers.Forking, tmp_path, "crashes")
    assert found["crashes"] == [
        "The process of case 3-kill was killed (-9), and its run is COMPLETED.",
        "The process of case 5-segfault crashed (SIGSEGV), and its run is COMPLETED.",
    ]
    assert found["time_limits"] == ["Case 7-slow takes longer than its limit, and its run is COMPLETED."]
    assert set(found) == {"exceptions", "crashes", "time_limits"}


@pytest.mark.parametrize("closing_seconds", [0.0, 0.5])
def test_what_a_closed_launch_leaves_of_what_was_measured_is_told(closing_seconds: float, tmp_path: Path) -> None:
    """However long it takes to close: it is not interrupted in that."""
    found = broken(lambda: launchers.Forking(closing_seconds=closing_seconds), tmp_path, "leftovers")
    assert set(found) == {"leftovers"}, found
    assert len(found["leftovers"]) == 2
    assert all("was started by one that measured, still ran" in sentence for sentence in found["leftovers"])


def test_a_worker_that_a_closed_launch_leaves_is_told(tmp_path: Path) -> None:
    found = broken(lambda: launchers.Leaving(kills=False), tmp_path, "closing")
    assert set(found) == {"closing", "leftovers"}
    assert found["closing"] == ["Case 0-endless was running when the launch was closed, and its run is RUNNING."]
    assert "which measured a case, still ran" in found["leftovers"][0]


def test_a_worker_that_is_killed_instead_of_told_to_stop_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scenes, "GRACE_SECONDS", 15.0)
    found = broken(lambda: launchers.Leaving(kills=True), tmp_path, "closing")
    assert found == {"closing": ["Case 0-endless was running when the launch was closed, and its run is DIED."]}


def test_more_at_once_than_asked_for_is_told(tmp_path: Path) -> None:
    found = broken(lambda: Local(5), tmp_path, "at_once", most_at_once=1)
    assert set(found) == {"at_once"}
    assert "cases were measured at once, and 1 may be." in found["at_once"][0]


def test_runs_in_another_folder_without_their_variables_are_told(tmp_path: Path) -> None:
    script = tmp_path / "python"
    script.write_text(f'#!/bin/sh\ncd /\nexec {sys.executable} "$@"\n')
    script.chmod(0o755)
    found = broken(lambda: Local(python=script), tmp_path / "runs", "variables", variables={"COLOUR": "green"})
    assert set(found) == {"variables", "current_folder"}
    assert found["variables"][0].endswith("found COLOUR=None, and 'green' was to be given to it.")
    assert found["current_folder"][0].endswith(f"was measured in /, not in {Path.cwd()}.")


def test_a_process_that_is_shared_where_it_must_not_be_is_told(tmp_path: Path) -> None:
    found = broken(lambda: launchers.Changing(1, process="shared"), tmp_path, "fresh_processes")
    assert set(found) == {"fresh_processes"}
    assert found["fresh_processes"][0].endswith("cases of a workload that is 'fresh'.")


def test_cases_that_are_not_alone_are_told(tmp_path: Path) -> None:
    (sentence,) = broken(lambda: launchers.Changing(3, process="fresh"), tmp_path, "alone")["alone"]
    assert sentence.endswith("cases were measured at once, and 1 may be.")


def test_modules_that_are_not_found_are_told(tmp_path: Path) -> None:
    with pytest.raises(NonConformingError) as caught:
        check_launcher(lambda: launchers.Changing(1, import_paths=[]), folder=tmp_path, only={"imports", "alone"})
    (sentence,) = caught.value.broken["imports"]
    assert "There is no module 'rlgauge_testing_only_here'" in sentence
    assert caught.value.conformity.unchecked["alone"] == "imports is broken"


def test_an_error_that_is_no_sentence_for_live_objects_is_told(tmp_path: Path) -> None:
    found = broken(lambda: launchers.Leaving(kills=True), tmp_path, "live_objects")
    assert "The launch raised AttributeError" in found["live_objects"][0]


def test_a_launch_that_never_ends_is_interrupted_and_told(tmp_path: Path) -> None:
    with pytest.raises(NonConformingError) as caught:
        check_launcher(launchers.Endless, folder=tmp_path, only={"every_case", "records"}, patience_seconds=0.5)
    assert caught.value.broken == {"every_case": ["The launch had not ended after 0.5 s."]}
    assert list(caught.value.conformity.unchecked) == ["records"]


def test_the_error_names_all_that_is_broken_and_what_was_not_looked_at(tmp_path: Path) -> None:
    with pytest.raises(NonConformingError) as caught:
        check_launcher(launchers.Losing, folder=tmp_path, only={"every_case", "events", "completed", "output"})
    assert str(caught.value) == (
        "3 of 3 rules that were checked are broken.\n\n"
        "every_case: Every case of a plan is measured once, and its run ends COMPLETED.\n"
        "  - Case 4-steps was never begun.\n\n"
        "events: Events say what the store says when they come, in a possible order, and the end of every run.\n"
        "  - No event told the end of case 4-steps.\n\n"
        "output: What a case prints is in the cout.txt of its run, and in no other's.\n"
        "  - Case 0-steps printed 'This is case 0 speaking.', which is not in its cout.txt.\n"
        "  - Case 1-steps printed 'This is case 1 speaking.', which is not in its cout.txt.\n"
        "  - Case 2-steps printed 'This is case 2 speaking.', which is not in its cout.txt.\n"
        "  - Case 3-steps printed 'This is case 3 speaking.', which is not in its cout.txt.\n"
        "  - Case 4-steps printed 'This is case 4 speaking.', which is not in its cout.txt.\n\n"
        "not checked: completed, because every_case is broken"
    )


def test_what_holds_is_told_with_what_was_not_looked_at(tmp_path: Path) -> None:
    found = check_launcher(Inline, folder=tmp_path, only={"records", "at_once", "output"}, cannot=["output"])
    assert str(found) == (
        "records: A run has the records that its case measured.\n"
        "not checked: output, because the launcher is said to be unable to\n"
        "not checked: at_once, because nobody said how many cases may be measured at once (most_at_once)"
    )


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (
            {"cannot": ["every_case"]},
            r"cannot='every_case': every launcher must keep this rule\. .* may lack: crashes,",
        ),
        ({"cannot": ["crash"]}, r"Unknown rule for launchers 'crash'\. Did you mean 'crashes'\?"),
        ({"only": ["eventz"]}, r"Unknown rule for launchers 'eventz'\. Did you mean 'events'\?"),
    ],
)
def test_rules_that_do_not_exist_or_must_be_kept_are_refused(said: dict, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=sentence):
        check_launcher(Inline, folder=tmp_path, **said)


def test_a_folder_with_runs_of_another_check_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ordinary").mkdir()
    with pytest.raises(UserError, match="is not empty: give a new folder"):
        check_launcher(Inline, folder=tmp_path)


def test_a_launcher_that_does_not_wait_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Slurm does not wait for the runs: check it with one that does"):
        check_launcher(lambda: Slurm({"time": 1}, wait=False), folder=tmp_path)


def test_elsewhere_than_in_the_main_thread_nothing_is_checked(tmp_path: Path) -> None:
    raised: list[str] = []

    def check() -> None:
        with contextlib.suppress(UserError):
            check_launcher(Inline, folder=tmp_path)
            raised.append("nothing")

    thread = threading.Thread(target=check)
    thread.start()
    thread.join()
    assert not raised
    assert not list(tmp_path.iterdir())


def test_ctrl_c_of_the_users_own_ends_the_check(tmp_path: Path) -> None:
    class Interrupted(Inline):
        def launch(self, *arguments: Any) -> Any:
            os.kill(os.getpid(), 2)
            yield from super().launch(*arguments)

    with pytest.raises(KeyboardInterrupt):
        check_launcher(Interrupted, folder=tmp_path)


def test_the_kit_needs_no_test_library() -> None:
    code = "import sys, rlgauge.testing; sys.exit(sorted({'pytest', 'numpy', 'hypothesis'} & set(sys.modules)) or 0)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_rule_is_explained_on_its_page() -> None:
    page = Path(__file__).parents[2] / "docs" / "writing-a-launcher.md"
    rows = [line.split("|")[1:3] for line in page.read_text().splitlines() if line.startswith("| `")]
    told = {name.strip().strip("`"): text.strip() for name, text in rows}
    assert {check.rule.name: check.rule.sentence.rstrip(".") for check in CHECKS}.items() <= told.items()
