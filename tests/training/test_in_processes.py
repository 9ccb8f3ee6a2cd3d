"""The callback without processes; with two, see ``strategies/test_joining.py``."""

import lightning as L
from lightning.pytorch.utilities import CombinedLoader
from torch import nn
from torchmetrics.classification import MulticlassAccuracy

from alkit.training.history import HistoryOfFits
from alkit.training.in_processes import InProcesses, _even_batches, attach
from alkit.training.on_pool import train_loader


def test_a_trainer_of_one_process_gets_the_history_alone(lightning_trainer):
    trainer, first, second = lightning_trainer(max_steps=1), HistoryOfFits(), HistoryOfFits()
    before = [*trainer.callbacks]
    for history in (first, second):
        attach(trainer, history)
        assert trainer.callbacks == [*before, history]


def test_metrics_are_not_reduced_over_the_processes_during_validation_and_tests():
    module = L.LightningModule()
    module.metrics = nn.ModuleDict({"accuracy": MulticlassAccuracy(3)})
    metric, callback = module.metrics["accuracy"], InProcesses()
    before = metric.distributed_available_fn
    for begin, end in [
        (callback.on_validation_start, callback.on_validation_end),
        (callback.on_test_start, callback.on_test_end),
    ]:
        begin(None, module)
        assert metric.distributed_available_fn() is False
        end(None, module)
        assert metric.distributed_available_fn is before


def test_the_batches_of_annotated_samples_are_found_beside_unannotated_ones():
    loader = train_loader(range(10), 4, range(10))
    both = CombinedLoader({"annotated": loader, "unannotated": loader}, "min_size")
    assert _even_batches(loader) is _even_batches(both.iterables) is loader.batch_sampler
    assert _even_batches([loader]) is _even_batches(None) is None
