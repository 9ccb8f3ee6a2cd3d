"""A strategy whose probabilities are calibrated before each query."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from alkit.criteria import Criterion, Tempered
from alkit.criteria.temperature import Temperature, fit_temperature
from alkit.errors import ConfigurationError
from alkit.querying.gathered import gather
from alkit.strategies.strategy import Strategy


class CalibratedStrategy(Strategy):
    """A strategy that scores candidates with a temperature fitted to its validation labels.

        strategy = al.CalibratedStrategy(
            net, pool, al.Entropy(), val_pool=al.ActiveLearningDataset(validation)
        )
        query = strategy.query(120)      # TopK() of Tempered(Entropy(), 1.62)
        strategy.calibrate()             # Temperature(value=1.62, ece_before=.14, ece_after=.05)

    What is held out are the annotated samples of ``val_pool``: the model is not trained on them,
    they are drawn uniformly, and ``val_share`` of each query pays for them, so no label is used
    that was not counted. Each query fits the temperature of the model as it is then; until
    something is held out it is 1.

    Guo, Pleiss, Sun & Weinberger 2017, "On calibration of modern neural networks". Cost: one
    forward pass over the held-out samples a query, beside that of ``Strategy``.

    Args:
        *args: those of ``Strategy``.
        **options: likewise; ``val_pool`` is needed.

    Raises:
        ConfigurationError: no ``val_pool``.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.val_pool is None:
            raise ConfigurationError(
                "CalibratedStrategy fits its temperature to labels that the model was not trained "
                "on: give a val_pool, ActiveLearningDataset(validation), of which val_share of "
                "each query is annotated."
            )

    def calibrate(self) -> Temperature:
        """The temperature of the model as it is, with its calibration errors. Changes nothing."""
        ids = self.val_pool.annotated_indices  # type: ignore[union-attr]
        if not len(ids):
            return Temperature()
        self.check_built("calibrate")
        with closing(self.predictions(self.val_pool, ids)) as predictions:  # type: ignore[arg-type]
            held_out = gather(predictions, len(ids), keep={"outputs"}).prediction
        return fit_temperature(held_out, self.val_pool.labels_of(ids))  # type: ignore

    @property
    def acquisition(self) -> Criterion:
        """The criterion of the tempered outputs."""
        return Tempered(super().acquisition, self.calibrate())
