"""Spaces in which candidates are compared: features, class probabilities, gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import torch
from torch import Tensor

from alkit.arguments import check_integer, meant
from alkit.errors import ConfigurationError, close
from alkit.prediction import Prediction, unchecked
from alkit.selectors.candidates import Candidates, needed
from alkit.selectors.geometry.axes import projected
from alkit.selectors.geometry.lazy import Lazy, Matrix, is_large
from alkit.selectors.geometry.norms import unit_rows
from alkit.selectors.geometry.points import Metric, Points

Factors = tuple[Matrix, ...]


class Space:
    """The space in which candidates are compared; subclasses override ``factors``.

    A call on candidates returns their points, and those of the annotated samples or None if nothing
    is annotated.
    """

    needs: frozenset[Any] = frozenset()
    metric: Metric = "euclidean"
    origin_is_known: bool = False
    """True if a candidate at the origin carries no information."""
    joint: bool = False
    """True if the point of a candidate depends on the others, as with principal components."""

    def factors(self, prediction: Prediction) -> Factors:
        """Matrices of N rows whose row-wise outer products are the points; see ``Points``."""
        raise NotImplementedError(f"{type(self).__name__} must define factors(prediction).")

    def __call__(self, candidates: Candidates) -> tuple[Points, Points | None]:
        parts = self._together(self.parts(candidates))
        if self.metric == "cosine":
            parts = [tuple(unit_rows(factor) for factor in factors) for factors in parts]
        ours, *others = [Points(factors, self.metric) for factors in parts]
        return ours, others[0] if others else None

    def parts(self, candidates: Candidates) -> list[Factors]:
        """Factors of the candidates, then those of the annotated samples if there are any."""
        if "features" in self.needs:
            _ = candidates.features  # its error explains how to get them
        known = candidates.prediction
        if "outputs" in self.needs and (known is None or known.task != "multilabel"):
            # so does this one, and one row is enough for it
            _ = candidates.probabilities if known is None else known[:1].mean_probabilities
        known = candidates.annotated
        predictions = [needed(candidates.prediction, "prediction")]
        predictions += [] if known is None or not len(known) else [known]
        return [self.factors(part) for part in predictions]

    def _together(self, parts: list[Factors]) -> list[Factors]:
        """Transform the factors of the candidates and the annotated samples jointly."""
        return parts

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class Features(Space):
    """The features of a layer, ``(N, D)``, under a distance of choice.

    Args:
        metric: ``"euclidean"``, ``"cosine"`` or ``"manhattan"``.
        normalize: whether to scale every row to norm one first.
        pca: number of principal components to project onto first, of candidates and annotated
            samples together. Cost: O(N D^2 + D^3).

    Raises:
        ConfigurationError: the metric is unknown, or ``pca`` is not an integer of at least 1.
    """

    needs = frozenset({"features"})

    def __init__(
        self, metric: Metric = "euclidean", *, normalize: bool = False, pca: int | None = None
    ) -> None:
        check_metric(metric)
        if pca is not None:
            pca = check_integer("pca", pca)
        self.metric = metric
        self.normalize = normalize
        self.pca = pca
        self.joint = pca is not None

    def factors(self, prediction: Prediction) -> Factors:
        features = as_matrix(prediction.features)
        return (unit_rows(features) if self.normalize else features,)

    def _together(self, parts: list[Factors]) -> list[Factors]:
        if self.pca is None or self.pca >= parts[0][0].shape[1]:
            return parts
        return [(part,) for part in projected([factors[0] for factors in parts], self.pca)]

    def __repr__(self) -> str:
        shown = [] if self.metric == "euclidean" else [repr(self.metric)]
        shown += ["normalize=True"] if self.normalize else []
        shown += [] if self.pca is None else [f"pca={self.pca}"]
        return f"Features({', '.join(shown)})"


class Probabilities(Space):
    """The class probabilities ``(N, C)``, averaged over posterior samples; euclidean.

    Of independent labels, the probability of each.
    """

    needs = frozenset({"outputs"})

    def factors(self, prediction: Prediction) -> Factors:
        return (_read(prediction, _mean_probabilities),)


class GradientEmbedding(Space):
    """The gradient of the loss at the predicted label in the last layer: ``(p - onehot) e'``.

    Its norm measures how uncertain the model is, and its direction in what way (Ash et al. 2020,
    "Deep batch active learning by diverse, uncertain gradient lower bounds", section 3). Its
    ``N x C D`` values are never formed: the two factors stay separate.

    Of C independent labels, it is that of the sum of their binary cross entropies at the predicted
    labels: ``(p - round(p)) e'``.
    """

    needs = frozenset({"outputs", "features"})
    origin_is_known = True

    def factors(self, prediction: Prediction) -> Factors:
        return _read(prediction, _residual), as_matrix(prediction.features)


def _residual(prediction: Prediction) -> Tensor:
    """Gradient ``(N, C)`` of the loss at the predicted label with respect to the logits."""
    p = _mean_probabilities(prediction)
    if prediction.task == "multilabel":
        return p - (p >= 0.5).to(p.dtype)
    residual = p.clone()
    residual.scatter_add_(1, p.argmax(1, keepdim=True), p.new_full((len(p), 1), -1.0))
    return residual


def _mean_probabilities(prediction: Prediction) -> Tensor:
    """Probabilities ``(N, C)`` of classes or labels, averaged over posterior samples."""
    if prediction.task == "multilabel":
        return as_float(prediction.label_probabilities.mean(1))
    return as_float(prediction.mean_probabilities)


def check_metric(metric: object) -> None:
    """Raise a ConfigurationError for an unknown metric."""
    if metric not in get_args(Metric):
        known, near = ", ".join(get_args(Metric)), close(str(metric), get_args(Metric))
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ConfigurationError(f"metric must be one of {known}, got {metric!r}.{hint}")


def as_space(space: Space | None) -> Space:
    """Return a space unchanged, and ``Features()`` for None.

    Raises:
        ConfigurationError: it is neither of these.
    """
    if space is None:
        return Features()
    if isinstance(space, Space):
        return space
    hint = meant(space, Space)
    if isinstance(space, str) and (near := close(space, get_args(Metric))):
        hint = f" Did you mean Features({near[0]!r})?"
    raise ConfigurationError(f"space must be a Space, such as Features(), got {space!r}.{hint}")


def shown(space: Space) -> str:
    """Text of a space as an argument in the ``repr`` of a selector; empty for the default."""
    return "" if repr(space) == "Features()" else f"space={space!r}"


def as_float(rows: Tensor | None) -> Tensor:
    """Convert rows to contiguous float32; float64 stays."""
    rows = torch.as_tensor(rows)
    return (rows if rows.dtype == torch.float64 else rows.float()).contiguous()


def as_matrix(rows: Tensor | None) -> Matrix:
    """Rows as contiguous float32 or float64; a large matrix is converted as rows are taken."""
    rows = torch.as_tensor(rows)
    first = as_float(rows[:1])
    held = first.dtype == rows.dtype and rows.is_contiguous()
    if held or not is_large(rows.numel() * first.element_size()):
        return as_float(rows)
    shape = len(rows), rows.shape[1]
    return Lazy(lambda some: as_float(rows[some]), shape, first.dtype, rows.device)


def _read(prediction: Prediction, function: Callable[[Prediction], Tensor]) -> Matrix:
    """Matrix of a function of each row of outputs; a large one is computed when rows are taken."""
    first = function(prediction[:1])
    if not is_large(len(prediction) * first.nbytes):
        return function(prediction)
    ids = prediction.ids.to(first.device)  # not moved with the rows of each block
    known = ids, prediction.outputs, prediction.kind, None, prediction.task
    outputs, shape = unchecked(*known), (len(prediction), first.shape[1])
    return Lazy(lambda rows: function(outputs[rows]), shape, first.dtype, first.device)
