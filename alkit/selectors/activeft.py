from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Generator, Tensor

from alkit.arguments import check_integer, check_number
from alkit.hardware import check_cost, check_memory
from alkit.progress import report
from alkit.selectors.candidates import Candidates
from alkit.selectors.geometry.clustering import space_with_means
from alkit.selectors.geometry.coverage import SAMPLE, check_sample, sample
from alkit.selectors.geometry.lazy import Lazy, Matrix, filled, pieces, whole
from alkit.selectors.geometry.norms import unit_rows
from alkit.selectors.geometry.points import Points
from alkit.selectors.geometry.sketch import blocks
from alkit.selectors.kmeans import completed
from alkit.selectors.selector import Selector
from alkit.selectors.spaces import Features, Space

TOGETHER = 16  # centers that computed rows are compared with at a time

# the features in the paper have norm one
DEFAULT = Features(normalize=True)


class ActiveFT(Selector):
    """The candidates nearest to n centers that gradient descent moves close to all, and apart.

    Features f and centers t have norm one. With ``s = f t / temperature`` for the center nearest to
    f, and R the sum of ``exp(t t_k / temperature)`` over all centers k, itself included, Adam
    minimizes the mean of ``-log(exp(s) / (exp(s) + R))``, from n candidates drawn at random. Only t
    gets a gradient, not the centers in R. Each center then gets its nearest candidate that no
    other one has. Xie et al. 2023, "Active finetuning: exploiting annotation budget in the
    pretraining-finetuning paradigm"; formula and defaults are those of the authors' code.

    The paper picks once, with nothing annotated. Here, annotated samples are further centers, which
    do not move. Picks come in descending order of the number of features that are nearest to their
    center.

    Cost: O(steps M n D) multiply-adds for a sample of M candidates, O(N n D) for the picks, and
    O(M A D) for A annotated samples; O(M n + N D) memory.

    Args:
        space: space whose points, scaled to norm one, are the features. Default:
            ``Features(normalize=True)``. Other spaces than of features may take more memory, see
            ``Points``: products are multiplied out.
        temperature: temperature of the similarities, above 0.
        steps: number of steps of Adam.
        lr: learning rate of Adam, above 0.
        sample: number of candidates in the mean, at least 1, drawn at random; None: all of them, as
            in the paper.

    Raises:
        ConfigurationError: an argument is out of range, or the space has the manhattan distance.
    """

    def __init__(
        self,
        space: Space | None = None,
        *,
        temperature: float = 0.07,
        steps: int = 300,
        lr: float = 1e-3,
        sample: int | None = SAMPLE,
    ) -> None:
        self.space = DEFAULT if space is None else space_with_means(space)
        for name, value in (("temperature", temperature), ("lr", lr)):
            check_number(name, value, "a number above 0", lambda value: value > 0)
        check_sample(sample)
        self.temperature, self.lr, self.sample = temperature, lr, sample
        self.steps = check_integer("steps", steps)
        self.needs = self.space.needs | {"annotated"}

    def select(self, candidates: Candidates, n: int, generator: Generator) -> Tensor:
        points, known = self.space(candidates)
        if n == len(points):
            return torch.randperm(n, generator=generator)
        rows, fixed = _vectors(points), None if known is None else whole(_vectors(known))
        start = torch.randperm(len(rows), generator=generator)[:n].to(rows.device)
        drawn = sample(points, self.sample, generator)
        if drawn is None:
            self._check_cost(rows, n + (0 if fixed is None else len(fixed)))
        features = whole(rows) if drawn is None else rows[drawn]
        centers = _moved(
            features, rows[start], fixed, self.temperature, steps=self.steps, lr=self.lr
        )
        luck = torch.rand(len(rows), generator=generator).to(rows.device)
        order = _shares(features, centers, fixed).argsort(descending=True, stable=True)
        picks = _nearest(rows, centers[order], luck)
        return completed(picks, points, known, n, generator)

    def _check_cost(self, rows: Matrix, centers: int) -> None:
        """Check the mean over all candidates."""
        nbytes = rows.nbytes if isinstance(rows, Lazy) else 0
        products = self.steps * len(rows) * centers * rows.shape[1]
        what = f"{self!r} of {len(rows):,} candidates"
        instead = "Use a sample, or a part of the candidates, such as Prefilter(10, ActiveFT())."
        check_cost(nbytes, products, rows.device, what, instead)

    def __repr__(self) -> str:
        parts = ["" if repr(self.space) == repr(DEFAULT) else f"space={self.space!r}"]
        defaults = {"temperature": 0.07, "steps": 300, "lr": 1e-3, "sample": SAMPLE}
        given = ((name, getattr(self, name), value) for name, value in defaults.items())
        parts += [f"{name}={value!r}" for name, value, default in given if value != default]
        return f"ActiveFT({', '.join(filter(None, parts))})"


