"""How a strategy trains: as the LightningModule inside it does, on the annotated samples."""

from __future__ import annotations

from functools import partial
from typing import Any, Self

import lightning as L
import torch
from torch import Tensor
from torch.utils.data import RandomSampler

from alkit.blocks import Block
from alkit.errors import ConfigurationError, EmptyPoolError, UnbuiltError
from alkit.pool import ActiveLearningDataset
from alkit.pool.loaders import eval_loader, train_loader
from alkit.seeds import generator
from alkit.training.budget import check_budget
from alkit.training.history import History
from alkit.training.trainer import Trainer, check_not_ended
from alkit.training.wrapper import Wrapper


class _Recorder(L.Callback):
    """Writes what each Trainer of a strategy logs into one history, beside the Trainer's own."""

    def __init__(self, history: History) -> None:
        self.history = history

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("on_") or name == "teardown":
            return getattr(self.history, name)
        return super().__getattribute__(name)


class TrainedOnPool(Block, Wrapper):
    """Trains ``self.module`` as it trains itself, on the annotated samples of a pool.

    Subclasses set the attributes below, and override the steps that they do differently.
    """

    train_pool: ActiveLearningDataset
    val_pool: ActiveLearningDataset | None
    test_data: Any
    batch_size: int
    val_batch_size: int
    test_batch_size: int
    steps_per_epoch: int | None
    loader: dict[str, Any]
    seed: int

    def __init__(self) -> None:
        super().__init__()
        self.forget_training()

    def forget_training(self) -> None:
        """Be as if never built and never fitted."""
        self.history = History()  # of all rounds
        self.fits = 0  # done so far: each has a data order of its own
        self.initial_weights: dict[str, Tensor] | None = None
        self._optimizers_are_new = True
        self._fit_device: torch.device | None = None
        self._ready_made = False  # built without a call of build()

    # --- convenience --------------------------------------------------------------------------

    def fit(
        self, max_steps: int | None = None, *, max_epochs: int | None = None, **trainer: Any
    ) -> History:
        """Train on the annotated samples with a new ``alkit.Trainer``; returns ``self.history``.

        Args:
            max_steps: gradient steps, the fair budget of a comparison; or
            max_epochs: passes over the annotated samples; or both, whichever ends first.
            **trainer: further arguments of the Trainer.

        Raises:
            ConfigurationError: no limit is given, or one below 1.
            EmptyPoolError: nothing is annotated.
        """
        check_budget(max_steps, max_epochs)
        limits = {"max_steps": -1 if max_steps is None else max_steps, "max_epochs": max_epochs}
        Trainer(**limits, **trainer).fit(self)
        return self.history

    def test(self, **trainer: Any) -> dict[str, float]:
        """Results on the ``test`` data, by name, from a new ``alkit.Trainer``."""
        trainer = {"enable_progress_bar": False, **trainer}
        (results,) = Trainer(**trainer).test(self, verbose=False)
        if not results:
            raise ConfigurationError(
                f"{type(self.module).__name__}.test_step logged nothing: there is no result. "
                "Log metrics in it with self.log."
            )
        return dict(results)

    def reset_model(self, *, redraw: bool = False) -> Self:
        """Restore the weights that the model was built with, whatever happened since.

        The next fit starts with new optimizers. Returns self.

        Args:
            redraw: build the model anew instead, with weights from torch's own generator; what
                came with its weights has those. A later plain ``reset_model()`` restores the
                weights of the first build.

        Raises:
            UnbuiltError: the model was never built.
            ConfigurationError: ``redraw`` of a module of which no part is an alkit Block.
        """
        self.check_built("reset")
        self.module.load_state_dict(self._redrawn() if redraw else self.initial_weights)  # type: ignore
        self._optimizers_are_new = True
        return self

    def _redrawn(self) -> dict[str, Tensor]:
        twin = self.new()
        came = len(list(twin.module.parameters()))
        weights = twin.build().module.state_dict()
        if came == len(list(twin.module.parameters())):
            raise ConfigurationError(
                f"No part of {type(self.module).__name__} is an alkit Block, so there is nothing "
                "to draw again; make a new module for each trial instead."
            )
        return weights

    # --- building -----------------------------------------------------------------------------

    def build(self) -> Self:
        """Build the model in place, and keep its weights for ``reset_model``. Returns self.

        A learner over a module that has nothing to build is built from the start; for it this
        does nothing, once.

        Raises:
            BuiltError: it was built before.
        """
        if self._ready_made:
            self._ready_made = False
            return self
        super().build()
        self.keep_initial_weights()
        return self

    def build_if_ready_made(self) -> None:
        """Build this if the module has nothing to build, as an ordinary LightningModule."""
        parts = self.module.modules()
        if all(part._built for part in parts if isinstance(part, Block)):
            self.build()
            self._ready_made = True

    def new(self) -> Self:
        """An unbuilt copy over the same pools and data, with a history of its own.

        Modules in it that came with their weights have those, not what training made of them.
        """
        twin = super().new()
        if self.initial_weights is not None:
            twin.module.load_state_dict(self.initial_weights, strict=False)
        twin.forget_training()
        return twin

    def keep_initial_weights(self) -> None:
        """Remember the weights as they are now: ``reset_model`` goes back to them."""
        state = self.module.state_dict()
        self.initial_weights = {name: value.detach().cpu().clone() for name, value in state.items()}

    def check_built(self, use: str) -> None:
        """Raise an UnbuiltError if the model is not built yet."""
        if self.initial_weights is None:
            raise UnbuiltError(
                f"{type(self).__name__} is not built: call .build() before you {use} it."
            )

    # --- data ---------------------------------------------------------------------------------

    def train_dataloader(self) -> Any:
        """Batches of the annotated samples, shuffled by ``seed``, anew for each fit."""
        if not self.train_pool.get_num_annotated():
            raise EmptyPoolError(
                "Nothing is annotated yet, so there is nothing to train on: "
                "pool.annotate(indices, labels) or pool.annotate_random(n) first."
            )
        annotated = self.train_pool.annotated
        shuffled = RandomSampler(annotated, generator=self.generator("order"))
        return train_loader(
            annotated, self.batch_size, shuffled, self.steps_per_epoch, **self.loader
        )

    @property
    def val_dataloader(self) -> Any:  # type: ignore[override]
        """A function that gives batches of what is annotated of ``val_pool``, if anything is."""
        if self.val_pool is None or not self.val_pool.get_num_annotated():
            return super().val_dataloader  # Lightning's own: there is no validation
        view = self.val_pool.view(self.val_pool.annotated_indices, labels=True, scoring=True)
        return partial(eval_loader, view, self.val_batch_size, **self.loader)

    def test_dataloader(self) -> Any:
        """Batches of the test data.

        Raises:
            ConfigurationError: no test data was given.
        """
        if self.test_data is None:
            raise ConfigurationError(
                f"{type(self).__name__} has no test data: give test=dataset to its constructor."
            )
        return eval_loader(self.test_data, self.test_batch_size, **self.loader)

    def generator(self, purpose: str) -> torch.Generator:
        """The random numbers of one purpose in the next fit; they depend on ``seed`` alone."""
        return generator(self.seed, purpose, self.fits)

    # --- hooks with a duty of their own, then the inner module's ------------------------------

    def configure_callbacks(self) -> Any:
        self.check_built("train")
        callbacks = self.module.configure_callbacks()
        callbacks = callbacks if isinstance(callbacks, list | tuple) else [callbacks]
        there = [c for c in self.trainer.callbacks if isinstance(c, _Recorder)]  # type: ignore
        if any(recorder.history is self.history for recorder in there):
            return callbacks  # of a fit or test before; Lightning would tell of its replacement
        return [_Recorder(self.history), *callbacks]

    def on_fit_start(self) -> None:
        check_not_ended(self.trainer)
        self._fit_device = self.device
        if not any(part.training for part in self.module.modules()):
            self.train()  # after strategy.eval(), where Lightning would train without dropout
        self.module.on_fit_start()

    def on_train_start(self) -> None:
        resumed = self.trainer.ckpt_path is not None
        if self._optimizers_are_new and not resumed:
            if any(optimizer.state for optimizer in self.trainer.optimizers):
                raise ConfigurationError(
                    "configure_optimizers returned an optimizer that was used before: its moments "
                    "would survive reset_model. Create the optimizer inside configure_optimizers."
                )
            self._optimizers_are_new = False
        self.module.on_train_start()

    def on_train_end(self) -> None:
        self.fits += 1
        self.module.on_train_end()
