"""Attributes of the module inside, for callbacks, tuners and loggers that expect that module."""

import copy
import pickle

import lightning as L
import pytest
import torch
import torch.nn.functional as F
from lightning.pytorch.callbacks import BackboneFinetuning, LearningRateFinder
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.tuner import Tuner
from torch import nn

import alkit as al


class Net(L.LightningModule):
    def __init__(self, lr=0.123, width=8):
        super().__init__()
        self.save_hyperparameters()
        self.lr = lr
        self.criterion = "of the module"
        self.backbone = nn.Sequential(nn.Linear(2, width), nn.ReLU())
        self.head = nn.Linear(width, 3)

    def forward(self, x):
        return self.head(self.backbone(x))

    def training_step(self, batch, batch_idx):
        return F.cross_entropy(self(batch[0]), batch[1])

    def configure_optimizers(self):
        learning = [p for p in self.parameters() if p.requires_grad]
        return torch.optim.Adam(learning, lr=self.lr)

    @property
    def broken(self):
        raise AttributeError("its own failure")


@pytest.fixture
def learner(pool):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return al.ActiveLearner(Net(), pool, seed=0, batch_size=2)


def test_a_name_that_the_learner_lacks_is_the_modules(learner):
    assert learner.backbone is learner.module.backbone
    assert learner.lr == 0.123
    assert learner.hparams == {"lr": 0.123, "width": 8}
    assert isinstance(learner.criterion, al.Margin)  # its own names go first
    assert not hasattr(learner, "nothing")
    with pytest.raises(AttributeError, match="Neither ActiveLearner nor its module Net has"):
        learner.nothing
    with pytest.raises(AttributeError):
        learner.broken


def test_copies_and_an_object_without_a_state_do_not_recurse(learner):
    for twin in copy.copy(learner), copy.deepcopy(learner), pickle.loads(pickle.dumps(learner)):
        assert twin.lr == 0.123
    with pytest.raises(AttributeError):
        al.ActiveLearner.__new__(al.ActiveLearner).anything


def test_the_tuner_sets_the_learning_rate_of_the_module(learner, quiet, tmp_path):
    trainer = al.Trainer(max_epochs=4, default_root_dir=tmp_path, **quiet)
    found = Tuner(trainer).lr_find(learner, num_training=40, early_stop_threshold=None).suggestion()
    assert learner.module.lr == learner.lr == learner.module.hparams.lr == found != 0.123
    trainer.fit(learner)
    assert trainer.optimizers[0].param_groups[0]["lr"] == found


def test_the_finder_may_be_a_callback_of_several_rounds(learner, quiet, tmp_path):
    finder, rates = LearningRateFinder(num_training_steps=40, early_stop_threshold=None), []
    for _ in range(2):
        learner.fit(max_epochs=4, callbacks=[finder], default_root_dir=tmp_path, **quiet)
        rates.append(learner.trainer.optimizers[0].param_groups[0]["lr"])
        assert rates[-1] == learner.module.lr == finder.optimal_lr.suggestion()
        learner.reset_model()


def test_the_backbone_is_thawed_when_it_was_asked_for(learner, quiet):
    first = learner.backbone[0].weight.detach().clone()

    class Looks(L.Callback):
        def on_train_epoch_end(self, trainer, _):
            changed.append(not torch.equal(learner.backbone[0].weight, first))

    finetuning = BackboneFinetuning(unfreeze_backbone_at_epoch=2)
    for _ in range(2):
        changed = []
        learner.fit(max_epochs=3, callbacks=[finetuning, Looks()], **quiet)
        assert changed == [False, False, True]
        learner.reset_model()


def test_hyperparameters_reach_the_logger_and_checkpoints(learner, quiet, tmp_path):
    logger = CSVLogger(tmp_path)
    learner.fit(max_epochs=1, logger=logger, **quiet)
    written = (tmp_path / "lightning_logs" / "version_0" / "hparams.yaml").read_text()
    assert "lr: 0.123" in written
    assert "width: 8" in written
    learner.trainer.save_checkpoint(tmp_path / "x.ckpt")
    saved = torch.load(tmp_path / "x.ckpt", weights_only=False)
    assert saved["hyper_parameters"] == {"lr": 0.123, "width": 8}


def test_what_a_subclass_sets_is_its_own(pool, quiet):
    class Mine(al.ActiveLearner):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.lr = "mine"

    learner = Mine(Net(), pool, seed=0)
    learner.fit(max_steps=1, **quiet)
    learner.lr = "mine again"
    assert learner.lr == "mine again"
    assert learner.module.lr == 0.123
