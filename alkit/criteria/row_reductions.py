"""Reductions of the scores of a sample's rows to one score."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from alkit.arguments import check_number
from alkit.errors import ConfigurationError, ScoreError, likely

Reduction = Callable[[Tensor, Tensor], Tensor]


class TopShare:
    """Mean of the highest scores of a sample, a share of its rows, at least one: ``(N,)``.

    ``share=1`` is the mean. Cost: O(M log M).

    Args:
        share: share of the rows, in (0, 1].

    Raises:
        ConfigurationError: ``share`` is not a number in (0, 1].
    """

    def __init__(self, share: float) -> None:
        check_number("share", share, "a number in (0, 1]", lambda number: 0 < number <= 1)
        self.share = float(share)

    def __call__(self, scores: Tensor, sizes: Tensor) -> Tensor:
        exact = sizes.double() * (self.share * (1 - 1e-12))  # 60 % of 25 are 15, not 15.000001
        count = exact.ceil().clamp_min(1).long()
        top = table(scores, sizes, -torch.inf).topk(int(count.max()), dim=1).values
        places = torch.arange(top.shape[1], device=top.device)
        top = top.masked_fill(places >= count[:, None], 0)
        return (top.sum(1, dtype=torch.float64) / count).to(scores.dtype)

    def __repr__(self) -> str:
        return f"TopShare({self.share!r})"


class Count:
    """Number of rows with a score above a bound, ``(N,)``. Cost: O(M).

    Args:
        above: bound of the scores.

    Raises:
        ConfigurationError: ``above`` is not a finite number.
    """

    def __init__(self, above: float = 0.5) -> None:
        check_number("above", above, "a finite number", lambda _: True)
        self.above = float(above)

    def __call__(self, scores: Tensor, sizes: Tensor) -> Tensor:
        return table((scores > self.above).to(scores.dtype), sizes, 0).sum(1)

    def __repr__(self) -> str:
        return f"Count(above={self.above!r})"


def mean(scores: Tensor, sizes: Tensor) -> Tensor:
    """Mean over the rows of each sample; a sum of unequal numbers of rows is in float64."""
    rows = table(scores, sizes, 0)
    if rows.numel() == len(scores):
        return rows.mean(1)
    return (rows.sum(1, dtype=torch.float64) / sizes).to(scores.dtype)


def total(scores: Tensor, sizes: Tensor) -> Tensor:
    """Sum over the rows of each sample."""
    return table(scores, sizes, 0).sum(1, dtype=torch.float64).to(scores.dtype)


def highest(scores: Tensor, sizes: Tensor) -> Tensor:
    """Largest score of each sample's rows."""
    return table(scores, sizes, -torch.inf).amax(1)


NAMED: dict[str, Reduction] = {"mean": mean, "max": highest, "sum": total}


class _Function:
    """A function of the scores ``(m,)`` of one sample."""

    def __init__(self, function: Callable[[Tensor], Any]) -> None:
        self.function = function

    def __call__(self, scores: Tensor, sizes: Tensor) -> Tensor:
        values = [self._number(each) for each in scores.split(sizes.tolist())]
        return torch.stack([value.reshape(()).to(scores) for value in values])

    def _number(self, scores: Tensor) -> Tensor:
        """Reduced scores of one sample, a real number.

        Raises:
            ScoreError: the function returns anything else.
        """
        got, value = self.function(scores), None
        try:
            value = torch.as_tensor(got)
        except (TypeError, ValueError, RuntimeError):
            came = type(got).__name__
        else:
            came = str(value.dtype) if value.numel() == 1 else f"the shape {tuple(value.shape)}"
        if value is None or value.numel() != 1 or value.is_complex():
            raise ScoreError(
                f"{self!r} must reduce the scores (m,) of a sample to one number, got {came}."
            )
        return value

    def __repr__(self) -> str:
        return getattr(self.function, "__name__", None) or repr(self.function)


def as_reduction(reduce: object) -> tuple[Reduction, str]:
    """A reduction and its name in a formula.

    Raises:
        ConfigurationError: it is neither a name, a reduction nor a function.
    """
    if isinstance(reduce, str) and reduce in NAMED:
        return NAMED[reduce], reduce
    if isinstance(reduce, TopShare | Count):
        return reduce, repr(reduce)
    if callable(reduce) and not isinstance(reduce, type):
        function = _Function(reduce)
        return function, repr(function)
    hint = likely(reduce, [*NAMED]) if isinstance(reduce, str) else "."
    raise ConfigurationError(
        f'reduce must be "mean", "max", "sum", TopShare(share), Count(above), or a function of the '
        f"scores (m,) of a sample, got {reduce!r}{hint}"
    )


def table(scores: Tensor, sizes: Tensor, fill: float) -> Tensor:
    """Scores ``(M,)``, sorted by sample, as ``(N, S)``: a row per sample, filled up at its end.

    S is the largest number of rows of a sample. No copy where all have as many.
    """
    width = int(sizes.max()) if len(sizes) else 0
    if len(scores) == width * len(sizes):
        return scores.view(len(sizes), width)
    places = torch.arange(width, device=scores.device) < sizes[:, None]
    return scores.new_full(places.shape, fill).masked_scatter_(places, scores)
