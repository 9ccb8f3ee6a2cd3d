"""Training on the pool: fits, tests, resets, copies, checkpoints, and Trainers that have ended."""

import copy
import gc
import io
import os
import pickle
import weakref

import lightning as L
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from lightning.pytorch.callbacks import EarlyStopping
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torchmetrics.classification import MulticlassAccuracy

import alkit as al
from alkit.errors import (
    ConfigurationError,
    EmptyPoolError,
    TrainerEndedError,
    UnbuiltError,
)


def weights(strategy):
    return {name: value.clone() for name, value in strategy.module.state_dict().items()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.fixture
def make(pool, net, blobs):
    def make(kind=al.UncertaintyStrategy, **options):
        options = {"seed": 3, "batch_size": 8, "test": blobs(12, seed=9), **options}
        return kind(net(), train_pool=pool, **options)

    return make


def block_strategy(pool, **options):
    network = al.MultiLayerPerceptron(2, [8], 3)
    network.blocks[0].normalization.configure(nn.BatchNorm1d)
    return al.UncertaintyStrategy(network, al.Margin(), pool, **{"seed": 3, **options})


# --- limits -----------------------------------------------------------------------------------


def test_a_fit_needs_a_budget_of_at_least_one(make, quiet):
    strategy = make().build()
    before = weights(strategy)
    for wrong in ({}, {"max_steps": 0}, {"max_steps": -1}, {"max_epochs": 0}, {"max_steps": 2.5}):
        with pytest.raises(ConfigurationError, match=r"max_steps|max_epochs"):
            strategy.fit(**wrong, **quiet)
    assert same(weights(strategy), before)


def test_steps_and_epochs_are_as_lightning_counts_them(make, quiet):
    strategy = make().build()
    strategy.fit(max_steps=7, **quiet)
    assert strategy.trainer.global_step == 7
    strategy.fit(max_epochs=2, **quiet)
    assert strategy.trainer.global_step == 2 * 3  # 24 samples by 8
    strategy.fit(max_epochs=2, max_steps=4, **quiet)
    assert strategy.trainer.global_step == 4


def test_steps_per_epoch_changes_when_epochs_end_and_nothing_of_the_training(make, quiet):
    short, long = make(steps_per_epoch=2).build(), make().build()
    for strategy in short, long:
        strategy.fit(max_steps=7, **quiet)
    assert same(weights(short), weights(long))
    assert short.trainer.current_epoch == 4
    assert long.trainer.current_epoch == 3


@pytest.mark.parametrize("trainer_of", [al.Trainer, L.Trainer])
def test_a_trainer_that_has_ended_is_reported(trainer_of, make, quiet):  # fault 41
    quiet = {**quiet, "logger": False, "enable_checkpointing": False}
    for limits in {"max_epochs": 1}, {"max_steps": 2}:
        strategy = make().build()
        trainer = trainer_of(**limits, **quiet)
        trainer.fit(strategy)
        before = weights(strategy)
        with pytest.raises(TrainerEndedError, match="new Trainer"):
            trainer.fit(strategy)
        assert same(weights(strategy), before)
        strategy.fit(max_steps=1, **quiet)
        assert not same(weights(strategy), before)


@pytest.mark.parametrize("trainer_of", [al.Trainer, L.Trainer])
def test_an_unbuilt_strategy_given_to_a_trainer_is_reported(trainer_of, make, quiet):
    trainer = trainer_of(max_steps=1, logger=False, **quiet)
    with pytest.raises(UnbuiltError, match=r"\.build\(\)"):
        trainer.fit(make())


def test_a_pool_without_annotations_cannot_be_fitted(blobs, net, quiet):  # fault 22
    pool = al.ActiveLearningDataset(blobs())
    with pytest.raises(EmptyPoolError, match="annotate"):
        al.UniformStrategy(net(), pool).build().fit(max_steps=1, **quiet)
    assert pool.get_num_annotated() == 0


def test_a_test_without_test_data_is_reported(make, quiet):  # fault 40
    strategy = make(test=None).build()
    with pytest.raises(ConfigurationError, match="test=dataset"):
        al.Trainer(**quiet).test(strategy)
    with pytest.raises(ConfigurationError, match="test=dataset"):
        strategy.test(**quiet)


def test_a_test_that_logs_nothing_is_reported(pool, net, quiet):  # fault 40
    class Mute(L.LightningModule):
        def test_step(self, batch):
            pass

    with pytest.raises(ConfigurationError, match="logged nothing"):
        al.ActiveLearner(Mute(), pool, test=pool.annotated).test(**quiet)


def test_a_test_needs_no_fit_and_changes_no_weight(make, quiet):
    strategy = make(test_metrics=[MulticlassAccuracy(3, average="micro")]).build()
    before = weights(strategy)
    results = strategy.test(**quiet)
    x, y = strategy.test_data.tensors
    guess = copy.deepcopy(strategy.module.model).eval()(x).argmax(1)
    expected = (guess == y).float().mean().item()
    assert results["testMulticlassAccuracy"] == pytest.approx(expected)
    assert same(weights(strategy), before)


# --- data -------------------------------------------------------------------------------------


def test_every_fit_has_an_order_of_its_own_and_the_seed_repeats_them(make):
    def order(strategy):
        return torch.cat([x for x, _ in strategy.train_dataloader()]).tolist()

    first, second = make().build(), make().build()
    assert order(first) == order(second)
    assert order(first) == order(first)  # which is of the same, coming fit
    first.fit(max_steps=1, enable_progress_bar=False, accelerator="cpu")
    assert order(first) != order(second)
    assert sorted(order(first)) == sorted(order(second))
    assert order(make(seed=4)) != order(second)


def test_batchnorm_trains_on_nine_samples_in_batches_of_eight(blobs, net, quiet):  # fault 32
    pool = al.ActiveLearningDataset(blobs())
    pool.annotate(range(9))
    strategy = al.UniformStrategy(net(), pool, batch_size=8).build()
    strategy.fit(max_epochs=2, **quiet)
    assert strategy.trainer.global_step == 4
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        F.batch_norm(torch.zeros(1, 8), None, None, training=True)


def test_loader_options_reach_every_loader_and_results_do_not_depend_on_workers(make, quiet, blobs):
    runs = []
    for workers in 0, 2:
        val = al.ActiveLearningDataset(blobs(12, seed=4))
        val.annotate(range(6))
        strategy = make(loader={"num_workers": workers}, val_pool=val).build()
        strategy.fit(max_steps=3, **quiet)
        assert strategy.trainer.train_dataloader.num_workers == workers
        query = strategy.query(10)
        runs.append((query.indices.tolist(), query.validation.indices.tolist()))
        runs.append((weights(strategy)["model.0.weight"].tolist(), strategy.test(**quiet)))
    assert runs[:2] == runs[2:]


# --- data of others ---------------------------------------------------------------------------


class Seen(L.LightningModule):
    """Remembers the inputs of its training batches."""

    def __init__(self, net):
        super().__init__()
        self.net, self.seen, self.validated = net, [], 0

    def forward(self, x):
        return self.net(x)

    def training_step(self, batch, batch_idx):
        self.seen += batch[0].tolist()
        return F.cross_entropy(self(batch[0]), batch[1])

    def validation_step(self, batch, batch_idx):
        self.validated += len(batch[0])

    def test_step(self, batch, batch_idx):
        self.log("seen_in_test", float(len(batch[0])))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


class Data(L.LightningDataModule):
    def __init__(self, train, val, test):
        super().__init__()
        self.train, self.val, self.test = train, val, test

    def train_dataloader(self):
        return DataLoader(self.train, 16)

    def val_dataloader(self):
        return DataLoader(self.val, 16)

    def test_dataloader(self):
        return DataLoader(self.test, 16)


class OnlyTrain(L.LightningDataModule):
    def __init__(self, train):
        super().__init__()
        self.data = train

    def train_dataloader(self):
        return DataLoader(self.data, 16)


def paid_for(pool):
    return sorted(pool.annotated[k][0].tolist() for k in range(pool.get_num_annotated()))


@pytest.mark.parametrize("trainer_of", [al.Trainer, L.Trainer])
def test_a_datamodule_gives_all_but_the_training_data(trainer_of, pool, net, blobs, quiet):
    learner = al.ActiveLearner(Seen(net()), pool, seed=0)
    trainer = trainer_of(max_epochs=1, logger=False, enable_checkpointing=False, **quiet)
    data = Data(blobs(), blobs(10, seed=7), blobs(12, seed=9))
    trainer.fit(learner, datamodule=data)
    assert sorted(learner.module.seen) == paid_for(pool)
    assert learner.module.validated >= 10
    (results,) = trainer.test(learner, datamodule=data)
    assert results == {"seen_in_test": 12.0}


def test_a_datamodule_may_be_given_to_fit_or_in_place_of_a_loader(pool, net, blobs, quiet):
    for call in (
        lambda learner: learner.fit(max_epochs=1, datamodule=OnlyTrain(blobs()), **quiet),
        lambda learner: al.Trainer(max_epochs=1, **quiet).fit(learner, OnlyTrain(blobs())),
    ):
        learner = al.ActiveLearner(Seen(net()), pool, val=blobs(10, seed=7), seed=0)
        call(learner)
        assert sorted(learner.module.seen) == paid_for(pool)
        assert learner.module.validated == 10  # the learner's own, as the datamodule has none


@pytest.mark.parametrize("trainer_of", [al.Trainer, L.Trainer])
def test_a_loader_of_the_whole_dataset_is_replaced_and_of_other_samples_refused(
    trainer_of, blobs, net, quiet
):
    data = blobs()
    pool = al.ActiveLearningDataset(data)
    pool.annotate_random(24, seed=0)
    made = {"max_epochs": 1, "logger": False, "enable_checkpointing": False, **quiet}
    for loader in DataLoader(data, 16), DataLoader(pool, 16):
        learner = al.ActiveLearner(Seen(net()), pool, seed=0)
        with pytest.warns(UserWarning, match="annotated samples of the pool alone"):
            trainer_of(**made).fit(learner, loader)
        assert sorted(learner.module.seen) == paid_for(pool)
    learner = al.ActiveLearner(Seen(net()), pool, seed=0)
    before = weights(learner)
    other = DataLoader(blobs(seed=1), 16)
    for wrong in other, [other], {"a": DataLoader(data, 16)}, [next(iter(other))]:
        with pytest.raises(ConfigurationError, match="without it"):
            trainer_of(**made).fit(learner, wrong)
    assert learner.module.seen == []
    assert same(weights(learner), before)
    trainer_of(**made).fit(learner, DataLoader(pool.annotated, 4))  # which was paid for
    assert sorted(learner.module.seen) == paid_for(pool)


def test_a_fixed_validation_set_is_used_in_each_fit_and_counts_as_no_label(pool, net, blobs, quiet):
    val = blobs(15, seed=5)
    metrics = {"val_metrics": [MulticlassAccuracy(3, average="micro")]}
    strategy = al.Strategy(net(), pool, val=val, seed=0, **metrics).build()
    stop = EarlyStopping("val_loss_epoch", min_delta=10.0, patience=2)
    loop = al.ActiveLearningLoop(
        strategy, 5, 2, max_epochs=9, trainer={"callbacks": [stop], **quiet}
    )
    records = list(loop)
    assert [record.annotated for record in records] == [24, 29]
    assert [record.steps for record in records] == [3, 3]  # a first epoch, and two of patience
    assert len(records[0].query) == 5
    strategy.fit(max_epochs=1, **quiet)
    model = copy.deepcopy(strategy.module.model).eval()
    right = (model(val.tensors[0]).argmax(1) == val.tensors[1]).float().mean().item()
    assert strategy.history.history["valMulticlassAccuracy_epoch"]["value"][-1] == pytest.approx(
        right
    )


# --- modes ------------------------------------------------------------------------------------


def test_a_batchnorm_frozen_by_a_callback_stays_frozen(make, quiet, blobs):  # fault 31
    class Freeze(L.Callback):
        def on_train_epoch_start(self, trainer, pl_module):
            pl_module.module.model[1].eval()

    val = al.ActiveLearningDataset(blobs(12, seed=4))
    val.annotate(range(6))
    frozen, free = make(val_pool=val).build(), make(val_pool=val).build()
    frozen.fit(max_epochs=2, callbacks=[Freeze()], **quiet)
    free.fit(max_epochs=2, **quiet)
    assert frozen.module.model[1].running_mean.eq(0).all()
    assert free.module.model[1].running_mean.ne(0).all()


def test_a_fit_after_eval_is_one_in_training_mode(make, quiet):
    usual, predicted = make().build(), make().build()
    predicted.eval()
    for strategy in usual, predicted:
        strategy.fit(max_epochs=1, **quiet)
    assert predicted.module.model[1].running_mean.ne(0).all()
    assert same(weights(predicted), weights(usual))


def test_parts_that_were_frozen_stay_frozen(make, quiet):
    strategy = make().build()
    strategy.module.model[1].eval()
    with pytest.warns(UserWarning, match="in eval mode"):
        strategy.fit(max_epochs=1, **quiet)
    assert strategy.module.model[1].running_mean.eq(0).all()


# --- reset ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["plain", "block"])
def test_a_reset_restores_what_was_built_bit_for_bit(kind, make, pool, quiet):  # faults 19, 20
    strategy = (make() if kind == "plain" else block_strategy(pool)).build()
    built = weights(strategy)
    assert strategy.reset_model() is strategy
    assert same(weights(strategy), built)
    for fits in 1, 2:
        for _ in range(fits):
            strategy.fit(max_steps=2, **quiet)
        trained = weights(strategy)
        buffers = [name for name in built if "running" in name or "num_batches" in name]
        assert len(buffers) == 3
        assert not any(torch.equal(trained[name], built[name]) for name in buffers)
        strategy.reset_model()
        assert same(weights(strategy), built)


def test_optimizers_start_afresh_after_a_reset(make, quiet):  # fault 42
    strategy = make(optimizer=al.Adam(lr=0.1)).build()
    steps = []
    for _ in range(2):
        strategy.fit(max_steps=2, **quiet)
        state = strategy.trainer.optimizers[0].state
        steps.append([int(entry["step"]) for entry in state.values()])
        strategy.reset_model()
    assert steps[0] == steps[1] == [2] * 6


def test_an_optimizer_that_outlives_a_reset_is_reported(pool, net, quiet):  # fault 42
    class Keeps(L.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = net()
            self.adam = torch.optim.Adam(self.parameters(), lr=0.1)

        def training_step(self, batch):
            return F.cross_entropy(self.net(batch[0]), batch[1])

        def configure_optimizers(self):
            return self.adam

    learner = al.ActiveLearner(Keeps(), pool)
    learner.fit(max_steps=1, **quiet)
    learner.fit(max_steps=1, **quiet)  # to go on with it is no fault
    learner.reset_model()
    built = weights(learner)
    with pytest.raises(ConfigurationError, match="inside configure_optimizers"):
        learner.fit(max_steps=1, **quiet)
    assert same(weights(learner), built)


def test_a_redraw_gives_other_weights_and_a_plain_reset_goes_back(pool, quiet):  # fault 42
    with torch.random.fork_rng():
        torch.manual_seed(5)
        strategy = block_strategy(pool).build()
        built = weights(strategy)
        strategy.fit(max_steps=2, **quiet)
        torch.manual_seed(6)
        drawn = weights(strategy.reset_model(redraw=True))
        torch.manual_seed(6)
        assert same(drawn, weights(block_strategy(pool).build()))
        assert not same(drawn, built)
        strategy.fit(max_steps=2, **quiet)
        assert same(weights(strategy.reset_model()), built)


def test_a_redraw_keeps_what_came_with_its_weights_as_it_came(pool, net, quiet):
    backbone = net()[:3]
    came = backbone[0].weight.detach().clone()
    strategy = al.Strategy(al.Sequential(backbone, al.MultiLayerPerceptron(8, [], 3)), pool).build()
    head = weights(strategy)["model.1.blocks.0.layer.weight"]
    strategy.fit(max_steps=2, **quiet)
    drawn = weights(strategy.reset_model(redraw=True))
    assert torch.equal(drawn["model.0.0.weight"], came)
    assert not torch.equal(drawn["model.1.blocks.0.layer.weight"], head)


@pytest.mark.parametrize(
    "make",
    [
        lambda net, pool: al.Strategy(net, pool).build(),
        lambda net, pool: al.Strategy(al.Sequential(net).build(), pool).build(),
        lambda net, pool: al.ActiveLearner(al.Classifier(net).build(), pool),
    ],
)
def test_what_has_no_recipe_cannot_be_drawn_again(make, pool, net, quiet):
    strategy = make(net(), pool)
    strategy.fit(max_steps=1, **quiet)
    before = weights(strategy)
    with pytest.raises(ConfigurationError, match="No part"):
        strategy.reset_model(redraw=True)
    assert same(weights(strategy), before)


# --- copies -----------------------------------------------------------------------------------


def test_copies_share_the_pool_and_start_from_the_weights_that_came(make, pool, quiet):  # fault 34
    strategy = make()
    for twin in (strategy.new(), strategy.create(), strategy.build().new()):
        assert twin.train_pool is pool
        assert twin.test_data is strategy.test_data
    built = weights(strategy)
    strategy.fit(max_steps=2, **quiet)
    twin = strategy.create()
    assert same(weights(twin), built)  # and not what training made of them
    assert twin.history.history == {}
    twin.fit(max_steps=2, **quiet)
    assert same(weights(twin), weights(strategy))  # the same seed, the same first fit
    pool.annotate_random(3, seed=1)
    assert twin.train_pool.get_num_annotated() == 27


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))])
def test_a_fitted_strategy_can_be_copied_and_pickled(copied, make, quiet):  # fault 36
    strategy = make().build()
    strategy.fit(max_steps=2, **quiet)
    twin = copied(strategy)
    assert same(weights(twin), weights(strategy))
    assert twin.query(5).indices.tolist() == strategy.query(5).indices.tolist()
    for each in strategy, twin:
        each.fit(max_steps=2, **quiet)
    assert same(weights(twin), weights(strategy))
    assert same(weights(twin.reset_model()), weights(strategy.reset_model()))


