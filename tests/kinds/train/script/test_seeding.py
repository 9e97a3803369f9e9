"""Seeds of scripts, as another process has them."""

from __future__ import annotations

import json
import subprocess
import sys
from types import ModuleType

import numpy as np
import pytest

from rlgauge.kinds.train.script import seeding
from rlgauge.kinds.train.spec import Spec

INSTALL = """
import json, os, random
from rlgauge.kinds.train.script import seeding
from rlgauge.kinds.train.spec import Spec
spec = Spec(script="x.py", env=None, seed={seed}, args=[], folder="/")
seeding.install(spec)
"""


def told(source: str, *, seed: int = 42) -> object:
    """What a process prints as JSON that was seeded first."""
    code = INSTALL.format(seed=seed) + source
    return json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout)


DRAWS = """
import numpy as np
legacy = np.random.random()
from numpy.random import default_rng, RandomState
print(json.dumps([random.random(), legacy, default_rng().random(), RandomState().random(), default_rng(3).random()]))
"""


def test_whatever_draws_without_a_seed_draws_the_same_again_and_else_with_another_seed() -> None:
    first, again, other = told(DRAWS), told(DRAWS), told(DRAWS, seed=43)
    assert first == again
    assert isinstance(first, list)
    assert isinstance(other, list)
    assert [a == b for a, b in zip(first, other, strict=True)] == [False, False, False, False, True]
    assert first[1] == np.random.RandomState(42).random_sample()


def test_a_seed_beyond_what_numpy_takes_is_cut() -> None:
    assert told("import numpy as np\nprint(json.dumps(np.random.random()))", seed=2**40 + 5) == told(
        "import numpy as np\nprint(json.dumps(np.random.random()))", seed=5
    )


FORKS = """
import numpy as np
read, write = os.pipe()
for _ in range(2):
    if os.fork() == 0:
        os.write(write, f"{np.random.default_rng().random()} ".encode())
        os._exit(0)
    os.wait()
print(json.dumps([np.random.default_rng().random(), *map(float, os.read(read, 4096).split())]))
"""


def test_forks_draw_other_seeds_than_their_parent_and_each_other_and_the_same_again() -> None:
    first = told(FORKS)
    assert isinstance(first, list)
    assert len(set(first)) == 3
    assert told(FORKS) == first


TORCH = """
import torch
seed, drawn = torch.initial_seed(), torch.rand(1).item()
print(json.dumps([seed, drawn == torch.rand(1, generator=torch.Generator().manual_seed(42)).item()]))
"""


def test_torch_is_seeded() -> None:
    assert told(TORCH) == [42, True]


JAX = """
seeding.offset_jax(spec)
import jax
print(json.dumps(jax.random.key_data(jax.random.key(3)).tolist()))
"""


def test_seeds_that_a_script_gives_to_jax_are_moved_by_the_runs() -> None:
    assert told(JAX) == [0, 45]


@pytest.mark.parametrize(
    ("value", "given"), [(3, 7), (None, 7), (np.int64(3), 7), (True, True), ("a", "a"), (1.5, 1.5)]
)
def test_only_what_is_a_seed_is_replaced(value: object, given: object) -> None:
    assert seeding.instead_of(7)(value) == given


def test_seeds_of_modules_beside_the_script_are_overwritten(tmp_path, monkeypatch) -> None:
    near, far, text = ModuleType("near"), ModuleType("far"), ModuleType("text")
    for module, folder, value in ((near, tmp_path, 1), (far, tmp_path.parent, 1), (text, tmp_path, "a")):
        module.__file__ = str(folder / f"{module.__name__}.py")
        module.SEED = value  # type: ignore[attr-defined]  # it is a stand-in
        monkeypatch.setitem(sys.modules, module.__name__, module)
    seeding.overwrite(42, tmp_path)
    assert (near.SEED, far.SEED, text.SEED) == (42, 1, "a")


def test_environments_are_reset_with_different_seeds() -> None:
    spec = Spec(script="x.py", env=None, seed=2**31 - 1, args=[], folder="/")
    assert [seeding.seed_of_reset(spec, number) for number in range(3)] == [2**31 - 1, 0, 1]
