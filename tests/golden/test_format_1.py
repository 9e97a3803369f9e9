"""A store that format 1 wrote is read as it was meant, and written again to the byte. The files here never change."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest

from rlgauge.core.claim import Claim
from rlgauge.core.run import (
    ConfigFile,
    Record,
    Run,
    RunFile,
    Start,
    Status,
    Total,
    decode_record,
    encode_record,
    read_records,
)
from rlgauge.core.store import Need, Store

GOLDEN = Path(__file__).parent / "format_1"
TOTALS = Path(__file__).parent / "format_1_totals"
RECORDS = [
    Record(0, {"outcome": "success", "return": 200.0, "length": 200, "is_exact": True, "video": None}),
    Record(1, {"outcome": "error"}, "ValueError: the reward is nan at step 3"),
    Record(2, {"outcome": "failure", "return": -1.5e-7, "length": 2**53 + 1, "note": 'größe "quoted",\n'}),
]


@pytest.fixture
def run() -> Run:
    (found,) = Store(GOLDEN).runs()
    return found


def test_the_case_reads_as_it_was_written_and_has_the_same_id(run: Run) -> None:
    assert run.case.id == "b8581fc76337"
    assert GOLDEN / run.case.folder / run.attempt == run.folder
    assert (run.case.workload, run.case.name, run.case.seed) == ("evaluate", "CartPole-v1 e0000", 42)
    assert run.case.labels == {"policy": "random"}
    assert run.case.params == {
        "environment": {"gym_id": "CartPole-v1", "kwargs": {}},
        "first": 0,
        "is_deterministic": True,
        "max_steps": None,
        "threshold": 195.5,
        "wrappers": ["TimeLimit"],
    }


def test_the_end_of_the_run_reads_as_it_was_written(run: Run) -> None:
    assert (run.attempt, run.status, run.note) == ("1-0a1b2c", Status.COMPLETED, None)
    assert run.units == {"return": "points", "length": "steps"}
    assert (run.file.num_records, run.file.num_errors) == (3, 1)
    assert (run.file.start_time, run.file.stop_time) == ("2026-01-02T03:04:05.000006", "2026-01-02T03:05:06.000008")
    assert run.file.command == "rlgauge benchmark --env CartPole-v1"
    assert run.file.result == {"steps": 309, "seconds": 1.25}
    assert run.file.host["hostname"] == "laptop"
    assert run.file.provenance["repository"]["dirty"] is True
    assert (run.file.fail_kind, run.file.fail_trace) == (None, None)
    assert run.file.load_average_end == (1.0, 0.5, 0.25)


def test_the_records_read_in_index_order_without_the_torn_line(run: Run) -> None:
    assert run.records == RECORDS
    assert read_records(run.folder / "records.jsonl").num_dropped == 1


def test_the_claim_reads_as_it_was_written(run: Run) -> None:
    claim = msgspec.json.decode((run.folder.parent / "claim-1").read_bytes(), type=Claim)
    expected = Claim("1-0a1b2c", "laptop/01234567-89ab/4026531836", 4242, 123456.0, "2026-01-02T03:04:05.000007")
    assert claim == expected


@pytest.mark.parametrize(("name", "kind"), [("config.json", ConfigFile), ("run.json", RunFile)])
def test_what_is_read_is_written_again_to_the_byte(name: str, kind: type, run: Run) -> None:
    content = (TOTALS / name if name == "run.json" else run.folder / name).read_bytes()
    assert msgspec.json.format(msgspec.json.encode(msgspec.json.decode(content, type=kind))) == content


def test_a_run_that_ended_before_there_were_totals_gains_nothing_else(run: Run) -> None:
    content = (run.folder / "run.json").read_bytes()
    again = msgspec.json.decode(msgspec.json.encode(msgspec.json.decode(content, type=RunFile)))
    assert again.pop("totals") is None
    assert again == msgspec.json.decode(content)


def test_totals_read_as_they_were_written() -> None:
    read = msgspec.json.decode((TOTALS / "run.json").read_bytes(), type=RunFile)
    assert read.totals == {
        "return": Total(n=2, mean=199.5, squares=0.5, median=199.5),
        "length": Total(n=1, mean=200.0, squares=0.0, median=None),
    }


def test_records_are_written_again_to_the_byte(run: Run) -> None:
    *lines, torn = (run.folder / "records.jsonl").read_bytes().splitlines(keepends=True)
    assert [encode_record(decode_record(line.rstrip(b"\n"))) for line in lines] == lines
    assert decode_record(torn) is None


def test_a_claim_is_written_again_to_the_byte(run: Run) -> None:
    content = (run.folder.parent / "claim-1").read_bytes()
    assert msgspec.json.encode(msgspec.json.decode(content, type=Claim)) == content


def test_a_store_of_format_1_is_extended(run: Run, tmp_path: Path) -> None:
    shutil.copytree(GOLDEN, tmp_path, dirs_exist_ok=True)
    need = Need(num_wanted=5, rerun_up_to=1)
    start = Start(start_time="2027-01-01T00:00:00.000000", host={})
    attempt = Store(tmp_path).claim(run.case, need, ConfigFile(seed=42, case=run.case), start)
    assert attempt.folder.name.startswith("2-")
    assert attempt.kept == (RECORDS[0], RECORDS[2])
