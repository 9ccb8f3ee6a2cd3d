"""Lightning's Trainer, with defaults for many small fits."""

from __future__ import annotations

import logging
import signal
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache, wraps
from importlib.metadata import entry_points
from typing import Any, Concatenate, ParamSpec, TypeVar

import lightning
from lightning.fabric.utilities import registry
from lightning.pytorch.callbacks import Checkpoint, ProgressBar, Timer, TQDMProgressBar
from lightning.pytorch.trainer.connectors.logger_connector import result
from lightning.pytorch.utilities.rank_zero import rank_zero_module  # type: ignore[attr-defined]

from alkit.errors import TrainerEndedError
from alkit.training.history import History

P = ParamSpec("P")
R = TypeVar("R")

_TIPS = (
    "GPU available",
    "TPU available",
    "LOCAL_RANK",
    "You are using a CUDA device",
    "`Trainer.fit` stopped: `max_",
    "`Trainer(limit_test_batches=1)` was configured",
    "The following callbacks returned in `LightningModule.configure_callbacks`",
    "Using bfloat16 Automatic Mixed Precision",
    "\N{ELECTRIC LIGHT BULB} Tip",
)
_HINTS = (
    r".*does not have many workers",
    r".*but have no `val_dataloader`",
    r"The number of training batches .* is smaller than the logging interval",
)


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back Lightning's tips, and nothing else, while the block runs."""

    def is_news(record: logging.LogRecord) -> bool:
        return record.levelno != logging.INFO or not record.getMessage().startswith(_TIPS)

    loggers = [rank_zero_module.log, logging.getLogger("lightning.pytorch.accelerators.cuda")]
    with warnings.catch_warnings():
        for hint in _HINTS:
            warnings.filterwarnings("ignore", hint, UserWarning)
        # Lightning 2.6 on torch 2.12 and later, once for every batch
        warnings.filterwarnings("ignore", ".*LeafSpec", FutureWarning)
        for logger in loggers:
            logger.addFilter(is_news)
        try:
            yield
        finally:
            for logger in loggers:
                logger.removeFilter(is_news)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C be a KeyboardInterrupt, that works again afterwards.

    Lightning makes a SystemExit of it, and has the process ignore every later one.
    """
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as stopped:
        if not isinstance(stopped.__context__, KeyboardInterrupt):
            raise
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, handler)
        raise KeyboardInterrupt from None


@contextmanager
def _replaced(owner: Any, name: str, makes: Callable[[Any], Any]) -> Iterator[None]:
    """While the block runs, what is made of an attribute stands in its place, if anything is."""
    there = getattr(owner, name, None)
    made = None if there is None else makes(there)
    if made is None:
        yield
        return
    setattr(owner, name, made)
    try:
        yield
    finally:
        setattr(owner, name, there)


def _plugins_known() -> AbstractContextManager[None]:
    """While the block runs, Lightning looks for plug-ins among packages that were listed before.

    It lists the entry points of all installed packages for each Trainer, half the time that one
    takes to make; here they are listed once a process, and loaded each time as ever.
    """
    # anything else there is another Lightning's, or another Trainer is being made
    return _replaced(
        registry, "entry_points", lambda there: _entry_points if there is entry_points else None
    )


_entry_points = cache(entry_points)


def _moved_if_elsewhere() -> AbstractContextManager[None]:
    """While the block runs, Lightning leaves a logged value's sums alone that are in their place.

    To move them to the value's device it copies all that it knows of a value, deeply, at every
    ``log``: a third of what it takes for a step.
    """

    def if_elsewhere(moves: Any) -> Any:
        if hasattr(moves, "__wrapped__"):  # a fit within a fit
            return None

        @wraps(moves)
        def to(self: Any, device: Any, *args: Any, **kwargs: Any) -> Any:
            here = getattr(getattr(self, "value", None), "device", None) == device
            return self if here else moves(self, device, *args, **kwargs)

        return to

    return _replaced(getattr(result, "_ResultMetric", None), "to", if_elsewhere)


def _quietly(
    method: Callable[Concatenate[Any, P], R],
) -> Callable[Concatenate[Any, P], R]:
    @wraps(method)
    def run(self: Any, *args: P.args, **kwargs: P.kwargs) -> R:
        with _quiet(), _interruptible(), _moved_if_elsewhere():
            return method(self, *args, **kwargs)

    return run


class Trainer(lightning.Trainer):
    """Lightning's Trainer, with defaults for many small fits; every argument of it works.

    What differs, each to be had back by the argument of that name: no logger and no
    checkpoints (a checkpoint callback turns them on), so that nothing is written to the disk; no
    model summary; no sanity check of the validation; a value of every step in the history; tqdm's
    progress bar, in terminals and notebooks alike. Lightning's tips (GPU available, few workers,
    no validation data) are held back while it works; its real warnings are shown.
    Ctrl-C is a KeyboardInterrupt, as everywhere, where Lightning would end the process.

    Every value that the model logs is in ``trainer.history``.

    A Trainer counts its steps over its life: one that has reached ``max_epochs`` or ``max_steps``
    would fit nothing more. Make a new one for each round.

    Args:
        callbacks: as Lightning's. A ``History`` is added where there is none.
        **kwargs: every other argument of ``lightning.Trainer``.
    """

    def __init__(
        self,
        *,
        callbacks: list[lightning.Callback] | lightning.Callback | None = None,
        **kwargs: Any,
    ) -> None:
        callbacks = [callbacks] if isinstance(callbacks, lightning.Callback) else callbacks
        callbacks = list(callbacks or [])
        if not any(isinstance(callback, History) for callback in callbacks):
            callbacks.append(History())
        if not kwargs.get("barebones"):  # which takes none of these
            _set_defaults(kwargs, callbacks)
        with _quiet(), _plugins_known():
            super().__init__(callbacks=callbacks, **kwargs)

    @property
    def history(self) -> History:
        """Every value that was logged: ``trainer.history.history["train_loss_epoch"]["value"]``."""
        return next(c for c in self.callbacks if isinstance(c, History))  # type: ignore[attr-defined]

    def fit(
        self,
        model: lightning.LightningModule,
        train_dataloaders: Any = None,
        val_dataloaders: Any = None,
        datamodule: lightning.LightningDataModule | None = None,
        ckpt_path: Any = None,
        **kwargs: Any,
    ) -> None:
        """Lightning's ``fit``.

        Raises:
            TrainerEndedError: this Trainer has reached its limits in an earlier fit.
        """
        if ckpt_path is None:
            _check_limits(self)
        with _quiet(), _interruptible(), _moved_if_elsewhere():
            super().fit(model, train_dataloaders, val_dataloaders, datamodule, ckpt_path, **kwargs)

    validate = _quietly(lightning.Trainer.validate)  # type: ignore[assignment]
    test = _quietly(lightning.Trainer.test)  # type: ignore[assignment]
    predict = _quietly(lightning.Trainer.predict)  # type: ignore[assignment]


def check_not_ended(trainer: lightning.Trainer) -> None:
    """Raise where a fit would do nothing because the Trainer has ended in an earlier one.

    For ``on_fit_start`` of a module: a plain ``lightning.Trainer`` says nothing itself. A fit that
    resumes from a checkpoint passes, and so do limits that have been raised.

    Raises:
        TrainerEndedError: ``max_epochs``, ``max_steps`` or ``max_time`` has been reached.
    """
    if trainer.ckpt_path is None:
        _check_limits(trainer)


def _check_limits(trainer: lightning.Trainer) -> None:
    timers = [c for c in trainer.callbacks if isinstance(c, Timer)]  # type: ignore[attr-defined]
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
        f"and {trainer.global_step} steps): fitting again would do nothing. Make a new Trainer for "
        "each round: trainer = al.Trainer(...)."
    )


def _set_defaults(kwargs: dict[str, Any], callbacks: list[lightning.Callback]) -> None:
    """Fill in what the user has left open (or has given as None, Lightning's word for it)."""
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
        callbacks.append(TQDMProgressBar())  # Lightning takes rich's wherever rich is installed
