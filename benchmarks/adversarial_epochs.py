"""The courses' loop, with only its imports changed: epochs of the adversarial strategy on MNIST.

    python benchmarks/adversarial_epochs.py

The books count an epoch of the adversarial strategy over the whole pool, and one of any other over
the annotated samples. 2,560 images, the same 120 annotated, 5 epochs, batches of 128, the courses'
convolutional network: 100 steps of the adversarial strategy, 5 of Uniform. The record,
``results/adversarial_epochs.json``, has the accuracy on 2,000 test images for each seed. On one
core: about two minutes.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import torch
import torchvision
from torch.utils.data import Subset
from torchmetrics import Accuracy

import alkit as al

DATA = Path(os.environ.get("ALKIT_DATA", "../shared/data"))
RECORD = Path(__file__).parent / "results/adversarial_epochs.json"
IMAGES, LABELS, EPOCHS, SEEDS = 2560, 120, 5, 3


def mnist(train: bool, n: int) -> Subset:
    to_tensor = torchvision.transforms.ToTensor()
    return Subset(torchvision.datasets.MNIST(DATA, train=train, transform=to_tensor), range(n))


def backbone() -> al.ConvolutionalNeuralNetwork:
    network = al.ConvolutionalNeuralNetwork(1, [64] * 4, 128)
    network.blocks[1:].pool.configure(torch.nn.MaxPool2d, kernel_size=2)
    network.blocks[-1].append(al.Layer(torch.nn.AdaptiveAvgPool2d, output_size=1))
    network.blocks[-1].append(al.Layer(torch.nn.Flatten))
    return network


def accuracy(adversarial: bool, seed: int) -> dict[str, float]:
    """Steps and test accuracy after ``EPOCHS`` epochs on ``LABELS`` labels."""
    torch.manual_seed(seed)
    pool = al.ActiveLearningDataset(mnist(True, IMAGES), cache=True)
    pool.annotate_random(LABELS, seed=seed)
    head = al.MultiLayerPerceptron(128, [], 10)
    options = {
        "train_pool": pool,
        "test": mnist(False, 2000),
        "batch_size": 128,
        "test_metrics": [Accuracy(task="multiclass", num_classes=10)],
        "seed": seed,
    }
    if adversarial:
        strategy = al.AdversarialStrategy(
            backbone(), head, al.Discriminator(128), criterion=al.Margin(), **options
        )
    else:
        strategy = al.UniformStrategy(al.Sequential(backbone(), head), **options)
    trainer = al.Trainer(max_epochs=EPOCHS, enable_progress_bar=False)
    trainer.fit(strategy.build())
    (results,) = trainer.test(strategy, verbose=False)
    return {"steps": trainer.global_step, "accuracy": round(results["testMulticlassAccuracy"], 4)}


def main() -> None:
    torch.set_num_threads(1)
    record = {
        name: [accuracy(adversarial, seed) for seed in range(SEEDS)]
        for name, adversarial in (("uniform", False), ("adversarial", True))
    }
    for name, rows in record.items():
        print(
            name, *(f"{row['accuracy']:.3f} after {row['steps']} steps" for row in rows), sep="  "
        )
    RECORD.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
