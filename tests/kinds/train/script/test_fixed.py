"""Seeds that stand in a script's source."""

from __future__ import annotations

import ast

import pytest

from rlgauge.kinds.train.script import fixed


def _found(source: str) -> list[tuple[int, int]]:
    return [tuple(one) for one in fixed.seeds(ast.parse(source))]  # type: ignore[misc]  # a pair


@pytest.mark.parametrize(
    "source",
    [
        "numpy.random.seed(7)",
        "model = PPO('MlpPolicy', env, seed=7)",
        "seed = 7; torch.manual_seed(seed)",
        "for seed in [7, 8]: random.seed(seed)",
        "params = Params(seed=7); generator = numpy.random.default_rng(params.seed)",
        "class Args:\n    seed: int = 7\nset_seed(Args.seed)",
        "def train(seed=7):\n    env.reset(seed=seed)",
    ],
)
def test_a_seed_is_found_as_a_number_or_by_a_name_that_stands_for_one(source: str) -> None:
    assert [seed for seed, _ in _found(source)] == [7]


@pytest.mark.parametrize(
    "source",
    [
        "torch.manual_seed(args.seed)",
        "seed = int(sys.argv[1]); random.seed(seed)",
        "seed = 7; seed = read(); random.seed(seed)",
        "for seed in range(10): random.seed(seed)",
        "def train(seed):\n    random.seed(seed)\nshuffle(seed=rest())",
        "random.seed(); random.seed(None); env.reset(seed=None); random.seed(int(x)); x[0] = 7",
        "env.reset(options={})",
        "plant(7)",
    ],
)
def test_what_may_be_another_seed_is_none(source: str) -> None:
    assert _found(source) == []


def test_the_warning_names_the_first_and_its_line() -> None:
    (text,) = fixed.warning("train.py", fixed.seeds(ast.parse("\nrandom.seed(7)\ntorch.manual_seed(8)")))
    assert text.startswith("train.py seeds what it draws by itself (7 in line 2, and more)")
    assert fixed.warning("train.py", []) == []