def test_nothing_leaks_from_fit_to_fit(make, quiet):  # fault 37
    strategy = make().build()
    trainers = []

    def attributes():
        return {name: len(v) for name, v in vars(strategy).items() if hasattr(v, "__len__")}

    for k in range(3):
        strategy.fit(max_steps=1, **quiet)
        trainers.append(weakref.ref(strategy.trainer))
        if k == 0:
            before = attributes()
    assert attributes() == before
    gc.collect()
    assert [trainer() is None for trainer in trainers] == [True, True, False]


# --- checkpoints ------------------------------------------------------------------------------


def test_a_checkpoint_holds_weights_and_no_data(net, quiet, tmp_path):  # fault 35
    x = torch.randn(5_000, 100)
    pool = al.ActiveLearningDataset(TensorDataset(x, torch.arange(5_000) % 3))
    pool.annotate(range(10))
    network = nn.Sequential(nn.Linear(100, 3))
    strategy = al.Strategy(network, pool, seed=0, test=pool.annotated).build()
    strategy.fit(max_steps=2, **quiet)
    strategy.trainer.save_checkpoint(tmp_path / "x.ckpt")
    assert x.nbytes == 2_000_000
    assert os.path.getsize(tmp_path / "x.ckpt") < 50_000
    saved = torch.load(tmp_path / "x.ckpt", weights_only=True)
    for name, value in strategy.state_dict().items():
        assert torch.equal(saved["state_dict"][name], value)
    buffer = io.BytesIO()
    torch.save(strategy.state_dict(), buffer)
    assert len(buffer.getvalue()) < 50_000
    pool.annotate([11, 12])
    strategy.load_state_dict(saved["state_dict"])
    assert pool.get_num_annotated() == 12


