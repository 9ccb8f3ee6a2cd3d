import numpy as np
import pytest

import alkit as al
from alkit.cli.arms import Arm
from alkit.cli.datasets import Images


def images(shape):
    pixels = np.random.default_rng(0).integers(0, 256, size=(30, *shape))
    return Images(pixels, np.arange(30) % 10)


@pytest.mark.parametrize("shape", [(8, 8), (28, 28, 3)])
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("uniform", al.UniformStrategy),
        ("uncertainty", al.UncertaintyStrategy),
        ("adversarial", al.AdversarialStrategy),
    ],
)
def test_each_strategy_fits_the_images_and_asks(shape, name, kind):
    data = images(shape)
    strategy = Arm(name, "entropy", 2, data)(al.ActiveLearningDataset(data), 3)
    assert type(strategy) is kind
    strategy.train_pool.annotate(range(12))
    strategy.build().fit(max_epochs=1, enable_progress_bar=False)
    assert len(strategy.query(4)) == 4


def test_the_linear_network_is_softmax_regression():
    data = images((8, 8))
    strategy = Arm("uniform", "margin", 2, data, "linear")(
        al.ActiveLearningDataset(data), 0
    ).build()
    assert [tuple(p.shape) for p in strategy.parameters()] == [(10, 64), (10,)]


@pytest.mark.parametrize("name", ["margin", "entropy", "least-confidence", "ratio"])
def test_the_criterion_is_that_of_its_name(name):
    data = images((8, 8))
    strategy = Arm("uncertainty", name, 2, data)(al.ActiveLearningDataset(data), 0)
    assert repr(strategy.criterion).lower() == f"{name.replace('-', '')}()"
