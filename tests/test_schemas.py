"""The published JSON Schemas are those of the structs, and of the golden files."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
SCHEMAS = ROOT / "docs" / "schemas"
(ATTEMPT,) = (ROOT / "tests" / "golden" / "format_1").glob("*/*/1-*")


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_schemas", ROOT / "scripts" / "write_schemas.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def own(name: str) -> dict[str, Any]:
    """The schema of the file's outermost object."""
    schema = json.loads((SCHEMAS / name).read_text())
    return schema["$defs"][schema["$ref"].rpartition("/")[2]]


def test_the_schemas_are_those_of_the_structs(script: ModuleType) -> None:
    published = {path.name: path.read_text() for path in SCHEMAS.iterdir()}
    assert published == script.schemas(), "run scripts/write_schemas.py"


@pytest.mark.parametrize("name", ["config.json", "run.json"])
def test_a_golden_file_has_exactly_the_fields_of_its_schema(name: str) -> None:
    newest = ATTEMPT / name if name == "config.json" else ATTEMPT.parents[2].with_name("format_1_totals") / name
    golden = json.loads(newest.read_text())
    assert set(golden) == set(own(name)["properties"])
    assert set(own(name)["required"]) <= set(golden)


def test_golden_records_have_the_fields_of_their_schema() -> None:
    *lines, _torn = (ATTEMPT / "records.jsonl").read_text().splitlines()
    schema = own("record.json")
    found = [set(json.loads(line)) for line in lines]
    assert all(set(schema["required"]) <= fields <= set(schema["properties"]) for fields in found)
    assert set.union(*found) == set(schema["properties"])
