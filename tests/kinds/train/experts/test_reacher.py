from __future__ import annotations

import numpy as np

from rlgauge.envs.gymnasium import make
from rlgauge.kinds.train.experts.expert import find_expert
from rlgauge.kinds.train.experts.playing import play


def test_the_expert_of_reacher_does_better_than_one_that_stands_still():
    env_id = "Reacher-v5"
    label = find_expert("py:rlgauge.kinds.train.experts.reacher:act").label(make(env_id))
    shown = play(lambda: make(env_id), label, seeds=range(10))
    still = play(lambda: make(env_id), lambda seen: np.zeros((len(seen), 2), np.float32), seeds=range(10))
    assert shown.returns.mean() > -8 > -10 > still.returns.mean()
    assert (shown.lengths == 50).all()
