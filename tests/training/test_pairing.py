"""Losses of the user's own: each output must meet its own target."""

from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional
from torch.utils.data import TensorDataset

import alkit as al
from alkit.errors import ConfigurationError, ShapeError
from alkit.training.losses import FUNCTIONS
from alkit.training.pairing import check_pairing

X = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
Y = X.sum(1)


class Squares(nn.Module):
    def forward(self, outputs, targets):
        return ((outputs - targets) ** 2).mean()


class Noisy(nn.Module):
    """A loss that draws random numbers, changes its state and has weights in float32."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, outputs, targets):
        self.calls += 1
        noise = 0.1 * torch.randn_like(outputs)
        return (self.weight * (outputs + noise - targets.reshape(outputs.shape)) ** 2).mean()


def concordance(outputs, targets):
    a, b = outputs.squeeze(1) - outputs.mean(), targets.squeeze() - targets.mean()
    apart = (outputs.mean() - targets.mean()) ** 2
    return 1 - 2 * (a * b).mean() / ((a * a).mean() + (b * b).mean() + apart)


def ranks(outputs, targets):
    o, y = outputs.flatten(), targets.flatten()
    return functional.softplus(-(o[:, None] - o) * (y[:, None] - y).sign()).mean()


def fitted(loss, targets, network=None, **options):
    torch.manual_seed(0)  # for the weights
    pool = al.ActiveLearningDataset(TensorDataset(X, targets))
    pool.annotate_random(20, seed=0)
    net = network or al.MultiLayerPerceptron(3, [8], 1)
    strategy = al.Strategy(
        net, pool, None, al.KCenter(), **{"loss": loss, "outputs": "values", "seed": 0, **options}
    ).build()
    strategy.fit(max_steps=2, enable_progress_bar=False)
    return strategy


@pytest.mark.parametrize("targets", [Y, Y + 1000, (10 * Y).long().abs()])
@pytest.mark.parametrize(
    "loss",
    [
        Squares(),
        partial(functional.mse_loss, reduction="sum"),
        lambda outputs, targets: (outputs - targets).abs().mean(),
        lambda outputs, targets: {"a": (outputs - targets).abs().mean()},
    ],
)
def test_flat_targets_against_a_column_are_an_error(loss, targets):
    with pytest.raises(ShapeError, match=r"outputs \(20, 1\) and targets \(20,\) are broadcast"):
        fitted(loss, targets)
    fitted(loss, targets[:, None])


def test_a_column_of_targets_against_flat_outputs_is_an_error():
    def loss(outputs, targets):
        return functional.l1_loss(outputs[:, 0], targets)

    fitted(loss, Y)
    with pytest.raises(ShapeError, match="whichever target"):
        fitted(loss, Y[:, None])
    pool = al.ActiveLearningDataset(TensorDataset(X, Y))
    pool.annotate_random(20, seed=0)
    model = al.Regressor(al.MultiLayerPerceptron(3, [8], 1), loss)  # its targets have (20, 1)
    strategy = al.Strategy(model, pool, None, al.KCenter(), seed=0).build()
    with pytest.raises(ShapeError, match="whichever target"):
        strategy.fit(max_steps=2, enable_progress_bar=False)


class Normal(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean, self.log = nn.Linear(3, 1), nn.Linear(3, 1)

    def forward(self, x):
        return self.mean(x), self.log(x).exp()


def test_a_mean_and_a_variance_meet_their_own_targets():
    def loss(returned, targets):
        return functional.gaussian_nll_loss(returned[0], targets, returned[1])

    read = {"outputs": lambda returned: al.Prediction.regression(*returned)}
    fitted(loss, Y[:, None], Normal(), **read)
    with pytest.raises(ShapeError, match=r"\(20, 1\) and \(20, 1\) and targets \(20,\)"):
        fitted(loss, Y, Normal(), **read)
    with pytest.raises(ConfigurationError, match="takes mean, target and variance: pass a func"):
        fitted(nn.GaussianNLLLoss(), Y, Normal(), **read)


@pytest.mark.parametrize("loss", [concordance, ranks, Noisy])
@pytest.mark.parametrize("targets", [Y[:, None], Y + 1000])
def test_losses_over_a_batch_and_random_ones_are_right(loss, targets):
    strategy = fitted(Noisy() if loss is Noisy else loss, targets)
    if loss is Noisy:
        assert strategy.module.loss.calls == 2  # one per step: the check has a copy


@pytest.mark.parametrize(
    "loss",
    [
        lambda outputs, targets: functional.cross_entropy(outputs, targets, label_smoothing=0.1),
        lambda outputs, targets: (outputs.softmax(1) ** 2).mean(),  # no targets
        lambda outputs, targets: (-outputs.log_softmax(1)[range(20), targets]).mean(),
    ],
)
def test_losses_of_classes_are_not_checked(loss):
    fitted(loss, (Y > 0).long(), al.MultiLayerPerceptron(3, [8], 2), outputs="logits")


ELEMENTWISE = [
    lambda o, y: functional.l1_loss(o, y),
    lambda o, y: functional.mse_loss(o, y),
    lambda o, y: functional.huber_loss(o, y),
    lambda o, y: torch.maximum(0.9 * (y - o), 0.1 * (o - y)).mean(),
    lambda o, y: (o - y).abs().log1p().mean(),
    lambda o, y: (o.exp() - y * o).mean(),
]


@settings(deadline=None, max_examples=60)
@given(
    n=st.integers(4, 40),
    scale=st.floats(1e-3, 1e3),
    offset=st.floats(-1e3, 1e3),
    seed=st.integers(0, 99),
    number=st.integers(0, 4),
)
def test_it_is_raised_if_and_only_if_shapes_broadcast(n, scale, offset, seed, number):
    generator = torch.Generator().manual_seed(seed)
    outputs = scale * torch.randn(n, 1, generator=generator) + offset
    targets = torch.randn(n, generator=generator)
    check_pairing(ELEMENTWISE[number], targets[:, None], outputs)
    check_pairing(ELEMENTWISE[number], targets, outputs[:, 0])
    with pytest.raises(ShapeError):
        check_pairing(ELEMENTWISE[number], targets, outputs)


def test_the_check_leaves_random_numbers_and_outputs_as_they_were():
    outputs, loss = torch.randn(8, 1, requires_grad=True), Noisy()
    before = torch.get_rng_state()
    check_pairing(loss, torch.randn(8, generator=torch.Generator().manual_seed(0)), outputs)
    assert torch.equal(torch.get_rng_state(), before)
    assert outputs.grad is None
    assert loss.calls == 0
    check_pairing(ELEMENTWISE[1], torch.zeros(8), torch.ones(8, 1))  # equal outputs: not known
    check_pairing(ELEMENTWISE[1], torch.zeros(3), torch.randn(3, 1))
    check_pairing(ELEMENTWISE[1], None, {"a": outputs})


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_loss_function_of_torch_is_its_module(function):
    loss = al.training.Application(function).loss
    assert type(loss) is FUNCTIONS[function]


def test_the_mean_squared_error_as_a_function_learns_what_the_module_learns():
    first, second = (fitted(loss, Y) for loss in (functional.mse_loss, nn.MSELoss()))
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, other)
