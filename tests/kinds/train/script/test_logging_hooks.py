from __future__ import annotations

import sys
import textwrap

import numpy as np
import pytest

from rlgauge.kinds.train.journal import Journal, read_scalars
from rlgauge.kinds.train.script import logging_hooks


@pytest.fixture
def logged(tmp_path):
    """A function that gives what was logged so far: values and step."""
    logging_hooks.install(Journal(tmp_path))
    return lambda: [(one.values, one.step) for one in read_scalars(tmp_path)]


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """A function that writes modules, by name and text, which are forgotten when the test is over."""
    root = tmp_path / "packages"
    monkeypatch.syspath_prepend(root)
    written = set()

    def write(modules):
        for name, text in modules.items():
            path = root.joinpath(*name.split("."))
            is_package = any(other.startswith(f"{name}.") for other in modules)
            path = path / "__init__.py" if is_package else path.with_suffix(".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
            written.add(name.partition(".")[0])
        # Hooks wait for a module's first import, which another test may have seen.
        monkeypatch.setattr(logging_hooks, "_has_hooks", False)
        logging_hooks.install(logging_hooks.loggers._log.journal)

    yield write
    for name in [name for name in sys.modules if name.partition(".")[0] in written]:
        del sys.modules[name]


def test_what_tensorboards_writer_of_torch_is_given_is_recorded(logged, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from torch import tensor
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(tmp_path / "events")
    writer.add_scalar("charts/loss", 0.5, 3)
    writer.add_scalar(tag="charts/loss", scalar_value=tensor(0.25), global_step=np.int64(4))
    writer.add_scalar("charts/episodic_return", np.array([21.0]), 5)
    writer.add_scalar("plain", 1)
    writer.add_scalars("both", {"actor": 1.0, "critic": 2.0}, 6)
    with pytest.raises(TypeError, match="scalar_value"):
        writer.add_scalar("broken")
    writer.close()
    assert logged() == [
        ({"charts/loss": 0.5}, 3),
        ({"charts/loss": 0.25}, 4),
        ({"charts/episodic_return": 21.0}, 5),
        ({"plain": 1.0}, None),
        ({"both/actor": 1.0, "both/critic": 2.0}, 6),
    ]
    events = EventAccumulator(str(tmp_path / "events")).Reload()
    assert [one.value for one in events.Scalars("charts/loss")] == [0.5, 0.25]


def test_what_the_logger_of_stable_baselines_dumps_is_recorded_once(logged, tmp_path):
    from stable_baselines3.common.logger import configure

    logger = configure(str(tmp_path / "sb3"), ["csv", "tensorboard"])
    logger.record("rollout/ep_rew_mean", np.float64(20.5))
    logger.record_mean("train/loss", 1.0)
    logger.record_mean("train/loss", 2.0)
    logger.record("note", "text")
    logger.dump(step=2048)
    logger.dump(step=4096)
    logger.close()
    assert logged() == [({"rollout/ep_rew_mean": 20.5, "train/loss": 1.5}, 2048)]
    assert "20.5" in (tmp_path / "sb3" / "progress.csv").read_text()


def test_what_the_writer_of_tensorboardx_is_given_is_recorded(logged, packages):
    packages(
        {
            "tensorboardX": "from tensorboardX.writer import SummaryWriter",
            "tensorboardX.writer": """
                class SummaryWriter:
                    def add_scalar(self, tag, scalar_value, global_step=None, walltime=None, display_name=""):
                        self.last = scalar_value

                    def add_scalars(self, main_tag, tag_scalar_dict, global_step=None, walltime=None):
                        for tag, value in tag_scalar_dict.items():
                            self.add_scalar(f"{main_tag}/{tag}", value, global_step)
            """,
        }
    )
    from tensorboardX import SummaryWriter

    writer = SummaryWriter()
    writer.add_scalar("loss", 0.5, 1, display_name="Loss")
    writer.add_scalars("losses", {"a": 1, "b": 2}, 2)
    assert writer.last == 2
    assert logged() == [({"loss": 0.5}, 1), ({"losses/a": 1.0, "losses/b": 2.0}, 2)]


WANDB = {
    "wandb": """
        from wandb.sdk.wandb_run import Run
        log = None

        def init(mode="offline"):
            global log
            run = Run()
            if mode == "disabled":
                run.log = lambda data, *_, **__: run.rows.append(data)
            log = run.log
            return run
    """,
    "wandb.sdk": "",
    "wandb.sdk.wandb_run": """
        class Run:
            def __init__(self):
                self.rows = []

            @property
            def step(self):
                return len(self.rows)

            def log(self, data, step=None, commit=None):
                self.rows.append(data)
    """,
}


@pytest.mark.parametrize("mode", ["offline", "disabled"])
def test_what_wandb_is_given_is_recorded_even_where_it_is_disabled(logged, packages, mode):
    packages(WANDB)
    import wandb

    run = wandb.init(mode=mode)
    wandb.log({"loss": 0.5, "nested": {"reward": 1}, "picture": object()})
    run.log({"loss": 0.25}, step=7)
    wandb.log(data={"loss": np.float32(2.0)})
    assert logged() == [({"loss": 0.5, "nested/reward": 1.0}, 0), ({"loss": 0.25}, 7), ({"loss": 2.0}, 2)]
    assert len(run.rows) == 3


@pytest.mark.parametrize("place", ["cherry.wrappers", "cherry.envs"])
def test_what_cherrys_logger_and_its_subclasses_log_is_recorded(logged, packages, place):
    packages(
        {
            "cherry": "",
            place: "",
            f"{place}.logger_wrapper": """
                class Logger:
                    def __init__(self):
                        self.num_steps = 0
                        self.values = {}

                    def log(self, key, value):
                        self.values.setdefault(key, []).append(value)
            """,
        }
    )
    module = __import__(f"{place}.logger_wrapper", fromlist=["Logger"])

    class Louder(module.Logger):
        def log(self, key, value):
            super().log(key, 2 * value)

    class Own(module.Logger):
        def log(self, key, value):
            self.values[key] = value

    for logger in (module.Logger(), Louder(), Own()):
        logger.num_steps += 5
        logger.log("policy loss", 0.5)
        assert logger.values
    assert logged() == 3 * [({"policy loss": 0.5}, 5)]
