"""The gene circuit's master equation: chances of all states, by a matrix exponential, without any random number.

Shapes: A, R counts of activator and reporter.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import expm_multiply


def master_equation(lights, *, most):
    """Chances (A, R) of counts below `most`, from nothing on, after each light for so many minutes.

    What leaves the grid is lost, so that the sum says how much that is.
    """
    chances = np.zeros(most).ravel()
    chances[0] = 1
    for light, minutes in lights:
        chances = expm_multiply(generator(light, most).T * minutes, chances)
    return chances.reshape(most)


def generator(light, most):
    """Rates from each state (row) to each other, per minute."""
    activator, reporter = (counts.ravel() for counts in np.indices(most))
    made = 0.5 / (1 + (90 / np.maximum(activator, 1e-9)) ** 3.6) + 0.5 / (1 + (30 / np.maximum(reporter, 1e-9)) ** 3.6)
    moves = (
        (1, 0, np.full(len(activator), 1.0 * light)),
        (-1, 0, activator / 100),
        (0, 1, made),
        (0, -1, reporter / 100),
    )
    total = sum(rate for _, _, rate in moves)
    matrix = sparse.diags(-total)
    for by_activator, by_reporter, rate in moves:
        to = activator + by_activator, reporter + by_reporter
        fits = (to[0] >= 0) & (to[0] < most[0]) & (to[1] >= 0) & (to[1] < most[1])
        columns = np.ravel_multi_index((to[0][fits], to[1][fits]), most)
        matrix = matrix + sparse.csr_array((rate[fits], (np.flatnonzero(fits), columns)), shape=matrix.shape)
    return sparse.csr_array(matrix)
