"""Joint information of the labels of a batch about the posterior samples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

TINY = 1e-300  # replaces zero in a logarithm; also the smallest weight that is kept
PASSES = 3  # iterations of the clustering that merges configurations


@dataclass(frozen=True, eq=False)
class Joint:
    """Configurations of the labels of a batch, each with its posterior over the samples.

    Labels are independent given the posterior sample. All that a configuration reveals about
    another label is therefore in the probabilities that it leaves to the K samples.

    Attributes:
        weights: ``(M,)`` probability of each configuration, float64.
        posteriors: ``(M, K)`` probabilities of the samples given its labels, float64.
    """

    weights: Tensor
    posteriors: Tensor

    @classmethod
    def empty(cls, samples: int, device: torch.device) -> Joint:
        """Configurations of no labels: all samples are equally likely."""
        one = torch.ones(1, dtype=torch.float64, device=device)
        return cls(one, one.expand(1, samples) / samples)

    def __len__(self) -> int:
        return len(self.weights)

    def gains(self, p: Tensor, entropies: Tensor) -> Tensor:
        """Information ``(B,)`` of one more label: ``H[y | batch] - E_k H[y | k]``, in nats.

        Cost: B M K C multiply-adds and B M C logarithms.

        Args:
            p: ``(B, K, C)`` probabilities of the labels, float64.
            entropies: ``(B, K)`` entropies of these.
        """
        joint = torch.cat([self._entropies(rows) for rows in _parts(p, p[0].shape[-1])])
        return joint - entropies @ (self.weights @ self.posteriors)

    def _entropies(self, p: Tensor) -> Tensor:
        columns = p.transpose(0, 1).reshape(p.shape[1], -1)  # (K, B C)
        total = columns.new_zeros(columns.shape[1])
        blocks = zip(*(_parts(part, len(total)) for part in (self.weights, self.posteriors)))
        for weights, posteriors in blocks:
            q = posteriors @ columns
            total -= weights @ q.clamp_min(TINY).log_().mul_(q)
        return total.view(len(p), -1).sum(1)

    def extended(self, p: Tensor, most: int, generator: Generator) -> Joint:
        """Configurations of the same labels and one more.

        Args:
            p: ``(K, C)`` probabilities of the new label, float64.
            most: largest number of configurations; if there are more, this many are drawn.
            generator: source of random numbers for the draw.
        """
        weights = (self.weights[:, None] * (self.posteriors @ p)).flatten()
        rows = (weights > TINY).nonzero().flatten()
        weights = weights[rows]
        if len(rows) > most:
            kept, weights = thinned(weights, most, generator)
            rows = rows[kept]
        classes = p.shape[1]
        posteriors = self.posteriors[rows // classes] * p.T[rows % classes]
        return Joint(weights, posteriors / posteriors.sum(1, keepdim=True))

    def merged(self, number: int) -> Joint:
        """Merge configurations into at most ``number`` groups with the mean of their posteriors.

        No gain is smaller than before, since entropy is concave, nor much larger, since the
        posteriors of a group are similar. Groups come from k-means in the square roots of the
        posteriors, started at quantiles.
        """
        steps = torch.arange(number, device=self.weights.device) + 0.5
        shares = self.weights.cumsum(0)
        starts = torch.searchsorted(shares, steps / number * shares[-1]).clamp_(max=len(self) - 1)
        weights, centers = self.weights[starts], self.posteriors[starts]
        roots = self.posteriors.sqrt()
        weighted = self.posteriors * self.weights[:, None]
        for _ in range(PASSES):
            ends = centers.sqrt().T
            groups = torch.cat([(part @ ends).argmax(1) for part in _parts(roots, len(centers))])
            sums = torch.zeros_like(centers).index_add_(0, groups, weighted)
            weights = sums.sum(1)
            sums, weights = sums[weights > 0], weights[weights > 0]
            centers = sums / weights[:, None]
        return Joint(weights, centers)


def thinned(weights: Tensor, number: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Fewer rows that represent all: their positions, ascending, and their new weights.

    Heavy rows stay as they are. The others are drawn in proportion to their weights, at regular
    steps, and share their total weight evenly. Sums over the rows, of any function, stay unbiased;
    Fearnhead & Clifford 2003, "On-line inference for hidden Markov models via particle filters".

    Args:
        weights: ``(M,)``, above zero.
        number: number of rows to keep, fewer than M; one less if rounding draws a row twice.
        generator: source of the one random number that is drawn.
    """
    ordered = weights.topk(number + 1).values
    counts = torch.arange(number, device=weights.device)  # numbers of heavy rows
    light = (weights.sum() - (ordered.cumsum(0) - ordered)[:number]).clamp_(min=0)
    heavy = ordered[:number] * (number - counts) > light
    threshold = ordered[int(heavy.cumprod(0).sum())]
    rest = (weights <= threshold).nonzero().flatten()
    left = number - len(weights) + len(rest)
    shares = weights[rest].cumsum(0)
    steps = torch.arange(left, device=weights.device) + float(torch.rand((), generator=generator))
    drawn = torch.searchsorted(shares, steps / left * shares[-1]).clamp_(max=len(rest) - 1)
    even = (shares[-1:] / left).expand(left)
    new = weights.index_fill(0, rest, 0.0).index_add_(0, rest[drawn], even)
    rows = (new > 0).nonzero().flatten()
    return rows, new[rows]


def _parts(rows: Tensor, width: int) -> Iterator[Tensor]:
    """Blocks of rows, so small that products with ``width`` columns fit a cache."""
    budget = 2**17 if rows.device.type == "cpu" else 2**24
    if rows.ndim == 3:  # these are the columns: leave room for configurations
        budget //= 16
    return iter(rows.split(max(1, budget // width)))
