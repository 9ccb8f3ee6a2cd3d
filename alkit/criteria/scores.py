"""Scores of one term of a criterion, checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from alkit.criteria.row_reductions import Reduction, mean
from alkit.errors import NonFiniteError, PredictionError, ScoreError
from alkit.prediction import Prediction, are_finite, one_sample


class Term(Protocol):
    """Part of a criterion that is computed row by row; see ``Criterion``."""

    disagreement: bool
    scores_rows: bool

    def score(self, prediction: Prediction) -> Tensor: ...

    def __call__(self, prediction: Prediction) -> Tensor: ...


def scores_of(term: Term, prediction: Prediction) -> Tensor:
    """Checked scores ``(N,)`` of a term; where samples have several rows, the mean over these.

    Raises:
        ScoreError, NonFiniteError: see ``check_scores``.
        PredictionError: the term measures disagreement, and K = 1.
    """
    outputs = prediction.outputs
    if term.disagreement and outputs is not None and outputs.shape[1] == 1:
        raise PredictionError(one_sample(term))
    if prediction.unit and term.scores_rows:
        return over_rows(term, prediction, mean)
    return check_scores(term, term.score(prediction), prediction)


def over_rows(
    criterion: Callable[[Prediction], Tensor],
    prediction: Prediction,
    reduce: Reduction,
    empty: float = 0.0,
) -> Tensor:
    """Scores ``(N,)`` from those of all rows.

    Args:
        criterion: criterion of the rows, each a candidate.
        prediction: prediction of N samples.
        reduce: function from the scores ``(M,)``, sorted by sample, and the number of rows of each
            sample that has any.
        empty: score of a sample without rows.
    """
    rows, sizes = prediction.rows(), prediction.sizes
    scores = criterion(rows)
    filled = sizes > 0
    if bool(filled.all()):
        return reduce(scores, sizes)
    reduced = scores.new_full((len(sizes),), empty)
    if len(scores):
        reduced[filled] = reduce(scores, sizes[filled])
    return reduced


def check_scores(term: object, scores: Tensor, prediction: Prediction) -> Tensor:
    """Check the scores that a term returned for a prediction, and detach them.

    Raises:
        ScoreError: not a tensor, not of shape ``(N,)``, or neither float32 nor float64.
        NonFiniteError: NaN or infinity; the error names the term and the first such sample.
    """
    expected = f"{term!r} must return one score per candidate, a float tensor ({len(prediction)},)"
    if not isinstance(scores, Tensor):
        raise ScoreError(f"{expected}, got {type(scores).__name__}.")
    if scores.shape != (len(prediction),):
        raise ScoreError(f"{expected}, got the shape {tuple(scores.shape)}.")
    if scores.dtype not in (torch.float32, torch.float64):
        raise ScoreError(f"{expected}, got {scores.dtype}: call .float() on it.")
    scores = scores.detach()
    if not are_finite(scores):
        first = int(prediction.ids.cpu()[~torch.isfinite(scores).cpu()][0])
        raise NonFiniteError(
            f"{term!r} is NaN or infinite for {count_bad(scores)} of {len(scores)} samples (the "
            f"first: sample {first}). Nothing was selected. Use formulas that are finite at "
            "probabilities of zero and one, such as torch.special.entr or xlogy."
        )
    return scores


def count_bad(scores: Tensor) -> int:
    """Number of scores that are NaN or infinite."""
    return int((~torch.isfinite(scores)).sum())
