"""Estimator: a scikit-learn classifier as the model of a strategy."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torchmetrics.classification import MulticlassAccuracy

from alkit.errors import LabelError, ModelOutputError
from alkit.pool.loaders import eval_loader
from alkit.prediction import OutputKind
from alkit.seeds import derive
from alkit.training.application import Application
from alkit.training.batches import as_classes, split_batch
from alkit.training.budget import check_counts
from alkit.training.fitted import Fitted, check_classifier
from alkit.training.metrics import Metrics

ROWS = 1024  # samples per read of the training data


class Estimator(Application):
    """A classifier with ``fit`` and ``predict_proba``, in the place of a network.

        strategy = al.Strategy(al.Estimator(LogisticRegression()), pool, al.Margin(), test=test)
        strategy.fit()
        strategy.query_and_update(20)
        strategy.reset_model()

    Any object with ``fit(X, y)`` and ``predict_proba(X)`` will do: classifiers and pipelines of
    scikit-learn, XGBoost, skorch, or a class of your own. X is ``(N, D)``: the inputs of the pool,
    flattened, in their own floating-point type. They are the features of the samples, too, for
    selectors that use features. y holds class numbers.

    ``fit`` fits an unfitted copy to all annotated samples, in the order of their indices, as one
    training step. It needs no budget; ``max_steps`` and ``max_epochs`` are accepted and do not
    matter, nor does a warm start. A ``random_state`` that is None gets a seed from that of the
    strategy and the number of the fit. ``reset_model`` discards the fit. The state is what the copy
    was fitted to, so a state that is loaded is fitted again.

    Before the first fit, all classes are equally probable: then use a selector that needs no
    scores, such as ``Random()`` or ``KCenter()``.

    Args:
        estimator: the classifier; it is never changed.
        num_classes: C, the number of columns of the probabilities. A class that is not among the
            annotated samples has the probability 0. Default: that of the metrics, else one more
            than the highest class annotated so far (2 before the first fit).
        **metrics: ``metrics``, ``train_metrics``, ``val_metrics`` and ``test_metrics`` of
            ``Application``. The accuracy ("MulticlassAccuracy") is always measured, and the log
            loss, in which a probability below 1e-15 counts as 1e-15.

    Raises:
        ConfigurationError: the estimator is not such a classifier.

    Cost: that of ``fit``. Each batch is one call of ``predict_proba``: a large
    ``test_batch_size`` of the strategy is faster. Memory: one copy of the annotated features.
    """

    features_layer = "rows"
    at_once = True  # see `limits_of`

    inputs: Tensor
    labels: Tensor
    seed: Tensor

    def __init__(self, estimator: Any, num_classes: int | None = None, **metrics: Metrics) -> None:
        check_classifier(estimator)
        check_counts(num_classes=num_classes)
        super().__init__(log_loss, None, **metrics)
        self.automatic_optimization = False
        self.optimizer = None
        self.estimator = estimator
        self.num_classes = num_classes or self._classes_of_metrics()
        self.rows = nn.Identity()
        self._fitted: Fitted | None = None
        self.register_buffer("inputs", torch.empty(0, 0))
        self.register_buffer("labels", torch.empty(0, dtype=torch.int64))
        self.register_buffer("seed", torch.zeros((), dtype=torch.int64))
        self.build()

    @property
    def outputs(self) -> OutputKind:
        return "probabilities"

    def forward(self, x: Any) -> Tensor:
        """Class probabilities ``(N, C)``, columns by class number."""
        rows = self.rows(as_rows(x))
        if not len(self.labels):
            count = self.num_classes or 2
            return rows.new_full((len(rows), count), 1 / count)
        p = torch.from_numpy(self._model().probabilities(_array(rows), self.num_classes))
        return p.to(rows.device, torch.float32 if rows.device.type == "mps" else p.dtype)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Fit to all annotated samples; the only step of a fit."""
        x, y = self._annotated()
        strategy = self.trainer.lightning_module
        stream = getattr(strategy, "generator", None)
        seed = torch.initial_seed() if stream is None else stream("estimator").initial_seed()
        seed = derive(seed, "estimator")
        fitted = Fitted.of(self.estimator, _array(x), y.numpy(), seed)
        self.inputs, self.labels, self._fitted = x, y, fitted
        self.seed.fill_(seed)
        self.trainer.should_stop = True
        return self.step_loss("train", self(x), y)

    def configure_optimizers(self) -> Any:
        """Return no optimizers."""
        return []

    def targets(self, y_hat: Any, y: Any) -> Any:
        return as_classes(y_hat, y)

    def step_loss(self, kind: str, y_hat: Any, y: Any) -> Tensor:
        beyond = int(y.max()) + 1 - y_hat.shape[1]  # classes of the test data that were never seen
        return super().step_loss(kind, functional.pad(y_hat, (0, max(beyond, 0))), y)

    def log_metrics(self, kind: str, y_hat: Tensor, y: Tensor) -> None:
        super().log_metrics(kind, y_hat, y)
        if not any(isinstance(m, MulticlassAccuracy) for m in self._metrics(kind)):
            right = (y_hat.argmax(-1) == y).float().mean()
            self.log(f"{kind}MulticlassAccuracy", right, on_epoch=True, batch_size=len(y))

    def extra_repr(self) -> str:
        return f"{self.estimator!r}, num_classes={self.num_classes}"

    # --- state --------------------------------------------------------------------------------

    def _model(self) -> Fitted:
        if self._fitted is None:
            y = self.labels.cpu().numpy()
            self._fitted = Fitted.of(self.estimator, _array(self.inputs), y, int(self.seed))
        return self._fitted

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        for name in ("inputs", "labels"):  # their lengths may differ from those of this fit
            if (loaded := state_dict.get(f"{prefix}{name}")) is not None:
                setattr(self, name, torch.empty_like(loaded, device=self.seed.device))
        self._fitted = None
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    # --- data ---------------------------------------------------------------------------------

    def _annotated(self) -> tuple[Tensor, Tensor]:
        """All training samples, in the order of the data set, checked, on the CPU."""
        loader: Any = self.trainer.train_dataloader
        options = {"collate_fn": loader.collate_fn, "num_workers": loader.num_workers}
        batches = [split_batch(batch) for batch in eval_loader(loader.dataset, ROWS, **options)]
        x = torch.cat([as_rows(x) for x, _ in batches])
        y = torch.cat([torch.as_tensor(y).reshape(len(y), -1) for _, y in batches])
        if y.shape[1] != 1 or y.is_floating_point() or y.is_complex():
            raise LabelError(
                f"{type(self.estimator).__name__} classifies: labels must be class numbers, one "
                f"integer per sample, got {y.dtype} of shape {tuple(y.shape)}."
            )
        y = y.flatten().long()
        low, high = int(y.min()), int(y.max())
        if low < 0 or high >= (self.num_classes or high + 1):
            raise LabelError(
                f"an annotated sample has the class {low if low < 0 else high}: classes run from 0 "
                f"to num_classes - 1, and num_classes is {self.num_classes}."
            )
        return x, y

    def _metrics(self, kind: str) -> list[Any]:
        return [*getattr(self, f"{kind}_metrics").values()]

    def _classes_of_metrics(self) -> int | None:
        every = [metric for kind in ("test", "val", "train") for metric in self._metrics(kind)]
        counts = (getattr(metric, "num_classes", None) for metric in every)
        return next((count for count in counts if count), None)


def as_rows(x: Any) -> Tensor:
    """Inputs as floating-point features ``(N, D)``, each input flattened."""
    if not isinstance(x, Tensor):
        raise ModelOutputError(
            f"an Estimator needs inputs that are numbers, got {type(x).__name__}: turn them into "
            "arrays of one shape with transform= of the pool, or name them with inputs= of the "
            "strategy."
        )
    rows = x.detach().reshape(len(x), -1)
    return rows if rows.dtype in (torch.float32, torch.float64) else rows.float()


def log_loss(p: Tensor, y: Tensor) -> Tensor:
    """Mean negative log-probability of the classes ``y``, at least 1e-15 each."""
    return functional.nll_loss(p.clamp_min(1e-15).log(), y)


def _array(rows: Tensor) -> np.ndarray:
    return rows.cpu().numpy()
