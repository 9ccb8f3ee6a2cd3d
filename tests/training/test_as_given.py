"""Callbacks and profilers of several fits: each fit as if they were new."""

import threading
from dataclasses import dataclass, field

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.profilers import SimpleProfiler
from torch import nn

import alkit as al
from alkit.errors import ConfigurationError


@pytest.fixture
def make(pool):
    def make(**options):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            network = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 3))
        options = {"seed": 0, "optimizer": al.Adam(lr=0.05), **options}
        return al.Strategy(network, pool, **options).build()

    return make


def stopping():
    return EarlyStopping(
        "train_loss_epoch", min_delta=0.02, patience=1, check_on_train_epoch_end=True
    )


class StopsAfterFive(L.Callback):
    """A callback of one's own, with a state that Lightning knows nothing of."""

    def __init__(self):
        self.steps = 0
        self.losses = []

    def on_train_batch_end(self, trainer, *_):
        self.steps += 1
        trainer.should_stop = self.steps >= 5


def rounds(strategy, quiet, **trainer):
    loop = al.ActiveLearningLoop(strategy, 3, 3, max_epochs=40, **trainer)
    return [record.steps for record in loop]


@pytest.mark.parametrize("kind", [stopping, StopsAfterFive])
def test_one_callback_stops_each_round_where_a_new_one_would(kind, make, quiet, blobs):
    def fresh():
        pool = al.ActiveLearningDataset(blobs())
        pool.annotate_random(24, seed=0)
        strategy = make()
        strategy.train_pool = pool
        return strategy

    expected = rounds(fresh(), quiet, trainer=lambda: {"callbacks": [kind()], **quiet})
    assert max(expected) < 40
    one = kind()
    assert rounds(fresh(), quiet, trainer={"callbacks": [one], **quiet}) == expected
    assert rounds(fresh(), quiet, trainer={"callbacks": one, **quiet}) == expected


@pytest.mark.parametrize("trainer_of", [al.Trainer, L.Trainer])
def test_rounds_by_hand_are_the_same(trainer_of, make, quiet):
    options = {"logger": False, "enable_checkpointing": False, "max_epochs": 40, **quiet}
    steps = []
    for new in True, False:
        strategy, one = make(), stopping()
        for _ in range(3):
            trainer = trainer_of(callbacks=[stopping() if new else one], **options)
            trainer.fit(strategy)
            steps.append(trainer.global_step)
            strategy.reset_model()
    assert steps[:3] == steps[3:]


def test_after_a_fit_the_callback_has_the_state_of_that_fit(make, quiet, tmp_path):
    strategy = make()
    stop, kept = stopping(), ModelCheckpoint(tmp_path)
    found = set()
    for _ in range(2):
        strategy.fit(max_epochs=40, callbacks=[stop, kept], **quiet)
        assert stop.stopped_epoch == strategy.trainer.current_epoch - 1 > 0
        assert stop is strategy.trainer.early_stopping_callback
        found.add(kept.best_model_path)
        strategy.reset_model()
    assert len(found) == 2


def test_a_second_fit_of_one_trainer_goes_on_with_its_callbacks(make, quiet):
    strategy, stop = make(), StopsAfterFive()
    trainer = al.Trainer(max_steps=2, callbacks=[stop], **quiet)
    trainer.fit(strategy)
    trainer.fit_loop.epoch_loop.max_steps = 4
    trainer.fit(strategy)
    assert stop.steps == 4
    strategy.test_data = strategy.train_pool.annotated
    trainer.test(strategy, verbose=False)
    assert stop.steps == 4


def test_what_a_callback_collected_is_not_discarded_in_silence(make, quiet):
    class Collects(L.Callback):
        def __init__(self):
            self.ends = []

        def on_train_end(self, trainer, _):
            self.ends.append(trainer.global_step)

    strategy, collects = make(), Collects()
    strategy.fit(max_steps=1, callbacks=[collects], **quiet)
    with pytest.warns(UserWarning, match=r"Collects begins each fit .* 1 entries of its 'ends'"):
        strategy.fit(max_steps=2, callbacks=[collects], **quiet)
    assert collects.ends == [2]


def test_objects_of_the_run_are_shared_with_the_first_state_and_others_are_not(make, quiet):
    class Looks(L.Callback):
        def __init__(self, strategy, other):
            self.network = strategy.module.model
            self.weight = strategy.module.model[0].weight
            self.data = strategy.train_pool
            self.stop, self.numbers = other, [1]

    strategy, stop = make(), stopping()
    looks = Looks(strategy, stop)
    for _ in range(2):
        strategy.fit(max_steps=1, callbacks=[looks, stop], **quiet)
    assert looks.network is strategy.module.model
    assert looks.weight is strategy.module.model[0].weight
    assert looks.data is strategy.train_pool
    assert looks.stop is stop
    assert looks.numbers == [1]


def test_a_callback_without_a_hash_is_one_too(make, quiet):
    @dataclass
    class Counts(L.Callback):
        batches: list = field(default_factory=list)

    assert Counts.__hash__ is None
    strategy, counts = make(), Counts()
    for _ in range(2):
        strategy.fit(max_steps=1, callbacks=[counts], **quiet)


def test_a_state_that_cannot_be_copied_is_refused_before_anything_is_spent(make, quiet):
    class Locks(L.Callback):
        def __init__(self):
            self.lock = threading.Lock()

    strategy, locks = make(), Locks()
    with pytest.raises(ConfigurationError, match=r"Locks .*trainer=lambda"):
        al.ActiveLearningLoop(strategy, 3, 2, max_steps=1, trainer={"callbacks": [locks]})
    strategy.fit(max_steps=1, callbacks=[locks], **quiet)  # one fit needs no copy
    before = strategy.module.model[0].weight.detach().clone()
    with pytest.raises(ConfigurationError, match="cannot be copied"):
        strategy.fit(max_steps=1, callbacks=[locks], **quiet)
    assert torch.equal(strategy.module.model[0].weight, before)
    loop = al.ActiveLearningLoop(
        strategy, 3, 2, max_steps=1, trainer=lambda: {"callbacks": [Locks()], **quiet}
    )
    assert len(list(loop)) == 2


def test_a_callback_that_the_module_makes_once_begins_each_fit_afresh(pool, net, quiet):
    class Own(al.Classifier):
        def configure_callbacks(self):
            super().configure_callbacks()
            return [self.stop]

    module = Own(net()).build()
    module.stop = StopsAfterFive()
    learner = al.ActiveLearner(module, pool, seed=0)
    for _ in range(2):
        learner.fit(max_epochs=40, **quiet)
        assert learner.trainer.global_step == 5


def test_a_history_and_a_logger_go_on_and_a_profiler_begins_again(make, quiet, tmp_path):
    strategy, history = make(), al.training.History()
    logger, profiler = CSVLogger(tmp_path), SimpleProfiler()
    for fits in 1, 2:
        strategy.fit(max_epochs=2, callbacks=[history], logger=logger, profiler=profiler, **quiet)
        assert len(history.history["train_loss_epoch"]["value"]) == 2 * fits
        assert len(profiler.recorded_durations["run_training_epoch"]) == 2
    logger.save()
    assert len(list(tmp_path.glob("**/metrics.csv"))) == 1
