"""Strategies of ``alkit compare``, over networks that fit the images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn
from torchmetrics.classification import MulticlassAccuracy

import alkit as al
from alkit.blocks import Block
from alkit.cli.datasets import Images
from alkit.cli.names import ARMS, build, imported, named, parse
from alkit.cli.networks import classifier_parts, linear_classifier
from alkit.selectors import BatchBALD

SAMPLED = (
    "bald",
    "batchbald",
    "bemps",
    "epig",
    "power-bald",
)  # these wrap the network in MCDropout


@dataclass(frozen=True)
class Arm:
    """A factory ``(pool, seed) -> strategy``.

    Args:
        text: expression of the strategy, such as ``"badge"`` or ``"rank(margin) + rank(entropy)"``.
        criterion: expression of the uncertainty of the ``uncertainty`` and ``adversarial`` arms.
        steps: gradient steps per round.
        test: the test images, whose size and classes decide the network.
        network: ``"default"`` or ``"linear"``.
    """

    text: str
    criterion: str
    steps: int
    test: Images
    network: str = "default"

    def __call__(self, pool: al.ActiveLearningDataset, seed: int) -> al.ActiveLearner:
        shape, classes = self.test.images.shape[1:], self.test.num_classes
        name, arguments = named(parse(self.text))
        options: dict[str, Any] = {
            "test": self.test,
            "test_metrics": [MulticlassAccuracy(num_classes=classes, average="micro")],
            "optimizer": al.Adam(lr=3e-3),
            "batch_size": 32,
            "steps_per_epoch": self.steps,  # a round is one epoch: the same batches, less overhead
            "test_batch_size": 256,
            "seed": seed,
            **arguments,
        }
        if name in ("uncertainty", "adversarial"):
            options.setdefault("criterion", build(parse(self.criterion)))
        if self.network == "linear":
            return al.UniformStrategy(linear_classifier(shape, classes), pool, **options)
        backbone, head, width = classifier_parts(shape, classes)
        if name == "adversarial":
            critic = al.Discriminator(width)
            return al.AdversarialStrategy(backbone, head, critic, pool, **options)
        network: Block = al.Sequential(backbone, head)
        if name in SAMPLED or _needs_samples(arguments):
            dropout = al.Layer(nn.Dropout, p=0.5)
            network = al.Sequential(backbone, al.Sequential(dropout, head))
            network = network if name in SAMPLED else al.MCDropout(network)
        return imported(ARMS[name])(network, train_pool=pool, **options)


def _needs_samples(arguments: dict[str, Any]) -> bool:
    criterion, selector = arguments.get("criterion"), arguments.get("selector")
    terms = () if criterion is None else criterion.terms
    return isinstance(selector, BatchBALD) or any(term.disagreement for term in terms)
