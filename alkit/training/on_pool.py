"""TrainedOnPool: trains an unchanged LightningModule on the annotated samples of a pool."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import lightning as L
import torch
from lightning.pytorch.profilers import Profiler
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities import CombinedLoader
from torch import Tensor
from torch.utils.data import DataLoader, RandomSampler

from alkit.errors import ConfigurationError, EmptyPoolError, UnbuiltError
from alkit.pool import ActiveLearningDataset
from alkit.pool.loaders import is_paid_for, train_loader
from alkit.pool.unlabeled_batches import for_inputs
from alkit.seeds import generator
from alkit.training.as_given import restart
from alkit.training.budget import limits_of
from alkit.training.class_labels import check_at_first_outputs, check_no_more
from alkit.training.held_out import labeled_loader, validation_data
from alkit.training.history import History, HistoryOfFits
from alkit.training.in_processes import attach
from alkit.training.inner_hooks import attribute_inside, hooks_of_module
from alkit.training.lightning_internals import (
    LogsHyperparameters,
    RunningHook,
    callbacks_of,
    past_modules,
    train_on_own_data,
)
from alkit.training.precision import dtypes_of, give_back
from alkit.training.shared_weights import TrainingOfWeights, learning
from alkit.training.trainer import Trainer, check_not_ended
from alkit.training.unannotated import (
    beside_unannotated,
    learns_from_unannotated,
    say_steps,
    steps_of_epoch,
)


@hooks_of_module
class TrainedOnPool(L.LightningModule):
    """Wrapper of ``self.module`` for a Trainer, with the annotated samples as training data.

    Lightning's hooks and steps are those of the inner module, which optimizes and logs as if it
    had been passed to the Trainer itself. A hook that it does not override counts as not overridden
    here. A module that also learns from unannotated samples defines ``unannotated_batch_size``
    and ``begin_fit``; see ``alkit.training.unannotated``. Subclasses set the attributes below.
    """

    module: L.LightningModule
    train_pool: ActiveLearningDataset
    val_pool: ActiveLearningDataset | None
    val_data: Any
    test_data: Any
    batch_size: int
    val_batch_size: int
    test_batch_size: int
    steps_per_epoch: int | None
    loader: dict[str, Any]
    seed: int

    _current_fx_name: Any = RunningHook()
    _log_hyperparams: Any = LogsHyperparameters()
    __setattr__ = past_modules

    def __getattr__(self, name: str) -> Any:
        """A part, or an attribute that only the module inside has."""
        parts = self.__dict__.get("_modules", {})
        if name in parts:
            return parts[name]
        if "module" not in parts or name.startswith("__") or hasattr(type(self), name):
            return super().__getattr__(name)
        return attribute_inside(self, parts["module"], name)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)

    @property
    def automatic_optimization(self) -> bool:
        """False if this module or the inner one uses manual optimization."""
        return self._automatic_optimization and self.module.automatic_optimization

    @automatic_optimization.setter
    def automatic_optimization(self, automatic_optimization: bool) -> None:
        self._automatic_optimization = automatic_optimization

    # --- fits and tests -----------------------------------------------------------------------

    def forget_training(self) -> None:
        """Return to the state before the first build and fit."""
        self.history = HistoryOfFits()
        self.fits = 0  # number of fits; each has its own data order
        self.initial_weights: dict[str, Tensor] | None = None
        self.weights_from = TrainingOfWeights()
        self.learned: dict[str, bool] | None = None  # requires_grad before the first fit
        self._optimizers_are_new = True
        self._fit_device: torch.device | None = None

    def fit(
        self,
        max_steps: int | None = None,
        *,
        max_epochs: int | None = None,
        datamodule: L.LightningDataModule | None = None,
        **trainer: Any,
    ) -> History:
        """Train on the annotated samples with a new ``alkit.Trainer``; return ``self.history``.

        Callbacks that an earlier Trainer used start again in the state in which they were first
        given, and so does a profiler; a logger continues.

        Args:
            max_steps: gradient steps, the fair budget for comparisons; or
            max_epochs: passes over the annotated samples; or both, whichever ends first. An
                ``Estimator`` needs neither.
            datamodule: its validation data and its hooks are used, and not its training data.
            **trainer: further arguments of the Trainer.

        Raises:
            ConfigurationError: no limit is given, or a limit is below 1.
            EmptyPoolError: no sample is annotated.
        """
        new = Trainer(**limits_of(self.module, max_steps, max_epochs), **trainer)
        if isinstance(profiler := trainer.get("profiler"), Profiler):
            restart([profiler], new, self)
        new.fit(self, datamodule=datamodule)
        return self.history

    def test(self, **trainer: Any) -> dict[str, float]:
        """Test on the ``test`` data with a new ``alkit.Trainer``; return the results by name."""
        trainer = {"enable_progress_bar": False, **trainer}
        (results,) = Trainer(**trainer).test(self, verbose=False)
        if not results:
            raise ConfigurationError(
                f"{type(self.module).__name__}.test_step logged nothing, so there are no results: "
                "log metrics in it with self.log."
            )
        return dict(results)

    def check_built(self, use: str) -> None:
        """Raise an UnbuiltError if the model is not built yet."""
        if self.initial_weights is None:
            name = type(self).__name__
            raise UnbuiltError(f"{name} is not built: call .build() before you {use} it.")
        self.weights_from.check(self.module)

    # --- data ---------------------------------------------------------------------------------

    def train_dataloader(self) -> DataLoader | CombinedLoader:
        """Batches of the annotated samples, shuffled by ``seed``, in a new order for each fit.

        If the module learns from unannotated samples, each batch also contains some of these.
        """
        pool, generator = self.train_pool, self.generator
        if not pool.get_num_annotated():
            raise EmptyPoolError(
                "Nothing is annotated yet, so there is nothing to train on: call "
                "pool.annotate(indices, labels) or pool.annotate_random(n) first."
            )
        shuffled = RandomSampler(pool.annotated, generator=generator("order"))
        module, size, steps = self.module, self.batch_size, self.steps_per_epoch
        if not learns_from_unannotated(module):
            return train_loader(pool.annotated, size, shuffled, steps, **self.loader)
        others = pool.unannotated
        module.begin_fit(pool.get_num_annotated(), len(others), generator)
        steps = steps_of_epoch(module, pool.get_num_annotated(), len(others), size, steps)
        annotated = train_loader(pool.annotated, size, shuffled, steps, **self.loader)
        size = module.unannotated_batch_size(size)
        options = for_inputs(self.loader, pool)
        return beside_unannotated(annotated, others, size, generator("unannotated"), **options)

    @property
    def val_dataloader(self) -> Callable[[], object]:
        """A function that returns batches of ``val``, or of the annotated part of ``val_pool``."""
        data, size = validation_data(self.val_pool, self.val_data), self.val_batch_size
        if data is None:
            return super().val_dataloader  # Lightning's default, so that there is no validation
        return partial(labeled_loader, "val", data, self.train_pool, size, self.loader)

    def test_dataloader(self) -> DataLoader:
        """Batches of the test data.

        Raises:
            ConfigurationError: no test data was given.
        """
        if self.test_data is None:
            raise ConfigurationError(
                f"{type(self).__name__} has no test data: pass test=dataset to its constructor."
            )
        data, size = self.test_data, self.test_batch_size
        return labeled_loader("test", data, self.train_pool, size, self.loader)

    def generator(self, purpose: str) -> torch.Generator:
        """Random generator for one purpose in the next fit, derived only from ``seed``."""
        return generator(self.seed, purpose, self.fits)

    # --- hooks that add behavior before they call the inner module's --------------------------

    def configure_callbacks(self) -> Sequence[L.Callback] | L.Callback:
        trainer = self.trainer
        self.check_built("train" if trainer.state.fn == TrainerFn.FITTING else "test")
        train_on_own_data(trainer, self, partial(is_paid_for, self.train_pool))
        own, callbacks = callbacks_of(trainer), self.module.configure_callbacks()
        if trainer.state.fn == TrainerFn.FITTING:
            self.learned = self.learned or learning(self.module)
            one = isinstance(callbacks, L.Callback)
            restart([*own, *([callbacks] if one else callbacks)], trainer, self)
        self._dtypes = dtypes_of(self.module)
        # not returned, since it would then replace the Trainer's History
        attach(trainer, self.history)
        return callbacks

    def on_fit_start(self) -> None:
        check_not_ended(self.trainer)
        self._fit_device = self.device
        check_at_first_outputs(self.module, self.train_pool)
        if not any(part.training for part in self.module.modules()):
            self.train()  # after strategy.eval(), Lightning would train without dropout
        self.weights_from.begin(self.module)
        self.module.on_fit_start()

    def on_train_start(self) -> None:
        resumed = self.trainer.ckpt_path is not None
        if self._optimizers_are_new and not resumed:
            if any(optimizer.state for optimizer in self.trainer.optimizers):
                raise ConfigurationError(
                    "configure_optimizers returned an optimizer that was used before: its state "
                    "would survive reset_model. Create the optimizer inside configure_optimizers."
                )
            self._optimizers_are_new = False
        if self.fits == 0:
            say_steps(self.module, self.trainer, type(self).__name__)
        self.module.on_train_start()

    def on_train_end(self) -> None:
        self.fits += 1
        self.module.on_train_end()

    def teardown(self, stage: str) -> None:
        self.module.teardown(stage)
        give_back(self.module, self._dtypes)  # a Trainer's precision ends with its run
        check_no_more(self.module)
