"""Answers with errors."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from alkit.arguments import as_integer, check_integer
from alkit.errors import ConfigurationError, LabelError
from alkit.oracles.answers import Oracle, answers_of, as_indices, checked_oracle, uniform
from alkit.seeds import check_seed, fresh_seed


class Noisy:
    """The answers of an oracle with random errors, of which the seed and the sample decide.

        Noisy(Reveal(dataset), 0.2, classes=10)         # one label in five is another class
        Noisy(Reveal(dataset), [[0.9, 0.1], [0, 1]])    # class 0 is taken for 1 one time in ten

    Class-conditional noise, as in Natarajan, Dhillon, Ravikumar & Tewari 2013, "Learning with noisy
    labels". Give each member of a committee its own seed, otherwise they err on the same samples.

    Args:
        oracle: oracle whose answers are class numbers.
        noise: rate of errors in [0, 1], each of the other classes with equal probability; or a
            confusion matrix ``(C, C)``: row c has the probabilities of the answers for class c.
        classes: number of classes C, needed for a rate.
        seed: seed of the errors. Default: a fresh one.

    Raises:
        ConfigurationError: rows of the matrix are not probabilities, or the rate has no classes.
    """

    def __init__(
        self,
        oracle: Oracle,
        noise: float | ArrayLike,
        *,
        classes: int | None = None,
        seed: int | None = None,
    ) -> None:
        self.oracle = checked_oracle(oracle)
        self.confusion = _confusion(noise, classes)
        self.seed = fresh_seed() if seed is None else check_seed(seed)

    def __call__(self, indices: Any) -> list[int | None]:
        """Class numbers; None where the oracle has no answer.

        Raises:
            LabelError: an answer of the oracle is not one of the C class numbers.
        """
        ids = as_indices(indices)
        answers = answers_of(self.oracle, ids)
        for index, answer in zip(ids.tolist(), answers, strict=True):
            number = as_integer(answer)
            if answer is not None and (number is None or not 0 <= number < len(self.confusion)):
                raise LabelError(
                    f"sample {index}: expected a class number from 0 to {len(self.confusion) - 1} "
                    f"to add noise to, got {answer!r:.200}."
                )
        ends = self.confusion.cumsum(1)
        drawn = uniform(self.seed, "noisy", ids)
        return [
            y if y is None else int(np.searchsorted(ends[y, :-1], u, side="right"))
            for y, u in zip(answers, drawn, strict=True)
        ]

    def __repr__(self) -> str:
        return f"Noisy({self.oracle!r}, accuracy {self.confusion.diagonal().mean():.2f} per class)"


def _confusion(noise: Any, classes: int | None) -> np.ndarray:
    """Matrix ``(C, C)`` of a rate or a matrix."""
    try:
        matrix = np.asarray(noise, dtype=np.float64)
    except (TypeError, ValueError):
        matrix = np.asarray(np.nan)
    if matrix.ndim == 0:
        if not 0 <= matrix <= 1 or isinstance(noise, str):
            raise ConfigurationError(
                f"noise must be a rate from 0 to 1 or a confusion matrix (C, C), got {noise!r}."
            )
        if classes is None:
            raise ConfigurationError("a rate of errors needs the number of classes: classes=10.")
        count = check_integer("classes", classes, 2)
        return np.where(np.eye(count, dtype=bool), 1 - matrix, matrix / (count - 1))
    sums_to_one = matrix.ndim == 2 and np.allclose(matrix.sum(1), 1)
    if not sums_to_one or matrix.shape != (len(matrix),) * 2 or (matrix < 0).any():
        raise ConfigurationError(
            "noise must be a confusion matrix (C, C) whose row c has the probabilities of the "
            f"answers for class c, which sum to 1, got {noise!r}."
        )
    if classes not in (None, len(matrix)):
        raise ConfigurationError(f"noise is for {len(matrix)} classes, and classes={classes!r}.")
    return matrix
