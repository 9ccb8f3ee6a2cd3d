import pytest
import torch

import alkit as al
from alkit.cli.networks import classifier_parts


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 32, 32)])
def test_the_parts_fit_the_images_and_each_other(shape):
    backbone, head, width = classifier_parts(shape, classes=7)
    network = al.Sequential(backbone, head).build()
    images = torch.rand(2, *shape)
    assert network[0](images).shape == (2, width)
    assert network(images).shape == (2, 7)
