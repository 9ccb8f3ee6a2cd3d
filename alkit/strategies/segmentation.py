"""Methods for segmentation: functions that return a strategy composed of alkit's parts.

Each takes a network that returns a class for each pixel, ``(N, C, H, W)``, a pool whose labels are
masks ``(H, W)``, and the options of ``Strategy``. With ``Regions``, the samples are tiles of
images.
"""

from __future__ import annotations

from torch import nn
from typing_extensions import Unpack

from alkit.criteria import Each, Entropy, TopShare
from alkit.pool import ActiveLearningDataset
from alkit.selectors import KCenter, Prefilter
from alkit.strategies.strategy import Strategy, StrategyOptions

__all__ = ["diverse_pixel_entropy", "mean_pixel_entropy", "top_pixel_entropy"]


def mean_pixel_entropy(
    segmenter: nn.Module, train_pool: ActiveLearningDataset, **options: Unpack[StrategyOptions]
) -> Strategy:
    """Mean entropy of the pixels of an image or tile.

    The entropy baseline of Mackowiak et al. 2018, "CEREALS: Cost-effective region-based active
    learning for semantic segmentation", and of Colling et al. 2020, "MetaBox+". Cost: that of
    ``Entropy`` for all pixels, batch by batch.
    """
    options.setdefault("outputs", "segmentation")
    return Strategy(segmenter, train_pool, Each(Entropy()), **options)


def top_pixel_entropy(
    segmenter: nn.Module,
    train_pool: ActiveLearningDataset,
    *,
    share: float = 0.05,
    **options: Unpack[StrategyOptions],
) -> Strategy:
    """Mean entropy of a share of the pixels, those of highest entropy.

    Small objects, and the lines between classes, then count as much as large ones. Cost: that of
    ``TopShare``, O(M log M) for M pixels.
    """
    options.setdefault("outputs", "segmentation")
    return Strategy(segmenter, train_pool, Each(Entropy(), TopShare(share)), **options)


def diverse_pixel_entropy(
    segmenter: nn.Module,
    train_pool: ActiveLearningDataset,
    *,
    factor: float = 4,
    **options: Unpack[StrategyOptions],
) -> Strategy:
    """Mean entropy of the pixels for a shortlist of ``factor * n``, then k-centers among these.

    The two steps of Yang et al. 2017, "Suggestive annotation: A deep active learning framework for
    biomedical image segmentation", with the entropy of one network for the variance of several,
    and the k-centers of Sener and Savarese 2018 for the representatives. ``features="layer.path"``
    names the layer whose maps, averaged over their places, are compared; unless the network is a
    Sequential, it is needed. Cost: see ``Prefilter``.
    """
    options.setdefault("outputs", "segmentation")
    selector = Prefilter(factor, KCenter())
    return Strategy(segmenter, train_pool, Each(Entropy()), selector, **options)
