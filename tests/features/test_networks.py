import numpy as np
import pytest
import torch
from torch import nn
from torchvision import models

from alkit.features.networks import described, network_names, without_last_layer


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "efficientnet_b0", "alexnet"])
def test_the_last_layer_is_found_in_networks_of_all_forms(name):
    with torch.device("meta"):
        network = models.get_model(name, weights=None)
        width = [part for part in network.modules() if isinstance(part, nn.Linear)][-1].in_features
        output = without_last_layer(network).eval()(torch.zeros(2, 3, 224, 224))
    assert output.shape == (2, width)


def test_names_are_those_of_classifiers():
    assert {"resnet18", "vit_b_16", "convnext_tiny"} <= set(network_names())
    assert "fasterrcnn_resnet50_fpn" not in network_names()


def test_functions_are_described_by_their_code_and_what_they_hold():
    def scaled(factor):
        return lambda x: x * factor

    functions = [scaled(1), scaled(2), lambda x: x + 1, lambda x: x + 2, np.sqrt, nn.ReLU()]
    assert len({described(function) for function in functions}) == 6
    assert described(scaled(1)) == described(scaled(1))
    assert described(nn.ReLU()) == "ReLU()"
