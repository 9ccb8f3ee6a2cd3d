from __future__ import annotations

import torch
from torch import Generator, Tensor

from alkit.progress import report
from alkit.selectors.candidates import Candidates
from alkit.selectors.geometry.points import Points
from alkit.selectors.selector import Selector
from alkit.selectors.spaces import Space, as_space, shown


class KMeansPlusPlus(Selector):
    """k-means++ sampling: each pick is drawn by its squared distance to the nearest pick so far.

    This is the seeding of k-means++ (Arthur & Vassilvitskii 2007, "k-means++: the advantages of
    careful seeding", section 2.2), whose first pick is uniform. In the space of gradients,
    ``KMeansPlusPlus(GradientEmbedding())``, it is BADGE (Ash et al. 2020, "Deep batch active
    learning by diverse, uncertain gradient lower bounds", Algorithm 1), with one difference: a
    gradient of zero carries no information, so the origin counts as a pick from the start. The
    first pick is then drawn in proportion to its squared norm; in the paper's text it is uniform.

    Annotated samples are ignored. Among candidates that all equal a pick, the choice is uniform.
    Probabilities of the picks are not returned, as they would need every distance.

    Lazy, but exact: candidates are drawn by distances that miss the latest picks, and accepted with
    the probability true / assumed. Cost: O(N D), and O(n D) for each candidate drawn this way. All
    are compared with all picks, O(N n D), only if this is cheaper. Memory: O(N + n D) beyond the
    inputs.

    Args:
        space: space in which candidates are compared. Default: ``Features()``.
    """

    def __init__(self, space: Space | None = None) -> None:
        self.space = as_space(space)
        self.needs = self.space.needs

    def select(self, candidates: Candidates, n: int, generator: Generator) -> Tensor:
        points, _ = self.space(candidates.alone())
        return d2_sampling(points, n, generator, origin=self.space.origin_is_known)

    def __repr__(self) -> str:
        return f"KMeansPlusPlus({shown(self.space)})"


def d2_sampling(
    points: Points, n: int, generator: Generator, origin: bool = False, batch: int = 256
) -> Tensor:
    """Draw ``n`` positions, each in proportion to the squared distance to its nearest pick.

    Args:
        points: N candidates.
        n: number of picks, at most N.
        generator: source of all random numbers.
        origin: whether the origin counts as a pick from the start.
        batch: largest number of candidates drawn at a time; the distribution does not depend on it.
    """
    if origin:
        picked, assumed = [], points.squared_norms.double()
    else:
        picked = [int(torch.randint(len(points), (1,), generator=generator))]
        assumed = points.reach(_rows(points, picked)).square_()
    sums, current, spent = assumed.cumsum(0), len(picked), 0
    while len(picked) < n and sums[-1] > 0:
        report(len(picked), n)
        missed = len(picked) - current
        if spent > len(points) * max(missed, 16):  # as costly as comparing all of them
            assumed = assumed.minimum(points.reach(_rows(points, picked[current:])).square_())
            sums, current, spent = assumed.cumsum(0), len(picked), 0
            continue
        size = min(batch, 2 * (n - len(picked)) + 6)
        spent += size * (missed + 64)
        chance = torch.rand(2, size, generator=generator, dtype=torch.float64).to(points.device)
        rows = torch.searchsorted(sums, chance[0] * sums[-1], right=True)
        rows = rows.clamp_(max=len(points) - 1)
        drawn, before = points[rows], assumed[rows]
        true = before
        if missed:
            true = true.minimum(drawn.nearest(_rows(points, picked[current:])).square_())
        between = drawn.squared_distances(drawn).double()
        accepted = _accepted(true.cpu(), (chance[1] * before).cpu(), between.cpu())
        picked += rows[accepted].tolist()
    free = torch.ones(len(points), dtype=torch.bool)
    free[picked] = False
    others = free.nonzero().flatten()
    order = torch.randperm(len(others), generator=generator)
    return torch.cat([torch.tensor(picked, dtype=torch.long), others[order]])[:n]


def _accepted(true: Tensor, bars: Tensor, between: Tensor) -> list[int]:
    """Accepted draws, one after the other; each takes those accepted before it into account."""
    accepted, start = [], 0
    while len(hits := (bars[start:] < true[start:]).nonzero()):
        accepted.append(start + int(hits[0]))
        true = true.minimum(between[accepted[-1]])
        start = accepted[-1] + 1
    return accepted


def _rows(points: Points, picked: list[int]) -> Points:
    return points[torch.tensor(picked, device=points.device)]
