"""Any LightningModule, unchanged: inside a learner it does what it does alone."""

import copy

import lightning as L
import pytest
import torch
import torch.nn.functional as F
from lightning.pytorch.core.hooks import CheckpointHooks, DataHooks, ModelHooks
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from lightning.pytorch.utilities.model_helpers import is_overridden
from torch import nn
from torch.utils.data import DataLoader, RandomSampler
from torchmetrics.classification import MulticlassAccuracy

import alkit as al
from alkit.errors import ConfigurationError


class Plain(L.LightningModule):
    """As a stranger would write it: a step with the index of the batch, one optimizer."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return self.net(x)

    def training_step(self, batch, batch_idx):
        x, y = batch
        loss = F.cross_entropy(self(x), y) * (1 + batch_idx)
        self.log("loss", loss)
        return loss

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=0.01)


class Scheduled(Plain):
    """A step without the index, a metric object, a schedule by steps, clipping, validation."""

    def __init__(self, net):
        super().__init__(net)
        self.accuracy = MulticlassAccuracy(3)

    def training_step(self, batch):
        x, y = batch
        logits = self(x)
        loss = F.cross_entropy(logits, y)
        self.accuracy(logits, y)
        self.log("accuracy", self.accuracy, on_step=True, on_epoch=True)
        self.log_dict({"loss": loss, "twice": 2 * loss}, on_epoch=True)
        return {"loss": loss, "more": logits}

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", F.cross_entropy(self(batch[0]), batch[1]))

    test_step = validation_step

    def on_train_epoch_end(self):
        self.log("norm", self.net[0].weight.norm())

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=0.1, momentum=0.9)
        schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
        return [optimizer], [{"scheduler": schedule, "interval": "step"}]

    def configure_gradient_clipping(self, optimizer, **_):
        self.clip_gradients(optimizer, gradient_clip_val=0.1, gradient_clip_algorithm="norm")


class Manual(Plain):
    """Two optimizers by hand."""

    def __init__(self, net):
        super().__init__(net)
        self.automatic_optimization = False

    def training_step(self, batch, batch_idx):
        x, y = batch
        for optimizer in self.optimizers():
            self.toggle_optimizer(optimizer)
            loss = F.cross_entropy(self(x), y)
            optimizer.zero_grad()
            self.manual_backward(loss)
            optimizer.step()
            self.untoggle_optimizer(optimizer)
        self.log("loss", loss)

    def configure_optimizers(self):
        return [
            torch.optim.SGD(self.net[0].parameters(), lr=0.1),
            torch.optim.Adam(self.net[3].parameters(), lr=0.01),
        ]


@pytest.mark.parametrize("kind", [Plain, Scheduled, Manual])
def test_a_learner_trains_a_module_as_lightning_does_bit_for_bit(
    kind, net, pool, lightning_trainer
):
    learner = al.ActiveLearner(kind(net()), pool, batch_size=8, seed=3)
    alone = kind(net())
    order = RandomSampler(pool.annotated, generator=learner.generator("order"))
    loader = DataLoader(pool.annotated, batch_size=8, sampler=order)  # 24 samples: even anyhow
    trainers = [lightning_trainer(max_epochs=3) for _ in range(2)]

    trainers[0].fit(alone, loader)
    trainers[1].fit(learner)

    assert not torch.equal(net()[0].weight, alone.net[0].weight)
    for name, value in alone.state_dict().items():
        assert torch.equal(value, learner.module.state_dict()[name]), name
    assert trainers[0].global_step == trainers[1].global_step >= 9
    logged = trainers[0].logged_metrics
    assert logged
    assert logged == trainers[1].logged_metrics
    rates = [[o.param_groups[0]["lr"] for o in trainer.optimizers] for trainer in trainers]
    assert rates[0] == rates[1]


def _noting_every_hook():
    def noting(name):
        def hook(self, *args, **kwargs):
            self.calls.append((name, self.trainer.lightning_module._current_fx_name))
            if name in ("on_train_batch_end", "on_train_epoch_end", "on_test_epoch_end"):
                self.log(f"in_{name}", float(len(self.calls)))
            return getattr(super(Noting, self), name)(*args, **kwargs)

        return hook

    class Noting(Scheduled):
        def __init__(self, net):
            super().__init__(net)
            self.calls = []

        def validation_step(self, batch, batch_idx):
            self.calls.append(("validation_step", self._current_fx_name))

        test_step = validation_step

    hooks = [name for kind in (ModelHooks, DataHooks, CheckpointHooks) for name in vars(kind)]
    hooks += ["training_step", "predict_step", "optimizer_step", "backward", "optimizer_zero_grad"]
    hooks += ["lr_scheduler_step", "configure_optimizers"]
    for name in hooks:
        unlike_loaders = not name.startswith("_") and "dataloader" not in name
        if unlike_loaders and name not in ("configure_sharded_model", "on_load_checkpoint"):
            setattr(Noting, name, noting(name))
    Noting.training_step = lambda self, batch: (
        self.calls.append(("training_step", self._current_fx_name)),
        Scheduled.training_step(self, batch),
    )[1]
    return Noting


def test_every_hook_runs_in_the_same_order_and_logs_in_its_own_name(
    net, pool, lightning_trainer, tmp_path
):
    kind = _noting_every_hook()
    alone, learner = kind(net()), al.ActiveLearner(kind(net()), pool, seed=0)
    loaders = [DataLoader(pool.annotated, batch_size=12) for _ in range(3)]
    for module in alone, learner:
        trainer = lightning_trainer(max_epochs=2)
        trainer.fit(module, loaders[0], loaders[1])
        trainer.save_checkpoint(tmp_path / "x.ckpt")
        trainer.test(module, loaders[2], verbose=False)
        trainer.predict(module, DataLoader(pool.unannotated, batch_size=12))
    assert {"on_before_optimizer_step", "on_predict_model_eval", "on_save_checkpoint"} <= {
        name for name, _ in alone.calls
    }
    assert alone.calls == learner.module.calls


def test_what_the_module_does_not_override_counts_as_not_overridden(net, pool):
    learner = al.ActiveLearner(Plain(net()), pool)
    for name in ("validation_step", "test_step", "on_validation_model_train", "val_dataloader"):
        assert not is_overridden(name, learner), name
    assert is_overridden("training_step", learner)


def test_a_module_without_a_test_step_is_trained_and_lightning_reports_a_test(net, pool, quiet):
    learner = al.ActiveLearner(Plain(net()), pool, test=pool.annotated)
    learner.fit(max_steps=1, **quiet)
    with pytest.raises(MisconfigurationException, match="test_step"):
        learner.test(**quiet)


def test_a_module_without_training_step_or_optimizers_is_reported(net, pool, quiet):
    class NoStep(L.LightningModule):
        def configure_optimizers(self):
            return None

    with pytest.raises(MisconfigurationException, match="training_step"):
        al.ActiveLearner(NoStep(), pool).fit(max_steps=1, **quiet)


def test_validation_labels_that_the_module_could_not_use_are_not_bought(net, pool, blobs):
    with pytest.raises(ConfigurationError, match="validation_step"):
        al.ActiveLearner(Plain(net()), pool, val_pool=al.ActiveLearningDataset(blobs()))


@pytest.mark.parametrize("how", ["super", "module", "own"])
def test_a_training_step_of_ones_own_may_use_that_of_the_module(how, net, pool, quiet):
    class Own(al.ActiveLearner):
        def training_step(self, batch, batch_idx):
            if how == "super":
                return super().training_step(batch, batch_idx)
            if how == "module":
                return self.module.training_step(batch, batch_idx)
            loss = F.cross_entropy(self(batch[0]), batch[1]) * (1 + batch_idx)
            self.log("loss", loss)
            return loss

    learner = Own(Plain(net()), pool, seed=3, batch_size=8)
    expected = al.ActiveLearner(Plain(net()), pool, seed=3, batch_size=8)
    for each in (learner, expected):
        each.fit(max_steps=4, **quiet)
    assert torch.equal(learner.module.net[0].weight, expected.module.net[0].weight)
    assert learner.history.step_history["loss"] == expected.history.step_history["loss"]


def test_a_strategy_that_optimizes_by_hand_around_a_module_that_does_not(net, pool, quiet):
    class ByHand(al.ActiveLearner):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.automatic_optimization = False

        def training_step(self, batch, batch_idx):
            optimizer = self.optimizers()
            optimizer.zero_grad()
            self.manual_backward(F.cross_entropy(self(batch[0]), batch[1]))
            optimizer.step()

    learner = ByHand(Plain(net()), pool)
    learner.fit(max_steps=2, **quiet)
    assert not torch.equal(learner.module.net[0].weight, net()[0].weight)
    assert learner.module.automatic_optimization


def test_modules_with_dict_batches_are_trained_and_read(net, quiet, blobs):
    class Dicts(Plain):
        def training_step(self, batch):
            return F.cross_entropy(self(batch["image"]), batch["label"])

    data = [{"image": x, "label": y, "extra": 1.0} for x, y in blobs()]
    pool = al.ActiveLearningDataset(data)
    pool.annotate_random(12, seed=0)
    by_key = al.ActiveLearner(Dicts(net()), pool, inputs="image", seed=0)
    by_function = al.ActiveLearner(
        Dicts(net()), pool, inputs=lambda b: b["image"] * b["extra"].float()[:, None], seed=0
    )
    for learner in by_key, by_function:
        learner.fit(max_steps=3, **quiet)
    assert by_key.query(6).indices.tolist() == by_function.query(6).indices.tolist()
    with pytest.raises(ConfigurationError, match=r"model's input among 'image', 'extra'"):
        al.ActiveLearner(Dicts(net()), pool).query(1)


def test_a_wrapped_module_is_copied_without_its_trainer(net, pool, quiet):
    learner = al.ActiveLearner(Scheduled(net()), pool, seed=0)
    learner.fit(max_steps=1, **quiet)
    twin = copy.deepcopy(learner)
    assert twin.module is not learner.module
    assert twin.training_step.__self__ is twin.module
    assert isinstance(twin.module.net[1], nn.BatchNorm1d)
