from __future__ import annotations

from functools import partial

import torch
from torch import Generator, Tensor

from alkit.arguments import check_number
from alkit.hardware import check_memory
from alkit.selectors.candidates import Candidates, Picks, needed
from alkit.selectors.geometry.balls import Apart, Balls
from alkit.selectors.geometry.centered import Centered
from alkit.selectors.geometry.clustering import kmeans, space_with_means
from alkit.selectors.geometry.coverage import (
    Coverage,
    blocks,
    fits,
    greedy,
    highest_value,
    raising,
    sample,
)
from alkit.selectors.geometry.points import Points
from alkit.selectors.large_pool import SIZE, Rows, groups_of, nearest
from alkit.selectors.part import completed_in_part, is_large_pool
from alkit.selectors.selector import Selector
from alkit.selectors.spaces import Features, Space, as_space

PURITY = 0.95  # share of the balls that hold points of a single cluster
PROBES = 1000  # balls from which the radius is found

# the features in the paper have norm one
DEFAULT = Features(normalize=True)


class ProbCover(Selector):
    """Greedy covering: the ball of each pick holds the most candidates that no ball holds yet.

    A ball holds all that is closer than ``radius``; the balls of the annotated samples count from
    the start. Yehuda, Dekel, Hacohen & Weinshall 2022, "Active learning through a covering lens",
    Algorithm 1. For few labels. Once everything is covered, picks are the farthest from all others,
    as in ``KCenter``; a radius that covers everything early is too large.

    The default radius is the largest at which 95 % of the balls are pure. A pure ball holds points
    of a single k-means cluster, with as many clusters as classes (section 4.2 of the paper). The
    radius is found from the balls around 1,000 candidates drawn at random, or around all if there
    are fewer.

    If there are more than 65,536 candidates, k-means splits them into about N / 2,048 groups, and a
    ball holds only candidates of its own group. The picks then cover at least ``1 - 1 / e`` of what
    any n such balls could hold. ``query.why`` states it. The default radius is still that of all.

    Cost: O(N^2 D) multiply-adds, for half of the pairs; with groups, O(N D (N / 2,048 + 2,048)),
    and O(1,000 N D) for the default radius. Memory: with groups, 256 N bytes if they are equally
    large. Without groups, N^2 / 8 bytes for the graph of the balls, and one and a half times that
    of the features; 4 N^2 bytes on a GPU. If there is no room for these (4 GiB, and half of what is
    free), O(N) beyond the features; each candidate that gets covered is then compared with all
    others once more.

    Args:
        space: space in which candidates are compared: euclidean or cosine, or any with a given
            ``radius``. Default: ``Features(normalize=True)``.
        radius: radius of the balls, above 0, in the distance of the space. Default: found by
            purity.
        classes: number of clusters. Default: number of classes of the outputs.

    Raises:
        ConfigurationError: ``radius`` is not above 0, ``classes`` is not an integer of at least 2,
            or the space has the manhattan distance and no radius is given.
        NotEnoughMemoryError: the balls of a large pool do not fit into memory.
    """

    def __init__(
        self,
        space: Space | None = None,
        *,
        radius: float | None = None,
        classes: int | None = None,
    ) -> None:
        if radius is not None:
            check_number("radius", radius, "a number above 0", lambda value: value > 0)
        if classes is not None:
            whole = "an integer of at least 2"
            check_number("classes", classes, whole, lambda k: k >= 2 and k == int(k))
        self.radius, self.classes = radius, classes
        space = DEFAULT if space is None else space
        self.space = space_with_means(space) if radius is None else as_space(space)
        self.needs = self.space.needs | {"annotated"}
        if radius is None and classes is None:
            self.needs |= {"outputs"}

    def select(self, candidates: Candidates, n: int, generator: Generator) -> Tensor | Picks:
        if is_large_pool(candidates):
            return self._of_large(candidates, n, generator)
        points, known = self.space(candidates)
        radius = self.radius
        if radius is None:
            classes = self.classes or candidates.probabilities.shape[1]
            radius = pure_radius(points, int(classes), generator)
        return greedy(balls(points, known, float(radius)), known, n, generator)

    def _of_large(self, candidates: Candidates, n: int, generator: Generator) -> Picks:
        points = Rows(self.space, candidates)
        radius = self.radius
        if radius is None:
            classes = int(self.classes or candidates.probabilities.shape[1])
            radius = pure_radius_of_large(points, classes, generator)
        groups = groups_of(points, torch.arange(len(points)), generator)
        nbytes = sum(Balls.nbytes(len(group)) for group in groups)
        what = f"{self!r} among {len(points):,} candidates"
        check_memory(nbytes, "cpu", what, "Use al.Prefilter(factor, ProbCover()).")
        found = (within(points[group], points.known, float(radius)) for group in groups)
        picks = raising(Apart(groups, found), n, generator)
        picks = completed_in_part(self.space, candidates, picks, n, generator)
        return Picks(picks, note=f"balls within groups of about {SIZE:,} candidates")

    def __repr__(self) -> str:
        parts = ["" if repr(self.space) == repr(DEFAULT) else f"space={self.space!r}"]
        parts += [
            f"{name}={value!r}"
            for name, value in (("radius", self.radius), ("classes", self.classes))
            if value is not None
        ]
        return f"ProbCover({', '.join(filter(None, parts))})"


