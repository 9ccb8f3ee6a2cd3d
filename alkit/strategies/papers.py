"""Named papers: functions that return a strategy composed of alkit's parts.

Each takes the network, the pool and the options of ``Strategy``. ``features="layer.path"`` names
the layer whose output is used to compare candidates; the default is the input of the last part of
a Sequential.
"""

from __future__ import annotations

from torch import nn
from typing_extensions import Unpack

from alkit.blocks import Ensemble, MCDropout
from alkit.criteria import BALD, EPIG, Criterion, Margin
from alkit.pool import ActiveLearningDataset
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
from alkit.strategies.automatic import auto
from alkit.strategies.papers_of_pretrained import (
    activeft,
    bemps,
    dcom,
    expected_error,
    refine,
    tailor,
    tcm,
)
from alkit.strategies.regression import greedy_sampling, lcmd
from alkit.strategies.strategy import Strategy, StrategyOptions

__all__ = [
    "activeft", "auto", "badge", "bald", "batchbald", "bemps", "cluster_margin", "committee",
    "coral", "coreset", "dcom", "epig", "expected_error", "greedy_sampling", "lcmd", "power_bald",
    "power_margin", "probcover", "refine", "tailor", "tcm", "typiclust", "uherding",
]  # fmt: skip


def badge(
    classifier: nn.Module, train_pool: ActiveLearningDataset, **options: Unpack[StrategyOptions]
) -> Strategy:
    """BADGE: k-means++ on the gradient embeddings of the last layer.

    Ash et al. 2020, "Deep batch active learning by diverse, uncertain gradient lower bounds",
    algorithm 1, with one difference: the first pick is drawn in proportion to the squared norm of
    its gradient, where the paper's text draws it uniformly. Cost: see ``KMeansPlusPlus``.
    """
    return Strategy(classifier, train_pool, None, KMeansPlusPlus(GradientEmbedding()), **options)


def bald(
    classifier: nn.Module,
    train_pool: ActiveLearningDataset,
    *,
    samples: int = 20,
    **options: Unpack[StrategyOptions],
) -> Strategy:
    """BALD: information of a label about the model, estimated with Monte Carlo dropout.

    Gal, Islam and Ghahramani 2017, "Deep Bayesian active learning with image data", section 3.
    Each pick is the best on its own, but the picks of a batch are redundant; see ``power_bald``.
    Cost: see ``MCDropout``, which wraps the network.
    """
    return Strategy(MCDropout(classifier, samples), train_pool, BALD(), **options)


def batchbald(
    classifier: nn.Module,
    train_pool: ActiveLearningDataset,
    *,
    samples: int = 20,
    **options: Unpack[StrategyOptions],
) -> Strategy:
    """BatchBALD: joint information of the labels of a batch about the model.

    Kirsch, van Amersfoort and Gal 2019, "BatchBALD: Efficient and diverse batch acquisition for
    deep Bayesian active learning", section 3. For batches of up to about 10: more labels soon
    explain all differences between the ``samples``; see ``power_bald``. Cost: see ``MCDropout``,
    which wraps the network, and ``BatchBALD``.
    """
    return Strategy(MCDropout(classifier, samples), train_pool, None, BatchBALD(), **options)


def committee(
    classifier: nn.Module,
    train_pool: ActiveLearningDataset,
    *,
    members: int = 5,
    criterion: Criterion | None = None,
    **options: Unpack[StrategyOptions],
) -> Strategy:
    """Query by committee: disagreement between separately trained networks.

    By default, it is measured as their divergence from their consensus, which is ``BALD()``:
    McCallum and Nigam 1998, "Employing EM and pool-based active learning for text classification".
    Alternatives are ``VoteEntropy()`` and ``Entropy()``, the consensus entropy. The members share
    the training steps; those of a LightningModule are trained separately, for all steps each. Cost:
    see ``Ensemble``, which holds copies of the network.
    """
    rule = BALD() if criterion is None else criterion
    return Strategy(Ensemble(classifier, members), train_pool, rule, **options)


def coreset(
    classifier: nn.Module, train_pool: ActiveLearningDataset, **options: Unpack[StrategyOptions]
) -> Strategy:
    """Core-set: greedy k-centers of the features, including the annotated samples as centers.

    Sener and Savarese 2018, "Active learning for convolutional neural networks: a core-set
    approach", algorithm 1. Cost: see ``KCenter``.
    """
    return Strategy(classifier, train_pool, None, KCenter(), **options)


def epig(
    classifier: nn.Module,
    train_pool: ActiveLearningDataset,
    *,
    samples: int = 20,
    targets: object = "unannotated",
    **options: Unpack[StrategyOptions],
) -> Strategy:
    """EPIG: expected information of a label about the predictions for other inputs, the targets.

    Bickford Smith et al. 2023, "Prediction-oriented Bayesian active learning", eq. 5. The targets
    are a dataset of relevant inputs, labeled or not; by default the unannotated samples. Cost: see
    ``MCDropout``, which wraps the network, and ``EPIG``.
    """
    return Strategy(MCDropout(classifier, samples), train_pool, EPIG(targets), **options)


def typiclust(
    classifier: nn.Module, train_pool: ActiveLearningDataset, **options: Unpack[StrategyOptions]
) -> Strategy:
    """TypiClust: the most typical sample of each cluster without a label; for few labels.

    Hacohen et al. 2022, "Active learning on a budget: opposite strategies suit high and low
    budgets", algorithm 1, which uses self-supervised features. Cost: see ``TypiClust``.
    """
    return Strategy(classifier, train_pool, None, TypiClust(), **options)


def probcover(
    classifier: nn.Module, train_pool: ActiveLearningDataset, **options: Unpack[StrategyOptions]
) -> Strategy:
    """ProbCover: balls of equal radius that cover the most samples; for few labels.

    Yehuda et al. 2022, "Active learning through a covering lens", algorithm 1, which uses
    self-supervised features. Cost: see ``ProbCover``.
    """
    return Strategy(classifier, train_pool, None, ProbCover(), **options)


def uherding(
    classifier: nn.Module, train_pool: ActiveLearningDataset, **options: Unpack[StrategyOptions]
) -> Strategy:
    """Uncertainty herding: coverage of the features, weighted by the margin criterion.

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
    """Power-margin: random draws weighted by the margin score to the power ``beta``.

    The randomness makes the picks of a batch less redundant. Kirsch et al. 2023, "Stochastic batch
    acquisition: a simple baseline for deep active learning", section 3. The query contains the
    probability of each pick. Cost: see ``Power``.
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
    """Power-BALD: random draws weighted by the BALD score to the power ``beta``.

    The randomness makes the picks of a batch less redundant. Kirsch et al. 2023, "Stochastic batch
    acquisition: a simple baseline for deep active learning", section 3. The query contains the
    probability of each pick. Cost: see ``MCDropout``, which wraps the network, and ``Power``.
    """
    return Strategy(MCDropout(classifier, samples), train_pool, BALD(), Power(beta), **options)
