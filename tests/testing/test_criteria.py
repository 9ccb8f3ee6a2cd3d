"""The kit rejects criteria that break a law, and names the law."""

import random

import numpy as np
import pytest
import torch

import alkit as al
from alkit.criteria import Each
from alkit.criteria.row_reductions import mean
from alkit.errors import ConfigurationError, PredictionError
from alkit.testing import LawError, check_criterion


def margin(prediction):
    first, second = prediction.mean_probabilities.topk(2, dim=-1).values.unbind(-1)
    return 1 - (first - second)


def inverted_entropy(prediction):
    return -al.Entropy()(prediction)


def entropy_that_is_nan_at_zero(prediction):
    p = prediction.mean_probabilities
    return -(p * p.log()).sum(-1)


def undeclared_z_score(prediction):
    scores = margin(prediction)
    return (scores - scores.mean()) / (scores.std(correction=0) + 1e-9)


def undeclared_centering(prediction):
    return margin(prediction) - margin(prediction).mean()


def in_place_on_probabilities(prediction):
    prediction.mean_probabilities.sub_(0.1)
    return margin(prediction)


def in_place_on_features(prediction):
    prediction.features.zero_()
    return margin(prediction)


def noisy(prediction):
    return margin(prediction) + torch.rand(len(prediction), generator=GENERATOR)


GENERATOR = torch.Generator().manual_seed(0)


def globally_noisy(prediction):
    return margin(prediction) + torch.rand(len(prediction))


def seeding_torch(prediction):
    torch.manual_seed(0)
    return margin(prediction)


def drawing_from_numpy(prediction):
    np.random.rand()  # noqa: NPY002
    return margin(prediction)


def drawing_from_random(prediction):
    random.random()
    return margin(prediction)


def one_column_too_many(prediction):
    return margin(prediction)[:, None]


def squeezed(prediction):
    return margin(prediction).squeeze()


def integers(prediction):
    return margin(prediction).long()


def first_class(prediction):
    p = prediction.mean_probabilities
    return margin(prediction) + 0.1 * p[:, 0]


def by_position(prediction):
    return margin(prediction) + torch.arange(len(prediction))


LABELS = torch.arange(1000) % 3


def by_label(prediction):
    return margin(prediction) + 0.5 * LABELS[prediction.ids % 1000]


def by_label_a_little(prediction):
    """Breaks ties by the label, among the ids of its own dataset alone."""
    known = prediction.ids < 1000
    return margin(prediction) + 1e-6 * torch.where(known, LABELS[prediction.ids % 1000], 0)


def from_a_table(prediction):
    """Fails for samples of another dataset."""
    return margin(prediction) + LABELS[prediction.ids]


def two_columns_only(prediction):
    assert prediction.outputs.shape[-1] > 1
    return margin(prediction)


class Counting(al.Criterion):
    calls = 0

    def score(self, prediction):
        self.calls += 1
        return margin(prediction) + self.calls


class DeclaredButNotSplit(al.Criterion):
    row_by_row = False

    def score(self, prediction):
        return undeclared_centering(prediction)


class WithGradient(al.Criterion):
    weight = torch.ones((), requires_grad=True)

    def score(self, prediction):
        return margin(prediction)

    def __call__(self, prediction):
        return self.weight * margin(prediction)


class Unchecked(al.Criterion):
    def __call__(self, prediction):
        return entropy_that_is_nan_at_zero(prediction)


