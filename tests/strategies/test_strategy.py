"""Strategies over a plain network: loss, optimizer, metrics, names."""

import copy

import lightning as L
import pytest
import torch
from torch import nn
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score

import alkit as al
from alkit.errors import ArgumentError, ConfigurationError
from alkit.testing import check_strategy

LOSS = torch.nn.functional.cross_entropy


def make(kind, pool, net, **options):
    if kind is al.AdversarialStrategy:
        layers = net()
        parts = layers[:3], layers[3], al.Discriminator(8, [4])
        return al.AdversarialStrategy(*parts, train_pool=pool, **options).build()
    return kind(net(), train_pool=pool, **options).build()


STRATEGIES = [al.Strategy, al.UniformStrategy, al.UncertaintyStrategy, al.AdversarialStrategy]


@pytest.mark.parametrize("kind", STRATEGIES)
def test_every_strategy_keeps_the_laws(kind, net):
    check_strategy(lambda pool, test: make(kind, pool, net, test=test, seed=3, batch_size=8))


@pytest.mark.parametrize("kind", STRATEGIES)
def test_loss_and_optimizer_are_used_by_every_strategy(kind, pool, net, quiet):  # fault 25
    calls = []

    def loss(y_hat, y):
        calls.append(len(y))
        return LOSS(y_hat, y)

    strategy = make(
        kind, pool, net, loss=loss, optimizer=al.SGD(lr=0.25), outputs="logits", batch_size=8
    )
    strategy.fit(max_steps=2, **quiet)
    assert calls == [8, 8]
    (optimizer,) = strategy.trainer.optimizers
    assert type(optimizer) is torch.optim.SGD
    assert optimizer.param_groups[0]["lr"] == 0.25
    trained = {id(p) for group in optimizer.param_groups for p in group["params"]}
    assert trained == {id(p) for p in strategy.parameters()}


@pytest.mark.parametrize("kind", STRATEGIES)
def test_a_step_is_a_batch_for_every_strategy_and_clipping_applies(  # faults 18, 29
    kind, pool, net, quiet
):
    strategy = make(kind, pool, net, optimizer=al.SGD(lr=1.0), batch_size=8, seed=0)
    before = copy.deepcopy(strategy.state_dict())
    strategy.fit(max_steps=5, gradient_clip_val=1e-3, **quiet)
    assert strategy.trainer.global_step == 5
    assert len(strategy.history.step_history["train_loss_step"]["value"]) == 5
    moved = sum(
        (p.detach() - before[name]).square().sum() for name, p in strategy.named_parameters()
    )
    assert 0 < moved.sqrt() <= 5e-3 + 1e-6


@pytest.mark.parametrize("kind", STRATEGIES)
def test_results_carry_both_names_and_the_loss(kind, pool, net, quiet, blobs):  # faults 30, 39
    accuracy = MulticlassAccuracy(3, average="micro")
    strategy = make(
        kind,
        pool,
        net,
        test=blobs(13, seed=9),
        test_batch_size=5,
        train_metrics=[accuracy],
        test_metrics=[accuracy, MulticlassF1Score(3)],
    )
    trainer = al.Trainer(max_epochs=2, **quiet)
    trainer.fit(strategy)
    for history in trainer.history, strategy.history:
        assert {"train_loss_epoch", "trainMulticlassAccuracy_epoch"} <= history.history.keys()
    results = strategy.test(**quiet)
    x, y = strategy.test_data.tensors
    model = copy.deepcopy(strategy.module.model).eval()
    expected = (model(x).argmax(1) == y).float().mean().item()
    for name in "testMulticlassAccuracy", "testMulticlassAccuracy_epoch":
        assert results[name] == pytest.approx(expected), name
    assert results["testMulticlassF1Score"] == results["testMulticlassF1Score_epoch"]
    assert results["test_loss_epoch"] == pytest.approx(LOSS(model(x), y).item(), rel=1e-4)
    assert strategy.test(**quiet) == results  # metrics start anew
    assert trainer.test(strategy, verbose=False)[0] == results


def test_metric_objects_are_not_shared(pool, net):  # fault 38
    accuracy = MulticlassAccuracy(3)
    first, second = (
        al.UniformStrategy(net(), pool, test_metrics=[accuracy]).build() for _ in range(2)
    )
    metrics = [s.module.test_metrics["testMulticlassAccuracy"] for s in (first, second)]
    assert len({id(accuracy), *map(id, metrics)}) == 3


def test_all_spell_their_test_data_alike(pool, net, blobs):  # fault 24
    for kind in STRATEGIES:
        assert make(kind, pool, net, test=blobs(3)).test_data is not None
        with pytest.raises(TypeError, match="test_data"):
            make(kind, pool, net, test_data=blobs(3))


