"""Scores and guesses from a stream of predictions, joined to samples by their ids."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from alkit.criteria import Criterion
from alkit.criteria.criterion import check_scores
from alkit.prediction import Prediction


def stream_scores(criterion: Criterion, predictions: Iterable[Prediction]) -> Tensor:
    """Scores ``(N,)`` of all candidates, in the order of their ids.

    Each term of the criterion is computed chunk by chunk; what looks at other rows (``Rank``,
    ...) is computed once, over all of them. Memory: O(N) a term; outputs are not kept.
    """
    ids: list[Tensor] = []
    columns: list[list[Tensor]] = [[] for _ in criterion.terms]
    for prediction in predictions:
        ids.append(prediction.ids)
        for column, term in zip(columns, criterion.terms, strict=True):
            column.append(check_scores(term, term.score(prediction), prediction).cpu())
    order = torch.cat(ids).argsort()
    return criterion.combine(*(torch.cat(column)[order] for column in columns))


def stream_guesses(indices: np.ndarray, predictions: Iterable[Prediction]) -> np.ndarray:
    """What the model believes of each of these samples, in their order."""
    guesses = {
        index: guess
        for prediction in predictions
        for index, guess in zip(prediction.ids.tolist(), prediction.guesses.cpu(), strict=True)
    }
    return torch.stack([guesses[index] for index in indices.tolist()]).numpy()