@pytest.mark.parametrize(
    ("criterion", "message"),
    [
        (inverted_entropy, "uniform prediction outranks"),
        (al.criteria.Constant(1), "uniform prediction outranks"),
        (entropy_that_is_nan_at_zero, "NaN or infinite"),
        (Unchecked(), "NaN or infinite"),
        (undeclared_z_score, "row by row, or declares row_by_row = False"),
        (undeclared_centering, "row by row, or declares row_by_row = False"),
        (DeclaredButNotSplit(), "in chunks and combined once"),
        (in_place_on_probabilities, "input is left unchanged.*\n.*\n.*mean_probabilities"),
        (in_place_on_features, "input is left unchanged.*\n.*\n.*features"),
        (noisy, "same prediction has the same scores"),
        (Counting(), "same prediction has the same scores"),
        (globally_noisy, "global random state.*\n.*\n.*torch"),
        (seeding_torch, "global random state.*\n.*\n.*torch"),
        (drawing_from_numpy, "global random state.*\n.*\n.*numpy"),
        (drawing_from_random, "global random state.*\n.*\n.*random"),
        (one_column_too_many, r"got the shape \(9, 1\)"),
        (squeezed, r"got the shape \(\)"),
        (integers, "got torch.int64"),
        (first_class, "order of the classes"),
        (by_position, "order of the candidates"),
        (by_label, "do not depend on the ids of the candidates"),
        (by_label_a_little, "do not depend on the ids of the candidates"),
        (from_a_table, "do not depend on the ids of the candidates"),
        (two_columns_only, "one column of logits"),
        (WithGradient(), "no gradient"),
    ],
    ids=lambda value: value if isinstance(value, str) else repr(value),
)
def test_a_faulty_criterion_is_rejected_with_its_law(criterion, message):
    with pytest.raises(LawError, match=message) as caught:
        check_criterion(criterion)
    assert repr(al.criteria.as_criterion(criterion)) in str(caught.value)
    assert all(line in str(caught.value) for line in ("\n  on: ", "\n  got: ", "\n  means: "))


def test_an_unknown_kind_is_refused_with_the_likely_one():
    with pytest.raises(ConfigurationError, match=r"no kind 'logit'\. Did you mean 'logits'"):
        check_criterion(margin, kind="logit")
    with pytest.raises(ConfigurationError, match=r"Did you mean Margin\(\)"):
        check_criterion(al.Margin)


def test_a_sound_function_passes():
    check_criterion(margin)


def test_a_criterion_that_is_not_an_uncertainty_may_rank_freely():
    check_criterion(inverted_entropy, uncertainty=False)
    check_criterion(first_class, uncertainty=False)
    with pytest.raises(LawError, match="row by row"):
        check_criterion(undeclared_z_score, uncertainty=False)


def mean_value(prediction):
    assert prediction.kind == "values"
    return prediction.outputs.mean((1, 2))


def largest_logit(prediction):
    assert prediction.kind == "logits"
    if prediction.unit:
        raise PredictionError("one row of exclusive classes per sample is needed.")
    return -prediction.outputs.mean(1).amax(-1)


def test_a_criterion_for_one_kind_of_outputs_is_checked_on_that_kind():
    check_criterion(mean_value, kind="values")
    check_criterion(largest_logit, kind="logits")
    for criterion in (mean_value, largest_logit):
        with pytest.raises(LawError, match="every valid input has a valid result"):
            check_criterion(criterion)
    with pytest.raises(LawError, match="uniform prediction outranks"):
        check_criterion(lambda p: -largest_logit(p), kind="logits")


@pytest.mark.parametrize(
    ("criterion", "kind", "message"),
    [
        (
            lambda p: mean_value(p) / p.outputs.std(1, correction=0)[:, 0],
            "values",
            "NaN or infinite",
        ),
        (lambda p: mean_value(p) - mean_value(p).mean(), "values", "row by row"),
        (lambda p: largest_logit(p) + 0.1 * p.outputs[:, 0, 0], "logits", "order of the classes"),
    ],
)
def test_a_faulty_criterion_of_one_kind_is_rejected(criterion, kind, message):
    with pytest.raises(LawError, match=message):
        check_criterion(criterion, kind=kind)


def test_a_formula_is_checked_as_it_is_in_round_zero():
    check_criterion(al.criteria.Schedule([0.5]) * al.Margin())
    with pytest.raises(LawError, match="uniform prediction outranks"):
        check_criterion(al.criteria.Schedule([-1, 1]) * al.Margin())


def test_every_prediction_has_features():
    check_criterion(lambda p: margin(p) + 0 * p.features.sum(1).to(margin(p).dtype))


def test_seeding_with_the_callers_own_seed_is_caught_too():
    before = torch.get_rng_state()
    try:
        torch.manual_seed(0)
        with pytest.raises(LawError, match="global random state"):
            check_criterion(seeding_torch)
    finally:
        torch.set_rng_state(before)


@pytest.mark.parametrize("criterion", [margin, globally_noisy, drawing_from_numpy])
def test_the_kit_leaves_the_callers_random_state_as_it_was(criterion):
    def state():
        return torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate()  # noqa: NPY002

    before = state()
    try:
        check_criterion(criterion)
    except LawError:
        assert criterion is not margin
    assert state() == before


