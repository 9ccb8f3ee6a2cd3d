"""Named papers for boxes, keypoints and tokens: functions that return a strategy.

Each is a criterion of a row and a reduction to one score per sample. The first argument is the
user's own LightningModule or a network, the second the pool; the options are those of ``Strategy``.
``outputs=`` may be given where the model returns something else than the default reads.
"""

from __future__ import annotations

from functools import partial

from torch import nn
from typing_extensions import Unpack

from alkit.blocks import MCDropout
from alkit.criteria import (
    BALD,
    ClassWeight,
    Constant,
    Each,
    Entropy,
    LeastConfidence,
    Margin,
    MinEntropy,
    Variance,
)
from alkit.criteria.each import Reduce
from alkit.errors import ConfigurationError
from alkit.pool import ActiveLearningDataset
from alkit.prediction import Prediction
from alkit.querying.heatmaps import peaks, positions
from alkit.strategies.strategy import Strategy, StrategyOptions
from alkit.training.losses import output_kind, task_of

__all__ = [
    "box_disagreement",
    "class_weighted_sum",
    "heatmap_spread",
    "least_confident_box",
    "mean_token_entropy",
    "mnlp",
    "multi_peak_entropy",
    "number_of_objects",
    "one_versus_two",
    "total_token_entropy",
]


def least_confident_box(
    detector: nn.Module, train_pool: ActiveLearningDataset, **options: Unpack[StrategyOptions]
) -> Strategy:
    """Least confident box: an image scores as its most uncertain box.

    Without class probabilities, a box is most uncertain at a score of one half. Brust, Käding and
    Denzler 2019, "Active learning for deep object detection", has this maximum. Cost: O(M).
    """
    options.setdefault("outputs", "detection")
    return Strategy(detector, train_pool, Each(LeastConfidence(), "max"), **options)


def one_versus_two(
    detector: nn.Module,
    train_pool: ActiveLearningDataset,
    *,
    reduce: Reduce = "sum",
    **options: Unpack[StrategyOptions],
) -> Strategy:
    """1 versus 2: ``(1 - (p1 - p2))^2`` of each box, as their sum, mean (average) or maximum.

    Brust, Käding and Denzler 2019, "Active learning for deep object detection". Without class
    probabilities, p2 is that of "none of these". The sum favors images with many boxes. Cost:
    O(M C).
    """
    options.setdefault("outputs", "detection")
    return Strategy(detector, train_pool, Each(Margin() * Margin(), reduce), **options)


def class_weighted_sum(
    detector: nn.Module,
    train_pool: ActiveLearningDataset,
    num_classes: int,
    **options: Unpack[StrategyOptions],
) -> Strategy:
    """Sum over the boxes of 1 versus 2, weighted by the class: rare classes count more.

    Brust, Käding and Denzler 2019, "Active learning for deep object detection". The boxes of each
    class are counted in the labels of the pool, which are dicts with ``"labels"``.

    Args:
        detector, train_pool: as for the other functions.
        num_classes: number of classes; labels are ``0 .. num_classes - 1``, and the background
            counts if it has a number, as in torchvision.
        **options: the options of ``Strategy``.
    """
    options.setdefault("outputs", partial(Prediction.detection, num_classes=num_classes))
    boxes = Margin() * Margin() * ClassWeight(num_classes)
    return Strategy(detector, train_pool, Each(boxes, "sum"), **options)


def number_of_objects(
    detector: nn.Module,
    train_pool: ActiveLearningDataset,
    *,
    threshold: float = 0.5,
    **options: Unpack[StrategyOptions],
) -> Strategy:
    """Number of boxes with a score of at least ``threshold``; a baseline without a paper."""
    options.setdefault("outputs", partial(Prediction.detection, threshold=threshold))
    return Strategy(detector, train_pool, Each(Constant(1), "sum"), **options)


