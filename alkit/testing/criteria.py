"""The laws of a criterion."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

from alkit.criteria import Criterion, as_criterion, check_scores
from alkit.prediction import Prediction
from alkit.testing.laws import broken, check_unchanged, contents, global_random_state_kept, run


def check_criterion(
    criterion: Criterion | Callable[[Prediction], Tensor], *, uncertainty: bool = True
) -> None:
    """Check a criterion against the laws, on predictions that are valid but awkward.

    One finite float score a candidate without a gradient, also for one-hot and underflowing
    predictions, one candidate, one column, several posterior samples; repeatable; input and
    global random state left alone; independent of the order of candidates; row by row, or
    declared as looking at other rows and then the same in chunks, through its terms.

    Args:
        criterion: an instance, or a plain function of a prediction.
        uncertainty: whether it measures the uncertainty of ``mean_probabilities``: then uniform
            predictions must outrank certain ones, whatever the order of the classes.

    Raises:
        LawError: the law, the prediction, what came, and what it means.
    """
    criterion = as_criterion(criterion)
    for on, prediction in _predictions():
        scores = _check_call(criterion, on, prediction)
        _check_order(criterion, on, prediction, scores)
        _check_chunks(criterion, on, prediction, scores)
    if uncertainty:
        for classes in (2, 3, 10):
            _check_direction(criterion, classes)
            _check_class_order(criterion, classes)


def _predictions() -> Iterator[tuple[str, Prediction]]:
    generator = torch.Generator().manual_seed(12)

    def randn(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    def with_features(outputs: Tensor, kind: str = "logits") -> Prediction:
        n = len(outputs)
        ids = torch.randperm(10 * n, generator=generator)[:n]
        return Prediction(outputs, ids, kind, features=randn(n, 2))  # type: ignore[arg-type]

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
        broken(law, criterion, on, came, "a row's score depends on where the row stands.")


def _check_chunks(criterion: Criterion, on: str, prediction: Prediction, scores: Tensor) -> None:
    law = "terms computed in chunks and combined once give the whole"
    compute = _by_terms
    if criterion.row_by_row:
        law, compute = "a criterion is row by row, or says row_by_row = False", _by_rows
    for size in (4, 3, 1):
        chunks = [prediction[start : start + size] for start in range(0, len(prediction), size)]
        parts = run(criterion, f"{on}, in chunks of {size}", partial(compute, criterion, chunks))
        if not _same(scores, parts):
            came = f"{scores} for the whole, and {parts} in chunks of {size}"
            means = (
                "its scores look at other rows, and change with the chunk size. Put what looks "
                "at all rows into combine, as Rank does."
            )
            broken(law, criterion, on, came, means)


def _by_rows(criterion: Criterion, chunks: list[Prediction]) -> Tensor:
    return torch.cat([criterion(chunk) for chunk in chunks])


def _by_terms(criterion: Criterion, chunks: list[Prediction]) -> Tensor:
    terms = (
        torch.cat([check_scores(term, term.score(chunk), chunk) for chunk in chunks])
        for term in criterion.terms
    )
    return criterion.combine(*terms)


def _check_direction(criterion: Criterion, classes: int) -> None:
    uniform = torch.full((1, classes), 1 / classes)
    prediction = Prediction(torch.cat([torch.eye(classes), uniform]), kind="probabilities")
    on = f"the {classes} one-hot predictions and a uniform one"
    scores = run(criterion, on, lambda: criterion(prediction))
    if not scores[-1] > scores[:-1].max():
        law, came = "a uniform prediction outranks a certain one", f"{scores}, the uniform last"
        broken(law, criterion, on, came, "it picks what the model is sure of. Higher is wanted.")


def _check_class_order(criterion: Criterion, classes: int) -> None:
    outputs = torch.randn(7, classes, generator=torch.Generator().manual_seed(classes))
    on = f"logits (7, {classes}), and the same with the classes in another order"
    scores, turned = (
        run(criterion, on, lambda columns=columns: criterion(Prediction(columns)))
        for columns in (outputs, outputs.roll(1, dims=-1))
    )
    if not _same(scores, turned):
        law = "uncertainty does not depend on the order of the classes"
        broken(law, criterion, on, f"{scores}, {turned}", "it prefers classes by position.")


def _same(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and torch.allclose(a, b, rtol=1e-4, atol=1e-5)
