"""Named papers: functions that return a strategy made of alkit's parts.

Each takes the network, the pool and the options of ``Strategy``; ``features="layer.path"`` says
where the candidates are compared, by default what goes into the last part of a Sequential.
"""

from __future__ import annotations

from typing import Any

import lightning as L
from torch import nn
from typing_extensions import Unpack

from alkit.blocks import Ensemble, MCDropout
from alkit.criteria import BALD, EPIG, Criterion, Margin
from alkit.errors import ConfigurationError
from alkit.pool import ActiveLearningDataset
from alkit.querying import Auto
from alkit.selectors import (
    BatchBALD,
    ClusterMargin,
    Coral,
    GradientEmbedding,
    KCenter,
    KMeansPlusPlus,
    Power,
    ProbCover,
    TypiClust,
    UncertaintyHerding,
)
from alkit.strategies.strategy import Strategy, StrategyOptions

__all__ = [
    "auto",
    "badge",
    "bald",
    "batchbald",
    "cluster_margin",
    "committee",
    "coral",
    "coreset",
    "epig",
    "power_bald",
    "power_margin",
    "probcover",
    "typiclust",
    "uherding",
]


def badge(
    classifier: nn.Module, train_pool: ActiveLearningDataset, **options: Unpack[StrategyOptions]
) -> Strategy:
    """BADGE: k-means++ on the gradient embeddings of the last layer.

    Ash et al. 2020, "Deep batch active learning by diverse, uncertain gradient lower bounds",
    algorithm 1. Cost: see ``KMeansPlusPlus``.
    """
    return Strategy(classifier, train_pool, None, KMeansPlusPlus(GradientEmbedding()), **options)


def bald(
    classifier: nn.Module,
    train_pool: ActiveLearningDataset,
    *,
    samples: int = 20,
    **options: Unpack[StrategyOptions],
) -> Strategy:
    """BALD: what the label would tell of the model, by the masks of its dropout layers.

    Gal, Islam and Ghahramani 2017, "Deep Bayesian active learning with image data", section 3.
    One by one the picks are the best; as a batch they repeat each other, see ``power_bald``.
    Cost: see ``MCDropout``, which is put around the network.
    """
    return Strategy(_with_dropout(classifier, samples), train_pool, BALD(), **options)


def batchbald(
    classifier: nn.Module,
    train_pool: ActiveLearningDataset,
    *,
    samples: int = 20,
    **options: Unpack[StrategyOptions],
) -> Strategy:
    """BatchBALD: what the labels of the batch would tell together of the model.

    Kirsch, van Amersfoort and Gal 2019, "BatchBALD: Efficient and diverse batch acquisition for
    deep Bayesian active learning", section 3. For batches of up to about 10: with more, all that
    ``samples`` can differ in is soon told, see ``power_bald``. Cost: see ``MCDropout``, which is
    put around the network, and ``BatchBALD``.
    """
    return Strategy(_with_dropout(classifier, samples), train_pool, None, BatchBALD(), **options)


def committee(
    classifier: nn.Module,
    train_pool: ActiveLearningDataset,
    *,
    members: int = 5,
    criterion: Criterion | None = None,
    **options: Unpack[StrategyOptions],
) -> Strategy:
    """Query by committee: where networks that were trained apart contradict each other.

    By default in their divergence from their consensus, which is ``BALD()``: McCallum and Nigam
    1998, "Employing EM and pool-based active learning for text classification". ``VoteEntropy()``
    and, for consensus entropy, ``Entropy()`` are others. Steps of training are shared among the
    members. Cost: see ``Ensemble``, which is made of the network.
    """
    if isinstance(classifier, L.LightningModule):
        raise ConfigurationError(
            f"{type(classifier).__name__} is a LightningModule: make Ensemble(network, members) of "
            "the network in it, and give it to Strategy with the criterion BALD()."
        )
    rule = BALD() if criterion is None else criterion
    return Strategy(Ensemble(classifier, members), train_pool, rule, **options)


def coreset(
    classifier: nn.Module, train_pool: ActiveLearningDataset, **options: Unpack[StrategyOptions]
) -> Strategy:
    """Core-set: greedy k-centers of the features, what is annotated included.

    Sener and Savarese 2018, "Active learning for convolutional neural networks: a core-set
    approach", algorithm 1. Cost: see ``KCenter``.
    """
    return Strategy(classifier, train_pool, None, KCenter(), **options)


