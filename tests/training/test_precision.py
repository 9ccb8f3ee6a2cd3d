"""After a fit in another precision the strategy is as before it, and queries during it work."""

import lightning as L
import pytest
import torch
from torch import nn

import alkit as al
from alkit.training.precision import as_weights, dtypes_of, give_back

TRUE = {"bf16-true": torch.bfloat16, "64-true": torch.float64, "16-true": torch.float16}


@pytest.fixture
def make(pool, net, blobs):
    def make(**options):
        options = {"seed": 0, "optimizer": al.SGD(lr=0.1), "test": blobs(12, seed=9), **options}
        return al.Strategy(net(), pool, **options).build()

    return make


@pytest.mark.parametrize("precision", [*TRUE, "bf16-mixed"])
def test_queries_tests_fits_and_resets_work_after_and_within_a_fit(precision, make, quiet):
    class Asks(L.Callback):
        def on_train_epoch_end(self, trainer, strategy):
            found.append(strategy.module.model[0].weight.dtype)
            found.append(len(strategy.query(5)))

    strategy, found = make(), []
    before = {name: value.clone() for name, value in strategy.module.state_dict().items()}
    strategy.fit(max_epochs=1, precision=precision, callbacks=[Asks()], **quiet)
    assert found == [TRUE.get(precision, torch.float32), 5]
    assert strategy.trained
    assert {p.dtype for p in strategy.parameters()} == {torch.float32}
    assert len(strategy.query(5)) == 5
    (prediction,) = strategy.predictions(strategy.train_pool, [0, 1])
    assert prediction.outputs.dtype == torch.float32
    assert "test_loss_epoch" in strategy.test(**quiet)
    strategy.test(precision=precision, **quiet)
    assert {p.dtype for p in strategy.parameters()} == {torch.float32}
    strategy.fit(max_epochs=1, **quiet)
    strategy.fit(max_epochs=1, precision=precision, **quiet)
    after = strategy.reset_model().module.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_one_trainer_fits_and_tests_in_its_precision(make, quiet):
    strategy = make()
    trainer = al.Trainer(max_epochs=1, precision="bf16-true", **quiet)
    trainer.fit(strategy)
    assert torch.isfinite(torch.tensor(trainer.test(strategy, verbose=False)[0]["test_loss_epoch"]))


def test_a_fit_that_was_interrupted_can_be_queried_and_reset(make, quiet):
    class Stops(L.Callback):
        def on_train_batch_end(self, *_):
            raise RuntimeError("no more")

    strategy = make()
    before = {name: value.clone() for name, value in strategy.module.state_dict().items()}
    with pytest.raises(RuntimeError, match="no more"):
        strategy.fit(max_epochs=1, precision="bf16-true", callbacks=[Stops()], **quiet)
    assert len(strategy.query(5)) == 5
    after = strategy.reset_model().module.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_network_of_its_users_own_dtype_keeps_it(blobs, quiet):
    x, y = blobs().tensors
    pool = al.ActiveLearningDataset(torch.utils.data.TensorDataset(x.double(), y))
    pool.annotate(range(20))
    strategy = al.Strategy(nn.Linear(2, 3).double(), pool, seed=0).build()
    strategy.fit(max_steps=2, **quiet)
    (prediction,) = strategy.predictions(pool, [0, 1])
    assert prediction.outputs.dtype == torch.float64


def test_only_floating_point_inputs_are_cast_to_weights_of_one_other_dtype():
    batch = {"ids": torch.tensor([1, 2]), "x": [torch.ones(2), "name"]}
    cast = as_weights(nn.Linear(2, 2).bfloat16())(batch)
    assert cast["ids"].dtype == torch.int64
    assert cast["x"][0].dtype == torch.bfloat16
    assert cast["x"][1] == "name"
    mixed = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2).double())
    for network in nn.Linear(2, 2), mixed, nn.ReLU():
        assert as_weights(network)(batch) is batch


def test_dtypes_are_given_back_in_place():
    network = nn.BatchNorm1d(3)
    dtypes, weight = dtypes_of(network), network.weight
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network.double()(torch.randn(4, 3).double()).sum().backward()
    give_back(network, dtypes)
    assert network.weight is weight
    assert dtypes_of(network) == dtypes
    assert torch.equal(network.weight, before["weight"])
    network(torch.randn(4, 3)).sum().backward()
