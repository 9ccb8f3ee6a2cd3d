from __future__ import annotations

from functools import partial

import torch
from torch import Generator, Tensor

from alkit.selectors.candidates import Candidates
from alkit.selectors.geometry.balls import Balls
from alkit.selectors.geometry.clustering import kmeans, space_with_means
from alkit.selectors.geometry.coverage import Coverage, blocks, fits, greedy, highest_value, sample
from alkit.selectors.geometry.points import Points
from alkit.selectors.selector import Selector, check_number
from alkit.selectors.spaces import Features, Space, as_space

PURITY = 0.95  # share of the balls that hold points of one class alone
PROBES = 1000  # balls that tell the radius

# the features of the paper are of norm one
DEFAULT = Features(normalize=True)


class ProbCover(Selector):
    """Each time the candidate whose ball holds the most candidates that no ball holds yet.

    A ball is what lies closer than ``radius``; those of the annotated samples are there from the
    start. Yehuda, Dekel, Hacohen & Weinshall 2022, "Active learning through a covering lens",
    Algorithm 1. For few labels. Where everything is covered, picks are the farthest from all that
    is annotated or picked, as of ``KCenter``; a radius that covers all so soon is too large.

    The radius is the largest at which 95 % of the balls are pure: hold nothing of another cluster
    of k-means, with as many clusters as classes (section 4.2 there). It is found from the balls
    around 1,000 candidates drawn at random, or around all where they are fewer.

    Cost: O(N^2 D) multiply-adds, for half of the pairs. Memory: N^2 / 8 bytes for the graph of the
    balls, and once and a half that of the features; 4 N^2 bytes on a GPU. Without room for these
    (4 GiB, and half of what is free) O(N) beyond the features, and for each candidate that gets
    covered its pairs with all the others once more.

    Args:
        space: as what candidates are compared: euclidean, or cosine; with a ``radius`` any.
            Default: ``Features(normalize=True)``.
        radius: of the balls, above 0, in the distance of the space. Default: found by purity.
        classes: how many clusters. Default: as many as the outputs have classes.

    Raises:
        ConfigurationError: a ``radius`` that is not above 0, ``classes`` that are no integer of
            at least 2, or a space of the manhattan distance where the radius is to be found.
    """

    def __init__(
        self,
        space: Space | None = None,
        *,
        radius: float | None = None,
        classes: int | None = None,
    ) -> None:
        if radius is not None:
            check_number("radius", radius, "above 0", lambda value: value > 0)
        if classes is not None:
            whole = "that is whole and at least 2"
            check_number("classes", classes, whole, lambda k: k >= 2 and k == int(k))
        self.radius, self.classes = radius, classes
        space = DEFAULT if space is None else space
        self.space = space_with_means(space) if radius is None else as_space(space)
        self.needs = self.space.needs | {"annotated"}
        if radius is None and classes is None:
            self.needs |= {"outputs"}

    def select(self, candidates: Candidates, n: int, generator: Generator) -> Tensor:
        points, known = self.space(candidates)
        radius = self.radius
        if radius is None:
            classes = self.classes or candidates.probabilities.shape[1]
            radius = pure_radius(points, int(classes), generator)
        return greedy(balls(points, known, float(radius)), known, n, generator)

    def __repr__(self) -> str:
        parts = ["" if repr(self.space) == repr(DEFAULT) else f"space={self.space!r}"]
        parts += [
            f"{name}={value!r}"
            for name, value in (("radius", self.radius), ("classes", self.classes))
            if value is not None
        ]
        return f"ProbCover({', '.join(filter(None, parts))})"


def balls(points: Points, known: Points | None, radius: float) -> Balls | Coverage:
    """By a bit for each pair, on a CPU with room for them; else by the kernel of being inside."""
    kernel = partial(inside, radius)
    if points.device.type != "cpu" or not fits(Balls.nbytes(len(points)), points.device):
        return Coverage(kernel, points, known=known)
    left = torch.ones(len(points), dtype=torch.bool)
    if known is not None:
        left = highest_value(kernel, points, known) < 1
    return Balls(points, radius, left)


def inside(radius: float, points: Points, others: Points) -> Tensor:
    """``(N, M)`` one where two points are closer than the radius, else zero."""
    squares = points.squared_distances(others)
    return torch.lt(squares, radius * radius, out=squares)


def pure_radius(points: Points, classes: int, generator: Generator) -> float:
    """The largest radius at which 95 % of the balls hold points of one k-means cluster alone.

    A ball is pure up to the distance of the nearest point of another cluster; infinite where
    there is one cluster only. Cost: O(N D (classes + min(N, 1000))) multiply-adds.
    """
    labels = kmeans([points], min(classes, len(points)), generator).labels
    rows = sample(points, PROBES, generator)
    probes, theirs = (points, labels) if rows is None else (points[rows], labels[rows])
    limits = torch.full((len(probes),), torch.inf, dtype=points.dtype, device=points.device)
    for part in blocks(probes):
        for others in blocks(points):
            squares = probes[part].squared_distances(points[others])
            squares.masked_fill_(theirs[part, None] == labels[others], torch.inf)
            limits[part] = limits[part].minimum(squares.amin(1))
    impure = int((1 - PURITY) * len(limits))
    return float(limits.sort().values[impure].sqrt())
