"""Spaces that do not change with training: features of the samples, not of the network."""

from __future__ import annotations

import os
from collections.abc import Set
from copy import copy
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from alkit.arguments import check_integer
from alkit.errors import ConfigurationError, PredictionError
from alkit.selectors.candidates import Candidates
from alkit.selectors.encoder import as_encoder
from alkit.selectors.geometry.points import Metric
from alkit.selectors.spaces import Factors, Space, as_matrix, check_metric


class Fixed(Space):
    """Features of the samples that do not change with training; subclasses declare them.

    For every selector with a space. A strategy computes them for the samples of its pool at the
    first query that needs them, and ``al.select`` for those of ``inputs=``. ``pool.features`` keeps
    them for all strategies on the same dataset, 4 N D bytes, in memory or, if they take more than
    half of what is free, in a temporary file. No network is asked for them at later queries: a
    selector that needs neither scores nor outputs makes no forward pass over the candidates.

    Args:
        metric: ``"euclidean"``, ``"cosine"`` or ``"manhattan"``.
        normalize: whether to scale every row to norm one, as bandwidths of 1 expect. Rows of one
            number, of which only the sign would be left, are divided by the largest one.

    Raises:
        ConfigurationError: the metric is unknown.
    """

    def __init__(self, metric: Metric = "euclidean", normalize: bool = True) -> None:
        check_metric(metric)
        self.metric, self.normalize = metric, bool(normalize)

    @property
    def needs(self) -> frozenset[Any]:  # type: ignore[override]  # a space is its own need
        return frozenset({self})

    @property
    def words(self) -> str:
        """The features in words, for ``query.why``."""
        return repr(self)

    def rows(self, candidates: Candidates) -> Tensor:
        """Rows ``(N, D)`` of the candidates.

        Raises:
            PredictionError: the candidates come without them.
        """
        fixed = candidates.fixed
        if fixed is None or self not in fixed.candidates:
            raise PredictionError(
                f"{self!r} needs features of the samples, and the candidates have none: a strategy "
                "computes them from its pool, and al.select from inputs=, or use Given(array)."
            )
        return fixed.candidates[self]

    def parts(self, candidates: Candidates) -> list[Factors]:
        ours, fixed = self.rows(candidates), candidates.fixed
        known = None if fixed is None else fixed.annotated.get(self)
        rows = [ours] if known is None or not len(known) else [ours, known]
        return [(as_matrix(part),) for part in rows]

    def __deepcopy__(self, memo: dict[int, Any]) -> Fixed:
        return self  # it never changes, and its features are kept for this very object

    def _shown(self, *first: str) -> str:
        shown = [*first, *([] if self.metric == "euclidean" else [f"metric={self.metric!r}"])]
        shown += [] if self.normalize else ["normalize=False"]
        return f"{type(self).__name__}({', '.join(shown)})"

    def __repr__(self) -> str:
        return self._shown()


class Inputs(Fixed):
    """Principal components of the inputs, or of the TF-IDF of texts.

    Inputs are numbers of any shape, flattened; images that are larger than 32 x 32 are scaled down
    to that first. If a few values have most of the variance, an effective number below 3, as where
    units differ, each is scaled to variance one. The components are fitted to 10,000 samples, drawn
    by a fixed seed, if there are more; of texts, those of TF-IDF. No label is read.

    Ids of tokens or categories are refused, since their components mean nothing: dicts with
    ``input_ids`` and the like, and integers of 16 bits or more, except 0 and 1, and pixels, which
    are 0 to 255 with two axes per sample or more. Bytes are pixels.

    Cost: two reads of the samples, O(n V d) for the n that are fitted to, with V values and d
    components; 8 n V bytes while it is fitted, and 4 N d to keep.

    Args:
        components: number of components, at least 1. Default: 50, or 100 of texts; fewer if the
            inputs have fewer values or the pool has fewer samples.
        metric, normalize: see ``Fixed``.

    Raises:
        ConfigurationError: ``components`` is not an integer of at least 1.
        FeaturesError: at a query, the inputs are not numbers or texts, are ids, are NaN or all the
            same, or the pool has fewer samples than ``components``.
    """

    def __init__(
        self,
        components: int | None = None,
        *,
        metric: Metric = "euclidean",
        normalize: bool = True,
    ) -> None:
        super().__init__(metric, normalize)
        self.components = None if components is None else check_integer("components", components)

    @property
    def words(self) -> str:
        return f"principal components of the inputs, {self!r}"

    def __repr__(self) -> str:
        return self._shown(*([] if self.components is None else [str(self.components)]))


class Frozen(Fixed):
    """Features of a frozen encoder: a network, or a transformer of scikit-learn.

        al.KCenter(al.Frozen(network))
        al.KCenter(al.Frozen("encoder.pt2"))

    A network is called in eval mode on what the strategy's own network gets, and returns ``(N,
    D)``. A path is that of a network that is saved by ``torch.jit.save`` or ``torch.export.save``.
    Pickled code in the file never runs, but the network is a program: take files that you trust. A
    name is that of a network of torchvision, without its last layer; it gets RGB images
    with values in [0, 1], or bytes, scaled to its size. Its weights are downloaded if they are not
    on this machine, which a line on the standard error output announces. A transformer that is not
    fitted is cloned, and fitted to 10,000 samples, drawn by a fixed seed, if there are more. It
    gets texts, or numbers as ``Inputs`` does, ids of categories too.

    Cost: one forward pass of the encoder over the pool, 4 N D bytes to keep, and a hash of its
    weights at each query. The features are computed again if the weights change.

    Args:
        encoder: a module, the path of a saved one, the name of a network of torchvision such as
            ``"resnet18"``, or an object with ``fit`` and ``transform``, such as
            ``make_pipeline(TfidfVectorizer(), TruncatedSVD(100))``.
        folder: folder in which the outputs of a network are also kept on disk for later runs, by
            content of the samples, by weights and by how the network prints; one per dataset.
            Default: none.
        metric, normalize: see ``Fixed``.

    Raises:
        ConfigurationError: the encoder is none of these; at a query, the strategy trains it.
        FeaturesError: there is no such file; at a query, it is damaged, or has weights alone or a
            pickled network; torchvision has no such network, or its weights are not on this machine
            and cannot be downloaded; the network is in training mode for good, as one that was
            traced in it; or the features are NaN or all the same.
    """

    def __init__(
        self,
        encoder: nn.Module | str | os.PathLike[str] | Any,
        *,
        folder: str | os.PathLike[str] | None = None,
        metric: Metric = "euclidean",
        normalize: bool = True,
    ) -> None:
        super().__init__(metric, normalize)
        self.encoder = as_encoder(encoder)
        self.folder = None if folder is None else Path(folder).absolute()
        if folder is not None and not isinstance(self.encoder, nn.Module | str | Path):
            raise ConfigurationError("folder= keeps the outputs of a network.")

    def __deepcopy__(self, memo: dict[int, Any]) -> Frozen:
        if id(self.encoder) not in memo:
            return self
        twin = copy(self)
        twin.encoder = memo[id(self.encoder)]  # part of a network that is copied as well
        return twin

    @property
    def words(self) -> str:
        return f"outputs of a frozen encoder, {self!r}"

    def __repr__(self) -> str:
        if isinstance(self.encoder, str | Path):
            return self._shown(repr(Path(self.encoder).name))
        return self._shown(type(self.encoder).__name__)


def fixed_needs(needs: Set[Any]) -> frozenset[Fixed]:
    """The spaces among the needs of a selector that do not change with training."""
    return frozenset(need for need in needs if isinstance(need, Fixed))
