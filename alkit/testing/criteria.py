"""Laws of a criterion."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import chain

import torch
from torch import Tensor

from alkit.criteria import Context, Criterion, as_criterion, check_scores, scores_of
from alkit.errors import AlkitError, ConfigurationError, NonFiniteError, likely
from alkit.prediction import KINDS, OutputKind, Prediction
from alkit.testing.laws import broken, check_unchanged, contents, global_random_state_kept, run
from alkit.testing.structured import (
    ranked_predictions,
    structured_predictions,
    turned_predictions,
)


def check_criterion(
    criterion: Criterion | Callable[[Prediction], Tensor],
    *,
    uncertainty: bool = True,
    kind: OutputKind | None = None,
) -> None:
    """Check a criterion against the laws, on valid but unusual predictions.

    A criterion returns one finite float score per candidate, without a gradient, also for one-hot
    and underflowing predictions, a single candidate, a single column and several posterior samples.
    It is repeatable, changes neither its input nor global random state, and does not depend on the
    order of the candidates, nor on their ids, by which labels could be looked up. It scores row by
    row, or declares that it depends on other rows; then its terms, computed in chunks, must give
    the same scores. One that measures disagreement gets at least two posterior samples. All
    predictions have features ``(N, 2)``. The same holds for samples that have any number of rows,
    such as pixels, tokens, boxes or independent labels, unless the criterion refuses them by an
    error of alkit.

    Args:
        criterion: instance, or plain function of a prediction; checked as it is in round 0.
        uncertainty: True if it measures the uncertainty of ``mean_probabilities``: then uniform
            predictions must outrank certain ones, whatever the order of the classes, and so must a
            sample whose rows are uniform. Ignored for values.
        kind: kind of outputs, such as ``"values"`` (of one target), if the criterion supports only
            one kind. Default: every kind of class outputs.

    Raises:
        LawError: a broken law; the error states the law, the prediction, the result and its
            consequence.
        ConfigurationError: the argument is not a criterion, or the kind is unknown.
    """
    if kind is not None and kind not in KINDS:
        raise ConfigurationError(f"there is no kind {kind!r}{likely(str(kind), KINDS)}")
    criterion = as_criterion(criterion).at(Context(0))
    for on, prediction in chain(_predictions(), structured_predictions()):
        if prediction.kind != kind and (kind is not None or prediction.kind == "values"):
            continue
        prediction = _enough_samples(criterion, prediction)
        if prediction.unit and _refuses(criterion, prediction):
            continue
        scores = _check_call(criterion, on, prediction)
        _check_order(criterion, on, prediction, scores)
        _check_ids(criterion, on, prediction, scores)
        _check_chunks(criterion, on, prediction, scores)
    if uncertainty and kind != "values":
        for classes in (2, 3, 10):
            _check_direction(criterion, classes, kind or "probabilities")
            if kind in (None, "logits"):
                _check_class_order(criterion, classes)
        for on, prediction in ranked_predictions(kind or "probabilities"):
            if not _refuses(criterion, prediction):
                _check_last(criterion, prediction, f"{on}, certain in all samples but the last")


def _predictions() -> Iterator[tuple[str, Prediction]]:
    generator = torch.Generator().manual_seed(12)

    def randn(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    def with_features(outputs: Tensor, kind: OutputKind = "logits") -> Prediction:
        n = len(outputs)
        ids = torch.randperm(10 * n, generator=generator)[:n]
        return Prediction(outputs, ids, kind, features=randn(n, 2))

    mixed = torch.tensor([[1, 0, 0], [0.5, 0.5, 0], [0.25, 0.25, 0.5], [0, 1, 0]])
    steep = torch.tensor([[110.0, 0, 0], [1e4, 0, -1e4], [0, 0, 0], [1, 2, 300]])
    yield "logits (9, 3)", with_features(randn(9, 3))
    yield "logits of K = 5 posterior samples (9, 5, 4)", with_features(randn(9, 5, 4))
    yield "logits that underflow, such as (110, 0, 0)", with_features(steep)
    yield "one-hot probabilities", with_features(torch.eye(3), "probabilities")
    yield "probabilities with exact zeros and ones", with_features(mixed, "probabilities")
    yield "log-probabilities of minus infinity", with_features(mixed.log(), "log_probabilities")
    yield "two classes", with_features(randn(6, 2))
    binary = torch.tensor([[-200.0], [-1], [0], [2], [200]])
    yield "one column of logits (binary)", with_features(binary)
    yield "one column of K = 3 logits (binary)", with_features(randn(6, 3, 1))
    yield "one candidate", with_features(randn(1, 4))
    yield "candidates that are all equal", with_features(torch.zeros(6, 3))
    yield "logits in float16", with_features(randn(6, 3).half())
    yield "logits in float64", with_features(randn(6, 3).double())
    yield "logits with gaps in memory", with_features(randn(4, 5, 6).permute(2, 1, 0)[::2])
    yield "logits that require a gradient", with_features(randn(6, 3).requires_grad_())
    tied = randn(6, 1, 1).expand(6, 4, 1)
    spaced = randn(3, 5, 6).permute(2, 1, 0)[::2, :, :1]
    yield "values of K = 5 posterior samples (9, 5, 1)", with_features(randn(9, 5, 1), "values")
    yield "values of one sample (9, 1, 1)", with_features(randn(9, 1, 1), "values")
    yield "values of samples that agree", with_features(tied, "values")
    yield "values that are all equal", with_features(torch.zeros(6, 3, 1), "values")
    yield "values around 10,000", with_features(1e4 + randn(6, 3, 1), "values")
    yield "values of one candidate", with_features(randn(1, 3, 1), "values")
    yield "values in float16", with_features(randn(6, 3, 1).half(), "values")
    yield "values in float64", with_features(randn(6, 3, 1).double(), "values")
    yield "values with gaps in memory", with_features(spaced, "values")
    normals = Prediction.regression(randn(9, 3, 1), randn(9, 3, 1).exp(), samples=True)
    yield "K = 3 normal distributions", replace(normals, features=randn(9, 2))


def _refuses(criterion: Criterion, prediction: Prediction) -> bool:
    """True if a criterion raises an error of alkit, other than for scores that are not finite."""
    try:
        criterion(prediction)
    except NonFiniteError:
        return False
    except AlkitError:
        return True
    except Exception:  # reported by the check itself
        return False
    return False


def _enough_samples(criterion: Criterion, prediction: Prediction) -> Prediction:
    """The prediction, with its one sample twice if the criterion measures disagreement."""
    outputs = prediction.outputs
    if outputs is None or outputs.shape[1] > 1 or not any(t.disagreement for t in criterion.terms):
        return prediction
    return replace(prediction, outputs=outputs.repeat(1, 2, 1))


def _check_call(criterion: Criterion, on: str, prediction: Prediction) -> Tensor:
    before = contents(prediction)
    with global_random_state_kept(criterion, on):
        scores = run(criterion, on, lambda: criterion(prediction))
        check_unchanged(criterion, on, before, prediction)
        again = run(criterion, on, lambda: criterion(prediction))
    run(criterion, on, lambda: check_scores(criterion, scores, prediction))
    if scores.requires_grad:
        law = "scores carry no gradient"
        broken(law, criterion, on, "requires_grad=True", "a graph would stay in memory.")
    if not scores.equal(again):
        law, came = "the same prediction has the same scores", f"{scores} and then {again}"
        broken(law, criterion, on, came, "it keeps a state or draws random numbers.")
    return scores


def _check_order(criterion: Criterion, on: str, prediction: Prediction, scores: Tensor) -> None:
    reverse = prediction[torch.arange(len(prediction)).flip(0)]
    backwards = run(criterion, on, lambda: criterion(reverse)).flip(0)
    if not _same(scores, backwards):
        law = "scores do not depend on the order of the candidates"
        came = f"{scores}, and {backwards} for the same candidates in reverse"
        broken(law, criterion, on, came, "a row's score depends on its position.")


def _check_ids(criterion: Criterion, on: str, prediction: Prediction, scores: Tensor) -> None:
    """Check under the ids of a small, a usual and a large dataset; equal to the bit."""
    rows = torch.arange(len(prediction))
    for ids in (rows, rows.flip(0), prediction.ids.roll(1), 59_999 - 7 * rows):
        renamed = replace(prediction, ids=ids)
        again = run(criterion, f"{on}, with the ids {ids.tolist()}", partial(criterion, renamed))
        if not scores.equal(again):
            law = "scores do not depend on the ids of the candidates"
            came = f"{scores}, and {again} for the same outputs with the ids {ids.tolist()}"
            means = "it looks something up by id, such as labels that were not paid for."
            broken(law, criterion, on, came, means)


def _check_chunks(criterion: Criterion, on: str, prediction: Prediction, scores: Tensor) -> None:
    law = "terms computed in chunks and combined once give the scores of the whole"
    compute = _by_terms
    if criterion.row_by_row:
        law, compute = "a criterion is row by row, or declares row_by_row = False", _by_rows
    for size in (4, 3, 1):
        chunks = [prediction[start : start + size] for start in range(0, len(prediction), size)]
        parts = run(criterion, f"{on}, in chunks of {size}", partial(compute, criterion, chunks))
        if not _same(scores, parts):
            came = f"{scores} for the whole, and {parts} in chunks of {size}"
            means = (
                "its scores depend on other rows, and change with the chunk size. Move what "
                "needs all rows into combine, as Rank does."
            )
            broken(law, criterion, on, came, means)


def _by_rows(criterion: Criterion, chunks: list[Prediction]) -> Tensor:
    return torch.cat([criterion(chunk) for chunk in chunks])


def _by_terms(criterion: Criterion, chunks: list[Prediction]) -> Tensor:
    terms = (torch.cat([scores_of(term, chunk) for chunk in chunks]) for term in criterion.terms)
    return criterion.combine(*terms)


def _check_direction(criterion: Criterion, classes: int, kind: OutputKind) -> None:
    p = torch.cat([torch.eye(classes), torch.full((1, classes), 1 / classes)])
    outputs = {"logits": 30 * p, "log_probabilities": p.log()}.get(kind, p)
    prediction = Prediction(outputs, kind=kind, features=torch.ones(len(p), 2))
    _check_last(criterion, prediction, f"the {classes} one-hot predictions and a uniform one")


def _check_last(criterion: Criterion, prediction: Prediction, on: str) -> None:
    prediction = _enough_samples(criterion, prediction)
    scores = run(criterion, on, lambda: criterion(prediction))
    if not scores[-1] > scores[:-1].max():
        law, came = "a uniform prediction outranks a certain one", f"{scores}, the uniform last"
        broken(law, criterion, on, came, "it prefers sure predictions. Higher is queried first.")


def _check_class_order(criterion: Criterion, classes: int) -> None:
    outputs = torch.randn(7, classes, generator=torch.Generator().manual_seed(classes))
    features = torch.linspace(-1, 1, 14).view(7, 2)
    rows = [Prediction(z, features=features) for z in (outputs, outputs.roll(1, dims=-1))]
    for of, (one, other) in (("", rows), (" of pixels", turned_predictions(classes))):
        if of and _refuses(criterion, one):
            continue
        on = f"logits{of}, {classes} classes, and the same with the classes in another order"
        scores, turned = (
            run(criterion, on, lambda p=p: criterion(_enough_samples(criterion, p)))
            for p in (one, other)
        )
        if not _same(scores, turned):
            law = "uncertainty does not depend on the order of the classes"
            broken(law, criterion, on, f"{scores}, {turned}", "it prefers classes by position.")


def _same(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and torch.allclose(a, b, rtol=1e-4, atol=1e-5)