def _vectors(points: Points) -> Matrix:
    """Points as plain rows of norm one."""
    if len(points.factors) == 1:
        return unit_rows(points.factors[0])
    width = math.prod(factor.shape[1] for factor in points.factors)
    nbytes = len(points) * width * points.dtype.itemsize
    instead = "Use fewer, or a part of the candidates, such as Prefilter(10, ActiveFT(space))."
    check_memory(nbytes, points.device, f"{len(points):,} x {width:,} features", instead)
    return unit_rows(torch.cat([block for _, block in blocks([points], width)]))


def _moved(
    features: Tensor,
    centers: Tensor,
    fixed: Tensor | None,
    temperature: float,
    *,
    steps: int,
    lr: float,
) -> Tensor:
    """Centers ``(n, D)`` of norm one after some steps of Adam."""
    near = None if fixed is None else _best(features, fixed)[0]
    moving = torch.nn.Parameter(centers.clone())
    optimizer = torch.optim.Adam([moving], lr=lr)
    for step in range(steps):
        report(step, steps)
        norms = torch.linalg.vector_norm(moving.detach(), dim=1, keepdim=True)
        norms = norms.where(norms > 0, 1)  # a row of zeros
        units = moving.detach() / norms
        slope = gradient(features, units, fixed, near, temperature)
        # without the part along the center, which the scaling to norm one cancels
        moving.grad = (slope - (slope * units).sum(1, keepdim=True) * units) / norms
        optimizer.step()
    return whole(unit_rows(moving.detach()))


def gradient(
    features: Tensor, centers: Tensor, fixed: Tensor | None, near: Tensor | None, temperature: float
) -> Tensor:
    """``(n, D)`` gradient of the loss of ``ActiveFT`` with respect to centers of norm one.

    Args:
        features: ``(M, D)`` features of norm one.
        centers: ``(n, D)`` centers.
        fixed: ``(A, D)`` centers that do not move.
        near: ``(M,)`` highest similarity of each feature to one of these.
        temperature: temperature of the similarities.

    A feature that is nearer to a fixed center moves nothing.
    """
    similar, nearest = _best(features, centers)
    # all relative to exp(1 / temperature), so that nothing overflows
    others = centers if fixed is None else torch.cat([centers, fixed])
    pushes = ((centers @ others.T - 1) / temperature).exp_()
    pull = ((similar - 1) / temperature).exp_()
    rest = pushes.sum(1)
    total = pull + rest[nearest]
    weights = rest[nearest] / total
    share = 1 / total
    if near is not None:
        live = (similar > near).to(total)
        weights, share = weights * live, share * live
    mass = _summed(share[:, None], nearest, len(centers))
    pulled = _summed(features * weights[:, None], nearest, len(centers))
    return ((pushes @ others) * mass - pulled) / (temperature * len(features))


def _summed(rows: Tensor, group: Tensor, number: int) -> Tensor:
    """Sums ``(number, D)`` of the rows of each group."""
    if not rows.is_cuda:
        return rows.new_zeros(number, rows.shape[1]).index_add_(0, group, rows)
    # there, index_add_ adds in another order each time
    member = rows.new_zeros(number, len(rows))
    member[group, torch.arange(len(rows), device=rows.device)] = 1
    return member @ rows


def _best(features: Tensor, centers: Tensor) -> tuple[Tensor, Tensor]:
    """Highest similarity ``(M,)`` of each feature to a center, and that center."""
    found = [(part @ centers.T).max(1) for part in features.split(2**22 // len(centers) + 1)]
    values, nearest = zip(*found, strict=True)
    return torch.cat(values), torch.cat(nearest)


def _shares(features: Tensor, centers: Tensor, fixed: Tensor | None) -> Tensor:
    """``(n,)`` number of features whose nearest center is each of these."""
    every = centers if fixed is None else torch.cat([centers, fixed])
    counts = torch.bincount(_best(features, every)[1], minlength=len(every))
    return counts[: len(centers)]


def _nearest(rows: Matrix, centers: Tensor, luck: Tensor) -> Tensor:
    """For each center in turn, the most similar row that no center before it has; on the CPU."""
    slack = 64 * torch.finfo(rows.dtype).eps
    taken, picks = torch.zeros_like(luck, dtype=torch.bool), []
    for similar in _similar(rows, centers):
        similar.masked_fill_(taken, -torch.inf)
        best = (similar >= similar.amax() - slack).nonzero().flatten()
        picks.append(best[luck[best].argmin()])
        taken[picks[-1]] = True
    return torch.stack(picks).cpu()


def _similar(rows: Matrix, centers: Tensor) -> Iterator[Tensor]:
    """Similarities ``(N,)`` of all rows to each center."""
    if isinstance(rows, Tensor):
        yield from (rows @ center for center in centers)
        return
    for some in centers.split(TOGETHER):
        found = filled((part @ some.T for part in pieces(rows)), len(rows))
        yield from found.T.contiguous()
