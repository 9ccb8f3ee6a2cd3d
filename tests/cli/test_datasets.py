import numpy as np
import pytest
import torch
import torchvision
from sklearn.datasets import load_digits

from alkit.cli import datasets
from alkit.errors import DatasetMissingError


def test_the_digits_come_with_scikit_learn_and_are_split_without_overlap():
    train, test = datasets.load("digits")
    reference = load_digits()
    assert (len(train), len(test)) == (1297, 500)
    image, label = train[5]
    assert image.shape == (1, 8, 8)
    assert torch.equal(image[0] * 16, torch.as_tensor(reference.images[5], dtype=torch.float32))
    assert label == reference.target[5]
    assert test[499][1] == reference.target[-1]
    assert train.images.min() >= 0
    assert train.images.max() == 16


def test_mnist_is_torchvisions(data_dir):
    train, test = datasets.load("mnist", data_dir)
    reference = torchvision.datasets.MNIST(
        data_dir, train=False, transform=torchvision.transforms.ToTensor()
    )
    assert (len(train), len(test)) == (400, 100)
    assert torch.equal(test[17][0], reference[17][0])
    assert test[17][1] == reference[17][1]


def test_colors_come_first_in_a_color_image():
    images = np.zeros((2, 4, 5, 3), np.uint8)
    images[..., 1] = 255
    image, _ = datasets.Images(images, np.array([0, 1]))[0]
    assert image.shape == (3, 4, 5)
    assert image[1].min() == 1
    assert image[0].max() == 0


@pytest.mark.parametrize("name", ["mnist", "fashionmnist", "cifar10"])
def test_a_missing_dataset_says_where_it_was_looked_for(name, tmp_path):
    with pytest.raises(DatasetMissingError, match="--download"):
        datasets.load(name, tmp_path / "empty")
