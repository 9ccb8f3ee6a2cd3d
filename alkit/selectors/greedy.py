from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Generator, Tensor

from alkit.errors import ConfigurationError
from alkit.progress import report
from alkit.selectors.candidates import Candidates
from alkit.selectors.geometry.coverage import blocks
from alkit.selectors.geometry.farthest import farthest_first
from alkit.selectors.geometry.lazy import filled
from alkit.selectors.geometry.points import Points
from alkit.selectors.geometry.sketch import blocks as plain
from alkit.selectors.kmeans import completed
from alkit.selectors.labels import outputs_and_labels
from alkit.selectors.selector import Selector
from alkit.selectors.spaces import Space, as_space, shown

Rule = Literal["iGS", "GSx", "GSy"]
Known = tuple[Points, Points | None]


class GreedySampling(Selector):
    """Greedy sampling for regression: far from what is annotated, in input, in output, or in both.

    Each pick has the largest ``min_m d(n, m)`` over all m annotated or picked. ``"GSx"``: d is the
    distance of features, as in ``KCenter``; no model is needed. ``"GSy"``: the distance between
    the predicted value of n and the label of m. ``"iGS"``: the product of the two. Wu, Lin & Huang
    2019, "Active learning for regression using greedy sampling". There, the model is trained after
    each label; here, a pick counts with its predicted value in its batch, so batches should be
    small. With nothing annotated, the first pick is the candidate nearest to the mean, of features
    or, for GSy, of predicted values.

    Several targets have the euclidean distance; scale them to equal units first. Of a classifier,
    the outputs are probabilities and a label is one-hot. Once every product is zero, iGS continues
    as GSx.

    Cost: O(N (A + n) (D + C)) multiply-adds for A annotated samples; for GSx and GSy usually a
    fraction of it. Memory: O(N C) beyond the features.

    Args:
        rule: ``"iGS"``, ``"GSx"`` or ``"GSy"``.
        space: space of the inputs. Default: ``Features()``.

    Raises:
        ConfigurationError: the rule is unknown.
        PredictionError: a label is not one of the C classes, or has another number of values than
            the outputs.
    """

    def __init__(self, rule: Rule = "iGS", space: Space | None = None) -> None:
        if rule not in get_args(Rule):
            raise ConfigurationError(
                f"rule must be one of {', '.join(get_args(Rule))}, got {rule!r}."
            )
        self.rule, self.space = rule, as_space(space)
        inputs, outputs = self.space.needs | {"annotated"}, frozenset({"outputs", "labels"})
        self.needs = {"iGS": inputs | outputs, "GSx": inputs, "GSy": outputs}[rule]

    def select(self, candidates: Candidates, n: int, generator: Generator) -> Tensor:
        spaces: list[Known] = []
        if self.rule != "GSy":
            spaces.append(self.space(candidates))
        if self.rule != "GSx":
            outputs, labels = outputs_and_labels(candidates)
            spaces.append((Points((outputs,)), Points((labels,)) if len(labels) else None))
        points, known = spaces[0]
        if known is not None:
            return _farthest(spaces, n, generator)
        first = _central(points, generator)
        rest = torch.arange(len(points))
        rest = rest[rest != first]
        if n == 1:
            return torch.tensor([first])
        after = [(part.part(rest.to(part.device)), part[first : first + 1]) for part, _ in spaces]
        return torch.cat([torch.tensor([first]), rest[_farthest(after, n - 1, generator)]])

    def __repr__(self) -> str:
        parts = ["" if self.rule == "iGS" else repr(self.rule), shown(self.space)]
        return f"GreedySampling({', '.join(filter(None, parts))})"


def _farthest(spaces: Sequence[Known], n: int, generator: Generator) -> Tensor:
    """Positions of the largest distance, or product of two distances, to the nearest center."""
    if len(spaces) == 1:
        return farthest_first(*spaces[0], n, generator)
    (x, x_known), (y, y_known) = spaces
    nearest = torch.full((len(x),), torch.inf, dtype=torch.float64, device=x.device)
    for points in (x, y):
        points.squared_distances(points[:1])  # caches the norms for all blocks
    if x_known is not None and y_known is not None:
        for rows in blocks(x):
            for others in blocks(x_known):
                products = x[rows].squared_distances(x_known[others]).double()
                products *= y[rows].squared_distances(y_known[others])
                nearest[rows] = nearest[rows].minimum(products.amin(1))
    luck = 1 + torch.rand(len(x), generator=generator, dtype=torch.float64) * 2.0**-30
    luck, picked = luck.to(x.device), []
    while len(picked) < n:
        report(len(picked), n)
        height, best = (nearest * luck).max(0)
        if height == 0:
            break
        picked.append(pick := int(best))
        ours, theirs = (points.squared_distances(points[pick : pick + 1]) for points in (x, y))
        nearest = nearest.minimum((ours.double() * theirs)[:, 0])
    return completed(torch.tensor(picked, dtype=torch.long), x, x_known, n, generator)


def _central(points: Points, generator: Generator) -> int:
    """Position of the point nearest to the mean of all; ties are broken at random."""
    width = math.prod(factor.shape[1] for factor in points.factors)
    total = sum(rows.double().sum(0) for _, rows in plain([points], width))
    mean = total / len(points)
    parts = ((rows.double() - mean).square_().sum(1) for _, rows in plain([points], width))
    apart = filled(parts, len(points))
    luck = torch.rand(len(points), generator=generator).to(points.device)
    return int(luck.where(apart <= apart.amin() * (1 + 2.0**-30), torch.inf).argmin())