def test_a_fit_resumes_from_a_checkpoint(make, quiet, tmp_path):
    strategy = make().build()
    strategy.fit(max_steps=3, **quiet)
    strategy.trainer.save_checkpoint(tmp_path / "x.ckpt")
    expected = make().build()
    expected.fit(max_steps=3, **quiet)
    for each in strategy, expected:
        assert each.trainer.global_step == 3
    resumed = make().build()
    trainer = al.Trainer(max_steps=5, **quiet)
    trainer.fit(resumed, ckpt_path=tmp_path / "x.ckpt", weights_only=True)
    assert trainer.global_step == 5
    assert resumed.trainer.optimizers[0].state_dict()["state"][0]["step"] == 5


# --- history ----------------------------------------------------------------------------------


def test_the_history_of_a_strategy_goes_on_over_rounds_with_any_trainer(  # fault 30
    make, quiet, lightning_trainer
):
    strategy = make().build()
    trainer = al.Trainer(max_epochs=2, **quiet)
    trainer.fit(strategy)
    first = trainer.history.history["train_loss_epoch"]["value"]
    assert len(first) == 2
    assert strategy.history.history["train_loss_epoch"]["value"] == first
    lightning_trainer(max_epochs=1).fit(strategy)
    values = strategy.history.history["train_loss_epoch"]["value"]
    assert values[:2] == first
    assert len(values) == 3
    assert np.isfinite(values).all()
    assert strategy.fit(max_epochs=1, **quiet) is strategy.history


