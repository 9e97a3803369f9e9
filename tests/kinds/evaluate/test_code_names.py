from __future__ import annotations

import pytest

from rlgauge.core.errors import UserError
from rlgauge.kinds.evaluate.code_names import check_name, check_weights

SOURCE = """
import math
import os.path as paths
import xml.dom
from json import loads as read

raise RuntimeError("this must not be run")

constant, (first, *rest) = 1, (2, 3)
annotated: int = 3

def function():
    global made
    inner = made = 1
    return inner

async def later(): ...

class Kind:
    attribute = 1

if constant:
    try:
        conditional = 1
    except ValueError:
        alternative = 2
    for looped in (1,): ...
    with open("x") as opened: ...
    while (walrus := 1): ...
    match constant:
        case {"a": matched, **others}: ...
"""


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(content: str, name: str = "named_by_source.py") -> None:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)

    return write


@pytest.mark.parametrize(
    "name",
    [
        *("math", "paths", "xml", "read", "constant", "first", "rest", "annotated", "function", "made", "later"),
        *("Kind", "Kind.attribute", "conditional", "alternative", "looped", "opened", "walrus", "matched", "others"),
        "__doc__",
    ],
)
def test_what_a_module_binds_is_there_without_running_it(name, write):
    write(SOURCE)
    check_name(f"named_by_source:{name}")
    check_name(f"named_by_source.py:{name}")


@pytest.mark.parametrize("name", ["inner", "attribute", "functio", "json", "path"])
def test_what_it_does_not_bind_is_refused_with_the_nearest(name, write):
    write(SOURCE)
    with pytest.raises(UserError, match=rf"^There is no '{name}' in 'named_by_source' \(from py:"):
        check_name(f"named_by_source:{name}")


def test_the_nearest_name_is_said(write):
    write(SOURCE)
    with pytest.raises(UserError, match=r"Did you mean 'function'\?$"):
        check_name("named_by_source:functoin")


@pytest.mark.parametrize(
    "source",
    [
        "from math import *",
        "def __getattr__(name): return name",
        "globals()['late'] = 1",
        "for name in 'ab': setattr(__import__('sys').modules[__name__], name, 1)",
        "exec('late = 1')",
        "this is no Python",
        "",
    ],
)
def test_what_cannot_be_foreseen_is_left_to_the_import(source, write):
    write(source)
    check_name("named_by_source:late")


def test_a_module_of_a_package_is_a_name_of_it(write):
    write("x = 1", "named_package/__init__.py")
    write("def act(observation): return 0", "named_package/part.py")
    check_name("named_package:part.act")
    with pytest.raises(UserError, match="There is no 'parts'"):
        check_name("named_package:parts.act")


def test_a_built_in_module_has_no_source_to_look_into():
    check_name("math:sin")


LIGHTNING = """
import lightning
import lightning.pytorch as pl
import pytorch_lightning
import torch
from lightning.pytorch import LightningModule as Base
from mine import LightningModule

class Whole(lightning.LightningModule): ...
class Renamed(pl.LightningModule): ...
class Older(pytorch_lightning.LightningModule): ...
class Imported(Base): ...
class Derived(torch.nn.Module, Imported): ...
class Generic(Base, list[int]): ...
class Elsewhere(LightningModule): ...
class Network(torch.nn.Module): ...
class Circular(Circular): ...
made = Whole()

def build(): ...
"""


@pytest.fixture
def lightning(tmp_path):
    (tmp_path / "nets.py").write_text(LIGHTNING)
    return tmp_path / "nets.py"


@pytest.mark.parametrize("name", ["Whole", "Renamed", "Older", "Imported", "Derived", "Generic"])
def test_a_class_of_lightnings_modules_is_refused_without_a_checkpoint(lightning, name):
    with pytest.raises(UserError, match=f"py:.*{name} is a LightningModule, and without a checkpoint its weights"):
        check_weights(f"{lightning}:{name}")


@pytest.mark.parametrize("name", ["Elsewhere", "Network", "Circular", "made", "build", "nowhere"])
def test_what_the_source_does_not_show_to_be_one_is_left_to_the_import(lightning, name):
    check_weights(f"{lightning}:{name}")
