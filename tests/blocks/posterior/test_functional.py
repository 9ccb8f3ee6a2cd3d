"""A dropout called as a function beside dropout layers: refused, never left off in silence."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import alkit as al
from alkit.errors import ConfigurationError

X = torch.randn(7, 6)


class Both(nn.Module):
    """A layer of dropout, and another one called as a function."""

    def __init__(self, function):
        super().__init__()
        self.drop, self.body, self.head = nn.Dropout(0.3), nn.Linear(6, 6), nn.Linear(6, 3)
        self.function = function

    def forward(self, x):
        return self.head(self.function(self.body(self.drop(x)), self.training))


REFUSED = {
    "dropout": lambda x, training: F.dropout(x, 0.5, training),
    "dropout by name": lambda x, training: F.dropout(x, p=0.5, training=training),
    "default rate": lambda x, training: F.dropout(x, training=training),
    "torch": lambda x, training: torch.dropout(x, 0.5, training),
    "alpha": lambda x, training: F.alpha_dropout(x, 0.5, training=training),
    "in place": lambda x, training: F.dropout(x, 0.5, training, True),
}


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("function", REFUSED.values(), ids=REFUSED.keys())
def test_a_dropout_called_as_a_function_is_refused_with_its_line(function, at_once):
    block = al.MCDropout(Both(function), samples=3).build()
    block.train()(X)
    block.eval()._at_once = at_once
    for _ in range(2):  # also when the first error was caught
        with (
            torch.no_grad(),
            pytest.raises(
                ConfigurationError,
                match=r"dropout\(p=0.5\) in test_functional.py, line \d+: .* layer",
            ),
        ):
            block(X)
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in block.modules())


ALLOWED = {
    "no rate": lambda x, training: F.dropout(x, 0.0, training),
    "another function": lambda x, training: F.relu(x),
    "another layer": lambda x, training: nn.Dropout(0.0).train(training)(x),
}


@pytest.mark.parametrize("function", ALLOWED.values(), ids=ALLOWED.keys())
def test_other_functions_are_left_alone(function):
    block = al.MCDropout(Both(function), samples=3).build().eval()
    with torch.no_grad():
        first, second = block(X), block(X)
    assert torch.equal(first, second)
    assert not torch.equal(first[:, 0], first[:, 1])


def test_a_class_that_drops_in_its_own_way_is_not_left_off_either():
    class Own(nn.Module):
        def forward(self, x):
            return F.dropout(x, 0.2, self.training)

    net = nn.Sequential(nn.Dropout(0.5), nn.Linear(6, 6), Own(), nn.Linear(6, 2))
    with pytest.raises(ConfigurationError, match=r"F.dropout\(p=0.2\)"):
        al.MCDropout(net).build().predict(X)
