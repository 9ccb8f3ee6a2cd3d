from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from alkit.arguments import check_number
from alkit.hardware import check_memory
from alkit.progress import report
from alkit.selectors.candidates import Candidates, needed
from alkit.selectors.geometry.joint import Joint
from alkit.selectors.geometry.points import Points
from alkit.selectors.kmeans import completed
from alkit.selectors.selector import Selector

ROUNDING = 1e-9  # nats: gains that differ by less are tied, and smaller gains are none
LEVELS = (64, 512)  # numbers of groups of configurations; their gains are upper bounds
MANY, FEW = 256, 8  # candidates that are updated at a time: by groups, and exactly


class BatchBALD(Selector):
    """The batch whose labels together are the most informative about the model.

    Each pick is the candidate that raises the mutual information of the batch's labels and the K
    posterior samples, ``H[y_1 .. y_n] - sum_i mean_k H[y_i | k]``, the most. Kirsch, van Amersfoort
    & Gal 2019, "BatchBALD: Efficient and diverse batch acquisition for deep Bayesian active
    learning", section 3.

    The entropy is exact while the picks have at most ``configurations`` joint labels. Beyond that,
    this many represent all: likely ones are kept, the others are drawn. Scores are not used.
    Candidates whose probabilities equal those of a pick come last, as if they were the same sample.
    Once there is no gain left, the rest is random; if the samples agree, all picks are.

    Gains never rise (the information is submodular), so old ones are upper bounds, and only
    candidates that could be the best are evaluated: first by configurations merged into groups,
    which bounds the gain as well, then by all of them. With drawn configurations this holds up to
    the noise of the draw, as each draw continues the one before.

    Cost: N K C logarithms; each pick costs at most N K C M multiply-adds and N C M logarithms for
    M configurations, usually a hundredth of that. Memory: O(N K + M (K + C)) in float64 on top of
    the probabilities ``(N, K, C)``.

    Args:
        configurations: M, the largest number of joint labels of the picks that are stored, at least
            1. Time, memory and accuracy grow with it.

    Raises:
        ConfigurationError: ``configurations`` is not an integer of at least 1.
        PredictionError: there is one posterior sample (K = 1), which has no information to share.
        NotEnoughMemoryError: the memory needed on top of the outputs is not free.
    """

    needs = frozenset({"outputs"})
    disagreement = True

    def __init__(self, *, configurations: int = 10_000) -> None:
        whole = "an integer of at least 1"
        check_number("configurations", configurations, whole, lambda m: m >= 1 and m == int(m))
        self.configurations = int(configurations)

    def select(self, candidates: Candidates, n: int, generator: Generator) -> Tensor:
        self._check_memory(candidates)
        p = needed(candidates.prediction, "outputs").probabilities
        luck = torch.randperm(len(p), generator=generator).to(p.device)
        gains, joint = _Gains(p), Joint.empty(p.shape[1], p.device)
        columns = p.shape[0] * p.shape[2]
        picks: list[int] = []
        while len(rows := gains.highest(_levels(joint, columns))):
            picks.append(int(rows[luck[rows].argmin()]))
            report(len(picks), n)
            if len(picks) == n:
                return torch.tensor(picks)
            gains.drop(rows, picks[-1])
            joint = joint.extended(p[picks[-1]].double(), self.configurations, generator)
        luck[picks] = -1
        chosen = torch.tensor(picks + luck.argsort()[len(picks) : n].tolist())
        return completed(chosen, Points((p.flatten(1).contiguous(),)), None, n, generator)

    def _check_memory(self, candidates: Candidates) -> None:
        prediction = needed(candidates.prediction, "outputs")
        outputs = needed(prediction.outputs, "outputs")
        N, K, C = outputs.shape
        nbytes = 8 * N * K + 24 * self.configurations * (K + C)
        if prediction.kind != "probabilities":
            nbytes += outputs.nbytes
        what = f"{self!r} with {N:,} candidates, {K:,} posterior samples and {C:,} classes"
        check_memory(
            nbytes,
            outputs.device,
            what,
            "Choose among the highest scores, Prefilter(10, BatchBALD()), or lower configurations.",
        )

    def __repr__(self) -> str:
        shown = "" if self.configurations == 10_000 else f"configurations={self.configurations}"
        return f"BatchBALD({shown})"


def _levels(joint: Joint, columns: int) -> list[Joint]:
    """The same labels in a growing number of configurations; the last level is exact.

    Merging costs a few times as many comparisons as there are groups. It is skipped unless the
    ``N C`` columns of all candidates are many more.
    """
    levels = [joint]
    for size in reversed(LEVELS):
        if len(joint) >= 4 * size and columns >= 8 * size:
            levels.insert(0, levels[0].merged(size))
    return levels


class _Gains:
    """Gains of the N candidates, or upper bounds of them."""

    def __init__(self, p: Tensor) -> None:
        self.p = p
        size = 2**15 if p.device.type == "cpu" else 2**24
        parts = p.split(max(1, size // p[0].numel()))
        self.entropies = torch.cat([_entropy(part.double()) for part in parts])  # (N, K)
        mean = torch.cat([_entropy(part.double().mean(1)) for part in parts])
        self.bounds = mean - self.entropies.mean(1)

    def highest(self, levels: Sequence[Joint]) -> Tensor:
        """Candidates with the highest gain, up to rounding; empty if no gain is left."""
        level = torch.zeros_like(self.bounds, dtype=torch.long)
        exact, few, limit = len(levels), FEW, ROUNDING
        while True:
            open_ = self.bounds.where(level < exact, -torch.inf)
            top = open_.topk(min(MANY, len(open_)))
            rows = top.indices[top.values > limit]
            if not len(rows):
                return ((level == exact) & (self.bounds > limit)).nonzero().flatten()
            now = int(level[rows[0]])
            rows = rows[level[rows] == now]
            if now == exact - 1:
                rows, few = rows[:few], 2 * few
            gains = levels[now].gains(self.p[rows].double(), self.entropies[rows])
            self.bounds[rows] = gains if now == exact - 1 else gains.minimum(self.bounds[rows])
            level[rows] = now + 1
            if now == exact - 1:
                limit = max(limit, float(gains.amax()) - ROUNDING)

    def drop(self, rows: Tensor, pick: int) -> None:
        """Exclude a pick, and its duplicates among these rows, from the candidates."""
        same = (self.p[rows] == self.p[pick]).flatten(1).all(1)
        self.bounds[rows[same]] = -torch.inf


def _entropy(p: Tensor) -> Tensor:
    return -p.clamp_min(1e-300).log_().mul_(p).sum(-1)
