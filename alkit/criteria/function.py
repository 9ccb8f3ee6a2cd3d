"""Plain functions as criteria."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from alkit.arguments import meant
from alkit.criteria.criterion import Criterion
from alkit.errors import ConfigurationError
from alkit.prediction import Prediction


class _Function(Criterion):
    in_chunks = False
    scores_rows = False  # a function gets the prediction as it is

    def __init__(self, function: Callable[[Prediction], Tensor]) -> None:
        self.function = function

    def score(self, prediction: Prediction) -> Tensor:
        return self.function(prediction)

    def __repr__(self) -> str:
        function = getattr(self.function, "func", self.function)  # inside a functools.partial
        return getattr(function, "__name__", None) or repr(function)


def as_criterion(criterion: Criterion | Callable[[Prediction], Tensor]) -> Criterion:
    """Return a criterion as it is, and wrap a plain function of a prediction as one.

    Raises:
        ConfigurationError: the argument is neither; it is a class where its instance belongs; or
            it is a formula of numbers alone, such as a ``Schedule``.
    """
    if isinstance(criterion, Criterion):
        if not criterion.terms:
            raise ConfigurationError(
                f"{criterion!r} is a number, which scores no candidate: multiply a criterion by "
                "it, or take Constant() for equal scores."
            )
        return criterion
    if callable(criterion) and not isinstance(criterion, type):
        return _Function(criterion)
    raise ConfigurationError(
        "expected a Criterion, or a function of a Prediction that returns scores (N,), "
        f"got {criterion!r}.{meant(criterion, Criterion)}"
    )
