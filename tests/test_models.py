import time

import pytest
import torch
from torch import nn
from torchvision.models import resnet18

import alkit as al
from alkit.models import BackboneResnet18


@pytest.fixture(scope="module")
def backbone() -> BackboneResnet18:
    return BackboneResnet18(in_channels=1).build().eval()


@pytest.mark.parametrize("count", [1, 2])
def test_a_batch_keeps_its_axis(backbone, count):  # fault 32
    assert backbone(torch.zeros(count, 1, 28, 28)).shape == (count, 512)


def test_without_pooling_the_features_are_a_map(backbone):
    whole = BackboneResnet18(in_channels=1, pool_output=False).build().eval()
    whole.load_state_dict(backbone.state_dict())
    x = torch.linspace(-1, 1, 2 * 32 * 32).reshape(2, 1, 32, 32)
    assert whole(x).shape == (2, 512, 4, 4)
    torch.testing.assert_close(whole(x).mean(dim=(2, 3)), backbone(x))


def test_it_is_torchvisions_network_after_the_stem():
    torch.manual_seed(0)
    reference = resnet18().eval()
    torch.manual_seed(0)
    ours = BackboneResnet18().build().eval()
    reference.conv1, reference.maxpool, reference.fc = (
        ours.resnet.conv1,
        nn.Identity(),
        nn.Identity(),
    )
    x = torch.linspace(-1, 1, 3 * 32 * 32).reshape(1, 3, 32, 32)
    assert torch.equal(ours(x), reference(x))
    assert ours.resnet.conv1.stride == (1, 1)


def test_the_biases_of_its_normalizations_start_at_zero(backbone):  # fault 46
    norms = [part for part in backbone.modules() if isinstance(part, nn.BatchNorm2d)]
    assert len(norms) == 20
    assert all((norm.bias == 0).all() and (norm.weight == 1).all() for norm in norms)


def test_it_is_initialized_and_copied_like_other_blocks():  # fault 47
    recipe = BackboneResnet18(in_channels=1).initialize(al.initializers.Kaiming())
    assert not list(recipe.parameters())
    net = al.Sequential(recipe, al.MultiLayerPerceptron(512, [], 3))
    assert net.create().predict(torch.zeros(3, 1, 16, 16), batch_size=2).shape == (3, 3)


def test_it_is_constructed_and_built_quickly():  # fault 59
    taken = []
    for _ in range(3):
        start = time.process_time()
        BackboneResnet18().build()
        taken.append(time.process_time() - start)
    assert min(taken) < 1.0
