import pytest

import alkit as al
from alkit.criteria import Context, HeadScore
from alkit.errors import ConfigurationError


@pytest.mark.parametrize(
    ("criterion", "what"),
    [
        (al.EPIG(), "predictions of other samples"),
        (al.criteria.Tempered(al.Entropy()), "held out"),
        (HeadScore("discriminator"), "'discriminator'"),
    ],
    ids=repr,
)
def test_what_only_a_strategy_has_is_an_error_elsewhere(criterion, what):
    for formula in (criterion, 2 * al.Rank(criterion) + al.Rank(al.Margin())):
        with pytest.raises(ConfigurationError, match=f"{what}.*only a strategy has"):
            formula.at(Context())


def test_without_a_seed_contexts_differ():
    assert Context().seed != Context().seed


def test_a_criterion_that_needs_nothing_is_itself():
    for criterion in (al.Margin(), al.Rank(al.Margin()) + 0.5 * al.Rank(al.Entropy())):
        assert criterion.at(Context(3)) is criterion