def balls(points: Points, known: Points | None, radius: float) -> Balls | Coverage:
    """Balls with one bit per pair, on a CPU with room for them; else balls by their kernel."""
    if points.device.type != "cpu" or not fits(Balls.nbytes(len(points)), points.device):
        return Coverage(partial(inside, radius), points, known=known)
    return within(points, known, radius)


def within(points: Points, known: Points | None, radius: float) -> Balls:
    """Balls with one bit per pair; the balls of the annotated samples are covered already."""
    left = torch.ones(len(points), dtype=torch.bool)
    if known is not None:
        left = highest_value(partial(inside, radius), points, known).cpu() < 1
    return Balls(points, radius, left)


def inside(radius: float, points: Points, others: Points) -> Tensor:
    """``(N, M)``: one where two points are closer than the radius, else zero.

    Exact, as the bits of ``Balls``: a radius found by purity is the distance of a pair.
    """
    moved = (part._moved(points._shift) for part in (points, others))
    ours, theirs = (Centered(part.matrices, part.metric) for part in moved)
    return ours.closer(theirs, radius).to(points.dtype)


def pure_radius(points: Points, classes: int, generator: Generator) -> float:
    """Largest radius at which 95 % of the balls hold points of a single k-means cluster.

    A ball is pure up to the distance of the nearest point of another cluster, which is infinite if
    there is only one cluster. Cost: O(N D (classes + min(N, 1000))) multiply-adds.
    """
    labels = kmeans([points], min(classes, len(points)), generator).labels
    rows = sample(points, PROBES, generator)
    probes, theirs = (points, labels) if rows is None else (points[rows], labels[rows])
    return _pure(_impure(probes, theirs, points, labels))


def pure_radius_of_large(points: Rows, classes: int, generator: Generator) -> float:
    """Pure radius of a large pool, whose clusters are found from a part of the points."""
    drawn = points[points.drawn(generator)]
    clusters = kmeans([drawn], classes, generator)
    centers, rows = clusters.centers, sample(drawn, PROBES, generator)
    probes = drawn if rows is None else drawn[rows]
    theirs, limits = nearest(probes, centers)[0], None
    for _, part in points.chunks(torch.arange(len(points))):
        found = _impure(probes, theirs, part, nearest(part, centers)[0])
        limits = found if limits is None else limits.minimum(found)
    return _pure(needed(limits, "points"))


def _impure(probes: Points, theirs: Tensor, points: Points, labels: Tensor) -> Tensor:
    """Squared distance of each probe to the nearest point with another label."""
    limits = torch.full((len(probes),), torch.inf, dtype=points.dtype, device=points.device)
    for part in blocks(probes):
        for others in blocks(points):
            squares = probes[part].squared_distances(points[others])
            squares.masked_fill_(theirs[part, None] == labels[others], torch.inf)
            limits[part] = limits[part].minimum(squares.amin(1))
    return limits


def _pure(limits: Tensor) -> float:
    impure = int((1 - PURITY) * len(limits))
    return float(limits.sort().values[impure].sqrt())
