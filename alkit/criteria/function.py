"""Plain functions as criteria."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from alkit.criteria.criterion import Criterion
from alkit.errors import ConfigurationError
from alkit.prediction import Prediction


class _Function(Criterion):
    in_chunks = False
    scores_classes = False  # a function gets the prediction as it is

    def __init__(self, function: Callable[[Prediction], Tensor]) -> None:
        self.function = function

    def score(self, prediction: Prediction) -> Tensor:
        return self.function(prediction)

    def __repr__(self) -> str:
        return getattr(self.function, "__name__", None) or repr(self.function)


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
    hint = f" Did you mean {criterion.__name__}()?" if isinstance(criterion, type) else ""
    raise ConfigurationError(
        "expected a Criterion, or a function of a Prediction that returns scores (N,), "
        f"got {criterion!r}.{hint}"
    )