def epig(
    classifier: nn.Module,
    train_pool: ActiveLearningDataset,
    *,
    samples: int = 20,
    targets: Any = "unannotated",
    **options: Unpack[StrategyOptions],
) -> Strategy:
    """EPIG: expected information of a label about the predictions for other inputs, the targets.

    Bickford Smith et al. 2023, "Prediction-oriented Bayesian active learning", eq. 5. The targets
    are a dataset of inputs that matter, labeled or not; by default the unannotated samples. Cost:
    see ``MCDropout``, which wraps the network, and ``EPIG``.
    """
    return Strategy(_with_dropout(classifier, samples), train_pool, EPIG(targets), **options)


def typiclust(
    classifier: nn.Module, train_pool: ActiveLearningDataset, **options: Unpack[StrategyOptions]
) -> Strategy:
    """TypiClust: the most typical sample of each cluster that holds no label; for few labels.

    Hacohen et al. 2022, "Active learning on a budget: opposite strategies suit high and low
    budgets", algorithm 1; there the features are self-supervised. Cost: see ``TypiClust``.
    """
    return Strategy(classifier, train_pool, None, TypiClust(), **options)


def probcover(
    classifier: nn.Module, train_pool: ActiveLearningDataset, **options: Unpack[StrategyOptions]
) -> Strategy:
    """ProbCover: balls of one radius that cover as many samples as they can; for few labels.

    Yehuda et al. 2022, "Active learning through a covering lens", algorithm 1; there the features
    are self-supervised. Cost: see ``ProbCover``.
    """
    return Strategy(classifier, train_pool, None, ProbCover(), **options)


def uherding(
    classifier: nn.Module, train_pool: ActiveLearningDataset, **options: Unpack[StrategyOptions]
) -> Strategy:
    """Uncertainty herding: covers the features where the margin is small.

    Bae et al. 2025, "Uncertainty herding: one active learning method for all label budgets".
    Cost: see ``UncertaintyHerding``.
    """
    return Strategy(classifier, train_pool, Margin(), UncertaintyHerding(), **options)


def cluster_margin(
    classifier: nn.Module, train_pool: ActiveLearningDataset, **options: Unpack[StrategyOptions]
) -> Strategy:
    """Cluster-Margin: small margins, taken in turn from clusters of the features.

    Citovsky et al. 2021, "Batch active learning at scale", algorithm 2. Cost: see
    ``ClusterMargin``.
    """
    return Strategy(classifier, train_pool, Margin(), ClusterMargin(), **options)


def coral(
    classifier: nn.Module, train_pool: ActiveLearningDataset, **options: Unpack[StrategyOptions]
) -> Strategy:
    """Coral: greedy k-centers whose distances are weighted by the margin criterion.

    Known from Lightly's samplers. Cost: see ``Coral``.
    """
    return Strategy(classifier, train_pool, Margin(), Coral(), **options)


def power_margin(
    classifier: nn.Module,
    train_pool: ActiveLearningDataset,
    *,
    beta: float = 1.0,
    **options: Unpack[StrategyOptions],
) -> Strategy:
    """Power-margin: margins to the power ``beta`` as the weights of a draw; no repeats by chance.

    Kirsch et al. 2023, "Stochastic batch acquisition: a simple baseline for deep active
    learning", section 3. The probability of each pick is in the query. Cost: see ``Power``.
    """
    return Strategy(classifier, train_pool, Margin(), Power(beta), **options)


def power_bald(
    classifier: nn.Module,
    train_pool: ActiveLearningDataset,
    *,
    samples: int = 20,
    beta: float = 8.0,
    **options: Unpack[StrategyOptions],
) -> Strategy:
    """Power-BALD: BALD to the power ``beta`` as the weights of a draw; no repeats by chance.

    Kirsch et al. 2023, "Stochastic batch acquisition: a simple baseline for deep active
    learning", section 3. The probability of each pick is in the query. Cost: see ``MCDropout``,
    which is put around the network, and ``Power``.
    """
    return Strategy(_with_dropout(classifier, samples), train_pool, BALD(), Power(beta), **options)


def auto(
    classifier: nn.Module, train_pool: ActiveLearningDataset, **options: Unpack[StrategyOptions]
) -> Strategy:
    """Automatic choice of the selector before each query, by what is measured; see ``Auto``.

    Works from the first label on. ``query.why`` states the reason.
    """
    options.setdefault("acquisition", Auto())
    return Strategy(classifier, train_pool, **options)


def _with_dropout(classifier: nn.Module, samples: int) -> MCDropout:
    if isinstance(classifier, L.LightningModule):
        raise ConfigurationError(
            f"{type(classifier).__name__} is a LightningModule: put MCDropout(network, samples) "
            "around the network in it, and give it to Strategy with the criterion BALD()."
        )
    return MCDropout(classifier, samples)
