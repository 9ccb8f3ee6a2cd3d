"""Laws for every leaf of the family, collected from its ``__all__``."""

import pytest
import torch
from pretended_gpu import GPU, on_gpu, pretended

import alkit as al
from alkit import criteria
from alkit.criteria import Context
from alkit.errors import AlkitError
from alkit.testing import check_criterion
from alkit.testing.criteria import _predictions
from alkit.testing.structured import structured_predictions

# criteria that need arguments are listed here; all others are called without
EXAMPLES = {
    "Rank": [criteria.Rank(criteria.Margin())],
    "ZScore": [criteria.ZScore(criteria.Entropy())],
    "MinMax": [criteria.MinMax(criteria.Ratio())],
    "Minimum": [criteria.Minimum(criteria.Margin(), criteria.Ratio(), 0.9)],
    "Maximum": [criteria.Maximum(criteria.Margin(), criteria.Ratio(), 0.1)],
    "Schedule": [criteria.Schedule([0.5]) * criteria.Margin()],
    "Energy": [criteria.Energy(), criteria.Energy(2.5)],
    "ExpectedGradientLength": [
        criteria.ExpectedGradientLength(),
        criteria.ExpectedGradientLength(bias=False),
    ],
    "ExpectedImprovement": [
        criteria.ExpectedImprovement(0.5),
        criteria.ExpectedImprovement(0.5, maximize=False),
    ],
    "Each": [
        criteria.Each(criteria.Margin()),
        criteria.Each(criteria.Entropy(), "max"),
        criteria.Each(2 * criteria.Ratio() + criteria.Entropy(), "sum", empty=-1),
        criteria.Each(criteria.LeastConfidence(), criteria.TopShare(0.3)),
        criteria.Each(lambda p: criteria.Margin()(p), lambda scores: scores.median()),
    ],
    "Tempered": [
        criteria.Tempered(criteria.Entropy(), 2.5),
        criteria.Tempered(criteria.Margin() + criteria.Rank(criteria.Ratio()), 0.5),
    ],
    "UpperConfidenceBound": [criteria.UpperConfidenceBound(2)],
    "Thompson": [criteria.Thompson(), criteria.Thompson(4)],
    "HeadScore": [
        criteria.HeadScore(torch.nn.Sequential(torch.nn.BatchNorm1d(2), torch.nn.Linear(2, 1)))
    ],
}
# uniform predictions need not outrank certain ones: a constant score, disagreement, or a head
NOT_UNCERTAINTY = {"Constant", "BALD", "VoteEntropy", "MeanStd", "HeadScore"}
KINDS = {
    "Energy": "logits",
    "ExpectedImprovement": "values",
    "Thompson": "values",
    "UpperConfidenceBound": "values",
    "RegressionBALD": "values",
    "Variance": "values",
}
ABSTRACT = {"Composite", "Criterion", "Transform"}
OF_ONE_SHAPE = {"EPIG", "CoreMSE", "ClassWeight"}  # in their own tests


def _leaves():
    for name in criteria.__all__:
        value = getattr(criteria, name)
        if not isinstance(value, type) or not issubclass(value, criteria.Criterion):
            continue
        if name not in ABSTRACT | OF_ONE_SHAPE:
            for example in EXAMPLES.get(name) or [value()]:
                yield pytest.param(example, name not in NOT_UNCERTAINTY, KINDS.get(name), id=name)


@pytest.mark.parametrize(("criterion", "uncertainty", "kind"), list(_leaves()))
def test_every_criterion_satisfies_the_laws(criterion, uncertainty, kind):
    check_criterion(criterion, uncertainty=uncertainty, kind=kind)


@pytest.mark.parametrize(
    "formula",
    [
        al.Margin() + al.Entropy(),
        2 * al.Margin() - al.criteria.Constant(1),
        al.Rank(al.Margin()) + 0.5 * al.Rank(al.Entropy()),
        1 - al.criteria.ZScore(-al.Margin()) / 3,
        al.Rank(al.criteria.MinMax(al.Ratio()) + al.LeastConfidence()),
        al.Margin() / (al.Entropy() + 1),
        criteria.Schedule([2, 1]) * al.Rank(al.Margin()) + criteria.BALD(),
        criteria.Minimum(al.Rank(al.Margin()), 0.7) - criteria.Maximum(-al.Ratio(), -0.5),
    ],
    ids=repr,
)
def test_every_formula_satisfies_the_laws(formula):
    check_criterion(formula)


@pytest.mark.parametrize(
    "formula",
    [
        criteria.Each(criteria.BALD(), "max"),
        criteria.Each(criteria.Margin(), criteria.Count(above=0.9)),
        criteria.Rank(criteria.Each(criteria.Entropy(), "sum")) - criteria.Margin(),
        criteria.Tempered(criteria.Each(criteria.Entropy(), "max"), 2.0),
        criteria.Each(criteria.Tempered(criteria.Entropy(), 2.0)),
    ],
    ids=repr,
)
def test_every_formula_of_rows_satisfies_the_laws(formula):
    check_criterion(formula, uncertainty=False)


def test_a_formula_of_values_satisfies_the_laws():
    formula = al.Rank(criteria.UpperConfidenceBound(1)) + 0.1 * criteria.Variance()
    check_criterion(formula, kind="values")


@pytest.mark.parametrize(("criterion", "uncertainty", "kind"), list(_leaves()))
def test_every_criterion_scores_the_same_on_a_gpu(criterion, uncertainty, kind):
    criterion, scored = criterion.at(Context(0)), 0
    for on, prediction in [*_predictions(), *structured_predictions()]:
        try:
            expected = criterion(prediction)
        except AlkitError:  # a kind of output that it refuses
            continue
        with pretended():
            scores = criterion(on_gpu(prediction))
            assert scores.device == GPU
            assert torch.allclose(scores.cpu(), expected, rtol=1e-4, atol=1e-5), on
        scored += 1
    assert scored
