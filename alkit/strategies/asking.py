"""HasAcquisition: the acquisition of a strategy, and its parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from alkit.criteria import Criterion
from alkit.querying import Acquisition
from alkit.querying.acquisition import ScoreFunction, as_acquisition
from alkit.selectors import Selector


class HasAcquisition:
    """The acquisition of a strategy, as a whole and by its parts; each can be set."""

    _acquisition: Acquisition
    _acquisition_replaced: bool = False  # set after construction: it goes before query_strategy

    @property
    def acquisition(self) -> Acquisition:
        """The way of asking. A new one takes effect at once, also before ``query_strategy``."""
        return self._acquisition

    @acquisition.setter
    def acquisition(self, acquisition: Acquisition) -> None:
        self._acquisition = as_acquisition(acquisition)
        self._acquisition_replaced = True

    @property
    def criterion(self) -> Criterion:
        """Criterion of the acquisition."""
        return self._acquisition.criterion

    @criterion.setter
    def criterion(self, criterion: Criterion | ScoreFunction) -> None:
        self._acquisition = Acquisition(criterion, self.selector)

    @property
    def selector(self) -> Selector:
        """Selector of the acquisition."""
        return self._acquisition.selector

    @selector.setter
    def selector(self, selector: Selector | Callable[..., Any]) -> None:
        self._acquisition = Acquisition(self.criterion, selector)
