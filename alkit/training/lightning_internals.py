"""Everything that touches private parts of Lightning, each with the version and the reason.

Checked with Lightning 2.6.6.
"""

from __future__ import annotations

import logging
import signal
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache, wraps
from importlib.metadata import entry_points
from operator import attrgetter
from typing import Any

import lightning as L
from lightning.fabric.utilities import registry
from lightning.pytorch.strategies.launchers import (
    _MultiProcessingLauncher,
    _SubprocessScriptLauncher,
)
from lightning.pytorch.trainer.connectors.logger_connector import result
from lightning.pytorch.utilities.exceptions import SIGTERMException
from lightning.pytorch.utilities.rank_zero import rank_zero_module  # type: ignore[attr-defined]

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
def quiet() -> Iterator[None]:
    """Hold back Lightning's tips, and nothing else.

    Lightning 2.6: the tips are log records and warnings without a category or logger of their own,
    so they are recognized by their text.
    """

    def is_news(record: logging.LogRecord) -> bool:
        return record.levelno != logging.INFO or not record.getMessage().startswith(_TIPS)

    loggers = [rank_zero_module.log, logging.getLogger("lightning.pytorch.accelerators.cuda")]
    with warnings.catch_warnings():
        for hint in _HINTS:
            warnings.filterwarnings("ignore", hint, UserWarning)
        # Lightning 2.6 on torch 2.12 and later, once per batch
        warnings.filterwarnings("ignore", ".*LeafSpec", FutureWarning)
        for logger in loggers:
            logger.addFilter(is_news)
        try:
            yield
        finally:
            for logger in loggers:
                logger.removeFilter(is_news)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C raise a KeyboardInterrupt, now and later, and SIGTERM a SystemExit(143).

    Lightning 2.6 turns the first into a SystemExit, and has the process ignore every later SIGINT.
    It ends at SIGTERM with status 0, which batch systems take for success.
    """
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SIGTERMException:
        raise SystemExit(128 + signal.SIGTERM) from None
    except SystemExit as stopped:
        if not isinstance(stopped.__context__, KeyboardInterrupt):
            raise
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, handler)
        raise KeyboardInterrupt from None


def plugins_listed_once() -> AbstractContextManager[None]:
    """Let Lightning search for plug-ins among packages that were listed before.

    Lightning 2.6 lists the entry points of all installed packages for each Trainer, which takes
    half of its construction time. Here they are listed once per process, and loaded as always.
    """
    # anything else at this place belongs to another Lightning, or another Trainer is being made
    return _replaced(
        registry, "entry_points", lambda own: _entry_points if own is entry_points else None
    )


_entry_points = cache(entry_points)


def moved_if_elsewhere() -> AbstractContextManager[None]:
    """Let Lightning move the sums of a logged value only if they are on another device.

    Lightning 2.6 copies them deeply at every ``log``, a third of what it takes for a step.
    """

    def if_elsewhere(moves: Callable[..., object]) -> Callable[..., object] | None:
        if hasattr(moves, "__wrapped__"):  # a fit within a fit
            return None

        @wraps(moves)
        def to(self: object, device: object, *args: object, **kwargs: object) -> object:
            here = getattr(getattr(self, "value", None), "device", None) == device
            return self if here else moves(self, device, *args, **kwargs)

        return to

    return _replaced(getattr(result, "_ResultMetric", None), "to", if_elsewhere)


@contextmanager
def _replaced(owner: object, name: str, makes: Callable[[Any], Any]) -> Iterator[None]:
    """Temporarily replace an attribute with ``makes(attribute)``; a None result leaves it alone."""
    own = getattr(owner, name, None)
    made = None if own is None else makes(own)
    if made is None:
        yield
        return
    setattr(owner, name, made)
    try:
        yield
    finally:
        setattr(owner, name, own)


class RunningHook:
    """Descriptor for ``_current_fx_name``, which ``log`` reads: shared with the module inside.

    Lightning 2.6 sets the name of the running hook on the module that the Trainer was given, some
    fifty times per step; the module inside logs, and would not know it.
    """

    def __get__(self, wrapper: L.LightningModule | None, owner: type | None = None) -> Any:
        return self if wrapper is None else wrapper.__dict__.get("_hook")

    def __set__(self, wrapper: Any, name: str | None) -> None:
        wrapper.__dict__["_hook"] = name
        if "module" in wrapper._modules:
            wrapper.module.__dict__["_current_fx_name"] = name  # past nn.Module, which is slow


def past_modules(self: L.LightningModule, name: str, value: Any) -> None:
    """``__setattr__`` of a wrapper: fast for ``_current_fx_name``, and open to Lightning's tuners.

    Lightning 2.6 sets ``_current_fx_name`` some fifty times per step, and nn.Module's own method is
    slow. Its tuners set what they found (``lr``) on the module that the Trainer was given: a name
    that only the module inside has is set there, while a Trainer is attached.
    """
    if name == "_current_fx_name":
        object.__setattr__(self, name, value)
    elif self.__dict__.get("_trainer") is not None and _only_inside(self, name):
        setattr(self.module, name, value)
    else:
        L.LightningModule.__setattr__(self, name, value)


def _only_inside(wrapper: L.LightningModule, name: str) -> bool:
    own = wrapper.__dict__
    places = (own, own["_modules"], own["_parameters"], own["_buffers"])
    here = any(name in place for place in places) or hasattr(type(wrapper), name)
    inside = own["_modules"].get("module")
    return not here and inside is not None and name in vars(inside)


class LogsHyperparameters:
    """Descriptor for ``_log_hyperparams``: also True if the module inside saved hyperparameters.

    Lightning 2.6 passes hyperparameters to the loggers only if the module that the Trainer was
    given has this flag; ``hparams`` then comes from the module inside.
    """

    def __get__(self, wrapper: L.LightningModule | None, owner: type | None = None) -> Any:
        if wrapper is None:
            return self
        inside = wrapper.__dict__.get("_modules", {}).get("module")
        return wrapper.__dict__.get("_logs") or getattr(inside, "_log_hyperparams", False)

    def __set__(self, wrapper: L.LightningModule, value: bool) -> None:
        wrapper.__dict__["_logs"] = value


def train_on_own_data(
    trainer: L.Trainer, learner: L.LightningModule, allowed: Callable[[object], bool]
) -> None:
    """Let ``learner`` give the training batches, and the batches that a datamodule lacks.

    Lightning 2.6 keeps the source of each kind of batches (module, datamodule, loaders) in the
    private ``_data_source`` of a loop, and no hook before the first batch shows it.

    Args:
        trainer: the Trainer.
        learner: the module that the Trainer was given.
        allowed: True for a loader that the Trainer may train on.
    """
    training: Any = trainer.fit_loop._data_source
    if training.is_module() or not allowed(training.instance):
        training.instance = learner
    for loop in (trainer.fit_loop.epoch_loop.val_loop, trainer.validate_loop, trainer.test_loop):
        source: Any = loop._data_source
        if not source.is_defined():
            source.instance = learner


def samples_as_given(trainer: L.Trainer) -> None:
    """Let each process read the batches that it is given.

    Lightning 2.6 would put its DistributedSampler, which repeats samples, into every loader, and no
    hook comes before. This is ``Trainer(use_distributed_sampler=False)``.
    """
    trainer._accelerator_connector.use_distributed_sampler = False


def other_processes(trainer: L.Trainer) -> str:
    """Processes that a Trainer is about to start: ``"copies"`` of this one, ``"script"`` or ""."""
    launcher = trainer.strategy.launcher  # Lightning 2.6 has no public name for its kinds
    if isinstance(launcher, _SubprocessScriptLauncher):
        return "" if launcher.cluster_environment.creates_processes_externally else "script"
    return "copies" if isinstance(launcher, _MultiProcessingLauncher) else ""


def callbacks_of(trainer: L.Trainer) -> list[L.Callback]:
    """The callbacks of a Trainer, as the list that it uses: Lightning 2.6 does not declare it."""
    return trainer.callbacks  # type: ignore[attr-defined]


def from_module(name: str) -> Any:
    """A hook that is the hook of ``self.module``.

    Lightning 2.6 compares the code of a hook with its own to see if it is overridden, so a method
    that calls the module's would count as overridden where the module's is not.
    """
    return property(attrgetter(f"module.{name}"))
