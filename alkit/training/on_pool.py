"""TrainedOnPool: trains an unchanged LightningModule on the annotated samples of a pool."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import lightning as L
import torch
from lightning.pytorch.utilities import CombinedLoader
from torch import Tensor
from torch.utils.data import DataLoader, RandomSampler

from alkit.errors import ConfigurationError, EmptyPoolError, UnbuiltError
from alkit.pool import ActiveLearningDataset
from alkit.pool.loaders import eval_loader, train_loader
from alkit.seeds import generator
from alkit.training.budget import check_budget
from alkit.training.history import History, HistoryOfFits
from alkit.training.inner_hooks import hooks_of_module
from alkit.training.lightning_internals import RunningHook, callbacks_of, past_modules
from alkit.training.trainer import Trainer, check_not_ended
from alkit.training.unannotated import beside_unannotated, learns_from_unannotated


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
    test_data: Any
    batch_size: int
    val_batch_size: int
    test_batch_size: int
    steps_per_epoch: int | None
    loader: dict[str, Any]
    seed: int

    _current_fx_name: Any = RunningHook()
    __setattr__ = past_modules

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
        self._optimizers_are_new = True
        self._fit_device: torch.device | None = None

    def fit(
        self, max_steps: int | None = None, *, max_epochs: int | None = None, **trainer: Any
    ) -> History:
        """Train on the annotated samples with a new ``alkit.Trainer``; return ``self.history``.

        Args:
            max_steps: gradient steps, the fair budget for comparisons; or
            max_epochs: passes over the annotated samples; or both, whichever ends first.
            **trainer: further arguments of the Trainer.

        Raises:
            ConfigurationError: no limit is given, or a limit is below 1.
            EmptyPoolError: no sample is annotated.
        """
        check_budget(max_steps, max_epochs)
        limits = {"max_steps": -1 if max_steps is None else max_steps, "max_epochs": max_epochs}
        Trainer(**limits, **trainer).fit(self)
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
            raise UnbuiltError(
                f"{type(self).__name__} is not built: call .build() before you {use} it."
            )

    # --- data ---------------------------------------------------------------------------------

    def train_dataloader(self) -> DataLoader | CombinedLoader:
        """Batches of the annotated samples, shuffled by ``seed``, in a new order for each fit.

        If the module learns from unannotated samples, each batch also contains some of these.
        """
        if self._trainer is not None and self.trainer.world_size > 1:
            self.seed = self.trainer.strategy.broadcast(self.seed)  # all processes query alike
        pool, generator = self.train_pool, self.generator
        if not pool.get_num_annotated():
            raise EmptyPoolError(
                "Nothing is annotated yet, so there is nothing to train on: call "
                "pool.annotate(indices, labels) or pool.annotate_random(n) first."
            )
        shuffled = RandomSampler(pool.annotated, generator=generator("order"))
        annotated = train_loader(
            pool.annotated, self.batch_size, shuffled, self.steps_per_epoch, **self.loader
        )
        module = self.module
        if not learns_from_unannotated(module):
            return annotated
        others = pool.unannotated
        module.begin_fit(pool.get_num_annotated(), len(others), generator)
        size = module.unannotated_batch_size(self.batch_size)
        return beside_unannotated(annotated, others, size, generator("unannotated"), **self.loader)

    @property
    def val_dataloader(self) -> Callable[[], object]:
        """A function that returns batches of the annotated samples of ``val_pool``, if any."""
        if self.val_pool is None or not self.val_pool.get_num_annotated():
            return super().val_dataloader  # Lightning's default, so that there is no validation
        view = self.val_pool.view(self.val_pool.annotated_indices, labels=True, scoring=True)
        return partial(eval_loader, view, self.val_batch_size, **self.loader)

    def test_dataloader(self) -> DataLoader:
        """Batches of the test data.

        Raises:
            ConfigurationError: no test data was given.
        """
        if self.test_data is None:
            raise ConfigurationError(
                f"{type(self).__name__} has no test data: pass test=dataset to its constructor."
            )
        return eval_loader(self.test_data, self.test_batch_size, **self.loader)

    def generator(self, purpose: str) -> torch.Generator:
        """Random generator for one purpose in the next fit, derived only from ``seed``."""
        return generator(self.seed, purpose, self.fits)

    # --- hooks that add behavior before they call the inner module's --------------------------

    def configure_callbacks(self) -> Sequence[L.Callback] | L.Callback:
        self.check_built("train")
        callbacks = self.module.configure_callbacks()
        own = callbacks_of(self.trainer)
        # not returned, since it would then replace the Trainer's History
        own[:] = [c for c in own if not isinstance(c, HistoryOfFits)] + [self.history]
        return callbacks

    def on_fit_start(self) -> None:
        check_not_ended(self.trainer)
        self._fit_device = self.device
        if not any(part.training for part in self.module.modules()):
            self.train()  # after strategy.eval(), Lightning would train without dropout
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
        self.module.on_train_start()

    def on_train_end(self) -> None:
        self.fits += 1
        self.module.on_train_end()
