import pytest
import torch
from torch import nn

from alkit.errors import FeaturesError
from alkit.querying.called import Calls
from alkit.querying.cut import cuts, one_tensor, replaced


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Dropout(0.5))
        self.head = nn.Linear(3, 2)
        self.backbone.requires_grad_(False)

    def forward(self, x):
        return self.head(self.backbone(x).square())


@pytest.fixture
def net():
    torch.manual_seed(0)
    return Net().eval()


def found(net, features=None, named=(None, None)):
    return list(cuts(Calls(net, lambda: net(torch.zeros(1, 4))), features, named))


def test_a_network_continues_from_the_features_at_a_cut(net):
    x = torch.randn(5, 4)
    for cut in found(net):
        with cut.captured() as features:
            whole = net(x)
        with cut.rest():
            again = net(features[0])
        assert torch.equal(again, whole), cut.name
        assert torch.equal(net(x), whole)


def test_the_first_cut_is_in_front_of_the_first_trained_part(net):
    assert found(net)[0].name == "input of head"
    assert found(net)[0].saves


def test_the_named_layer_is_the_only_cut(net):
    assert {cut.name for cut in found(net, named=("backbone.1", None))} == {"backbone.1"}


def test_there_is_no_cut_where_nothing_is_trained(net):
    net.requires_grad_(False)
    assert found(net) == []


def test_the_hash_depends_on_the_weights_before_the_cut_alone(net):
    cut = found(net)[0]
    before = cut.weights()
    net.head.weight.data += 1
    assert cut.weights() == before
    net.backbone[0].weight.data += 1
    assert cut.weights() != before


def test_a_forward_that_was_replaced_is_restored_after_an_error(net):
    own = net.head.__dict__.setdefault("forward", lambda x: x)
    with pytest.raises(ZeroDivisionError), replaced({net.head: abs, net.backbone: abs}):
        raise ZeroDivisionError
    assert net.head.__dict__["forward"] is own
    assert "forward" not in net.backbone.__dict__


@pytest.mark.parametrize("returned", [[], [(1, 2)], [torch.zeros(2, 3)], [torch.zeros(4, 3)] * 2])
def test_features_are_one_tensor_with_a_row_for_each_sample(returned):
    with pytest.raises(FeaturesError, match="layer is not a single tensor with one row per sample"):
        one_tensor(returned, 4, "layer")
