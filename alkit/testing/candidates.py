"""Candidates of many kinds, valid but unusual, for the laws of selectors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Generator, Tensor

from alkit.prediction import Prediction
from alkit.selectors import Candidates, FixedRows, Selector
from alkit.selectors.fixed import fixed_needs

WEIGHT = torch.tensor([[1.0, 0.0, -1.0], [0.5, -1.0, 0.0]])


def examples_for(selector: Selector) -> Iterator[tuple[str, Candidates]]:
    """Candidates of many kinds; with at least two posterior samples where a selector needs them."""
    for on, candidates in _all():
        candidates = with_fixed(candidates, selector)
        yield on, with_enough_samples(candidates) if selector.disagreement else candidates


def _all() -> Iterator[tuple[str, Candidates]]:
    generator = Generator().manual_seed(5)
    scores, rows = torch.rand(12, generator=generator), torch.randn(12, 2, generator=generator)
    known, pairs = torch.randn(4, 2, generator=generator), torch.arange(6).repeat(2)
    samples = _head(rows)[:, None] + torch.randn(12, 5, 3, generator=generator)
    ones, zeros, equal = torch.ones(12), torch.zeros(12), torch.ones(12, 2)
    gaps = torch.cat([rows, -rows], dim=1)[:, :2]
    yield "12 candidates", candidates_of(scores, rows, known)
    yield "12 candidates, nothing annotated", candidates_of(scores, rows)
    yield "6 candidates that come twice each", candidates_of(scores[pairs], rows[pairs], known)
    yield "12 candidates, equal scores", candidates_of(ones, rows, known)
    yield "12 candidates, scores of zero", candidates_of(zeros, rows, known)
    yield "12 equal candidates", candidates_of(ones, equal)
    yield "12 candidates equal to what is annotated", candidates_of(ones, equal, equal)
    yield "one candidate", candidates_of(scores[:1], rows[:1], known)
    yield "12 candidates in float64", candidates_of(scores.double(), rows.double(), known.double())
    yield "features in float16", candidates_of(scores, rows.half(), known.half())
    yield "features with gaps in memory", candidates_of(scores, gaps, known.T.contiguous().T)
    yield "K = 5 posterior samples", candidates_of(scores, rows, known, samples)


def _head(features: Tensor) -> Tensor:
    dtype = torch.promote_types(features.dtype, WEIGHT.dtype)
    return features.to(dtype) @ WEIGHT.to(features.device, dtype)


def candidates_of(
    scores: Tensor, features: Tensor, known: Tensor | None = None, outputs: Tensor | None = None
) -> Candidates:
    outputs = _head(features)[:, None] if outputs is None else outputs
    prediction = Prediction(outputs, 3 + 7 * torch.arange(len(scores)), features=features)
    if known is None:
        return Candidates(scores, prediction, head=_head)
    theirs = _head(known)[:, None].expand(-1, outputs.shape[1], -1)
    annotated = Prediction(theirs, 99 - 7 * torch.arange(len(known)), features=known)
    return Candidates(scores, prediction, annotated, torch.arange(len(known)) % 3, _head)


def with_enough_samples(candidates: Candidates) -> Candidates:
    """The candidates, with two posterior samples that differ in place of one."""
    prediction = candidates.prediction
    outputs = None if prediction is None else prediction.outputs
    if prediction is None or outputs is None or outputs.shape[1] > 1:
        return candidates
    two = torch.cat([outputs, 1.5 * outputs], 1)
    prediction = replace(prediction, outputs=two)
    return replace(candidates, prediction=prediction, annotated=None, labels=None)


def with_fixed(candidates: Candidates, selector: Selector) -> Candidates:
    """The candidates, with their features as those that do not change with training."""
    ours, theirs = candidates.prediction, candidates.annotated
    spaces = fixed_needs(selector.needs)
    if not spaces or ours is None or ours.features is None:
        return candidates
    known = (
        {} if theirs is None or theirs.features is None else dict.fromkeys(spaces, theirs.features)
    )
    return replace(candidates, fixed=FixedRows(dict.fromkeys(spaces, ours.features), known))
