"""Named papers that presume good features, or combine other methods; see ``papers``.

``space=`` is the space in which candidates are compared; the papers use features of a network that
was pretrained without labels, and norm one. The default is that of each selector: the features of
the layer that ``features="layer.path"`` names.
"""

from __future__ import annotations

from torch import nn
from typing_extensions import Unpack

from alkit.blocks import MCDropout
from alkit.criteria import CoreMSE, Margin
from alkit.pool import ActiveLearningDataset
from alkit.querying import Acquisition, Phases, Tailor
from alkit.querying.tailor import arms
from alkit.selectors import (
    ActiveFT,
    Dcom,
    ExpectedErrorReduction,
    Refine,
    Space,
    TypiClust,
    UncertaintyHerding,
)
from alkit.selectors.refine import ensemble
from alkit.strategies.strategy import Strategy, StrategyOptions


def refine(
    classifier: nn.Module,
    train_pool: ActiveLearningDataset,
    *,
    space: Space | None = None,
    passes: int = 5,
    batches: int = 100,
    **options: Unpack[StrategyOptions],
) -> Strategy:
    """REFINE: progressive filtering by nine methods, then uncertainty herding of what remains.

    Huseljic, Herde, Rauch, Hahn and Sick 2026, "Cleaning the pool: progressive filtering of
    unlabeled pools in deep active learning". The network must end in a linear layer. ``passes`` and
    ``batches`` are the paper's; fewer cost less. Cost: see ``Refine``.
    """
    selector = Refine(ensemble(space), UncertaintyHerding(space), passes=passes, batches=batches)
    return Strategy(classifier, train_pool, Margin(), selector, **options)


def tcm(
    classifier: nn.Module,
    train_pool: ActiveLearningDataset,
    *,
    space: Space | None = None,
    rounds: int = 3,
    **options: Unpack[StrategyOptions],
) -> Strategy:
    """TCM: TypiClust for the initial set and the first rounds, then the margin.

    Doucet, Estermann, Aczel and Wattenhofer 2024, "Bridging diversity and uncertainty in active
    learning with self-supervised pre-training". They switch after a few rounds, whose number
    depends on the number of labels per round; the default is that of the comparisons of REFINE.
    Cost: see ``TypiClust``, then O(N).
    """
    phases = Phases(Acquisition(None, TypiClust(space)), Acquisition(Margin()), rounds=rounds)
    options.setdefault("acquisition", phases)
    return Strategy(classifier, train_pool, **options)


def activeft(
    classifier: nn.Module,
    train_pool: ActiveLearningDataset,
    *,
    space: Space | None = None,
    **options: Unpack[StrategyOptions],
) -> Strategy:
    """ActiveFT: candidates nearest to centers that are moved by gradient descent.

    Xie et al. 2023, "Active finetuning: exploiting annotation budget in the pretraining-finetuning
    paradigm". The whole budget is meant to be spent at once. Cost: see ``ActiveFT``.
    """
    return Strategy(classifier, train_pool, None, ActiveFT(space), **options)


def dcom(
    classifier: nn.Module,
    train_pool: ActiveLearningDataset,
    *,
    space: Space | None = None,
    radius: float | None = None,
    **options: Unpack[StrategyOptions],
) -> Strategy:
    """DCoM: coverage by balls of adaptive radii, and the margin the more they cover.

    Mishal and Weinshall 2024, "DCoM: active learning for all learners". Cost: see ``Dcom``.
    """
    return Strategy(classifier, train_pool, Margin(), Dcom(space, radius=radius), **options)


def expected_error(
    classifier: nn.Module, train_pool: ActiveLearningDataset, **options: Unpack[StrategyOptions]
) -> Strategy:
    """Expected error reduction: labels after which a linear head is least uncertain of the pool.

    Roy and McCallum 2001, "Toward optimal active learning through sampling estimation of error
    reduction", with the log loss, updates in closed form and the batches of Tan, Du and Buntine
    2021. The network must end in a linear layer. Cost: see ``ExpectedErrorReduction``.
    """
    return Strategy(classifier, train_pool, None, ExpectedErrorReduction(), **options)


def bemps(
    classifier: nn.Module,
    train_pool: ActiveLearningDataset,
    *,
    samples: int = 20,
    targets: object = "unannotated",
    **options: Unpack[StrategyOptions],
) -> Strategy:
    """BEMPS: expected change of the predictions for other inputs, by the squared error (CoreMSE).

    Tan, Du and Buntine 2021, "Diversity enhanced active learning with strictly proper scoring
    rules", with the highest scores instead of their clusters, and Monte Carlo dropout instead of an
    ensemble. With the log probability as score, it is ``epig``. Cost: see ``MCDropout``, which
    wraps the network, and ``CoreMSE``.
    """
    return Strategy(MCDropout(classifier, samples), train_pool, CoreMSE(targets), **options)


def tailor(
    classifier: nn.Module,
    train_pool: ActiveLearningDataset,
    *,
    space: Space | None = None,
    **options: Unpack[StrategyOptions],
) -> Strategy:
    """TAILOR: a bandit over six methods, rewarded for labels of rare classes; for skewed pools.

    Zhang, Shao, Verma and Nowak 2023, "Algorithm selection for deep active learning with imbalanced
    datasets". Cost: see ``Tailor``.
    """
    options.setdefault("acquisition", Tailor(arms(space), Margin()))
    return Strategy(classifier, train_pool, **options)
