"""That a policy server is waited for is said on the terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlgauge.cli.benchmark_servers import Logs
from rlgauge.core.case import Case

ADDRESS = "ws://127.0.0.1:8000"
GONE = f"The policy server {ADDRESS} has ended the connection; waiting up to 60 s for it."
BACK = f"The policy server {ADDRESS} is back after 7.2 s."


@pytest.fixture
def case():
    return Case(workload="evaluate", name="CartPole-v1-e0000", params={})


def printing(out: Path, case: Case, attempt: str, text: str) -> None:
    folder = out / case.folder / attempt
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "cout.txt").open("a") as file:
        file.write(text)


def test_what_several_runs_note_of_a_server_is_said_once(tmp_path, case, capsys):
    printing(tmp_path, case, "1-a", f"{GONE}\n")
    logs = Logs(tmp_path, ADDRESS, [case])
    logs.tell()
    assert capsys.readouterr().err == ""  # of an earlier command
    for attempt in ("1-a", "2-b"):
        printing(tmp_path, case, attempt, f"a line of the policy\n{GONE}\nThe policy server ws://other is back.\n")
    logs.tell()
    assert capsys.readouterr().err == f"{GONE}\n"
    printing(tmp_path, case, "2-b", BACK[:20])
    logs.tell()
    assert capsys.readouterr().err == ""  # half a line
    printing(tmp_path, case, "2-b", f"{BACK[20:]}\n")
    printing(tmp_path, case, "1-a", f"{BACK}\n")
    logs.tell()
    assert capsys.readouterr().err == f"{BACK}\n"
    printing(tmp_path, case, "1-a", f"{GONE}\n")
    logs.tell()
    assert capsys.readouterr().err == f"{GONE}\n"
