"""Measurements of a round besides its metrics: samples seen, accuracy per class, memory."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sized
from typing import Any

import lightning as L
import psutil
import torch
from torch import Tensor, nn

from alkit.blocks.posterior import gives_samples
from alkit.errors import AlkitError
from alkit.prediction import OutputKind
from alkit.querying.meaning import Meaning
from alkit.training.batches import UNDECLARED, Places

BESIDE = {"annotated", "unannotated"}  # the keys of a batch that has both


class Meter(L.Callback):
    """Counter of the samples of a fit, and of the correct predictions per class of a test.

    The predictions are the outputs of the module during the test, so no extra pass over the test
    data is needed. Nothing is counted per class if the module does not call itself in its test
    step, or if its outputs or targets are not classes.

    Attributes:
        samples_seen: number of samples in the training batches, unannotated ones included.
        tested, right: numbers of tested and of correctly predicted samples, ``{class: samples}``.
    """

    def __init__(self, meaning: Meaning) -> None:
        self.kind: OutputKind = meaning.kind or "logits"
        self._meaning = meaning
        self.samples_seen = 0
        self.tested: dict[int, int] = {}
        self.right: dict[int, int] = {}
        self._outputs: list[Any] = []

    def accuracies(self) -> dict[int, float]:
        """Share of correct predictions among the test samples of each class."""
        return {c: self.right.get(c, 0) / n for c, n in sorted(self.tested.items())}

    def on_train_batch_start(
        self, trainer: object, module: object, batch: object, *_: object
    ) -> None:
        self.samples_seen += samples_in(batch, _places_of(module))

    def on_test_start(self, trainer: object, module: nn.Module) -> None:
        self._hook = inner_of(module).register_forward_hook(
            lambda *call: self._outputs.append(call[-1])
        )

    def on_test_end(self, *_: object) -> None:
        self._hook.remove()

    def on_test_batch_end(
        self, trainer: object, module: nn.Module, outputs: object, batch: object, *_: object
    ) -> None:
        outputs, self._outputs = self._outputs, []
        if len(outputs) != 1 or self.kind == "values":
            return
        try:
            y = _places_of(module).label_of(batch)
            ids, samples = torch.arange(len(outputs[0])), gives_samples(inner_of(module))
            prediction = self._meaning.prediction(outputs[0], ids, None, samples=samples)
            if prediction.owners is not None:
                return  # counts are of samples
            guesses = prediction.guesses.cpu()
        except (AlkitError, TypeError, ValueError, RuntimeError):
            return  # the outputs are not a prediction of classes
        if not isinstance(y, Tensor) or y.numel() != len(guesses) or (y != y.round()).any():
            return
        y = y.flatten().long().cpu()
        for counts, classes in ((self.tested, y), (self.right, y[guesses == y])):
            for c, n in zip(*(t.tolist() for t in torch.unique(classes, return_counts=True))):
                counts[c] = counts.get(c, 0) + n


def inner_of(module: nn.Module) -> nn.Module:
    """The module that a strategy trains; any other module itself."""
    return getattr(module, "module", module)


def samples_in(batch: object, places: Places = UNDECLARED) -> int:
    """Number of samples in a batch, annotated and unannotated ones together.

    That of its labels, if it has any: an input may be the words of all texts in a row.
    """
    if isinstance(batch, Mapping) and batch.keys() <= BESIDE:
        return sum(samples_in(part, places) for part in batch.values())
    label = places.label_of(batch)
    if isinstance(label, list) or (isinstance(label, Tensor) and label.ndim):
        return len(label)
    if isinstance(batch, Mapping):
        return samples_in(next(iter(batch.values())), places)
    if isinstance(batch, Tensor):
        return len(batch) if batch.ndim else 1
    if isinstance(batch, list | tuple) and batch:
        return samples_in(batch[0], places)
    return len(batch) if isinstance(batch, Sized) else 0


def _places_of(module: object) -> Places:
    return getattr(getattr(module, "predictor", None), "places", UNDECLARED)


def peak_memory_mb() -> float:
    """Peak resident memory of this process so far, in MB."""
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset / 1e6
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e6