def test_one_trainer_fits_and_tests_without_a_word_and_records_once(make, quiet, caplog):
    first, second = make().build(), make().build()
    trainer = al.Trainer(max_steps=2, **quiet)
    trainer.fit(first)
    trainer.test(first, verbose=False)
    assert "callbacks" not in caplog.text
    assert len(first.history.history["test_loss_epoch"]["value"]) == 1
    trainer.test(second, verbose=False)
    assert len(first.history.history["test_loss_epoch"]["value"]) == 1
    assert len(second.history.history["test_loss_epoch"]["value"]) == 1


# --- runs -------------------------------------------------------------------------------------


def run(strategy, quiet):
    events = []
    for _ in range(3):
        strategy.fit(max_steps=4, **quiet)
        events.append(strategy.test(**quiet))
        events.append({name: value.tolist() for name, value in weights(strategy).items()})
        events.append(strategy.query_and_update(4).indices.tolist())
        strategy.reset_model()
    return events


@pytest.mark.parametrize("kind", [al.UniformStrategy, al.UncertaintyStrategy])
def test_the_same_seed_gives_the_same_run_and_another_seed_another(kind, blobs, net, quiet):
    def once(seed):
        pool = al.ActiveLearningDataset(blobs())
        pool.annotate_random(9, seed=0)
        options = {"train_pool": pool, "test": blobs(12, seed=9), "batch_size": 4}
        return run(kind(net(), seed=seed, **options).build(), quiet)

    torch.manual_seed(0)
    first = once(7)
    torch.manual_seed(1)  # of which nothing depends
    assert once(7) == first
    assert once(8) != first
