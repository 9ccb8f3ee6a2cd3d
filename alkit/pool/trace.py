"""What a query was chosen from, in so few rows that a loop can keep it round after round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from alkit.prediction import Prediction

ROWS = 1000
NBYTES = 2**24


@dataclass(frozen=True, eq=False)
class Seen:
    """What the model says of some samples, on the CPU: at most 1,000 rows, and about 16 MB.

    Attributes:
        prediction: class probabilities, or the values of a regression, averaged over the posterior
            samples (so K = 1); and features, where there are any. Ids ascend.
        posterior_samples: K, as the model gave it; 0 where it gave no outputs.
        spread: the largest difference between two posterior samples of one row; 0 for K = 1.
    """

    prediction: Prediction
    posterior_samples: int
    spread: float


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a query was chosen from, as far as it was seen anyway; ``alkit.doctor`` reads it.

    Attributes:
        candidates: how many there were.
        sample: candidates drawn uniformly, picked or not; None where no candidate was looked at.
        picks: the picks, or some of them drawn uniformly.
        scores: ``(M,)`` of the sample's rows; None where the choice used no scores.
        tied: candidates, picked or not, whose score is that of the lowest pick.
        constant: terms of the criterion that gave all candidates one score; the whole criterion
            as well.
        disagreement: terms that measure how posterior samples disagree.
        drift: the picks were predicted twice, in different batches: the largest difference
            between the two, as a share of the range over all candidates. None where they were
            not.
        unreachable: candidates that had no chance to be picked, by a selector that draws.
    """

    candidates: int = 0
    sample: Seen | None = None
    picks: Seen | None = None
    scores: np.ndarray | None = None
    tied: int = 0
    constant: tuple[str, ...] = ()
    disagreement: tuple[str, ...] = ()
    drift: float | None = None
    unreachable: int = 0


def drawn(total: int, seed: int) -> Tensor:
    """At most 1,000 of so many rows, uniformly, in random order.

    Cost: O(1,000), or O(N) below 50,000.
    """
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.choice(total, size=min(ROWS, total), replace=False))


def see(prediction: Prediction, rows: Tensor) -> Seen:
    """What a whole prediction says of some rows, drawn in random order; as many as are kept."""
    return _seen(prediction[_affordable(rows, prediction).sort().values])


class Watch:
    """Keeps what a stream of predictions says of some samples. Cost: O(log 1,000) a candidate.

    Args:
        ids: of these samples, drawn in random order.
    """

    def __init__(self, ids: Tensor) -> None:
        self._ids = ids
        self._parts: list[Seen] = []
        self._started = False

    def look(self, prediction: Prediction) -> None:
        """Keep the rows of the next chunk that are watched."""
        if not self._started:
            self._ids = _affordable(self._ids, prediction).sort().values
            self._started = True
        ids = prediction.ids.cpu()
        places = torch.searchsorted(self._ids, ids).clamp_(max=len(self._ids) - 1)
        rows = (self._ids[places] == ids).nonzero().flatten()
        if len(rows):
            self._parts.append(_seen(prediction[rows]))

    @property
    def seen(self) -> Seen | None:
        """What was kept so far."""
        return _joined(self._parts) if self._parts else None


def difference(whole: Tensor, first: Tensor, second: Tensor) -> float:
    """The largest difference between two readings, as a share of the range of ``whole``.

    A range below a thousandth of the values counts as that, since rounding alone fills it.
    """
    low, high = whole.aminmax()
    scale = max(float(high - low), 1e-3 * max(abs(float(low)), abs(float(high))))
    largest = float((first - second).abs().amax())
    return largest / scale if scale else float(largest > 0)


def _affordable(ids: Tensor, prediction: Prediction) -> Tensor:
    """As many of these as may be kept, given the size of a row."""
    kept = _seen(prediction[:1]).prediction
    nbytes = sum(rows.nbytes for rows in (kept.outputs, kept.features) if rows is not None)
    return ids[: max(1, NBYTES // max(1, nbytes))]


def _seen(part: Prediction) -> Seen:
    outputs, kind, samples, spread = part.outputs, part.kind, 0, 0.0
    if outputs is not None:
        each = outputs if kind == "values" else part.probabilities
        samples, spread = each.shape[1], float((each - each[:, :1]).abs().amax())
        outputs = each.mean(1, keepdim=True).cpu()
        kind = "values" if kind == "values" else "probabilities"
    features = None if part.features is None else part.features.cpu()
    return Seen(Prediction(outputs, part.ids.cpu(), kind, features), samples, spread)


def _joined(parts: Sequence[Seen]) -> Seen:
    predictions = [part.prediction for part in parts]
    ids = torch.cat([prediction.ids for prediction in predictions])
    rows = {
        name: torch.cat([getattr(prediction, name) for prediction in predictions])
        for name in ("outputs", "features")
        if getattr(predictions[0], name) is not None
    }
    whole = Prediction(ids=ids, kind=predictions[0].kind, **rows)
    spread = max(part.spread for part in parts)
    return Seen(whole[ids.argsort()], parts[0].posterior_samples, spread)
