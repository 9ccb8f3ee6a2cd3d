"""Batches drawn at random with known probabilities; a higher score is more likely."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from alkit.arguments import check_number
from alkit.errors import ScoreError
from alkit.selectors.candidates import Candidates, Picks, needed
from alkit.selectors.selector import Selector


class Stochastic(Selector):
    """Base class: draw one candidate after another in proportion to fixed weights.

    The weights are ``w_i = (1 - uniform) v_i / sum(v) + uniform / N`` with ``v = exp(beta f)``. A
    subclass defines f as a function of the scores. The m-th pick has the probability
    ``w_i / (sum of the w that are left)``: one draw of Gumbel keys yields all picks in this order
    (Kirsch et al. 2023, "Stochastic batch acquisition: A simple baseline for deep active
    learning"). The uniform share is an addition. A high ``beta`` approaches ``TopK``, a low one
    ``Random``.

    Args:
        beta: influence of the scores, above 0.
        uniform: share of the weight that is spread evenly, in [0, 1]; at every turn each candidate
            has a probability of at least ``uniform / N``.

    Raises:
        ConfigurationError: beta or uniform is out of range.
    """

    def __init__(self, beta: float = 1.0, uniform: float = 0.0) -> None:
        check_number("beta", beta, "a number above 0", lambda beta: beta > 0)
        check_number("uniform", uniform, "a number in [0, 1]", lambda share: 0 <= share <= 1)
        self.beta = beta
        self.uniform = uniform

    def log_weights(self, scores: Tensor) -> Tensor:
        """f, ``(N,)``, of scores in float64; minus infinity for candidates that are never drawn."""
        raise NotImplementedError(f"{type(self).__name__} must define log_weights(scores).")

    def select(self, candidates: Candidates, n: int, generator: Generator) -> Picks:
        scores = needed(candidates.scores, "scores")
        logs = self.beta * self.log_weights(scores.double())
        if self.uniform:
            even = logs.new_tensor([1 - self.uniform, self.uniform / len(scores)]).log()
            logs = torch.logaddexp(logs.log_softmax(0) + even[0], even[1])
        return drawn(logs, n, generator)

    def __repr__(self) -> str:
        shown = [] if self.beta == 1 else [f"beta={self.beta}"]
        shown += [f"uniform={self.uniform}"] if self.uniform else []
        return f"{type(self).__name__}({', '.join(shown)})"


class Power(Stochastic):
    """Draws in proportion to ``score ** beta``: Gumbel keys ``beta log s + Gumbel``.

    For scores where zero means that a candidate is not wanted, such as margin, entropy or BALD.
    Candidates with a score of zero are drawn by the uniform share. Without one they are drawn,
    with equal chances, once no others are left. Cost: O(N + n log n) time, O(N) memory, N random
    numbers. See ``Stochastic``, also for the arguments; batches of 10 do well with a beta of 8,
    larger ones with 1 to 4.

    Raises:
        ScoreError: scores are below zero.
    """

    def log_weights(self, scores: Tensor) -> Tensor:
        lowest, highest = scores.aminmax()
        if lowest < 0:
            raise ScoreError(
                f"{self!r} needs scores of at least 0, got {float(lowest):g}: use Softmax() or "
                "SoftRank(), or scale them to [0, 1] with MinMax(criterion)."
            )
        return scores.log() if highest > 0 else scores  # all are equal


class Softmax(Stochastic):
    """Draws in proportion to ``exp(beta score)``: Gumbel keys ``beta s + Gumbel``.

    For scores of any sign. The effect of ``beta`` depends on their unit: a score that is higher by
    ``1 / beta`` is e times as likely. Cost: O(N + n log n) time, O(N) memory, N random numbers. See
    ``Stochastic``, also for the arguments.
    """

    def log_weights(self, scores: Tensor) -> Tensor:
        return scores


class SoftRank(Stochastic):
    """Draws in proportion to ``rank ** -beta``: Gumbel keys ``-beta log r + Gumbel``.

    The highest score has rank 1; equal scores share the mean of their ranks. For scores whose order
    alone is meaningful. Cost: O(N log N) time, O(N) memory, N random numbers. See ``Stochastic``,
    also for the arguments.
    """

    def log_weights(self, scores: Tensor) -> Tensor:
        _, group, counts = scores.unique(return_inverse=True, return_counts=True)
        above = len(scores) - counts.cumsum(0)
        ranks = above + (counts + 1).double() / 2
        return -ranks.log()[group]


def drawn(logs: Tensor, n: int, generator: Generator) -> Picks:
    """Draw ``n`` picks without replacement, one after another in proportion to ``exp(logs)``.

    Candidates at minus infinity come after all others, in random order.
    """
    uniform = torch.rand(len(logs), dtype=torch.float64, generator=generator).to(logs.device)
    gumbel = -(-torch.log1p(-uniform)).log()
    possible = int((logs > -torch.inf).sum())
    first = (logs + gumbel).topk(min(n, possible)).indices
    others = logs.index_fill(0, first, -torch.inf).logsumexp(0)
    # summed from the end, so that the sum left after large weights keeps its digits
    left = torch.cat([others[None], logs[first].flip(0)]).logcumsumexp(0)[1:].flip(0)
    chances = (logs[first] - left).exp().clamp(max=1)
    if n <= possible:
        return Picks(first, chances, len(logs) - possible)
    never = (logs == -torch.inf).nonzero().flatten()
    last = never[gumbel[never].topk(n - possible).indices]
    even = 1 / torch.arange(len(never), len(never) - len(last), -1, dtype=torch.float64)
    chances = torch.cat([chances, even.to(chances.device)])
    return Picks(torch.cat([first, last]), chances, len(never))
