"""Lightning's Trainer, with defaults for many small fits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from inspect import signature
from pathlib import Path
from typing import Any, TypeVar, cast

import lightning
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Checkpoint, ProgressBar, Timer, TQDMProgressBar

from alkit.arguments import check_keywords
from alkit.errors import ConfigurationError, TrainerEndedError
from alkit.training.budget import LIMITS, check_limits
from alkit.training.class_labels import explained
from alkit.training.committee import again, mean_results, turns
from alkit.training.history import History
from alkit.training.in_processes import check_start, results_of_first
from alkit.training.lightning_internals import (
    callbacks_of,
    interruptible,
    moved_if_elsewhere,
    plugins_listed_once,
    quiet,
)

F = TypeVar("F", bound=Callable[..., object])


def _quietly(method: F) -> F:
    @wraps(method)
    def run(self: lightning.Trainer, *args: object, **kwargs: object) -> object:
        with quiet(), interruptible(), moved_if_elsewhere():
            return method(self, *args, **kwargs)

    return cast(F, run)


class Trainer(lightning.Trainer):
    """Lightning's Trainer, with defaults for many small fits; accepts all of its arguments.

    Different defaults, each of which can be reverted by its argument: no logger and no checkpoints
    (a checkpoint callback enables them), so nothing is written to disk; no model summary; no
    sanity check of the validation; a value for every step in the history; tqdm's progress bar, in
    terminals and notebooks. Lightning's tips (GPU available, few workers, no validation data) are
    hidden; its real warnings are shown. Ctrl-C raises a KeyboardInterrupt, while Lightning would
    end the process.

    ``trainer.history`` contains every value that the model logs.

    A Trainer counts its steps over its lifetime: after ``max_epochs`` or ``max_steps`` another fit
    would do nothing. Create a new one for each round.

    Args:
        callbacks: Lightning's callbacks. A ``History`` is added if there is none.
        **kwargs: all other arguments of ``lightning.Trainer``.

    Raises:
        ConfigurationError: Lightning refuses an argument, or a limit is not a whole number.
    """

    def __init__(
        self,
        *,
        callbacks: list[lightning.Callback] | lightning.Callback | None = None,
        **kwargs: Any,
    ) -> None:
        callbacks = [callbacks] if isinstance(callbacks, lightning.Callback) else callbacks
        self._given = {"callbacks": callbacks, **kwargs}
        callbacks = list(callbacks or [])
        if not any(isinstance(callback, History) for callback in callbacks):
            callbacks.append(History())
        if not kwargs.get("barebones"):  # barebones mode accepts none of these
            _set_defaults(kwargs, callbacks)
        check_keywords("Trainer", kwargs, signature(lightning.Trainer.__init__).parameters)
        check_limits(**{name: kwargs.get(name) for name in LIMITS})
        if kwargs.get("max_steps") is None:
            kwargs.pop("max_steps", None)
        try:
            with quiet(), plugins_listed_once():
                super().__init__(callbacks=callbacks, **kwargs)
        except (ValueError, MisconfigurationException) as error:
            raise ConfigurationError(
                f"Lightning's Trainer refuses its arguments: {error}"
            ) from error

    @property
    def history(self) -> History:
        """Logged values: ``trainer.history.history["train_loss_epoch"]["value"]``."""
        return next(c for c in callbacks_of(self) if isinstance(c, History))

    def fit(
        self,
        model: lightning.LightningModule,
        train_dataloaders: object = None,
        val_dataloaders: object = None,
        datamodule: lightning.LightningDataModule | None = None,
        ckpt_path: str | Path | None = None,
        **kwargs: Any,
    ) -> None:
        """Lightning's ``fit``.

        Raises:
            TrainerEndedError: this Trainer reached its limits in an earlier fit.
        """
        if ckpt_path is None:
            _check_limits(self)
        check_start(self, model)
        given = (train_dataloaders, val_dataloaders, datamodule, ckpt_path)
        for last in turns(model, trains=True):
            trainer = self if last else Trainer(**again(self._given))
            try:
                with quiet(), interruptible(), moved_if_elsewhere():
                    lightning.Trainer.fit(trainer, model, *given, **kwargs)
            except (IndexError, RuntimeError, TypeError) as error:
                if (cause := explained(error, model)) is not None:
                    raise cause from error
                raise

    def test(
        self, model: lightning.LightningModule | None = None, *args: Any, **kwargs: Any
    ) -> list[Mapping[str, float]]:
        """Lightning's ``test``; the mean over the members of an ensemble of LightningModules."""
        model = model or self.lightning_module
        check_start(self, model)
        test = super().test
        with quiet(), interruptible(), moved_if_elsewhere():
            found = mean_results([test(model, *args, **kwargs) for _ in turns(model, trains=False)])
            return results_of_first(self, found)

    validate = _quietly(lightning.Trainer.validate)
    predict = _quietly(lightning.Trainer.predict)


def check_not_ended(trainer: lightning.Trainer) -> None:
    """Raise if a fit would do nothing because the Trainer ended in an earlier one.

    For ``on_fit_start`` of a module, since a plain ``lightning.Trainer`` does not report this. A
    fit that resumes from a checkpoint is allowed, and so is a fit with increased limits.

    Raises:
        TrainerEndedError: ``max_epochs``, ``max_steps`` or ``max_time`` has been reached.
    """
    if trainer.ckpt_path is None:
        _check_limits(trainer)


def _check_limits(trainer: lightning.Trainer) -> None:
    timers = [c for c in callbacks_of(trainer) if isinstance(c, Timer)]
    left = [t.time_remaining() for t in timers if t.start_time() is not None]
    if 0 < (trainer.max_epochs or 0) <= trainer.current_epoch:
        limit = f"max_epochs={trainer.max_epochs}"
    elif 0 < trainer.max_steps <= trainer.global_step:
        limit = f"max_steps={trainer.max_steps}"
    elif any(seconds is not None and seconds <= 0 for seconds in left):
        limit = "max_time"
    else:
        return
    raise TrainerEndedError(
        f"This Trainer has already ended ({limit} reached, after {trainer.current_epoch} epochs "
        f"and {trainer.global_step} steps): fitting again would do nothing. Create a new Trainer "
        "for each round: trainer = al.Trainer(...)."
    )


def _set_defaults(kwargs: dict[str, Any], callbacks: list[lightning.Callback]) -> None:
    """Set the arguments that the user omitted or passed as None, Lightning's default."""
    defaults = {
        "logger": False,
        "enable_checkpointing": any(isinstance(c, Checkpoint) for c in callbacks),
        "enable_progress_bar": True,
        "enable_model_summary": False,
        "num_sanity_val_steps": 0,
        "log_every_n_steps": 1,
    }
    for name, value in defaults.items():
        if kwargs.get(name) is None:
            kwargs[name] = value
    if kwargs["enable_progress_bar"] and not any(isinstance(c, ProgressBar) for c in callbacks):
        callbacks.append(TQDMProgressBar())  # Lightning would use rich's bar if rich is installed
