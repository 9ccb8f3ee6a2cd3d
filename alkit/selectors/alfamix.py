from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Generator, Tensor
from torch.nn.functional import cross_entropy

from alkit.errors import ConfigurationError
from alkit.selectors.candidates import Candidates
from alkit.selectors.dropquery import ROWS, logits_of
from alkit.selectors.geometry.clustering import space_with_means
from alkit.selectors.kmeans import medoids
from alkit.selectors.selector import Selector, check_number
from alkit.selectors.spaces import Features, Space

DEFAULT = Features(normalize=True)


class ALFAMix(Selector):
    """Medoids of the candidates whose guess flips when features of annotated ones are mixed in.

    Features z are mixed with an anchor z*, the mean of the annotated samples of a class, by a share
    of its own for each feature: ``z + alpha (z* - z)``. The shares that raise the loss at the guess
    the most have a closed form, ``alpha = epsilon / sqrt(D) |z* - z| g / |g| / (z* - z)`` for the
    gradient g of that loss: a step of ``epsilon / sqrt(D) |z* - z|`` along g, made without the
    division. A feature in which both agree stays. Parvaneh et al. 2022, "Active learning by
    feature mixing", equation 5 and Algorithm 1.

    Candidates whose guess flips for any anchor fall into n clusters by k-means; the nearest to each
    mean is picked. Where no more than n flip they are all picked, and others at random: all of
    them where nothing is annotated.

    Cost: that of the head and its gradient, and of the head once more for each of the C classes,
    on ``(N, D)``; that of ``KMeans`` on what flips, O(N n (D + 320)) at most. O(32 N + n D)
    memory.

    Args:
        space: as what candidates are compared: euclidean, or cosine. Default:
            ``Features(normalize=True)``.
        epsilon: how far features are mixed, as a share of the distance to the anchor; 0.2 in the
            paper.

    Raises:
        ConfigurationError: ``epsilon`` not above 0; a space of the manhattan distance; a head
            that is not differentiable.
        PredictionError: a head that does not return logits (N, C).
    """

    def __init__(self, space: Space | None = None, *, epsilon: float = 0.2) -> None:
        self.space = DEFAULT if space is None else space_with_means(space)
        check_number("epsilon", epsilon, "above 0", lambda epsilon: epsilon > 0)
        self.epsilon = epsilon
        self.needs = self.space.needs | {"features", "head", "annotated", "labels"}

    def select(self, candidates: Candidates, n: int, generator: Generator) -> Tensor:
        flipped = self._flipped(candidates).cpu()
        rows = flipped.nonzero().flatten()
        if len(rows) > n:
            unsteady = candidates.only(self.space.needs)[rows]
            return rows[medoids(self.space(unsteady)[0], None, n, generator)]
        others = (~flipped).nonzero().flatten()
        rows = rows[torch.randperm(len(rows), generator=generator)]
        others = others[torch.randperm(len(others), generator=generator)]
        return torch.cat([rows, others])[:n]

    def _flipped(self, candidates: Candidates) -> Tensor:
        """``(N,)`` whether the guess flips for any anchor."""
        features = candidates.features
        head: Callable[[Tensor], Tensor] = candidates.head  # type: ignore[assignment]
        if candidates.annotated is None or not len(candidates.annotated):
            return torch.zeros(len(features), dtype=torch.bool)
        anchors = _class_means(candidates.annotated.features, candidates.labels)  # type: ignore
        reach = self.epsilon / features.shape[1] ** 0.5
        return torch.cat([_flips(head, block, anchors, reach) for block in features.split(ROWS)])

    def __repr__(self) -> str:
        parts = ["" if repr(self.space) == repr(DEFAULT) else f"space={self.space!r}"]
        parts += [] if self.epsilon == 0.2 else [f"epsilon={self.epsilon}"]
        return f"ALFAMix({', '.join(filter(None, parts))})"


def _class_means(features: Tensor, labels: Tensor) -> Tensor:
    """The mean features of each class that there is, in float32 or float64."""
    classes, group = labels.to(features.device).unique(return_inverse=True)
    wide = features.to(torch.promote_types(features.dtype, torch.float32))
    return torch.stack([wide[group == number].mean(0) for number in range(len(classes))])


def _flips(head: Callable[[Tensor], Tensor], z: Tensor, anchors: Tensor, reach: float) -> Tensor:
    """``(M,)`` whether the guess flips for any anchor."""
    guesses, gradient = _guesses_and_gradient(head, z)
    norms = torch.linalg.vector_norm(gradient, dim=1, keepdim=True)
    direction = gradient / norms.clamp(min=torch.finfo(gradient.dtype).tiny)
    wide, flipped = z.to(gradient.dtype), torch.zeros_like(guesses, dtype=torch.bool)
    with torch.no_grad():
        for anchor in anchors:
            difference = anchor - wide
            steps = reach * torch.linalg.vector_norm(difference, dim=1, keepdim=True)
            mixed = torch.addcmul(wide, steps, direction).where(difference != 0, wide)
            flipped |= logits_of(head, mixed.to(z.dtype)).argmax(1) != guesses
    return flipped


def _guesses_and_gradient(
    head: Callable[[Tensor], Tensor], features: Tensor
) -> tuple[Tensor, Tensor]:
    """The guesses ``(M,)``, and the gradient ``(M, D)`` of the loss at them."""
    with torch.inference_mode(False), torch.enable_grad():
        z = features.detach().clone().requires_grad_()
        logits = logits_of(head, z)
        if not logits.requires_grad:
            raise ConfigurationError(
                "ALFAMix needs the gradient of the head, but the logits that it returns do not "
                "depend on its input in a way that autograd follows: give a head of torch "
                "operations that runs without torch.no_grad(), .detach() or numpy."
            )
        guesses = logits.argmax(1)
        loss = cross_entropy(logits, guesses, reduction="sum")
        gradient = torch.autograd.grad(loss, z)[0]
    return guesses, gradient.to(torch.promote_types(gradient.dtype, torch.float32))
