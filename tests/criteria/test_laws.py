"""The laws over every leaf of the family, collected from its ``__all__``."""

import pytest

import alkit as al
from alkit import criteria
from alkit.testing import check_criterion

# what needs arguments, or is no measure of uncertainty, is listed here; all else is called bare
EXAMPLES = {
    "Rank": [criteria.Rank(criteria.Margin())],
    "ZScore": [criteria.ZScore(criteria.Entropy())],
    "MinMax": [criteria.MinMax(criteria.Ratio())],
}
NOT_UNCERTAINTY = {"Constant"}
ABSTRACT = {"Composite", "Criterion", "Transform"}


def _leaves():
    for name in criteria.__all__:
        value = getattr(criteria, name)
        if isinstance(value, type) and name not in ABSTRACT:
            for example in EXAMPLES.get(name) or [value()]:
                yield pytest.param(example, name not in NOT_UNCERTAINTY, id=name)


@pytest.mark.parametrize(("criterion", "uncertainty"), list(_leaves()))
def test_every_criterion_keeps_the_laws(criterion, uncertainty):
    check_criterion(criterion, uncertainty=uncertainty)


@pytest.mark.parametrize(
    "formula",
    [
        al.Margin() + al.Entropy(),
        2 * al.Margin() - al.Constant(1),
        al.Rank(al.Margin()) + 0.5 * al.Rank(al.Entropy()),
        1 - al.ZScore(-al.Margin()) / 3,
        al.Rank(al.MinMax(al.Ratio()) + al.LeastConfidence()),
        al.Margin() / (al.Entropy() + 1),
    ],
    ids=repr,
)
def test_every_formula_keeps_the_laws(formula):
    check_criterion(formula)
