"""Classifiers with ``fit`` and ``predict_proba``: fitted copies with aligned columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from alkit.errors import ConfigurationError, ModelOutputError
from alkit.seeds import derive


def check_classifier(estimator: Any) -> None:
    """Raise a ConfigurationError unless an object is a classifier with probabilities."""
    if isinstance(estimator, type):
        raise ConfigurationError(
            f"expected a classifier, got the class: did you mean {estimator.__name__}()?"
        )
    missing = [name for name in ("fit", "predict_proba") if not hasattr(estimator, name)]
    if missing:
        hint = ""
        if hasattr(estimator, "decision_function"):
            hint = " Wrap it: sklearn.calibration.CalibratedClassifierCV(classifier)."
        elif hasattr(estimator, "predict"):
            hint = (
                " Numbers that it predicts are selected by al.select(n, prediction="
                "al.Prediction.regression(mean, variance), criterion=al.criteria.Variance())."
            )
        raise ConfigurationError(
            "expected a classifier with fit(X, y) and predict_proba(X), such as "
            f"sklearn.linear_model.LogisticRegression(); {type(estimator).__name__} has no "
            f"{' and no '.join(missing)}.{hint}"
        )


@dataclass(frozen=True)
class Fitted:
    """A fitted copy of a classifier.

    Attributes:
        model: the copy.
        classes: ``(k,)`` class numbers that it was fitted to, ascending.
        coded: True if it was fitted to ``0 .. k - 1`` in their place.
    """

    model: Any
    classes: np.ndarray
    coded: bool

    @classmethod
    def of(cls, estimator: Any, x: np.ndarray, y: np.ndarray, seed: int) -> Fitted:
        """Fit a copy of a classifier; the classifier itself is not changed.

        Some libraries accept the class numbers ``0 .. k - 1`` alone: where other numbers raise a
        ValueError, the copy is fitted to these.

        Args:
            estimator: the classifier.
            x: ``(A, D)`` features.
            y: ``(A,)`` class numbers.
            seed: seed of each ``random_state`` that is None.

        Raises:
            ConfigurationError: the classifier cannot be fitted to these samples.
        """
        classes, codes = np.unique(y, return_inverse=True)
        try:
            return cls(_fit(fresh(estimator, seed), x, y), classes, False)
        except ValueError as error:
            if classes[-1] >= len(classes):
                try:
                    return cls(_fit(fresh(estimator, seed), x, codes), classes, True)
                except ValueError:
                    pass  # the first error is about the labels as they are
            few = " Annotate samples of other classes first." if len(classes) == 1 else ""
            raise ConfigurationError(
                f"{estimator!r} cannot be fitted to {len(x)} samples of {x.shape[1]} features, of "
                f"the classes {', '.join(map(str, classes))}: {error}{few}"
            ) from error

    def probabilities(self, x: np.ndarray, num_classes: int | None) -> np.ndarray:
        """Probabilities ``(N, C)``, one column per class number; 0 for classes it has not seen.

        Args:
            x: ``(N, D)`` features.
            num_classes: C. Default: one more than the highest class that it has seen.
        """
        p = np.asarray(self.model.predict_proba(x))
        if p.ndim != 2 or len(p) != len(x):
            raise ModelOutputError(
                f"predict_proba must return ({len(x)}, classes) probabilities, got {p.shape}."
            )
        columns = self._columns(p.shape[1])
        aligned = np.zeros((len(p), num_classes or int(columns.max()) + 1), _floating(p))
        if columns.max() >= aligned.shape[1]:
            raise ModelOutputError(
                f"predict_proba returned class {columns.max()}, and num_classes is {num_classes}."
            )
        aligned[:, columns] = p
        return aligned

    def _columns(self, count: int) -> np.ndarray:
        """Class number of each column of ``predict_proba``."""
        own = getattr(self.model, "classes_", None)
        if own is not None and np.shape(own) == (count,):
            numbers = np.asarray(own).astype(np.int64)
            return self.classes[numbers] if self.coded else numbers
        if count == len(self.classes):
            return self.classes
        if count > self.classes[-1] and not self.coded:
            return np.arange(count)  # a network with one output per class
        raise ModelOutputError(
            f"predict_proba returned {count} columns for the classes "
            f"{', '.join(map(str, self.classes))}: expected one column for each of these, or for "
            "each class number."
        )


def fresh(estimator: Any, seed: int) -> Any:
    """An unfitted copy of a classifier, with a seed in each ``random_state`` that is None."""
    from sklearn.base import clone

    model: Any = clone(estimator, safe=False)  # a deep copy of what is not scikit-learn's
    if not hasattr(model, "get_params"):
        return model
    seeds = {
        name: derive(seed, name) % 2**32
        for name, value in model.get_params().items()
        if value is None and name.rpartition("__")[2] == "random_state"
    }
    return model.set_params(**seeds) if seeds else model


def _floating(p: np.ndarray) -> np.dtype:
    return p.dtype if p.dtype in (np.float32, np.float64) else np.dtype(np.float64)


def _fit(estimator: Any, x: np.ndarray, y: np.ndarray) -> Any:
    fitted = estimator.fit(x, y)
    return estimator if fitted is None else fitted
