"""The strategies of ``alkit compare``, over networks that fit the images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torchmetrics.classification import MulticlassAccuracy

import alkit as al
from alkit.cli.datasets import Images
from alkit.cli.networks import classifier_parts, linear_classifier

CRITERIA = {
    "margin": al.Margin,
    "entropy": al.Entropy,
    "least-confidence": al.LeastConfidence,
    "ratio": al.Ratio,
}


@dataclass(frozen=True)
class Arm:
    """A factory ``(pool, seed) -> strategy``.

    Args:
        name: of the strategy.
        criterion: the uncertainty, by its name.
        steps: gradient steps a round.
        test: the test images, which say how large the network must be.
        network: ``"default"`` or ``"linear"``.
    """

    name: str
    criterion: str
    steps: int
    test: Images
    network: str = "default"

    def __call__(self, pool: al.ActiveLearningDataset, seed: int) -> al.ActiveLearner:
        shape = self.test.images.shape[1:]
        criterion = CRITERIA[self.criterion]()
        options: dict[str, Any] = {
            "test": self.test,
            "test_metrics": [MulticlassAccuracy(num_classes=10, average="micro")],
            "optimizer": al.Adam(lr=3e-3),
            "batch_size": 32,
            "steps_per_epoch": self.steps,  # a round is one epoch: the same batches, less ado
            "test_batch_size": 256,
            "seed": seed,
        }
        if self.network == "linear":
            return al.UniformStrategy(linear_classifier(shape, classes=10), pool, **options)
        backbone, head, width = classifier_parts(shape, classes=10)
        if self.name == "adversarial":
            critic = al.Discriminator(width)
            return al.AdversarialStrategy(backbone, head, critic, pool, criterion, **options)
        network = al.Sequential(backbone, head)
        if self.name == "uncertainty":
            return al.UncertaintyStrategy(network, criterion, pool, **options)
        return al.UniformStrategy(network, pool, **options)
