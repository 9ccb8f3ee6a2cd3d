"""TensorBoard events of an active learning loop."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import closing
from importlib.util import find_spec
from typing import Any

import numpy as np
from lightning.pytorch.loggers import TensorBoardLogger

from alkit.errors import ConfigurationError, MissingPackageError
from alkit.pool import ActiveLearningDataset
from alkit.pool.numerals import class_numbers_of
from alkit.pool.query import Query
from alkit.prediction import Prediction
from alkit.strategies.learner import ActiveLearner

MOST_CLASSES = 20  # beyond these, no precision-recall curve per class


class Board:
    """Writer of the results of a loop as TensorBoard events.

    Everything that training logs (``train/loss``, and its metrics) is plotted over the gradient
    steps of the whole loop. Test results (``test/MulticlassAccuracy``), histograms of the query
    (``query/scores``, ``query/guesses``, ``query/labels``) and precision-recall curves on the test
    data (``precision-recall/all classes``, and one per class up to 20 classes) are plotted over
    the number of annotated samples, and that number (``annotated``) over the rounds. Curves and
    the histograms of guesses and labels are for classes only.

    Cost: one forward pass over the test data per round, for the curves; its labels are read once.

    Args:
        logger: True for a ``TensorBoardLogger`` in the folder ``lightning_logs``, or your own one.
        steps: number of gradient steps in earlier rounds, if this continues a run.

    Raises:
        MissingPackageError: tensorboard is not installed.
        ConfigurationError: any other kind of logger.
    """

    def __init__(self, logger: bool | TensorBoardLogger, steps: int = 0) -> None:
        check_installed()
        if logger is not True and not isinstance(logger, TensorBoardLogger):
            raise ConfigurationError(
                "logger must be True or a lightning.pytorch.loggers.TensorBoardLogger, got "
                f'{logger!r}. Pass other Lightning loggers as trainer={{"logger": ...}}.'
            )
        self.logger = TensorBoardLogger(".") if logger is True else logger
        self._steps = steps
        self._labels: list[Any] | None = None  # labels of the test data; read once

    def trained(self, strategy: ActiveLearner) -> None:
        """Write everything that the latest fit logged, step by step."""
        history = strategy.trainer.history  # type: ignore[attr-defined]
        logged = {k: v for k, v in history.step_history.items() if not k.startswith("val")}
        logged |= {k: v for k, v in history.history.items() if k.startswith("val")}
        for name, series in logged.items():
            for step, value in zip(series["step"], series["value"], strict=True):
                self.logger.experiment.add_scalar(_tag(name), value, self._steps + step)
        self._steps += strategy.trainer.global_step

    def tested(
        self, strategy: ActiveLearner, round: int, annotated: int, metrics: dict[str, float]
    ) -> None:
        """Write the results and the precision-recall curves on the test data."""
        self.logger.experiment.add_scalar("annotated", annotated, round)
        for name, value in {_tag(name): value for name, value in metrics.items()}.items():
            self.logger.experiment.add_scalar(name, value, annotated)
        if strategy.test_data is not None:
            self._curves(strategy, annotated)
        self.logger.experiment.flush()

    def queried(self, strategy: ActiveLearner, annotated: int, query: Query) -> None:
        """Write the distributions of the scores, guesses and labels of a query."""
        if query.scores is not None:
            self.logger.experiment.add_histogram("query/scores", query.scores, annotated)
        answered = np.setdiff1d(query.indices, query.unanswered)
        bought = class_numbers_of(strategy.train_pool.labels_of(answered))
        for name, values in ("guesses", class_numbers_of(query.guesses)), ("labels", bought):
            if values is not None:
                bins = np.arange(values.max() + 2) - 0.5  # one bin per class
                self.logger.experiment.add_histogram(f"query/{name}", values, annotated, bins)
        self.logger.experiment.flush()

    def _curves(self, strategy: ActiveLearner, annotated: int) -> None:
        data = strategy.test_data
        if self._labels is None:
            self._labels = [strategy.predictor.places.label_of(data[k]) for k in range(len(data))]
        labels = class_numbers_of(self._labels)
        if labels is None:
            return
        parts = []
        with closing(_predictions(strategy)) as predictions:
            for prediction in predictions:
                if prediction.kind == "values" or prediction.unit:
                    return
                parts.append(prediction.mean_probabilities.float().cpu().numpy())
        p = np.concatenate(parts)
        true = labels[:, None] == np.arange(p.shape[1])
        curves = {"all classes": (true.ravel(), p.ravel())}
        if p.shape[1] <= MOST_CLASSES:
            curves |= {f"class {c}": (true[:, c], p[:, c]) for c in range(p.shape[1])}
        for name, curve in curves.items():
            self.logger.experiment.add_pr_curve(f"precision-recall/{name}", *curve, annotated)


def check_installed() -> None:
    """Raise a MissingPackageError if tensorboard is not installed."""
    if find_spec("tensorboard") is None:
        raise MissingPackageError(
            "logger= needs tensorboard, which is not installed: pip install 'alkit[tensorboard]'."
        )


def _predictions(strategy: ActiveLearner) -> Generator[Prediction, None, None]:
    """Predictions of the model on the test data, batch by batch."""
    first = strategy.test_data[0]
    key = strategy.predictor.places.label_in(first) if isinstance(first, Mapping) else None
    pool = ActiveLearningDataset(strategy.test_data, label_key=key)
    return strategy.predictions(pool, np.arange(len(pool)))


def _tag(name: str) -> str:
    """``train_loss_step`` as ``train/loss``: TensorBoard groups by the text before the slash."""
    name = name.removesuffix("_step").removesuffix("_epoch")
    for kind in ("train", "val", "test"):
        if name.startswith(kind):
            return f"{kind}/{name.removeprefix(kind).removeprefix('_')}"
    return name
