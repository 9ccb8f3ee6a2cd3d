from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Generator, Tensor
from torch.nn.functional import cross_entropy

from alkit.arguments import check_number
from alkit.errors import ConfigurationError
from alkit.progress import reported
from alkit.selectors.candidates import Candidates, needed
from alkit.selectors.dropquery import ROWS, check_classes, for_head, logits_of
from alkit.selectors.geometry.clustering import space_with_means
from alkit.selectors.geometry.lazy import filled
from alkit.selectors.kmeans import medoids
from alkit.selectors.selector import Selector
from alkit.selectors.spaces import Features, Space

DEFAULT = Features(normalize=True)


class ALFAMix(Selector):
    """Medoids of the candidates whose predicted class flips when annotated features are mixed in.

    Features z are mixed with an anchor z*, the mean of the annotated samples of a class:
    ``z + alpha (z* - z)``, with a separate share alpha for each feature. The shares that raise the
    loss at the predicted class the most have a closed form,
    ``alpha = epsilon / sqrt(D) |z* - z| g / |g| / (z* - z)`` for the gradient g of that loss: a
    step of ``epsilon / sqrt(D) |z* - z|`` along g, computed without the division. Features in which
    z and z* agree stay unchanged. Parvaneh et al. 2022, "Active learning by feature mixing",
    equation 5 and Algorithm 1.

    k-means splits the candidates whose predicted class flips for any anchor into n clusters, and
    the nearest to each mean is picked. If at most n candidates flip, all of them are picked, and
    the others are drawn at random; with nothing annotated, all picks are random.

    Cost: the head and its gradient once, and the head once more for each of the C classes, on
    ``(N, D)``; ``KMeans`` on the candidates that flip, at most O(N n (D + 320)). O(32 N + n D)
    memory.

    Args:
        space: space in which candidates are compared: euclidean or cosine. Default:
            ``Features(normalize=True)``.
        epsilon: step size of the mixing, as a share of the distance to the anchor; 0.2 in the
            paper.

    Raises:
        ConfigurationError: ``epsilon`` is not above 0, the space has the manhattan distance, or the
            head is not differentiable.
        PredictionError: the head does not return logits (N, C), or those of exclusive classes.
    """

    def __init__(self, space: Space | None = None, *, epsilon: float = 0.2) -> None:
        self.space = DEFAULT if space is None else space_with_means(space)
        check_number("epsilon", epsilon, "a number above 0", lambda epsilon: epsilon > 0)
        self.epsilon = epsilon
        self.needs = self.space.needs | {"features", "head", "annotated", "labels"}

    def select(self, candidates: Candidates, n: int, generator: Generator) -> Tensor:
        check_classes(self, candidates)
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
        """``(N,)`` mask of the candidates whose predicted class flips for any anchor."""
        features = candidates.features
        annotated = candidates.annotated
        if annotated is None or not len(annotated):
            return torch.zeros(len(features), dtype=torch.bool)
        head, labels = needed(candidates.head, "head"), needed(candidates.labels, "labels")
        anchors = _class_means(needed(annotated.features, "features"), labels)
        reach = self.epsilon / features.shape[1] ** 0.5
        flips = (
            _flips(head, for_head(head, block), anchors, reach)
            for block in reported(features.split(ROWS))
        )
        return filled(flips, len(features))

    def __repr__(self) -> str:
        parts = ["" if repr(self.space) == repr(DEFAULT) else f"space={self.space!r}"]
        parts += [] if self.epsilon == 0.2 else [f"epsilon={self.epsilon}"]
        return f"ALFAMix({', '.join(filter(None, parts))})"


def _class_means(features: Tensor, labels: Tensor) -> Tensor:
    """Mean features of each class that occurs among the labels, in float32 or float64."""
    classes, group = labels.to(features.device).unique(return_inverse=True)
    wide = features.to(torch.promote_types(features.dtype, torch.float32))
    return torch.stack([wide[group == number].mean(0) for number in range(len(classes))])


def _flips(head: Callable[[Tensor], Tensor], z: Tensor, anchors: Tensor, reach: float) -> Tensor:
    """``(M,)`` mask of the rows whose predicted class flips for any anchor."""
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
    """Predicted classes ``(M,)``, and the gradient ``(M, D)`` of the loss at them."""
    with torch.inference_mode(False), torch.enable_grad():
        z = features.detach().clone().requires_grad_()
        logits = logits_of(head, z)
        if not logits.requires_grad:
            raise ConfigurationError(
                "ALFAMix needs the gradient of the head, but autograd cannot trace the logits that "
                "it returns back to its input: use a head of torch operations that runs without "
                "torch.no_grad(), .detach() or numpy."
            )
        guesses = logits.argmax(1)
        loss = cross_entropy(logits, guesses, reduction="sum")
        gradient = torch.autograd.grad(loss, z)[0]
    return guesses, gradient.to(torch.promote_types(gradient.dtype, torch.float32))