def test_a_lightning_module_brings_its_own_training(pool, net, quiet):
    module = al.CategoricalClassifier(net(), optimizer=al.SGD(lr=0.5))
    strategy = al.Strategy(module, pool).build()
    assert strategy.module is module
    strategy.fit(max_steps=1, **quiet)
    assert strategy.trainer.optimizers[0].param_groups[0]["lr"] == 0.5
    with pytest.raises(ConfigurationError, match=r"give loss, optimizer to it"):
        al.Strategy(module, pool, loss=nn.CrossEntropyLoss(), optimizer=al.SGD())


def test_the_loss_declares_what_the_network_returns(pool, net):
    network = nn.Sequential(net(), nn.LogSoftmax(1))
    strategy = al.Strategy(network, pool, loss=nn.NLLLoss(), seed=0).build()
    plain = al.Strategy(net(), pool, seed=0).build()
    assert strategy.query(9).indices.tolist() == plain.query(9).indices.tolist()


def test_uncertainty_takes_its_criterion_second_and_needs_a_pool(pool, net):
    strategy = al.UncertaintyStrategy(net(), al.Entropy(), pool)
    assert repr(strategy.criterion) == "Entropy()"
    with pytest.raises(ConfigurationError, match="train_pool"):
        al.UncertaintyStrategy(net(), al.Margin())


def test_a_network_that_was_handed_in_is_the_one_that_is_trained(pool, net, quiet):
    network = net()
    strategy = al.UniformStrategy(network, pool).build()
    strategy.fit(max_steps=1, **quiet)
    assert not torch.equal(network[0].weight, net()[0].weight)


def test_the_same_recipe_serves_two_strategies(pool, net, quiet):  # fault 43
    adam = al.Adam(lr=0.1)
    strategies = [al.UniformStrategy(net(), pool, optimizer=adam, seed=0).build() for _ in "ab"]
    for strategy in strategies:
        strategy.fit(max_steps=2, **quiet)
    first, second = (s.module.model[0].weight for s in strategies)
    assert torch.equal(first, second)
    assert not torch.equal(first, net()[0].weight)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (None, "got None"),
        ([nn.Linear(2, 3)], r"nn\.Sequential\(\*layers\)"),
        (nn.Linear, "the class Linear"),
        ("resnet18", "got 'resnet18'"),
    ],
)
def test_what_is_no_network_is_refused_at_construction(wrong, message, pool):
    for make in (
        lambda: al.Strategy(wrong, pool),
        lambda: al.UncertaintyStrategy(wrong, al.Margin(), pool),
        lambda: al.strategies.LearningLossStrategy(wrong, pool),
        lambda: al.SemiSupervisedStrategy(wrong, pool),
        lambda: al.Classifier(wrong),
        lambda: al.Regressor(wrong),
        lambda: al.BinaryClassifier(wrong),
    ):
        with pytest.raises(ConfigurationError, match=rf"must be an nn\.Module.*{message}"):
            make()


@pytest.mark.parametrize("loss", ["ce", 3, nn.CrossEntropyLoss])
def test_what_is_no_loss_is_refused_at_construction(loss, pool, net):
    with pytest.raises(ConfigurationError, match="loss must be"):
        al.Strategy(net(), pool, loss=loss)


def test_a_lightning_module_whose_training_would_be_ignored_is_refused(pool, net):
    class Trains(L.LightningModule):
        def training_step(self, batch, batch_idx):
            return None

    class OnlyLayers(L.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = net()

        def forward(self, x):
            return self.net(x)

    with pytest.raises(ConfigurationError, match=r"Trains \('1\.0' of Sequential\).*samples=20"):
        al.Strategy(nn.Sequential(nn.ReLU(), nn.Sequential(Trains())), pool)
    al.Strategy(nn.Sequential(OnlyLayers()), pool, seed=0).build().query(3)


def test_a_misspelled_option_is_an_error_with_its_likely_name(pool, net, quiet):
    with pytest.raises(ArgumentError, match=r"Strategy has no argument 'criterium'.*'criterion'"):
        al.Strategy(net(), pool, criterium=al.Margin())
    with pytest.raises(ArgumentError, match=r"UniformStrategy has no .*'batch_size'"):
        al.UniformStrategy(net(), pool, batchsize=3)
    with pytest.raises(ArgumentError, match=r"Trainer has no argument 'max_epoch'.*'max_epochs'"):
        al.Strategy(net(), pool, seed=0).build().fit(max_steps=1, max_epoch=3, **quiet)
