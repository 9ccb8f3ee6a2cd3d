from __future__ import annotations

import math
from functools import partial

import torch
from torch import Generator, Tensor

from alkit.arguments import check_number
from alkit.hardware import check_cost
from alkit.progress import report
from alkit.selectors.candidates import Candidates, needed
from alkit.selectors.geometry.balls import Balls
from alkit.selectors.geometry.clustering import space_with_means
from alkit.selectors.geometry.coverage import Coverage, blocks, fits
from alkit.selectors.geometry.lazy import pieces
from alkit.selectors.geometry.points import Points
from alkit.selectors.kmeans import completed, joined
from alkit.selectors.probcover import inside, pure_radius
from alkit.selectors.selector import Selector
from alkit.selectors.spaces import Features, Space, as_space

LARGEST = 1.1 / 0.75  # the largest radius, as a multiple of the first one
RESOLUTION = 0.05 / 1.1  # at which the search for a radius ends, as a share of the largest one
PAIRS = 2**22  # pairs whose distances are held at a time

# the features in the paper have norm one
DEFAULT = Features(normalize=True)


class Dcom(Selector):
    """DCoM: dense uncovered regions first, and high scores the more of the pool is covered.

    Each annotated sample covers a ball of its own radius: the largest at which enough of the ball
    is predicted to be of its class, by bisection. Enough is ``0.4 + 0.2 c`` for the share c that
    balls of the first radius cover. With the share C that these balls cover, the competence is
    ``S = (1 + exp(-k (1 - a))) / (1 + exp(-k (C - a)))``, for the steepness k and the center a.
    Each pick has the highest ``S m + (1 - S) r``: m is its score, from 0 to 1 for the lowest and
    highest; r is the number of candidates that it covers first, divided by the largest, in balls of
    the mean radius. Mishal & Weinshall 2024, "DCoM: active learning for all learners", with the
    scores of ``Margin()``.

    The defaults are those of the authors' code. Radii are found anew for each query, with the
    current predictions; in that code, a radius is kept from the round in which its sample was
    annotated, with the share of coverage at that time. With nothing annotated the first picks are
    those of ``ProbCover``. Candidates equal to an annotated sample or a pick come last.

    Cost: O((N / 2 + A) N D) multiply-adds for A annotated samples, O(n N) for the picks. Memory:
    N^2 / 8 bytes for the graph of the balls; see ``ProbCover`` if there is no room for it.

    Args:
        space: space in which candidates are compared: euclidean or cosine, or any with a given
            ``radius``. Default: ``Features(normalize=True)``.
        radius: the first radius, above 0; no ball is larger than 1.47 times as much. Default: found
            by purity, as in ``ProbCover``.
        steepness: k, above 0.
        center: a, the coverage from which scores count, in [0, 1].

    Raises:
        ConfigurationError: an argument is out of range, or the space has the manhattan distance and
            no radius is given.
    """

    def __init__(
        self,
        space: Space | None = None,
        *,
        radius: float | None = None,
        steepness: float = 50.0,
        center: float = 0.8,
    ) -> None:
        if radius is not None:
            check_number("radius", radius, "a number above 0", lambda value: value > 0)
        check_number("steepness", steepness, "a number above 0", lambda value: value > 0)
        check_number("center", center, "a number in [0, 1]", lambda value: 0 <= value <= 1)
        self.radius, self.steepness, self.center = radius, steepness, center
        space = DEFAULT if space is None else space
        self.space = space_with_means(space) if radius is None else as_space(space)
        self.needs = self.space.needs | {"annotated", "labels", "outputs", "scores"}

    def select(self, candidates: Candidates, n: int, generator: Generator) -> Tensor:
        points, known = self.space(candidates)
        self._check_cost(points, known)
        p, scores = candidates.probabilities, needed(candidates.scores, "scores")
        radius = self.radius or pure_radius(points, max(p.shape[1], 2), generator)
        wanted = _scaled(scores.double())
        covered = torch.zeros(len(points), dtype=torch.bool, device=points.device)
        free, mean, competence = ~covered, radius, self.competence(0.0)
        if known is not None:
            theirs = needed(candidates.annotated, "annotated").mean_probabilities.argmax(1)
            labels = needed(candidates.labels, "labels").to(theirs.device)
            guesses = torch.cat([p.argmax(1), theirs])
            first = torch.full((len(known),), radius, dtype=torch.float64, device=points.device)
            share = _share(_covered(points, known, first)[0], len(known))
            purity, everyone = 0.4 + 0.2 * share, joined(points, known)
            radii = pure_radii(known, labels, everyone, guesses, purity, LARGEST * radius)
            covered, equal = _covered(points, known, radii)
            free, mean = ~equal, float(radii.mean())
            competence = self.competence(_share(covered, len(known)))
        luck = torch.randperm(len(points), generator=generator).to(points.device)
        picks = _greedy(points, ~covered, mean, competence * wanted, 1 - competence, free, luck, n)
        return completed(picks, points, known, n, generator)

    def _check_cost(self, points: Points, known: Points | None) -> None:
        number, width = len(points), sum(factor.shape[1] for factor in points.factors)
        products = number * width * (number / 2 + (0 if known is None else len(known)))
        nbytes = 6 * number * width  # features about their mean, in two precisions
        instead = "Choose among the highest scores, Prefilter(10, Dcom())."
        check_cost(nbytes, products, points.device, f"{self!r} of {number:,} candidates", instead)

    def competence(self, coverage: float) -> float:
        """Weight of the scores, in (0, 1], for the share of the pool that is covered."""
        k, a = self.steepness, self.center
        return (1 + math.tanh(k * (coverage - a) / 2)) / (1 + math.tanh(k * (1 - a) / 2))

    def __repr__(self) -> str:
        parts = ["" if repr(self.space) == repr(DEFAULT) else f"space={self.space!r}"]
        defaults = {"radius": None, "steepness": 50.0, "center": 0.8}
        given = ((name, getattr(self, name), value) for name, value in defaults.items())
        parts += [f"{name}={value!r}" for name, value, default in given if value != default]
        return f"Dcom({', '.join(filter(None, parts))})"