def box_disagreement(
    detector: nn.Module,
    train_pool: ActiveLearningDataset,
    *,
    samples: int = 20,
    reduce: Reduce = "max",
    **options: Unpack[StrategyOptions],
) -> Strategy:
    """Disagreement of MC dropout about each box: whether it is there, and its label.

    Boxes of the posterior samples are matched by their overlap, see ``Prediction.detection``, and
    each object has the mutual information (BALD) between its label and the model. Feng et al.
    2019, "Deep active learning for efficient training of a lidar 3D object detector"; for the
    matching, Miller et al. 2019, "Evaluating merging strategies for sampling-based uncertainty
    techniques in object detection". Disagreement about the corners counts only where it is so large
    that boxes no longer overlap. The detector needs a dropout layer; one that it calls once per
    image has other masks at each place of a batch, unless ``test_batch_size=1``. Cost: see
    ``MCDropout``; O(B m) per image, for B boxes of all samples and m objects.
    """
    options.setdefault("outputs", "detection")
    return Strategy(MCDropout(detector, samples), train_pool, Each(BALD(), reduce), **options)


def multi_peak_entropy(
    network: nn.Module, train_pool: ActiveLearningDataset, **options: Unpack[StrategyOptions]
) -> Strategy:
    """Multi-peak entropy: that of the peaks of each heatmap, summed over the keypoints.

    The heights of the peaks, by softmax, are the probabilities of the places. Liu and Ferrari 2017,
    "Active learning for human pose estimation". Cost: O(P H W) per sample.
    """
    options.setdefault("outputs", peaks)
    return Strategy(network, train_pool, Each(Entropy(), "sum"), **options)


def heatmap_spread(
    network: nn.Module, train_pool: ActiveLearningDataset, **options: Unpack[StrategyOptions]
) -> Strategy:
    """Variance of the position of a keypoint under its heatmap, averaged over the keypoints.

    In squared pixels; heatmaps are logits of the places, as a cross-entropy over the places trains
    them. Without a paper. Cost: O(P H W) per sample.

    Raises:
        ConfigurationError: the loss trains the height of each place by itself, so that the softmax
            over the places has no meaning; unless ``outputs=`` is given.
    """
    loss = options.get("loss") or getattr(network, "loss", None)
    if "outputs" not in options and (output_kind(loss) == "values" or task_of(loss)):
        raise ConfigurationError(
            f"heatmaps are read as logits of the places, and {type(loss).__name__} trains the "
            "height of each place by itself: use multi_peak_entropy, a cross-entropy over the "
            "places, or outputs=lambda maps: positions(log-probabilities of the places)."
        )
    options.setdefault("outputs", positions)
    return Strategy(network, train_pool, Each(Variance()), **options)


def mean_token_entropy(
    network: nn.Module, train_pool: ActiveLearningDataset, **options: Unpack[StrategyOptions]
) -> Strategy:
    """Mean over the tokens of the entropy of their class.

    Settles and Craven 2008, "An analysis of active learning strategies for sequence labeling
    tasks" (token entropy); tokens are independent here. Cost: O(T C) per sample.
    """
    options.setdefault("outputs", "tokens")
    return Strategy(network, train_pool, Each(Entropy()), **options)


def total_token_entropy(
    network: nn.Module, train_pool: ActiveLearningDataset, **options: Unpack[StrategyOptions]
) -> Strategy:
    """Sum over the tokens of the entropy of their class: long texts score higher.

    Settles and Craven 2008, "An analysis of active learning strategies for sequence labeling
    tasks" (total token entropy); tokens are independent here. Cost: O(T C) per sample.
    """
    options.setdefault("outputs", "tokens")
    return Strategy(network, train_pool, Each(Entropy(), "sum"), **options)


def mnlp(
    network: nn.Module, train_pool: ActiveLearningDataset, **options: Unpack[StrategyOptions]
) -> Strategy:
    """MNLP: the log-probability of the most likely tags, divided by the length, negated.

    Shen et al. 2018, "Deep active learning for named entity recognition". The most
    likely tag of each token stands for the best sequence, without a decoder. Cost: O(T C) per
    sample.
    """
    options.setdefault("outputs", "tokens")
    return Strategy(network, train_pool, Each(MinEntropy()), **options)
