"""Weights of the last training of a project, in its folder."""

from __future__ import annotations

from pathlib import Path

from alkit.errors import AlkitError
from alkit.strategies import ActiveLearner
from alkit.training import Estimator

FILE = "model/strategy.pt"


class Weights:
    """Weights of the last training of a project, as ``strategy.save`` writes them.

    Args:
        folder: folder of the project.

    Attributes:
        problem: reason why the weights could not be kept or restored; empty if there is none.
    """

    def __init__(self, folder: Path) -> None:
        self.path, self.problem = folder / FILE, ""

    def keep(self, strategy: ActiveLearner) -> None:
        """Write the weights, whole or not at all."""
        if not strategy.trained:
            return
        try:
            strategy.save(self.path)
        except AlkitError as error:
            self.problem = f"The weights are not kept: {error}"

    def restore(self, strategy: ActiveLearner) -> None:
        """Read the weights into a network; an Estimator is fitted again sooner than it is read."""
        if isinstance(strategy.module, Estimator) or not self.path.exists():
            return
        try:
            strategy.load(self.path)
        except AlkitError:
            self.problem = (
                "The weights of the last training are of another model, or of labels that were "
                "changed since: train again."
            )
