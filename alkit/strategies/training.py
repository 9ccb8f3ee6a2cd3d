"""How a strategy trains: as the LightningModule inside it does, on the annotated samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lightning as L
import torch
from lightning.pytorch.utilities.model_helpers import is_overridden
from lightning.pytorch.utilities.signature_utils import is_param_in_hook_signature
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, RandomSampler

from alkit.blocks import Block
from alkit.errors import ConfigurationError, EmptyPoolError, UnbuiltError
from alkit.history import History
from alkit.pool import ActiveLearningDataset
from alkit.seeds import generator
from alkit.strategies.loading import EvenBatches
from alkit.trainer import Trainer, check_not_ended

_HOOKS = """
    on_fit_end on_train_end on_validation_start on_validation_end on_test_start on_test_end
    on_train_epoch_start on_train_epoch_end on_validation_epoch_start on_validation_epoch_end
    on_test_epoch_start on_test_epoch_end on_train_batch_start on_train_batch_end
    on_validation_batch_start on_validation_batch_end on_test_batch_start on_test_batch_end
    on_validation_model_zero_grad on_before_zero_grad on_before_backward on_after_backward
    on_before_optimizer_step configure_model configure_optimizers configure_gradient_clipping
    backward lr_scheduler_step optimizer_step optimizer_zero_grad setup teardown prepare_data
    transfer_batch_to_device on_before_batch_transfer on_after_batch_transfer on_save_checkpoint
    on_load_checkpoint
""".split()  # noqa: SIM905


class _Recorder(L.Callback):
    """Writes what each Trainer of a strategy logs into one history, beside the Trainer's own."""

    def __init__(self, history: History) -> None:
        self.history = history

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("on_"):
            return getattr(self.history, name)
        return super().__getattribute__(name)