def pure_radii(
    centers: Points,
    labels: Tensor,
    points: Points,
    guesses: Tensor,
    purity: float,
    largest: float,
) -> Tensor:
    """``(A,)`` float64 radius of the ball of each center, by bisection between 0 and ``largest``.

    A radius is raised where at least a share ``purity`` of the points in the ball have the label of
    its center as their guess, and lowered elsewhere.

    Args:
        centers: A centers.
        labels: ``(A,)`` class numbers of the centers.
        points: M points, among them the centers.
        guesses: ``(M,)`` class numbers of the points.
        purity: share of the ball.
        largest: largest radius.
    """
    found = []
    size = max(PAIRS // len(points), 1)
    for start in range(0, len(centers), size):
        rows = slice(start, start + size)
        squares = centers[rows].squared_distances(points)
        same = labels[rows, None] == guesses
        low = torch.zeros(len(squares), dtype=torch.float64, device=squares.device)
        high = torch.full_like(low, largest)
        for _ in range(math.ceil(-math.log2(RESOLUTION))):
            radius = (low + high) / 2
            ball = squares < radius.square()[:, None]
            pure = (ball & same).sum(1) >= purity * ball.sum(1)
            low, high = radius.where(pure, low), high.where(pure, radius)
        found.append((low + high) / 2)
    return torch.cat(found)


def _covered(points: Points, centers: Points, radii: Tensor) -> tuple[Tensor, Tensor]:
    """Masks ``(N,)`` of the points in any ball, and of those equal to a center."""
    found = []
    for rows in blocks(points):
        ball = equal = torch.zeros(len(points[rows]), dtype=torch.bool, device=points.device)
        for part in blocks(centers):
            squares = points[rows].squared_distances(centers[part])
            ball = ball | (squares < radii[part].square()).any(1)
            equal = equal | (squares == 0).any(1)
        found.append((ball, equal))
    ball, equal = zip(*found, strict=True)
    return torch.cat(ball), torch.cat(equal)


def _share(covered: Tensor, annotated: int) -> float:
    """Share of all samples that is covered; annotated samples cover themselves."""
    return (int(covered.sum()) + annotated) / (len(covered) + annotated)


def _scaled(scores: Tensor) -> Tensor:
    low, high = scores.aminmax()
    return (scores - low) / (high - low) if high > low else torch.zeros_like(scores)


def _greedy(
    points: Points,
    left: Tensor,
    radius: float,
    wanted: Tensor,
    weight: float,
    free: Tensor,
    luck: Tensor,
    n: int,
) -> Tensor:
    """At most n picks, by ``wanted`` plus the weighted share of what each would cover first."""
    if points.device.type == "cpu" and fits(Balls.nbytes(len(points)), points.device):
        graph = Balls(points, radius, left)
    else:
        graph = Coverage(partial(inside, radius), points, weights=left.to(points.dtype))
    picks: list[int] = []
    columns = [torch.cat([part[:, 0] for part in pieces(f)]) for f in points.factors]
    while len(picks) < n and bool(free.any()):
        report(len(picks), n)
        gains = graph.gains.double().clamp(min=0)
        values = wanted + weight * gains / gains.amax().clamp(min=1)
        values = values.where(free, -torch.inf)
        best = (values == values.amax()).nonzero().flatten()
        picks.append(int(best[luck[best].argmin()]))
        pick = points[picks[-1] : picks[-1] + 1]
        alike = torch.stack([column == column[picks[-1]] for column in columns]).all(0)
        alike = alike.nonzero().flatten()  # few, so that not all rows are compared
        free[alike[points[alike].equals(pick)]] = False
        if len(picks) < n:
            graph.take(picks[-1])
            if isinstance(graph, Coverage):
                graph.settle()
    return torch.tensor(picks, dtype=torch.long)
