"""The network of a strategy, called as a whole or behind a cut."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from lightning.pytorch.utilities import move_data_to_device
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from alkit.blocks import Ensemble, MCDropout
from alkit.errors import ConfigurationError, FeaturesError
from alkit.eval_mode import evaluating
from alkit.prediction import Prediction
from alkit.querying.called import Calls
from alkit.querying.cut import Cut, cuts, one_tensor, plainly
from alkit.querying.fixed import Samples
from alkit.querying.predictor import Predictor, _part
from alkit.querying.structures import DECLARED
from alkit.training.batches import Places
from alkit.training.calls import output_for, takes_input
from alkit.training.committee import Committee
from alkit.training.precision import as_weights

if TYPE_CHECKING:
    from alkit.querying.context import Learner

EQUAL = 1e-3  # difference by rounding, relative to the largest value
ROUGH = 1e-2  # on other devices than a CPU, which may multiply in TF32
HALF = 5e-2  # in half precision


class CutNetwork:
    """The network of a strategy, and samples on which both ways of calling it are compared.

    Args:
        learner: the strategy.
        device: the device to predict on.
        sampled: what is called to predict, such as an MCDropout around the module.
        tried: ``(M,)`` ids of a few samples.
    """

    def __init__(
        self, learner: Learner, device: torch.device, sampled: nn.Module, tried: np.ndarray
    ) -> None:
        self.learner, self.device, self.sampled = learner, device, sampled
        self.module, self.predictor = learner.module, learner.predictor
        self.pool, self.tried = learner.train_pool, np.unique(tried)
        collate = learner.loader.get("collate_fn")
        self.samples = Samples(self.pool, self.batches, self.predictor.places, collate)

    def batches(self, ids: np.ndarray) -> Iterable[Any]:
        """Batches of ids and inputs of some samples."""
        return self.learner.scoring_batches(self.pool, ids)

    def input_of(self, batch: Any) -> Any:
        """Input of the module in a batch."""
        return self.predictor._input(self.module, batch)

    @contextmanager
    def whole(self) -> Iterator[Callable[[Any], object]]:
        """Context with a function that calls the module on a batch, in eval mode."""
        cast = as_weights(self.module)

        def run(batch: Any) -> object:
            moved = cast(move_data_to_device(batch, self.device))
            return output_for(self.module, self.input_of(moved))

        with evaluating(self.module, self.device), torch.no_grad(), plainly(self.module):
            yield run

    def behind(self, batches: Iterable[tuple[Tensor, Tensor]]) -> Generator[Prediction, None, None]:
        """Predictions from batches of ids and features, while the cut is in place."""
        given = self.predictor
        bare = Predictor(Places(), given.meaning, given.features, given.head)
        return bare.predictions(self.module, batches, self.device, self.sampled)

    def cut(self) -> tuple[Cut, Tensor]:
        """The first cut behind which predictions are the same, and the features there.

        Raises:
            ConfigurationError: no part of the network can be cached.
        """
        self._check_one_row()
        batches = list(self.batches(self.tried))
        true = list(self.predictor.predictions(self.module, batches, self.device, self.sampled))
        reason = "no part of the network before its first trained layer has weights"
        with self.whole() as run:
            calls = Calls(self.module, lambda: run(batches[0][1]))
        for cut in cuts(calls, self._name(calls, "features", self._layer()), self._named(calls)):
            if not cut.saves:
                continue
            try:
                parts = []
                with self.whole() as run, cut.captured() as found:
                    for ids, batch in batches:
                        found.clear()
                        run(batch)
                        parts.append(one_tensor(found, len(ids), cut.name).detach().cpu())
                given = [(ids, rows) for (ids, _), rows in zip(batches, parts)]
                with cut.rest(), _as_before(self.sampled), closing(self.behind(given)) as stream:
                    again = list(stream)
            except Exception as error:  # functions of the user between the layers
                reason = f"{cut.name}: {f'{error}'.strip().splitlines()[0]:.200}"
                continue
            if all(_alike(*pair, self.device) for pair in zip(true, again)):
                return cut, torch.cat(parts)
            reason = f"the part behind {cut.name} predicts something else from it alone"
        if any(isinstance(part, Ensemble | Committee) for part in self.module.modules()):
            raise ConfigurationError(
                "cache_features= keeps the features of one network, and an ensemble has several, "
                "each with features of its own: leave out cache_features= or the members."
            )
        drops = self._dropouts()
        raise ConfigurationError(
            "cache_features= found no frozen part whose output is all that the rest of the network "
            f"needs: {reason}{drops}. Freeze the backbone, backbone.requires_grad_(False), or name "
            'the layer whose output is kept, features="backbone", or the part behind it, '
            'head="fc".'
        )

    def compare(self, kept: Tensor, now: Tensor, cut: Cut) -> None:
        """Raise a FeaturesError if features in the file are not those of the network now."""
        if not _close(kept.to(now.dtype), now.flatten(1), self.device):
            raise FeaturesError(
                f"the features {cut.name} of samples {', '.join(map(str, self.tried))} are not "
                "those that cache_features= keeps, though neither the weights before it nor the "
                "samples seem to have changed: something before it is trained or random, or the "
                "file was changed. Delete the file, leave out cache_features=, or name another "
                "layer, features=."
            )

    def _check_one_row(self) -> None:
        meaning = self.predictor.meaning
        if meaning.task in DECLARED or (meaning.read and takes_input(meaning.read)):
            what = f"the task {meaning.task}" if meaning.task else "outputs= with two parameters"
            raise ConfigurationError(
                f"cache_features= keeps one row per sample, and {what} needs the inputs: leave it "
                "out."
            )

    def _layer(self) -> nn.Module | None:
        path = self.predictor.features_of(self.module)
        return None if path is None else _part(self.module, "features", path)

    def _named(self, calls: Calls) -> tuple[str | None, str | None]:
        given = self.predictor
        last = given.features and self._layer()
        first = given.head and _part(self.module, "head", given.head)
        return self._name(calls, "features", last or None), self._name(calls, "head", first or None)

    def _name(self, calls: Calls, argument: str, part: nn.Module | None) -> str | None:
        if part is None:
            return None
        return next(name for name, other in calls.parts.items() if other is part)

    def _dropouts(self) -> str:
        """Advice about layers that draw posterior samples; empty if there are none."""
        if not any(isinstance(part, MCDropout) for part in self.sampled.modules()):
            return ""
        names = [n for n, p in self.module.named_modules() if isinstance(p, _DropoutNd) and p.p]
        return (
            f"; posterior samples are drawn by the dropout of {', '.join(names)}, and features "
            "behind a dropout differ from sample to sample: keep it out of the frozen part"
        )


@contextmanager
def _as_before(called: nn.Module) -> Iterator[None]:
    """Restore after an attempt how posterior samples are drawn."""
    sampled = [(part, part._at_once) for part in called.modules() if isinstance(part, MCDropout)]
    try:
        yield
    finally:
        for part, at_once in sampled:
            part._at_once = at_once


def flat(rows: Tensor) -> np.ndarray:
    """``(B, D)`` rows as they are kept: float64, or float32 for all others."""
    rows = rows.detach().flatten(1).cpu()
    return (rows if rows.dtype == torch.float64 else rows.float()).numpy()


def _alike(true: Prediction, again: Prediction, device: torch.device) -> bool:
    """True if two predictions are the same, up to rounding."""
    pairs = [(true.outputs, again.outputs), (true.features, again.features)]
    if any((a is None) != (b is None) for a, b in pairs) or true.outputs is None:
        return False
    return all(_close(b, a, device) for a, b in pairs if a is not None and b is not None)


def _close(found: Tensor, true: Tensor, device: torch.device) -> bool:
    if found.shape != true.shape or found.dtype != true.dtype:
        return False
    share = HALF if true.dtype.itemsize < 4 else EQUAL if device.type == "cpu" else ROUGH
    found, true = found.double().cpu(), true.double().cpu()
    finite = true[true.isfinite()].abs()
    scale = float(finite.max()) if len(finite) else 0.0
    return torch.allclose(found, true, rtol=0, atol=share * scale, equal_nan=True)
