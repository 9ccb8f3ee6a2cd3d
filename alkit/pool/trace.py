"""Trace of a query: a bounded number of the rows that it was chosen from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alkit.prediction import OutputKind, Prediction, look_like_probabilities, unchecked

ROWS = 1000
NBYTES = 2**24
OF_A_SAMPLE = 64  # rows of a sample with several
FEW = 20  # from here on, rows that look like probabilities are not a coincidence


@dataclass(frozen=True, eq=False)
class Seen:
    """Predictions of some samples, on the CPU: at most 1,000 rows, and about 16 MB.

    Attributes:
        prediction: class probabilities, or the values of a regression, averaged over the posterior
            samples (so K = 1); and features, if there are any. Ids ascend. Of samples with several
            rows, the mean over at most 64 rows, 0 for none, as values.
        posterior_samples: K of the model's outputs; 0 if there are no outputs.
        spread: the largest difference between two posterior samples of one row; 0 for K = 1.
        kind: the kind of the model's outputs, as it was declared or assumed.
        like_probabilities: True if outputs of the kind "logits" look like probabilities: each row
            sums to one, or, for independent labels and one column, each output is in [0, 1].
        unit: name of the rows of a sample, such as ``"pixels"`` or ``"5 labels"``; empty for one
            row per sample.
        bare: number of samples without rows.
    """

    prediction: Prediction
    posterior_samples: int
    spread: float
    kind: OutputKind = "logits"
    like_probabilities: bool = False
    unit: str = ""
    bare: int = 0

    @property
    def agree(self) -> bool:
        """True if the posterior samples are equal, up to rounding."""
        outputs = self.prediction.outputs
        size = 1.0 if outputs is None or not outputs.numel() else float(outputs.abs().amax())
        return self.spread <= 1e-6 * max(1.0, size)


@dataclass(frozen=True, eq=False)
class SecondLook:
    """Second prediction of the picks, after the query.

    Attributes:
        picks: the picks, or some of them drawn uniformly.
        drift: largest difference from the first prediction of the same picks, as a share of the
            range over all candidates; None if there is only one prediction.
    """

    picks: Seen
    drift: float | None = None


@dataclass(frozen=True, eq=False)
class Trace:
    """A bounded number of the rows that a query was chosen from, for ``alkit.doctor``.

    Attributes:
        candidates: the number of candidates.
        sample: candidates drawn uniformly, picked or not; None if none was predicted.
        scores: ``(M,)`` scores of the sample's rows; None if the selector uses no scores.
        tied: the number of candidates, picked or not, with the score of the lowest pick.
        constant: terms of the criterion, or the whole criterion, that gave all candidates the same
            score.
        unreachable: the number of candidates that a selector with random draws could not pick.
        look_again: function that predicts the picks again, or returns None if the model has
            changed. None if there is nothing to predict. Not pickled.
        declared: the part that declared the meaning of the outputs, in words.
    """

    candidates: int = 0
    sample: Seen | None = None
    scores: np.ndarray | None = None
    tied: int = 0
    constant: tuple[str, ...] = ()
    unreachable: int = 0
    look_again: Callable[[], SecondLook | None] | None = field(default=None, repr=False)
    declared: str = ""

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "look_again": None}  # the function holds the model


def drawn(total: int, seed: int) -> Tensor:
    """Draw at most 1,000 of ``total`` rows, uniformly, in random order.

    Cost: O(1,000), or O(N) below 50,000.
    """
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.choice(total, size=min(ROWS, total), replace=False))


def see(prediction: Prediction, rows: Tensor) -> Seen:
    """Keep the given rows of a prediction, in random order, up to the memory limit."""
    return _seen(prediction, _affordable(rows, prediction).sort().values)


class Watch:
    """Collector of some rows of a stream of predictions. Cost: O(log 1,000) per candidate.

    Args:
        ids: ids of the samples to keep, in random order.
    """

    def __init__(self, ids: Tensor) -> None:
        self._ids = ids
        self._parts: list[Seen] = []
        self._started = False

    def look(self, prediction: Prediction) -> None:
        """Keep the watched rows of the next chunk."""
        if not self._started:
            self._ids = _affordable(self._ids, prediction).sort().values
            self._started = True
        ids = prediction.ids.cpu()
        places = torch.searchsorted(self._ids, ids).clamp_(max=len(self._ids) - 1)
        rows = (self._ids[places] == ids).nonzero().flatten()
        if len(rows):
            self._parts.append(_seen(prediction, rows))

    @property
    def seen(self) -> Seen | None:
        """Rows kept so far; None if there are none."""
        return joined(self._parts) if self._parts else None


def scale_of(whole: Tensor) -> float:
    """Range of values, or a thousandth of their size if larger, since rounding can be as large."""
    low, high = whole.aminmax()
    return max(float(high - low), 1e-3 * max(abs(float(low)), abs(float(high))))


def difference(scale: float, first: Tensor, second: Tensor) -> float:
    """Largest difference between two predictions of the same rows, as a share of a scale."""
    largest = float((first - second).abs().amax())
    return largest / scale if scale else float(largest > 0)


def _affordable(ids: Tensor, prediction: Prediction) -> Tensor:
    """Shorten a list of ids to the memory limit, given the size of a row."""
    kept = _seen(prediction, slice(1)).prediction
    nbytes = sum(rows.nbytes for rows in (kept.outputs, kept.features) if rows is not None)
    return ids[: max(1, NBYTES // max(1, nbytes))]


def _seen(whole: Prediction, rows: Tensor | slice) -> Seen:
    if whole.owners is not None:
        return _of_rows(whole, rows)
    part = whole[rows]
    outputs, features = part.outputs, part.features
    features = None if features is None else features.cpu()
    if outputs is None:
        return Seen(replace(part, ids=part.ids.cpu(), features=features), 0, 0.0)
    kind: OutputKind = "values" if part.task == "regression" else "probabilities"
    each = {
        "multiclass": lambda: part.probabilities,
        "multilabel": lambda: part.label_probabilities,
        "regression": lambda: outputs,
    }[part.task]()
    mean, spread = each, 0.0
    if each.shape[1] > 1 and len(each):
        mean = each.mean(1, keepdim=True)
        spread = float((each - each[:, :1]).abs().amax())
    return Seen(
        unchecked(part.ids.cpu(), mean.cpu(), kind, features, part.task),
        each.shape[1],
        spread,
        part.kind,
        part.kind == "logits" and look_like_probabilities(outputs, part.task, least=1),
        f"{outputs.shape[-1]} labels" if part.task == "multilabel" else "",
    )


def _of_rows(whole: Prediction, samples: Tensor | slice) -> Seen:
    """Means over some rows of each of some samples, evenly spaced; no others are copied."""
    every, ids = whole.sizes, whole.ids[samples].cpu()
    at = samples.to(every.device) if isinstance(samples, Tensor) else samples
    sizes, first = every[at], (every.cumsum(0) - every)[at]
    count = sizes.clamp(max=OF_A_SAMPLE)
    owners = torch.arange(len(sizes), device=sizes.device).repeat_interleave(count)
    place = torch.arange(len(owners), device=sizes.device)
    place = place - (count.cumsum(0) - count)[owners]
    places = first[owners] + place * sizes[owners] // count[owners]
    seen = _seen(whole.rows(), places.to(whole.ids.device))
    each = seen.prediction.outputs[:, 0].to(owners.device)  # type: ignore[index]
    mean = each.new_zeros(len(sizes), each.shape[1]).index_add_(0, owners, each)
    mean = (mean / count.clamp_min(1)[:, None])[:, None].cpu()
    features = None if whole.features is None else whole.features[at].cpu()
    prediction = unchecked(ids, mean, "values", features, "regression")
    return replace(seen, prediction=prediction, unit=whole.unit, bare=int((sizes == 0).sum()))


def joined(parts: Sequence[Seen]) -> Seen:
    """Join the rows of several parts, in the order of their ids."""
    predictions = [part.prediction for part in parts]
    ids = torch.cat([prediction.ids for prediction in predictions])
    rows = {
        name: torch.cat([getattr(prediction, name) for prediction in predictions])
        for name in ("outputs", "features")
        if getattr(predictions[0], name) is not None
    }
    whole = replace(predictions[0], ids=ids, **rows)
    return replace(
        parts[0],
        prediction=whole[ids.argsort()],
        spread=max(part.spread for part in parts),
        bare=sum(part.bare for part in parts),
        like_probabilities=len(ids) >= FEW and all(part.like_probabilities for part in parts),
    )