def test_a_broken_law_is_an_assertion_error_for_test_runners():
    assert issubclass(LawError, AssertionError)


@pytest.mark.parametrize(
    ("reduce", "law"),
    [
        (
            lambda scores, sizes: scores[: len(sizes)],
            "order of the candidates|row by row",
        ),
        (lambda scores, sizes: mean(scores, sizes) + len(sizes), "row by row"),
        (lambda scores, sizes: mean(scores, sizes) / (sizes > 1), "finite|NaN"),
    ],
)
def test_a_faulty_reduction_of_rows_is_rejected(reduce, law):
    criterion = Each(al.Margin())
    criterion._reduction = reduce
    with pytest.raises(LawError, match=law):
        check_criterion(criterion)


def test_a_criterion_may_refuse_samples_with_several_rows():
    check_criterion(lambda p: al.Margin()(p) if not p.unit else p.mean_probabilities.amax(1))


class OfRows(al.Criterion):
    """Sound for one row per sample; a formula of the rows of samples with several."""

    scores_rows = False

    def __init__(self, name, formula):
        self.name, self.formula = name, formula

    def score(self, prediction):
        if not prediction.unit:
            return margin(prediction)
        rows = prediction.rows()
        owners = torch.arange(len(prediction)).repeat_interleave(prediction.sizes)
        return self.formula(margin(rows), owners, prediction)

    def __repr__(self):
        return self.name


def own(scores, owners, prediction):
    total = torch.zeros(len(prediction)).index_add(0, owners, scores.float())
    return total / prediction.sizes.clamp_min(1)


def as_regular(scores, owners, prediction):
    n = len(prediction)
    regular = n and len(scores) and len(scores) % n == 0
    return scores.view(n, -1).mean(1).float() if regular else own(scores, owners, prediction)


def by_the_longest(scores, owners, prediction):
    total = torch.zeros(len(prediction)).index_add(0, owners, scores.float())
    return total / max(int(prediction.sizes.max()), 1)


def by_class(scores, owners, prediction):
    return own(scores + 0.1 * prediction.rows().mean_probabilities[:, 0], owners, prediction)


def in_place(scores, owners, prediction):
    prediction.rows().outputs.mul_(1.01)
    return own(scores, owners, prediction)


def by_place(scores, owners, prediction):
    return own(scores * torch.arange(len(scores)), owners, prediction)


@pytest.mark.parametrize(
    ("name", "formula", "law"),
    [
        ("owners shifted", lambda s, o, p: own(s, (o + 1) % len(p), p), "order of the candidates"),
        ("mean of the chunk", lambda s, o, p: 0 * own(s, o, p) + s.mean(), "NaN|row by row"),
        ("padded to the longest", by_the_longest, "row by row"),
        ("as if regular", as_regular, "order of the candidates|row by row"),
        ("place in the chunk", by_place, "order of the candidates|row by row"),
        ("ids", lambda s, o, p: own(s, o, p) + p.ids % 7, "ids of the candidates"),
        ("in place", in_place, "input is left unchanged"),
        ("inverted", lambda s, o, p: -own(s, o, p), "uniform prediction outranks"),
        ("constant", lambda s, o, p: torch.zeros(len(p)), "uniform prediction outranks"),
        ("first class", by_class, "order of the classes"),
        ("division by none", lambda s, o, p: own(s, o, p) / (p.sizes > 0), "NaN|finite"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_criterion_that_is_wrong_of_rows_alone_is_rejected(name, formula, law):
    with pytest.raises(LawError, match=law):
        check_criterion(OfRows(name, formula))


def test_a_sound_criterion_of_rows_passes():
    check_criterion(OfRows("mean", own))
    check_criterion(OfRows("constant", lambda s, o, p: torch.zeros(len(p))), uncertainty=False)


def test_a_function_that_takes_independent_labels_for_classes_is_rejected():
    def exclusive(prediction):
        return margin(al.Prediction(prediction.outputs, kind="logits"))

    with pytest.raises(LawError, match=r"uniform prediction outranks(.|\n)*independent labels"):
        check_criterion(exclusive, kind="logits")
