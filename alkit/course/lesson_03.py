"""Checks of lesson 3: a recipe, independent networks with equal weights, a critic."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from alkit.blocks import Block, MultiLayerPerceptron
from alkit.errors import AnswerError


def backbone(answer: Callable[[], Any]) -> str:
    """03-a: the recipe of a backbone, (N, 1, 8, 8) to (N, 24)."""
    recipe = _block(answer(), built=False)
    net = recipe.create()
    kinds = Counter(type(part).__name__ for part in net.modules())
    channels = [part.out_channels for part in net.modules() if isinstance(part, nn.Conv2d)]
    if channels != [8, 16, 24]:
        raise AnswerError(f"the convolutions should have 8, 16 and 24 channels, not {channels}.")
    if kinds["MaxPool2d"] != 2:
        raise AnswerError(f"two of the blocks should have a MaxPool2d; {kinds['MaxPool2d']} have.")
    if kinds["ReLU"]:
        raise AnswerError(f"{kinds['ReLU']} activations are still a ReLU.")
    if kinds["Tanh"] != 2:
        raise AnswerError(f"two of the blocks should have a Tanh; {kinds['Tanh']} have.")
    order = [type(part).__name__ for part in net.modules()]
    order = [name for name in order if name in ("Conv2d", "MaxPool2d", "Tanh")]
    if order != ["Conv2d", "Tanh", "MaxPool2d", "Conv2d", "Tanh", "MaxPool2d", "Conv2d"]:
        raise AnswerError(
            f"from first to last, the layers are {', '.join(order)}. Which blocks have a pool, and "
            "which an activation?"
        )
    shape = tuple(net(torch.zeros(2, 1, 8, 8)).shape)
    if shape != (2, 24):
        raise AnswerError(f"images (2, 1, 8, 8) become {shape}, not features (2, 24).")
    return "You can configure a slice of blocks in the same way as a single block."


def twins(answer: Callable[[Any], Any]) -> str:
    """03-b: two built networks with equal weights that share nothing."""
    recipe = MultiLayerPerceptron(3, [4], 2)
    found = answer(recipe)
    if not isinstance(found, tuple | list) or len(found) != 2:
        raise AnswerError(f"the answer should be two networks, not {type(found).__name__}.")
    first, second = (_block(net, built=True) for net in found)
    if not _unbuilt(recipe):
        raise AnswerError("the recipe itself was built; create networks from it instead.")
    pairs = list(zip(first.parameters(), second.parameters(), strict=True))
    if first is second or any(a is b or a.data_ptr() == b.data_ptr() for a, b in pairs):
        raise AnswerError("the two are one and the same: training one would change the other.")
    if not all(torch.equal(a, b) for a, b in pairs):
        raise AnswerError("their weights differ: they were drawn separately.")
    if not any(a.abs().sum() > 0 for a, _ in pairs):
        raise AnswerError("all weights are 0; keep the random initial weights.")
    return "`compare` starts each trial in this way, with equal weights for every strategy."


def critic(answer: Callable[[], Any]) -> str:
    """03-c: one number per sample, independent of the batch, with a hidden layer."""
    made = answer()
    if made is None:
        raise AnswerError("the answer is None: is a return statement missing?")
    if not isinstance(made, nn.Module):
        raise AnswerError(f"the answer should be an nn.Module, not {type(made).__name__}.")
    net = made.create() if isinstance(made, Block) and _unbuilt(made) else made
    rng = torch.Generator().manual_seed(0)
    features = torch.randn(6, 24, generator=rng)
    with torch.no_grad():
        scores = net.train()(features)
        if tuple(scores.shape) != (6, 1):
            raise AnswerError(f"features (6, 24) become {tuple(scores.shape)}, not (6, 1).")
        if not torch.allclose(net(features), scores):
            raise AnswerError(
                "the same features get a different number each time the critic is in training mode."
            )
        if not torch.allclose(net(features[:2]), scores[:2], atol=1e-6):
            raise AnswerError("the number of a sample depends on the other samples of its batch.")
        middle = net((features[:3] + features[3:]) / 2)
        if torch.allclose(middle, (scores[:3] + scores[3:]) / 2, atol=1e-6):
            raise AnswerError("it is a linear function of the features: is a hidden layer missing?")
    return "For such a critic, the gradient with respect to one sample is well defined."


def _block(made: object, built: bool) -> Block:
    """Check that the answer is a block that is built, or not built, as required."""
    if made is None:
        raise AnswerError("the answer is None: is a return statement missing?")
    if not isinstance(made, Block):
        raise AnswerError(f"expected an alkit block, got {type(made).__name__}.")
    if _unbuilt(made) == built:
        raise AnswerError("it is not built yet." if built else "it is built; return the recipe.")
    return made


def _unbuilt(block: Block) -> bool:
    return not block._built


CHECKS = {"03-a": backbone, "03-b": twins, "03-c": critic}
