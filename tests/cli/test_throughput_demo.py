from __future__ import annotations

import pytest

from rlgauge.cli.main import main


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--env", "cartpol"], "Did you mean 'cartpole'?"),
        (["--num-envs", "many"], "'many' is no number of things"),
        (["--seconds", "0"], "it must be more than 0"),
    ],
)
def test_mistakes_are_said_before_anything_is_compiled(argv, message, capsys):
    assert main(["throughput", "demo", *argv]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert "Compiling" not in said