class TrainedOnPool(L.LightningModule):
    """Hands every hook of Lightning to ``self.module``, another LightningModule, unchanged.

    The Trainer sees this module, which gives it the annotated samples; the one inside runs its
    own steps, hooks, optimizers and logging, as if the Trainer had been given it. Subclasses
    set the attributes below, and override the steps that they do differently.
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

    def __init__(self) -> None:
        super().__init__()
        self.forget_training()

    def forget_training(self) -> None:
        """Be as if never built and never fitted."""
        self.history = History()  # of all rounds
        self._fits = 0  # each fit has a data order of its own
        self._initial: dict[str, Tensor] | None = None
        self._optimizers_are_new = True
        self._fit_device: torch.device | None = None

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
            ConfigurationError: neither limit is given.
            EmptyPoolError: nothing is annotated.
        """
        if max_steps is None and max_epochs is None:
            raise ConfigurationError(
                "fit needs a budget: max_steps= (gradient steps) or max_epochs= (passes over the "
                "annotated samples)."
            )
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

    def reset_model(self, *, redraw: bool = False) -> Any:
        """Restore the weights that the model was built with, whatever happened since.

        The next fit starts with new optimizers. Returns self.

        Args:
            redraw: draw new initial weights from torch's generator instead, as building does.
                The weights that a later plain ``reset_model()`` restores stay the built ones.

        Raises:
            UnbuiltError: the model was never built.
            ConfigurationError: ``redraw`` of a module that is no Block, so has no recipe.
        """
        self.check_built("reset")
        weights = self._initial
        if redraw:
            if not isinstance(self.module, Block):
                raise ConfigurationError(
                    f"{type(self.module).__name__} is no Block, so its weights cannot be drawn "
                    "again; make a new module for each trial instead."
                )
            weights = self.module.new().build().state_dict()
        self.module.load_state_dict(weights)  # type: ignore[arg-type]
        self._optimizers_are_new = True
        return self

    # --- building -----------------------------------------------------------------------------

    def keep_initial_weights(self) -> None:
        """Remember the weights as they are now: ``reset_model`` goes back to them."""
        state = self.module.state_dict()
        self._initial = {name: value.detach().cpu().clone() for name, value in state.items()}

    def check_built(self, use: str) -> None:
        """Raise an UnbuiltError if the model is not built yet."""
        if self._initial is None:
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
        return self.make_loader(annotated, self.batch_size, shuffled)

    def val_dataloader(self) -> Any:
        """Batches of the annotated samples of ``val_pool``; none without any."""
        pool = self.val_pool
        can_validate = is_overridden("validation_step", self.module)
        if pool is None or not pool.get_num_annotated() or not can_validate:
            return []
        samples = pool.view(pool.annotated_indices, labels=True, scoring=True)
        return self.make_loader(samples, self.val_batch_size)

    def test_dataloader(self) -> Any:
        """Batches of the test data.

        Raises:
            ConfigurationError: no test data was given.
        """
        if self.test_data is None:
            raise ConfigurationError(
                f"{type(self).__name__} has no test data: give test=dataset to its constructor."
            )
        return self.make_loader(self.test_data, self.test_batch_size)

    def make_loader(
        self, samples: Dataset, batch_size: int, shuffled: RandomSampler | None = None
    ) -> DataLoader:
        """A DataLoader with the user's options that leaves the global random state alone."""
        options = dict(self.loader)
        drop_last = options.pop("drop_last", False)
        own = torch.Generator()  # a loader draws from it at each start
        if shuffled is None:
            return DataLoader(samples, batch_size, shuffle=False, generator=own, **options)
        batches = EvenBatches(shuffled, batch_size, drop_last, self.steps_per_epoch)
        return DataLoader(samples, batch_sampler=batches, generator=own, **options)

    def generator(self, purpose: str) -> torch.Generator:
        """The random numbers of one purpose in the next fit; they depend on ``seed`` alone."""
        return generator(self.seed, purpose, self._fits)

    # --- hooks with a duty of their own, then the inner module's ------------------------------

    def configure_callbacks(self) -> Any:
        self.check_built("train")
        callbacks = self.delegate("configure_callbacks")
        return [_Recorder(self.history), *(callbacks if isinstance(callbacks, list | tuple) else [callbacks])]

    def on_fit_start(self) -> None:
        check_not_ended(self.trainer)
        self._fit_device = self.device
        self.delegate("on_fit_start")

    def on_train_start(self) -> None:
        resumed = self.trainer.ckpt_path is not None
        if self._optimizers_are_new and not resumed:
            if any(optimizer.state for optimizer in self.trainer.optimizers):
                raise ConfigurationError(
                    "configure_optimizers returned an optimizer that was used before: its moments "
                    "would survive reset_model. Create the optimizer inside configure_optimizers."
                )
            self._optimizers_are_new = False
        self.delegate("on_train_start")

    def on_train_end(self) -> None:
        self._fits += 1
        self.delegate("on_train_end")

    def delegate(self, hook: str, *args: Any, **kwargs: Any) -> Any:
        """Call a hook of the inner module; what it logs counts as logged in that hook."""
        module = self.module
        module._current_fx_name = self._current_fx_name
        try:
            return getattr(module, hook)(*args, **kwargs)
        finally:
            module._current_fx_name = None

    def _step(self, name: str, batch: Any, batch_idx: int) -> Any:
        step = getattr(self.module, name)
        takes_index = is_param_in_hook_signature(step, "batch_idx", min_args=2)
        return self.delegate(name, batch, *([batch_idx] if takes_index else []))

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        return self._step("training_step", batch, batch_idx)

    def validation_step(self, batch: Any, batch_idx: int) -> Any:
        return self._step("validation_step", batch, batch_idx)

    def test_step(self, batch: Any, batch_idx: int) -> Any:
        return self._step("test_step", batch, batch_idx)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)

    @property
    def automatic_optimization(self) -> bool:
        """False where this module, or the one inside, optimizes by hand."""
        return self._automatic_optimization and self.module.automatic_optimization

    @automatic_optimization.setter
    def automatic_optimization(self, automatic_optimization: bool) -> None:
        self._automatic_optimization = automatic_optimization


def _delegated(name: str) -> Callable[..., Any]:
    def hook(self: TrainedOnPool, *args: Any, **kwargs: Any) -> Any:
        return self.delegate(name, *args, **kwargs)

    hook.__name__ = name
    hook.__doc__ = f"``{name}`` of the inner module."
    return hook


for _name in set(_HOOKS) - set(vars(TrainedOnPool)):
    setattr(TrainedOnPool, _name, _delegated(_name))
