"""The pairwise penalty matrix of the BADGE paper."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from alkit.evidence.statistics.significance import t_test


def checkpoints(reference: np.ndarray) -> list[int]:
    """Rounds at which strategies are compared: 1, 2, 4, 8, ... until the reference levels off.

    The last of these rounds is the first one whose mean result is within 1 % of the final one.
    Round 0, where paired strategies are the same model, is used only if there is no other round.

    Args:
        reference: ``(R,)`` mean result of the reference in each round.
    """
    rounds = [0] if len(reference) == 1 else []
    k = 1
    while k < len(reference):
        rounds.append(k)
        if abs(reference[k] - reference[-1]) <= 0.01 * abs(reference[-1]):
            break
        k *= 2
    return rounds


def penalties(values: np.ndarray, rounds: Sequence[int], *, rising: bool = True) -> np.ndarray:
    """Share of rounds in which the row beat the column (Ash et al. 2020, "BADGE", section 4).

    In each round, the better strategy wins if a two-sided paired t-test of the results gives p
    below 0.05. The mean of a column is the penalty of its strategy; lower is better. Matrices of
    several data sets may be added. (The paper uses the same orientation; some published code uses
    the transpose.)

    Args:
        values: ``(S, T, R)`` results of S strategies in the same T trials of R rounds.
        rounds: rounds at which to compare, as from ``checkpoints``.
        rising: True if higher is better.

    Returns:
        ``(S, S)`` in [0, 1], zeros on the diagonal; all zero for one trial. Cost: S^2 tests per
        round.
    """
    matrix = np.zeros((len(values), len(values)))
    for winner, first in enumerate(values):
        for loser, second in enumerate(values[:winner]):
            for k in rounds:
                differences = (first[:, k] - second[:, k]) * (1 if rising else -1)
                if t_test(differences) < 0.05:
                    ahead = differences.mean() > 0
                    matrix[(winner, loser) if ahead else (loser, winner)] += 1 / len(rounds)
    return matrix
